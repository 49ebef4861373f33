"""A tape: the gradients of one call, from the values that its trace has left, node by node.

>>> tape = Tape(graph, values)                # a value for each input, and for most other nodes
>>> tape.gradients([0], [(graph.outputs[0], np.float64(1.0))])
[array([2., 4.])]

It is the sweep of ``reverse`` over values, for a call that no program will serve again: nothing is
written down. What a rule makes of a cotangent is cached after the first time; everything that is
not so plain is done by ``pull_back`` on Symbols, whose nodes are computed when their value is
asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import run_node
from tracer.graph.node import Hole, Node, Params, Ref, map_structure
from tracer.graph.spec import spec_of
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.recording.source.frames import interprets
from tracer.recording.tensor.tensor import is_basic
from tracer.rules.declare import ZERO, Sparse
from tracer.transforms.reverse.accumulator import Accumulator
from tracer.transforms.reverse.activity import active_nodes
from tracer.transforms.reverse.cotangents import Masked, combine, densify, map_values
from tracer.transforms.reverse.pullback import Contribution, pull_back, symbols_of
from tracer.transforms.reverse.pullback_cache import CachedPullback, cached_pullback
from tracer.transforms.reverse.shift_invariance import inert_shifts
from tracer.transforms.reverse.sweep import result_of, sweep
from tracer.transforms.reverse.write_pullbacks import pull_back_write, written_cotangent

GETITEM, SETITEM, INPUT = registry.GETITEM, registry.SETITEM, registry.INPUT
EMPTY = Params()


class NotKept(Exception):
    """A draw was written over: it can't be computed again."""


