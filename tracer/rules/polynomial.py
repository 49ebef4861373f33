"""Derivatives of interpolation, polynomials, and arrays with places taken out or put in.

>>> multilinear(np.interp): fp -> ct to the two neighbours, by their distance
>>> pullback(np.polyval): x -> ct times the polynomial's own derivative
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.builder import Symbol, apply
from tracer.rules.declare import Sparse, linear, pullback
from tracer.rules.helpers import reshape_like, shape_of, sum_to, zeros_like
from tracer.rules.joining import refusal


# -- interpolation ------------------------------------------------------------------------------
def _interval(x: Any, xp: Any) -> Any:
    """The number of the interval of ``xp`` in which each of ``x`` lies."""
    return np.clip(np.searchsorted(xp, x, side="right") - 1, 0, shape_of(xp)[0] - 2)


@pullback(np.interp, 2)
def _(ct, x, xp, fp):
    if not isinstance(x, Symbol):
        x = ct.builder.constant(np.asarray(x))
    if not isinstance(xp, Symbol):
        xp = ct.builder.constant(np.asarray(xp))
    at = _interval(x, xp)
    share = np.clip((x - xp[at]) / (xp[at + 1] - xp[at]), 0.0, 1.0)
    below = apply(registry.SCATTER_ADD, zeros_like(fp), ct * (1.0 - share), at)
    return apply(registry.SCATTER_ADD, below, ct * share, at + 1)


@pullback(np.interp, 0)
def _(ct, x, xp, fp):
    xp, fp = (
        value if isinstance(value, Symbol) else ct.builder.constant(np.asarray(value))
        for value in (xp, fp)
    )
    at = _interval(x, xp)
    slope = (fp[at + 1] - fp[at]) / (xp[at + 1] - xp[at])
    return np.where((x >= xp[0]) & (x < xp[-1]), ct * slope, 0.0)


# -- polynomials --------------------------------------------------------------------------------
@pullback(np.polyval, (0, 1))
def _(ct, p, x):
    degree = shape_of(p)[0] - 1
    slope = np.polyval(p[:-1] * np.arange(degree, 0, -1), x) if degree > 0 else 0.0
    powers = [ct * x**k if k else ct for k in range(degree, -1, -1)]
    return np.stack([np.sum(power) for power in powers]), ct * slope


# -- places taken out or put in -----------------------------------------------------------------
def _along(axis: int, ndim: int, places: Any) -> Any:
    return (*(slice(None),) * (axis % ndim), places) if axis % ndim else places


def _delete(ct, arr, obj, axis=None):
    shape = shape_of(arr)
    if isinstance(obj, Symbol):
        raise refusal(arr, "np.delete has a derivative rule only for literal places.")
    if axis is None and len(shape) != 1:
        kept = np.delete(np.arange(int(np.prod(shape))), obj)
        flat = zeros_like(np.ravel(arr))
        return reshape_like(apply(registry.SETITEM, flat, ct, kept), arr)
    axis = 0 if axis is None else axis
    return Sparse(_along(axis, len(shape), np.delete(np.arange(shape[axis]), obj)), ct, arr)


linear(np.delete, _delete)


@pullback(np.insert, (0, 2))
def _(ct, arr, obj, values, axis=None):
    shape = shape_of(arr)
    if isinstance(obj, Symbol) or len(shape) != 1:
        raise refusal(arr, "np.insert has a derivative rule only for one axis, literal places.")
    source = np.insert(np.arange(shape[0]), obj, -1 if np.ndim(obj) == 0 else [-1] * len(obj))
    count = shape_of(ct)[0] - shape[0]
    if count != int(np.sum(source == -1)):  # one place for several values
        source = np.insert(np.arange(shape[0]), obj, [-1] * count)
    kept, places = np.flatnonzero(source >= 0), np.flatnonzero(source < 0)
    put = apply(registry.GETITEM, ct, places)
    return apply(registry.GETITEM, ct, kept), _to_values(put, values)


def _to_values(put: Any, values: Any) -> Any:
    return sum_to(put, values) if len(shape_of(values)) else np.sum(put)
