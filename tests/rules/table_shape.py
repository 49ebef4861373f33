"""Shapes, joining, places, creation, products, transforms, polynomials: a line per function."""

import warnings

import numpy as np

from tests.rules.table import booleans, complexes, distinct, each, integers, positive, reals, row

A, B, V, T = reals(2, 3), reals(2, 3), reals(3), reals(2, 3, 4)
ANY = "efgFDi?"


def row_stack(arrays):
    """Without NumPy's word that the name is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.row_stack(arrays)  # noqa: NPY201 - deprecated, still there


def written(function, *others):
    """A copy after a function that writes into it."""

    def call(x, *operands):
        out = x * 1.0
        function(out, *others, *operands)
        return out

    return call


def parts(function):
    """The pieces of an array, made different."""
    return lambda x: sum(np.sum(p) * (k + 2.0) for k, p in enumerate(function(x)))


SHAPE = [
    row("reshape", A, each((3, 2), -1, (1, 2, 3)), order=each("C", "F")).but(dtypes=ANY),
    row("ravel", A, order=each("C", "F")).but(dtypes=ANY),
    row("transpose", T, each(None, (2, 0, 1))).but(dtypes=ANY),
    row("permute_dims", T, each(None, (2, 0, 1))),
    row("matrix_transpose", T),
    row("swapaxes", T, 0, -1),
    row("moveaxis", T, 0, -1),
    row("moveaxis", T, (0, 1), (-1, 0)),
    row("rollaxis", T, 2, each(0, 1)),
    row("expand_dims", A, each(0, -1, (0, 2))),
    row("squeeze", reals(2, 1, 3, 1), axis=each(None, 1, (1, 3))),
    row("broadcast_to", V, (2, 3)).but(dtypes=ANY),
    row("broadcast_arrays", reals(2, 1), V),
    row("atleast_1d", each(reals(), V)),
    row("atleast_2d", each(reals(), V)),
    row("atleast_3d", each(V, A)),
    row("flip", T, axis=each(None, 0, (0, 2))),
    row("fliplr", A),
    row("flipud", A),
    row("roll", A, each(1, -2), axis=each(None, 0, 1)),
    row("rot90", A, each(1, 2, 3)),
    row("repeat", A, 2, axis=each(None, 0, 1)),
    row("repeat", A, [1, 2, 0], axis=1),
    row("tile", A, each(2, (2, 1), (2, 1, 2))),
    row("pad", A, each(1, ((1, 0), (0, 2)))).but(dtypes="efgFDi"),
    row("pad", A, 1, mode=each("edge", "reflect", "symmetric", "wrap", "mean", "linear_ramp")),
    row("pad", lambda x, c: np.pad(x, 1, constant_values=c), A, 1.5),
    row("resize", A, each((3, 4), (2, 2))),
    row("meshgrid", V, reals(2), indexing=each("xy", "ij")),
    row("tril", A, each(0, 1, -1)),
    row("triu", A, each(0, 1, -1)),
    row("diag", each(V, reals(3, 3)), each(0, 1)),
    row("diagflat", V, each(0, -1)),
    row("diagonal", T, each(0, 1)),
    row("trace", T, each(0, 1)),
]
JOINED = [
    row("concatenate", lambda x, y: np.concatenate([x, y], axis=0), A, B).but(dtypes=ANY),
    row("concatenate", lambda x, y: np.concatenate([x, y], axis=None), A, V),
    row("concat", lambda x, y: np.concat([x, y], axis=1), A, B),
    row("stack", lambda x, y: np.stack([x, y], axis=1), A, B).but(dtypes=ANY),
    row("vstack", lambda x, y: np.vstack([x, y]), A, V),
    row("row_stack", lambda x, y: row_stack([x, y]), A, V),
    row("hstack", lambda x, y: np.hstack([x, y]), A, B),
    row("dstack", lambda x, y: np.dstack([x, y]), A, B),
    row("column_stack", lambda x, y: np.column_stack([x, y]), reals(2), A),
    row("block", lambda x, y: np.block([[x, y], [y, x]]), A, B),
    row("append", A, B, axis=each(None, 0, 1)),
    row("array", lambda x, y: np.array([[x[0], y], [2.0, x[1]]]), V, 0.5),
    row("array", A),
    row("asarray", A),
    row("asanyarray", A),
    row("ascontiguousarray", A),
    row("asfortranarray", A),
    row("require", A, requirements="C"),
    row("copy", A, order=each("C", "F")),
    row("astype", lambda x: np.astype(x, np.complex128), A),
    *[
        row(name, parts(lambda x, f=name: getattr(np, f)(x, 3, axis=1)), A)
        for name in ("split", "array_split")
    ],
    row("hsplit", parts(lambda x: np.hsplit(x, 3)), A),
    row("vsplit", parts(lambda x: np.vsplit(x, 2)), A),
    row("dsplit", parts(lambda x: np.dsplit(x, [1, 3])), T),
    row("unstack", parts(lambda x: np.unstack(x, axis=1)), A),
]
PLACES = [
    row("take", A, each([2, 0], 1, [[0, 1], [2, 2]]), axis=each(1, -1)).but(dtypes=ANY),
    row("take", A, [5, 0, 0], mode=each("raise", "wrap", "clip")),
    row(
        "take_along_axis",
        lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1),
        distinct(2, 3),
    ),
    row("compress", [True, False, True], A, axis=1),
    row("choose", lambda i, x, y: np.choose(i, [x, y]), integers(3, high=2), V, reals(3)),
    row(
        "select",
        lambda x, y: np.select([x > 0, y > 0], [x, y**2], 0.5),
        distinct(3),
        distinct(3, low=-1.1),
    ),
    row("insert", lambda x, v: np.insert(x, 1, v, axis=1), A, reals(2)),
    row("insert", lambda x, v: np.insert(x, [0, 2], v), V, 1.5),
    row("delete", A, each(1, [0, 2], slice(0, 2)), axis=1),
    row("put", written(np.put, [0, 4]), A, reals(2)),
    row(
        "put_along_axis",
        lambda x, y: (z := x * 1, np.put_along_axis(z, np.array([[0], [2]]), y, 1))[0],
        A,
        reals(2, 1),
    ),
    row("putmask", lambda x, y: (z := x * 1, np.putmask(z, z > 0, y))[0], distinct(2, 3), B),
    row("place", lambda x, y: (z := x * 1, np.place(z, z > 0, y))[0], distinct(2, 3), reals(2)),
    row("copyto", lambda x, y, m: (z := x * 1, np.copyto(z, y, where=m))[0], A, V, booleans(2, 3)),
    row("fill_diagonal", lambda x, y: (z := x * 1, np.fill_diagonal(z, y))[0], A, 1.5),
    row(
        "ravel_multi_index", lambda x: x.ravel()[np.ravel_multi_index(([0, 1], [2, 0]), (2, 3))], A
    ),
    row("unravel_index", lambda x: x[np.unravel_index([1, 5], (2, 3))], A),
]
CREATED = [
    row("zeros", lambda x: np.zeros(x.shape) + x, A),
    row("ones", lambda x: np.ones(x.shape) * x, A),
    row("empty", lambda x: np.empty(x.shape).shape[0] * x, A),
    row("full", lambda x: np.full((2, 2), x[0, 0]) * 2, A),
    row("zeros_like", lambda x: np.zeros_like(x) + x, A).but(dtypes=ANY),
    row("ones_like", lambda x: np.ones_like(x) * x, A).but(dtypes=ANY),
    row("empty_like", lambda x: np.empty_like(x).size * x, A),
    row("full_like", lambda x, v: np.full_like(x, v) * x, A, 1.5),
    row("eye", lambda x: x @ np.eye(3, 2), A),
    row("identity", lambda x: x @ np.identity(3), A),
    row("tri", lambda x: x @ np.tri(3), A),
    row("indices", lambda x: x * np.indices((2, 3))[0], A),
    row("arange", lambda x: x * np.arange(3), A),
    row("linspace", -0.5, 1.5, each(2, 5), endpoint=each(True, False)).but(dtypes=""),
    row("linspace", V, reals(3, low=3.0, high=4.0), 4, axis=each(0, -1)),
    row("logspace", -0.5, 0.5, 4, base=each(10.0, 2.0)).but(dtypes=""),
    row("geomspace", 0.5, 4.0, 4).but(dtypes=""),
    row("vander", V, each(None, 2, 4), increasing=each(False, True)),
    row("kaiser", 5, 1.5).but(dtypes=""),
    row("fft.fftfreq", 6, each(0.5, 2.0)).but(dtypes=""),
    row("fft.rfftfreq", 6, each(0.5, 2.0)).but(dtypes=""),
]
PRODUCTS = [
    row("dot", each(V, A), each(V, reals(3, 2))).but(dtypes="efgFDi"),
    row("dot", A, 1.5),
    row("matmul", each(V, A, reals(2, 2, 3)), each(V, reals(3, 2))).but(dtypes="efgFDi"),
    row("inner", each(V, A), each(V, B)).but(dtypes="efgFDi"),
    row("vdot", A, B).but(dtypes="fFD"),
    row("vecdot", A, V).but(dtypes="fFD"),
    row("matvec", reals(2, 4, 3), V).but(dtypes="fFD"),
    row("vecmat", V, reals(2, 3, 4)).but(dtypes="fFD"),
    row("outer", A, V).but(dtypes="efgFDi"),
    row("tensordot", T, reals(4, 3, 2), axes=each(1, ([1, 2], [1, 0]))),
    row("einsum", lambda x, y: np.einsum("ij,kj->ik", x, y), A, B).but(dtypes="fFDi"),
    row("einsum", lambda x, y: np.einsum("...j,j", x, y, optimize=True), reals(2, 4, 3), V),
    row("einsum", lambda x: np.einsum("ii->i", x), reals(3, 3)),
    row("kron", A, each(V, reals(2, 2))),
    row("cross", A, V),
]
REAL_FFT = "fft ifft".split()
TRANSFORMS = [
    *[
        row(
            f"fft.{n}",
            each(reals(5), reals(6)),
            n=each(None, 4, 8),
            norm=each(None, "ortho", "forward"),
        ).but(order=1)
        for n in (*REAL_FFT, "rfft", "ihfft")
    ],
    *[
        row(f"fft.{n}", complexes(4), n=each(None, 5, 8), norm=each(None, "ortho", "forward")).but(
            order=1
        )
        for n in (*REAL_FFT, "irfft", "hfft")
    ],
    *[
        row(f"fft.{n}", complexes(2, 3, 4), axes=each((0, 1), (-1, 0))).but(order=1)
        for n in ("fft2", "ifft2", "irfft2")
    ],
    *[
        row(f"fft.{n}", complexes(2, 3, 4), axes=each(None, (0, 2))).but(order=1)
        for n in ("fftn", "ifftn", "irfftn")
    ],
    row("fft.rfft2", T, axes=each((0, 1), (-1, 0))).but(order=1),
    row("fft.rfftn", T, axes=each(None, (0, 2))).but(order=1),
    row("fft.fft", reals(2, 4), axis=0).but(dtypes="fFDg"),
    row("fft.fftshift", T, axes=each(None, 1, (0, 2))),
    row("fft.ifftshift", T, axes=each(None, 1, (0, 2))),
]
POLYNOMIALS = [
    row("polyval", reals(4), A).but(dtypes="fD"),
    row("polyadd", reals(4), V),
    row("polysub", reals(4), V),
    row("polymul", reals(4), V).but(dtypes="fD"),
    row("polydiv", positive(4), positive(2)).but(dtypes=""),
    row("polyder", reals(4), each(1, 2)),
    row("polyint", reals(4), each(1, 2)),
    row("polyfit", distinct(6), reals(6), 2),
    row("poly", distinct(3)),
    row("poly1d", lambda c, x: np.poly1d(c)(x), reals(4), A),
    row("poly1d", lambda c: (np.poly1d(c) * np.poly1d(c[:2])).coeffs, reals(4)),
    row("poly", reals(3, 3)).but(order=1),
    row("roots", distinct(3, low=-3.0, high=-0.5)).but(order=1),
]
ROWS = SHAPE + JOINED + PLACES + CREATED + PRODUCTS + TRANSFORMS + POLYNOMIALS
