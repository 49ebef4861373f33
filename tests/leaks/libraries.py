"""Ways out of a traced array through Python's own library: bytes, buffers, texts, containers.

>>> LIBRARIES["crc of one"](np.array([0.5, 1.5, 2.5]))
1186424877
"""

import array
import base64
import bisect
import cmath
import collections
import csv
import ctypes
import datetime
import decimal
import fractions
import hashlib
import heapq
import io
import itertools
import logging
import math
import os
import pickle
import random
import statistics
import string
import struct
import sys
import tempfile
import time
import types
import weakref
import zlib

import numpy as np


def given(maker, *steps):
    """What is in ``maker()`` after each step with it; the last step gives the result."""
    thing = maker()
    for step in steps:
        result = step(thing)
    return result


def in_a_file(x):
    with tempfile.TemporaryFile() as file:
        os.write(file.fileno(), x[:1])
        file.seek(0)
        return np.frombuffer(file.read())


def mapped(x):
    with tempfile.NamedTemporaryFile() as file:
        memory = np.memmap(file.name, float, "w+", shape=(3,))
        memory[:] = x
        return np.array(memory)


def of_rows(x):
    file = io.StringIO()
    csv.writer(file).writerow(x)
    return np.array([float(part) for part in file.getvalue().split(",")])


def out_of_band(x):
    buffers = []
    return pickle.loads(
        pickle.dumps(x, protocol=5, buffer_callback=buffers.append), buffers=buffers
    )


def rebuilt(x):
    reduced = x.__reduce_ex__(4)
    made = reduced[0](*reduced[1])
    if len(reduced) > 2 and reduced[2] is not None:
        made.__setstate__(reduced[2])
    return made


def in_a_structure(x):
    class Pair(ctypes.Structure):
        _fields_ = [("one", ctypes.c_double), ("other", ctypes.c_double)]

    return Pair(x[0], x[1]).other


def as_float(x):
    function = ctypes.pythonapi.PyFloat_AsDouble
    function.restype, function.argtypes = ctypes.c_double, [ctypes.py_object]
    return function(x[0])


def added_in_c(x):
    function = ctypes.pythonapi.PyNumber_Add
    function.restype, function.argtypes = ctypes.py_object, [ctypes.py_object] * 2
    return function(x, x)


def raised(x):
    try:
        raise ValueError(x[0])
    except ValueError as error:
        return error.args[0] * 2


def matched(x):
    match float(x[0]):
        case 0.5:
            return x * 3
        case _:
            return -x


def yielded(x):
    def inner():
        yield from x

    return sum(inner())


def counted(x):
    counts = collections.defaultdict(float)
    for value in x:
        counts["k"] += value
    return counts["k"]


def record(x):
    return logging.LogRecord("name", 1, "file", 1, "%s", (x[0],), None).getMessage()


def has(name, method):
    """An object whose special method gives something of the array."""
    return type("Given", (), {name: method})()


