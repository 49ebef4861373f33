"""Random draws in traced functions: the same numbers, the same stream, the right gradients."""

from __future__ import annotations

import copy
import dataclasses
import functools
import os
import random
import secrets
import sys
import threading
import uuid

import numpy as np
import pytest

from tracer import (
    checkpoint,
    cond,
    errors,
    fori_loop,
    grad,
    hessian,
    jacobian,
    jvp,
    linearize,
    scan,
    settings,
    trace,
    value_and_grad,
    vjp,
)
from tracer.graph.check import check
from tracer.ops.infer import infer
from tracer.ops.random import DISTRIBUTIONS, parameters_of

pytestmark = pytest.mark.filterwarnings("ignore:This function is deprecated")
X = np.array([0.5, -1.0, 2.0, 0.25])
MATRIX = np.arange(12.0).reshape(4, 3) / 7
CAPTURED = np.random.default_rng(11)
SETTINGS = {"rng": np.random.default_rng(12)}


class Model:
    shared = np.random.default_rng(13)

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.legacy = np.random.RandomState(seed)

    def noise(self, x):
        return x * self.rng.normal(size=x.shape) + self.legacy.rand(*x.shape)


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


# -- every distribution -----------------------------------------------------------------------
VALUES = {
    "a": 1.5, "b": 2.0, "n": 5, "p": 0.3, "df": 3.0, "alpha": [1.0, 2.0, 0.5], "scale": 1.25,
    "dfnum": 3.0, "dfden": 5.0, "shape": 2.5, "loc": 0.5, "ngood": 5, "nbad": 4, "nsample": 3,
    "low": 1, "high": 9, "mean": 0.3, "sigma": 0.7, "pvals": [0.2, 0.3, 0.5], "colors": [3, 4],
    "nonc": 1.5, "lam": 2.5, "left": -1.0, "mode": 0.5, "right": 2.0, "mu": 0.4, "kappa": 1.1,
}  # fmt: skip


def arguments_of(name):
    values = dict(VALUES)
    if name == "zipf":
        values["a"] = 2.5
    if name == "multivariate_normal":
        values |= {"mean": [0.1, 0.2], "cov": [[2.0, 0.3], [0.3, 1.0]]}
    return [values[parameter] for parameter in parameters_of(name)[0]]


@pytest.mark.parametrize("owner", [np.random.default_rng, np.random.RandomState])
@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_every_distribution(owner, name):
    if not hasattr(owner(0), name):
        pytest.skip(f"{name} is a method of the other kind of stream")
    arguments = arguments_of(name)
    agree(lambda rng: getattr(rng, name)(*arguments), make=owner)
    agree(lambda rng: getattr(rng, name)(*arguments, size=3), make=owner)
    agree(lambda rng: getattr(rng, name)(*arguments, (2, 3)), make=owner)


@pytest.mark.parametrize("name", ["normal", "uniform", "gamma", "poisson", "binomial"])
def test_traced_parameters(name):
    first, *rest = arguments_of(name)

    def f(x, rng):
        return getattr(rng, name)(first + x * 0, *rest)

    agree(f, np.arange(3.0) if name != "binomial" else np.arange(3))
    agree(f, 1.0 if name != "binomial" else np.int64(1))


def test_dtypes_and_methods_of_drawing():
    agree(lambda rng: rng.random(3, dtype=np.float32))
    agree(lambda rng: rng.standard_normal(dtype=np.float32))
    agree(lambda rng: rng.standard_exponential(4, method="inv"))
    agree(lambda rng: rng.integers(3, 300, size=4, dtype=np.uint16, endpoint=True))
    agree(lambda rng: rng.integers(5))
    agree(lambda rng: rng.random(()))
    agree(lambda rng: rng.normal([0.0, 1.0], [[1.0], [2.0]]))
    agree(lambda rng: rng.rand(), make=np.random.RandomState)
    agree(lambda rng: rng.randn(2, 3), make=np.random.RandomState)
    agree(lambda rng: rng.randint(4, size=3), make=np.random.RandomState)


def test_drawing_into_an_array():
    def f(x, rng):
        out = np.empty(3)
        rng.random(out=out)
        rng.standard_normal(out=out[1:])
        return out * x

    agree(f, 2.0)


