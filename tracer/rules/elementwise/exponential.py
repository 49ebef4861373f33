"""Derivatives of exponentials and logarithms.

>>> elementwise(np.exp, lambda x, out: out)
"""

from __future__ import annotations

import numpy as np

from tracer.rules.declare import elementwise

LOG_2 = float(np.log(2.0))
LOG_10 = float(np.log(10.0))

elementwise(np.exp, lambda x, out: out)
elementwise(np.exp2, lambda x, out: LOG_2 * out)
elementwise(np.expm1, lambda x, out: out + 1)
elementwise(np.log, lambda x: 1 / x)
elementwise(np.log2, lambda x: 1 / (LOG_2 * x))
elementwise(np.log10, lambda x: 1 / (LOG_10 * x))
elementwise(np.log1p, lambda x: 1 / (1 + x))
elementwise(np.logaddexp, lambda x, y, out: np.exp(x - out), lambda x, y, out: np.exp(y - out))
elementwise(np.logaddexp2, lambda x, y, out: np.exp2(x - out), lambda x, y, out: np.exp2(y - out))


def sinc_slope(x, out):
    """(cos(πx) - sinc(x)) / x, and near 0, where the difference cancels, its series."""
    near = np.absolute(x) < 0.03
    square = (np.pi * x) ** 2
    series = -1 / 3 + square * (1 / 30 - square * (1 / 840 - square / 45360))
    far = (np.cos(np.pi * x) - out) / np.where(near, 1.0, x)
    return np.where(near, np.pi**2 * x * series, far)


elementwise(np.sinc, sinc_slope)


def bessel_ratio(x):
    """I1(x), of which NumPy has none: the mean of cosθ·exp(x·cosθ) over equally spaced angles.

    The periodic trapezoid rule converges faster than any power: 64 angles give full double
    precision for abs(x) < 30, where I0 is in use.
    """
    cosines = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    return np.mean(cosines * np.exp(np.expand_dims(x, -1) * cosines), axis=-1)


elementwise(np.i0, bessel_ratio)
