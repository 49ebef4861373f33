"""Derivatives of weighted means, covariances, histograms and convolutions.

>>> pullback(np.average): ct * weights / total
>>> composed(np.cov): x = m - mean; x @ x.T / (n - 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.builder import apply, find_builder
from tracer.rules.declare import composed, multilinear, pullback
from tracer.rules.helpers import shape_of
from tracer.rules.reductions.reduction import conj


# -- means and covariances ----------------------------------------------------------------------
@composed(np.average)
def _(a, axis=None, weights=None, returned=False, keepdims=False):
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        return (mean, 0.0) if returned else mean
    weights = _weights_like(weights, a, axis)
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, shape_of(mean))) if returned else mean


def _weights_like(weights: Any, a: Any, axis: Any) -> Any:
    """Weights in the shape of ``a``; fewer axes lie along those that are averaged."""
    if not hasattr(weights, "builder"):
        weights = find_builder(a).constant(np.asarray(weights))
    shape = shape_of(a)
    if shape_of(weights) == shape:
        return weights
    axes = np.lib.array_utils.normalize_axis_tuple(
        range(len(shape)) if axis is None else axis, len(shape)
    )
    order = sorted(range(len(axes)), key=axes.__getitem__)
    turned = np.transpose(weights, order) if order != list(range(len(axes))) else weights
    lying = np.reshape(turned, [size if at in axes else 1 for at, size in enumerate(shape)])
    return np.broadcast_to(lying, shape)


@composed(np.cov)
def _(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, dtype=None):
    x = _rows(m, rowvar)
    x = x if y is None else np.concatenate([x, _rows(y, rowvar)], axis=0)
    x = x if dtype is None else x.astype(dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = [np.asarray(w) if isinstance(w, (list, tuple)) else w for w in (fweights, aweights)]
    given = [w for w in weights if w is not None]
    if not given:
        x = x - np.mean(x, axis=1, keepdims=True)
        return np.squeeze(x @ conj(x.T) / max(shape_of(x)[1] - ddof, 0))
    w = given[0] if len(given) == 1 else given[0] * given[1]
    total = np.sum(w)
    x = x - np.sum(x * w, axis=1, keepdims=True) / total
    spare = ddof if weights[1] is None else ddof * np.sum(w * weights[1]) / total
    free = total if type(ddof) is int and ddof == 0 else total - spare
    return np.squeeze((x * w) @ conj(x.T) / free)


def _rows(m: Any, rowvar: bool) -> Any:
    """A matrix with one variable per row."""
    m = m if hasattr(m, "builder") else np.asarray(m)
    if len(shape_of(m)) < 2:
        return np.reshape(m, (1, -1))
    return m if rowvar or shape_of(m)[0] == 1 else m.T


@composed(np.corrcoef)
def _(x, y=None, rowvar=True, dtype=None, bias=None, ddof=None):
    found = np.cov(x, y, rowvar, dtype=dtype)
    if not shape_of(found):
        return found / found
    spread = np.sqrt(np.real(np.diagonal(found)))
    return found / np.expand_dims(spread, -1) / spread


# -- histograms ---------------------------------------------------------------------------------
@composed(np.histogram_bin_edges)
def _(a, bins=10, range=None, weights=None, out=None):
    return _edges(a, bins, range, shape_of(out)[0])


def _edges(a: Any, bins: Any, limits: Any, count: int) -> Any:
    """The edges of bins: as given, or evenly between the extremes (half around a single one)."""
    if shape_of(bins) and not isinstance(bins, str):
        return bins if hasattr(bins, "builder") else find_builder(a).constant(np.asarray(bins))
    if limits is not None:
        ends = (limits[0], limits[1], count)
        return find_builder((a, limits)).emit(registry.op_of(np.linspace), ends)
    if 0 in shape_of(a):
        return find_builder(a).emit(registry.op_of(np.linspace), (0.0, 1.0, count))
    low, high = np.min(a), np.max(a)
    half = np.where(low == high, 0.5, 0.0)
    return np.linspace(low - half, high + half, count)


def _numbers(values: Any, edges: Any) -> Any:
    """The bin of each value; one more than there are for those outside."""
    last = shape_of(edges)[0] - 1
    found = np.searchsorted(edges, values, side="right") - 1
    found = np.where(values == edges[-1], last - 1, found)
    return np.where((found < 0) | (found >= last), last, found)


def _counted(places: Sequence[Any], sizes: Sequence[int], weights: Any) -> Any:
    """The sums of weights per bin, without what lies outside in any direction."""
    room = find_builder((places, weights)).emit(
        registry.op_of(np.zeros), (tuple([size + 1 for size in sizes]),), {"dtype": weights.dtype}
    )
    filled = apply(registry.SCATTER_ADD, room, weights, tuple(places))
    return filled[tuple([slice(None, -1)] * len(sizes))]


def _histogram(columns: Sequence[Any], edges: Sequence[Any], density: bool, weights: Any) -> Any:
    sizes = [shape_of(edge)[0] - 1 for edge in edges]
    weights = np.ones_like(columns[0]) if weights is None else np.ravel(weights)
    places = [_numbers(column, edge) for column, edge in zip(columns, edges, strict=True)]
    counted = _counted(places, sizes, weights)
    if not density:
        return counted
    counted = counted / np.sum(counted)
    for at, edge in enumerate(edges):
        widths = np.diff(edge)
        counted = counted / np.reshape(widths, [-1 if k == at else 1 for k in range_of(sizes)])
    return counted


def range_of(items: Sequence[Any]) -> range:
    return range(len(items))


@composed(np.histogram)
def _(a, bins=10, range=None, density=None, weights=None, out=None):
    edges = _edges(a, bins, range, shape_of(out[1])[0])
    return _histogram([np.ravel(a)], [edges], bool(density), weights), edges


@composed(np.histogram2d)
def _(x, y, bins=10, range=None, density=None, weights=None, out=None):
    edges = _edges_of([x, y], bins, range, out[1:])
    return (_histogram([x, y], edges, bool(density), weights), *edges)


@composed(np.histogramdd)
def _(sample, bins=10, range=None, density=None, weights=None, out=None):
    columns = [sample[:, k] for k in range_of(out[1])]
    edges = _edges_of(columns, bins, range, out[1])
    return (_histogram(columns, edges, bool(density), weights), *edges)


def _edges_of(columns: Sequence[Any], bins: Any, limits: Any, found: Sequence[Any]) -> list[Any]:
    """The edges in each direction."""
    several = isinstance(bins, (list, tuple)) and len(bins) == len(columns)
    each = bins if several else [bins] * len(columns)
    within = limits if limits is not None else [None] * len(columns)
    rows = zip(columns, each, within, found, strict=True)
    return [_edges(column, b, limit, shape_of(edge)[0]) for column, b, limit, edge in rows]


# -- convolutions -------------------------------------------------------------------------------
def _uncut(ct: Any, length: int, late: bool) -> Any:
    """``ct`` of a full convolution: "same" and "valid" cut it at both ends, an odd one ``late``."""
    missing = length - shape_of(ct)[0]
    more, less = missing - missing // 2, missing // 2
    return np.pad(ct, (more, less) if late else (less, more)) if missing else ct


def _left(ct: Any, a: Any, v: Any, late: bool = False) -> Any:
    """The cotangent of ``a`` in a convolution of both."""
    if not shape_of(a):  # a number counts as a vector of one
        return np.sum(ct * v)
    if not shape_of(v):
        return ct * v
    whole = _uncut(ct, shape_of(a)[0] + shape_of(v)[0] - 1, late)
    return np.correlate(whole, conj(v), mode="valid")


multilinear(
    np.convolve,
    lambda ct, a, v, mode="full": _left(ct, a, v),
    lambda ct, a, v, mode="full": _left(ct, v, a),
)


@pullback(np.correlate, (0, 1))
def _(ct, a, v, mode="valid"):
    # It is the convolution with v reversed and conjugated; NumPy makes that of a shorter a from
    # back to front.
    late = shape_of(a)[0] < shape_of(v)[0]
    turned = conj(v[::-1])
    right = _left(ct, turned, a, late)
    return _left(ct, a, turned, late), conj(right[::-1])
