"""Joining and splitting, in both modes and to second order."""

import numpy as np
import pytest

from tests.rules.agreement import agree, reals
from tracer.ops.registry import op_of

A, B, v, w = reals(4, 3, seed=1), reals(3, 3, seed=2), reals(3, seed=3), reals(4, seed=4)
T, s = reals(2, 3, 4, seed=5), np.float64(1.5)


def emit(function, x, *args, **kwargs):
    """A call that NumPy would not dispatch: the operands are in lists beside numbers."""
    return x.builder.emit(op_of(function), args, kwargs)


CASES = {
    "stack": (lambda a, b: np.stack([a, b]), A, A + 1),
    "stack last": (lambda a, b: np.stack([a, b], axis=-1), A, A + 1),
    "concatenate": (lambda a, b: np.concatenate([a, b]), A, B),
    "concatenate last": (lambda a, b: np.concatenate((a, b), axis=-1), A, A * 2),
    "concatenate flat": (lambda a, b: np.concatenate((a, b), axis=None), A, v),
    "concatenate constant": (lambda a: np.concatenate((a, np.ones((2, 3)), a)), A),
    "concatenate numbers": (lambda a, b: emit(np.concatenate, a, [a, [1.0, 2.0], [b, 3.0]]), v, s),
    "vstack": (lambda a, b: np.vstack([a, b]), A, v),
    "hstack": (lambda a, b: np.hstack([a, b]), v, s),
    "hstack matrices": (lambda a, b: np.hstack([a, b]), A, A),
    "hstack number": (lambda a: emit(np.hstack, a, [a, 1.0]), v),
    "dstack": (lambda a, b: np.dstack([a, b]), A, A),
    "dstack vectors": (lambda a, b: np.dstack([a, b]), v, v),
    "column_stack": (lambda a, b: np.column_stack([a, b]), A, w),
    "append": (lambda a, b: np.append(a, b), A, v),
    "append axis": (lambda a, b: np.append(a, b, axis=0), A, B),
    "append numbers": (lambda a: emit(np.append, a, a, [1.0, 2.0]), v),
    "block": (lambda a, b: np.block([[a, b], [b, a]]), B, B * 2),
    "block vectors": (lambda a, b: np.block([a, b]), v, v),
    "block constants": (
        lambda a, b: np.block([[a, np.ones((4, 2))], [np.zeros((1, 3)), b]]),
        A,
        reals(1, 2),
    ),
    "array": (lambda a, b: emit(np.array, a, [[a, 1.0], [2.0, b]]), s, np.float64(2.0)),
    "array of vectors": (lambda a, b: emit(np.array, a, [a, [1.0, 2.0, 3.0], b]), v, v),
    "array ndmin": (lambda a: emit(np.array, a, a, ndmin=2), v),
    "split": (lambda x: np.split(x, 2), A),
    "split at": (lambda x: np.split(x, [1, 2], axis=1), A),
    "one part of a split": (lambda x: np.split(x, [1, 2], axis=1)[1], A),
    "array_split": (lambda x: np.array_split(x, 3), A),
    "hsplit": (lambda x: np.hsplit(x, 3), A),
    "vsplit": (lambda x: np.vsplit(x, 2), A),
    "dsplit": (lambda x: np.dsplit(x, 2), T),
    "unstack": (lambda x: np.unstack(x, axis=1), A),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    agree(*CASES[name])
