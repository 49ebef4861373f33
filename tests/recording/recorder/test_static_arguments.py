"""Traced ints as axes, orders and counts: the rules get plain ints, whatever the int was before."""

from __future__ import annotations

import numpy as np
import pytest

from tracer import grad, value_and_grad

LINE = np.linspace(0.5, 2.0, 6)
BLOCK = LINE.reshape(1, 2, 3)

# name: (the function, its argument, the ints it is called with in turn)
CALLS = {
    "polyder": (lambda x, n: np.polyder(x, n), LINE, (1, 2, 3, 1)),
    "polyder by name": (lambda x, n: np.polyder(x, m=n), LINE, (1, 2, 3, 1)),
    "polyint": (lambda x, n: np.polyint(x, m=n), LINE, (1, 2, 3)),
    "chebder": (lambda x, n: np.polynomial.chebyshev.chebder(x, n), LINE, (0, 1, 2)),
    "rollaxis": (lambda x, n: np.rollaxis(x, n), BLOCK, (0, 1, 2)),
    "rollaxis to a start": (lambda x, n: np.rollaxis(x, 2, n), BLOCK, (0, 1, 2, 3)),
    "roll": (lambda x, n: np.roll(x, n, n), BLOCK, (0, 1, 2)),
    "roll by several": (lambda x, n: np.roll(x, (n, 1), (1, 2)), BLOCK, (0, 1, 2)),
    "repeat": (lambda x, n: np.repeat(x, n), BLOCK, (0, 1, 2)),
    "repeat by rows": (lambda x, n: np.repeat(x, [n, n + 1], axis=1), BLOCK, (0, 1, 2)),
    "axis": (lambda x, n: np.cumsum(x, n), BLOCK, (0, 1, 2)),
    "axis of a method": (lambda x, n: x.sum(axis=n), BLOCK, (0, 1, 2)),
    "moveaxis": (lambda x, n: np.moveaxis(x, n, 0), BLOCK, (0, 1, 2)),
    "diff": (lambda x, n: np.diff(x, n), LINE, (0, 1, 2)),
    "tril": (lambda x, n: np.tril(x, n), BLOCK, (0, 1, 2)),
    "diag": (lambda x, n: np.diag(x, n), LINE, (0, 1, 2)),
    "split": (lambda x, n: np.array_split(x, n)[0], LINE, (1, 2, 3)),
    "matrix power": (lambda x, n: np.linalg.matrix_power(x[:, :2, :2], n), BLOCK, (0, 1, 2)),
    "tile": (lambda x, n: np.tile(x, (n, 2)), BLOCK, (1, 2, 3)),
    "pad": (lambda x, n: np.pad(x, n), BLOCK, (0, 1, 2)),
    "vander": (lambda x, n: np.vander(x, n), LINE, (1, 2, 3)),
    "fft": (lambda x, n: np.abs(np.fft.fft(x, n)), LINE, (4, 5, 6)),
    "partition": (lambda x, n: np.partition(x, n), LINE, (0, 1, 2)),
    "norm by axis": (lambda x, n: np.linalg.norm(x, axis=n), BLOCK, (0, 1, 2)),
    "norm of an order": (lambda x, n: np.linalg.norm(x, n), LINE, (1, 2, 3)),
    "kaiser": (lambda x, n: np.kaiser(n, x[0]), LINE, (3, 2, 1, 0, 4)),
    "round": (lambda x, n: np.round(x + 0.013, n) + x, LINE, (0, 1, 2)),
    "ddof": (lambda x, n: np.std(x, ddof=n), LINE, (0, 1, 2)),
    "tensordot": (lambda x, n: np.tensordot(x, x, n), np.ones((2, 2, 2)) / 2, (0, 1, 2)),
}


def weighted(plain, x, n):
    made = np.asarray(plain(x, n))
    return np.sum(made * np.cos(np.arange(made.size).reshape(made.shape)))


@pytest.mark.parametrize("kind", [int, np.int64], ids=["int", "int64"])
@pytest.mark.parametrize("name", CALLS)
def test_gradients_for_one_int_after_another(name, kind):
    plain, x, numbers = CALLS[name]

    def loss(x, n):
        made = plain(x, n)
        return np.sum(made * np.cos(np.arange(made.size).reshape(made.shape)))

    differentiate, step = value_and_grad(loss), 1e-6
    for n in map(kind, numbers):
        value, gradient = differentiate(x, n)
        assert value == weighted(plain, x, n), n
        for k in range(x.size):
            shift = step * np.eye(x.size)[k].reshape(x.shape)
            change = weighted(plain, x + shift, n) - weighted(plain, x - shift, n)
            assert np.isclose(gradient.flat[k], change / (2 * step), rtol=1e-5, atol=1e-7), (n, k)


def test_an_order_that_is_calculated_from_the_values():
    def loss(x):
        return np.sum(np.polyder(x, np.argmax(x)))

    one, other = np.array([1.0, 3.0, 2.0]), np.array([1.0, 2.0, 3.0])
    assert grad(loss)(one).tolist() == [2.0, 1.0, 0.0]
    assert grad(loss)(other).tolist() == [2.0, 0.0, 0.0]
