"""Derivatives of sets of numbers: each is one of the numbers it was found among.

>>> composed(np.unique): np.ravel(ar)[first]   # first = np.unique(ar, return_index=True)[1]
>>> composed(np.trim_zeros): filt[kept]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.rules.declare import composed
from tracer.rules.helpers import place_along, shape_of, still


# -- unique -------------------------------------------------------------------------------------
@composed(np.unique)
def _(
    ar,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    equal_nan=True,
    sorted=True,
    out=None,
):
    told = {} if equal_nan is True else {"equal_nan": equal_nan}
    values = out[0] if isinstance(out, tuple) else out
    if axis is not None:
        first = np.unique(still(ar), return_index=True, axis=axis, **told)[1]
        chosen = ar[place_along(int(axis) % len(shape_of(ar)), first)]
    else:
        chosen = _firsts(ar, values, sorted, told)
    return (chosen, *[0.0] * (len(out) - 1)) if isinstance(out, tuple) else chosen


def _firsts(ar: Any, values: Any, sorted: bool, told: dict[str, Any]) -> Any:
    """Where each different number stands first, in the order of ``values``."""
    first = np.unique(still(ar), return_index=True, **told)[1]
    if not sorted:
        first = first[np.argsort(np.argsort(values))]
    return np.ravel(ar)[first]


@composed(np.unique_values)
def _(x, out=None):
    return _firsts(x, out, False, {"equal_nan": False})


@composed(np.unique_all, np.unique_counts, np.unique_inverse)
def _(x, out=None):
    chosen = _firsts(x, out[0], True, {"equal_nan": False})
    return (chosen, *[0.0] * (len(out) - 1))


# -- two sets -----------------------------------------------------------------------------------
def _joined(*sets: Any) -> Any:
    return np.concatenate([np.ravel(one) for one in sets])


@composed(np.union1d)
def _(ar1, ar2):
    return np.unique(_joined(ar1, ar2))


@composed(np.intersect1d)
def _(ar1, ar2, assume_unique=False, return_indices=False):
    found = np.unique(ar1)
    found = found[np.isin(found, ar2)]
    return (found, 0.0, 0.0) if return_indices else found


@composed(np.setdiff1d)
def _(ar1, ar2, assume_unique=False):
    found = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return found[np.isin(found, ar2, invert=True)]


@composed(np.setxor1d)
def _(ar1, ar2, assume_unique=False):
    ordered = np.sort(_joined(ar1, ar2) if assume_unique else _joined(*map(np.unique, (ar1, ar2))))
    return ordered[np.isin(ordered, np.intersect1d(ar1, ar2), invert=True)]


# -- zeros at the ends --------------------------------------------------------------------------
@composed(np.trim_zeros)
def _(filt, trim="fb", axis=None):
    trim, ndim = trim.lower(), len(shape_of(filt))
    axes = range(ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, ndim)
    for at in axes:
        others = tuple([k for k in range(ndim) if k != at])
        lives = np.any(filt != 0, axis=others) if others else filt != 0
        kept = _from_first(lives) if "f" in trim else None
        if "b" in trim:
            until = _from_first(lives[::-1])[::-1]
            kept = until if kept is None else kept & until
        filt = filt if kept is None else filt[place_along(at, kept)]
    return filt


def _from_first(lives: Any) -> Any:
    """True from the first true one on."""
    return np.cumsum(lives) > 0
