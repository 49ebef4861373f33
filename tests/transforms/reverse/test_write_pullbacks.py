"""``x[[0, 2, 0]] = v`` keeps the last value of a repeated index; so does the gradient."""

import numpy as np
import pytest

from tracer import grad

X = np.array([0.3, -1.2, 0.8, 2.0])
V = np.array([1.0, 2.0, 3.0])
WEIGHTS = np.array([1.0, 10.0, 100.0, 1000.0])


def written(index):
    def program(v):
        out = np.zeros(4)
        out[index] = v**2
        return np.sum(WEIGHTS * out)

    return program


@pytest.mark.parametrize(
    "index", [[0, 2, 0], [0, -4, 1], np.array([3, 3, 3]), [2, 0, 1], np.array([1, 2, 3])]
)
def test_gradient_of_the_values(index):
    program = written(index)
    step = 1e-6 * np.eye(3)
    expected = [(program(V + e) - program(V - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(grad(program)(V), expected, rtol=1e-6, atol=1e-6)


def test_added_in_place_counts_once():
    def program(x):
        y = x.copy()
        y[[0, 2, 0]] += 1.5 * x[0]
        return np.sum(WEIGHTS * y)

    step = 1e-6 * np.eye(4)
    expected = [(program(X + e) - program(X - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(grad(program)(X), expected, rtol=1e-6, atol=1e-6)


def test_index_known_only_at_run_time():
    def program(v, index):
        out = np.zeros(4)
        out[index] = v**2
        return np.sum(WEIGHTS * out)

    for index in ([0, 2, 0], [1, 1, 1], [3, 2, 1]):
        step = 1e-6 * np.eye(3)
        at = np.array(index)
        expected = [(program(V + e, at) - program(V - e, at)) / 2e-6 for e in step]
        np.testing.assert_allclose(grad(program)(V, at), expected, rtol=1e-6, atol=1e-6)
