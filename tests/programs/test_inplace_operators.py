"""Operators that write, and what a write makes of dtypes and shapes, as people write it: each program's value bit for bit, and its gradient."""

import numpy as np
import pytest

from tests.programs.layouts import INPUTS, X, programs_of
from tests.recording.agreement import agree, agree_gradient


def broadcast_value(x):
    y = np.empty((3, 4))
    y[:] = x[0]
    y[1:] = x[0, 0]
    y[:, 1:] += x[:, :1]
    z = np.empty((2, 3, 4))
    z[:] = x
    z[1] = np.broadcast_to(x[0], (3, 4))
    return y, z


def in_place_operators(x):
    y = x.copy()
    y += 1
    y -= x[0]
    y *= x
    y /= 3
    y **= 2
    y //= 0.01
    y %= 0.7
    return y


def in_place_matmul(x):
    y = x[:, :3].copy()
    y @= x[:, 1:]
    y @= y
    return y


def in_place_on_a_name_rebinds_scalars(x):
    a = x[0, 0]
    b = a
    a += 1
    c = x.sum()
    c *= 2
    return a, b, c


def integers_in_place(x):
    n = np.arange(4)
    n += 2
    n *= np.array([1, 2, 3, 4])
    n[1] = 7.9
    n //= 2
    n <<= 1
    n ^= 3
    return n * x


def booleans_in_place(x):
    m = np.zeros((3, 4), bool)
    m |= x > 0.4
    m[0] = True
    m &= x < 0.8
    m ^= np.eye(3, 4, dtype=bool)
    return np.where(m, x, -x)


def casting_errors(x):
    caught = 0
    n = np.arange(4)
    for step in (lambda: n.__iadd__(x[0]), lambda: n.__itruediv__(2), lambda: np.sin(x[0], out=n)):
        try:
            step()
        except TypeError:
            caught += 1
    try:
        np.add(x, x, out=np.zeros((3, 4), np.float32), casting="no")
    except TypeError:
        caught += 1
    return caught * x


def shape_errors(x):
    caught = 0
    y = x.copy()
    try:
        y[0] = np.zeros(3)
    except ValueError:
        caught += 1
    try:
        y += np.zeros((5, 1, 1))
    except ValueError:
        caught += 1
    try:
        y[5] = 0.0
    except IndexError:
        caught += 1
    return y + caught


def complex_into_real(x):
    y = x.copy()
    try:
        y += 1j
    except TypeError:
        y += 1
    return y


def float32_buffer(x):
    y = np.zeros(4, np.float32)
    y[:] = x[0]
    y += x[1, 0]
    return y


def tril_and_indices(x):
    y = x[:, :3].copy()
    y[np.tril_indices(3, -1)] = x[0, :3]
    y[np.diag_indices(3)] *= 2
    y[np.ix_([0, 2], [1, 2])] -= 1.0
    y[np.where(y > 1)] = 0.5
    y[np.nonzero(y < 0)] *= -1
    return y


def s_and_index_expressions(x):
    y = x.copy()
    where = np.s_[1:, ::2]
    y[where] = x[where] * 2
    y[np.index_exp[0, ...]] += 1
    y[(slice(None), 1)] = 0.0
    return y


PROGRAMS = programs_of(globals())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS.values()])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    if program not in (integers_in_place, float32_buffer):
        agree_gradient(program, X)