# -- where the stream comes from -----------------------------------------------------------------
def test_the_global_stream():
    def f(x):
        return x + np.random.normal(size=4) * np.random.rand() + np.random.randint(3)

    traced = trace(f)
    for _ in range(3):
        state = np.random.get_state()
        got, after = traced(X), state_of(np.random.mtrand._rand)
        np.random.set_state(state)
        same(got, f(X))
        assert after == state_of(np.random.mtrand._rand)


def from_captures(x):
    return x * CAPTURED.uniform(size=4) + SETTINGS["rng"].normal()


def test_captured_streams():
    traced = trace(from_captures)
    streams = (CAPTURED, SETTINGS["rng"])
    for _ in range(3):
        states = [s.bit_generator.state for s in streams]
        got = traced(X)
        after = [state_of(s) for s in streams]
        for stream, state in zip(streams, states, strict=True):
            stream.bit_generator.state = state
        same(got, from_captures(X))
        assert after == [state_of(s) for s in streams]


def test_streams_of_attributes_and_closures():
    ours, theirs = Model(3), Model(3)
    traced = trace(ours.noise)
    for _ in range(3):
        same(traced(X), theirs.noise(X))
    inner = np.random.default_rng(5)
    closure = trace(lambda x: x + inner.normal())
    assert closure(1.0) != closure(1.0)
    inner = np.random.default_rng(5)  # another stream under the same name
    assert closure(1.0) == 1.0 + np.random.default_rng(5).normal()


STREAMS = [np.random.default_rng(1), np.random.default_rng(2)]
BOUND = np.random.default_rng(3).normal


@dataclasses.dataclass
class Noise:
    scale: np.ndarray
    rng: np.random.Generator


def test_streams_in_containers_defaults_and_bound_methods():
    def listed(x):
        return x + sum(rng.normal() for rng in STREAMS) + BOUND(size=4)

    traced, streams = trace(listed), [*STREAMS, BOUND.__self__]
    for _ in range(3):
        states = [s.bit_generator.state for s in streams]
        got = traced(X)
        for stream, state in zip(streams, states, strict=True):
            stream.bit_generator.state = state
        same(got, listed(X))
    make = np.random.default_rng
    same(
        trace(lambda n: n.scale * n.rng.normal(size=4))(Noise(X, make(4))),
        X * make(4).normal(size=4),
    )
    same(
        trace(lambda p: p["w"] * p["rng"].normal(size=4))({"w": X, "rng": make(4)}),
        X * make(4).normal(size=4),
    )
    bound = functools.partial(lambda x, rng: x * rng.normal(), rng=make(4))
    assert trace(bound)(1.0) == make(4).normal()

    def default(x, rng=make(4)):  # noqa: B008
        return x * rng.normal()

    traced, expected = trace(default), make(4)
    assert [traced(1.0), traced(1.0)] == [expected.normal(), expected.normal()]


def read_twice(x):
    def inner(y):
        rng = SETTINGS["rng"]
        return y * rng.normal(size=4)

    return inner(x) + inner(x) * CAPTURED.random() + Model.shared.random() + Model.shared.random()


def test_one_path_read_twice():
    traced, streams = trace(read_twice), [SETTINGS["rng"], CAPTURED, Model.shared]
    for _ in range(3):
        states = [s.bit_generator.state for s in streams]
        got = traced(X)
        for stream, state in zip(streams, states, strict=True):
            stream.bit_generator.state = state
        same(got, read_twice(X))


def test_what_code_asks_of_a_generator():
    def f(x, rng):
        rng = rng or np.random.default_rng()
        rng = np.random.default_rng(rng)
        assert rng is not None and isinstance(rng, np.random.Generator) and rng == rng
        return x * {rng: 1.0}[rng] * rng.normal()

    agree(f, X)
    for copied in (copy.copy, copy.deepcopy):
        with pytest.raises(errors.LeakError):
            trace(lambda x, rng: x * copied(rng).normal())(X, np.random.default_rng(0))


