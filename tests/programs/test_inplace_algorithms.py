"""Loops that write their results element by element, as people write it: each program's value bit for bit, and its gradient."""

import numpy as np
import pytest

from tests.programs.layouts import INPUTS, X, programs_of
from tests.recording.agreement import agree, agree_gradient


def bubble_sort(x):
    y = x[0].copy()
    for i in range(len(y)):
        for j in range(len(y) - 1 - i):
            if y[j] > y[j + 1]:
                y[j], y[j + 1] = y[j + 1], y[j]
    return y


def insertion_with_while(x):
    y = x[1].copy()
    for i in range(1, len(y)):
        key, j = y[i], i - 1
        while j >= 0 and y[j] > key:
            y[j + 1] = y[j]
            j -= 1
        y[j + 1] = key
    return y


def recurrence(x):
    y = np.zeros(6)
    y[0] = x[0, 0]
    for i in range(1, 6):
        y[i] = np.sin(y[i - 1]) * x[1, i % 4] + 0.5 * y[i - 2]
    return y


def two_term_recurrence(x):
    y = np.empty((5, 4))
    y[0], y[1] = x[0], x[1]
    for i in range(2, 5):
        y[i] = y[i - 1] * y[i - 2] - x[2]
    return y


def matrix_recurrence(x):
    table = np.zeros((4, 5))
    for i in range(1, 4):
        for j in range(1, 5):
            match = table[i - 1, j - 1] + x[i - 1, j - 1]
            table[i, j] = max(match, table[i - 1, j], table[i, j - 1] - 0.1)
    return table


def arrays_made_in_loops(x):
    rows = []
    for i in range(3):
        row = np.zeros(4)
        for j in range(4):
            row[j] = x[i, j] * (i + j)
        row /= row.sum() + 1.0
        rows.append(row)
    return np.array(rows)


def arrays_carried_through_loops(x):
    state = np.zeros(4)
    seen = []
    for row in x:
        state += row
        state[1:] *= 0.5
        seen.append(state.copy())
    return np.array(seen), state


def aliases_in_a_list(x):
    state = np.zeros(4)
    seen = []
    for row in x:
        state += row
        seen.append(state)
    return np.array(seen)


def enumerated(x):
    y = np.zeros_like(x)
    for (i, j), v in np.ndenumerate(x):
        y[i, j] = v * (i + 1) - j
    for index in np.ndindex(x.shape):
        y[index] += x[index[0], 0]
    return y


def nested_helpers_write(x):
    def normalise(row):
        row /= row.sum()

    def shifted(row, by):
        row[:] = row + by
        return row

    y = x.copy()
    for row in y:
        normalise(row)
    shifted(y[0], x[1, 1])
    return y


def conditional_writes(x):
    y = x.copy()
    for i in range(3):
        for j in range(4):
            if y[i, j] > 0.5:
                y[i, j] = 1.0 - y[i, j]
            elif y[i, j] < 0.1:
                y[i, j] = 0.0
    return y


def accumulate_histogram(x):
    counts = np.zeros(4)
    for v in x.ravel():
        counts[int(v * 4)] += v
    return counts


def prefix_sums(x):
    y = x.ravel().copy()
    step = 1
    while step < len(y):
        y[step:] = y[step:] + y[:-step]
        step *= 2
    return y


def gaussian_elimination(x):
    a = x[:, :3] @ x[:, :3].T + np.eye(3)
    b = x[:, 3].copy()
    n = 3
    for k in range(n):
        p = k + np.argmax(np.abs(a[k:, k]))
        if p != k:
            a[[k, p]] = a[[p, k]]
            b[[k, p]] = b[[p, k]]
        for i in range(k + 1, n):
            f = a[i, k] / a[k, k]
            a[i, k:] -= f * a[k, k:]
            b[i] -= f * b[k]
    out = np.zeros(n)
    for i in range(n - 1, -1, -1):
        out[i] = (b[i] - a[i, i + 1 :] @ out[i + 1 :]) / a[i, i]
    return out


def cholesky_by_hand(x):
    a = x @ x.T + np.eye(3)
    lower = np.zeros_like(a)
    for i in range(3):
        for j in range(i + 1):
            s = sum(lower[i, k] * lower[j, k] for k in range(j))
            if i == j:
                lower[i, j] = np.sqrt(a[i, i] - s)
            else:
                lower[i, j] = (a[i, j] - s) / lower[j, j]
    return lower


def lu_in_place(x):
    a = x[:, :3] + 3 * np.eye(3)
    for k in range(2):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a


def gram_schmidt(x):
    q = x[:, :3] + np.eye(3)
    for j in range(3):
        for k in range(j):
            q[:, j] -= (q[:, k] @ q[:, j]) * q[:, k]
        q[:, j] /= np.linalg.norm(q[:, j])
    return q


def jacobi_sweeps(x):
    u = np.zeros((5, 6))
    u[1:-1, 1:-1] = x
    for _ in range(3):
        u[1:-1, 1:-1] = 0.25 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:])
        u[0] = u[1]
        u[:, -1] = u[:, -2]
    return u


def gauss_seidel(x):
    a = x[:, :3] @ x[:, :3].T + 4 * np.eye(3)
    s = np.zeros(3)
    for _ in range(3):
        for i in range(3):
            s[i] = (x[i, 3] - a[i, :i] @ s[:i] - a[i, i + 1 :] @ s[i + 1 :]) / a[i, i]
    return s


def heat_equation(x):
    u = x[0].copy()
    for _ in range(4):
        u[1:-1] += 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
        u[0] = u[-1] = 0.0
    return u


def chained_assignment(x):
    y, z = np.zeros(4), np.zeros(4)
    y[:] = z[:] = w = x[0] * 2
    y[0] += 1
    return y, z, w


def augmented_through_attribute_of_dict(x):
    store = {"a": x[0].copy(), "b": [x[1].copy()]}
    store["a"] += 1
    store["a"][0] *= 3
    store["b"][0][1:] -= x[2, 1:]
    return store


def delete_item_and_writing(x):
    rows = list(x.copy())
    del rows[1]
    rows[0][0] = 2.0
    return np.array(rows)


PROGRAMS = programs_of(globals())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS.values()])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    agree_gradient(program, X)
