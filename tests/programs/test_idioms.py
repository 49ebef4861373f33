"""Short idioms of array code, each bit for bit as plain NumPy, with its gradient."""

import collections
import itertools

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient


def np_at_method(x):
    y = np.zeros(3)
    np.add.at(y, [0, 1, 1], x[:, 0])
    np.subtract.at(y, [0, 0], x[0, :2])
    return y


def view_reshape_write(x):
    y = np.zeros(12)
    y.reshape(3, 4)[:] = x
    y.shape
    v = y.reshape(2, 6)
    v[0] *= 2
    return y


def ravel_order(x):
    y = x.copy()
    y.ravel(order="K")[2] = 5
    return y


def out_self_reduce(x):
    y = x.copy()
    np.cumsum(y, axis=0, out=y)
    np.maximum.accumulate(y, axis=1, out=y)
    return y


def masked_assign_bool_scalar(x):
    y = x.copy()
    y[True] = y * 2
    y[False] = 9
    return y


def ix_none(x):
    y = x.copy()
    y[:, None][0, 0] = 1
    y[..., 0] = 2
    y[(0, 1), (1, 2)] += 1
    return y


def setitem_list_of_lists(x):
    y = np.zeros((2, 2))
    y[:] = [[x[0, 0], x[0, 1]], [1, x[1, 1]]]
    y[0] = [x[2, 2], 3]
    return y


def aug_list_rhs(x):
    y = x[0].copy()
    y += [x[0, 0], 1, 2, x[1, 1]]
    y *= (1, 2, 3, 4)
    return y


def dstack_views(x):
    a = np.array_split(x.copy().ravel(), 5)
    a[0][0] = 3
    return a


def struct_loop(x):
    out = np.empty((3, 4))
    for i, row in enumerate(x):
        for j, v in enumerate(row):
            out[i][j] = v if v > 0.3 else -v
    return out


def transposed_write_inplace_args(x):
    y = np.asfortranarray(x.copy())
    y[0] = 1
    z = np.ascontiguousarray(x.copy().T)
    z[0] = 2
    return y, z, x * 1


def take_out_mode(x):
    y = np.zeros((2, 4))
    np.take(x, [5, -1], axis=0, out=y, mode="clip")
    return y


def compress_out(x):
    return np.compress([True, False, True], x, axis=0), x.compress([1, 0, 1, 1], axis=1)


def ufunc_reduceat(x):
    return np.add.reduceat(x[0], [0, 2]), np.multiply.reduceat(x, [0, 1], axis=0)


def complex_views(x):
    z = x.astype(complex)
    z[0].imag = 1
    z.real[1] = x[0]
    w = z.T
    w.imag[0] += 2
    return z, np.abs(z)


def view_float_of_complex(x):
    z = x + 1j * x
    return np.stack([z.real, z.imag], -1)


def put_along_neg(x):
    y = x.copy()
    np.put_along_axis(y, np.array([[-1], [-2], [0]]), x[:, :1] * 9, 1)
    return y


def fill_diag_view(x):
    y = np.zeros((4, 4))
    np.fill_diagonal(y[1:, 1:], x[0, :3])
    np.fill_diagonal(y[:, ::-1], x[1])
    return y


def where_out_inplace(x):
    y = x.copy()
    np.multiply(y, 10, out=y, where=y > 0.5)
    np.sqrt(y, where=y > 1, out=y)
    return y


def exchange_blocks(x):
    y = x.copy()
    y[:, :2], y[:, 2:] = y[:, 2:].copy(), y[:, :2].copy()
    return y


def roll_inplace(x):
    y = x.copy()
    y[:] = np.roll(y, 1, axis=0)
    y[1:] = y[:-1]
    return y


def flat_next(x):
    it = x.flat
    a = next(it)
    b = next(it)
    y = x.copy()
    f = y.flat[2:4]
    f[0] = 99
    y.flat[::2] = [1.0, 2.0]
    return (
        a * b,
        x.flat[::2],
        y,
        np.sum(x.flat),
        np.sin(x.flat),
        np.array(x.flat),
        list(x.T.flat),
        max(x.flat),
        x.T.flat[3],
    )