def test_loops_branches_and_checkpoints():
    agree(lambda x, rng: fori_loop(0, 3, lambda i, v: v + rng.normal(size=4), x), X)
    agree(lambda x, rng: scan(lambda c, v: (c + rng.normal(), c * v), 0.0, x)[1], X)
    agree(lambda x, rng: cond(x.sum() > 0, lambda v: v * rng.normal(), lambda v: v, x), X)

    def loss(x, rng):
        return np.sum(checkpoint(lambda v: np.tanh(v) * rng.normal(size=4))(x) ** 2)

    agree(loss, X)
    ours, theirs = np.random.default_rng(5), np.random.default_rng(5)
    value, g = value_and_grad(loss)(X, ours)
    assert value == loss(X, theirs)
    assert state_of(ours) == state_of(theirs)
    noise = np.random.default_rng(5).normal(size=4)
    np.testing.assert_allclose(g, 2 * np.tanh(X) * noise**2 * (1 - np.tanh(X) ** 2))

    def product(x, rng):
        return np.sum(fori_loop(0, 3, lambda i, v: v * rng.normal(size=4), x))

    value, g = value_and_grad(product)(X, ours)
    assert value == product(X, theirs)
    assert state_of(ours) == state_of(theirs)
    rng = np.random.default_rng(5)
    rng.normal(size=4)
    np.testing.assert_allclose(g, np.prod([rng.normal(size=4) for _ in range(3)], axis=0))


def test_streams_as_results_and_methods_as_functions():
    def f(x, rng):
        own = np.random.default_rng(3)
        return x * rng.normal() + own.random(), rng, own

    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(2):
        value, stream, own = trace(f)(2.0, ours)
        expected, _, other = f(2.0, theirs)
        assert value == expected and stream is ours
        assert state_of(own) == state_of(other)
    for method in ("normal", "permutation", "exponential"):
        ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
        traced = trace(getattr(ours, method))
        for _ in range(2):
            same(traced(abs(X)), getattr(theirs, method)(abs(X)))
    assert grad(np.random.default_rng(0).normal)(0.5) == 1.0
    with pytest.raises(errors.IntegerArgument, match="leave the random stream out"):
        vjp(f, 2.0, ours)


def test_threads_with_streams_of_their_own():
    found = []

    def work(seed):
        ours, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
        traced = trace(lambda x, rng: x * rng.normal(size=4) + rng.random())
        for _ in range(5):
            same(traced(X, ours), X * theirs.normal(size=4) + theirs.random())
        found.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3]


def test_streams_made_inside():
    def f(x):
        rng = np.random.default_rng(0)
        legacy = np.random.RandomState(4)
        own = np.random.Generator(np.random.PCG64(9))
        return x * rng.normal(size=4) + legacy.randn(4) * own.random() + rng.normal()

    traced = trace(f)
    for x in (X, 2 * X, X - 1):
        same(traced(x), f(x))
    fresh = trace(lambda x: x + np.random.default_rng().random())
    assert fresh(1.0) != fresh(1.0)


def test_seeding_inside():
    def f(x, seed):
        np.random.seed(seed)
        return x * np.random.rand(4) + np.random.normal()

    state = np.random.get_state()
    for seed in (1, 2, 1):
        same(trace(f)(X, seed), f(X, seed))
    np.random.set_state(state)


def test_states_that_are_put_back():
    def f(x):
        state = np.random.get_state()
        np.random.seed(3)
        y = x * np.random.normal(size=4)
        np.random.set_state(state)
        return y + np.random.rand()

    traced = trace(f)
    for _ in range(3):
        state = np.random.get_state()
        got, after = traced(X), state_of(np.random.mtrand._rand)
        np.random.set_state(state)
        same(got, f(X))
        assert after == state_of(np.random.mtrand._rand)
    assert "state = np.random.get_state()" in traced.source(X)
    kept = np.random.get_state()

    def g(x):
        np.random.set_state(kept)
        return x + np.random.rand()

    assert trace(g)(1.0) == g(1.0)


def test_one_stream_under_two_names():
    def f(x, a, b):
        first = a.normal(size=4)
        return first + x * b.normal(size=4)

    ours, theirs = np.random.default_rng(1), np.random.default_rng(1)
    traced = trace(f)
    for _ in range(3):
        same(traced(X, ours, ours), f(X, theirs, theirs))
    bits = np.random.PCG64(3), np.random.PCG64(3)
    pairs = [[np.random.Generator(b), np.random.Generator(b)] for b in bits]
    for _ in range(3):
        same(traced(X, *pairs[0]), f(X, *pairs[1]))


