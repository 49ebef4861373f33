"""In-place writes through every kind of view give what plain NumPy gives, and its gradient."""

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient


def slice_write(x):
    x = x.copy()
    x[1:3] = x[:2] * 2
    return x


def item_write(x):
    x = x.copy()
    x[0, 1] = np.sin(x[1, 0])
    return x


def mask_write(x):
    x = x.copy()
    x[x > 0.5] = 0.0
    return x


def mask_scale(x):
    x = x.copy()
    x[x > 0.5] *= 3.0
    return x


def fancy_write(x):
    x = x.copy()
    x[[0, 2]] = x[[1, 0]] * 2
    return x


def fancy_add(x):
    x = x.copy()
    x[[0, 2, 0]] += 1.5
    return x


def ellipsis_write(x):
    y = np.empty_like(x)
    y[...] = x**2
    return y


def newaxis_write(x):
    y = np.zeros((3, 3))
    y[:, None, 1:] = x[:, None, :2]
    return y


def view_of_view(x):
    x = x.copy()
    inner = x[1:][:, ::2]
    inner[0] = 7.0
    inner *= 2
    return x, inner


def older_view_sees_write(x):
    x = x.copy()
    row = x[1]
    x[1, 0] = 5.0
    x *= 2
    return row.copy(), x


def sibling_views(x):
    x = x.copy()
    a, b = x[:2], x[1:]
    a += 1
    b *= 3
    return a + 0, b + 0, x


def transposed(x):
    x = x.copy()
    x.T[0] = np.arange(3.0)
    x.T[1, 2] += x[0, 0]
    return x


def reshaped(x):
    x = x.copy()
    flat = x.reshape(-1)
    flat[::2] *= -1
    return x


def raveled(x):
    x = x.copy()
    x.ravel()[4] = 9.0
    return x


def flattened_is_copy(x):
    x = x.copy()
    x.flatten()[0] = 9.0
    return x


def swapped_axes(x):
    x = x.copy()
    np.swapaxes(x, 0, 1)[1:] = 2.0 * x[0, 0]
    return x


def split_parts(x):
    x = x.copy()
    first, second, third = np.split(x, 3)
    second[:] = first * third
    return x


def unpacked_rows(x):
    x = x.copy()
    for row in x:
        row[0] = row[1] * row[2]
    return x


def written_diagonal(x):
    x = x.copy()
    np.fill_diagonal(x, x[0] * 2)
    return x


def strided_diagonal(x):
    x = x.copy()
    x.reshape(-1)[::4] += 10.0
    return x


def einsum_diagonal(x):
    x = x.copy()
    x[np.arange(3), np.arange(3)] = 1.0
    return x


def real_part(x):
    z = x + 1j * x.T
    z.real = x * 3
    z.imag[0] = 2.0
    return z


def real_view(x):
    z = x * (1 + 2j)
    part = z.real
    part[1:] *= 2
    z[0, 0] = 5
    return z, part + 0


def swap(x):
    x = x.copy()
    x[0], x[1] = x[1].copy(), x[0].copy()
    return x


def swap_views(x):
    x = x.copy()
    x[0], x[1] = x[1], x[0]
    return x


def swap_fancy(x):
    x = x.copy()
    x[[0, 1]] = x[[1, 0]]
    return x


def copyto(x):
    y = np.zeros_like(x)
    np.copyto(y, x * 2)
    np.copyto(y, 1.0, where=x > 0.5)
    return y


def put(x):
    x = x.copy()
    np.put(x, [0, 4, 8], x[0] * 2)
    x.put([1], 3.0)
    return x


def put_wrap(x):
    x = x.copy()
    np.put(x, [10, -1], [1.0, 2.0], mode="wrap")
    return x


def putmask(x):
    x = x.copy()
    np.putmask(x, x > 0.5, x**2)
    return x


def place(x):
    x = x.copy()
    np.place(x, x > 0.5, [1.0, 2.0])
    return x


def put_along(x):
    x = x.copy()
    np.put_along_axis(x, np.argmax(x, axis=1, keepdims=True), -1.0, axis=1)
    return x


def sort_in_place(x):
    x = x.copy()
    x.sort(axis=0)
    return x


def sort_row(x):
    x = x.copy()
    x[1].sort()
    return x


def fill(x):
    x = x.copy()
    x[0].fill(x[2, 2])
    return x


def out_keyword(x):
    y = np.empty_like(x)
    np.sin(x, out=y)
    np.add(y, x, out=y[::1])
    return y


def out_view(x):
    y = np.zeros((3, 3))
    np.multiply(x[0], 2.0, out=y[1])
    np.sum(x, axis=0, out=y[2])
    return y


def out_where(x):
    y = np.ones_like(x)
    np.log(x, out=y, where=x > 0.3)
    return y


