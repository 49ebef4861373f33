"""Cotangents on their way up: dense, small, masked or sparse, made full only where it matters.

>>> combine(builder, node, [g * 2, Masked(g, ((mask, True),))])
Symbol(<f64[3] = add(%0, %1)>)
>>> dense(builder, small, node)         # np.broadcast_to, at the first op that needs the full shape
Symbol(<f64[4,3] = broadcast_to(%0, (4, 3))>)

A *small* cotangent is a Symbol that broadcasts to its primal's shape; elementwise pullbacks and
sums of cotangents take it as it is.

All of it is NumPy code: on Symbols it writes nodes, on arrays and numbers it computes. There is no
builder then, and what is said of Symbols is meant of such values:

>>> combine(None, node, [np.ones(3), Masked(2.0, ((mask, True),))])
array([3., 1., 3.])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from tracer.graph.node import Node, map_structure
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO, Sparse
from tracer.rules.helpers import broadcast_axes, broadcast_like, is_static, sum_to
from tracer.transforms.bodies import output_symbol, zero
from tracer.transforms.reverse.accumulator import Accumulator, ArrayAccumulator

QUIET = (("divide", "ignore"), ("invalid", "ignore"), ("over", "ignore"))
# Ops that can warn or give inf and nan where a mask will drop the value.
LOUD = frozenset(
    "divide power pow float_power log log2 log10 log1p sqrt cbrt reciprocal remainder fmod arcsin "
    "arccos arctanh arccosh tan exp exp2 expm1 sinh cosh".split()
)
NEGATIVE, ADD, SUBTRACT = (registry.op_of(f) for f in (np.negative, np.add, np.subtract))


@dataclass(slots=True, eq=False)
class Masked:
    """The cotangent ``value`` where every ``(condition, keep)`` agrees, 0 elsewhere.

    It is ``loud`` if ``value`` may be inf, nan or a warning where a mask drops it.
    """

    value: Any
    masks: tuple[tuple[Any, bool], ...]
    loud: bool = False

    def apply(self) -> Any:
        value = self.value
        for condition, keep in self.masks:
            value = np.where(condition, value, 0.0) if keep else np.where(condition, 0.0, value)
        return value


SCATTERED = frozenset({Sparse, Accumulator, ArrayAccumulator})
Cotangent = Symbol | Masked | Sparse | Accumulator | ArrayAccumulator | np.ndarray | np.generic


def map_values(function: Callable[[Any], Any], ct: Any) -> Any:
    """A cotangent of the same kind, with ``function`` of all that it is made of."""
    if type(ct) is Masked:
        masks = tuple([(function(condition), keep) for condition, keep in ct.masks])
        return Masked(function(ct.value), masks, ct.loud)
    if type(ct) is Sparse:
        return Sparse(map_structure(function, ct.index), function(ct.value), ct.like)
    return function(ct)


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


def accumulator(builder: Builder | None, node: Node, dense: Any = None) -> Any:
    """A sum for the cotangent of ``node``; over arrays one that is written to."""
    return ArrayAccumulator(node, dense) if builder is None else Accumulator(builder, node, dense)


def densify(builder: Builder | None, value: Cotangent, node: Node) -> Any:
    """A Symbol, maybe small, for any cotangent of ``node``."""
    if type(value) is Masked:
        return value.apply()
    if type(value) is Sparse:
        total = accumulator(builder, node)
        total.merge(value)
        return total.to_dense()
    return value.to_dense() if type(value) in SCATTERED else value


def full_shape(builder: Builder, value: Cotangent, node: Node) -> Symbol:
    """A Symbol with the full shape of ``node`` and an actual dtype."""
    return broadcast_like(densify(builder, value, node), Symbol(builder, node))


def add(left: Any, right: Any) -> Any:
    """``left + right``, written as a difference where one is a negation."""
    if type(left) is not Symbol:
        return left + right
    builder = left.builder
    for value, other in ((right, left), (left, right)):
        if value.node.op is NEGATIVE:
            minus = Symbol(builder, value.node.inputs[0])
            return builder.emit(SUBTRACT, (other, minus), None, "operator")
    return builder.emit(ADD, (left, right), None, "operator")


def combine(builder: Builder | None, node: Node, contributions: Sequence[Cotangent]) -> Any:
    """The sum of all contributions to the cotangent of ``node``."""
    if len(contributions) == 1:
        return contributions[0]
    kinds = set(map(type, contributions))
    if Masked in kinds:
        shared = _under_common_masks(contributions) if len(kinds) == 1 else None
        if shared is not None:
            return shared
        contributions = _joined_masks(contributions)
    elif kinds.isdisjoint(SCATTERED):
        return reduce(add, contributions)
    total: Any = None
    scattered: Any = None
    for value in contributions:
        if type(value) in SCATTERED:
            scattered = scattered or accumulator(builder, node)
            scattered.merge(value)
            continue
        value = value.apply() if type(value) is Masked else value
        total = value if total is None else add(total, value)
    if scattered is None:
        return total
    if total is not None:
        scattered.add_dense(total)
    return scattered


def _condition_key(condition: Any) -> Any:
    """What tells two conditions apart."""
    return condition.node if type(condition) is Symbol else id(condition)


def _under_common_masks(contributions: Sequence[Masked]) -> Masked | None:
    """The sum, with the masks that all have in common outermost; None if there are none."""
    keyed = [{(_condition_key(c), keep): (c, keep) for c, keep in m.masks} for m in contributions]
    common = set.intersection(*[set(masks) for masks in keyed])
    if not common:
        return None
    total: Any = None
    for value in contributions:
        rest = tuple([(c, k) for c, k in value.masks if (_condition_key(c), k) not in common])
        inner = Masked(value.value, rest).apply()
        total = inner if total is None else add(total, inner)
    outer = tuple([mask for key, mask in keyed[0].items() if key in common])
    return Masked(total, outer, any([value.loud for value in contributions]))


def _joined_masks(contributions: Sequence[Any]) -> list[Any]:
    """Join ``where(m, a, 0)`` and ``where(m, 0, b)`` to ``where(m, a, b)``."""
    result: list[Any] = []
    waiting: dict[tuple[Any, bool], int] = {}
    for value in contributions:
        if type(value) is Masked and len(value.masks) == 1:
            condition, keep = value.masks[0]
            key = _condition_key(condition)
            place = waiting.pop((key, not keep), None)
            if place is not None:
                other = result[place].value
                chosen = (value.value, other) if keep else (other, value.value)
                result[place] = np.where(condition, *chosen)
                continue
            waiting[key, keep] = len(result)
        result.append(value)
    return result


def cotangents_of(builder: Builder, node: Node, ct: Any) -> list[Symbol]:
    """One full cotangent for each inexact output."""
    several = ct if type(ct) is list else [densify(builder, ct, node)]
    found = []
    for number, spec in enumerate(node.specs):
        if spec.is_inexact:
            like, value = output_symbol(builder, node, number), several[number]
            if value is ZERO:
                found.append(zero(builder, like))
            else:
                found.append(cast(broadcast_like(value, like), spec))
    return found
