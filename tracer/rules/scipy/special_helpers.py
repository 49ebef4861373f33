"""What the chapters on scipy.special share: several outputs, shifted orders, Python functions.

>>> polygamma = applied(special.polygamma)            # special's Python functions, on Symbols
>>> outputs(special.sici, 0, lambda x, out: (np.sinc(x / np.pi), np.cos(x) / x))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops.builder import Symbol, apply
from tracer.rules.declare import ZERO, Missing, elementwise, pullback
from tracer.rules.helpers import sum_to

COMPLEX = Missing("a complex argument: the scaled function is not analytic")


def applied(function: Any) -> Callable[..., Any]:
    """A Python function of SciPy's as rules can call it: on Symbols it becomes a node."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(a, Symbol) for a in (*args, *kwargs.values())):
            return apply(function, *args, **kwargs)
        return function(*args, **kwargs)

    return call


def outputs(function: Any, operand: int, slopes: Callable[..., tuple]) -> None:
    """A rule for a function with several results: the slope of each by one operand."""

    @pullback(function, operand=operand)
    def _(cts: Any, *args: Any, out: Any) -> Any:
        found = slopes(*args, out=out)
        total: Any = ZERO
        for ct, slope in zip(cts, found, strict=True):
            if ct is not ZERO:
                if isinstance(slope, Missing):
                    return slope
                total = ct * slope if total is ZERO else total + ct * slope
        return sum_to(total, args[operand])


def missing(function: Any, operand: int, because: str) -> None:
    """An operand of a function with several results by which there is no derivative."""

    @pullback(function, operand=operand)
    def _(cts: Any, *args: Any) -> Missing:
        return Missing(because)


def by_argument(slope: Callable[..., Any], *parameters: str) -> Callable[[Any], None]:
    """Declares functions whose last operand alone has a derivative; the others say why not."""

    def declare(function: Any) -> None:
        elementwise(function, *[Missing(because) for because in parameters], slope)

    return declare


def is_complex(*values: Any) -> bool:
    """Whether an operand is complex, which its spec tells."""
    return any(np.dtype(getattr(v, "dtype", type(v))).kind == "c" for v in values)


def lowered(polynomial: Callable[[Any], Any], degree: Any) -> Any:
    """``polynomial(degree - 1)``, and 0 for degree 0, whose derivative vanishes."""
    if isinstance(degree, Symbol):
        return np.where(degree == 0, 0.0, polynomial(degree - 1))
    return 0 if type(degree) in (int, float) and degree == 0 else polynomial(degree - 1)


def at_least_zero(degree: Any) -> Any:
    """A degree that stands beside a factor which is zero where it had to be negative."""
    return max(degree, 0) if type(degree) in (int, float) else np.maximum(degree, 0)
