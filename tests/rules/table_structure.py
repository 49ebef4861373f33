"""Shapes, joining and parts of arrays, one line per function and signature."""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from tests.rules.table import booleans, constant, distinct, each, reals, row

A, T, V, B, S = reals(4, 3), reals(2, 3, 4), reals(5), reals(3), reals()
ALL = "efgFDi?"
WIDTHS = each(2, (1, 2), ((1, 2), (3, 0)), [[1, 2], [0, 1]], ((2,),), 0, {1: (1, 2)}, {-2: 1})
FRAMED = constant([[0.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]])


def spread_of(vector, width, axis, keywords):
    """A padding function: a number before, the first element doubled behind."""
    vector[: width[0]] = keywords.get("padder", 10.0)
    if width[1]:
        vector[-width[1] :] = vector[width[0]] * 2


def trimmed(x, **keywords):
    """Zeros at both ends, which stay zeros where differences move ``x``."""
    return np.trim_zeros(x * np.array([0.0, 0.0, 1.0, 1.0, 0.0, -1.0, 0.0]), **keywords)


SHAPES = [
    row("reshape", A, each((2, 6), (-1,), -1, [3, -1]), order=each("C", "F", "A")).but(dtypes=ALL),
    row("reshape", lambda x: np.reshape(x, (3, 4), copy=True), A),
    row("reshape", lambda x: np.reshape(x, (np.int64(2), np.int32(6))), A),
    row("reshape", lambda x: np.reshape([x[0], x[1], 1.0, x[2]], (2, 2)), B),
    row("reshape", lambda x: np.reshape(x, (1, 1)), S),
    row("ndarray.reshape", A, 2, -1, order=each("C", "F", "A")),
    row("ravel", A, order=each("C", "F", "A", "K")).but(dtypes=ALL),
    row("ravel", lambda x: np.ravel(x.T, order="K") * x.T.ravel(), A),
    row("ravel", lambda x: np.ravel(x.transpose(1, 2, 0), order="A"), T),
    row("ravel", lambda x: np.ravel(x[::-1], order="K"), A),
    row("ndarray.ravel", T, each("C", "F", "K")),
    row("ndarray.flatten", T, each("C", "F", "A", "K")),
    row("transpose", T, each(None, (2, 0, 1), (-1, 0, 1))).but(dtypes=ALL),
    row("transpose", lambda x: np.transpose([x, x * x]), V),
    row("ndarray.transpose", T, 2, 0, 1),
    row("permute_dims", T, (1, 0, 2)),
    row("matrix_transpose", T),
    row("linalg.matrix_transpose", T),
    row("swapaxes", T, 0, -1),
    row("moveaxis", T, each([0, 1], (-2, 0)), [-1, 0]),
    row("moveaxis", T, 0, each(-1, 1)),
    row("rollaxis", T, each(0, 2, -2), each(0, -1, 3)),
    row("expand_dims", A, each(0, -1, (0, 2))),
    row("squeeze", reals(1, 3, 1), axis=each(None, 0, (0, -1))),
    row("broadcast_to", A, (2, 4, 3)).but(dtypes=ALL),
    row("broadcast_to", S, each(4, (2, 2))),
    row("broadcast_to", lambda x: np.broadcast_to([x[0], x[1]], (3, 2), subok=True), V),
    row("broadcast_arrays", A, B),
    row("broadcast_arrays", A),
    row("broadcast_arrays", lambda x, y: np.broadcast_arrays(x, y, 1.0), A, S),
    row("atleast_1d", S),
    row("atleast_1d", lambda x, y: np.atleast_1d(x, y), S, V),
    row("atleast_2d", each(S, V)),
    row("atleast_3d", each(S, V, A)),
    row("atleast_2d", lambda x: np.atleast_2d([x[0], 2.0]), V),
    row("meshgrid", V, B, indexing=each("xy", "ij"), sparse=each(False, True)),
    row("meshgrid", lambda x: np.meshgrid(x), V),
    row("meshgrid", lambda x, y: np.meshgrid(x, [1.0, 2.0], y), V, B),
    row("flip", T, axis=each(None, 1, (0, -1))).but(dtypes=ALL),
    row("flipud", A),
    row("fliplr", A),
    row("roll", A, each(2, -1, np.int64(3))),
    row("roll", A, each((1, 2), [2, -1], np.array([1, 2])), axis=each((0, 1), (1, 1))),
    row("roll", A, 1, axis=each(-1, (0, 1))),
    row("rot90", T, each(1, -1, 2, 4), axes=each((0, 1), (2, 1))),
    row("repeat", A, each(0, 2, [3])),
    row("repeat", A, each(3, [1, 0, 2], np.array([1, 0, 2])), axis=each(1, -1)),
    row("repeat", lambda x, n: np.repeat(x, n), V, np.array([1, 0, 2, 1, 3])),
    row("tile", A, each(2, (2, 1, 2), (), np.array([2, 1]))),
    row("tile", T, (2,)),
    row("tile", S, (2, 2)),
    row("resize", A, each((3, 5), 7, (2, 2), 0)),
    row("resize", S, (2, 2)),
    row("trim_zeros", trimmed, reals(7, low=1.0), trim=each("fb", "f", "b")),
    row("trim_zeros", lambda x: np.trim_zeros(x), FRAMED).but(order=0),
    row("trim_zeros", lambda x: np.trim_zeros(x, axis=1), FRAMED).but(order=0),
    row("tril", A, each(0, -1, 1)),
    row("triu", T, k=each(0, 1)),
    row("tril", V),
    row("triu", V, 1),
    row("diag", V, each(0, -1, 2)),
    row("diag", A, each(0, 1, -2)),
    row("diagonal", A, each(0, 1, -2, 9)),
    row("diagonal", T, 1, each(0, -1), each(1)),
    row("linalg.diagonal", T, offset=each(0, 1)),
    row("diagflat", A, each(0, 1)),
    row("copy", A, order=each("C", "F", "A", "K")).but(dtypes=ALL),
    row("ndarray.copy", A, each("C", "F", "K")),
    row("ndarray.astype", A, each("g", "D"), order=each("C", "F", "K")),
    row("astype", A, complex, copy=each(True, False)),
    row("ascontiguousarray", lambda x: np.ascontiguousarray(x.T), A),
    row("asfortranarray", A),
    row("ascontiguousarray", S),
    row("require", A, each(None, np.longdouble), each("C", ["F", "W"])),
    row("asarray", A, each(None, complex), order=each(None, "F")),
    row("array", A, ndmin=each(0, 3), order=each("K", "F")),
    row("array", lambda x: np.array([[x[0], 1.0], [2, x[1]]]), V),
    row("array", lambda x: np.array([x, (1, 2, 3, 4, 5), x * x], dtype=np.longdouble), V),
    row("lib.stride_tricks.sliding_window_view", lambda x: sliding_window_view(x, 3), V),
    row("lib.stride_tricks.sliding_window_view", lambda x: sliding_window_view(x, (2, 2)), A),
    row("lib.stride_tricks.sliding_window_view", lambda x: sliding_window_view(x, 2, axis=0), A),
    row("lib.stride_tricks.as_strided", lambda x: _windows(x.copy()), V),
]


