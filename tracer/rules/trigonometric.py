"""Derivatives of trigonometric and hyperbolic functions and their inverses.

>>> elementwise(np.tanh, lambda x, out: 1 - out**2)
"""

from __future__ import annotations

import numpy as np

from tracer.rules.declare import elementwise

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
