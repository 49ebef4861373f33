"""Where traced functions find the streams that they draw from: captures, arguments, made inside."""

from __future__ import annotations

import copy
import dataclasses
import functools
import threading

import numpy as np
import pytest

from tests.recording.random.draws import X, agree, same, state_of
from tracer import checkpoint, cond, errors, fori_loop, grad, scan, trace, value_and_grad, vjp

pytestmark = pytest.mark.filterwarnings("ignore:This function is deprecated")


CAPTURED = np.random.default_rng(11)
SETTINGS = {"rng": np.random.default_rng(12)}


class Model:
    shared = np.random.default_rng(13)

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.legacy = np.random.RandomState(seed)

    def noise(self, x):
        return x * self.rng.normal(size=x.shape) + self.legacy.rand(*x.shape)


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
