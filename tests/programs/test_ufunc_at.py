"""``ufunc.at`` for every ufunc, as NumPy does it: repeated indices count as often as they occur."""

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient, same
from tracer import errors, grad, trace

X = np.array([0.31, 0.72, 0.15, 0.47, 0.94])
INDICES = {
    "repeated": [0, 2, 0, 4],
    "array": np.array([3, 1, 3, 3]),
    "negative": [-1, 0, -1, -2],
    "matrix": np.array([[0, 1], [1, 0]]),
    "slice": slice(1, 5),
    "one": 2,
    "mask": np.array([True, False, True, True, True]),
    "empty": [],
}
BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.maximum,
    np.minimum,
    np.power,
    np.fmax,
    np.fmin,
    np.hypot,
    np.arctan2,
    np.logaddexp,
    np.logaddexp2,
    np.float_power,
    np.copysign,
    np.remainder,
    np.fmod,
    np.floor_divide,
    np.heaviside,
    np.nextafter,
]
FLAT = {np.floor_divide, np.heaviside, np.nextafter, np.copysign}
UNARY = [np.negative, np.sqrt, np.exp, np.sin, np.square, np.tanh, np.abs, np.reciprocal, np.log1p]
INTEGER = [np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.gcd, np.lcm, np.add]


def values_for(x, index):
    """As many values as the index selects, in its shape."""
    shape = np.empty(5)[index].shape
    count = int(np.prod(shape))
    return (x[::-1][np.arange(count) % 5] * 1.5 + 0.2).reshape(shape)


@pytest.mark.parametrize("where", INDICES)
@pytest.mark.parametrize("ufunc", BINARY, ids=lambda u: u.__name__)
def test_binary(ufunc, where):
    index = INDICES[where]

    def program(x):
        y = x.copy() + 0.5
        ufunc.at(y, index, values_for(x, index))
        return y

    agree(program, [(X,), (X[::-1],), (X.astype(np.float32),)])
    if ufunc not in FLAT:
        agree_gradient(program, X)


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda u: u.__name__)
def test_unary(ufunc):
    def program(x):
        y = x.copy() + 0.5
        ufunc.at(y, [0, 2, 0, 4])
        ufunc.at(y, slice(1, 3))
        return y

    agree(program, [(X,), (X.astype(np.float32),)])
    agree_gradient(program, X)


@pytest.mark.parametrize("ufunc", INTEGER, ids=lambda u: u.__name__)
def test_integers(ufunc):
    def program(x, n):
        n = n.copy()
        ufunc.at(n, [0, 2, 0], [3, 5, 6])
        return n * x[:4]

    agree(program, [(X, np.array([7, 2, 12, 4])), (X, np.array([1, 9, 6, 8]))])


def test_logical_and_comparison():
    def program(x):
        seen, low = np.zeros(5, bool), np.zeros(5, bool)
        np.logical_or.at(seen, [1, 3, 1], x[:3] > 0.4)
        np.logical_and.at(low, slice(None), True)
        np.maximum.at(seen, 4, True)
        return np.where(seen | low, x, 2 * x)

    agree(program, [(X,), (X[::-1],)])
    agree_gradient(program, X)


def test_scalar_and_broadcast_values():
    def program(x):
        y = np.ones((5, 3))
        np.add.at(y, [0, 0, 3], x[:3])
        np.multiply.at(y, ([1, 1], [2, 2]), x[0])
        np.maximum.at(y, (slice(2, 4), [0, 0, 1]), x[1] * 2)
        np.subtract.at(y[:, 1], [4, 4], x[3:])
        np.power.at(y.T, (0, [3, 3]), 2)
        np.divide.at(y, (4, 2), 3.0)
        return y

    agree(program, [(X,), (X[::-1],)])
    agree_gradient(program, X)


def test_indices_from_data():
    def program(x, bins):
        y, top, product = np.zeros(4), np.full(4, -1.0), np.ones(4)
        np.add.at(y, bins, x)
        np.maximum.at(top, bins, x)
        np.multiply.at(product, bins, x + 1)
        return y, top, product

    agree(program, [(X, np.array([0, 1, 1, 3, 0])), (X, np.array([2, 2, 2, 2, 2]))])
    agree_gradient(lambda x: program(x, np.array([0, 1, 1, 3, 0])), X)


def test_ties_share_as_in_maximum():
    def program(x):
        y = np.zeros(2)
        np.maximum.at(y, [0, 0], x[:2])
        return y.sum()

    gradient = grad(program)(np.array([2.0, 2.0]))
    np.testing.assert_allclose(gradient, [0.5, 0.5])


def test_on_an_argument_it_is_written_back():
    def program(x, y):
        np.multiply.at(x, [0, 0, 1], y[:3])
        return x.sum()

    agree(program, [(X, X + 1), (X[::-1], X)])


def test_errors_are_those_of_numpy():
    def far(x):
        y = x.copy()
        np.multiply.at(y, [7], 2.0)
        return y

    def with_a_fraction(x):
        n = np.arange(5)
        np.multiply.at(n, [1, 2, 2], 2.7)
        return n * x

    with pytest.raises(IndexError):
        trace(far)(X)
    agree(far, [(X,)])
    agree(with_a_fraction, [(X,)])


def test_outside_arrays_are_refused():
    outside = np.zeros(5)

    def program(x):
        np.maximum.at(outside, [0], x[:1])
        return x

    with pytest.raises(errors.CaptureMutationError):
        trace(program)(X)
    assert not outside.any()


def test_complex_values():
    def program(x):
        z = np.ones(3, complex)
        np.multiply.at(z, [0, 0, 2], x[:3] + 1j * x[2:])
        np.add.at(z, [1, 1], 1j * x[:2])
        return z

    same(trace(program)(X), program(X))
    agree_gradient(program, X)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "maximum", "power"])
def test_places_out_of_bounds_raise_though_nobody_reads_what_was_written(name):
    def f(x, places):
        room = x * 2
        getattr(np, name).at(room, places, 1.5)
        return x * 3

    traced = trace(f)
    traced(np.ones(3), np.array([0, 1]))
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        traced(np.ones(3), np.array([0, 5]))
