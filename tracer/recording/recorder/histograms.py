"""``np.histogramdd`` on Tensors: its result is nested, so it is recorded as what it does.

>>> histogramdd(recorder, sample, bins=(2, 3))   # searchsorted, ravel_multi_index, bincount
"""

from __future__ import annotations

from typing import Any

import numpy as np


def histogramdd(
    recorder: Any,
    sample: Any,
    bins: Any = 10,
    range: Any = None,
    density: Any = None,
    weights: Any = None,
) -> tuple[Any, list[Any]]:
    """Counts, or sums of weights, in cells of a grid, and the edges along each axis.

    Parameters are those of `np.histogramdd`; ``sample`` has shape (N, D), or is a list of D
    vectors.
    """
    if isinstance(sample, (list, tuple)):
        sample = np.stack(list(sample), axis=1)
    elif np.ndim(sample) == 1:
        sample = np.reshape(sample, (-1, 1))
    count = np.shape(sample)[1]
    each = bins if isinstance(bins, (list, tuple)) else [bins] * count
    if len(each) != count:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    limits = range if range is not None else [None] * count
    columns = [sample[:, k] for k in np.arange(count)]
    edges = [_edges(*told) for told in zip(columns, each, limits, strict=True)]
    sizes = tuple([np.shape(edge)[0] + 1 for edge in edges])
    places = [_places(column, edge) for column, edge in zip(columns, edges, strict=True)]
    cells = np.ravel_multi_index(tuple(places), sizes)
    flat = np.bincount(cells, weights, minlength=int(np.prod(sizes)))
    inside = (slice(1, -1),) * count
    found = np.reshape(flat, sizes).astype(float)[inside]
    return (_density(found, edges) if density else found), edges


def _edges(column: Any, bins: Any, limits: Any) -> Any:
    if np.ndim(bins):
        return bins if hasattr(bins, "dtype") else np.asarray(bins)
    if limits is not None:
        low, high = limits
        return np.linspace(low, high, bins + 1)
    low, high = np.min(column), np.max(column)
    single = low == high
    low, high = np.where(single, low - 0.5, low), np.where(single, high + 0.5, high)
    return np.linspace(low, high, bins + 1)


def _places(column: Any, edges: Any) -> Any:
    """The cell of each number, from 1; 0 and the last are outside. The last edge belongs in."""
    found = np.searchsorted(edges, column, side="right")
    return found - (column == edges[-1])


def _density(found: Any, edges: list[Any]) -> Any:
    total = np.sum(found)
    for axis, edge in enumerate(edges):
        shape = [-1 if k == axis else 1 for k, _ in enumerate(edges)]
        found = found / np.reshape(np.diff(edge), shape)
    return found / total
