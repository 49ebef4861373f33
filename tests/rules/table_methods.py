"""Methods and operators of arrays, casts, index tricks, and answers about types."""

import copy

import numpy as np

from tests.rules.table import booleans, distinct, each, integers, positive, reals, row

A, P, D, I = reals(2, 3), positive(2, 3), distinct(2, 3), integers(2, 3, low=1)
SINGLE = {"order": 1, "tolerance": 2e-3, "step": 1e-2}
HALF = {"order": 1, "tolerance": 5e-2, "step": 0.1}


def in_place(operator):
    """The operator on a copy, which is given back."""

    def call(x, *others):
        x = x.copy()
        return getattr(x, operator)(*others)

    return call


def after(method, *arguments):
    """A copy of the array after a method that gives nothing back."""

    def call(x):
        x = x.copy()
        getattr(x, method)(*arguments)
        return x

    return call


def assigned(x, y):
    out = x.copy()
    out[1:, ::2] = y
    out[0] = out[1]
    return out


def filled(x):
    out = np.zeros((2, 2))
    out.fill(x[0, 0])
    return out


def counted(x):
    """An integer read from an array chooses what is calculated."""
    return x * int(x.shape[0] + np.argmax(x)), x[operator_index(np.argmin(x))]


def operator_index(value):
    return value.__index__() % 2


OPERATORS = "__add__ __sub__ __mul__ __truediv__ __mod__ __pow__".split()
REFLECTED = "__radd__ __rsub__ __rmul__ __rtruediv__ __rmod__ __rpow__".split()
IN_PLACE = "__iadd__ __isub__ __imul__ __itruediv__ __ipow__ __imod__ __ifloordiv__".split()
COMPARED = "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __floordiv__ __rfloordiv__".split()
BITS = "__and__ __or__ __xor__ __lshift__ __rshift__ __rand__ __ror__ __rxor__".split()
BITS += "__rlshift__ __rrshift__".split()
WRITTEN_BITS = "__iand__ __ior__ __ixor__ __ilshift__ __irshift__".split()
FLOATS = {
    "half": HALF,
    "float16": HALF,
    "single": SINGLE,
    "float32": SINGLE,
    "double": {},
    "float64": {},
    "longdouble": {},
    "float128": {},
    "csingle": SINGLE,
    "complex64": SINGLE,
    "cdouble": {},
    "complex128": {},
    "clongdouble": {},
    "complex256": {},
}
WHOLE = (
    "bool bool_ byte short intc int_ intp long longlong ubyte ushort uintc uint uintp ulong "
    "ulonglong int8 int16 int32 int64 uint8 uint16 uint32 uint64"
).split()


def cast(name):
    kind = getattr(np, name)
    return lambda x: kind(x) * 2.0


def asked(name, *others):
    """A number that follows from an answer about types or shapes, times the array."""
    function = getattr(np, name)
    return lambda x: x * len(str(function(x, *others)))


