"""Results that alias what they came from, and arguments that are written to."""

import numpy as np
import pytest

from tests.programs.changes import X
from tests.recording.agreement import agree, same
from tracer import errors, grad, trace

# -- results that alias what they came from -----------------------------------------------------------
KEPT = np.arange(3.0)
ALIASES = {
    "itself": lambda x: x,
    "slice": lambda x: x[1:],
    "transposed": lambda x: x.T,
    "twice": lambda x: (x, x),
    "reshape": lambda x: x.reshape(3, 1),
    "copy": lambda x: x.copy(),
    "product": lambda x: x * 1,
    "plus zero": lambda x: x + 0,
    "in a dict": lambda x: {"a": x, "b": [x[::-1]]},
    "captured": lambda x: KEPT,
    "captured view": lambda x: KEPT[1:],
    "asarray": lambda x: np.asarray(x),
    "array": lambda x: np.array(x),
    "real": lambda x: x.real,
    "positive": lambda x: +x,
    "astype": lambda x: x.astype(float),
    "astype without copy": lambda x: x.astype(float, copy=False),
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "squeeze": lambda x: np.squeeze(x),
    "broadcast": lambda x: np.broadcast_to(x, (2, 3)),
    "diagonal": lambda x: np.diag(x),
    "split": lambda x: np.split(x, 3),
    "ascontiguous": lambda x: np.ascontiguousarray(x),
    "made twice": lambda x: (lambda y: (y, y[1:]))(x * 2),
    "argument and view": lambda x: (x, x[1:]),
    "conj": lambda x: x.conj(),
    "where": lambda x: np.where(True, x, x),
    "maybe": lambda x: x if x[0] > 0 else x * 2,
    "atleast": lambda x: np.atleast_1d(x),
    "expand": lambda x: np.expand_dims(x, 0),
    "sorted": lambda x: np.sort(x),
}


@pytest.mark.parametrize("name", ALIASES)
def test_results_share_memory_as_in_numpy(name):
    from tracer import trees

    program = ALIASES[name]
    traced = trace(program)
    for _ in range(3):
        a, b = X.copy(), X.copy()
        got, expected = trees.flatten(traced(a))[0], trees.flatten(program(b))[0]
        for left, right in zip(got, expected, strict=True):
            same(left, right)
            assert left is a or right is not b
            assert left is KEPT or right is not KEPT
            assert np.shares_memory(left, a) == np.shares_memory(right, b)
            assert np.shares_memory(left, KEPT) == np.shares_memory(right, KEPT)
            assert left.flags.writeable == right.flags.writeable
        for i in range(len(got)):
            for j in range(i):
                assert np.shares_memory(got[i], got[j]) == np.shares_memory(
                    expected[i], expected[j]
                )
                assert got[i] is got[j] or expected[i] is not expected[j]


def test_fresh_results_are_fresh_on_every_call():
    traced = trace(lambda x: (np.ones(3), np.zeros(2), x * 2, np.array([1.0, 2.0]), np.arange(3)))
    first = traced(X)
    for part in first:
        part[...] = 9
    same(traced(X), (np.ones(3), np.zeros(2), X * 2, np.array([1.0, 2.0]), np.arange(3)))


# -- arguments that are written to ---------------------------------------------------------------------
def test_arguments_are_written_back():
    def program(x, y, table, rows):
        x += y
        y[1:] = x[:-1]
        table["w"][0] *= 2
        rows[1][:] = 7.0
        x[x > 1] = 0.0
        table["w"].sort()
        return x, x.sum(), table["w"]

    calls = [(X.copy() * k, X.copy(), {"w": X + k}, [X.copy(), X.copy()]) for k in (1.0, 2.0, -1.0)]
    agree(program, calls)


def test_written_arguments_are_returned_as_themselves():
    def program(x, y):
        x += 1
        y.T[0] = x[0]
        return x, x[1:], y.T, y[0], x * 1

    traced = trace(program)
    for _ in range(3):
        x, y = X.copy(), np.zeros((2, 3))
        results, expected = traced(x, y), program(X.copy(), np.zeros((2, 3)))
        same(results, expected)
        assert results[0] is x
        shared = [np.shares_memory(result, source) for result in results for source in (x, y)]
        assert shared == [True, False, True, False, False, True, False, True, False, False]
        results[1][0] = 9.0
        assert x[1] == 9.0


def test_lists_and_dicts_of_arguments_are_changed():
    """What a plain function does to the containers it is given happens, or is an error."""

    def program(x, rows):
        rows.append(x * 2)
        return sum(rows)

    def replaces(x, table):
        table["w"] = table["w"] * x
        return table["w"]

    for function, given in [(program, [X]), (replaces, {"w": X})]:
        agree(function, [(X, given), (2 * X, given)])
        with pytest.raises(errors.ArgumentWrite, match="copy"):
            grad(lambda x, given, function=function: function(x, given).sum())(X, given)


def test_objects_as_arguments_are_changed():
    class Box:
        last = 1.0

    def program(x, box):
        box.last = x.sum()
        return x * 2

    box = Box()
    traced = trace(program)
    for _ in range(2):
        same(traced(X, box), X * 2)
    try:
        assert box.last + 1 == X.sum() + 1
    except errors.TracerError:  # the array of a trace that is over
        pass


def test_gradient_of_what_writes_to_its_argument_is_an_error():
    def program(x):
        x *= 2
        return x.sum()

    with pytest.raises(errors.ArgumentWrite):
        grad(program)(X.copy())
    x = X.copy()
    assert trace(program)(x) == 2 * X.sum()
    same(x, 2 * X)


def test_captured_arrays_are_not_written_to():
    total = np.zeros(3)

    def program(x):
        total[:] += x
        return x

    with pytest.raises(errors.CaptureMutationError, match="total"):
        trace(program)(X)
    assert not total.any()
