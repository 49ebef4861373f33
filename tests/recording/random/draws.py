"""Draws by traced functions compared with plain NumPy's: values, streams and what they are at."""

from __future__ import annotations

import numpy as np

from tracer import trace
from tracer.graph.check import check
from tracer.ops.infer import infer
from tracer.ops.random import parameters_of

X = np.array([0.5, -1.0, 2.0, 0.25])
MATRIX = np.arange(12.0).reshape(4, 3) / 7
VALUES = {
    "a": 1.5,
    "b": 2.0,
    "n": 5,
    "p": 0.3,
    "df": 3.0,
    "alpha": [1.0, 2.0, 0.5],
    "scale": 1.25,
    "dfnum": 3.0,
    "dfden": 5.0,
    "shape": 2.5,
    "loc": 0.5,
    "ngood": 5,
    "nbad": 4,
    "nsample": 3,
    "low": 1,
    "high": 9,
    "mean": 0.3,
    "sigma": 0.7,
    "pvals": [0.2, 0.3, 0.5],
    "colors": [3, 4],
    "nonc": 1.5,
    "lam": 2.5,
    "left": -1.0,
    "mode": 0.5,
    "right": 2.0,
    "mu": 0.4,
    "kappa": 1.1,
}


def state_of(stream):
    return repr(
        stream.get_state(legacy=False)
        if isinstance(stream, np.random.RandomState)
        else stream.bit_generator.state
    )


def same(got, expected):
    assert type(got) is type(expected), (type(got), type(expected))
    if isinstance(expected, tuple):
        for one, other in zip(got, expected, strict=True):
            same(one, other)
        return
    if isinstance(expected, np.ndarray):
        assert got.dtype == expected.dtype and got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)


def agree(function, *arguments, calls=3, make=np.random.default_rng):
    """Values, types and the stream's state, call after call."""
    traced = trace(function)
    ours, theirs = make(7), make(7)
    for _ in range(calls):
        same(traced(*arguments, ours), function(*arguments, theirs))
        assert state_of(ours) == state_of(theirs)
    graph = traced.graph(*arguments, ours, mode="forward")
    check(graph, infer=infer)
    assert state_of(ours) == state_of(theirs)  # looking at the graph drew nothing
    return traced


def arguments_of(name):
    values = dict(VALUES)
    if name == "zipf":
        values["a"] = 2.5
    if name == "multivariate_normal":
        values |= {"mean": [0.1, 0.2], "cov": [[2.0, 0.3], [0.3, 1.0]]}
    return [values[parameter] for parameter in parameters_of(name)[0]]
