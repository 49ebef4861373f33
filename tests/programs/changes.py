"""State that changes between calls: what a program gives after each change, plain and traced."""

import math

import numpy as np

from tests.recording.agreement import same
from tracer import trace, value_and_grad

X = np.array([0.5, 1.5, -2.5])


class Cases(list):
    """Functions that return a program and the changes to be made, one before each call."""

    def __call__(self, function):
        self.append(function)
        return function


def changes_are_seen(make):
    """Values are NumPy's to the bit, gradients those of differences."""
    program, changes = make()
    traced = trace(program)
    slope = value_and_grad(lambda x: np.sum(np.real(program(x))))
    for number, change in enumerate([lambda: None, *changes, lambda: None]):
        change()
        with np.errstate(all="ignore"):
            same(traced(X), program(X), f"after change {number}")
            value, gradient = slope(X)
            np.testing.assert_allclose(value, np.sum(np.real(program(X))), rtol=1e-12)
            step = 1e-30 if number < 0 else 1e-6
            for i in range(3):
                e = np.zeros(3)
                e[i] = step
                numeric = (np.sum(np.real(program(X + e))) - np.sum(np.real(program(X - e)))) / 2e-6
                if math.isfinite(numeric):
                    np.testing.assert_allclose(gradient[i], numeric, rtol=1e-5, atol=1e-6)