def test_half_used_normals_of_the_legacy_stream():
    ours, theirs = np.random.RandomState(2), np.random.RandomState(2)
    traced = trace(lambda x, rng: x + rng.normal())
    for _ in range(5):  # each call uses one of a pair of normals
        assert traced(1.0, ours) == 1.0 + theirs.normal()


# -- order, branches, exceptions -----------------------------------------------------------------
def test_order_is_kept_and_equal_draws_are_not_merged():
    def f(x, rng):
        b = rng.normal(size=4)
        a = rng.normal(size=4)
        rng.normal(size=2)
        return a * x + rng.random() - b * rng.random()

    agree(f, X)


def test_another_branch_starts_from_the_same_state():
    def f(x, rng):
        noise = rng.normal(size=4)
        if x.sum() + noise[0] > 0:
            return x + rng.normal()
        return noise * rng.uniform(size=4)

    traced = trace(f)
    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    for k in range(12):
        same(traced(X * (-1) ** k, ours), f(X * (-1) ** k, theirs))
        assert state_of(ours) == state_of(theirs)


def test_past_the_limit_of_branches():
    def f(x, rng):
        total = x
        for _ in range(6):
            total = total * 2 if rng.random() > 0.5 else total + rng.normal()
        return total

    with settings.using(max_branches=4):
        traced = trace(f)
        ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
        for _ in range(12):
            assert traced(1.5, ours) == f(1.5, theirs)
            assert state_of(ours) == state_of(theirs)


def test_an_exception_leaves_the_stream_as_plain_numpy_does():
    def f(x, rng):
        noise = rng.normal(size=3)
        if x > 1:
            raise KeyError("too large")
        return x * noise

    def error_of(function, *arguments):
        with pytest.raises(KeyError) as caught:
            function(*arguments)
        return str(caught.value)

    traced = trace(f)
    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    for x in (0.5, 2.0, 0.5, 3.0):
        if x > 1:
            assert error_of(traced, x, ours) == error_of(f, x, theirs)
        else:
            same(traced(x, ours), f(x, theirs))
        assert state_of(ours) == state_of(theirs)


def test_branches_on_draws_that_no_seed_fixes():
    """Each way is taken as often as plain NumPy takes it, whichever was traced first."""

    def f(x):
        rng = np.random.default_rng()
        return x if rng.random() < 0.25 else -x

    def g(x):
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence()))
        return x if np.random.RandomState().rand() < 0.5 and rng.random() < 0.5 else -x

    for function in (f, g):
        traced, differentiate = trace(function), grad(function)
        outer = trace(lambda x, inner=function: grad(inner)(x) * 2.0)
        for call, size in ((traced, 2.0), (differentiate, 1.0), (outer, 2.0)):
            results = [float(call(2.0)) for _ in range(400)]
            assert set(results) == {size, -size}
            assert 50 < results.count(size) < 150  # six deviations
        assert len(traced.cache.entries) == 1
        assert all(len(leaves) <= 3 for leaves in traced.cache.entries.values())

    def wild(x):
        rng = np.random.default_rng()
        return x + sum(1 for _ in range(40) if rng.random() < 0.5)

    traced = trace(wild)
    assert 17.5 < np.mean([traced(0.0) for _ in range(200)]) < 22.5


def test_a_way_that_no_run_takes_again():
    def wild(x):
        np.random.seed()
        return x + sum(1 for _ in range(40) if np.random.random() < 0.5)

    with pytest.raises(errors.CheckFailed, match="another way"):
        trace(wild)(1.0)


def test_a_draw_that_numpy_refuses():
    def f(scale, rng):
        try:
            return rng.normal(0.0, scale)
        except ValueError:
            return -rng.random()

    traced = trace(f)
    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    for scale in (1.0, -1.0, 2.0, -3.0):
        assert traced(scale, ours) == f(scale, theirs)
        assert state_of(ours) == state_of(theirs)


