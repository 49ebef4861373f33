"""Derivatives of choices between values: maximum, clip, where, absolute value, sign.

At a tie the gradient is shared evenly; at the kink of the absolute value it is 0.

>>> elementwise(np.where, None, lambda c, x, y: Mask(c), lambda c, x, y: Mask(c, keep=False))
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.builder import Symbol, find_builder
from tracer.rules.declare import ZERO, By, Mask, composed, elementwise, pushforward, zero_gradient


def share(wins: Any, ties: Any) -> By:
    """All of it where one operand wins, half where both are equal."""
    return By(lambda ct: np.where(wins, ct, np.where(ties, 0.5 * ct, 0.0)))


elementwise(
    np.maximum, lambda x, y, out: chosen(x, y, out, 1), lambda x, y, out: chosen(y, x, out, 1)
)
elementwise(
    np.minimum, lambda x, y, out: chosen(x, y, out, -1), lambda x, y, out: chosen(y, x, out, -1)
)
elementwise(np.fmax, lambda x, y: present(x, x > y, y), lambda x, y: present(y, y > x, x))
elementwise(np.fmin, lambda x, y: present(x, x < y, y), lambda x, y: present(y, y < x, x))


def chosen(x: Any, y: Any, out: Any, sign: int) -> Any:
    """The partial of ``x`` in a maximum (``sign`` 1) or minimum (-1) of ``x`` and ``y``."""
    number = not isinstance(y, Symbol)
    if number and y == y and abs(y) < np.inf and x.dtype.kind == "f":
        gap = (x - y if y else x) if sign > 0 else (y - x if y else -x)
        return np.heaviside(gap, 0.5)  # np.maximum(x, 0): 1 above, 0.5 at 0
    wins = x > y if sign > 0 else x < y
    return share(wins, x == y)


def present(x: Any, wins: Any, y: Any) -> Any:
    """The partial of ``x`` where a NaN in ``y`` is skipped: then all of it is ``x``'s."""
    if isinstance(y, Symbol) or y != y:
        wins = wins | np.isnan(y)
    return share(wins, x == y)


# -- where and clip -----------------------------------------------------------------------------
def as_mask(condition: Any, *operands: Any) -> Any:
    """The condition as a value of the graph: lists and literal truth values become constants."""
    if isinstance(condition, Symbol):
        return condition
    builder = find_builder(operands)
    assert builder is not None
    return builder.constant(np.asarray(condition))


elementwise(
    np.where,
    None,
    lambda condition, x, y: Mask(as_mask(condition, x, y)),
    lambda condition, x, y: Mask(as_mask(condition, x, y), keep=False),
)


@pushforward(np.where)
def _(tangents, condition, x, y):
    left, right = [0.0 if t is ZERO else t for t in tangents[1:]]
    return np.where(condition, left, right)


def inside(x, a_min, a_max):
    """1 within the bounds, the bounds included (as JAX has it), 0 beyond them."""
    holds = None
    if a_min is not None:
        holds = x >= a_min
    if a_max is not None:
        below = x <= a_max
        holds = below if holds is None else holds & below
    return 1 if holds is None else Mask(holds)


def bounds_of(a_min, a_max, keywords):
    """The bounds under either of their names."""
    return (
        keywords.get("min") if a_min is None else a_min,
        keywords.get("max") if a_max is None else a_max,
    )


elementwise(
    np.clip,
    lambda a, a_min=None, a_max=None, **kw: inside(a, *bounds_of(a_min, a_max, kw)),
    lambda a, a_min, a_max=None, **kw: lower_bound(a, a_min, a_max),
    lambda a, a_min, a_max: Mask(a_max < (a if a_min is None else np.maximum(a, a_min))),
)


def has_symbols(*operands: Any, **keywords: Any) -> bool:
    """Whether a keyword argument is no literal: then it may have a derivative."""
    return any([isinstance(value, Symbol) for value in keywords.values()])


@composed(np.clip, when=lambda *_, min=None, max=None, **rest: has_symbols(min=min, max=max))
def _(a, a_min=None, a_max=None, min=None, max=None):
    return np.clip(a, *bounds_of(a_min, a_max, {"min": min, "max": max}))


def lower_bound(a, a_min, a_max):
    holds = a < a_min
    return Mask(holds if a_max is None else holds & (a_min <= a_max))


# -- signs --------------------------------------------------------------------------------------
def absolute_slope(x, out):
    """sign(x); for complex numbers conj(x) / |x|, and 0 at 0."""
    if x.dtype.kind != "c":
        return np.sign(x)
    return np.conjugate(x) / np.where(out == 0, 1.0, out)


elementwise(np.absolute, absolute_slope)
elementwise(np.fabs, lambda x: np.sign(x))
elementwise(np.copysign, lambda x, y: np.copysign(1.0, x) * np.copysign(1.0, y), None)
elementwise(np.nan_to_num, lambda x, **_: Mask(np.isfinite(x)))


@composed(np.nan_to_num, when=has_symbols)
def _(x, copy=True, nan=0.0, posinf=None, neginf=None):
    limits = np.finfo(x.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    finite = np.where(np.isposinf(x), high, np.where(np.isneginf(x), low, x))
    return np.where(np.isnan(x), nan, finite)


elementwise(np.real_if_close, lambda a, **_: 1)

zero_gradient(np.signbit, np.heaviside, because="piecewise constant")


@composed(np.sign)
def _(x):
    """Constant on both sides of 0; a complex number over its absolute value turns with it."""
    if x.dtype.kind != "c":
        return 0.0
    size = np.absolute(x)
    return x / np.where(size == 0.0, 1.0, size)
