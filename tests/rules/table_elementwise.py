"""Functions that work element by element, one line per function and signature."""

import numpy as np

from tests.rules.table import booleans, complexes, constant, distinct, each, integers, reals, row

REAL, COMPLEX = "efgi", "efgFDGi"
Z = complexes(2, 3)

# name: (low, high, dtypes)
UNARY = {
    "negative": (-2, 2, COMPLEX),
    "positive": (-2, 2, COMPLEX),
    "square": (-2, 2, COMPLEX),
    "sqrt": (0.5, 3, COMPLEX),
    "cbrt": (0.5, 3, REAL),
    "reciprocal": (0.5, 3, "efgFDG"),
    "exp": (-2, 2, COMPLEX),
    "exp2": (-2, 2, COMPLEX),
    "expm1": (-2, 2, COMPLEX),
    "log": (0.5, 3, COMPLEX),
    "log2": (0.5, 3, COMPLEX),
    "log10": (0.5, 3, COMPLEX),
    "log1p": (-0.5, 3, COMPLEX),
    "sin": (-2, 2, COMPLEX),
    "cos": (-2, 2, COMPLEX),
    "tan": (-1, 1, COMPLEX),
    "sinh": (-2, 2, COMPLEX),
    "cosh": (-2, 2, COMPLEX),
    "tanh": (-1, 1, COMPLEX),
    "arcsin": (-0.8, 0.8, "efgFDG"),
    "asin": (-0.8, 0.8, "efgFDG"),
    "arccos": (-0.8, 0.8, "efgFDG"),
    "acos": (-0.8, 0.8, "efgFDG"),
    "arctan": (-2, 2, "efgFDi"),
    "atan": (-2, 2, "efgFDi"),
    "arcsinh": (-2, 2, COMPLEX),
    "asinh": (-2, 2, COMPLEX),
    "arccosh": (1.5, 3, COMPLEX),
    "acosh": (1.5, 3, COMPLEX),
    "arctanh": (-0.8, 0.8, "efgFDG"),
    "atanh": (-0.8, 0.8, "efgFDG"),
    "absolute": (0.5, 2, COMPLEX),
    "abs": (0.5, 2, COMPLEX),
    "fabs": (0.5, 2, REAL),
    "deg2rad": (-90, 90, REAL),
    "rad2deg": (-2, 2, REAL),
    "radians": (-90, 90, REAL),
    "degrees": (-2, 2, REAL),
    "sinc": (-2, 2, "efgi"),
    "i0": (-2, 2, "fi"),
    "conjugate": (-2, 2, COMPLEX),
    "conj": (-2, 2, COMPLEX),
    "real": (-2, 2, COMPLEX),
    "imag": (-2, 2, COMPLEX),
    "angle": (0.5, 2, "efgFDi"),
    "nan_to_num": (-2, 2, COMPLEX),
    "real_if_close": (0.5, 2, COMPLEX),
    "floor": (0.1, 0.9, REAL),
    "ceil": (0.1, 0.9, REAL),
    "trunc": (0.1, 0.9, REAL),
    "rint": (0.1, 0.4, "efgFDi"),
    "fix": (0.1, 0.9, REAL),
    "round": (0.1, 0.4, "efgFDi"),
    "around": (0.1, 0.4, "efgFDi"),
    "sign": (0.5, 2, COMPLEX),
    "spacing": (1.1, 1.9, "efg"),
    "emath.sqrt": (0.5, 2, "efgFDi"),
    "emath.log": (0.5, 2, "efgFDi"),
    "emath.log2": (0.5, 2, "efFDi"),
    "emath.log10": (0.5, 2, "efFDi"),
    "emath.arcsin": (-0.8, 0.8, "efFD"),
    "emath.arccos": (-0.8, 0.8, "efFD"),
    "emath.arctanh": (-0.8, 0.8, "efFD"),
}
BINARY = {
    "add": (-2, 2, COMPLEX + "?"),
    "subtract": (-2, 2, COMPLEX),
    "multiply": (-2, 2, COMPLEX + "?"),
    "divide": (0.5, 3, COMPLEX),
    "true_divide": (0.5, 3, COMPLEX),
    "power": (0.5, 2, "efgFD"),
    "pow": (0.5, 2, "efgFD"),
    "float_power": (0.5, 2, "efgFDi"),
    "maximum": (-2, 2, REAL + "?"),
    "minimum": (-2, 2, REAL + "?"),
    "fmax": (-2, 2, REAL),
    "fmin": (-2, 2, REAL),
    "hypot": (0.5, 2, REAL),
    "arctan2": (0.5, 2, REAL),
    "atan2": (0.5, 2, REAL),
    "logaddexp": (-2, 2, REAL),
    "logaddexp2": (-2, 2, REAL),
    "copysign": (0.5, 2, REAL),
    "heaviside": (0.5, 2, REAL),
    "remainder": (0.7, 3, "efg"),
    "mod": (0.7, 3, "efg"),
    "fmod": (0.7, 3, "efg"),
    "floor_divide": (0.7, 3, "efg"),
    "nextafter": (0.5, 2, "efg"),
}
SINGLE = {"tolerance": 2e-3, "step": 2e-3}
COMPARED = (
    "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_xor "
    "isclose"
).split()
ABOUT = "isnan isinf isfinite signbit isneginf isposinf isreal iscomplex logical_not".split()
INTEGER = "bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm".split()
INTEGER += ["bitwise_left_shift", "bitwise_right_shift"]


