"""Lookups and writes by functions, one line per function and signature.

The forms of an index are in ``test_index_forms.py``.
"""

import numpy as np

from tests.rules.table import booleans, distinct, each, integers, reals, row

A, V, B, S = reals(4, 3), reals(5), reals(3), reals()
PLACES = np.array([2, 0])


def changed(function):
    """A copy of ``x`` after ``function(copy, …)`` wrote to it."""

    def run(x, *values, **keywords):
        y = x.copy()
        function(y, *values, **keywords)
        return y

    return run


FORMS = [
    row("getitem", lambda x: x[x > 0] ** 2, A).but(dtypes="efg"),
    row("getitem", lambda x: x[x > 100.0], A),
    row("getitem", lambda x: x[np.nonzero(x > 0)], A),
    row("getitem", lambda x: x[np.where(x > 0)], A),
    row("getitem", lambda x: x[np.argmax(x)] * x[np.argsort(x)], distinct(5)),
    row("getitem", lambda x: x[np.arange(4), np.argmax(x, axis=1)], distinct(4, 3)),
    row("getitem", lambda x, i: x[i], V, integers(4)),
    row("getitem", lambda x, i: x[i:], V, np.int64(2)),
    row("setitem", changed(lambda y: y.__setitem__(y < 0, 0.0)), A),
    row("setitem", changed(lambda y, v: y.__setitem__(np.array([3, 1]), v * y[0])), V, S),
    row("ndarray.flat", lambda x: x.flat[3] * x.T.flat[3:5], A),
    row("ndarray.flat", lambda x: x.flat[[0, 3, 3]], A),
    row("ndarray.flat", changed(lambda y, v: setattr(y, "flat", v)), A, B),
    row("ndarray.flat", changed(lambda y, v: y.T.flat.__setitem__(slice(1, 4), v)), A, B),
    row("ndarray.item", A, each(4, (1, 2))),
    row("ndarray.item", A, 1, 2),
    row("ndarray.item", reals(1, 1)),
    row("ndarray.tolist", A),
]

LOOKUPS = [
    row("take", V, each([0, 2], [-1], 3, [[0, 1], [1, 1]])),
    row("take", A, each([0, 5, 5], 4)),
    row("take", A, each(PLACES, [[0, 1], [2, 1]], 1), axis=each(0, 1, -1)),
    row("take", V, [-3, 9], mode=each("clip", "wrap")),
    row("take", A, [-3, 9], axis=0, mode=each("clip", "wrap")),
    row("take", lambda x: np.take([x[0], x[1]], [1, 0]), V),
    row(
        "take_along_axis", lambda x: np.take_along_axis(x, np.argsort(x, axis=0), 0), distinct(4, 3)
    ),
    row("take_along_axis", A, np.array([3, 1]), axis=None),
    row("take_along_axis", A, np.array([[0], [-1], [0], [1]])),
    row("take_along_axis", reals(1, 3), np.array([[1], [0]]), axis=1),
    row("compress", [True, False, True], A, axis=1),
    row("compress", [False, True, True], A),
    row("compress", lambda x: np.compress(x > 0, x), V),
    row("compress", lambda x: np.compress(x[0] > 0, x, axis=1), A),
    row("extract", lambda x: np.extract(x > 0, x), A),
    row("extract", [1, 0, 2], B),
    row("choose", lambda x, y: np.choose([0, 1, 0], [x, y]), B, B),
    row("choose", lambda x, y: np.choose(np.array([[0, 1, 0], [1, 1, 0]]), [x, 2.0 * y]), B, B),
    row("choose", lambda x, y: np.choose([0, 5, -2], [x, y], mode="clip"), B, B),
    row("choose", lambda x, y: np.choose([0, 5, -2], (x, y), mode="wrap"), B, B),
    row("choose", [0, 1, 0], reals(2, 3)),
    row("choose", lambda x: np.choose(1, [x[0], x[1]]), B),
    row("select", lambda x: np.select([x < 0, x < 1], [x**2, x * 3], default=0.0), A),
    row("select", lambda x, y: np.select([x < 0, x > 1], [y, 2.0], x), A, B),
    row("select", lambda x, y: np.select([[True, False, True]], [x], y), B, S),
    row("where", lambda x: np.where([True, False], [x[0], x[1]], 0.0), B),
    row("diag_indices_from", lambda x: x[np.diag_indices_from(x)], reals(3, 3)),
    row("tril_indices_from", lambda x: x[np.tril_indices_from(x, k=-1)], reals(3, 3)),
    row("triu_indices_from", lambda x: x[np.triu_indices_from(x)], reals(3, 3)),
    row("mask_indices", lambda x: x[np.mask_indices(3, np.triu, 1)], reals(3, 3)),
    row("ix_", lambda x: x[np.ix_([True, False, True, False], [1, 2])], A),
    row("unravel_index", lambda x: x[np.unravel_index(np.argmax(x), x.shape)], distinct(4, 3)),
    row(
        "ravel_multi_index", lambda x: x.ravel()[np.ravel_multi_index(([0, 1], [1, 2]), (4, 3))], A
    ),
    row("r_", lambda x: np.r_[x, 1.0, x[::-1], 0:3], V),
    row("r_", lambda x: np.r_[x[0] : x[0] + 3.25 : 0.5, x[0] : x[1] : 4j, x[0] : x[0] + 1.5], V),
    row("c_", lambda x: np.c_[x, x**2, np.ones(5)], V),
    row("s_", lambda x: x[np.s_[1:, ::2]], A),
]

