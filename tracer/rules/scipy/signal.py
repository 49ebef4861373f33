"""scipy.signal: convolutions and linear filters, each linear in each of its arguments.

>>> pullback(signal.convolve): ct, in2 -> signal.correlate(ct, conj(in2), "valid")
"""

from typing import Any

import numpy as np
from scipy import signal

from tracer.rules.algebra.products import ndim
from tracer.rules.declare import composed, pullback
from tracer.rules.helpers import shape_of
from tracer.rules.reductions.reduction import conj
from tracer.rules.scipy.special_helpers import applied

convolve, correlate, lfilter = map(applied, (signal.convolve, signal.correlate, signal.lfilter))


def in_full(ct: Any, first: tuple, second: tuple, mode: str) -> Any:
    """The cotangent of the full convolution, of which the other modes return a part."""
    if mode == "full":
        return ct
    widths = []
    for n, m in zip(first, second, strict=True):
        before = (m - 1) // 2 if mode == "same" else min(n, m) - 1
        kept = n if mode == "same" else max(n, m) - min(n, m) + 1
        widths.append((before, n + m - 1 - kept - before))
    return np.pad(ct, widths)


def turned(x: Any) -> Any:
    return np.flip(x) if ndim(x) else x


@pullback(signal.convolve, (0, 1))
def _(ct, in1, in2, mode="full", method="auto"):
    whole = in_full(ct, shape_of(in1), shape_of(in2), mode)
    if not ndim(whole):
        return whole * in2, whole * in1
    return correlate(whole, conj(in2), mode="valid"), correlate(whole, conj(in1), mode="valid")


@composed(signal.correlate)
def _(in1, in2, mode="full", method="auto"):
    return convolve(in1, turned(conj(in2)), **({} if mode == "full" else {"mode": mode}))


@composed(signal.fftconvolve, signal.oaconvolve)
def _(in1, in2, mode="full"):
    return convolve(in1, in2, **({} if mode == "full" else {"mode": mode}))


# With y = B/A x, the transpose runs backwards, and 1/A carries what b and a change.
def _lags(ct: Any, filtered: Any, count: int, axis: int) -> Any:
    """``Σ ct[n] filtered[n - k]`` for each lag k."""
    ct, filtered = np.moveaxis(ct, axis, -1), np.moveaxis(filtered, axis, -1)
    n = shape_of(ct)[-1]
    return np.stack([np.sum(ct[..., k:] * filtered[..., : max(n - k, 0)]) for k in range(count)])


@pullback(signal.lfilter, (0, 1, 2))
def _(ct, b, a, x, axis=-1, *, out):
    where = {} if axis == -1 else {"axis": axis}
    unit = np.ones(1)
    by_x = np.flip(lfilter(b, a, np.flip(ct, axis), **where), axis)
    by_b = _lags(ct, lfilter(unit, a, x, **where), shape_of(b)[0], axis)
    by_a = -_lags(ct, lfilter(unit, a, out, **where), shape_of(a)[0], axis)
    return by_b, by_a, by_x
