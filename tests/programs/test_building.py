"""Arrays built from traced parts, in every way that people build arrays."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient


def filled_buffers(x):
    a, b, c, d = np.zeros(3), np.empty((2, 2)), np.ones(3), np.full(2, 7.0)
    a[0] = x[0]
    b[:] = x[1]
    c[1:] = x[:2] * x[2]
    d[-1] += x[3]
    return a, b, c, d


def buffers_like(x):
    a, b, c, d = np.zeros_like(x), np.empty_like(x), np.ones_like(x), np.full_like(x, x[0])
    a[1], b[:], d[2:] = x[0], x**2, 0.0
    return a, b, c * x, d


def identity_and_grids(x):
    return (
        np.eye(4) * x,
        np.identity(4) @ x,
        np.diag(x),
        np.tri(4) @ x,
        np.diagflat(x, 1),
        np.vander(x, 3),
    )


def full_of_a_traced_value(x):
    return (
        np.full(3, x[0]),
        np.full((2, 2), x[1] * 2),
        np.full((2, 4), x),
        np.full(2, x[0], dtype=np.float32),
    )


def array_of_a_list(x):
    return np.array([x[0], x[1] * 2, 3.0]), np.asarray([x[2], 1]), np.asanyarray((x[0], x[1]))


def array_of_nested_lists(x):
    a, b, c, d = x
    return np.array([[a, b], [c, d]]), np.array([[a, 0], [1.5, d * a]]), np.array(([a], [b]))


def array_of_rows(x):
    rows = [x * k for k in range(3)]
    return np.array(rows), np.array([rows, rows]), np.asarray(rows).T, np.array([x, [1, 2, 3, 4]])


def array_with_dtype(x):
    return (
        np.array(x, dtype=np.float32),
        np.array([x[0], 1], dtype=complex),
        np.array(x, dtype=int),
        np.asarray(x, dtype=np.longdouble),
        np.array([x[0] > 0.5, True]),
        np.float32(x[0]) * x[1],
        np.array(x, np.float32, ndmin=2),
    )


def array_of_zero_dimensional(x):
    return np.array(x[0]), np.array([np.array(x[0]), x[1].sum()]), np.array([x[:1], x[1:2]])


def rotation(x):
    c, s = np.cos(x[0]), np.sin(x[0])
    r = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return r @ x[:3], np.array([[c, -s], [s, c]], dtype=np.float64)


def append_loop(x):
    out = []
    for i in range(4):
        out.append(np.sin(x[i]) * i)
    return np.array(out), np.stack(out), np.hstack(out)


def append_and_extend(x):
    out = [0.0]
    for v in x:
        out += [v, out[-1] + v]
    out.insert(1, x[0] * 9)
    out.pop()
    return np.array(out[::-1])


def comprehension(x):
    return np.array([v * v for v in x]), np.array([[a * b for b in x] for a in x])


def comprehension_with_condition(x):
    return np.array([v for v in x if v > 0.4]), np.array([v if v > 0.4 else -v for v in x])


def from_generator(x):
    return np.fromiter((v * 2 for v in x), float), np.fromiter(
        (x[i] for i in range(4)), float, count=4
    )


def sum_of_lists(x):
    return sum([x, x * 2, x**2]), sum(x), sum([x[0], x[1]], 1.0), sum((v for v in x), start=2)


def numpy_of_lists(x):
    parts = [x[0], x[1] * 2, x[2]]
    return (
        np.sum(parts),
        np.mean(parts),
        np.max(parts),
        np.min(parts),
        np.prod(parts),
        np.std(parts),
        np.cumsum(parts),
        np.dot(parts, parts),
        np.median(parts),
        np.linalg.norm(parts),
        np.diff(parts),
        np.sort(parts),
        np.argmax(parts),
        np.average(parts, weights=[1, 2, 3]),
    )


def ufuncs_of_lists(x):
    parts = [x[0], x[1]]
    return (
        np.sin(parts),
        np.add(parts, 1),
        np.maximum(parts, [x[2], x[3]]),
        np.multiply(x[:2], parts),
        np.exp([x, x]),
    )


def operators_with_lists(x):
    return (
        x + [1, 2, 3, 4],
        [1, 2, 3, 4] * x,
        x[:2] - [x[2], x[3]],
        [x[0], 1] @ x[:2],
        x / (1, 2, 3, 4),
    )


def more_functions_of_lists(x):
    rows = [[x[0], x[1]], [x[2], x[3]]]
    return (
        np.linalg.det(rows),
        np.linalg.solve(rows, [x[0], 1.0]),
        np.transpose(rows),
        np.trace(rows),
        np.matmul(rows, rows),
        np.outer([x[0], 1], x),
        np.einsum("ij,j", rows, x[:2]),
        np.kron([x[0], 1], [1, x[1]]),
        np.where([True, False], [x[0], 1], [2, x[1]]),
        np.clip([x[0], x[1]], 0.2, x[2]),
        np.interp([x[0]], [0, 1], [x[1], 2]),
        np.polyval([x[0], x[1], 1], x),
        np.cross([x[0], 0, 1], x[:3]),
        np.reshape(rows, 4),
        np.take(rows, [0, 3]),
        np.ravel(rows),
        np.repeat([x[0], x[1]], 2),
        np.tile([x[0], 1], 2),
        np.roll([x[0], x[1], 0], 1),
        np.flip(rows),
        np.tensordot(rows, rows, 1),
        np.inner([x[0], 1], x[:2]),
    )


def joins(x):
    return (
        np.concatenate([x, [x[0]], [1.0, 2]]),
        np.append(x, x[0]),
        np.append(x, [x[1], 3]),
        np.hstack((x, x[0])),
        np.vstack([x, x]),
        np.dstack([x, x]),
        np.column_stack([x, x * 2]),
        np.stack((x, x), axis=1),
        np.concatenate((x[None], [x]), axis=0),
        np.hstack([x[0], x[1]]),
        np.block([x, 1.0]),
        np.block([[x[:2], x[0]], [1, 2, x[3]]]),
        np.insert(x, 1, x[0]),
        np.delete(x, 0),
        np.pad(x, 1),
        np.pad(x, (0, 2), constant_values=x[0]),
        np.pad(x, 2, mode="edge"),
    )


def r_and_c(x):
    return (
        np.r_[x, 0.0, x[::-1]],
        np.r_[x[0], x[1], 5],
        np.c_[x, x * 2],
        np.r_[0:3, x],
        np.c_[x[:2], [1, 2]],
        np.r_["0,2", x, x],
        np.r_[-1:1:4j, x[0]],
    )


def grids(x):
    u, v = np.meshgrid(x, x[:3])
    a, b = np.meshgrid(x[:2], x, indexing="ij", sparse=True)
    i, j = np.mgrid[0:2, 0:3]
    p, q = np.ogrid[0:2, 0:2]
    return (
        u * v,
        a + b,
        i * x[0] + j,
        p * x[1] - q,
        np.ix_([0, 1], [2])[0] * x[0],
        np.indices((2, 2)) * x[0],
    )


def ranges(x):
    return (
        np.linspace(0, x[0], 4),
        np.linspace(x[0], x[1], 3, endpoint=False),
        np.arange(4) * x,
        np.logspace(0, x[0], 3),
        np.geomspace(1.0, 1 + x[0], 3),
        np.linspace(x, 1.0, 3),
        np.arange(0.0, 2.0, 0.5) * x[0],
    )


def windows(x):
    return np.array([x[i : i + 2] for i in range(3)]), np.array(
        [x[i : i + 2].mean() for i in range(3)]
    )


def dict_of_parts(x):
    table = {i: v**2 for i, v in enumerate(x)}
    return np.array(list(table.values())), np.array([table[k] for k in sorted(table)])


def zipped(x):
    return np.array([a * b + c for a, b, c in zip(x, x[::-1], range(4))]), np.array(list(zip(x, x)))


def mapped(x):
    return (
        np.array(list(map(np.sin, x))),
        np.array(list(map(lambda a, b: a * b, x, x[1:]))),
        list(map(float, [1, 2])),
    )


def reduced(x):
    import functools
    import operator

    return functools.reduce(operator.mul, x), functools.reduce(lambda a, b: np.tanh(a + b), x, 0.0)


def accumulated(x):
    return np.array(list(itertools.accumulate(x))), np.array(
        list(itertools.accumulate(x, lambda a, b: a * b))
    )


def products_of_iterators(x):
    return np.array([a * b for a, b in itertools.product(x[:2], x[2:])]), sum(
        a * b for a, b in itertools.combinations(x, 2)
    )


def chained(x):
    return np.array([*x, *x[::-1], 1.0]), np.array(list(itertools.chain(x[:2], [3.0], x[2:])))


def unpacked(x):
    first, *middle, last = x
    (a, b), (c, d) = x.reshape(2, 2)
    return first * last, np.array(middle), a * d - b * c


def reversed_and_sorted(x):
    return (
        np.array(list(reversed(x))),
        np.array(sorted(x)),
        np.array(sorted(x, key=lambda v: -v)),
        np.array(sorted(x, reverse=True)),
    )


def object_lists(x):
    cells = [None] * 4
    for i in range(4):
        cells[i] = x[i] * (i + 1)
    return np.array(cells), np.array([c for c in cells if c is not None])


def object_array(x):
    cells = np.empty(4, dtype=object)
    for i in range(4):
        cells[i] = x[i] ** 2
    return np.array(list(cells)), cells[0] + cells[3]


def matrix_of_lists_filled(x):
    m = [[0.0] * 3 for _ in range(3)]
    for i in range(3):
        for j in range(3):
            m[i][j] = x[i] * x[j] + (i == j)
    return np.array(m), np.linalg.inv(m)


def hankel(x):
    i = np.arange(2)[:, None] + np.arange(3)
    return x[i], x[np.abs(np.subtract.outer(np.arange(4), np.arange(4)))]


def python_numbers(x):
    return (
        x[0] * Fraction(1, 2).numerator,
        x * True,
        x + 2**7 * 1.0,
        x[0] + 1j * x[1],
        x // 1,
        3 - x[0],
    )


def item_access(x):
    values = x.tolist()
    return values[0] * x, x.item(1) * 2, x[:1].item() + x[2].item(), np.array(values)


def scalars_of_numpy(x):
    return (
        np.float64(x[0]) * 2,
        np.float64(x.sum()),
        np.int64(3) * x,
        np.complex128(x[0]),
        np.bool_(x[0] > 0.3),
    )


def choose_and_select(x):
    return (
        np.select([x > 0.7, x > 0.3], [x, x**2], 0.0),
        np.choose([0, 1, 0, 1], [x, -x]),
        np.piecewise(x, [x < 0.4, x >= 0.4], [lambda v: v**2, lambda v: 2 * v]),
        np.where(x > 0.4, x, [1, 2, 3, 4]),
    )


def vectorized(x):
    f = np.vectorize(lambda v, k: v**2 + k if v > 0.4 else k)
    return f(x, 1.0)


def along_axis(x):
    m = np.array([x, x[::-1] ** 2])
    return (
        np.apply_along_axis(lambda r: r / r.sum(), 1, m),
        np.apply_along_axis(np.sum, 0, m),
        np.apply_over_axes(np.sum, m, [0, 1]),
    )


def atleast(x):
    return (
        np.atleast_1d(x[0]),
        np.atleast_2d(x),
        np.atleast_3d(x),
        np.atleast_1d([x[0], x[1]]),
        np.atleast_1d(x[0], x[1]),
    )


def from_function(x):
    return np.fromfunction(lambda i, j: x[0] * i + x[1] * j, (2, 3)), np.array(
        [[x[i] * j for j in range(2)] for i in range(2)]
    )


def copies(x):
    a, b, c = x.copy(), np.copy(x), np.array(x)
    a[0], b[1], c[2] = 5.0, 6.0, 7.0
    d = x[:]
    e = np.array(x, copy=False) * 2
    f = np.ascontiguousarray(x[::-1])
    return a, b, c, d * 1, e, f


def polynomials(x):
    return (
        np.polyval([x[0], x[1], 2.0], x[2]),
        np.polyval(list(x), 0.5),
        np.convolve(list(x), [1, x[0]]),
    )


def strings_beside_numbers(x):
    parts = {"w": x[0], "label": "text", "n": 3}
    return {**parts, "y": parts["w"] * parts["n"]}, f"{len(x)}"


def broadcasting(x):
    return (
        np.broadcast_to(x[0], (2, 2)),
        np.broadcast_to(x, (2, 4)) * 2,
        np.broadcast_arrays(x, x[:, None])[1] * 1,
    )


def trapezoid(x):
    total = 0
    for i in range(3):
        total += (x[i] + x[i + 1]) / 2
    return total


def running_mean(x):
    mean, n = 0.0, 0
    history = []
    for v in x:
        n += 1
        mean += (v - mean) / n
        history.append(mean)
    return np.asarray(history)


def deque_of_parts(x):
    from collections import deque

    last = deque(maxlen=2)
    out = []
    for v in x:
        last.append(v)
        out.append(sum(last) / len(last))
    return np.array(out), np.array(last)


PROGRAMS = [v for v in list(globals().values()) if getattr(v, "__module__", "") == __name__]
X = np.array([0.31, 0.72, 0.15, 0.94])
INPUTS = [X, X[::-1], X.astype(np.float32), np.array([0.52, 0.28, 0.83, 0.07])]
STEPPED = {"array_with_dtype", "scalars_of_numpy", "full_of_a_traced_value"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    if program.__name__ not in STEPPED:
        agree_gradient(program, X)
