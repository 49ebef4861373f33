"""Draws in order, past branches and exceptions; shuffles, permutations and choices."""

from __future__ import annotations

import numpy as np
import pytest

from tests.recording.random.draws import MATRIX, X, agree, same, state_of
from tracer import errors, grad, settings, trace

pytestmark = pytest.mark.filterwarnings("ignore:This function is deprecated")


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