def ndindex_flat_index(x):
    y = x.copy()
    f = y.flat
    for i in range(0, 12, 3):
        f[i] = f[i] ** 2
    return y


def broadcast_obj(x):
    b = np.broadcast(x, x[0])
    return b.shape[0] * x


def lexsort_idx(x):
    o = np.lexsort((x[0], x[1]))
    y = np.empty(4)
    y[o] = np.arange(4) * x[2]
    return y


def unique_inv(x):
    u, inv = np.unique(np.round(x[0] * 3), return_inverse=True)
    return u[inv] * x[0]


def bincount_w(x):
    return np.bincount([0, 1, 1, 2], weights=x[0], minlength=5)


def histogram(x):
    h, e = np.histogram(x, bins=3, range=(0, 1))
    return h * x[0, 0]


def setdiag_idx(x):
    y = x.copy()
    i = np.arange(3)
    y[i, i] = 0
    y[i, (i + 1) % 4] -= x[i, i]
    return y


def bool_combo(x):
    y = x.copy()
    m = (y > 0.2) & (y < 0.7) | (y > 0.9)
    y[m] = np.log(y[m])
    y[~m & (y < 0.1)] = 0
    return y


def scan_out(x):
    acc = []
    s = np.zeros(4)
    for r in x:
        s = s * 0.5 + r
        acc.append(s)
    return np.vstack(acc)[::-1].cumsum(0)


def ring_buffer(x):
    buf = np.zeros(3)
    for k, v in enumerate(x.ravel()):
        buf[k % 3] = buf[(k - 1) % 3] * 0.3 + v
    return buf


def dict_state(x):
    st = {"m": np.zeros(4), "v": np.zeros(4), "t": 0}
    for g in x:
        st["t"] += 1
        st["m"] = 0.9 * st["m"] + 0.1 * g
        st["v"] = 0.99 * st["v"] + 0.01 * g**2
    return st["m"] / (1 - 0.9 ** st["t"]) / (np.sqrt(st["v"]) + 1e-3)


def dict_state_inplace(x):
    st = {"m": np.zeros(4), "t": 0}
    for g in x:
        st["t"] += 1
        st["m"] *= 0.9
        st["m"] += 0.1 * g
    return st["m"] * st["t"]


def np_matrix_power(x):
    a = x[:, :3]
    return np.linalg.matrix_power(a, 3), np.linalg.multi_dot([a, a, x])


def einsum_out_path(x):
    o = np.zeros((3, 3))
    np.einsum("ij,kj->ik", x, x, out=o, optimize=True)
    return o


def nested_lists_mutate(x):
    grid = [[x[i, j] for j in range(4)] for i in range(3)]
    grid[0][0], grid[1][1] = grid[1][1], grid[0][0]
    grid[2][3] += 1
    return np.array(grid), np.array([max(r) for r in grid]), np.sum(grid, axis=0)


def tuple_cmp(x):
    return x * 2 if (x[0, 0], x[0, 1]) < (x[0, 1], x[0, 0]) else x * 3


def sorted_pairs(x):
    ps = sorted(zip(x[0], x[1]))
    return np.array([a * b for a, b in ps])


def argmax_loop(x):
    return sum(row[row.argmax()] * k for k, row in enumerate(x)), x[range(3), x.argmax(1)]


def counter(x):
    c = collections.Counter(int(v * 3) for v in x.ravel())
    return x * c[0] + c[1]


def groupby(x):
    return np.array([sum(g) for k, g in itertools.groupby(x.ravel(), key=lambda v: v > 0.4)])


def setdefault(x):
    d = {}
    for v in x.ravel():
        d.setdefault(int(v * 2), []).append(v)
    return {k: np.mean(v) for k, v in d.items()}


PROGRAMS = [v for v in list(globals().values()) if getattr(v, "__module__", "") == __name__]
X = np.array([[0.31, 0.72, 0.15, 0.47], [0.94, 0.42, 0.67, 0.11], [0.55, 0.08, 0.81, 0.26]])
INPUTS = [X, X[::-1] * 0.9, np.asfortranarray(X), X.astype(np.float32)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    agree_gradient(program, X)
