"""Ways out of a traced array: each function makes a number, or numbers, of an array of three.

>>> PRODUCERS["tobytes"](np.array([0.5, 1.5, 2.5]))
0.5
"""

# ruff: noqa: UP031, UP032, C417

import array
import copy
import ctypes
import functools
import heapq
import io
import json
import math
import operator
import pickle
import statistics
import struct
import types

import numpy as np
import pytest

INPUTS = [np.array([0.5, 1.5, 2.5]), np.array([2.25, 0.75, 1.25]), np.array([1.5, 2.5, 0.25])]


def saved(x):
    file = io.BytesIO()
    np.save(file, x)
    file.seek(0)
    return np.load(file)


def buffered(x):
    made = np.empty(3)
    memoryview(made)[:] = memoryview(x)
    return made


def iterated(x):
    with np.nditer([x, None]) as pairs:
        for one, other in pairs:
            other[...] = one * 2
        return pairs.operands[1]


def set_state(x):
    made = np.zeros(3)
    made.__setstate__((1, (3,), np.dtype(float), False, x.tobytes()))
    return made


def moved(x):
    made = np.zeros(3)
    ctypes.memmove(made.ctypes.data, x.ctypes.data, 24)
    return made


def strided(x):
    return np.lib.stride_tricks.as_strided(x, (2,), (8,))


def printed(x):
    return np.array([float(part) for part in str(x.tolist())[1:-1].split(",")])


def scattered(x):
    made = np.zeros(3)
    np.add.at(made, [0, 1, 2], x)
    return made


def vectorized(x):
    return np.vectorize(lambda v: v * 2)(x)


def from_python(x):
    return np.frompyfunc(lambda v: v * 2, 1, 1)(x).astype(float)


def quicksorted(x):
    items = list(x)
    items.sort()
    return np.array(items)


def heaped(x):
    items = list(x)
    heapq.heapify(items)
    return np.array(items)


def scipy_solved(x):
    linalg = pytest.importorskip("scipy.linalg")
    return linalg.solve(np.diag(x), np.ones(3))


def scipy_filtered(x):
    ndimage = pytest.importorskip("scipy.ndimage")
    return ndimage.gaussian_filter(x, 1.0)


def scipy_spline(x):
    interpolate = pytest.importorskip("scipy.interpolate")
    return interpolate.CubicSpline([0.0, 1.0, 2.0], x)(0.5)


def scipy_sparse(x):
    sparse = pytest.importorskip("scipy.sparse")
    return sparse.csr_matrix(np.diag(x)).toarray()


def scipy_integral(x):
    integrate = pytest.importorskip("scipy.integrate")
    return integrate.quad(lambda t: t * x[0], 0, 1)[0]


def pandas_series(x):
    return pytest.importorskip("pandas").Series(x).to_numpy()


