"""Lookups, writes, choices and sorting, in both modes and to second order."""

import numpy as np
import pytest

from tests.rules.agreement import agree, reals
from tracer import grad
from tracer.ops import registry
from tracer.ops.builder import apply

A, v, w, s = reals(4, 3, seed=1), reals(3, seed=2), reals(4, seed=3), np.float64(1.5)
I, MASK = np.array([0, 2, 2]), np.array([1, 0, 1, 1], bool)


def write(x, value, index):
    return apply(registry.SETITEM, x, value, index)


CASES = {
    "row": (lambda x: x[0], A),
    "element": (lambda x: x[1, -1], A),
    "slices": (lambda x: x[1:, ::-1], A),
    "new axis": (lambda x: x[:, None, 1], A),
    "ellipsis": (lambda x: x[..., 1:], A),
    "gather": (lambda x: x[I], A),
    "gather pairs": (lambda x: x[I, I], A),
    "gather grid": (lambda x: x[np.array([0, 1])[:, None], I], A),
    "write row": (lambda x, u: write(x, u, 0), A, v),
    "write number": (lambda x, u: write(x, u, (slice(1, 3), 1)), A, s),
    "write rows": (lambda x, u: write(x, u, np.array([0, 2])), A, v),
    "write masked": (lambda x: write(x, 0.0, MASK), A),
    "scatter_add": (lambda x, u: apply(registry.SCATTER_ADD, x, u, I), A, v),
    "take": (lambda x: np.take(x, I), A),
    "take axis": (lambda x: np.take(x, I, axis=1), A),
    "take wrap": (lambda x: np.take(x, [5, -1], axis=0, mode="wrap"), A),
    "take one": (lambda x: np.take(x, 1, axis=0), A),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.argsort(A, axis=1), axis=1), A),
    "choose": (lambda a, b: np.choose(I, [a, b, a]), v, v * 2),
    "select": (lambda a, b: np.select([MASK, ~MASK], [a, b]), w, w * 2),
    "sort": (np.sort, v),
    "sort axis": (lambda x: np.sort(x, axis=0), A),
    "sort flat": (lambda x: np.sort(x, axis=None), A),
    "partition": (lambda x: np.partition(x, 1), A),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    agree(*CASES[name])


def test_choose_with_a_list_of_indices():
    from tracer import grad

    x = np.array([2.0, 3.0])
    gradient = grad(lambda x: np.choose([0, 1], [x, x**2]).sum())(x)
    np.testing.assert_array_equal(gradient, [1.0, 6.0])
    rows = grad(lambda x: np.choose([0, 1], x.reshape(2, 2)).sum())(np.arange(4.0))
    np.testing.assert_array_equal(rows, [1.0, 0.0, 0.0, 1.0])


def test_repeated_columns_are_added_up():
    from tracer import grad

    x = np.arange(9.0).reshape(3, 3)
    expected = np.array([2.0, 0.0, 1.0]) * 2 * x
    gradient = grad(lambda x: np.sum(x[:, np.array([0, 2, 0])] ** 2))(x)
    np.testing.assert_array_equal(gradient, expected)
    gradient = grad(lambda x: np.sum(np.compress([1, 0, 1], x, axis=1) ** 2))(x)
    np.testing.assert_array_equal(gradient, np.array([1.0, 0.0, 1.0]) * 2 * x)
    gradient = grad(lambda x: np.sum(x[..., np.array([1, 1])]))(x)
    np.testing.assert_array_equal(gradient, np.array([0.0, 2.0, 0.0]) * np.ones((3, 3)))


def chosen(x):
    return np.where(x > 0, np.sqrt(x), 0.0)


def copied(x):
    z = x * 0.0
    np.copyto(z, np.sqrt(x), where=x > 0)
    return z


def computed(x):
    return np.sqrt(x, out=np.zeros_like(x), where=x > 0)


@pytest.mark.parametrize("root", [chosen, copied, computed])
def test_what_a_mask_drops_spoils_no_second_derivative(root):
    x = np.array([-1.0, 2.0, 3.0])

    with np.errstate(invalid="ignore"):
        slope = grad(lambda x: np.sum(root(x) ** 3 + root(x)))
        curvature = grad(lambda x: np.sum(slope(x)))(x)
    expected = 0.75 / np.sqrt(x[1:]) - 0.25 * x[1:] ** -1.5
    np.testing.assert_allclose(curvature, [0.0, *expected])


@pytest.mark.parametrize("index", [slice(None), ..., (slice(None), None), (None, ...), ()])
def test_one_number_for_all_places_that_a_whole_lookup_takes(index):
    def f(x):
        room = np.zeros((4, *x[index].shape))
        room[1] = x[index]
        return room.sum() + 2 * x[index].sum()

    assert np.array_equal(grad(f)(np.arange(3.0)), np.full(3, 3.0))
    assert np.array_equal(grad(f)(np.ones(1)), np.full(1, 3.0))


@pytest.mark.parametrize("index", [..., (None, ...), ()])
def test_a_whole_lookup_of_one_number(index):
    assert grad(lambda x: 3 * x[index].sum())(np.array(2.0)) == 3.0


@pytest.mark.parametrize("length", [2, 3, 6])
def test_extract_by_fewer_places_than_there_are_elements(length):
    keep = np.arange(length) % 2 == 0

    def f(x):
        return np.sum(np.extract(keep, x) ** 2)

    x = np.arange(1.0, 7.0).reshape(2, 3)
    expected = np.zeros(6)
    expected[:length][keep] = 2 * x.ravel()[:length][keep]
    assert np.array_equal(grad(f)(x), expected.reshape(2, 3))
