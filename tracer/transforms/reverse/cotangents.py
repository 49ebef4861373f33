"""Cotangents on their way up: dense, small, masked or sparse, made full only where it matters.

>>> combine(builder, node, [g * 2, Masked(g, ((mask, True),))])
Symbol(<f64[3] = add(%0, %1)>)
>>> dense(builder, small, node)         # np.broadcast_to, at the first op that needs the full shape
Symbol(<f64[4,3] = broadcast_to(%0, (4, 3))>)

A *small* cotangent is a Symbol that broadcasts to its primal's shape; elementwise pullbacks and
sums of cotangents take it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.graph.node import Node
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO, Sparse
from tracer.rules.helpers import broadcast_axes, broadcast_like, is_static, sum_to
from tracer.transforms.bodies import output_symbol, zero
from tracer.transforms.reverse.accumulator import Accumulator

QUIET = (("divide", "ignore"), ("invalid", "ignore"), ("over", "ignore"))
# Ops that can warn or give inf and nan where a mask will drop the value.
LOUD = frozenset(
    "divide power pow float_power log log2 log10 log1p sqrt cbrt reciprocal remainder fmod arcsin "
    "arccos arctanh arccosh tan exp exp2 expm1 sinh cosh".split()
)
NEGATIVE, ADD, SUBTRACT = (registry.op_of(f) for f in (np.negative, np.add, np.subtract))


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """The cotangent ``value`` where every ``(condition, keep)`` agrees, 0 elsewhere."""

    value: Symbol
    masks: tuple[tuple[Symbol, bool], ...]
    loud: bool = False

    def apply(self, builder: Builder) -> Symbol:
        value: Any = self.value
        for condition, keep in self.masks:
            value = np.where(condition, value, 0.0) if keep else np.where(condition, 0.0, value)
        return value


Cotangent = Symbol | Masked | Sparse | Accumulator


def cast(value: Any, spec: ArraySpec) -> Any:
    """``value`` with the dtype of its primal: the real part of a complex one, else a cast."""
    if type(value) is Masked:
        return Masked(cast(value.value, spec), value.masks, value.loud)
    if type(value) is Sparse:
        return Sparse(value.index, cast(value.value, spec), value.like)
    if type(value) is not Symbol:
        return value
    found = value.node.specs[0]
    if found.dtype == spec.dtype:
        return value
    if found.dtype.kind == "c" and spec.dtype.kind != "c":
        value = np.real(value)
    return value if found.kind == "weak" else value.astype(spec.dtype)


def reduce_to(value: Symbol, logical: Symbol, target: Symbol) -> Symbol:
    """The cotangent of an operand ``target`` that was broadcast to the shape of ``logical``.

    ``value`` may be small: along an axis that it leaves to broadcasting, the sum is a factor.
    """
    whole, wanted, shape = logical.shape, target.shape, value.shape
    if whole == wanted:
        return value
    if not is_static(whole, wanted, shape):
        return sum_to(broadcast_like(value, logical), target)
    offset, lead = len(whole) - len(shape), len(whole) - len(wanted)
    factor, axes, kept = 1, [], False
    for axis in broadcast_axes(whole, wanted):
        if axis >= offset and (shape[axis - offset] != 1 or axis < lead):
            axes.append(axis - offset)
            kept = kept or axis >= lead
        if axis < offset or shape[axis - offset] == 1:
            factor *= whole[axis]
    if axes:
        value = _sum(value, tuple(axes), kept, lead - offset)
    return value if factor == 1 else value * factor


def _sum(value: Symbol, axes: tuple[int, ...], kept: bool, drop: int) -> Symbol:
    if len(axes) == len(value.shape):
        return np.sum(value)
    axis = axes[0] if len(axes) == 1 else axes
    if not kept:
        return np.sum(value, axis=axis)
    value = np.sum(value, axis=axis, keepdims=True)
    return np.reshape(value, value.shape[drop:]) if drop > 0 else value


def settled(builder: Builder, value: Cotangent, node: Node) -> Symbol:
    """A Symbol, maybe small, for any cotangent of ``node``."""
    if type(value) is Symbol:
        return value
    if type(value) is Masked:
        return value.apply(builder)
    if type(value) is Sparse:
        buffer = Accumulator(node)
        buffer.add_sparse(value)
        value = buffer
    return value.settle(builder)


def dense(builder: Builder, value: Cotangent, node: Node) -> Symbol:
    """A Symbol with the full shape of ``node`` and an actual dtype."""
    symbol = settled(builder, value, node)
    return broadcast_like(symbol, Symbol(builder, node))


def add(builder: Builder, left: Symbol, right: Symbol) -> Symbol:
    """``left + right``, written as a difference where one is a negation."""
    if right.node.op is NEGATIVE:
        return builder.emit(
            SUBTRACT, (left, Symbol(builder, right.node.inputs[0])), None, "operator"
        )
    if left.node.op is NEGATIVE:
        return builder.emit(
            SUBTRACT, (right, Symbol(builder, left.node.inputs[0])), None, "operator"
        )
    return builder.emit(ADD, (left, right), None, "operator")


def combine(builder: Builder, node: Node, contributions: Sequence[Cotangent]) -> Cotangent:
    """The sum of all contributions to the cotangent of ``node``."""
    if len(contributions) == 1:
        return contributions[0]
    shared = _under_one_mask(builder, contributions)
    if shared is not None:
        return shared
    total: Symbol | None = None
    buffer: Accumulator | None = None
    for value in _pair(contributions):
        if type(value) in (Sparse, Accumulator):
            buffer = buffer or Accumulator(node)
            buffer.merge(builder, value)
            continue
        value = settled(builder, value, node)
        total = value if total is None else add(builder, total, value)
    if buffer is None:
        assert total is not None
        return total
    if total is not None:
        buffer.add_dense(builder, dense(builder, total, node))
    return buffer


def _under_one_mask(builder: Builder, contributions: Sequence[Cotangent]) -> Masked | None:
    """The sum, with the masks that all have in common outermost; None if there are none."""
    if any([type(value) is not Masked for value in contributions]):
        return None
    masked: list[Any] = list(contributions)
    keys = [{(condition.node, keep) for condition, keep in value.masks} for value in masked]
    common = set.intersection(*keys)
    if not common:
        return None
    total: Any = None
    for value in masked:
        rest = tuple([mask for mask in value.masks if (mask[0].node, mask[1]) not in common])
        inner = Masked(value.value, rest).apply(builder) if rest else value.value
        total = inner if total is None else add(builder, total, inner)
    outer = {(c.node, keep): (c, keep) for c, keep in masked[0].masks if (c.node, keep) in common}
    return Masked(total, tuple(outer.values()), any([value.loud for value in masked]))


def _pair(contributions: Sequence[Cotangent]) -> list[Cotangent]:
    """Join ``where(m, a, 0)`` and ``where(m, 0, b)`` to ``where(m, a, b)``."""
    result: list[Cotangent] = []
    waiting: dict[tuple[Node, bool], int] = {}
    for value in contributions:
        if type(value) is Masked and len(value.masks) == 1:
            condition, keep = value.masks[0]
            place = waiting.pop((condition.node, not keep), None)
            if place is not None:
                other = result[place].value
                chosen = (value.value, other) if keep else (other, value.value)
                result[place] = np.where(condition, *chosen)
                continue
            waiting[condition.node, keep] = len(result)
        result.append(value)
    return result


def cotangents_of(builder: Builder, node: Node, ct: Any) -> list[Symbol]:
    """One full cotangent for each inexact output."""
    several = ct if type(ct) is list else [settled(builder, ct, node)]
    found = []
    for number, spec in enumerate(node.specs):
        if spec.is_inexact:
            like, value = output_symbol(builder, node, number), several[number]
            if value is ZERO:
                found.append(zero(builder, like))
            else:
                found.append(cast(broadcast_like(value, like), spec))
    return found
