"""Derivatives of differences and of what is made with them: slopes, integrals, interpolation.

>>> linear(np.diff): the transpose takes differences the other way
>>> composed(np.trapezoid): np.sum(widths * (y[1:] + y[:-1]) / 2)
>>> composed(np.gradient): (f[2:] - f[:-2]) / (2 * step), one-sided at the ends
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.builder import Symbol, apply, find_builder
from tracer.rules.declare import composed, elementwise
from tracer.rules.elementwise.comparison import has_symbols
from tracer.rules.helpers import normal_axes, place_along, shape_of, still


def as_symbol(x: Any, like: Any) -> Any:
    """A number or a list as a value that can be indexed, beside ``like``."""
    if isinstance(x, Symbol):
        return x
    builder = find_builder(like)
    assert builder is not None
    return builder.constant(np.asarray(x))


# -- differences --------------------------------------------------------------------------------
def step_along(x: Any, axis: int) -> Any:
    """``np.diff`` along an axis that is not negative."""
    later, earlier = x[place_along(axis, slice(1, None))], x[place_along(axis, slice(None, -1))]
    return later - earlier if x.dtype.kind != "b" else later != earlier


@composed(np.diff)
def _(a, n=1, axis=-1, prepend=None, append=None):
    axis = int(axis) % len(shape_of(a))
    parts = [_end(prepend, a, axis), a, _end(append, a, axis)]
    parts = [part for part in parts if part is not None]
    a = np.concatenate(parts, axis=axis) if len(parts) > 1 else a
    for _ in range(n):
        a = step_along(a, axis)
    return a


def _end(value: Any, a: Any, axis: int) -> Any:
    """What is put before or behind ``a``: a number stands for one place along the axis."""
    if value is None or shape_of(value):
        return value
    shape = list(shape_of(a))
    shape[axis] = 1
    return np.broadcast_to(as_symbol(value, a), shape)


@composed(np.ediff1d)
def _(ary, to_end=None, to_begin=None):
    inner = step_along(np.ravel(ary), 0)
    parts = [to_begin, inner, to_end]
    parts = [np.ravel(as_symbol(part, ary)) for part in parts if part is not None]
    return np.concatenate(parts) if len(parts) > 1 else inner


elementwise(np.unwrap, lambda p, **_: 1)  # what is added is a whole number of periods


@composed(np.unwrap, when=has_symbols)
def _(p, discont=None, axis=-1, period=2 * np.pi, out=None):
    return p + still(np.round((out - p) / period)) * period


# -- integrals ----------------------------------------------------------------------------------
@composed(*[getattr(np, name) for name in ("trapezoid", "trapz") if hasattr(np, name)])
def _(y, x=None, dx=1.0, axis=-1):
    y = as_symbol(y, (y, x, dx))
    axis = int(axis) % len(shape_of(y))
    widths = dx
    if x is not None:
        x = as_symbol(x, y)
        one = len(shape_of(x)) == 1
        widths = step_along(x, 0 if one else axis % len(shape_of(x)))
        widths = np.reshape(widths, _upright(axis, y)) if one else widths
    later = y[place_along(axis, slice(1, None))]
    return np.sum(widths * (later + y[place_along(axis, slice(None, -1))]) / 2.0, axis=axis)


def _upright(axis: int, x: Any) -> tuple:
    """The shape in which a vector lies along ``axis`` of ``x``."""
    return (-1,) + (1,) * (len(shape_of(x)) - axis - 1)


# -- slopes -------------------------------------------------------------------------------------
@composed(np.gradient)
def _(f, *varargs, axis=None, edge_order=1):
    axes = normal_axes(axis, len(shape_of(f))) if not isinstance(axis, tuple) else axis
    axes = tuple([int(at) % len(shape_of(f)) for at in axes])
    steps = list(varargs) * (len(axes) if len(varargs) == 1 else 1) or [1.0] * len(axes)
    slopes = [_slope(f, step, at, edge_order) for step, at in zip(steps, axes, strict=True)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _slope(f: Any, step: Any, axis: int, edge_order: int) -> Any:
    def at(place: Any) -> Any:
        return f[place_along(axis, place)]

    widths = _widths(f, step, axis)
    parts = [_edge(at, widths, edge_order, back=False)]
    if shape_of(f)[axis] > 2:
        parts.append(_inner(at, widths))
    parts.append(_edge(at, widths, edge_order, back=True))
    return np.concatenate(parts, axis=axis)


def _widths(f: Any, step: Any, axis: int) -> Any:
    """The distance between neighbours: one, or one for each pair, lying along the axis."""
    if not shape_of(step):
        return step
    widths = step_along(as_symbol(step, f), 0)
    return np.reshape(widths, _upright(axis, f))


def _inner(at: Any, widths: Any) -> Any:
    """Differences of second order; ``h`` is the distance to the place before, ``k`` after."""
    before, here, after = at(slice(None, -2)), at(slice(1, -1)), at(slice(2, None))
    if not shape_of(widths):
        return (after - before) / (2 * widths)
    h, k = widths[:-1], widths[1:]
    total = h + k
    return (h / (k * total)) * after + ((k - h) / (h * k)) * here - (k / (h * total)) * before


def _edge(at: Any, widths: Any, edge_order: int, back: bool) -> Any:
    """The one-sided difference at an end, of first or of second order."""
    front = (slice(0, 1), slice(1, 2), slice(2, 3))
    end = (slice(-1, None), slice(-2, -1), slice(-3, -2))
    places = end if back else front
    sign = -1 if back else 1
    h, k = (widths[places[0]], widths[places[1]]) if shape_of(widths) else (widths, widths)
    if edge_order == 1:
        return sign * (at(places[1]) - at(places[0])) / h
    total = h + k
    slope = total / (h * k) * at(places[1]) - (h + total) / (h * total) * at(places[0])
    return sign * (slope - h / (k * total) * at(places[2]))


# -- interpolation ------------------------------------------------------------------------------
@composed(np.interp)
def _(x, xp, fp, left=None, right=None, period=None):
    everything = (x, xp, fp, left, right, period)
    x, xp, fp = (as_symbol(value, everything) for value in (x, xp, fp))
    xp, fp = (v.astype(np.float64) if v.dtype.kind == "b" else v for v in (xp, fp))
    if period is not None:
        x, xp, fp = _wrapped(x, xp, fp, period)
    low = fp[0] if left is None or period is not None else left
    high = fp[-1] if right is None or period is not None else right
    count = shape_of(xp)[0]
    inside = fp[0]
    if count > 1:
        at = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, count - 2)
        share = (x - xp[at]) / (xp[at + 1] - xp[at])
        inside = fp[at] + share * (fp[at + 1] - fp[at])
    return np.where(x < xp[0], low, np.where(x > xp[-1], high, inside))


def _wrapped(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Everything taken into one period, with a neighbour of the next one at both ends."""
    if not isinstance(period, Symbol):
        period = abs(period)
    x, xp = x % period, xp % period
    order = np.argsort(xp)
    xp, fp = (apply(registry.GETITEM, value, order) for value in (xp, fp))
    xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
    return x, xp, np.concatenate([fp[-1:], fp, fp[:1]])