METHODS = [
    *[
        row(f"ndarray.{name}", positive(2, 3, low=1.1), positive(3, low=0.5, high=0.9))
        for name in OPERATORS
    ],
    *[
        row(f"ndarray.{name}", positive(2, 3, low=1.1), positive(3, low=0.5, high=0.9))
        for name in REFLECTED
    ],
    *[
        row(
            f"ndarray.{name}",
            in_place(name),
            positive(2, 3, low=1.1),
            positive(3, low=0.5, high=0.9),
        )
        for name in IN_PLACE
    ],
    *[row(f"ndarray.{name}", D, distinct(3, low=0.5, high=2.2)) for name in COMPARED],
    *[row(f"ndarray.{name}", I, integers(3, low=1)) for name in BITS],
    *[row(f"ndarray.{name}", in_place(name), I, integers(3, low=1)) for name in WRITTEN_BITS],
    row("ndarray.__divmod__", lambda x, y: x.__divmod__(y), positive(2, 3), positive(3)),
    row("ndarray.__rdivmod__", lambda x, y: x.__rdivmod__(y), positive(2, 3), positive(3)),
    row("ndarray.__matmul__", A, reals(3, 2)),
    row("ndarray.__rmatmul__", A, reals(4, 2)),
    row("ndarray.__imatmul__", in_place("__imatmul__"), A, reals(3, 3)),
    row("ndarray.__neg__", A),
    row("ndarray.__pos__", A),
    row("ndarray.__abs__", D),
    row("ndarray.__invert__", I),
    row("ndarray.__getitem__", A, each(0, (0, 1), slice(1), (Ellipsis, [2, 0]), None)),
    row("ndarray.__setitem__", assigned, A, reals(2)),
    row("ndarray.__iter__", lambda x: sum(line * k for k, line in enumerate(x)), A),
    row("ndarray.__len__", lambda x: x * len(x), A),
    row("ndarray.__contains__", lambda x: x * (2 if 7.0 in x else 3), A),
    row("ndarray.__bool__", lambda x: x * 2 if (x > 9).any() else x * 3, A),
    row("ndarray.__int__", lambda x: x * int(np.argmax(x)), D),
    row("ndarray.__index__", counted, D),
    row("ndarray.__float__", lambda x: x * float(x[0, 0]), A),
    row("ndarray.__complex__", lambda x: x * complex(x[0, 0]), A),
    row("ndarray.__copy__", lambda x: copy.copy(x) * x, A),
    row("ndarray.__deepcopy__", lambda x: copy.deepcopy(x) * x, A),
    row("ndarray.astype", A, dtype=each(np.float64, np.complex128, np.int64)),
    row("ndarray.astype", A, dtype=np.float32).but(**SINGLE),
    row(
        "ndarray.choose", lambda i, x, y: i.choose([x, y]), integers(3, high=2), reals(3), reals(3)
    ),
    row("ndarray.clip", D, -1.0, 1.0),
    row("ndarray.compress", lambda x, m: x.compress(m, axis=1), A, booleans(3)),
    row("ndarray.conj", A).but(dtypes="fD"),
    row("ndarray.conjugate", A).but(dtypes="fD"),
    row("ndarray.copy", A, order=each("C", "F")),
    row("ndarray.diagonal", A, each(0, 1)),
    row("ndarray.dot", A, reals(3, 2)),
    row("ndarray.fill", filled, A),
    row("ndarray.flatten", A, order=each("C", "F")),
    row("ndarray.item", lambda x: x * x.item(1, 2), A),
    row("ndarray.put", after("put", [0, 4], [1.5, 2.5]), A),
    row("ndarray.ravel", A, order=each("C", "F")),
    row("ndarray.repeat", A, 2, axis=each(None, 1)),
    row("ndarray.reshape", A, each((3, 2), -1, (1, 6))),
    row("ndarray.round", reals(2, 3, low=0.1, high=0.4), each(0, 1)).but(order=1),
    row("ndarray.setflags", lambda x: (y := x * 2, y.setflags(write=False))[0], A),
    row("ndarray.squeeze", reals(2, 1, 3), axis=each(None, 1)),
    row("ndarray.swapaxes", A, 0, 1),
    row("ndarray.take", A, [2, 0], axis=1),
    row("ndarray.tolist", lambda x: np.array(x.tolist()) * 2, A),
    row("ndarray.trace", A, each(0, 1)),
    row("ndarray.transpose", reals(2, 3, 4), each((2, 0, 1), None)),
    row("ndarray.view", lambda x: x.view() * 2, A),
]
TRICKS = [
    row("r_", lambda x, y: np.r_[x, 1.0, y, 2:5], reals(3), reals(2)),
    row("c_", lambda x, y: np.c_[x, y], reals(3), reals(3)),
    row("s_", lambda x: x[np.s_[::2, 1:]], A),
    row("index_exp", lambda x: x[np.index_exp[0, 1:]], A),
    row("mgrid", lambda x: x * np.mgrid[0:2, 0:3][1], A),
    row("ogrid", lambda x: x * np.ogrid[0:2, 0:3][1], A),
    row("lib.stride_tricks.sliding_window_view", reals(3, 5), 2, axis=1),
    row("lib.stride_tricks.sliding_window_view", reals(3, 5), (2, 3)),
    row(
        "lib.stride_tricks.as_strided",
        lambda x: np.lib.stride_tricks.as_strided(x.copy(), (4, 3), (8, 8)),
        reals(6),
    ).but(dtypes=""),
]
CALLS = [
    row("apply_along_axis", lambda x: np.apply_along_axis(lambda v: v * v[0] + v.sum(), 1, x), A),
    row("apply_along_axis", lambda x: np.apply_along_axis(np.sum, 0, x), A),
    row("apply_over_axes", lambda x: np.apply_over_axes(np.sum, x, (0, 2)), reals(2, 3, 4)),
    row("piecewise", lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: v**2, np.sin]), D),
    row("piecewise", lambda x: np.piecewise(x, [x < 0], [-1.0, lambda v: v * 3]), D),
    row("vectorize", lambda x: np.vectorize(lambda a: a * a + 1)(x), A),
    row(
        "vectorize",
        lambda x, y: np.vectorize(lambda a, b: a * b if a > b else a - b)(x, y),
        D,
        distinct(3),
    ),
    row("fromfunction", lambda x: np.fromfunction(lambda i, j: x * (i + 2 * j), (2, 3)), A),
    row("fromiter", lambda x: np.fromiter((v * v for v in x), float), reals(3)),
    row("ndenumerate", lambda x: sum(v * (i + 2 * j) for (i, j), v in np.ndenumerate(x)), A),
    row("nditer", lambda x: sum(v * v for v in np.nditer(x, order="C")), A),
    row("ndindex", lambda x: sum(x[i] * sum(i) for i in np.ndindex(x.shape)), A),
    row("errstate", lambda x: _quiet(x), positive(3)),
    row("asarray_chkfinite", lambda x: np.asarray_chkfinite(x) * 2, A),
    row("broadcast", lambda x, y: x * np.broadcast(x, y).size, A, reals(3)),
]


