"""Derivatives of trigonometric and hyperbolic functions and their inverses.

>>> elementwise(np.tanh, lambda x, out: 1 - out**2)
"""

from __future__ import annotations

import numpy as np

from tracer.rules.declare import By, elementwise

elementwise(np.sin, lambda x: np.cos(x))
elementwise(np.cos, lambda x: -np.sin(x))
elementwise(np.tan, lambda x, out: 1 + out**2)
elementwise(np.sinh, lambda x: np.cosh(x))
elementwise(np.cosh, lambda x: np.sinh(x))
elementwise(np.tanh, lambda x, out: 1 - out**2)
elementwise(np.arcsin, lambda x: 1 / np.sqrt(1 - x**2))
elementwise(np.arccos, lambda x: -1 / np.sqrt(1 - x**2))
elementwise(np.arctan, lambda x: 1 / (1 + x**2))
elementwise(np.arcsinh, lambda x: 1 / np.sqrt(x**2 + 1))
elementwise(np.arccosh, lambda x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)))
elementwise(np.arctanh, lambda x: 1 / (1 - x**2))
elementwise(
    np.arctan2,
    lambda y, x: By(lambda ct: ct * x / (x**2 + y**2)),
    lambda y, x: By(lambda ct: -(ct * y) / (x**2 + y**2)),
)


def hypot_slope(side, out):
    """side / out, and 0 at the corner, where every value between -1 and 1 would do."""
    return By(lambda ct: ct * side / np.where(out == 0, 1.0, out))


elementwise(np.hypot, lambda x, y, out: hypot_slope(x, out), lambda x, y, out: hypot_slope(y, out))