WRITES = [
    row("put", changed(lambda y, v: np.put(y, [0, 5], v)), A, each(S, reals(2), reals(5))),
    row("put", changed(lambda y, v: np.put(y, [-1, 20], v, mode="clip")), A, reals(2)),
    row("ndarray.put", changed(lambda y, v: y.put([[-1, 20]], [v, 2 * v], mode="wrap")), A, S),
    row(
        "put_along_axis",
        changed(lambda y, v: np.put_along_axis(y, np.array([[0], [1], [2], [0]]), v, axis=1)),
        A,
        each(reals(4, 1), S),
    ),
    row(
        "put_along_axis",
        changed(lambda y, v: np.put_along_axis(y, np.array([0, 5]), v, None)),
        A,
        reals(2),
    ),
    row("fill_diagonal", changed(np.fill_diagonal), each(reals(3, 3), reals(7, 3)), each(S, B)),
    row("fill_diagonal", changed(lambda y, v: np.fill_diagonal(y, v, wrap=True)), reals(7, 3), S),
    row("fill_diagonal", changed(np.fill_diagonal), each(reals(3, 3, 3), reals(3, 5)), S),
    row("copyto", changed(np.copyto), A, each(B, S)),
    row("copyto", changed(lambda y, v: np.copyto(y, v, where=y > 0)), A, B),
    row("copyto", changed(lambda y, v: np.copyto(y, v, where=[True, False, True])), A, B),
    row("place", changed(lambda y, v: np.place(y, y > 0, [v, v * v])), A, S),
    row("putmask", changed(lambda y, v: np.putmask(y, y > 0, v)), A, each(A, reals(5), S)),
    row("ndarray.fill", changed(lambda y, v: y.fill(v)), A, S),
    row("ndarray.sort", changed(lambda y: y.sort(axis=0)), distinct(4, 3)),
    row("ndarray.partition", changed(lambda y: y.partition(2, axis=0)), distinct(4, 3)),
]

PIECES = [
    row("piecewise", lambda x: np.piecewise(x, [x < 0, x >= 0], [np.square, lambda t: 3 * t]), A),
    row("piecewise", lambda x: np.piecewise(x, [x < 0], [lambda t: t**2, np.sin]), A),
    row("piecewise", lambda x: np.piecewise(x, [x < 0, x > 1], [1.0, lambda t: t, 2.0]), A),
    row("piecewise", lambda x, k: np.piecewise(x, [x < 0], [_times, _squared_times], k), A, S),
    row("vectorize", lambda x: np.vectorize(lambda t: t**2 if t > 0 else -t)(x), A),
    row("fromfunction", lambda x: np.fromfunction(lambda i: x[i] * x[0], (5,), dtype=int), V),
    row("fromiter", lambda x: np.fromiter((t * t for t in x), x.dtype), V),
    row("ndenumerate", lambda x: sum([t * t * (i[0] + 1) for i, t in np.ndenumerate(x)]), A),
    row("nditer", lambda x: sum([t * t for t in np.nditer(x, order="C")]), A),
    row("ndindex", lambda x: sum([x[i] ** 2 for i in np.ndindex(x.shape)]), A),
    row("where", lambda m, x: np.where(m, x, x * x), booleans(4, 3), A),
]


def _times(t, k):
    return t * k


def _squared_times(t, k):
    return k * k * t


ROWS = [*FORMS, *LOOKUPS, *WRITES, *PIECES]
