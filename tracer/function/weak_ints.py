"""Python ints that vary: from its second value on an int is an input, not a part of the program.

>>> f(x, 3)          # a program for 3
>>> f(x, 4)          # a program for every int, if the function only calculates with it
>>> f(x, 5)          # that program again

Where the function asks for the value itself, for ``range(n)``, a shape, a place or a text, each
value keeps a program of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer import settings, trees
from tracer.function.cache import Cache
from tracer.function.call_key import Call, exact_key
from tracer.function.specialization import Specialization
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import evaluate
from tracer.graph.node import is_pure
from tracer.recording.arguments import private_copy
from tracer.recording.tensor.views import overlap
from tracer.recording.trace import Trace
from tracer.recording.writeback.places import StateSnapshot, rows_of

BRANCHES = 8  # so many outcomes of conditions on it, and each value has its own program again
BOUND = 2**63


class IntHistory:
    """The ints of one signature: their first values, which have varied, which must stay static."""

    __slots__ = ("first", "static", "varied")

    def __init__(self, first: dict[int, int]):
        self.first = first
        self.varied: set[int] = set()
        self.static: set[int] = set()


def with_weak_ints(cache: Cache, call: Call) -> Call:
    """The call with ints that have varied taken from its key into its inputs."""
    leaves = call.leaves
    places = [k for k, leaf in enumerate(leaves) if type(leaf) is int and k not in call.static]
    if not places:
        return call
    general = _general(call, places)
    with cache.lock:
        history = cache.ints.get(general)
        if history is None:
            cache.ints[general] = IntHistory({k: leaves[k] for k in places})
            while len(cache.ints) > settings.current().cache_size:
                cache.ints.popitem(last=False)
            return call
        cache.ints.move_to_end(general)
        history.varied.update([k for k in places if leaves[k] != history.first[k]])
        weak = [k for k in history.varied - history.static if -BOUND <= leaves[k] < BOUND]
    if not weak:
        return call
    key = _general(call, weak)
    return Call(leaves, call.structure, call.names, key, call.static, frozenset(weak), call)


def _general(call: Call, places: list[int]) -> tuple:
    """The call's key without the values of some ints."""
    key = list(call.key)
    for k in places:
        key[1 + k] = int
    return tuple(key)


def keep_static(cache: Cache, call: Call, places: frozenset[int]) -> Call:
    """From now on each value of these ints has its own program; the call with the others."""
    assert call.plain is not None
    leaves = call.leaves
    every = [k for k, leaf in enumerate(leaves) if type(leaf) is int and k not in call.static]
    with cache.lock:
        history = cache.ints.get(_general(call.plain, every))
        if history is None:  # dropped by other calls
            return call.plain
        history.static |= places
    return with_weak_ints(cache, call.plain)


def read_places(trace: Trace, call: Call) -> frozenset[int]:
    """The weak ints of whose value, not of a condition on it, the program depends."""
    found = set()
    for place, number in enumerate(trace.dynamic):
        if number in call.weak and _is_read(trace.graph, trace.graph.inputs[place]):
            found.add(number)
    return frozenset(found)


def _is_read(graph: CalcGraph, source: Any) -> bool:
    made = {source}
    for node in graph.order:
        if any(operand in made for operand in node.inputs):
            made.add(node)
    return any(guard.node in made and type(guard.outcome) is not bool for guard in graph.guards)


def serves_every_value(
    function: Callable[..., Any], call: Call, trace: Trace, again: Callable[[], Trace]
) -> frozenset[int]:
    """The weak ints that the trace must not take for inputs; empty if it holds for all values.

    ``again`` traces the call with its ints as parts of the program, which must give the same: a
    function can tell a traced int from an int by ``type(n) is int``.
    """
    graph = trace.graph
    writes = [effect.kind == "write" for effect in graph.effects]
    if not all(writes) or not all(map(is_pure, graph.order)) or (writes and overlap(call.leaves)):
        return call.weak
    read = read_places(trace, call)
    if read:
        return read
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        same = _results(function, call, trace) == _results(function, call, again())
    return frozenset() if same else call.weak


def _results(function: Callable[..., Any], call: Call, trace: Trace) -> Any:
    """What comes of copies of the arguments, and of the arguments themselves."""
    own = [private_copy(leaf) for leaf in call.leaves]
    inputs = Specialization(trace, "exact").inputs(function, own)
    if inputs is None:
        return None
    given = trees.unflatten(call.structure, own)
    if trace.changes is None:
        values: Any = evaluate(trace.alias_graph or trace.graph, inputs)
        result = trace.outputs(trace.with_aliases(values, inputs))
    else:
        values = trace.with_aliases(evaluate(trace.changes.graph, inputs), inputs)
        saved = StateSnapshot(trace.changes.mutations, function, own)
        before = saved.now()
        result = trace.changes.apply(given, values, function, own)
        result = result, rows_of(saved.now())
        saved.fill(before)
    leaves, structure = trees.flatten((result, given))
    return structure, [exact_key(leaf) for leaf in leaves]
