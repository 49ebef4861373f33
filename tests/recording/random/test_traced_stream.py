"""Random draws in traced functions: every distribution, what is refused, checks, saved modules."""

from __future__ import annotations

import os
import random
import secrets
import sys
import uuid

import numpy as np
import pytest

from tests.recording.random.draws import X, agree, arguments_of, same, state_of
from tracer import errors, grad, trace
from tracer.ops.random import DISTRIBUTIONS

pytestmark = pytest.mark.filterwarnings("ignore:This function is deprecated")
CAPTURED = np.random.default_rng(11)


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


# -- what is refused -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "draw",
    [
        random.random,
        lambda: random.gauss(0, 1),
        lambda: random.choice([1, 2]),
        lambda: os.urandom(4)[0],
        lambda: secrets.randbelow(5),
        lambda: uuid.uuid4().int,
        lambda: np.random.default_rng(0).bit_generator.random_raw(),
        lambda: CAPTURED.spawn(2),
        lambda: np.random.get_state()[2],
        lambda: CAPTURED.bytes(3),
        random.Random(0).random,
    ],
)
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
