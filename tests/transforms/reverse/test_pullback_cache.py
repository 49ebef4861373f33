"""Pullbacks known from before: calls past the cap give the values and gradients of all others."""

import math

import numpy as np
import pytest

from tracer import errors, grad, settings, trace, value_and_grad
from tracer.transforms.reverse import pullback_cache


def both(f, *arguments, argnums=0):
    """Value and gradient as compiled, and as interpreted, twice: pullbacks are cached, then replayed."""
    compiled = value_and_grad(f, argnums)(*arguments)
    pullback_cache._CACHE.clear()
    found = []
    for _ in range(2):
        interpreted = trace(f)
        with settings.using(max_branches=1):
            other = value_and_grad(lambda *args: interpreted(*args), argnums)
            other(*[-np.abs(a) - 1 for a in arguments])  # takes the only place
            found.append(other(*arguments))
    return compiled, found


def branching(f):
    """``f`` where the sum is above -1: another way than that of the call that fills the cap."""

    def branched(x, *rest):
        if np.sum(x) < -1.0:
            return np.sum(x * 0.0)
        return f(x, *rest)

    return branched


PROGRAMS = {
    "operators": lambda x: np.sum((x * 2.0 - 3 / (x + 4.0)) ** 3 % 5.0 + x // 2 - -x),
    "same operand twice": lambda x: np.sum(x * x / (x + x)),
    "number on the left": lambda x: np.sum(2.0 / x + 3 - (1.5 - x) + 2.0**x),
    "ufuncs": lambda x: np.sum(np.exp(-x) * np.hypot(x, 2.0) + np.arctan2(x, 1.0)),
    "masks": lambda x: np.sum(np.maximum(x, 1.2) * np.abs(x - 2) + np.where(x > 1, x, x**2)),
    "elements": lambda x: x[0] * x[-1] + x[1] ** 2 - x[np.int64(2)],
    "broadcasting": lambda x: np.sum(x[:, None] * x + x.reshape(1, 3, 1) / 3),
    "reductions": lambda x: np.sum(x * np.max(x) - np.mean(x) / np.prod(x)) + np.var(x),
    "shapes": lambda x: np.sum(np.stack([x, x * 2])[:, ::-1] @ np.concatenate([x[1:], x[:1]])),
    "writes": lambda x: written(x),
    "zeros in the program": lambda x: np.sum(x * 0.0 + x * -0.0 + x * 1.0),
    "stable sum": lambda x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x),
}


def written(x):
    y = x * 2.0
    z = y * y
    y[0] = x[1]
    y *= x
    return np.sum(y * z)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_interpreted_calls_agree(name, dtype):
    x = np.array([1.5, 0.75, 2.25], dtype)
    f = branching(PROGRAMS[name])
    (value, slope), found = both(f, x)
    for other, gradient in found:
        assert type(other) is type(value) and other == value == f(x)
        assert gradient.dtype == slope.dtype and gradient.shape == slope.shape
        np.testing.assert_allclose(gradient, slope, rtol=20 * np.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("name", PROGRAMS)
def test_interpreted_gradients_are_slopes(name):
    x = np.array([1.5, 0.75, 2.25])
    f = branching(PROGRAMS[name])
    (_, slope), found = both(f, x)
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-6
        central = (PROGRAMS[name](x + step) - PROGRAMS[name](x - step)) / 2e-6
        for _, gradient in found:
            assert gradient[place] == pytest.approx(central, rel=1e-6, abs=1e-7)


def test_operands_that_are_no_inputs_of_the_gradient():
    f = branching(lambda x, y: np.sum(x * y / (y + 1)))
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    for argnums in (0, 1, (0, 1)):
        (_, slopes), found = both(f, x, y, argnums=argnums)
        for _, others in found:
            for one, other in zip(np.atleast_2d(slopes), np.atleast_2d(others), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-15)


def test_numbers_of_a_call_are_part_of_what_is_known():
    def scaled(x, k):
        return x * k if x > 0 else -x

    with settings.using(max_branches=1):
        slope = grad(scaled)
        slope(-1.0, 2)
        for k in (2, 3, 2.5, 0, True, 4):
            assert slope(1.0, k) == k


def test_a_missing_rule_is_told_with_the_user_s_line():
    def f(x):
        if x[0] < 0:
            return np.sum(x)
        return math.nextafter(x[0], 9.0) * 2

    with settings.using(max_branches=1):
        slope = grad(f)
        slope(-np.ones(2))
        with pytest.raises(errors.MissingRule, match="nextafter") as caught:
            slope(np.ones(2))
        assert "return math.nextafter(x[0], 9.0) * 2" in str(caught.value)


def test_a_signature_whose_ways_never_come_again_is_not_tried_in_vain():
    def steps(x):
        total = 0.0
        while total < x:
            total = total + 1.0
        return total * x**2

    traced = trace(steps)
    slope = grad(traced)
    with settings.using(max_branches=2):
        for x in np.arange(0.5, 60.0):
            assert traced(x) == steps(x)
            assert slope(x) == pytest.approx(2 * x * np.ceil(x))
        key, streak = next(iter(traced.cache.misses.items()))
        assert traced.cache.skips_search(key) == (streak % 32 != 0)
        for _ in range(70):  # in the end one of them is tried again
            assert traced(np.float64(0.5)) == steps(0.5)
        assert not traced.cache.misses
