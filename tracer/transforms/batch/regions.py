"""Nodes with regions: the body is batched, and stays a body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node, Params, hole
from tracer.graph.spec import array_spec
from tracer.ops import registry
from tracer.ops.builder import Symbol
from tracer.transforms.batch.batched import Batch, Batched, Unbatchable
from tracer.transforms.batch.control import CONTROL

BatchRegion = Callable[
    [CalcGraph, Sequence[bool], int, Sequence[bool]], tuple[CalcGraph, list[bool]]
]


def batch_call(batch: Batch, operands: list[Any], batch_body: BatchRegion) -> Any:
    """A call of the batched body; all results carry the batch."""
    node = batch.node
    flags = [type(x) is Batched for x in operands]
    body, _ = batch_body(node.regions[0], flags, batch.size, [True] * len(node.specs))
    if body.guards:
        raise Unbatchable("a body with branches")
    return _append(batch, operands, body, node.params.kwargs)


def _append(
    batch: Batch, operands: list[Any], region: CalcGraph, told: dict[str, Any]
) -> list[Any]:
    node = batch.node
    symbols = [x.symbol if type(x) is Batched else x for x in operands]
    specs = tuple([array_spec((batch.size, *s.shape), s.dtype) for s in node.specs])
    inputs = tuple([symbol.node for symbol in symbols])
    params = Params([hole(slot) for slot in range(len(inputs))], told)
    made = Node(
        node.op,
        inputs,
        params,
        specs,
        batch.builder.origin,
        regions=(region,),
        context=batch.builder.context,
    )
    found = batch.builder.unpack(batch.builder.append(made))
    several = found if isinstance(found, tuple) else (found,)
    return [Batched(symbol, spec) for symbol, spec in zip(several, node.specs, strict=True)]


def batch_custom(batch: Batch, operands: list[Any], batch_body: BatchRegion) -> Any:
    """The user's own derivative: its region is batched like any graph.

    Operands that are the same for all examples are repeated, so that each example's cotangent has
    a place of its own, and the repetition's derivative adds them up.
    """
    node = batch.node
    told = node.params.kwargs
    first, results = told["operands"], told["outputs"]
    last = len(operands) - told["extras"]
    operands = [
        _repeated(batch, x) if k < first + results or x is None else x
        for k, x in enumerate(operands)
    ]
    flags = [type(x) is Batched for x in operands]
    inexact = [k for k in range(first) if node.inputs[k].specs[0].is_inexact]
    if told["rule"] == "vjp":
        cts = sum(spec.is_inexact for spec in node.specs)
        inner = [*flags[first + results : last], *[True] * cts, *flags[last:]]
    else:
        inner = [*flags[:first], *[True] * len(inexact), *flags[last:]]
    region = node.regions[0]
    wanted = [True] * len(region.outputs)
    batched, _ = batch_body(region, inner, batch.size, wanted)
    return _append(batch, operands, batched, told)


def _repeated(batch: Batch, x: Any) -> Batched:
    if type(x) is Batched:
        return x
    assert type(x) is Symbol
    return Batched(batch.full(x), x.spec)


REGIONS: dict[Any, Callable[[Batch, list[Any], BatchRegion], Any]] = {
    registry.CALL: batch_call,
    registry.CUSTOM: batch_custom,
    **CONTROL,
}
