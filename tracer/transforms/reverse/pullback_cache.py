"""Pullbacks by rules that have run before: for a call that is run once, each runs once per kind.

>>> pull_back_cached(builder, node, ct, active)        # contributions; None: the rule must run
>>> cached = cached_pullback(node, ct.spec, active)    # the same, to run on values

A loop that is traced a hundred times over meets the same few ops on the same few specs. What a
rule makes of one of them is kept: the nodes that it appends, with numbers for their operands. The
rule has then run on inputs of unknown origin, so that rewrites which look at what made an operand
are left out: the numbers mean the same, and may differ in the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.errors import TracerError
from tracer.graph.node import Hole, Node, Params
from tracer.graph.op import Op
from tracer.graph.reach import needed
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import rule_for
from tracer.transforms.reverse.cotangents import QUIET, Masked, map_values
from tracer.transforms.reverse.pullback import PULLBACKS, pull_back

LIMIT = 5_000
NUMBERS = frozenset({int, float, bool})
SILENT = tuple(sorted(QUIET))  # the context of steps whose bad values a mask drops


@dataclass(frozen=True, slots=True, eq=False)
class PullbackStep:
    """One node to append; ``sources`` number the operands, the output, the cotangent, the steps."""

    op: Op
    params: Params
    specs: tuple[ArraySpec, ...]
    spelling: str
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CachedPullback:
    """The nodes of one pullback, and which of all numbers go to which slot.

    Attributes
    ----------
    steps : tuple of PullbackStep
    contributions : tuple of (slot, cotangent)
        Numbers stand in the cotangents for values: an int is a dense one.
    is_plain : bool
        Whether no contribution is masked, and no step has a context of its own.
    alive : tuple
        What the key names by identity: as long as it lives no other takes its place.
    reads : tuple of int
        The numbers of operands, or of the output, whose values are read.
    calls : tuple of (function, sources)
        The steps as they are run on values.
    """

    steps: tuple[PullbackStep, ...]
    contributions: tuple[tuple[int, Any], ...]
    is_plain: bool
    alive: tuple[Any, ...]
    reads: tuple[int, ...]
    calls: tuple[tuple[Callable[..., Any], tuple[int, ...]], ...]


_CACHE: dict[tuple, CachedPullback | None] = {}


def pull_back_cached(
    builder: Builder, node: Node, ct: Any, active: Any
) -> list[tuple[int, Any]] | None:
    """Contributions to the active operands of ``node``; None where the rule must run."""
    if type(ct) is not Symbol:
        return None
    cached = cached_pullback(node, ct.node.specs[0], active)
    if cached is None or not cached.is_plain:
        return None
    values = [*node.inputs, node, ct.node]
    origin, context, nodes = builder.origin, builder.context, builder.nodes
    for step in cached.steps:
        operands = tuple([values[number] for number in step.sources])
        made = Node(step.op, operands, step.params, step.specs, origin, "", step.spelling, context)
        nodes.append(made)
        values.append(made)
    return [(slot, Symbol(builder, values[number])) for slot, number in cached.contributions]


def cached_pullback(node: Node, ct: ArraySpec | Masked, active: Any) -> CachedPullback | None:
    """How a cotangent like ``ct`` is pulled back through ``node``; None if it is no plain steps.

    In place of its values, ``ct`` has their specs. A masked one's conditions are operands that
    follow its value.
    """
    op, inputs = node.op, node.inputs
    if op in PULLBACKS:
        return None
    call = _call_key(node.params)
    rule = rule_for(op)
    if call is None or rule is None:
        return None
    declared = rule.pulls[-1] if rule.pulls else rule.definition  # a new declaration is another
    kind: Any = id(ct)
    if type(ct) is Masked:
        kind = (id(ct.value), ct.loud, *[(id(condition), keep) for condition, keep in ct.masks])
    result = id(node.specs[0])
    operands: Any
    if len(inputs) == 2:  # most often
        left, right = inputs
        operands = id(left.specs[0]), left in active, id(right.specs[0]), right in active
    else:
        operands = tuple([(id(operand.specs[0]), operand in active) for operand in inputs])
    key = (rule, declared, node.spelling, call, kind, result, operands)
    cached = _CACHE.get(key, False)
    if cached is False:
        if len(_CACHE) > LIMIT:
            _CACHE.clear()
        wanted = tuple([operand in active for operand in inputs])
        cached = _CACHE[key] = _run_rule(node, ct, wanted)
    return cached or None


def _call_key(params: Params) -> tuple | None:
    """What the template of a call means; None where equal keys could mean different bits."""
    if params._flat:
        return ()
    if params.kwargs:
        return params.key()
    key: list[Any] = []
    for argument in params.args:
        kind = type(argument)
        if kind is Hole:
            key.append(argument)
        elif kind in NUMBERS:
            if kind is float and (argument == 0 or argument != argument):
                return None  # -0.0 is 0.0, and nan is never found again
            key.append(kind)
            key.append(argument)
        else:
            return params.key()
    return tuple(key)


def _run_rule(
    node: Node, ct: ArraySpec | Masked, wanted: tuple[bool, ...]
) -> CachedPullback | None:
    """The rule run on inputs with the same specs; None if what it gives is not plain nodes."""
    builder = Builder()
    operands = [builder.input(operand.specs[0]) for operand in node.inputs]
    cotangent = map_values(builder.input, ct)
    given = [symbol.node for symbol in _parts(cotangent)]
    specs = [node.specs[0], *[made.specs[0] for made in builder.nodes]]
    if not all([spec.is_static for spec in specs]) or any(
        [operand.op is registry.CONSTANT for operand in node.inputs]
    ):
        return None
    stand_in = node.replace(inputs=tuple([symbol.node for symbol in operands]), context=None)
    active = {symbol.node for symbol, flag in zip(operands, wanted, strict=True) if flag}
    first = len(builder.nodes)
    try:
        found = list(pull_back(builder, stand_in, cotangent, active))
    except TracerError:  # told of the node itself, with the user's line
        return None
    made = builder.nodes[first:]
    if not all([type(value) in (Symbol, Masked) for _, value in found]) or any(
        [step.context not in (None, SILENT) or step.regions or len(step.specs) > 1 for step in made]
    ):
        return None
    return _numbered(stand_in, given, made, found, (node.params, *specs))


def _parts(ct: Any) -> list[Symbol]:
    """The Symbols that a cotangent is made of: its value, then its conditions."""
    return [ct.value, *[condition for condition, _ in ct.masks]] if type(ct) is Masked else [ct]


def _numbered(
    node: Node,
    cotangent: list[Node],
    made: list[Node],
    found: list[tuple[int, Any]],
    alive: tuple[Any, ...],
) -> CachedPullback:
    """The nodes that a contribution depends on, in order, with numbers for operands."""
    wanted = needed(made, [symbol.node for _, value in found for symbol in _parts(value)])
    operands = [*node.inputs, node]
    reads = tuple([number for number, operand in enumerate(operands) if operand in wanted])
    numbers = {given: number for number, given in enumerate([*operands, *cotangent])}
    steps, calls = [], []
    is_plain = all([type(value) is Symbol for _, value in found])
    for new in made:
        if new in wanted:
            sources = tuple([numbers[operand] for operand in new.inputs])
            numbers[new] = len(numbers)
            steps.append(PullbackStep(new.op, new.params, new.specs, new.spelling, sources))
            is_plain = is_plain and new.context is None
            call = _function_of(steps[-1])
            calls.append((call if new.context is None else _silenced(call), sources))
    contributions = tuple(
        [(slot, map_values(lambda symbol: numbers[symbol.node], value)) for slot, value in found]
    )
    return CachedPullback(tuple(steps), contributions, is_plain, alive, reads, tuple(calls))


def _silenced(call: Callable[..., Any]) -> Callable[..., Any]:
    """Without warnings of values that a mask will drop."""

    def silenced(*operands: Any) -> Any:
        with np.errstate(**dict(QUIET)):
            return call(*operands)

    return silenced


def _function_of(step: PullbackStep) -> Callable[..., Any]:
    """A function of a step's operands alone."""
    function = step.op.evaluate
    if step.spelling == "operator" and step.op.operator is not None:
        function = step.op.operator
    params = step.params
    if params._flat:
        return function
    if len(params.args) == 2 and not params.kwargs:
        left, right = params.args
        if type(left) is Hole and type(right) in NUMBERS:
            return lambda operand: function(operand, right)
        if type(left) in NUMBERS and type(right) is Hole:
            return lambda operand: function(left, operand)

    def call(*operands: Any) -> Any:
        args, kwargs = params.fill(operands)
        return function(*args, **kwargs)

    return call