def out_positional(x):
    y = np.zeros_like(x)
    np.exp(x, y)
    return y


def out_matmul(x):
    y = np.zeros((3, 3))
    np.matmul(x, x, out=y)
    np.dot(x, y, out=y.copy())
    return y


def out_cast(x):
    y = np.zeros((3, 3), dtype=np.float32)
    np.add(x, 1, out=y, casting="same_kind")
    return y


def add_at(x):
    y = np.zeros(3)
    np.add.at(y, [0, 1, 0], x[0])
    np.subtract.at(y, 2, x[1, 1])
    return y


def add_at_rows(x):
    y = x.copy()
    np.add.at(y, ([0, 1, 1], [2, 2, 2]), x[:, 0])
    return y


def in_place_operators(x):
    y = x.copy()
    y += x
    y -= 0.5
    y *= x.T
    y /= 2.0
    y **= 2
    y @= x
    return y


def in_place_modulo(x):
    y = x * 7
    y %= 2
    y //= 0.5
    return y


def broadcast_in_place(x):
    y = np.zeros((2, 3))
    y += x[0]
    y[:, 1] -= x[0, 0]
    return y


def scalar_in_place(x):
    total = 0.0
    for row in x:
        total += row.sum()
    best = x[0, 0]
    before = best
    best += 1
    return total, best, before


def integer_buffer(x):
    y = np.zeros(3, dtype=int)
    y[0] = 4
    y += 1
    return x * y


def zero_d_write(x):
    y = np.array(1.0)
    y[()] = x[0, 0] * 2
    y += 1
    return y, y * 2


def buffers(x):
    out = np.zeros(4)
    for i in range(3):
        out[i + 1] = out[i] + np.sin(x[i, i])
    return out


def full(x):
    y = np.full((2, 2), x[0, 0])
    y[0, 0] = x[1, 1]
    return y, np.full(3, 2.0), np.full_like(x, x[1, 2])


def nested_lists(x):
    return np.array([[x[0, 0], 1.0], [x[1, 1] * 2, 3]]), np.asarray([x[0], x[1]])


def stacked(x):
    rows = [x[i] * i for i in range(3)]
    rows.append(np.ones(3))
    return np.stack(rows), np.concatenate(rows), np.vstack([x, rows])


def blocks(x):
    return np.block([[x, np.zeros((3, 1))], [np.ones((1, 3)), 2.0]])


def reversed_view(x):
    x = x.copy()
    x[::-1][0] = 0.25
    x[::-1, ::-1][1, 1] *= 4
    return x


def broadcast_row(x):
    x = x.copy()
    x[:] = x[0]
    return x


def overlapping(x):
    x = x.copy()
    x[1:] = x[:-1]
    x[:, :-1] += x[:, 1:]
    return x


def flat_write(x):
    x = x.copy()
    x.flat[3] = 8.0
    x.flat[::5] += 1.0
    return x


def flat_assign(x):
    y = np.zeros_like(x)
    y.flat = x.ravel() * 2
    return y


def squeezed(x):
    y = x.copy()[None]
    np.squeeze(y)[0] = 1.0
    np.moveaxis(y, 0, -1)[1, 1, 0] = 2.0
    return y


def asarray_alias(x):
    x = x.copy()
    np.asarray(x)[0] = 3.0
    np.atleast_2d(x)[1] = 4.0
    return x


def array_copies(x):
    y = np.array(x)
    y[0] = 3.0
    return x, y


def where_reduction(x):
    return (
        np.sum(x, where=x > 0.3),
        np.mean(x, axis=1, where=[True, False, True]),
        x.max(initial=0.5),
    )


def chained(x):
    x = x.copy()
    x[0][1:][0] = x[2][2]
    return x


def delete_insert(x):
    return np.delete(x, 1, axis=0), np.insert(x, 1, 5.0, axis=1), np.append(x[0], x[1, 1])


def tril_write(x):
    x = x.copy()
    x[np.triu_indices(3)] = 0.0
    x[np.ix_([0, 2], [0, 1])] += 1.0
    return x


PROGRAMS = [
    value for name, value in list(globals().items()) if getattr(value, "__module__", "") == __name__
]
X = np.array([[0.31, 0.72, 0.15], [0.94, 0.42, 0.67], [0.55, 0.08, 0.81]])
Y = np.array([[0.9, 0.1, 0.3], [0.2, 0.7, 0.6], [0.85, 0.05, 0.4]])
SMOOTHLESS = {"in_place_modulo", "out_cast", "delete_insert"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(X,), (Y,), (np.asfortranarray(X),), (X[::-1],), (X.astype(np.float32),)])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    if program.__name__ not in SMOOTHLESS:
        agree_gradient(program, X)