# What each gives of x is a number or an array of numbers, in plain NumPy.
PRODUCERS = {
    "asarray": np.asarray,
    "array": np.array,
    "asanyarray": np.asanyarray,
    "ascontiguousarray": np.ascontiguousarray,
    "asfortranarray": np.asfortranarray,
    "asarray_chkfinite": np.asarray_chkfinite,
    "require": lambda x: np.require(x, float, "C"),
    "array float32": lambda x: np.array(x, np.float32),
    "array object": lambda x: np.array(x, object),
    "__array__": lambda x: x.__array__(),
    "view ndarray": lambda x: x.view(np.ndarray),
    "view": lambda x: x.view(),
    "view type": lambda x: x.view(type=np.ndarray),
    "view int": lambda x: x.view(np.int64) % 7,
    "unbound view": lambda x: np.ndarray.view(x, np.ndarray),
    "unbound copy": lambda x: np.ndarray.copy(x),
    "unbound sum": lambda x: np.ndarray.sum(x),
    "unbound mean": lambda x: np.ndarray.mean(x),
    "unbound astype": lambda x: np.ndarray.astype(x, np.float32),
    "unbound reshape": lambda x: np.ndarray.reshape(x, (3, 1)),
    "unbound take": lambda x: np.ndarray.take(x, [0, 1]),
    "unbound max": lambda x: np.ndarray.max(x),
    "unbound dot": lambda x: np.ndarray.dot(x, x),
    "unbound cumsum": lambda x: np.ndarray.cumsum(x),
    "unbound argsort": lambda x: np.ndarray.argsort(x),
    "unbound tolist": lambda x: np.array(np.ndarray.tolist(x)),
    "unbound item": lambda x: np.ndarray.item(x, 0),
    "unbound getitem": lambda x: np.ndarray.__getitem__(x, 0),
    "unbound add": lambda x: np.ndarray.__add__(x, x),
    "unbound mul": lambda x: np.ndarray.__mul__(x, 2.0),
    "unbound radd": lambda x: np.ndarray.__radd__(x, 1.0),
    "unbound matmul": lambda x: np.ndarray.__matmul__(x, x),
    "unbound neg": lambda x: np.ndarray.__neg__(x),
    "unbound pow": lambda x: np.ndarray.__pow__(x, 2),
    "unbound gt": lambda x: np.ndarray.__gt__(x, 1.0),
    "unbound float": lambda x: np.ndarray.__float__(x[:1].reshape(())),
    "unbound len": lambda x: np.ndarray.__len__(x) * x,
    "unbound flatten": lambda x: np.ndarray.flatten(x),
    "unbound transpose": lambda x: np.ndarray.transpose(x),
    "unbound T": lambda x: np.ndarray.T.__get__(x),
    "unbound real": lambda x: np.ndarray.real.__get__(x),
    "unbound flat": lambda x: np.array(list(np.ndarray.flat.__get__(x))),
    "unbound data": lambda x: np.asarray(np.ndarray.data.__get__(x)),
    "unbound iter": lambda x: np.array([v * 2 for v in np.ndarray.__iter__(x)]),
    "unbound __array__": lambda x: np.ndarray.__array__(x),
    "unbound deepcopy": lambda x: np.ndarray.__deepcopy__(x, {}),
    "unbound copy dunder": lambda x: np.ndarray.__copy__(x),
    "unbound reduce": lambda x: np.ndarray.__reduce__(x)[1] and x,
    "unbound tobytes": lambda x: np.frombuffer(np.ndarray.tobytes(x)),
    "unbound sort": lambda x: (np.ndarray.sort(y := x.copy()), y)[1],
    "unbound fill": lambda x: (np.ndarray.fill(y := np.zeros(3), x[0]), y)[1],
    "unbound setitem": lambda x: (np.ndarray.__setitem__(y := np.zeros(3), 0, x[0]), y)[1],
    "unbound setitem of x": lambda x: (np.ndarray.__setitem__(y := x.copy(), 0, 5.0), y)[1],
    "unbound put": lambda x: (np.ndarray.put(y := np.zeros(3), [0], x[:1]), y)[1],
    "unbound iadd": lambda x: np.ndarray.__iadd__(x.copy(), 1.0),
    "unbound contains": lambda x: x * np.ndarray.__contains__(x, 0.5),
    "unbound bool": lambda x: x * np.ndarray.__bool__(x[:1] > 1.0),
    "unbound str": lambda x: len(np.ndarray.__str__(x)) * 0 + x,
    "unbound searchsorted": lambda x: np.ndarray.searchsorted(np.array([0.0, 1.0, 2.0]), x),
    "unbound byteswap": lambda x: np.ndarray.byteswap(np.ndarray.byteswap(x)),
    "unbound getfield": lambda x: np.ndarray.getfield(x, np.float64),
    "unbound interface": lambda x: np.ndarray.__array_interface__.__get__(x)["shape"][0] * x,
    "unbound shape": lambda x: np.ndarray.shape.__get__(x)[0] * x,
    "unbound dtype": lambda x: np.ndarray.dtype.__get__(x).itemsize * x,
    "frombuffer": lambda x: np.frombuffer(x),
    "frombuffer bytes": lambda x: np.frombuffer(x.tobytes()),
    "memoryview": lambda x: memoryview(x)[0],
    "memoryview array": lambda x: np.asarray(memoryview(x)),
    "memoryview cast": lambda x: memoryview(x).cast("B")[0],
    "memoryview list": lambda x: np.array(memoryview(x).tolist()),
    "data": lambda x: x.data[0],
    "data array": lambda x: np.asarray(x.data),
    "bytes": lambda x: np.frombuffer(bytes(x)),
    "bytearray": lambda x: np.frombuffer(bytearray(x)),
    "buffer copy": buffered,
    "ctypes.data": moved,
    "ctypes as": lambda x: x.ctypes.data_as(ctypes.POINTER(ctypes.c_double))[0],
    "as_ctypes": lambda x: np.ctypeslib.as_ctypes(x)[0],
    "as_array": lambda x: np.ctypeslib.as_array(np.ctypeslib.as_ctypes(x)),
    "c_double": lambda x: ctypes.c_double(x[0]).value,
    "c_double array": lambda x: np.array((ctypes.c_double * 3)(*x)),
    "tobytes": lambda x: struct.unpack("3d", x.tobytes())[0],
    "tolist": lambda x: x.tolist()[0],
    "tolist array": lambda x: np.array(x.tolist()),
    "item": lambda x: x.item(0),
    "float": lambda x: float(x[0]),
    "float of array": lambda x: float(x[:1].reshape(())),
    "int": lambda x: int(x[0]),
    "complex": lambda x: complex(x[0]).real,
    "bool": lambda x: bool(x[0] > 1),
    "index": lambda x: operator.index(np.argmax(x)),
    "round": lambda x: round(x[0]),
    "round digits": lambda x: round(x[0], 1),
    "trunc": lambda x: math.trunc(x[0]),
    "floor": lambda x: math.floor(x[0]),
    "str": lambda x: float(str(x[0])),
    "repr": lambda x: float(repr(float(x[0]))),
    "format": lambda x: float(f"{x[0]:.9f}"),
    "percent": lambda x: float("%.9f" % x[0]),
    "str.format": lambda x: float("{:.9f}".format(x[0])),
    "join": lambda x: float("".join([str(x[0])])),
    "eval": lambda x: eval(str(x[0])),
    "str list": printed,
    "array2string": lambda x: np.array([float(v) for v in np.array2string(x)[1:-1].split()]),
    "array_str": lambda x: float(np.array_str(x)[1:-1].split()[0]),
    "format_float": lambda x: float(np.format_float_positional(x[0])),
    "int of text": lambda x: int(f"{x[0]:.0f}"),
    "split": lambda x: float(f"{x[0]:.3f} units".split()[0]),
    "fromstring": lambda x: np.fromstring(" ".join(str(v) for v in x), sep=" "),
    "text array": lambda x: np.array([str(v) for v in x]).astype(float),
    "hex": lambda x: float.fromhex(x[0].hex()),
    "as_integer_ratio": lambda x: x[0].as_integer_ratio()[0] / x[0].as_integer_ratio()[1],
    "is_integer": lambda x: x[0].is_integer() + x,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "dumps": lambda x: pickle.loads(x.dumps()),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy list": lambda x: np.array(copy.deepcopy([x]))[0],
    "reduce": lambda x: x.__reduce__()[0] and x,
    "set state": set_state,
    "save": saved,
    "json": lambda x: np.array(json.loads(json.dumps(x.tolist()))),
    "json float": lambda x: json.loads(json.dumps({"a": float(x[0])}))["a"],
    "fromiter": lambda x: np.fromiter(x, float),
    "fromiter generator": lambda x: np.fromiter((v for v in x), float, 3),
    "nditer": iterated,
    "nditer list": lambda x: np.array([float(v) for v in np.nditer(x)]),
    "ndenumerate": lambda x: np.array([v for _, v in np.ndenumerate(x)]),
    "flat": lambda x: np.array(list(x.flat)),
    "flat array": lambda x: np.asarray(x.flat),
    "flat item": lambda x: x.flat[1],
    "broadcast": lambda x: np.array([a * b for a, b in np.broadcast(x, 2.0)]),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, np.zeros((2, 3)))[0],
    "fromfunction": lambda x: np.fromfunction(lambda i: x[i.astype(int)], (3,)),
    "ndarray buffer": lambda x: np.ndarray((3,), float, x),
    "as_strided": strided,
    "sliding": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2),
    "struct.pack": lambda x: struct.unpack("d", struct.pack("d", x[0]))[0],
    "pack_into": lambda x: (struct.pack_into("d", b := bytearray(8), 0, x[0]), np.frombuffer(b))[1],
    "array.array": lambda x: np.array(array.array("d", x)),
    "array.append": lambda x: (a := array.array("d"), a.append(x[0]), a[0])[2],
    "array.fromlist": lambda x: (a := array.array("d"), a.fromlist(x.tolist()), np.array(a))[2],
    "sorted": lambda x: np.array(sorted(x)),
    "sorted key": lambda x: np.array(sorted(x, key=lambda v: -v)),
    "list.sort": quicksorted,
    "heap": heaped,
    "max": max,
    "min": min,
    "max key": lambda x: max(x, key=lambda v: -v),
    "sum": sum,
    "any": lambda x: any(v > 2 for v in x) + x,
    "all": lambda x: all(x > 0.4) * x,
    "len": lambda x: len(x) * x,
    "zip": lambda x: np.array([a * b for a, b in zip(x, x)]),
    "enumerate": lambda x: np.array([i * v for i, v in enumerate(x)]),
    "map": lambda x: np.array(list(map(lambda v: v * 2, x))),
    "reduce add": lambda x: functools.reduce(operator.add, x),
    "filter": lambda x: np.array(list(filter(lambda v: v > 1, x))),
    "reversed": lambda x: np.array(list(reversed(x))),
    "set": lambda x: len(set(x)),
    "hash": lambda x: hash(x[0]) % 7,
    "dict key": lambda x: {x[0]: 3.0}[x[0]],
    "in list": lambda x: (x[0] in [0.5, 1.5]) * x,
    "list index": lambda x: [0.5, 2.25, 1.5].index(x[0]),
    "list count": lambda x: [0.5, 1.5].count(x[0]),
    "list eq": lambda x: (list(x) == [0.5, 1.5, 2.5]) + 1.0,
    "tuple lt": lambda x: ((x[0], 1) < (1.0, 0)) + 1.0,
    "slice": lambda x: np.arange(9.0)[: int(x[0]) + 1].sum(),
    "range": lambda x: sum(range(int(x[1] * 4))),
    "bytes n": lambda x: len(bytes(int(x[1] * 4))),
    "chr": lambda x: ord(chr(int(x[0] * 40))),
    "repeat list": lambda x: len([1] * int(x[1] * 4)),
    "string index": lambda x: "abcdef".index("abcdef"[int(x[0])]),
    "isinstance": lambda x: isinstance(x[0], float) * x,
    "math.sqrt": lambda x: math.sqrt(x[0]),
    "math.exp": lambda x: math.exp(x[0]),
    "math.fsum": lambda x: math.fsum(x),
    "math.hypot": lambda x: math.hypot(x[0], x[1]),
    "math.isclose": lambda x: math.isclose(x[0], 0.5) + x,
    "math.dist": lambda x: math.dist(x, [0, 0, 0]),
    "math.prod": lambda x: math.prod(x),
    "math.copysign": lambda x: math.copysign(1.0, x[0] - 1),
    "statistics.mean": lambda x: statistics.mean(x),
    "statistics.median": lambda x: statistics.median(x),
    "operator.add": lambda x: operator.add(x, x),
    "operator.mul": lambda x: operator.mul(2.0, x),
    "operator.getitem": lambda x: operator.getitem(x, 1),
    "itemgetter": lambda x: operator.itemgetter(1)(x),
    "attrgetter": lambda x: operator.attrgetter("T")(x),
    "methodcaller": lambda x: operator.methodcaller("sum")(x),
    "setitem": lambda x: (operator.setitem(y := np.zeros(3), 1, x[0]), y)[1],
    "iadd": lambda x: operator.iadd(x.copy(), x),
    "partial": lambda x: functools.partial(np.multiply, x)(2.0),
    "lru_cache": lambda x: functools.lru_cache(lambda v: v * 2)(x[0]),
    "vectorize": vectorized,
    "frompyfunc": from_python,
    "apply_along": lambda x: np.apply_along_axis(lambda v: v * 2, 0, x),
    "piecewise": lambda x: np.piecewise(x, [x > 1], [lambda v: v * 2, 0.0]),
    "select list": lambda x: np.select([x > 1], [x], 0.0),
    "char": lambda x: np.char.add(x.astype(str), "1").astype(float),
    "poly1d": lambda x: np.poly1d(x)(2.0),
    "polyval": lambda x: np.polyval(x, 2.0),
    "Polynomial": lambda x: np.polynomial.Polynomial(x)(2.0),
    "chebval": lambda x: np.polynomial.chebyshev.chebval(0.5, x),
    "ma": lambda x: np.ma.masked_array(x, [0, 1, 0]).sum(),
    "matrix": lambda x: np.asarray(np.asmatrix(x)),
    "recarray": lambda x: np.rec.fromarrays([x])["f0"],
    "memmap": lambda x: np.asarray(np.lib.user_array.container(x)),
    "lexsort": lambda x: np.lexsort((x,)),
    "histogram": lambda x: np.histogram(x, 2, (0, 3))[0],
    "bincount": lambda x: np.bincount(x.astype(int), x),
    "digitize": lambda x: np.digitize(x, [1.0, 2.0]),
    "interp": lambda x: np.interp(1.0, [0.0, 1.5, 3.0], x),
    "unique": lambda x: np.unique(x),
    "packbits": lambda x: np.packbits(x > 1),
    "c_einsum": lambda x: np._core.multiarray.c_einsum("i,i->i", x, x),
    "correlate": lambda x: np.correlate(x, x),
    "umr_sum": lambda x: np._core.umath.add.reduce(x),
    "_wrapreduction": lambda x: np._core.fromnumeric._wrapreduction(
        x, np.add, "sum", None, None, None
    ),
    "_methods": lambda x: np._core._methods._mean(x),
    "core array": lambda x: np._core.multiarray.array([x[0], x[1]]),
    "core dot": lambda x: np._core.multiarray.dot(x, x),
    "core concatenate": lambda x: np._core.multiarray.concatenate([x, x]),
    "core where": lambda x: np._core.multiarray.where(x > 1, x, 0.0),
    "core zeros": lambda x: (y := np._core.multiarray.zeros(3), operator.setitem(y, 0, x[0]), y)[2],
    "umath_linalg": lambda x: np.linalg._umath_linalg.inv(np.diag(x)),
    "pocketfft": lambda x: np.abs(np.fft._pocketfft.fft(x)),
    "putmask": lambda x: (np.putmask(y := np.zeros(3), [True, False, True], x), y)[1],
    "copyto": lambda x: (np.copyto(y := np.zeros(3), x), y)[1],
    "place": lambda x: (np.place(y := np.zeros(3), [True] * 3, x), y)[1],
    "at": scattered,
    "out": lambda x: np.sin(x, out=np.zeros(3)),
    "out ndarray": lambda x: np.sin(x, out=np.ndarray(3)),
    "reduceat": lambda x: np.add.reduceat(x, [0, 1]),
    "outer": lambda x: np.multiply.outer(x, x),
    "divmod": lambda x: divmod(x, 0.7)[1],
    "astype object": lambda x: x.astype(object).astype(float),
    "dot out": lambda x: np.dot(x, np.eye(3), out=np.zeros(3)),
    "dlpack": lambda x: np.from_dlpack(x),
    "interface": lambda x: np.asarray(
        types.SimpleNamespace(__array_interface__=x.__array_interface__)
    ),
    "array_struct": lambda x: x.__array_struct__ is None or x,
    "base": lambda x: x[1:].base if x[1:].base is not None else x,
    "shares": lambda x: np.shares_memory(x, x[1:]) * x,
    "strides": lambda x: x.strides[0] * x,
    "nbytes": lambda x: x.nbytes * x,
    "resize": lambda x: np.resize(x, 5),
    "x.resize": lambda x: (y := x.copy(), y.resize(2, refcheck=False), y)[2],
    "setflags": lambda x: (y := x.copy(), y.setflags(write=False), y)[2],
    "dtype set": lambda x: (y := x.copy(), setattr(y, "dtype", np.int64), y % 5)[2],
    "shape set": lambda x: (y := x.copy(), setattr(y, "shape", (3, 1)), y)[2],
    "real set": lambda x: (y := x.copy(), setattr(y, "real", 2.0), y)[2],
    "getfield": lambda x: x.getfield(np.float64),
    "byteswap": lambda x: x.byteswap().byteswap(),
    "tofile": lambda x: x.tofile(io.BytesIO()),
    "triu": np.triu,
    "block": lambda x: np.block([x, x]),
    "r_": lambda x: np.r_[x, 1.0],
    "c_": lambda x: np.c_[x, x],
    "mgrid": lambda x: np.mgrid[0:3] * x,
    "ix_": lambda x: x[np.ix_([0, 1])],
    "linspace": lambda x: np.linspace(0, x[0], 3),
    "full": lambda x: np.full(3, x[0]),
    "arange": lambda x: np.arange(0, x[1], 0.5),
    "logspace": lambda x: np.logspace(0, x[0], 3),
    "geomspace": lambda x: np.geomspace(1, x[0], 3),
    "eye": lambda x: np.eye(int(x[0]) + 1),
    "tri": lambda x: np.tri(int(x[1]) + 1),
    "clip bound": lambda x: np.clip(np.arange(3.0), 0, x),
    "initial": lambda x: np.sum(np.ones(3), initial=x[0]),
    "where": lambda x: np.sum(np.arange(3.0), where=x > 1),
    "pad": lambda x: np.pad(np.ones(2), 1, constant_values=x[0]),
    "take of plain": lambda x: np.take(np.arange(9.0), x.astype(int)),
    "plain index": lambda x: np.arange(9.0)[x.astype(int)],
    "plain mask": lambda x: np.arange(3.0)[x > 1],
    "plain + x": lambda x: np.ones(3) + x,
    "list + x": lambda x: [1, 2, 3] + x,
    "isin": lambda x: np.isin(x, [0.5, 1.5]),
    "array_equal": lambda x: np.array_equal(x, INPUTS[0]) + x,
    "allclose": lambda x: np.allclose(x, INPUTS[0]) + x,
    "ndim": lambda x: np.ndim(x) * x,
    "result_type": lambda x: np.result_type(x).itemsize * x,
    "isscalar": lambda x: np.isscalar(x[0]) * x,
    "random": lambda x: np.random.default_rng(int(x[0])).normal(size=3),
    "scipy solve": scipy_solved,
    "scipy filter": scipy_filtered,
    "scipy spline": scipy_spline,
    "scipy sparse": scipy_sparse,
    "scipy quad": scipy_integral,
    "pandas": pandas_series,
}
