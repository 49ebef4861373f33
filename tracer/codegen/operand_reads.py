"""What the text of a node really reads: a shape fixed by the signature needs no operand.

>>> reads(node_of("sum_to(g_pre, b1)"))
(g_pre,)
"""

from __future__ import annotations

from collections.abc import Callable

from tracer.graph.node import Node


def sum_axes(shape: tuple, like: tuple) -> tuple[tuple[int, ...], bool] | None:
    """Axes that ``sum_to`` adds up, and whether they stay with length 1; None if unknown."""
    lead = len(shape) - len(like)
    to_one = []
    for axis, size in enumerate(like):
        source = shape[axis + lead]
        if size is source or (type(size) is int and size == source):
            continue
        if size != 1 or type(source) is not int:
            return None
        to_one.append(axis + lead)
    return (*range(lead), *to_one), bool(to_one)


def _sum_to(node: Node) -> tuple[Node, ...]:
    axes = sum_axes(node.inputs[0].shape, node.inputs[1].shape)
    return node.inputs if axes is None else node.inputs[:1]


def _like_second(node: Node) -> tuple[Node, ...]:
    return node.inputs[:1] if node.inputs[1].spec.is_static else node.inputs


def _like_first(node: Node) -> tuple[Node, ...]:
    return node.inputs[1:] if node.inputs[0].spec.is_static else node.inputs


READS: dict[str, Callable[[Node], tuple[Node, ...]]] = {
    "sum_to": _sum_to,
    "broadcast_like": _like_second,
    "reshape_like": _like_second,
    "zeros_of": _like_first,
}


def reads(node: Node) -> tuple[Node, ...]:
    """The operands that the node's text names."""
    special = READS.get(node.op.name)
    return node.inputs if special is None else special(node)


def stands_for(node: Node) -> Node | None:
    """The operand whose value the node has anyway, so that it needs no text."""
    name = node.op.name
    if name == "sum_to" and sum_axes(node.inputs[0].shape, node.inputs[1].shape) == ((), False):
        return node.inputs[0]
    if name in ("reshape_like", "broadcast_like"):
        source, like = node.inputs[0], node.inputs[1]
        if source.shape == like.shape and source.spec.kind != "weak":
            return source
    return None
