"""Python scalars at the edge of a region, whose cotangents are arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.spec import ArraySpec, array_spec, scalar_spec
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO
from tracer.rules.helpers import broadcast_like
from tracer.transforms.bodies import output_symbol, zero
from tracer.transforms.reverse.cotangents import cast


def with_plain_outputs(graph: CalcGraph) -> CalcGraph:
    """The graph with NumPy scalars for 0-d arrays and Python numbers among its outputs."""
    builder = Builder(graph.order)
    outputs = [fitted(Symbol(builder, node)).node for node in graph.outputs]
    return graph.replace(order=builder.nodes, outputs=outputs)


def cotangent_of(builder: Builder, node: Node, several: Sequence[Any], number: int) -> Symbol:
    """The full cotangent of one output."""
    like, value = output_symbol(builder, node, number), several[number]
    if value is ZERO:
        return fitted(zero(builder, like))
    return fitted(cast(broadcast_like(value, like), node.specs[number]), node.specs[number])


def fitted(symbol: Symbol, spec: ArraySpec | None = None) -> Symbol:
    """A number as a NumPy scalar: neither a 0-d array nor a Python number."""
    if spec is not None and symbol.dtype != spec.dtype:
        symbol = symbol.astype(spec.dtype)
    if symbol.shape == () and symbol.spec.kind != "scalar":
        return symbol[()] if symbol.spec.kind == "array" else symbol.astype(symbol.dtype)
    return symbol


def plain_spec(spec: ArraySpec) -> ArraySpec:
    """The spec of a cotangent: an array, or a NumPy scalar."""
    return array_spec(spec.shape, spec.dtype) if spec.shape else scalar_spec(spec.dtype)


def plain_tangents(graph: CalcGraph, count: int) -> CalcGraph:
    """Tangents as arrays and NumPy scalars: neither 0-d arrays nor Python numbers."""
    for node in graph.inputs[count:]:
        spec = node.specs[0]
        node.specs = (spec if spec.shape else scalar_spec(spec.dtype),)
    values = graph.roles["value"]
    tail = graph.replace(outputs=graph.outputs[values:], roles={"tangent": graph.roles["tangent"]})
    tail = with_plain_outputs(tail)
    return tail.replace(outputs=(*graph.outputs[:values], *tail.outputs), roles=graph.roles)


def tangent_of(builder: Builder, operand: Node, tangents: dict[Node, Any]) -> Symbol:
    """The full tangent of an operand, zero where it does not move."""
    like, tangent = Symbol(builder, operand), tangents.get(operand, ZERO)
    if tangent is ZERO:
        return fitted(zero(builder, like))
    plain = plain_spec(operand.specs[0])
    return fitted(cast(broadcast_like(tangent, like), plain), plain)


def unpacked(builder: Builder, node: Node) -> tuple[Symbol, ...]:
    found = builder.unpack(builder.append(node))
    return found if type(found) is tuple else (found,)
