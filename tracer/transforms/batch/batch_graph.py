"""Batching: from one example's graph to the graph of a whole batch of them.

>>> batched, mapped = batch(graph, [True, False], size=32)
>>> graph.outputs[0].specs, batched.outputs[0].specs
((scalar f64,), (f64[32],))

Each node's rule is found by its op's name, else by its schema. Where there is no rule, or the rule
can't serve the call, the node is computed for one example after the other and stacked: slow, but
never wrong. What is the same for all examples is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.spec import ArraySpec, array_spec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.ops.memory import viewed
from tracer.transforms.batch.batched import RULES, SCHEMAS, Batch, Batched, Unbatchable
from tracer.transforms.batch.regions import REGIONS

for _chapter in "elementwise reduction shape joining products indexing".split():
    import_module(f"tracer.transforms.batch.{_chapter}")

# What a rule may stumble over when a call is not of the form that it knows.
REFUSALS = (Unbatchable, TypeError, ValueError, IndexError, KeyError, AttributeError)


# Ops whose value is a list, however many arrays it has, and those that take one of them.
LISTS = frozenset(
    "split array_split hsplit vsplit dsplit unstack meshgrid broadcast_arrays".split()
)
ITEMS = (registry.ITEM, registry.GETITEM)

Fill = dict[Node, Callable[[Builder], Symbol]]


def batch(
    graph: CalcGraph,
    mapped: Sequence[bool],
    size: int,
    wanted: Sequence[bool] = (),
    fill: Fill | None = None,
) -> tuple[CalcGraph, list[bool]]:
    """The graph of ``size`` examples at once.

    Parameters
    ----------
    graph : CalcGraph
        Of one example.
    mapped : sequence of bool
        For each input, whether it differs from example to example: then its new shape has the
        batch in front.
    size : int
    wanted : sequence of bool, optional
        For each output, whether it must carry the batch even if all examples share it.
    fill : dict, optional
        From a mapped input to a function that builds its batch, so that it is no input any more.

    Returns
    -------
    graph : CalcGraph
        A guard on mapped values holds where all examples take the branch of the first.
    mapped : list of bool
        For each output, whether it carries the batch.

    Raises
    ------
    Unbatchable
        If examples have results of unequal shape, or random draws, or write to what they share.
    """
    run = _Run(graph, mapped, size, fill or {})
    for node in graph.order:
        if node not in run.values:
            run.step(node)
        run.guard(node)
    return run.finish(wanted)


class _Run:
    """One batching: the new value of each node."""

    def __init__(self, graph: CalcGraph, mapped: Sequence[bool], size: int, fill: Fill):
        self.graph = graph
        self.builder = Builder()
        self.context = Batch(self.builder, size)
        self.size = size
        self.values: dict[Node, Any] = {}  # Symbol or Batched, or a tuple of them
        # Nodes whose value is a list, even if it has one element: np.split(x, 1).
        self.lists = {node for node in graph.order if node.op.name in LISTS or len(node.specs) > 1}
        self.guards: dict[Guard, Guard] = {}
        self.guarded: dict[Node, list[Guard]] = {}
        for guard in graph.guards:
            self.guarded.setdefault(guard.node, []).append(guard)
        for node, flag in zip(graph.inputs, mapped, strict=True):
            spec = node.specs[0]
            if node in fill:
                continue
            if not flag:
                self.builder.append(node)
                self.values[node] = Symbol(self.builder, node)
                continue
            whole = array_spec((size, *spec.shape), spec.dtype)
            self.values[node] = Batched(self.builder.input(whole, node.name), spec)
        self.inputs = tuple(self.builder.nodes)
        for node, build in fill.items():
            self.values[node] = Batched(build(self.builder), node.specs[0])

    def step(self, node: Node) -> None:
        """Append what computes the node for all examples."""
        operands = [self.values[operand] for operand in node.inputs]
        if node.inputs and node.inputs[0] in self.lists and node.op in ITEMS:
            self.values[node] = operands[0][node.params.args[1]]
            return
        if not any(_is_mapped(x) for x in operands):
            self._shared(node, operands)
            return
        if not node.op.is_pure:
            raise Unbatchable("random numbers")
        self.context.node = node
        self.builder.origin, self.builder.context = node.origin, node.context
        mark = len(self.builder.nodes)
        try:
            made = self._by_rule(node, operands)
        except REFUSALS:
            del self.builder.nodes[mark:]
            made = self._one_by_one(node, operands)
        several = made if isinstance(made, (tuple, list)) else (made,)
        results = tuple(
            [
                Batched(value, spec) if type(value) is Symbol and not node.regions else value
                for value, spec in zip(several, node.specs, strict=True)
            ]
        )
        self._name(node, results)
        self.values[node] = results if node in self.lists else results[0]
        self.builder.origin = self.builder.context = None

    def _name(self, node: Node, results: tuple) -> None:
        if node.name and len(results) == 1 and type(results[0]) is Batched:
            made = results[0].symbol.node
            made.name = made.name or node.name

    def _shared(self, node: Node, operands: list[Any]) -> None:
        """What no mapped value goes into stays as it is."""
        inputs = tuple([symbol.node for symbol in operands])
        new = node if inputs == node.inputs else node.replace(inputs=inputs)
        self.builder.append(new)
        several = self._outputs(node, new)
        self.values[node] = several if node in self.lists else several[0]

    def _outputs(self, node: Node, made: Node) -> tuple[Symbol, ...]:
        """The values of a node that stands for ``node``."""
        if node not in self.lists:
            return (Symbol(self.builder, made),)
        return tuple([_item(self.builder, made, k) for k in range(len(node.specs))])

    def _by_rule(self, node: Node, operands: list[Any]) -> Any:
        region = REGIONS.get(node.op)
        if region is not None:
            return region(self.context, operands, batch)
        if node.regions:
            raise Unbatchable(f"no rule for {node.op.name}")
        rule = RULES.get(node.op.name) or SCHEMAS.get(node.op.schema.kind)
        if rule is None:
            raise Unbatchable(f"no rule for {node.op.name}")
        args, kwargs = node.params.fill(operands)
        made = rule(self.context, *args, **kwargs)
        if type(made) is Symbol and node in self.lists:
            made = self._outputs(node, made.node)
        several = made if isinstance(made, tuple) else (made,)
        for symbol, spec in zip(several, node.specs, strict=True):
            if symbol.dtype != spec.dtype or not _fits(symbol.shape, (self.size, *spec.shape)):
                raise Unbatchable(f"{symbol.spec} instead of a batch of {spec}")
            _name_sizes(symbol, (self.size, *spec.shape))
        return made

    def _one_by_one(self, node: Node, operands: list[Any]) -> Any:
        """The node for each example, stacked."""
        if not all(spec.is_static for spec in node.specs):
            raise Unbatchable("results whose size depends on values")
        rows: list[list[Symbol]] = [[] for _ in node.specs]
        for number in range(self.size):
            own = tuple([_example(x, number).node for x in operands])
            one = self.builder.append(node.replace(inputs=own, name=""))
            for row, symbol in zip(rows, self._outputs(node, one), strict=True):
                row.append(symbol)
        stacked = tuple(
            [
                Batched(self._stacked(row, spec), spec)
                for row, spec in zip(rows, node.specs, strict=True)
            ]
        )
        return stacked if len(stacked) > 1 else stacked[0]

    def _stacked(self, row: list[Symbol], spec: ArraySpec) -> Symbol:
        if row:
            return np.stack(row)
        kwargs = {"dtype": spec.dtype}
        return self.builder.emit(registry.op_of(np.zeros), ((0, *spec.shape),), kwargs)

    # -- results ----------------------------------------------------------------------------
    def finish(self, wanted: Sequence[bool]) -> tuple[CalcGraph, list[bool]]:
        """The graph, when all nodes have been seen."""
        guards = [self.guards[guard] for guard in self.graph.guards]
        effects = [self._effect(effect) for effect in self.graph.effects]
        ends: list[Node] = []
        flags = []
        taken: set[Node] = set(self.inputs)
        for k, output in enumerate(self.graph.outputs):
            value = self.values[output]
            if wanted and wanted[k]:
                value = Batched(_own(self.context.full(value), taken), output.specs[0])
            flags.append(type(value) is Batched)
            ends.append(value.symbol.node if type(value) is Batched else value.node)
        batched = self.graph.replace(
            inputs=self.inputs,
            order=self.builder.nodes,
            outputs=ends,
            guards=guards,
            effects=effects,
            records=(),
        )
        return batched, flags

    def guard(self, node: Node) -> None:
        """The guards of a node, as early as its value exists."""
        for guard in self.guarded.get(node, ()):
            self.guards[guard] = self._for_all(guard)

    def _for_all(self, guard: Guard) -> Guard:
        """A guard that holds where all examples take one branch."""
        value = self.values[guard.node]
        if type(value) is Symbol:
            return Guard(value.node, guard.outcome, guard.kind, guard.origin)
        if type(value) is tuple or guard.kind == "raises":
            raise Unbatchable("an error of one example")
        node = value.symbol.node
        if guard.kind == "dtype":
            return Guard(node, guard.outcome, guard.kind, guard.origin)
        self.builder.origin = guard.origin
        if type(guard.outcome) is bool and node.specs[0].dtype.kind == "b":
            alike: Any = (np.all if guard.outcome else np.any)(value.symbol)
            return Guard(alike.node, guard.outcome, "equals", guard.origin)
        alike = np.all(value.symbol == guard.outcome)
        return Guard(alike.node, True, "equals", guard.origin)

    def _effect(self, effect: Effect) -> Effect:
        """A write goes to each example's own array; a shared one would see them in turn."""
        target, value = self.values[effect.target], self.values[effect.value]
        if type(target) is not Batched:
            raise Unbatchable("writes to an array that the examples share")
        whole = self.context.full(value)
        return Effect(effect.kind, target.symbol.node, whole.node)


