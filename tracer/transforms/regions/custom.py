"""Pullbacks and pushforwards that the user gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tracer.errors import MissingRule
from tracer.graph.node import Node
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO
from tracer.transforms.bodies import Contribution, gradients_only, inline, zero
from tracer.transforms.forward.pushforward import Tangents, by_output, full_tangent, pushforward_of
from tracer.transforms.reverse.cotangents import cast, cotangents_of
from tracer.transforms.reverse.joint_graph import reverse
from tracer.transforms.reverse.pullback import pullback_of


class CustomParts:
    """The inputs of a ``custom`` node by their role.

    ``residuals`` go into a VJP region before the cotangents, ``extras`` (what the region's
    function captured) after them; a JVP region takes operands, tangents, extras.
    """

    def __init__(self, node: Node):
        told = node.params.kwargs
        first, results = told["operands"], told["outputs"]
        last = len(node.inputs) - told["extras"]
        self.mode: str = told["rule"]
        self.name: str = told["name"]
        self.operands = node.inputs[:first]
        self.residuals = node.inputs[first + results : last]
        self.extras = node.inputs[last:]
        self.inexact = [k for k, operand in enumerate(self.operands) if operand.specs[0].is_inexact]


@pullback_of(registry.CUSTOM)
def pull_back_custom(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    """Contributions by the user's VJP, or by the transpose of the user's JVP."""
    parts = CustomParts(node)
    cts = cotangents_of(builder, node, ct)
    extras = [Symbol(builder, extra) for extra in parts.extras]
    if parts.mode == "vjp":
        saved = [Symbol(builder, residual) for residual in parts.residuals]
        results = inline(builder, node.regions[0], [*saved, *cts, *extras])
    else:
        operands = [Symbol(builder, operand) for operand in parts.operands]
        count = len(operands)
        moving = [count + k for k in range(len(parts.inexact))]
        gradients = gradients_only(reverse(node.regions[0], moving))
        # The region is linear in the tangents: their values don't matter.
        zeros = [zero(builder, operands[slot]) for slot in parts.inexact]
        results = inline(builder, gradients, [*operands, *zeros, *extras, *cts])
    for slot, value in zip(parts.inexact, results, strict=True):
        if value.node.name.startswith("g_t_"):  # named after the region's tangent
            value.node.name = ""
        if node.inputs[slot] in active:
            yield slot, cast(value, node.inputs[slot].specs[0])


def push_custom(builder: Builder, node: Node, moved: Sequence[Any]) -> list[Symbol]:
    """Tangents of the inexact outputs by the user's JVP; ``moved`` are the inputs' tangents."""
    parts = CustomParts(node)
    if parts.mode == "vjp":
        raise MissingRule(
            f"{parts.name} has a custom VJP and no JVP: forward mode can't pass it.",
            node.origin,
            "use custom_jvp, which serves both modes, or reverse mode: grad, vjp or hessian.",
        )
    operands = [Symbol(builder, operand) for operand in parts.operands]
    tangents = [
        zero(builder, operands[slot]) if moved[slot] is ZERO else moved[slot]
        for slot in parts.inexact
    ]
    extras = [Symbol(builder, extra) for extra in parts.extras]
    return list(inline(builder, node.regions[0], [*operands, *tangents, *extras]))


@pushforward_of(registry.CUSTOM)
def push_custom_node(builder: Builder, node: Node, tangents: Tangents) -> Any:
    moved = [full_tangent(builder, operand, tangents) for operand in node.inputs]
    return by_output(node, push_custom(builder, node, moved))
