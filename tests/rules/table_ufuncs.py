"""Ufuncs and their methods, one line per function and signature."""

import numpy as np

from tests.rules.table import constant, distinct, each, reals, row

# -- methods ------------------------------------------------------------------------------------
# Where each ufunc is smooth: all of them are on positive numbers that differ.
BINARY = (
    "add subtract multiply divide power float_power maximum minimum fmax fmin hypot arctan2 "
    "logaddexp logaddexp2 copysign fmod remainder"
).split()
COMPLEX = {"add", "subtract", "multiply", "divide"}
P, V = distinct(3, 4, low=0.6, high=1.7), distinct(5, low=0.6, high=1.7)
W, MASK = distinct(2, low=0.6, high=1.7), np.array([True, False, True, True])
UFUNC = {name: getattr(np, name) for name in BINARY}
ZEROS = constant([[1.0, 0.0, 2.0, 0.0], [0.5, 1.5, 0.0, 3.0]])


def method_rows(name):
    letters = "fFD" if name in COMPLEX else "f"
    rows = [
        row(f"{name}.outer", P, V).but(dtypes=letters),
        row(f"{name}.outer", reals(low=0.5, high=0.9), V),
        row(f"{name}.accumulate", V).but(dtypes=letters),
        row(f"{name}.accumulate", P, axis=each(0, 1)),
    ]
    if name in {"power", "arctan2"}:
        # NumPy's AVX512 loops reduce three and more numbers wrongly: np.power.reduce([2, 3, 2]).
        return [*rows, row(f"{name}.reduce", W), row(f"{name}.reduceat", W, [0, 1])]
    rows += [
        row(f"{name}.reduce", V).but(dtypes=letters),
        row(f"{name}.reduce", P, axis=each(0, 1), keepdims=each(False, True)),
        row(f"{name}.reduce", P, axis=1, initial=1.3),
        row(f"{name}.reduce", P, axis=1, initial=1.3, where=MASK),
        row(f"{name}.reduceat", V, [0, 3, 1, 4]).but(dtypes=letters),
        row(f"{name}.reduceat", P, np.array([0, 2, 1]), axis=each(0, 1)),
    ]
    if name not in {"float_power", "copysign", "fmod", "remainder", "subtract", "divide"}:
        rows.append(row(f"{name}.reduce", P, axis=each(None, (0, 1))))
        rows.append(row(f"{name}.reduce", lambda x, i: UFUNC[name].reduce(x, initial=i), V, 1.2))
    return rows


ROWS = [line for name in BINARY for line in method_rows(name)] + [
    row("cumprod", ZEROS, axis=each(None, 0, 1)),
    row("cumulative_prod", ZEROS, axis=each(0, 1), include_initial=each(False, True)),
    row("prod", ZEROS, axis=each(None, 0, 1)),
]