# -- orders and choices -------------------------------------------------------------------------
@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_orders_and_choices(make):
    for data in (X, MATRIX, np.arange(5), MATRIX.astype("f4")):
        agree(lambda x, rng: rng.permutation(x), data, make=make)

        def shuffled(x, rng):
            x = x.copy()
            rng.shuffle(x)
            return x

        agree(shuffled, data, make=make)
    agree(lambda x, rng: x[rng.permutation(4)[:2]], MATRIX, make=make)
    agree(lambda x, rng: rng.choice(x), X, make=make)
    agree(lambda x, rng: rng.choice(x, 3), X, make=make)
    agree(lambda x, rng: rng.choice(x, (2, 2), replace=False), X, make=make)
    agree(lambda x, rng: rng.choice(x, 6, p=[0.1, 0.2, 0.3, 0.4]), X, make=make)
    agree(lambda x, rng: rng.choice(4, 3) + x[:3], X, make=make)
    agree(lambda x, rng: rng.permutation([1.0, 2.0, 3.0]) * x[0], X, make=make)


def test_orders_along_axes():
    agree(lambda x, rng: rng.permutation(x, axis=1), MATRIX)
    agree(lambda x, rng: rng.permuted(x), MATRIX)
    agree(lambda x, rng: rng.permuted(x, axis=1), MATRIX)
    agree(lambda x, rng: rng.permuted(x, axis=0), MATRIX[::-1])
    agree(lambda x, rng: rng.choice(x, 2, axis=1, replace=False), MATRIX)
    agree(lambda x, rng: rng.choice(x, 3, shuffle=False, replace=False), MATRIX)

    def shuffled(x, rng):
        y = x * 1
        rng.shuffle(y, axis=1)
        rng.shuffle(y[1:])
        return y

    agree(shuffled, MATRIX)


def test_a_shuffled_argument_is_written_back():
    def f(x, rng):
        rng.shuffle(x)
        return x.sum()

    traced = trace(f)
    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(3):
        a, b = X.copy(), X.copy()
        same(traced(a, ours), f(b, theirs))
        np.testing.assert_array_equal(a, b)


# -- gradients ---------------------------------------------------------------------------------
SLOPED = {
    "normal": ("loc", "scale"), "laplace": ("loc", "scale"), "logistic": ("loc", "scale"),
    "gumbel": ("loc", "scale"), "uniform": ("low", "high"), "exponential": ("scale",),
    "rayleigh": ("scale",), "gamma": ("scale",), "lognormal": ("mean", "sigma"),
    "weibull": ("a",), "power": ("a",), "pareto": ("a",), "vonmises": ("mu",),
    "triangular": ("left", "mode", "right"),
}  # fmt: skip


def slope(function, value, h=1e-6):
    return (function(value + h) - function(value - h)) / (2 * h)


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
@pytest.mark.parametrize("name", sorted(SLOPED))
def test_reparametrised_gradients(name, make):
    names = parameters_of(name)[0]
    for parameter in SLOPED[name]:
        place = names.index(parameter)
        given = [float(v) for v in arguments_of(name)]

        def f(value, rng, place=place, given=given):
            values = [*given[:place], value, *given[place + 1 :]]
            drawn = getattr(rng, name)(*values, size=(2, 3))
            return np.sum(np.sin(drawn)) + getattr(rng, name)(*values)

        got = grad(f)(given[place], make(3))
        expected = slope(lambda v: f(v, make(3)), given[place])
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8)
        _, tangent = jvp(lambda v: f(v, make(3)), (given[place],), (1.0,))
        np.testing.assert_allclose(tangent, expected, rtol=1e-6, atol=1e-8)


def test_gradients_of_broadcast_parameters():
    def f(loc, scale, rng):
        return np.sum(rng.normal(loc, scale, size=(5, 4)) ** 2)

    loc, scale = np.linspace(-1, 1, 4), np.full((5, 1), 0.7)
    value, (g_loc, g_scale) = value_and_grad(f, argnums=(0, 1))(
        loc, scale, np.random.default_rng(1)
    )
    assert value == f(loc, scale, np.random.default_rng(1))
    z = (np.random.default_rng(1).normal(loc, scale, size=(5, 4)) - loc) / scale
    np.testing.assert_allclose(g_loc, np.sum(2 * (loc + scale * z), axis=0))
    np.testing.assert_allclose(g_scale, np.sum(2 * (loc + scale * z) * z, axis=1, keepdims=True))


