"""Writes through views, as people write it: each program's value bit for bit, and its gradient."""

import numpy as np
import pytest

from tests.programs.layouts import INPUTS, X, programs_of
from tests.recording.agreement import agree, agree_gradient


def views_of_views(x):
    y = x.copy()
    a = y[1:]
    b = a[:, ::2]
    c = b.T
    c[0] += x[0, :2]
    a[0, 0] *= 2
    return y, a.copy(), b.copy(), c.copy()


def view_made_before_several_writes(x):
    y = x.copy()
    column = y[:, 1]
    block = y[1:, 1:]
    y[1] = x[0]
    block *= 2
    column[2] = column[1] * x[0, 0]
    return y, column + 0, block + 0


def transposed_chain(x):
    y = x.copy()
    y.T[::2].T[1:] = x[:2, :2]
    np.transpose(y)[0, 0] += 1
    return y


def three_axes(x):
    y = np.stack([x, 2 * x, 3 * x])
    y.transpose(2, 0, 1)[1, :, 2] = x[:, 0]
    np.swapaxes(y, 0, 2)[0] *= 2.0
    np.moveaxis(y, 0, -1)[2, 3] = x[0, :3]
    np.rollaxis(y, 2)[3, 0] = 1.0
    return y


def reshape_is_a_view(x):
    y = np.empty((3, 4))
    y[...] = x
    y.reshape(4, 3)[1] = x[0, :3]
    y.reshape(2, -1, 3)[:, 1] *= 2
    return y


def reshape_is_a_copy(x):
    y = np.empty((3, 4))
    y[...] = x
    z = y.T.reshape(-1)
    z[0] = 7.0
    return y, z


def ravel_is_a_view_or_a_copy(x):
    y = np.empty((3, 4))
    y[...] = x
    y.ravel()[5] = 9.0
    y.T.ravel()[5] = 8.0
    y.T.ravel("F")[6] = 7.0
    return y


def flat_items(x):
    y = x.copy()
    y.flat[3] = x[0, 0] * 2
    y.flat[[1, 5]] = x[1, :2]
    y.flat[8:] += 1.0
    return y, y.flat[2], y.flat[4:7]


def flat_of_a_transposed(x):
    y = x.copy()
    y.T.flat[1] = 2.0
    y.T.flat[4:6] = x[0, :2]
    y[:, ::2].flat[::2] *= 3.0
    return y


def flat_assigned(x):
    y = np.zeros((4, 3))
    y.flat = x
    z = np.zeros_like(x)
    z.flat = [1.0, 2.0]
    z.T.flat = x[0] * 2
    return y, z


def flat_iterated(x):
    total = 0.0
    for k, v in enumerate(x.flat):
        total = total + k * v
    return total, len(x.flat)


def diagonal_read_only(x):
    d = np.diagonal(x)
    try:
        d[0] = 1.0
    except ValueError:
        return d * 2
    return d


def einsum_diagonal_view(x):
    y = x[:, :3].copy()
    np.einsum("ii->i", y)[:] = x[0, :3] * 2
    return y


def einsum_transposed_view(x):
    y = x.copy()
    np.einsum("ij->ji", y)[1] = 4.0
    return y


def real_and_imaginary_parts(x):
    z = x + 1j * x[::-1]
    z.real[1:] = x[:2] ** 2
    z.imag *= 2.0
    z[0].imag[1] = x[0, 0]
    z.real = z.imag + 1
    np.real(z)[2] -= x[0]
    return z


def imaginary_of_a_view(x):
    z = np.zeros((3, 4), complex)
    z.T[1:].imag = x[:, 1:].T
    z[:, 0].real += x[:, 0]
    return z * 2


def split_views(x):
    y = x.copy()
    a, b = np.split(y, 2, axis=1)
    a[:] = b * x[0, 0]
    b *= a
    first, *rest = np.vsplit(y, 3)
    rest[-1][0, 1] = 3.0
    left, _ = np.hsplit(y, [1])
    left += 1
    for part in np.array_split(y, 2):
        part[0] *= 0.5
    return y


def swap_items(x):
    y = x.copy()
    y[0, 0], y[2, 3] = y[2, 3], y[0, 0]
    i, j = 0, 1
    y[i, 2], y[j, 2] = y[j, 2], y[i, 2]
    return y


def swap_rows_by_index(x):
    y = x.copy()
    y[[0, 2]] = y[[2, 0]]
    y[:, [0, 1]] = y[:, [1, 0]]
    return y


def swap_row_views(x):
    y = x.copy()
    y[0], y[1] = y[1], y[0]
    return y


def swap_names(x):
    a, b = x[0].copy(), x[1].copy()
    a, b = b, a
    a[0] = 2.0
    return a, b


def overlapping_views(x):
    y, z, w = x.copy(), x.copy(), x.copy()
    y[1:] += y[:-1]
    z[:, 1:] = z[:, :-1]
    w[:, ::-1] -= w
    z[:-1] *= z[1:]
    w += w.copy().T[:, :1].T
    return y, z, w


def overlapping_out(x):
    y = x[0].copy()
    np.add(y[1:], y[:-1], out=y[1:])
    np.multiply(y, y[::-1], out=y)
    return y


def unravelled(x):
    y = x.copy()
    y[np.unravel_index(np.argmax(x), x.shape)] = 0.0
    y[np.unravel_index([1, 6], x.shape)] *= 2
    return y


def squeezed_and_expanded(x):
    y = x.copy()
    np.expand_dims(y, 1)[:, 0, 1] = 2.0
    np.squeeze(y[None, ..., None])[2] = x[0]
    np.atleast_3d(y)[0, 0, 0] = 5.0
    y[np.newaxis].squeeze(0)[1, 1] = x[2, 2]
    return y


def broadcast_arrays_are_copied_before_writing(x):
    a, b = np.broadcast_arrays(x, x[0])
    a = a.copy()
    a[0] += b[1]
    return a


def flip_views(x):
    y = x.copy()
    np.flip(y, 0)[0] = 1.0
    np.fliplr(y)[:, 0] += x[:, 0]
    np.flipud(y)[0, 1] = 3.0
    np.rot90(y)[0, 0] = 6.0
    return y


def nditer_writes(x):
    y = x.copy()
    with np.nditer(y, op_flags=["readwrite"]) as it:
        for v in it:
            v[...] = 2 * v
    return y


def sliding_windows(x):
    y = np.arange(6.0) * x[0, 0]
    windows = np.lib.stride_tricks.sliding_window_view(y, 3)
    return windows.sum(axis=1)


def views_survive_rebinding(x):
    y = x.copy()
    v = y[0]
    y = y * 2
    y[0] = 1.0
    v[1] = 9.0
    return y, v.copy()


PROGRAMS = programs_of(globals())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS.values()])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    agree_gradient(program, X)
