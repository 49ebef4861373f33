"""Loops and branches of a batch: one loop whose carry has the batch in front.

>>> vmap(lambda x: fori_loop(0, 10, lambda i, c: c * x, x))(xs)      # one loop over arrays

A ``while`` whose condition differs between the examples runs as long as one of them goes on; the
carry of those that have finished stays. A branch that differs is taken example by example.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop, cond_params, loop_parts, stacked_spec
from tracer.graph.node import Node
from tracer.graph.spec import array_spec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.transforms.batch.batched import Batch, Batched, Unbatchable
from tracer.transforms.bodies import inline


def batch_cond(batch: Batch, operands: list[Any], batch_body: Any) -> list[Any]:
    """The branch that all examples take, batched."""
    if type(operands[0]) is Batched:
        raise Unbatchable("examples on different branches")
    node = batch.node
    flags = [type(x) is Batched for x in operands[1:]]
    wanted = [False] * len(node.specs)
    for region in node.regions:
        found = batch_body(region, flags, batch.size)[1]
        wanted = [a or b for a, b in zip(wanted, found, strict=True)]
    regions = tuple([batch_body(region, flags, batch.size, wanted)[0] for region in node.regions])
    _refuse_guards(regions)
    inputs = tuple([_symbol(x).node for x in operands])
    specs = [_spec(batch, spec, flag) for spec, flag in zip(node.specs, wanted, strict=True)]
    made = node.replace(
        inputs=inputs,
        params=cond_params(len(operands) - 1),
        specs=tuple(specs),
        regions=regions,
        name="",
    )
    return _results(batch, made, wanted)


def batch_loop(batch: Batch, operands: list[Any], batch_body: Any) -> list[Any]:
    """One loop; what it carries is mapped as far as it comes to depend on mapped values."""
    node = batch.node
    loop = Loop(node)
    first, second = len(loop.constants), len(loop.constants) + len(loop.carry)
    end = second + len(loop.sequences)
    if any(type(x) is Batched for x in operands[end:]):
        raise Unbatchable("loops of different lengths")
    flags = [type(x) is Batched for x in operands[:end]]
    _spread(loop, flags, batch_body, batch.size)
    carry = flags[first:second]
    body, rows = _body(loop, flags, batch_body, batch.size)
    regions = [body]
    if loop.condition is not None:
        inner = [False, *flags[:second]]
        condition, (differs,) = batch_body(loop.condition, inner, batch.size)
        if differs and not all(carry):
            carry = flags[first:second] = [True] * len(carry)
            body, rows = _body(loop, flags, batch_body, batch.size)
            condition = batch_body(loop.condition, [False, *flags[:second]], batch.size)[0]
        regions = [_while_any(body, condition), _any(condition)] if differs else [body, condition]
    _refuse_guards(regions)
    parts = [_given(batch, x, flag) for x, flag in zip(operands[:end], flags, strict=True)]
    parts[second:] = [
        np.moveaxis(part, 1, 0) if flag else part
        for part, flag in zip(parts[second:], flags[second:], strict=True)
    ]
    nodes = [part.node for part in parts]
    start, stop = _bounds(node, operands)
    inputs, params = loop_parts(
        nodes[:first], nodes[first:second], nodes[second:], start, stop, loop.reverse
    )
    every = [*carry, *rows]
    specs = [output.specs[0] for output in regions[0].outputs]
    count = len(carry)
    for k in range(count, len(specs)):
        specs[k] = stacked_spec(specs[k], node.specs[k].shape[0])
    for k in range(count):
        if not carry[k]:
            specs[k] = node.specs[k]
    made = node.replace(
        inputs=inputs, params=params, specs=tuple(specs), regions=tuple(regions), name=""
    )
    results = _results(batch, made, every)
    return [
        Batched(np.moveaxis(x.symbol, 1, 0), x.spec) if k >= count and type(x) is Batched else x
        for k, x in enumerate(results)
    ]


def _spread(loop: Loop, flags: list[bool], batch_body: Any, size: int) -> None:
    """Mark every carried value that depends on a mapped one, in some iteration."""
    first, second = len(loop.constants), len(loop.constants) + len(loop.carry)
    while True:
        found = batch_body(loop.body, [False, *flags], size)[1][: second - first]
        now = [a or b for a, b in zip(flags[first:second], found, strict=True)]
        if now == flags[first:second]:
            return
        flags[first:second] = now


def _body(
    loop: Loop, flags: list[bool], batch_body: Any, size: int
) -> tuple[CalcGraph, list[bool]]:
    """The batched body, and which of its rows are mapped."""
    first, second = len(loop.constants), len(loop.constants) + len(loop.carry)
    wanted = [*flags[first:second], *[False] * len(loop.rows)]
    body, found = batch_body(loop.body, [False, *flags], size, wanted)
    return body, found[second - first :]


def _while_any(body: CalcGraph, condition: CalcGraph) -> CalcGraph:
    """The body for the examples that go on; the others keep what they carry."""
    builder = Builder(body.inputs)
    inputs = [Symbol(builder, node) for node in body.inputs]
    keep = inline(builder, condition, inputs)[0]
    results = inline(builder, body, inputs)
    old = inputs[len(inputs) - len(results) :]
    ends = []
    for before, after in zip(old, results, strict=True):
        axes = tuple(range(1, after.ndim))
        chosen = np.where(np.expand_dims(keep, axes) if axes else keep, after, before)
        ends.append(chosen.node)
    return body.replace(order=builder.nodes, outputs=ends)


def _any(condition: CalcGraph) -> CalcGraph:
    """Whether any example goes on."""
    builder = Builder(condition.order)
    found: Any = np.any(Symbol(builder, condition.outputs[0]))
    return condition.replace(order=builder.nodes, outputs=[found.node])


# -- both ---------------------------------------------------------------------------------------
def _refuse_guards(regions: Sequence[CalcGraph]) -> None:
    if any(region.guards or region.effects for region in regions):
        raise Unbatchable("a body with branches")


def _symbol(x: Any) -> Symbol:
    return x.symbol if type(x) is Batched else x


def _given(batch: Batch, x: Any, flag: bool) -> Symbol:
    """An operand, with the batch if its place in the loop is mapped."""
    if not flag:
        return x
    return x.symbol if type(x) is Batched else np.copy(batch.full(x))


def _bounds(node: Node, operands: list[Any]) -> list[Any]:
    """The loop's bounds: numbers, or nodes of the new graph."""
    told = node.params.kwargs
    return [
        operands[bound.slot].node if hasattr(bound, "slot") else bound
        for bound in (told["start"], told["stop"])
    ]


def _spec(batch: Batch, spec: Any, flag: bool) -> Any:
    return array_spec((batch.size, *spec.shape), spec.dtype) if flag else spec


def _results(batch: Batch, made: Node, flags: Sequence[bool]) -> list[Any]:
    """The node's values: mapped or shared."""
    found = batch.builder.unpack(batch.builder.append(made))
    several = found if isinstance(found, tuple) else (found,)
    specs = batch.node.specs
    return [
        Batched(symbol, spec) if flag else symbol
        for symbol, spec, flag in zip(several, specs, flags, strict=True)
    ]


CONTROL = {registry.COND: batch_cond, registry.LOOP: batch_loop}