class Tape:
    """Pulls cotangents back through a graph whose values are known.

    Parameters
    ----------
    graph : CalcGraph
        Without regions.
    values : dict of Node
        At least those of the inputs and of what was drawn at random.
    """

    def __init__(self, graph: CalcGraph, values: dict[Node, Any]):
        self.graph = graph
        self.values = values
        self.active: set[Node] = set()
        self.builder = Builder()
        self.symbols: dict[int, Symbol] = {}  # of conditions, whose values ``values`` keeps

    def gradients(self, wrt: Sequence[int], seeds: Iterable[tuple[Node, Any]]) -> list[Any]:
        """One gradient for each input in ``wrt``, given the cotangents of some outputs.

        Raises
        ------
        MissingRule
            If an op on the way has no derivative rule.
        """
        graph = self.graph
        leaves = [graph.inputs[number] for number in wrt]
        active = self.active = active_nodes(graph.order, leaves) - inert_shifts(graph)
        cotangents: dict[Node, Any] = {}
        for output, seed in seeds:
            if output in active:
                cotangents.setdefault(output, []).append(seed)
        sweep(None, graph.order[len(graph.inputs) :], active, cotangents, self._pull)
        return self._unshared([self._gradient(leaf, cotangents.get(leaf)) for leaf in leaves])

    # -- values ------------------------------------------------------------------------------
    def value(self, node: Node) -> Any:
        """The value of a node of the graph, or of one that a rule has made.

        Raises
        ------
        NotKept
            If it would have to be drawn once more.
        """
        values = self.values
        waiting = [node]
        while waiting:
            last = waiting[-1]
            if last in values:
                waiting.pop()
                continue
            missing = [operand for operand in last.inputs if operand not in values]
            if missing:
                waiting += missing
                continue
            if not last.op.is_pure:
                raise NotKept
            values[last] = run_node(last, [values[operand] for operand in last.inputs])
            waiting.pop()
        return values[node]

    def _symbol(self, value: Any) -> Symbol:
        """A Symbol that has this value."""
        node = Node(INPUT, (), EMPTY, (spec_of(value),))
        self.values[node] = value
        return Symbol(self.builder, node)

    def _lifted(self, ct: Any) -> Any:
        """A cotangent of Symbols; a condition has one, by which rules know it again."""
        if type(ct) is Masked:
            for condition, _ in ct.masks:
                if id(condition) not in self.symbols:
                    self.symbols[id(condition)] = self._symbol(condition)
            masks = tuple([(self.symbols[id(condition)], keep) for condition, keep in ct.masks])
            return Masked(self._symbol(ct.value), masks, ct.loud)
        return self._symbol(ct)

    def _lowered(self, ct: Any, node: Node) -> Any:
        """A cotangent of the values that its Symbols have."""
        if type(ct) is Accumulator:
            ct = densify(self.builder, ct, node)
        return map_values(lambda s: self.value(s.node) if type(s) is Symbol else s, ct)

    # -- pullbacks ---------------------------------------------------------------------------
    def _pull(self, node: Node, ct: Any) -> Iterable[Contribution]:
        """Contributions to the operands of a node, by the shortest way that is known."""
        op = node.op
        if op is GETITEM and len(node.inputs) == 1:
            value = ct.apply() if type(ct) is Masked else ct
            return ((0, Sparse(node.params.args[1], value, None)),)
        if op is SETITEM:
            return self._pull_setitem(node, ct)
        if type(ct) is list:
            return self._pull_by_rule(node, ct)
        kind = map_values(spec_of, ct) if type(ct) is Masked else spec_of(ct)
        cached = cached_pullback(node, kind, self.active)
        if cached is None:
            return self._pull_by_rule(node, ct)
        return self._replay(node, cached, ct)

    def _pull_by_rule(self, node: Node, ct: Any) -> list[Contribution]:
        """Run the rule on Symbols, and compute what it says."""
        builder, inputs = self.builder, node.inputs
        builder.origin, builder.context = node.origin, node.context
        if type(ct) is list:
            ct = [one if one is ZERO else self._symbol(one) for one in ct]
        else:
            ct = self._lifted(ct)
        pulled = pull_back(builder, node, ct, self.active)
        found = [(slot, self._lowered(value, inputs[slot])) for slot, value in pulled]
        builder.origin = builder.context = None
        builder.nodes.clear()
        return found

    def _replay(self, node: Node, cached: CachedPullback, ct: Any) -> list[Contribution]:
        """Compute what a rule said of another cotangent like this one."""
        known, operands = self.values, (*node.inputs, node)
        values: list[Any] = [None] * len(operands)
        for number in cached.reads:
            operand = operands[number]
            values[number] = known[operand] if operand in known else self.value(operand)
        if type(ct) is Masked:
            values.append(ct.value)
            values += [condition for condition, _ in ct.masks]
        else:
            values.append(ct)
        if node.context is None:
            run_steps(node, cached.calls, values)
        else:
            with np.errstate(**dict(node.context)):
                run_steps(node, cached.calls, values)
        if cached.is_plain:
            return [(slot, values[made]) for slot, made in cached.contributions]
        return [
            (slot, values[made] if type(made) is int else map_values(values.__getitem__, made))
            for slot, made in cached.contributions
        ]

    def _pull_setitem(self, node: Node, ct: Any) -> Iterable[Contribution]:
        index = node.params.args[2]
        if type(index) is not int:
            index = map_structure(lambda leaf: self._argument(node, leaf), index)

        def received(part: Any, target: Node) -> Any:
            spec = target.specs[0]
            if is_basic(index) and part.shape == spec.shape and part.dtype == spec.dtype:
                return part
            symbols, _ = symbols_of(self.builder, node)
            made = written_cotangent(self.builder, node, self._symbol(part), symbols[2], target)
            return self._lowered(made, target)

        return pull_back_write(None, node, ct, index, self.active, received)

    def _argument(self, node: Node, leaf: Any) -> Any:
        if type(leaf) is Hole:
            return self.value(node.inputs[leaf.slot])
        return leaf.value if type(leaf) is Ref else leaf

    # -- results -----------------------------------------------------------------------------
    def _gradient(self, leaf: Node, contributions: Any) -> Any:
        """The gradient of an input, with its shape and dtype."""
        if contributions is not None:
            value, spec = densify(None, combine(None, leaf, contributions), leaf), leaf.specs[0]
            made = spec_of(value)
            if made is spec or (
                made.kind == "scalar" != spec.kind
                and spec.shape == ()
                and spec.kind != "array"
                and made.dtype == spec.dtype
            ):
                return value
            contributions = [self._symbol(value)]
        return self.value(result_of(self.builder, leaf, contributions).node)

    def _unshared(self, gradients: list[Any]) -> list[Any]:
        """Copy a gradient that is memory of the caller's, of the trace's, or of another one."""
        if not any([isinstance(gradient, np.ndarray) for gradient in gradients]):
            return gradients
        values = self.values.values()
        seen = {id(v if v.base is None else _root(v)) for v in values if type(v) is np.ndarray}
        result = []
        for gradient in gradients:
            if isinstance(gradient, np.ndarray) and (
                gradient.base is not None or id(gradient) in seen
            ):
                gradient = gradient.copy()
            seen.add(id(gradient))
            result.append(gradient)
        return result


@interprets
def run_steps(node: Node, calls: Sequence[tuple[Any, tuple[int, ...]]], values: list[Any]) -> None:
    """Append the value of each step; ``node`` says where, should one of them warn."""
    for function, sources in calls:
        values.append(function(*[values[number] for number in sources]))


def _root(array: np.ndarray) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
