"""Branches: both outcomes in one source, and what happens past the limit of programs."""

import numpy as np
import pytest

from tracer import grad, settings, trace, value_and_grad


def robust(r):
    if np.abs(r).max() > 1.0:
        return np.sum(2 * np.abs(r) - 1)
    return np.sum(r**2)


def test_source_shows_both_branches():
    traced = trace(robust)
    near, far = np.array([0.5, -0.25]), np.array([3.0, -0.25])
    gradient = value_and_grad(traced)
    gradient(near)
    gradient(far)
    text = traced.source(near)
    assert "if " in text and "else:" in text
    scope: dict = {}
    exec(compile(text, "branches.py", "exec"), scope)
    for r in (near, far):
        value, slope = scope["value_and_grad"](r)
        assert value == robust(r)
        np.testing.assert_array_equal(slope, gradient(r)[1])


def test_past_the_limit_calls_are_interpreted(caplog):
    def steps(x):
        total = 0.0
        while total < x:
            total = total + 1.0
        return total * x**2

    with settings.using(max_branches=3):
        for x in (0.5, 1.5, 2.5, 3.5, 4.5, 1.5, 4.5):
            assert trace(steps)(x) == steps(x)
            assert grad(steps)(x) == pytest.approx(2 * x * np.ceil(x))
        assert sum("interpreted" in record.message for record in caplog.records) == 1


def test_changing_captures_do_not_fill_the_limit():
    count = 0

    def scaled(x):
        return x * count

    with settings.using(max_branches=3):
        traced = trace(scaled)
        for count in range(8):
            assert traced(2.0) == 2.0 * count
        leaves = next(iter(traced.cache.entries.values()))
        assert len(leaves) <= 3 and not any(leaf.interpreted for leaf in leaves)


def test_rules_are_the_same_when_first_used_inside_a_trace():
    import subprocess
    import sys

    program = """
import numpy as np
from tracer import grad, hessian
hessian(lambda x: np.sum(x**3))(np.ones(2))
def f(x):
    y = np.zeros((2, 4)); y[:] = x; y.T[2] = x[3]
    return np.sum(y**3)
print(grad(f)(np.ones(4)).tolist())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[6.0, 6.0, 0.0, 12.0]", done.stderr


def test_replaced_defaults_are_noticed():
    def scaled(x, k=2.0):
        return (x * k).sum()

    gradient = grad(scaled)
    np.testing.assert_array_equal(gradient(np.ones(2)), [2.0, 2.0])
    scaled.__defaults__ = (5.0,)
    np.testing.assert_array_equal(gradient(np.ones(2)), [5.0, 5.0])