def _windows(x):
    return as_strided(x, (3, 3), (x.itemsize, x.itemsize))


PADS = [
    row("pad", A, WIDTHS, mode=each("constant", "edge", "wrap", "reflect", "symmetric")),
    row("pad", A, WIDTHS, mode=each("linear_ramp", "mean")).but(tolerance=1e-5),
    row("pad", distinct(4, 3), WIDTHS, mode=each("maximum", "minimum", "median")),
    row(
        "pad",
        distinct(4, 3),
        2,
        mode=each("maximum", "mean", "median", "minimum"),
        stat_length=each(2, ((2, 1), (1, 3)), 9),
    ),
    row("pad", A, each(2, ((4, 5), (1, 6))), mode=each("reflect", "symmetric"), reflect_type="odd"),
    row("pad", V, (9, 11), mode=each("wrap", "reflect", "symmetric", "edge")),
    row("pad", A, ((1, 2), (2, 1)), constant_values=each(3.5, (1, 2), ((1, 2), (3, 4)))),
    row("pad", lambda x, c: np.pad(x, 2, constant_values=c), A, S),
    row(
        "pad", lambda x, c: np.pad(x, ((1, 2), (2, 1)), constant_values=((c, 2), (3, c * c))), A, S
    ),
    row("pad", lambda x, c: np.pad(x, 2, constant_values=(c[0], c[1])), A, V),
    row("pad", lambda x, c: np.pad(x, 2, constant_values=c), A, reals(2, 2)),
    row("pad", A, ((1, 2), (2, 1)), mode="linear_ramp", end_values=each(1.0, ((1, 2), (3, 4)))),
    row("pad", lambda x, c: np.pad(x, ((1, 3), (2, 1)), "linear_ramp", end_values=c), A, S),
    row("pad", lambda x: np.pad(x, ((1, 2), (2, 1)), spread_of), A).but(order=1),
    row("pad", lambda x: np.pad(x, 1, spread_of, padder=3.0), A).but(order=1),
    row("pad", lambda x: np.pad([x[0], x[1]], 1), V),
]

