"""The derivatives of ``call`` nodes: the body's own, called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracer.graph.node import Node
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO
from tracer.transforms.bodies import Contribution, emit_call, gradients_only
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.forward.pushforward import Tangents, by_output, full_tangent, pushforward_of
from tracer.transforms.regions.lower import RECOMPUTED
from tracer.transforms.reverse.cotangents import cast, cotangents_of
from tracer.transforms.reverse.joint_graph import reverse
from tracer.transforms.reverse.pullback import pullback_of


@pullback_of(registry.CALL)
def pull_back_call(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    """Contributions of a call: a call of its body's gradients, which computes the body again."""
    slots = [slot for slot, operand in enumerate(node.inputs) if operand in active]
    gradients = gradients_only(reverse(node.regions[0], slots))
    operands = [Symbol(builder, operand) for operand in node.inputs]
    cts = cotangents_of(builder, node, ct)
    if RECOMPUTED in node.params.kwargs:
        operands = [builder.emit(registry.RECOMPUTE, (operand,)) for operand in operands]
    results = emit_call(builder, gradients, [*operands, *cts])
    for slot, value in zip(slots, results, strict=True):
        yield slot, cast(value, node.inputs[slot].specs[0])


@pushforward_of(registry.CALL)
def push_call(builder: Builder, node: Node, tangents: Tangents) -> Any:
    """A call of the body's JVP, which computes the body again."""
    slots = [s for s, o in enumerate(node.inputs) if tangents.get(o, ZERO) is not ZERO]
    body = forward(node.regions[0], slots)
    ends = body.outputs[len(node.specs) :]
    body = body.replace(outputs=ends, roles={"tangent": len(ends)})
    operands = [Symbol(builder, operand) for operand in node.inputs]
    moved = [full_tangent(builder, node.inputs[slot], tangents) for slot in slots]
    return by_output(node, emit_call(builder, body, [*operands, *moved]))
