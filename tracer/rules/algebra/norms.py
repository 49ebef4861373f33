"""Derivatives of norms of vectors and matrices; where the norm is 0 the slope is 0.

>>> pullback(np.linalg.norm): ct -> ct / out * x
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.rules.algebra.decomposition import is_complex
from tracer.rules.algebra.products import ndim, row
from tracer.rules.declare import ZERO, pullback
from tracer.rules.helpers import normal_axes, restore_axes
from tracer.rules.reductions.reduction import conj, never_zero, tally


def phase(x: Any) -> Any:
    """The slope of the absolute value: the sign, or the conjugate phase of a complex number."""
    return np.conjugate(np.sign(x)) if is_complex(x) else np.sign(x)


def vector_norm_cotangent(ct: Any, x: Any, out: Any, order: Any, axis: Any, keepdims: bool) -> Any:
    """The cotangent of ``x``; at 0 it is 0."""
    ct, out = (restore_axes(value, x, axis, keepdims) for value in (ct, out))
    if order is None or order == 2:
        return ct / never_zero(out) * conj(x)
    if order in (np.inf, -np.inf):
        hit = np.abs(x) == out
        return ct / tally(hit, x, axis, keepdims=ndim(ct) > 0) * hit * phase(x)
    if order == 1:
        return ct * phase(x)
    if order == 0:
        return ZERO
    size = np.abs(x)
    slope = np.where(size == 0.0, 0.0, np.where(size == 0.0, 1.0, size) / never_zero(out))
    slope = np.where(size == 0.0, 0.0, np.where(size == 0.0, 1.0, slope) ** (order - 1))
    return ct * slope * phase(x)


@pullback(np.linalg.norm)
def _(ct, x, ord=None, axis=None, keepdims=False, out=None):
    count = ndim(x) if axis is None else len(normal_axes(axis, ndim(x)))
    if ord is None or ord == "fro":
        return vector_norm_cotangent(ct, x, out, None, axis, keepdims)
    if count == 1:
        return vector_norm_cotangent(ct, x, out, ord, axis, keepdims)
    return matrix_norm_cotangent(ct, x, out, ord, axis, keepdims)


def matrix_norm_cotangent(ct: Any, x: Any, out: Any, order: Any, axis: Any, keepdims: bool) -> Any:
    count = ndim(x)
    rows, columns = (0, 1) if axis is None else tuple([at % count for at in axis])
    if ndim(ct) and not keepdims:
        ct, out = (np.expand_dims(value, (rows, columns)) for value in (ct, out))
    if order in (1, -1, np.inf, -np.inf):
        along = rows if order in (1, -1) else columns
        sums = np.sum(np.abs(x), axis=along, keepdims=True)
        hit = sums == out
        return ct / tally(hit, x, (rows, columns), keepdims=ndim(ct) > 0) * hit * phase(x)
    last = (rows, columns) == (count - 2, count - 1)
    matrix = x if last else np.moveaxis(x, (rows, columns), (-2, -1))
    u, s, vh = np.linalg.svd(matrix, full_matrices=False)
    if order == "nuc":
        weights = np.where(s > 0.0, 1.0, 0.0)
    else:
        extreme = np.max(s, axis=-1, keepdims=True) if order == 2 else np.min(s, -1, keepdims=True)
        hit = s == extreme
        weights = hit / tally(hit, s, -1)
    grad = conj(u) * row(weights) @ conj(vh)
    return ct * (grad if last else np.moveaxis(grad, (-2, -1), (rows, columns)))


@pullback(np.linalg.vector_norm)
def _(ct, x, axis=None, keepdims=False, ord=2, out=None):
    return vector_norm_cotangent(ct, x, out, ord, axis, keepdims)


@pullback(np.linalg.matrix_norm)
def _(ct, x, keepdims=False, ord="fro", out=None):
    if ord == "fro":
        return vector_norm_cotangent(ct, x, out, None, (-2, -1), keepdims)
    return matrix_norm_cotangent(ct, x, out, ord, (-2, -1), keepdims)
