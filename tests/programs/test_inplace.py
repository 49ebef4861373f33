"""Writes to elements picked by every kind of index, as people write it: each program's value bit for bit, and its gradient."""

import numpy as np
import pytest

from tests.programs.layouts import INPUTS, X, programs_of
from tests.recording.agreement import agree, agree_gradient


def index_array_with_duplicates(x):
    y = x.copy()
    y[[0, 2, 0]] = x[[1, 1, 2]] * 2
    return y


def index_array_add_with_duplicates(x):
    y = x.copy()
    y[[0, 2, 0]] += x[[1, 1, 2]]
    return y


def index_array_from_data(x):
    y = x.copy()
    order = np.argsort(x[:, 0])
    y[order] = x * np.arange(1.0, 4.0)[:, None]
    return y


def two_index_arrays(x):
    y = x.copy()
    y[np.array([0, 2]), np.array([3, 1])] = x[1, :2] ** 2
    y[np.array([[0], [1]]), np.array([0, 2])] *= x[:2, :2]
    return y


def slice_beside_index_array(x):
    y = x.copy()
    y[1:, [0, 3]] = x[:2, 1:3]
    y[:, [2, 2]] += 1.0
    return y


def new_axis_beside_index_array(x):
    y = np.zeros((3, 1, 4))
    y[:, 0] = x
    y[[0, 1], None, 0, 2] = x[2, :2].reshape(2, 1)
    return y


def mask_of_rows(x):
    y = x.copy()
    y[x[:, 0] > 0.4] = x[0]
    return y


def mask_and_slice(x):
    y = x.copy()
    y[x[:, 0] > 0.4, 1:3] *= 2.0
    return y


def mask_takes_values(x):
    y = np.zeros_like(x)
    keep = x > 0.4
    y[keep] = np.sin(x[keep])
    y[~keep] = x[~keep] ** 2
    return y


def mask_in_place_power(x):
    y = x.copy()
    y[x > 0.4] **= 2
    y[x < 0.2] -= x[x < 0.2] * 3
    return y


def python_list_mask(x):
    y = x.copy()
    y[[True, False, True]] = 5.0
    y[:, [False, True, False, True]] += x[:, :2]
    return y


def numpy_integer_index(x):
    y = x.copy()
    for i in np.arange(3):
        y[i, i] = x[i].sum()
    y[np.int64(1)][np.int32(2)] = 4.0
    return y


def negative_indices(x):
    y = x.copy()
    y[-1, -2] = x[-2, -1] * 3
    y[-2:, :-2] -= x[:2, 2:]
    return y


def ellipsis_and_new_axis(x):
    y = x.copy()
    y[..., 0] = 2.0 * x[..., 1]
    y[None][0, ..., 2] *= 3.0
    y[..., None][1, 1, 0] = x[0, 0]
    return y


def stepped(x):
    y = x.copy()
    y[::2, ::-2] = x[1:, :2]
    y[::-1][0, ::3] += 1.0
    return y


def empty_selections(x):
    y = x.copy()
    y[0:0] = 3.0
    y[[]] = 1.0
    y[x > 100.0] *= 2.0
    y[:, 4:] += 1.0
    return y


def write_of_itself(x):
    y = x.copy()
    y[:] = y
    y[::-1] = y
    return y


PROGRAMS = programs_of(globals())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS.values()])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    agree_gradient(program, X)
