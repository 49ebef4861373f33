"""Random draws as ops: methods of Generator and RandomState, and what makes a stream.

>>> draw_op(np.random.Generator, "normal")
<op random.Generator.normal>

The stream is the first operand. Draws are never merged, moved or dropped, and evaluating one is
NumPy's own call, so that values and the stream's state are those of plain NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.node import Hole, Params
from tracer.graph.op import OPAQUE, RNG, Op
from tracer.graph.spec import ArraySpec
from tracer.ops.infer_by_probe import probe, stand_in
from tracer.ops.registry import register
from tracer.ops.seeds import MAKERS, REPEATABLE

STREAM = ArraySpec((), np.dtype(object), "object")

# The parameters of each method, with defaults where there are any; `size` follows.
DISTRIBUTIONS: dict[str, str] = {
    "beta": "a b",
    "binomial": "n p",
    "chisquare": "df",
    "dirichlet": "alpha",
    "exponential": "scale=1.0",
    "f": "dfnum dfden",
    "gamma": "shape scale=1.0",
    "geometric": "p",
    "gumbel": "loc=0.0 scale=1.0",
    "hypergeometric": "ngood nbad nsample",
    "integers": "low high=None",
    "laplace": "loc=0.0 scale=1.0",
    "logistic": "loc=0.0 scale=1.0",
    "lognormal": "mean=0.0 sigma=1.0",
    "logseries": "p",
    "multinomial": "n pvals",
    "multivariate_hypergeometric": "colors nsample",
    "multivariate_normal": "mean cov",
    "negative_binomial": "n p",
    "noncentral_chisquare": "df nonc",
    "noncentral_f": "dfnum dfden nonc",
    "normal": "loc=0.0 scale=1.0",
    "pareto": "a",
    "poisson": "lam=1.0",
    "power": "a",
    "randint": "low high=None",
    "random_integers": "low high=None",
    "rayleigh": "scale=1.0",
    "standard_gamma": "shape",
    "standard_t": "df",
    "triangular": "left mode right",
    "uniform": "low=0.0 high=1.0",
    "vonmises": "mu kappa",
    "wald": "mean scale",
    "weibull": "a",
    "zipf": "a",
    "random": "",
    "random_sample": "",
    "standard_cauchy": "",
    "standard_exponential": "",
    "standard_normal": "",
    "tomaxint": "",
}
BY_SIZES = ("rand", "randn")  # their arguments are the sizes
POSITIONS = ("choice", "permutation", "permuted")  # of integers; of arrays as a look-up
STATEMENTS = ("seed", "set_state")  # give nothing
STATES = ("get_state",)
# Whose result is no floating-point number: no derivative leads through them.
DISCRETE = frozenset(
    "binomial geometric hypergeometric integers logseries multinomial multivariate_hypergeometric "
    "negative_binomial poisson randint random_integers zipf choice permutation permuted".split()
)

# Parameters for which ones are no valid value; for finding out what a draw looks like.
SAFE = {"p": 0.5, "a": 2.0, "high": 2, "mode": 2.0, "right": 3.0, "pvals": 0.0}


def parameters_of(name: str) -> tuple[list[str], dict[str, Any]]:
    """Names of a distribution's parameters, and the defaults of those that have one.

    >>> parameters_of("normal")
    (['loc', 'scale'], {'loc': 0.0, 'scale': 1.0})
    """
    names, defaults = [], {}
    for part in DISTRIBUTIONS.get(name, "").split():
        parameter, _, default = part.partition("=")
        names.append(parameter)
        if default:
            defaults[parameter] = None if default == "None" else float(default)
    return names, defaults


_OPS: dict[tuple[type, str], Op] = {}


def draw_op(owner: type, name: str) -> Op:
    """The op of ``owner.name``; ``owner`` is ``np.random.Generator`` or ``RandomState``."""
    return _OPS[owner, name]


def _never_numbers(params: Params, *specs: ArraySpec) -> tuple[ArraySpec, ...]:
    return (STREAM,)


class _Draw:
    """Infers a draw's spec by drawing from a stream of its own."""

    def __init__(self, owner: type, name: str):
        self.owner = owner
        self.name = name
        self.op: Op | None = None

    def __call__(self, params: Params, *specs: ArraySpec) -> tuple[ArraySpec, ...]:
        names = _names_of_slots(self.name, params)
        assert self.op is not None

        def fill(slot: int, spec: ArraySpec, shape: Any) -> Any:
            if spec.kind == "object":
                return (
                    self.owner(np.random.PCG64(0))
                    if self.owner is np.random.Generator
                    else (np.random.RandomState(0))
                )
            name = names.get(slot, "")
            value = stand_in(spec, shape, eye=name == "cov")
            if name == "p" and self.name == "choice":
                return np.full(np.shape(value), 1.0 / max(np.size(value), 1), spec.dtype)
            safe = SAFE.get(name)
            return value if safe is None else (value * 0 + spec.dtype.type(safe))

        return probe(self.op, params, specs, "", fill)


def _names_of_slots(name: str, params: Params) -> dict[int, str]:
    names = parameters_of(name)[0] if name in DISTRIBUTIONS else ["a", "size", "replace", "p"]
    found = {a.slot: n for n, a in zip(names, params.args[1:]) if type(a) is Hole}
    return found | {a.slot: n for n, a in params.kwargs.items() if type(a) is Hole}


def _enter() -> None:
    for owner in (np.random.Generator, np.random.RandomState):
        for name in (*DISTRIBUTIONS, *BY_SIZES, *POSITIONS, *STATEMENTS, *STATES):
            method = getattr(owner, name, None)
            if method is None:
                continue
            label = f"random.{owner.__name__}.{name}"
            draw = _Draw(owner, name)
            infer = _never_numbers if name in (*STATEMENTS, *STATES) else draw
            draw.op = Op(label, OPAQUE, method, f"rng.{name}", infer=infer, effects=RNG)
            plain = Op(label, OPAQUE, method, label, effects=RNG)
            _OPS[owner, name] = register(draw.op, method)
            draw.op = plain  # probing must not ask itself


# What makes a stream: its op, and back.
MAKER_OPS: dict[Any, Op] = {}
MADE_BY: dict[Op, Any] = {}
for _name, _maker in MAKERS.items():
    _label, _make = f"np.random.{_name}", REPEATABLE[_name]
    _op = Op(f"random.{_name}", OPAQUE, _make, _label, infer=_never_numbers, effects=RNG)
    MAKER_OPS[_maker] = register(_op, _maker)
    MADE_BY[MAKER_OPS[_maker]] = _maker
_enter()