def _is_mapped(value: Any) -> bool:
    return type(value) is Batched or (
        type(value) is tuple and any(type(part) is Batched for part in value)
    )


def _item(builder: Builder, node: Node, number: int) -> Symbol:
    """One element of a node's list."""
    params, specs = Params((HOLES[0], number)), (node.specs[number],)
    return Symbol(builder, builder.append(Node(registry.ITEM, (node,), params, specs, node.origin)))


def _example(x: Any, number: int) -> Symbol:
    """One example's operand, with the kind that it has there."""
    if type(x) is not Batched:
        return x
    one = x.symbol[number]
    if x.spec.kind == "weak":
        spec = (x.spec,)
        return one.builder.emit(registry.PYTHON_SCALAR, (one,), None, "method", specs=spec)
    return one


def _own(result: Symbol, taken: set[Node]) -> Symbol:
    """A result in memory of its own, as stacking gives it: not an input's, not another result's."""
    base = result.node
    while (operand := viewed(base)) is not None:
        base = operand
    if base in taken or base.op is registry.CONSTANT or result.node.op.name == "broadcast_to":
        result = np.copy(result)
        base = result.node
    taken.add(base)
    return result


def _fits(shape: tuple, expected: tuple) -> bool:
    """Whether shapes agree, as far as run-time sizes let that be seen."""
    return len(shape) == len(expected) and all(
        a is b or a == b or type(a) is not int for a, b in zip(shape, expected, strict=True)
    )


