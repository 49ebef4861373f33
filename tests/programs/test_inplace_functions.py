"""NumPy's functions that write, ``out=`` and ``where=``, as people write it: each program's value bit for bit, and its gradient."""

import numpy as np
import pytest

from tests.programs.layouts import INPUTS, X, programs_of
from tests.recording.agreement import agree, agree_gradient


def copyto_where(x):
    y = np.ones_like(x)
    np.copyto(y, x * 2, where=x > 0.4)
    np.copyto(y[0], 3.0)
    np.copyto(y[:, 1], x[0, 0], where=[True, False, True])
    np.copyto(y.T, x.T, where=x.T < 0.2)
    return y


def put_modes(x):
    y = x.copy()
    np.put(y, [0, 5], [x[1, 1], 2.0])
    np.put(y, [13, -1], x[0, :2], mode="wrap")
    np.put(y, [99, -5], x[1, :2] * 3, mode="clip")
    y.put([2, 3, 4], x[2, 0])
    np.put(y, np.array([[6, 7], [8, 6]]), [1.0, 2.0, 3.0])
    return y


def put_in_a_view(x):
    y = x.copy()
    np.put(y.T, [1, 2], x[0, :2])
    np.put(y[:, 1:], 4, 9.0)
    return y


def place_and_putmask(x):
    y = x.copy()
    np.place(y, x > 0.4, [x[0, 0], 2.0])
    np.putmask(y, x < 0.2, x * 3)
    np.putmask(y[0], y[0] > 1, [1.0, 2.0])
    return y


def place_on_python_mask(x):
    y = x[0].copy()
    np.place(y, [True, False, True, False], x[1])
    return y


def fill_diagonals(x):
    y, z, w = x.copy(), np.zeros((7, 3)), np.zeros((3, 3, 3))
    np.fill_diagonal(y, x[1])
    np.fill_diagonal(z, x[0, 0], wrap=True)
    np.fill_diagonal(w, [1.0, x[0, 0], 3.0])
    np.fill_diagonal(y[:, 1:], 2.0)
    return y, z, w


def put_and_take_along_axis(x):
    y = x.copy()
    order = np.argsort(x, axis=1)
    np.put_along_axis(y, order, x * 2, axis=1)
    np.put_along_axis(y, np.array([[0, 2, 1, 0]]), 0.5, axis=0)
    np.put_along_axis(y[0], np.array([1]), x[0, :1], axis=None)
    return y, np.take_along_axis(y, order, 1)


def sorted_in_place(x):
    y = x.copy()
    y.sort()
    z = x.copy()
    z.sort(axis=0, kind="stable")
    z[:, 1].sort()
    w = x.copy()
    w[::-1].T.sort(axis=-1)
    return y, z, w


def partitioned_in_place(x):
    y = x.copy()
    y.partition(1)
    z = x.copy()
    z.partition((0, 2), axis=0)
    return y, z


def filled(x):
    y = np.empty((2, 3))
    y.fill(x[0, 1])
    y[0].fill(2)
    y[:, ::2].fill(x[1, 1] ** 2)
    return y


def resized(x):
    return np.resize(x, (2, 9)), np.resize(x[0], 3)


def out_of_ufuncs(x):
    y = np.empty_like(x)
    np.exp(x, out=y)
    np.multiply(y, 2.0, out=y)
    np.add(y[0], x[1], out=y[2])
    np.negative(x[:, 0], y[:, 0])
    np.sqrt(x, out=(y[...],))
    np.subtract(1.0, y, y)
    return y


def out_with_two_results(x):
    whole, part = np.empty_like(x), np.empty_like(x)
    np.modf(x * 3, part, whole)
    a, b = np.empty_like(x), np.empty_like(x)
    np.divmod(x, 0.3, out=(a, b))
    np.divmod(x, 0.7, out=(None, b))
    return whole, part, a, b


def out_with_where(x):
    y = np.full_like(x, 2.0)
    np.log(x, out=y, where=x > 0.4)
    z = np.zeros_like(x)
    np.divide(1.0, x, out=z, where=x > 0.2)
    np.add(z, y, out=z, where=[True, False, True, False])
    return y, z


def out_of_functions(x):
    y, z, s = np.zeros(4), np.zeros((3, 3)), np.array(0.0)
    np.sum(x, axis=0, out=y)
    np.cumsum(x[0], out=x.copy()[1])
    np.dot(x, x.T, out=z)
    np.max(x, axis=None, out=s)
    m = np.zeros(3)
    np.mean(x, axis=1, out=m)
    w = np.zeros((3, 4))
    np.clip(x, 0.2, 0.6, out=w)
    np.round(x, 1, out=w[:1].repeat(3, 0))
    c = np.zeros((3, 4))
    np.cumprod(x, axis=1, out=c)
    t = np.zeros((2, 4))
    np.take(x, [0, 2], axis=0, out=t)
    k = np.zeros((6, 4))
    np.concatenate([x, x], out=k)
    r = np.zeros((2, 3, 4))
    np.stack([x, 2 * x], out=r)
    e = np.zeros((3, 3))
    np.einsum("ij,kj->ik", x, x, out=e)
    q = np.zeros(4)
    np.std(x, axis=0, out=q)
    return y, z, s, m, w, c, t, k, r, e, q


def out_of_methods(x):
    y, m, c = np.zeros(4), np.zeros((3, 4)), np.zeros(3)
    x.sum(axis=0, out=y)
    x.cumsum(axis=0, out=m)
    x.mean(1, out=c)
    d = np.zeros((3, 3))
    x.dot(x.T, out=d)
    p = np.zeros((3, 4))
    x.clip(0.1, 0.5, out=p)
    return y, m, c, d, p


def out_of_ufunc_methods(x):
    y, m, o = np.zeros(4), np.zeros_like(x), np.zeros((3, 4, 4))
    np.add.reduce(x, axis=0, out=y)
    np.multiply.accumulate(x, axis=1, out=m)
    np.subtract.outer(x, x[0], out=o)
    return y, m, o


def reductions_with_where(x):
    keep = x > 0.2
    return (
        np.sum(x, where=keep),
        x.mean(axis=0, where=keep, keepdims=True),
        np.max(x, initial=0.0, where=keep),
        np.prod(x, axis=1, where=keep, initial=2.0),
    )


PROGRAMS = programs_of(globals())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS.values()])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    agree_gradient(program, X)
