"""Derivatives of the functions that go on into the complex plane where real ones would give nan.

>>> elementwise(np.emath.sqrt, lambda x, out: 0.5 / out)
"""

from __future__ import annotations

import numpy as np

from tracer.rules.declare import elementwise
from tracer.rules.elementwise.exponential import LOG_2, LOG_10


def like(x, out):
    """``x`` as the function itself took it: complex if the result is."""
    return x.astype(out.dtype) if hasattr(x, "astype") else x


def root_of_one_less_square(x, out):
    """``sqrt(1 - x**2)`` on the side of the branch cut that NumPy's arcsin takes."""
    z = like(x, out)
    return np.sqrt(-(z - 1)) * np.sqrt(z + 1)


def logarithm(x, out):
    return np.log(like(x, out))


elementwise(np.emath.sqrt, lambda x, out: 0.5 / out)
elementwise(np.emath.log, lambda x: 1 / x)
elementwise(np.emath.log2, lambda x: 1 / (LOG_2 * x))
elementwise(np.emath.log10, lambda x: 1 / (LOG_10 * x))
elementwise(
    np.emath.logn,
    lambda n, x, out: -out / (n * logarithm(n, out)),
    lambda n, x, out: 1 / (x * logarithm(n, out)),
)
elementwise(
    np.emath.power,
    lambda x, p, out: p * like(x, out) ** (p - 1),
    lambda x, p, out: out * logarithm(x, out),
)
elementwise(np.emath.arcsin, lambda x, out: 1 / root_of_one_less_square(x, out))
elementwise(np.emath.arccos, lambda x, out: -1 / root_of_one_less_square(x, out))
elementwise(np.emath.arctanh, lambda x, out: 1 / (1 - like(x, out) ** 2))