def _name_sizes(symbol: Symbol, expected: tuple) -> None:
    """Run-time sizes are those of the example's own result."""
    if symbol.shape != expected:
        node = symbol.node
        node.specs = (node.specs[0].with_shape(expected),)


def one_by_one(graph: CalcGraph, mapped: Sequence[bool], size: int, fill: Fill) -> CalcGraph:
    """The graph with its mapped part written once for each example, and the outputs stacked.

    For graphs with nodes that no rule can batch; every mapped input must be filled.
    """
    builder = Builder([node for node, flag in zip(graph.inputs, mapped, strict=True) if not flag])
    inputs = tuple(builder.nodes)
    rows: dict[Node, list[Node]] = {}
    for node, build in fill.items():
        whole = build(builder)
        rows[node] = [whole[number].node for number in range(size)]
    for node in graph.order:
        if node in rows or node in inputs:
            continue
        if not any(operand in rows for operand in node.inputs):
            builder.append(node)
            continue
        rows[node] = [
            builder.append(
                node.replace(
                    inputs=tuple(
                        [
                            rows[operand][number] if operand in rows else operand
                            for operand in node.inputs
                        ]
                    )
                )
            )
            for number in range(size)
        ]
    ends = []
    for output in graph.outputs:
        row = rows.get(output, [output] * size)
        if row:
            symbols: Any = [Symbol(builder, node) for node in row]
            stacked: Any = np.stack(symbols)
            ends.append(stacked.node)
        else:
            spec = output.specs[0]
            kwargs = {"dtype": spec.dtype}
            zeros = registry.op_of(np.zeros)
            ends.append(builder.emit(zeros, ((0, *spec.seen_shape),), kwargs).node)
    guards = [
        Guard(node, guard.outcome, guard.kind, guard.origin)
        for guard in graph.guards
        for node in rows.get(guard.node, [guard.node])
    ]
    return graph.replace(
        inputs=inputs, order=builder.nodes, outputs=ends, guards=guards, records=()
    )
