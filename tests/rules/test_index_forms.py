"""Every form of index, read and written: values to the bit, derivatives in both modes."""

import numpy as np
import pytest

from tests.recording.agreement import agree_gradient, same
from tests.rules.agreement import agree, reals
from tracer import trace

A, Q = reals(4, 3, seed=1), reals(3, 4, 2, 5, seed=2)
PLACES = np.array([2, 0])
GRID = np.arange(12).reshape(3, 4) % 2 == 0
INDICES = [
    1,
    -1,
    np.int64(1),
    slice(1, None),
    slice(None, None, -1),
    slice(3, None, -2),
    None,
    ...,
    (1, 2),
    (..., 0),
    (slice(None), None, 0),
    [0, 2, 2],
    PLACES,
    np.array([[0, 1], [2, 1]]),
    (PLACES, slice(None)),
    (PLACES, np.array([1, 1])),
    (np.array([[0], [1]]), np.array([0, 2, 2])),
    True,
    False,
    np.True_,
    [],
    (),
    np.array([], int),
    np.array(2),
    [True, False, True, False],
    slice(np.int64(0), np.int64(2)),
    np.array([-1, -2]),
    np.array([1, 2], np.uint8),
    (None, PLACES),
    (PLACES, None),
    slice(2, 2),
    [[0, 1], [2, 3]],
    (..., None),
    ([0, 1], [1, 2]),
    (0, [1, 2]),
    (None, None),
    np.array([True, False, True, True]),
    (np.array([True, False, True, True]), slice(0, 2)),
    (np.array([True, False, True, False]), np.array([0, 1])),
    (slice(None), np.array([True, False, True])),
    (np.array([True, False, True, False]), np.array([True, False, True])),
]
DEEP = [
    (np.array([0, 1]), slice(None), np.array([1, 0])),
    (slice(None), np.array([0, 1]), np.array([1, 0])),
    (0, slice(None), np.array([1, 0])),
    (..., np.array([1, 0])),
    GRID,
    (..., np.arange(10).reshape(2, 5) % 3 == 0),
    (slice(None), np.arange(8).reshape(4, 2) % 3 == 0),
    (1, ..., [0, 2]),
    (slice(None), None, np.array([0, 1]), ..., np.array([0, 1])),
    (np.array([True, False, True]), 1),
    (np.array([0, 0, 0]), slice(1, 3)),
]
CASES = [*[(A, index) for index in INDICES], *[(Q, index) for index in DEEP]]
NAMES = [f"{x.ndim}d-{str(index)}".replace("\n", "") for x, index in CASES]


def into(x, value, index):
    y = x.copy()
    y[index] = value
    y[index] *= 1.5
    return y


@pytest.mark.parametrize("x, index", CASES, ids=NAMES)
def test_read(x, index):
    function = trace(lambda x: x[index] * 2)
    same(function(x), x[index] * 2)
    same(function(np.asfortranarray(x)), x[index] * 2)
    if has_mask(index):  # only a trace knows how many hits there are
        agree_gradient(lambda x: x[index] ** 2, x)
    else:
        agree(lambda x: x[index], x)


def has_mask(index):
    items = index if isinstance(index, tuple) else (index,)
    return any(isinstance(item, np.ndarray) and item.dtype == bool for item in items)


@pytest.mark.parametrize("x, index", CASES, ids=NAMES)
def test_written(x, index):
    function = trace(lambda x, value: into(x, value, index))
    same(function(x, 2.5), into(x, 2.5, index))
    whole = x[index] ** 2
    same(function(x, whole), into(x, whole, index))
    if x is A:
        agree_gradient(lambda x: into(x, 2.5, index), x)
    agree_gradient(lambda value: into(x, value, index), 2.5)
    if whole.size:
        agree_gradient(lambda value: into(x, value, index), whole)


ARRAYS = [
    (x, index) for x, index in CASES if isinstance(index, (np.ndarray, list)) and np.size(index)
]


@pytest.mark.parametrize("x, index", ARRAYS)
def test_index_as_argument(x, index):
    index = np.asarray(index)
    function = trace(lambda x, index: x[index])
    same(function(x, index), x[index])
    agree_gradient(lambda x, index: x[index] ** 2, x, index)
    agree_gradient(lambda value, x, index: into(x, value, index), 1.5, x, index)


def test_hits_are_counted_anew():
    function = trace(lambda x, mask: x[mask] ** 2)
    for mask in (A > 0, A > 1, A > 100, A < 100):
        same(function(A, mask), A[mask] ** 2)
        agree_gradient(lambda x, mask: x[mask] ** 2, A, mask)


def test_bounds_as_arguments():
    function = trace(lambda x, start, stop: x[start:stop, ::-1])
    for start, stop in ((0, 2), (1, 4), (-3, -1), (3, 1)):
        same(function(A, np.int64(start), np.int64(stop)), A[start:stop, ::-1])
        same(function(A, start, stop), A[start:stop, ::-1])
        agree_gradient(lambda x, a, b: x[a:b] ** 2, A, np.int64(start), np.int64(stop))


@pytest.mark.parametrize("index", [4, -5, (0, 3), (0, 0, 0), 1.5, "0", [0, 9]])
def test_refused_as_numpy_refuses(index):
    with pytest.raises(IndexError) as plain:
        A[index]
    with pytest.raises(IndexError) as traced:
        trace(lambda x: x[index])(A)
    assert str(traced.value) == str(plain.value)
