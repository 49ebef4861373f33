"""Derivatives of `math`, `cmath` and calculating builtins: those of the same function of NumPy.

>>> same("asin", np.arcsin)

The value is Python's own; what is differentiated is the NumPy function of that name.
"""

from __future__ import annotations

import builtins
import cmath
import functools
import math
import operator
from typing import Any

import numpy as np

from tracer.ops import mathematics  # noqa: F401 - enters the ops
from tracer.rules.declare import composed, elementwise, no_rule, zero_gradient

# The function of NumPy that has another name.
RENAMED = {
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atanh": "arctanh",
    "atan2": "arctan2",
}
SAME = frozenset(
    "acos acosh asin asinh atan atan2 atanh cbrt copysign cos cosh degrees exp2 expm1 fabs fmod "
    "log10 log1p log2 pow radians sin sinh tan tanh modf frexp".split()
)


def _functions(name: str) -> list[Any]:
    """``math.name`` and ``cmath.name``, where they exist."""
    return [vars(module)[name] for module in (math, cmath) if name in vars(module)]


for _name in sorted(SAME):
    for _function in _functions(_name):
        _numpy = getattr(np, RENAMED.get(_name, "power" if _name == "pow" else _name))
        _arity = 2 if _name in ("atan2", "copysign", "fmod", "pow") else 1
        if _arity == 2:
            composed(_function)(lambda x, y, _numpy=_numpy: _numpy(x, y))
        else:
            composed(_function)(lambda x, _numpy=_numpy: _numpy(x))
for _function in _functions("exp"):
    elementwise(_function, lambda x, out: out)
for _function in _functions("sqrt"):
    elementwise(_function, lambda x, out: 0.5 / out)
for _function in _functions("log"):
    composed(_function)(lambda x, base=None: np.log(x) if base is None else np.log(x) / _log(base))


def _log(base: Any) -> Any:
    return math.log(base) if isinstance(base, (int, float)) else np.log(base)


elementwise(math.ldexp, lambda x, i: np.ldexp(1.0, i), None)
elementwise(math.remainder, lambda x, y: 1, lambda x, y: -np.rint(x / y))
if "fma" in vars(math):
    elementwise(vars(math)["fma"], lambda x, y, z: y, lambda x, y, z: x, lambda x, y, z: 1)

# -- error and gamma functions ---------------------------------------------------------------
TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)
# Coefficients of ψ(x) ~ log(x) - 1/(2x) - Σ B_2k / (2k x^2k): Abramowitz and Stegun 6.3.18.
BERNOULLI = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
SHIFT = 12  # the series is used from here on, where its last term is below rounding


def digamma(x: Any) -> Any:
    """The derivative of ``lgamma``, by recurrence to large arguments and reflection of x < 0.5."""
    reflected = x < 0.5
    positive = np.where(reflected, 1.0 - x, x)
    shifted = positive + SHIFT
    square = 1.0 / (shifted * shifted)
    series: Any = 0.0
    for coefficient in reversed(BERNOULLI):
        series = square * (coefficient + series)
    steps = np.expand_dims(positive, -1) + np.arange(float(SHIFT))
    value = np.log(shifted) - 0.5 / shifted - series - np.sum(1.0 / steps, axis=-1)
    safe = np.where(reflected, x, 0.25)
    return np.where(reflected, value - np.pi / np.tan(np.pi * safe), value)


elementwise(math.erf, lambda x: TWO_OVER_ROOT_PI * np.exp(-x * x))
elementwise(math.erfc, lambda x: -TWO_OVER_ROOT_PI * np.exp(-x * x))
elementwise(math.lgamma, digamma)
elementwise(math.gamma, lambda x, out: out * digamma(x))


# -- of several numbers ----------------------------------------------------------------------
def vector(items: Any) -> Any:
    """Numbers in a list as one array; an array as it is."""
    return np.stack(list(items)) if isinstance(items, (list, tuple)) else items


@composed(math.fsum)
def _(seq):
    return np.sum(vector(seq))


@composed(math.prod)
def _(iterable, start=1):
    if isinstance(iterable, (list, tuple)):
        return functools.reduce(operator.mul, iterable, start)
    return np.prod(iterable) * start


@composed(math.hypot)
def _(*coordinates):
    return np.linalg.norm(np.stack(coordinates))


@composed(math.dist)
def _(p, q):
    return np.linalg.norm(vector(p) - vector(q))


if "sumprod" in vars(math):

    @composed(vars(math)["sumprod"])
    def _sumprod(p, q):
        return np.sum(vector(p) * vector(q))


@composed(builtins.sum)
def _(iterable, start=0):
    if isinstance(iterable, (list, tuple)):
        return functools.reduce(operator.add, iterable, start)
    return np.sum(iterable) + start


for _extreme, _place in ((builtins.max, np.argmax), (builtins.min, np.argmin)):

    @composed(_extreme)
    def _chosen(*items, _place=_place):
        """Python takes the first of equal ones."""
        values = vector(items[0] if len(items) == 1 else items)
        return values[_place(values)]


# -- complex numbers -------------------------------------------------------------------------
@composed(builtins.complex)
def _(real=0, imag=0):
    return real + 1j * imag


@composed(cmath.phase)
def _(z):
    return np.angle(z)


@composed(cmath.polar)
def _(z):
    return np.absolute(z), np.angle(z)


@composed(cmath.rect)
def _(r, phi):
    return r * np.exp(1j * phi)


# -- steps and truth values ------------------------------------------------------------------
zero_gradient(math.floor, math.ceil, math.trunc, builtins.round, because="piecewise constant")
zero_gradient(
    *[f for name in ("isnan", "isinf", "isfinite", "isclose") for f in _functions(name)],
    because="a truth value",
)
zero_gradient(
    *[vars(math)[n] for n in ("comb", "perm", "factorial", "gcd", "lcm", "isqrt")],
    builtins.pow,
    because="a function of integers",
)
zero_gradient(math.ulp, because="a property of the floating-point grid")
no_rule(math.nextafter, because="it steps along the floating-point grid")
