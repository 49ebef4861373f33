"""A function whose body reads its own name: recursion, or a global of the same name."""

from math import log, sqrt

import numpy as np

from tracer import grad, trace

RATE = 2.0


def power(x, n):
    return x * RATE if n == 0 else power(x, n - 1) * x


class Values:
    """Methods that call what they are named after."""

    @classmethod
    def log(cls, x):
        return log(x)

    def sqrt(self, x):
        return sqrt(x[0]) * self.scale

    @property
    def scale(self):
        return RATE


def test_a_recursive_function_reads_globals_on_every_call(monkeypatch):
    traced, slope = trace(power), grad(power)
    for rate in (2.0, 3.0, 2.0):
        monkeypatch.setitem(globals(), "RATE", rate)
        assert traced(1.5, 3) == power(1.5, 3) == rate * 1.5**4
        assert np.isclose(slope(1.5, 3), rate * 4 * 1.5**3)


def test_methods_named_after_the_function_that_they_call():
    assert trace(Values.log)(2.0) == log(2.0)
    assert grad(Values.log)(2.0) == 0.5
    assert grad(lambda x: Values().sqrt(x))(np.array([4.0, 1.0])).tolist() == [0.5, 0.0]


def test_a_recursive_closure():
    def outer(x):
        def inner(y, depth):
            return y * RATE if depth == 0 else inner(y * x, depth - 1)

        return inner(x, 3)

    assert trace(outer)(1.5) == outer(1.5)
    assert np.isclose(grad(outer)(1.5), RATE * 4 * 1.5**3)