def unary(name):
    low, high, dtypes = UNARY[name]
    return [
        row(name, reals(2, 3, low=low, high=high)).but(dtypes=dtypes),
        row(name, reals(low=low, high=high)).but(dtypes="f"),
        row(name, reals(0, 2)).but(order=1),
    ]


def binary(name):
    low, high, dtypes = BINARY[name]
    x, y = distinct(2, 3, low=low, high=high), distinct(3, low=low + 0.05, high=high)
    return [
        row(name, x, y).but(dtypes=dtypes),
        row(name, reals(2, 1, low=low, high=high), y).but(order=1),
        row(name, x, reals(low=low, high=high)).but(order=1),
        row(name, 1.3, y).but(order=1),
        row(name, x, np.float32(1.25)).but(order=1, dtypes="eg", **SINGLE),
    ]


ROWS = [line for name in UNARY for line in unary(name)]
ROWS += [line for name in BINARY for line in binary(name)]
ROWS += [row(name, reals(2, 3), distinct(3)).but(dtypes=REAL) for name in COMPARED]
ROWS += [row(name, reals(2, 3)).but(dtypes="efgi") for name in ABOUT]
ROWS += [row(name, integers(2, 3, low=1), integers(3, low=1)) for name in INTEGER]
ROWS += [
    row("invert", integers(4)),
    row("bitwise_not", integers(4)),
    row("bitwise_invert", booleans(4)),
    row("bitwise_count", integers(4)),
    row("divmod", reals(2, 3, low=0.6), reals(3, low=0.6)).but(dtypes="fi"),
    row("modf", reals(2, 3)).but(dtypes="efg"),
    row("frexp", reals(2, 3, low=0.55, high=0.95)).but(dtypes="efg"),
    row("ldexp", reals(2, 3), integers(3)).but(dtypes="efg"),
    row("clip", distinct(2, 3), -1.0, 1.0).but(dtypes="efgi"),
    row("clip", distinct(2, 3), each(None, -1.0), 1.0),
    row("clip", distinct(2, 3), a_min=-1.0, a_max=each(None, 0.5)),
    row("clip", distinct(2, 3), min=-1.0, max=0.5),
    row("clip", distinct(2, 3), reals(3, low=-1.4, high=-0.6), reals(2, 1, low=0.6, high=0.8)),
    row("clip", lambda x, a, b: np.clip(x, min=a, max=b), distinct(2, 3), -1.2, 0.7),
    row("nan_to_num", lambda x, a: np.nan_to_num(x, nan=a, posinf=2 * a), reals(3), 0.7),
    row("where", booleans(2, 3), reals(3), reals(2, 1)).but(dtypes="efgFDi"),
    row("where", lambda x: np.where(x > 0, x, 0.0), distinct(5)).but(dtypes="fg"),
    row("where", lambda x: np.where(x > 0), distinct(5)),
    row("angle", Z, deg=each(False, True)).but(dtypes="F"),
    row("round", reals(4), 1).but(order=1),
    row("nan_to_num", constant([1.0, np.nan, np.inf, -np.inf]), nan=2.0, posinf=each(None, 3.0)),
    row("exp", lambda x, m: np.exp(x, where=m, out=np.zeros(3)), reals(3), booleans(3)),
    row("add", lambda x, y: np.add(x, y, dtype=np.float32), reals(3), reals(3)).but(
        order=1, **SINGLE
    ),
    row("multiply", lambda x, y: np.multiply(x, y, out=np.zeros(3)), reals(3), reals(3)),
    row("power", reals(4, low=0.5), each(0, 1, 2, 3, -1, 0.5, 2.0, -2.0)),
    row("power", each(2.0, 0.5), reals(4)),
    row("power", constant([0.0, 2.0]), each(1, 2, 3)),
    row("power", lambda x: np.power(x, 2.0), constant([0.0, 2.0])),
    row("square", constant([0.0, -0.0, 1.0])),
    row("sinc", constant([0.0, 1e-4, 0.02, 0.04, 0.5, 2.0])),
    row("hypot", constant([3.0, 0.5]), constant([0.0, 2.0])),
    row("emath.sqrt", constant([-1.0, 2.0])),
    row("emath.arcsin", constant([-2.0, 0.5, 2.0])),
    row("emath.arccos", constant([-2.0, 0.5, 2.0])),
    row("emath.arctanh", constant([-2.0, 0.5, 2.0])),
    row("emath.power", constant([-2.0, 0.5, 2.0]), 3.0),
    row("sign", Z),
    row("emath.log", constant([-1.0, 2.0])),
    row("emath.logn", 3.0, reals(3, low=0.5)),
    row("emath.logn", reals(3, low=2.0, high=3.0), reals(3, low=0.5)),
    row("emath.power", reals(3, low=0.5), each(2, 0.5)),
    row("emath.power", reals(3, low=0.5), reals(3)),
    row("iscomplexobj", reals(3)),
    row("isrealobj", reals(3)),
    row("allclose", reals(3), reals(3)),
    row("array_equal", reals(3), reals(3)),
    row("array_equiv", reals(3), reals(3)),
]