def test_second_derivative_through_a_draw():
    def f(scale):
        return np.random.default_rng(2).normal(1.0, scale) ** 3

    h = 1e-4
    expected = (f(0.8 + h) - 2 * f(0.8) + f(0.8 - h)) / h**2
    np.testing.assert_allclose(grad(grad(f))(0.8), expected, rtol=1e-5)


def test_dropout():
    def loss(w, x, rng):
        hidden = np.tanh(x @ w)
        keep = rng.random(hidden.shape) < 0.8
        return np.mean((hidden * keep / 0.8) ** 2)

    w, x = np.ones((3, 2)) / 3, MATRIX
    value, g = value_and_grad(loss)(w, x, np.random.default_rng(4))
    assert value == loss(w, x, np.random.default_rng(4))
    for k in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[k] = 1.0
        expected = slope(lambda t: loss(w + t * step, x, np.random.default_rng(4)), 0.0)
        np.testing.assert_allclose(g[k], expected, rtol=1e-5, atol=1e-9)


def test_minibatches():
    data = np.random.default_rng(0).normal(size=(20, 3))

    def loss(w, rng):
        batch = data[rng.permutation(len(data))[:5]]
        return np.sum((batch @ w) ** 2)

    ours, theirs = np.random.default_rng(1), np.random.default_rng(1)
    w = np.array([0.3, -0.2, 0.1])
    for _ in range(3):
        value, g = value_and_grad(loss)(w, ours)
        batch = data[theirs.permutation(20)[:5]]
        assert value == np.sum((batch @ w) ** 2)
        np.testing.assert_allclose(g, 2 * batch.T @ (batch @ w))
        w = w - 0.01 * g


def test_a_metropolis_step():
    def log_density(x):
        return -0.5 * np.sum(x**2)

    def step(x, width, rng):
        proposal = x + width * rng.normal(size=x.shape)
        if np.log(rng.random()) < log_density(proposal) - log_density(x):
            return proposal
        return x

    traced = trace(step)
    ours, theirs = np.random.default_rng(6), np.random.default_rng(6)
    a = b = X
    for _ in range(20):
        a, b = traced(a, 2.0, ours), step(b, 2.0, theirs)
        np.testing.assert_array_equal(a, b)
    g = grad(lambda w, rng: np.sum(step(X, w, rng)))(0.01, np.random.default_rng(0))
    np.testing.assert_allclose(g, np.random.default_rng(0).normal(size=4).sum())


def test_langevin_steps():
    def sample(x, size, rng):
        for _ in range(5):
            x = x - size * x + np.sqrt(2 * size) * rng.standard_normal(x.shape)
        return np.sum(x**2)

    got = grad(sample, argnums=1)(X, 0.1, np.random.default_rng(3))
    expected = slope(lambda s: sample(X, s, np.random.default_rng(3)), 0.1)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_pullbacks_keep_the_numbers_that_were_drawn():
    rng = np.random.default_rng(8)
    out, pullback = vjp(lambda x: x * rng.normal(size=4), X)
    noise = np.random.default_rng(8).normal(size=4)
    np.testing.assert_array_equal(out, X * noise)
    for _ in range(2):
        np.testing.assert_array_equal(pullback(np.ones(4))[0], noise)
    assert state_of(rng) == state_of(_after(8))


def _after(seed):
    rng = np.random.default_rng(seed)
    rng.normal(size=4)
    return rng


def test_gradients_inside_a_traced_function_draw_once():
    def f(x, rng):
        def inner(y):
            return np.sum(y**2 * rng.normal(size=4))

        return grad(inner)(x) + rng.random()

    ours, theirs = np.random.default_rng(2), np.random.default_rng(2)
    for _ in range(3):
        expected = 2 * X * theirs.normal(size=4) + theirs.random()
        np.testing.assert_allclose(trace(f)(X, ours), expected)
        assert state_of(ours) == state_of(theirs)

    def pulled(x, rng):
        out, pullback = vjp(lambda y: y * rng.normal(size=4), x)
        return out, pullback(np.ones(4))[0]

    def pushed(x, rng):
        out, linear = linearize(lambda y: np.sin(y) * rng.normal(size=4), x)
        return out, linear(np.ones(4)), linear(2 * np.ones(4))

    for out, once, twice in [trace(pushed)(X, ours)]:
        noise = theirs.normal(size=4)
        np.testing.assert_array_equal(out, np.sin(X) * noise)
        np.testing.assert_allclose(once, np.cos(X) * noise)
        np.testing.assert_allclose(twice, 2 * once)
        assert state_of(ours) == state_of(theirs)

    out, back = trace(pulled)(X, ours)
    noise = theirs.normal(size=4)
    np.testing.assert_array_equal(out, X * noise)
    np.testing.assert_array_equal(back, noise)
    assert state_of(ours) == state_of(theirs)