# Each gives a number or an array in plain NumPy.
LIBRARIES = {
    # bytes, of arrays of three and of one element, which is contiguous whatever its strides are
    "crc": lambda x: zlib.crc32(x) % 97,
    "crc of one": lambda x: zlib.crc32(x[:1]) * 1.0,
    "crc of scalar": lambda x: zlib.crc32(x[0]) * 1.0,
    "crc of 0-d": lambda x: zlib.crc32(x[:1].reshape(())) * 1.0,
    "sha": lambda x: hashlib.sha1(x).digest()[0],
    "sha of one": lambda x: hashlib.sha1(x[:1]).digest()[0],
    "base64": lambda x: np.frombuffer(base64.b64decode(base64.b64encode(x))),
    "base64 of one": lambda x: np.frombuffer(base64.b64decode(base64.b64encode(x[:1]))),
    "bytes of one": lambda x: bytes(x[:1])[6],
    "bytearray of one": lambda x: bytearray(x[:1])[6],
    "memoryview of one": lambda x: memoryview(x[:1]).cast("B")[6],
    "memoryview bytes": lambda x: memoryview(x[:1]).tobytes()[6],
    "bytes + one": lambda x: (bytearray(b"a") + x[:1].tobytes())[7],
    "unpack one": lambda x: struct.unpack("d", x[:1])[0],
    "unpack_from one": lambda x: struct.unpack_from("d", x[:1])[0],
    "iter_unpack": lambda x: np.array(list(struct.iter_unpack("d", x)))[:, 0],
    "join one": lambda x: np.frombuffer(b"".join([x[:1]])),
    "percent bytes": lambda x: np.frombuffer(b"%b" % x[:1]),
    "from_bytes one": lambda x: int.from_bytes(x[:1], "little") % 97,
    "write": lambda x: given(io.BytesIO, lambda f: f.write(x), lambda f: f.getvalue()[6]),
    "write one": lambda x: given(io.BytesIO, lambda f: f.write(x[:1]), lambda f: f.getvalue()[6]),
    "os.write one": in_a_file,
    "readinto": lambda x: given(
        lambda: np.zeros(3), lambda y: io.BytesIO(x.tobytes()).readinto(y), lambda y: y
    ),
    "array.frombytes": lambda x: given(
        lambda: array.array("d"), lambda a: a.frombytes(x.tobytes()), lambda a: a[0]
    ),
    "from_buffer": lambda x: np.array((ctypes.c_double * 3).from_buffer(x)),
    "from_buffer_copy": lambda x: np.array((ctypes.c_double * 3).from_buffer_copy(x)),
    "from_buffer_copy one": lambda x: ctypes.c_double.from_buffer_copy(x[:1]).value,
    "string_at": lambda x: np.frombuffer(ctypes.string_at(x.ctypes.data, 24)),
    "pointer": lambda x: ctypes.cast(x.ctypes.data, ctypes.POINTER(ctypes.c_double))[0],
    "ndpointer": lambda x: np.ctypeslib.ndpointer(float).from_param(x) is None or x,
    "structure": in_a_structure,
    "PyFloat_AsDouble": as_float,
    "PyNumber_Add": added_in_c,
    "PickleBuffer one": lambda x: pickle.loads(pickle.dumps(pickle.PickleBuffer(x[:1]), 5))[6],
    "pickle 5": out_of_band,
    "reduce_ex": rebuilt,
    "dump": lambda x: given(io.BytesIO, x.dump, lambda f: pickle.loads(f.getvalue())),
    "memmap of": mapped,
    "ndarray of bytes": lambda x: np.ndarray(3, float, bytearray(x.tobytes())),
    "ndarray new": lambda x: np.ndarray.__new__(np.ndarray, (3,), float, x),
    "dlpack device": lambda x: x.__dlpack_device__()[0] * x,
    "address": lambda x: (x.ctypes.data % 8) * x,
    "sizeof": lambda x: sys.getsizeof(x) * 0 + x,
    # protocols of objects that hold it
    "holder __array__": lambda x: np.asarray(has("__array__", lambda s, dtype=None, copy=None: x)),
    "holder __float__": lambda x: np.array([has("__float__", lambda s: float(x[0]))], float),
    "holder interface": lambda x: np.asarray(has("__array_interface__", x.__array_interface__)),
    "holder struct": lambda x: np.asarray(has("__array_struct__", x.__array_struct__)),
    "namespace": lambda x: types.SimpleNamespace(v=x).v * 2,
    "weakref": lambda x: weakref.ref(x)() * 2,
    # numbers
    "Decimal": lambda x: float(decimal.Decimal(x[0])),
    "Decimal text": lambda x: float(decimal.Decimal(str(x[0]))),
    "Decimal.from_float": lambda x: float(decimal.Decimal.from_float(x[0])),
    "Fraction": lambda x: float(fractions.Fraction(x[0])),
    "timedelta": lambda x: datetime.timedelta(seconds=x[0]).total_seconds(),
    "fromtimestamp": lambda x: datetime.datetime.fromtimestamp(x[0], datetime.UTC).microsecond,
    "random.uniform": lambda x: random.Random(3).uniform(x[0], x[1]),
    "random.gauss": lambda x: random.Random(3).gauss(x[0], x[1]),
    "random seed": lambda x: random.Random(x[0]).random(),
    "random.choice": lambda x: random.Random(3).choice(x),
    "random.choices": lambda x: np.array(random.Random(3).choices([1.0, 2.0, 3.0], x, k=4)),
    "random.sample": lambda x: np.array(random.Random(3).sample(list(x), 2)),
    "sleep": lambda x: (time.sleep(x[0] * 1e-9), x)[1],
    "math.frexp": lambda x: math.frexp(x[0])[0],
    "math.modf": lambda x: math.modf(x[0])[0],
    "math.ldexp": lambda x: math.ldexp(x[0], 2),
    "math.gcd": lambda x: math.gcd(int(x[0] * 4), 6),
    "math.comb": lambda x: math.comb(5, int(x[0])),
    "math.isqrt": lambda x: math.isqrt(int(x[0] * 100)),
    "cmath.exp": lambda x: cmath.exp(1j * x[0]).real,
    "cmath.phase": lambda x: cmath.phase(x[0] + 1j),
    "fmean": lambda x: statistics.fmean(x),
    "stdev": lambda x: statistics.stdev(x),
    "quantiles": lambda x: statistics.quantiles(x)[0],
    "linear_regression": lambda x: statistics.linear_regression([1.0, 2.0, 3.0], x).slope,
    "NormalDist": lambda x: statistics.NormalDist(x[0], x[1]).cdf(1.0),
    "sum start": lambda x: sum(x, start=x[0]),
    "max default": lambda x: max([], default=x[0]),
    # containers and iterators
    "bisect": lambda x: bisect.bisect([0.0, 1.0, 2.0], x[0]),
    "insort": lambda x: given(
        lambda: [0.0, 1.0, 2.0], lambda rows: bisect.insort(rows, x[0]), np.array
    ),
    "nlargest": lambda x: np.array(heapq.nlargest(2, x)),
    "merge": lambda x: np.array(list(heapq.merge(sorted(x), [1.0]))),
    "heappush": lambda x: given(list, *[lambda h, v=v: heapq.heappush(h, v) for v in x], min),
    "Counter": lambda x: collections.Counter({"a": x[0]})["a"],
    "most_common": lambda x: collections.Counter(x.tolist()).most_common(1)[0][0],
    "defaultdict": counted,
    "deque": lambda x: np.array(collections.deque(x, maxlen=2)),
    "ChainMap": lambda x: collections.ChainMap({"a": x})["a"],
    "namedtuple": lambda x: collections.namedtuple("Pair", "a b")(x[0], x[1]).b,
    "frozenset": lambda x: len(frozenset(x)),
    "keys": lambda x: dict.fromkeys(x, 1).popitem()[0],
    "accumulate": lambda x: np.array(list(itertools.accumulate(x))),
    "groupby": lambda x: len(list(itertools.groupby(x > 1))),
    "compress": lambda x: np.array(list(itertools.compress(x, x > 1))),
    "takewhile": lambda x: sum(itertools.takewhile(lambda v: v < 2, x)),
    "starmap": lambda x: np.array(list(itertools.starmap(lambda a, b: a * b, zip(x, x)))),
    "pairwise": lambda x: sum(a * b for a, b in itertools.pairwise(x)),
    "star": lambda x: (lambda first, *rest: first + sum(rest))(*x),
    "yield from": yielded,
    "match": matched,
    "chained": lambda x: x * (0.4 < x[0] < 1.0),
    "in a tuple": lambda x: x * 2 if x[0] in (0.5, 1.5) else x,
    "exception": raised,
    # texts
    "Template text": lambda x: float(string.Template("$a").substitute(a=x[0])),
    "csv text": of_rows,
    "log text": lambda x: float(record(x)),
    "print text": lambda x: given(
        io.StringIO, lambda f: print(x[0], file=f), lambda f: float(f.getvalue())
    ),
    "compared text": lambda x: x * (str(x[0]) == "0.5"),
    "looked up text": lambda x: {"0.5": 1.0, "1.5": 2.0}.get(str(x[0]), 3.0) * x,
    "genfromtxt text": lambda x: np.genfromtxt(io.StringIO(" ".join(map(str, x)))),
    "savetxt text": lambda x: given(
        io.StringIO, lambda f: np.savetxt(f, x), lambda f: f.seek(0), np.loadtxt
    ),
    "array_repr text": lambda x: eval(np.array_repr(x), {"array": np.array}),
}
