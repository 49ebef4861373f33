"""Derivatives of arithmetic: sums, products, quotients, powers, remainders.

>>> elementwise(np.multiply, lambda x, y: y, lambda x, y: x)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.rules.declare import By, elementwise, zero_gradient


def inverse(y: Any) -> Any:
    """``1 / y``; of a literal zero infinity, as NumPy divides."""
    if hasattr(y, "dtype") or y != 0:
        return 1 / y
    return math.copysign(math.inf, y) if isinstance(y, (int, float)) else complex(math.nan, 0)


elementwise(np.add, lambda x, y: 1, lambda x, y: 1)
elementwise(np.subtract, lambda x, y: 1, lambda x, y: -1)
elementwise(np.multiply, lambda x, y: y, lambda x, y: x)
elementwise(np.divide, lambda x, y: inverse(y), lambda x, y, out: By(lambda ct: -(ct * out) / y))
elementwise(np.negative, lambda x: -1)
elementwise(np.positive, lambda x: 1)
elementwise(np.square, lambda x: 2 * x)
elementwise(np.sqrt, lambda x, out: 0.5 / out)
elementwise(np.cbrt, lambda x, out: 1 / (3 * out**2))
elementwise(np.reciprocal, lambda x, out: -(out**2))
elementwise(np.remainder, lambda x, y: 1, lambda x, y: -np.floor_divide(x, y))
elementwise(np.fmod, lambda x, y: 1, lambda x, y: -np.trunc(x / y))
elementwise(np.nextafter, lambda x, y: 1, None)  # a step that is too small to be seen
elementwise(np.ldexp, lambda x, i: np.ldexp(1.0, i), None)
elementwise(np.deg2rad, lambda x: np.pi / 180)
elementwise(np.radians, lambda x: np.pi / 180)
elementwise(np.rad2deg, lambda x: 180 / np.pi)
elementwise(np.degrees, lambda x: 180 / np.pi)

zero_gradient(np.floor_divide, because="piecewise constant")


def is_python_number(x: Any) -> bool:
    """Whether Python itself calculates with it: 0.0 ** -0.5 is an error there, not infinite."""
    return getattr(getattr(x, "spec", None), "kind", "") == "weak"


def power_of_base(x: Any, y: Any) -> Any:
    """d(x**y)/dx, finite wherever it is: at x = 0 for y = 0 and y = 1 too."""
    if not hasattr(y, "dtype"):
        if y == 0:
            return 0
        if y == 1:
            return 1
        if y == 2:
            return 2 * x
        return y * (np.power(x, y - 1) if is_python_number(x) else x ** (y - 1))
    if y.dtype.kind in "iub":
        return y * x ** np.where(y == 0, 1, y - 1)
    return y * x ** np.where(y == 0, 1.0, y - 1)


def power_of_exponent(x: Any, y: Any, out: Any) -> Any:
    """d(x**y)/dy; 0 at x = 0, where log(x) would be infinite."""
    if not hasattr(x, "dtype"):
        return out * np.log(x) if x else 0
    return out * np.log(np.where(x == 0, 1.0, x))


for _power in (np.power, np.float_power, registry.POW):
    elementwise(_power, power_of_base, power_of_exponent)