JOINS = [
    row("concatenate", lambda x, y: np.concatenate([x, y, x * y]), A, A).but(dtypes=ALL),
    row("concatenate", lambda x, y: np.concatenate((x, y), axis=None), A, B),
    row("concatenate", lambda x: np.concatenate([[[1.0], [x[0]]], [[x[1]]]]), V),
    row("concatenate", lambda x: np.concatenate([x, x], dtype=complex), V),
    row("concatenate", A, axis=each(0, None)),
    row("concatenate", T, axis=each(0, 1, -1)),
    row("concat", lambda x: np.concat([x, np.arange(3)]), V),
    row("stack", lambda x: np.stack([x, x**2], axis=-1), A),
    row("stack", lambda x: np.stack([[x[0], 1.0], [x[1], 2.0]]), V),
    row("stack", A, axis=each(0, 1, -1)),
    row("vstack", lambda x, y: np.vstack([x, y, [1.0, 2.0, 3.0]]), A, B),
    row("hstack", lambda x, y: np.hstack([x, y[0], 1.0]), V, B),
    row("dstack", lambda x: np.dstack([x, x * x]), each(V, A, T)),
    row("column_stack", lambda x, y: np.column_stack([x, y]), A, reals(4)),
    row("column_stack", lambda x: np.column_stack([x[0], x[1]]), V),
    *[row(name, A) for name in ("vstack", "hstack", "dstack", "column_stack", "block")],
    row("block", lambda x, y: np.block([[x, y], [y, x]]), A, A),
    row("block", lambda x, y: np.block([[x, np.zeros((4, 1))], [y]]), A, reals(1, 4)),
    row("block", lambda x: np.block([x[0], x[1], 2.0]), V),
    row("append", A, B),
    row("append", A, reals(2, 3), axis=0),
    row("append", lambda x: np.append([x[0], 1.0], x[2]), V),
    row("split", A, each(1, 2, 4, [1, 3], np.array([1, 2]), [3, 1], [2, 9], [1, -1], [])),
    row("array_split", V, each(1, 2, 3, 7, [1, 3], [])),
    row("split", T, 2, axis=each(0, -1)),
    row("hsplit", A, each(1, 3, [2])),
    row("hsplit", V, [2]),
    row("vsplit", A, each(1, 2)),
    row("dsplit", T, each(2, [1, 2])),
    row("split", lambda x: np.split(x, [2, 4])[1] ** 2, V),
    row("unstack", T, axis=each(0, 1, -1)),
    row("unstack", reals(1, 3)),
]

PLACES = [
    row("insert", V, each(1, -1, slice(0, 3), [2, 2, 0], [3, 1, 1]), B),
    row("insert", V, each(1, [1, 3], [3, 1], np.array([0, 5])), each(S, 9.0)),
    row("insert", A, 2, S),
    row("insert", A, 1, each(B, S), axis=0),
    row("insert", A, 1, each(reals(4), S), axis=1),
    row("insert", A, [1], reals(4, 1), axis=1),
    row("insert", A, [0, 2], each(reals(4, 2), S), axis=1),
    row("insert", T, 1, reals(2, 4), axis=1),
    row("insert", T, [1, 2], reals(2, 2, 4), axis=1),
    row(
        "insert",
        lambda x, y: np.insert(x, np.array([True, False, True, False, False]), y),
        V,
        reals(2),
    ),
    row("insert", lambda x: np.insert([x[0], x[1]], 1, [x[2], 5.0]), V),
    row("delete", V, each(1, -1, [0, 2], slice(None, None, 2), np.array([0, 3]))),
    row("delete", A, each(1, [1, 5])),
    row("delete", A, each(1, [0, -1]), axis=each(0, 1, -1)),
    row("delete", lambda x: np.delete(x, np.array([True, False, True, False, False])), V),
    row("delete", lambda x, i: np.delete(x, i), V, np.array([0, 3])),
]

CALLBACKS = [
    row("apply_along_axis", lambda x: np.apply_along_axis(lambda r: np.sum(r**2), 1, x), A),
    row("apply_along_axis", lambda x: np.apply_along_axis(lambda r: r / np.sum(r**2), 0, x), A),
    row("apply_along_axis", lambda x: np.apply_along_axis(lambda r: np.outer(r, r), 1, x), T),
    row("apply_along_axis", lambda x, k: np.apply_along_axis(_scaled, -1, x, k, p=2.0), A, S),
    row("apply_along_axis", lambda x, y: np.apply_along_axis(lambda r: r * y, 1, x), A, B),
    row("apply_along_axis", lambda x: np.apply_along_axis(lambda r: [r[0], r[1] * r[2]], 1, x), A),
    row("apply_along_axis", lambda x: np.apply_along_axis(np.convolve, 1, x, [1.0, 2.0]), A),
    row("apply_over_axes", lambda x: np.apply_over_axes(np.sum, x, [0, 2]), T),
    row("place", lambda x, y: _placed(x, y), A, reals(2)),
    row("extract", booleans(4, 3), A),
]


def _scaled(r, k, p=1.0):
    return r[:2] * k * p


def _placed(x, y):
    z = x.copy()
    np.place(z, x > 0, y)
    return z


ROWS = [*SHAPES, *PADS, *JOINS, *PLACES, *CALLBACKS]
