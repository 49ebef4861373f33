"""Derivatives of ``call`` nodes: of their body, or the ones that the user attached to them.

A custom rule is a region too: ``regions[1]`` of the call, marked by ``rule=`` in its params.

>>> list(pull_back_region(builder, call, ct, active))
[(0, Symbol(<f64[3] = item(%0, 0)>)), (1, Symbol(<f64[3] = item(%0, 1)>))]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import HOLES, Node, Params, hole
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO
from tracer.rules.helpers import broadcast_like, zeros_like
from tracer.transforms.cotangents import cast, settled


def emit_call(
    builder: Builder, body: CalcGraph, operands: Sequence[Symbol], name: str = "",
    regions: tuple[CalcGraph, ...] = (), kwargs: dict[str, Any] | None = None,
) -> tuple[Symbol, ...]:  # fmt: skip
    """Append a call of ``body`` (and its further regions); one Symbol per output."""
    specs = tuple([output.specs[0] for output in body.outputs])
    params = Params([hole(slot) for slot in range(len(operands))], kwargs)
    node = Node(
        registry.CALL, tuple([symbol.node for symbol in operands]), params, specs,
        builder.origin, name, "", None, (body, *regions),
    )  # fmt: skip
    builder.append(node)
    made = builder.unpack(node)
    return made if type(made) is tuple else (made,)


def values_of(node: Node) -> int:
    """How many outputs of a call are the user's; the rest are residuals of a custom rule."""
    return node.params.kwargs.get("values", len(node.specs))


def cotangents_of(builder: Builder, node: Node, ct: Any) -> list[Symbol]:
    """One full cotangent for each inexact value of a call."""
    several = ct if type(ct) is list else [settled(builder, ct, node)]
    found = []
    for number in range(values_of(node)):
        spec = node.specs[number]
        if not spec.is_inexact:
            continue
        value = several[number]
        like = output_symbol(builder, node, number)
        if value is ZERO:
            value = zeros_like(like) if spec.shape else builder.constant(spec.dtype.type(0))
        else:
            value = cast(broadcast_like(settled(builder, value, node), like), spec)
        found.append(value)
    return found


def output_symbol(builder: Builder, node: Node, number: int) -> Symbol:
    """The Symbol of one output."""
    if len(node.specs) == 1:
        return Symbol(builder, node)
    item = Node(registry.ITEM, (node,), Params((HOLES[0], number)), (node.specs[number],))
    return Symbol(builder, builder.append(item))


def pull_back_region(
    builder: Builder, node: Node, ct: Any, active: Any
) -> Iterator[tuple[int, Any]]:
    """Contributions of a call: a call of its body's gradients, which computes the body again."""
    rule = node.params.kwargs.get("rule")
    cts = cotangents_of(builder, node, ct)
    slots = [slot for slot, operand in enumerate(node.inputs) if operand in active]
    if rule == "vjp":
        residuals = [
            output_symbol(builder, node, number)
            for number in range(values_of(node), len(node.specs))
        ]
        results = emit_call(builder, node.regions[1], [*residuals, *cts])
        inexact = [slot for slot, o in enumerate(node.inputs) if o.specs[0].is_inexact]
        given = dict(zip(inexact, results, strict=True))
    else:
        from tracer.transforms.reverse import reverse

        body = custom_tangent(node) if rule == "jvp" else None
        if body is not None:
            given = transpose_tangent(builder, node, body, cts, slots)
        else:
            gradients = gradients_only(reverse(node.regions[0], slots))
            operands = [Symbol(builder, operand) for operand in node.inputs]
            results = emit_call(builder, gradients, [*operands, *cts])
            given = dict(zip(slots, results, strict=True))
    for slot in slots:
        yield slot, cast(given[slot], node.inputs[slot].specs[0])


def gradients_only(joint: CalcGraph) -> CalcGraph:
    """A joint graph whose outputs are its gradients alone."""
    count = joint.roles["gradient"]
    ends = joint.outputs[len(joint.outputs) - count :]
    return joint.replace(outputs=ends, roles={"gradient": count}, records=())


def custom_tangent(node: Node) -> CalcGraph:
    """The user's JVP of a call: inputs are the operands, then tangents of the inexact ones."""
    return node.regions[1]


def transpose_tangent(
    builder: Builder, node: Node, tangent: CalcGraph, cts: list[Symbol], slots: list[int]
) -> dict[int, Symbol]:
    """The VJP that belongs to a custom JVP: its transpose in the tangents."""
    from tracer.transforms.reverse import reverse

    count = len(node.inputs)
    inexact = [slot for slot, operand in enumerate(node.inputs) if operand.specs[0].is_inexact]
    positions = [count + inexact.index(slot) for slot in slots]
    gradients = gradients_only(reverse(tangent, positions))
    operands = [Symbol(builder, operand) for operand in node.inputs]
    # The body is linear in the tangents, so any value serves for them: zeros.
    zeros = [_zero(builder, node.inputs[slot].specs[0], operands[slot]) for slot in inexact]
    results = emit_call(builder, gradients, [*operands, *zeros, *cts])
    return dict(zip(slots, results, strict=True))


def _zero(builder: Builder, spec: ArraySpec, like: Symbol) -> Symbol:
    return zeros_like(like) if spec.shape else builder.constant(np.dtype(spec.dtype).type(0))
