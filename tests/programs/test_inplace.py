"""In-place NumPy as people write it: each program's value bit for bit, and its gradient.

Every function here takes an array of shape (3, 4) and is run on other layouts and dtypes, too.
"""

import numpy as np
import pytest

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
        np.sum(x, where=keep), x.mean(axis=0, where=keep, keepdims=True),
        np.max(x, initial=0.0, where=keep), np.prod(x, axis=1, where=keep, initial=2.0),
    )  # fmt: skip


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


def broadcast_value(x):
    y = np.empty((3, 4))
    y[:] = x[0]
    y[1:] = x[0, 0]
    y[:, 1:] += x[:, :1]
    z = np.empty((2, 3, 4))
    z[:] = x
    z[1] = np.broadcast_to(x[0], (3, 4))
    return y, z


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


PROGRAMS = [v for v in list(globals().values()) if getattr(v, "__module__", "") == __name__]
X = np.array([[0.31, 0.72, 0.15, 0.47], [0.94, 0.42, 0.67, 0.11], [0.55, 0.08, 0.81, 0.26]])
INPUTS = {
    "C order": X, "Fortran order": np.asfortranarray(X), "negative strides": X[::-1, ::-1],
    "strided": np.repeat(X, 2, axis=1)[:, ::2], "float32": X.astype(np.float32),
    "other values": X[::-1] * 0.9 + 0.03,
}  # fmt: skip
STEPPED = {"integers_in_place", "float32_buffer"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS.values()])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    if program.__name__ not in STEPPED:
        agree_gradient(program, X)