def test_the_global_stream_in_an_inner_function():
    def f(x):
        first = np.random.rand()
        return grad(lambda y: y * y * np.random.rand())(x) + first

    state = np.random.get_state()
    got = trace(f)(3.0)
    after = state_of(np.random.mtrand._rand)
    np.random.set_state(state)
    first = np.random.rand()
    assert got == 6.0 * np.random.rand() + first
    assert after == state_of(np.random.mtrand._rand)


def test_jacobians_use_one_set_of_numbers():
    def f(x, rng):
        return np.sin(x) * rng.normal(size=4) + rng.random()

    noise = np.random.default_rng(3).normal(size=4)
    theirs = np.random.default_rng(3)
    f(X, theirs)
    for mode in ("forward", "reverse", None):
        ours = np.random.default_rng(3)
        found = jacobian(f, mode=mode)(X, ours)
        np.testing.assert_allclose(found, np.diag(np.cos(X) * noise))
        assert state_of(ours) == state_of(theirs)
    ours = np.random.default_rng(3)
    found = hessian(lambda x: np.sum(f(x, ours)))(X)
    np.testing.assert_allclose(found, np.diag(-np.sin(X) * noise))
    assert state_of(ours) == state_of(theirs)
    ours = np.random.default_rng(3)
    out, linear = linearize(lambda x: f(x, ours), X)
    assert state_of(ours) == state_of(theirs)
    np.testing.assert_array_equal(out, f(X, np.random.default_rng(3)))
    np.testing.assert_allclose(linear(np.ones(4)), np.cos(X) * noise)


@pytest.mark.parametrize(
    "f",
    [
        lambda p, rng: 1.0 * rng.poisson(p),
        lambda p, rng: np.sum(1.0 * rng.binomial(5, p, size=3)),
        lambda p, rng: rng.standard_gamma(p),
        lambda p, rng: np.sum(rng.dirichlet(np.stack([p, p]))[0] ** 2),
        lambda p, rng: rng.beta(p, 1.0),
        lambda p, rng: np.sum(rng.multivariate_normal(np.zeros(2), np.eye(2) * p)),
    ],
)
def test_differentiating_through_other_parameters_is_refused(f):
    with pytest.raises(errors.MissingRule):
        grad(f)(0.5, np.random.default_rng(0))


def test_a_multivariate_mean_has_a_gradient():
    def f(mean, rng):
        return np.sum(rng.multivariate_normal(mean, np.eye(2), size=3) ** 2)

    mean = np.array([0.5, 1.5])
    got = grad(f)(mean, np.random.default_rng(1))
    expected = 2 * np.random.default_rng(1).multivariate_normal(mean, np.eye(2), size=3).sum(0)
    np.testing.assert_allclose(got, expected)


# -- what is refused -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "draw",
    [
        random.random, lambda: random.gauss(0, 1), lambda: random.choice([1, 2]),
        lambda: os.urandom(4)[0], lambda: secrets.randbelow(5), lambda: uuid.uuid4().int,
        lambda: np.random.default_rng(0).bit_generator.random_raw(),
        lambda: CAPTURED.spawn(2), lambda: np.random.get_state()[2], lambda: CAPTURED.bytes(3),
        random.Random(0).random,
    ],
)  # fmt: skip
def test_other_sources_are_refused(draw):
    def f(x):
        return x * draw()

    with pytest.raises(errors.TracerError):
        trace(f)(1.0)