def _quiet(x):
    with np.errstate(divide="ignore"):
        return np.log(x)


ABOUT = [
    *[row(name, cast(name), reals(low=1.2, high=1.4)).but(**FLOATS[name]) for name in FLOATS],
    *[row(name, cast(name), reals(low=1.2, high=1.4)) for name in WHOLE],
    row("broadcast_shapes", lambda x: x * len(np.broadcast_shapes(x.shape, (5, 1, 1))), A),
    row("can_cast", lambda x: x * np.can_cast(x.dtype, np.float32), A).but(dtypes=""),
    row("common_type", asked("common_type"), A),
    row("isdtype", lambda x: x * np.isdtype(x.dtype, "real floating"), A),
    row("isfortran", asked("isfortran"), A),
    row("isscalar", asked("isscalar"), A),
    row("issubdtype", lambda x: x * np.issubdtype(x.dtype, np.floating), A),
    row("iterable", asked("iterable"), A),
    row("min_scalar_type", asked("min_scalar_type"), A),
    row("mintypecode", lambda x: x * len(np.mintypecode([x.dtype.char])), A),
    row("promote_types", lambda x: x.astype(np.promote_types(x.dtype, np.complex64)), A),
    row("result_type", lambda x: x.astype(np.result_type(x, np.complex64)), A),
    row("typename", lambda x: x * len(np.typename(x.dtype.char)), A),
    row("may_share_memory", lambda x: x * (1 + np.may_share_memory(x, x[0])), A),
    row("shares_memory", lambda x: x * (1 + np.shares_memory(x, x[0])), A),
    row("finfo", lambda x: x * np.finfo(x.dtype).bits, A).but(dtypes=""),
    row("iinfo", lambda x: x * np.iinfo(np.int8).bits, A),
    row("dtype", lambda x: x * np.dtype("f4").itemsize, A),
    row("datetime_data", lambda x: x * np.datetime_data("M8[3D]")[1], A),
    row("einsum_path", lambda x: x * len(np.einsum_path("ij,jk", x, x.T)[0]), A),
    row("ndim", asked("ndim"), A),
    row("shape", asked("shape"), A),
    row("size", asked("size"), A),
    row("diag_indices", lambda x: x[np.diag_indices(2)], A),
    row("diag_indices_from", lambda x: x[:, :2][np.diag_indices_from(x[:, :2])], A),
    row("tril_indices", lambda x: x[np.tril_indices(2)], A),
    row("triu_indices", lambda x: x[np.triu_indices(2)], A),
    row("tril_indices_from", lambda x: x[np.tril_indices_from(x)], A),
    row("triu_indices_from", lambda x: x[np.triu_indices_from(x)], A),
    row("mask_indices", lambda x: x[np.mask_indices(2, np.triu)], A),
    row("ix_", lambda x: x[np.ix_([1, 0], [0, 2])], A),
    *[
        row(name, lambda x, n=name: x * getattr(np, n)(3), A)
        for name in ("bartlett", "blackman", "hamming", "hanning")
    ],
    row("packbits", np.array([1, 0, 1], np.uint8)),
    row("unpackbits", np.array([1, 0, 1], np.uint8)),
    # -- ufuncs in general ----------------------------------------------------------------------
    row("ufunc.reduce", lambda x: np.logaddexp.reduce(x, axis=1), A),
    row("ufunc.accumulate", lambda x: np.multiply.accumulate(x, axis=1), A),
    row("ufunc.reduceat", lambda x: np.add.reduceat(x, [0, 2], axis=1), A),
    row("ufunc.outer", lambda x, y: np.hypot.outer(x, y), positive(2), positive(3)),
    *[
        row(
            "ufunc.at",
            lambda x, y, f=function: (z := x * 1.0, f.at(z, np.array([0, 2]), y))[0],
            positive(4),
            reals(2, low=0.6),
        )
        for function in (
            np.add,
            np.subtract,
            np.multiply,
            np.divide,
            np.maximum,
            np.power,
            np.logaddexp,
        )
    ],
    row("ufunc.at", lambda x: (z := x * 1.0, np.negative.at(z, [0, 2]))[0], positive(4)),
    row(
        "ufunc.at",
        lambda x, y: (z := x * 1.0, np.add.at(z, [0, 2, 0], y))[0],
        positive(4),
        reals(3),
    ),
    row(
        "ufunc.at",
        lambda x, y: (z := x * 1.0, np.multiply.at(z, [0, 2, 0], y))[0],
        positive(4),
        reals(3),
    ),
]
ROWS = METHODS + TRICKS + CALLS + ABOUT
