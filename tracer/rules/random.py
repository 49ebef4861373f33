"""Derivatives of random draws by their parameters, where a draw is a function of them.

>>> SLOPES["normal"] = {"loc": one, "scale": lambda loc, scale, out: (out - loc) / scale}

A draw from a family of locations and scales is ``loc + scale * z``, with ``z`` drawn from the
stream alone; its derivative with respect to the scale is ``z``, had back from the draw itself.
This is the reparametrised (pathwise) gradient of Kingma and Welling, Auto-Encoding Variational
Bayes (2014). Where a draw has no such form, or is an integer, differentiating it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops.random import BY_SIZES, DISCRETE, DISTRIBUTIONS, draw_op, parameters_of
from tracer.rules.declare import Missing, elementwise, no_rule, pullback, zero_gradient
from tracer.rules.helpers import sum_to

OWNERS = (np.random.Generator, np.random.RandomState)
Slope = Callable[..., Any]


def standardised(loc, scale, out):
    return (out - loc) / scale


def one(loc, scale, out):
    return 1


def of_scale(scale, out):
    return out / scale


def triangle(left, mode, right, out):
    """Slopes by the lower end, the mode and the upper end, where a uniform number is kept.

    Below the mode ``out - left = sqrt(u * (right - left) * (mode - left))``, above it likewise.
    """
    below, width = out < mode, right - left
    side = np.where(below, mode - left, right - mode)
    half = np.where(below, out - left, right - out) / (2 * width * side)
    by_left = np.where(below, 1 - half * (side + width), half * side)
    by_right = np.where(below, half * side, 1 - half * (side + width))
    return by_left, half * width, by_right


# The slope of a draw by each parameter, from the parameters and the draw.
SLOPES: dict[str, dict[str, Slope]] = {
    "normal": {"loc": one, "scale": standardised},
    "laplace": {"loc": one, "scale": standardised},
    "logistic": {"loc": one, "scale": standardised},
    "gumbel": {"loc": one, "scale": standardised},
    "uniform": {
        "low": lambda low, high, out: (high - out) / (high - low),
        "high": lambda low, high, out: (out - low) / (high - low),
    },
    "exponential": {"scale": of_scale},
    "rayleigh": {"scale": of_scale},
    "gamma": {"scale": lambda shape, scale, out: out / scale},
    "lognormal": {
        "mean": lambda mean, sigma, out: out,
        "sigma": lambda mean, sigma, out: out * (np.log(out) - mean) / sigma,
    },
    "weibull": {"a": lambda a, out: -out * np.log(out) / a},
    "power": {"a": lambda a, out: -out * np.log(out) / a},
    "pareto": {"a": lambda a, out: -(1 + out) * np.log1p(out) / a},
    "vonmises": {"mu": lambda mu, kappa, out: 1},
    "triangular": {
        "left": lambda left, mode, right, out: triangle(left, mode, right, out)[0],
        "mode": lambda left, mode, right, out: triangle(left, mode, right, out)[1],
        "right": lambda left, mode, right, out: triangle(left, mode, right, out)[2],
    },
}
NO_FORM = "its parameter {!r}: the draw is not a known function of it and of the stream alone"


def _partial(name: str, parameter: str) -> Slope:
    """A slope as a function of the whole call: stream, parameters, size."""
    names, defaults = parameters_of(name)
    slope = SLOPES.get(name, {}).get(parameter)

    def partial(stream: Any, *args: Any, out: Any, **kwargs: Any) -> Any:
        if slope is None:
            return Missing(NO_FORM.format(parameter))
        given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
        return slope(*[given[n] for n in names], out)

    return partial


def _declare() -> None:
    for owner in OWNERS:
        for name in DISTRIBUTIONS:
            if not hasattr(owner, name):
                continue
            op, names = draw_op(owner, name), parameters_of(name)[0]
            if name in DISCRETE:
                no_rule(op, because="it draws integers, which do not vary continuously")
            elif name not in ("multivariate_normal", "dirichlet"):
                elementwise(op, None, *[_partial(name, parameter) for parameter in names])
        for name in ("choice", "permutation", "permuted"):
            if hasattr(owner, name):
                no_rule(draw_op(owner, name), because="it draws positions")
        no_rule(draw_op(owner, "dirichlet"), because=NO_FORM.format("alpha"))
        _multivariate(draw_op(owner, "multivariate_normal"))
    for name in BY_SIZES:
        zero_gradient(draw_op(np.random.RandomState, name), because="it has no parameters")


def _multivariate(op: Any) -> None:
    @pullback(op, 1)
    def _(ct, stream, mean, cov, *args, **kwargs):
        return sum_to(ct, mean)

    @pullback(op, 2)
    def _(ct, stream, mean, cov, *args, **kwargs):
        return Missing(NO_FORM.format("cov"))


_declare()