def test_draws_by_code_that_is_not_seen_are_refused():
    made: dict = {}
    exec("def draw(): return np.random.mtrand._rand.normal()", {"np": np}, made)
    draw = made["draw"]
    with pytest.raises(errors.LeakError, match="can't see into"):
        trace(lambda x: x * draw())(1.0)


def test_draws_inside_callbacks_are_seen():
    rng = np.random.default_rng(0)
    holder = type("Holder", (), {"draw": staticmethod(rng.normal)})

    def f(x):
        return x * sorted([1, 2], key=lambda _: holder.draw())[0] + sum(map(rng.normal, [0.0, 1.0]))

    traced = trace(f)
    for _ in range(4):
        state = rng.bit_generator.state
        got, after = traced(2.0), state_of(rng)
        rng.bit_generator.state = state
        assert got == f(2.0)
        assert after == state_of(rng)


def test_lists_are_not_shuffled():
    def f(x, rng):
        parts = [x, 2 * x]
        rng.shuffle(parts)
        return parts[0]

    with pytest.raises(errors.CaptureMutationError):
        trace(f)(X, np.random.default_rng(0))


def test_gradients_of_generators_are_refused():
    with pytest.raises(errors.TracerError):
        grad(lambda x, rng: x * rng.normal(), argnums=1)(1.0, np.random.default_rng(0))


# -- check=True, saved modules -------------------------------------------------------------------
def test_check_leaves_the_streams_alone():
    def f(x, rng):
        return x * rng.normal(size=4) + CAPTURED.random() + np.random.rand()

    traced = trace(f, check=True)
    ours = np.random.default_rng(0)
    for _ in range(4):
        states = [ours.bit_generator.state, CAPTURED.bit_generator.state, np.random.get_state()]
        got = traced(X, ours)
        after = [state_of(ours), state_of(CAPTURED), state_of(np.random.mtrand._rand)]
        ours.bit_generator.state, CAPTURED.bit_generator.state = states[:2]
        np.random.set_state(states[2])
        same(got, f(X, ours))
        assert after == [state_of(ours), state_of(CAPTURED), state_of(np.random.mtrand._rand)]


def test_saved_modules_take_the_generator(tmp_path, monkeypatch):
    def loss(w, rng):
        return np.sum((w + rng.normal(size=3)) ** 2) + CAPTURED.random() * np.random.rand()

    path = tmp_path / "saved_noise.py"
    trace(loss).save(path, np.ones(3), np.random.default_rng(0))
    monkeypatch.syspath_prepend(str(tmp_path))
    saved = __import__("saved_noise")
    sys.modules.pop("saved_noise")
    state, other = np.random.get_state(), CAPTURED.bit_generator.state
    value, gradient = saved.value_and_grad(np.ones(3), np.random.default_rng(0), CAPTURED)
    np.random.set_state(state)
    CAPTURED.bit_generator.state = other
    assert value == loss(np.ones(3), np.random.default_rng(0))
    noise = np.random.default_rng(0).normal(size=3)
    np.testing.assert_allclose(gradient, 2 * (1 + noise))


def test_the_source_reads_like_the_user_s_code():
    def f(x, rng):
        noise = rng.normal(0.0, 0.1, size=4)
        return np.sum(x * noise) + np.random.rand()

    source = trace(f).source(X, np.random.default_rng(0))
    assert "noise = rng.normal(0.0, 0.1, size=4)" in source
    assert "np.random.rand()" in source


def test_distributions_of_scipy_draw_from_a_traced_stream():
    stats = pytest.importorskip("scipy.stats")
    agree(lambda x, rng: stats.norm.rvs(loc=x, scale=2.0, size=4, random_state=rng), X)
    agree(lambda x, rng: x * stats.gamma(2.0).rvs(4, random_state=rng), X)
    agree(lambda x, rng: x * stats.t.rvs(3.0, size=4, random_state=rng), X)
    agree(lambda x, rng: x * stats.dirichlet.rvs([1.0, 2.0], random_state=rng)[0, 0], X)

    def drawn(scale):
        return stats.norm.rvs(scale=scale, random_state=np.random.default_rng(1))

    np.testing.assert_allclose(grad(drawn)(2.0), drawn(1.0))
    with pytest.raises(errors.LeakError, match="random_state=rng"):
        trace(lambda x: x * stats.norm.rvs(size=4))(X)
