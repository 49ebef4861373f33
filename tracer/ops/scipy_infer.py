"""Specs of results of SciPy's functions that can't be asked: they refuse the usual stand-ins.

>>> INFER["scipy.linalg.solve_discrete_lyapunov"](params, a, q)
(f64[3,3],)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tracer.graph.node import Hole, Params
from tracer.graph.spec import ArraySpec, array_spec, scalar_spec


def _like_last(params: Params, *specs: ArraySpec) -> tuple[ArraySpec, ...]:
    """An array in the shape of the last operand, as wide as the widest."""
    return (array_spec(specs[-1].shape, np.result_type(*[spec.dtype for spec in specs], "f4")),)


def _dirichlet(params: Params, x: ArraySpec, *others: ArraySpec) -> tuple[ArraySpec, ...]:
    """One number for each column of points."""
    if len(x.shape) < 2:
        return (scalar_spec(np.dtype(np.float64)),)
    return (array_spec(x.shape[1:], np.dtype(np.float64)),)


def _trajectory(params: Params, *specs: ArraySpec) -> tuple[ArraySpec, ...]:
    """A row for each time, a column for each number of the state."""
    sizes = [
        specs[given.slot].shape if isinstance(given, Hole) else np.shape(given)
        for given in (params.args[2], params.args[1])
    ]
    shape = tuple([size[0] if size else 1 for size in sizes])
    return (array_spec(shape, np.dtype(np.float64)),)


INFER: dict[str, Callable[..., tuple[ArraySpec, ...]]] = {
    "scipy.linalg.solve_discrete_lyapunov": _like_last,
    "scipy.integrate.odeint": _trajectory,
    "scipy.stats.dirichlet.logpdf": _dirichlet,
    "scipy.stats.dirichlet.pdf": _dirichlet,
}
