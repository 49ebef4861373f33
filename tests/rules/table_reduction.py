"""Reductions, one line per function and signature."""

from tests.rules.table import booleans, distinct, each, positive, reals, row

A, T, B = reals(4, 3), reals(2, 3, 4), booleans(4, 3)
AXES = each(None, 0, -1, (0, 1), ())
KEEP = each(False, True)

ROWS = [
    row("sum", A, axis=AXES, keepdims=KEEP).but(dtypes="efgFDi?"),
    row("sum", lambda x, m: x.sum(axis=1, where=m, initial=2.0), A, B),
    row("mean", A, axis=AXES, keepdims=KEEP).but(dtypes="efgFDi?"),
    row("prod", A, axis=AXES, keepdims=KEEP).but(dtypes="efgFDi?"),
    row("max", distinct(4, 3), axis=AXES, keepdims=KEEP).but(dtypes="efgi?"),
    row("min", distinct(4, 3), axis=AXES, keepdims=KEEP).but(dtypes="efgi?"),
    row("ptp", distinct(4, 3), axis=each(None, 0, -1, (0, 1)), keepdims=KEEP).but(dtypes="efgi"),
    row("var", A, axis=each(None, 0, -1, (0, 1)), keepdims=KEEP, ddof=each(0, 1)).but(
        dtypes="efgFDi"
    ),
    row("std", positive(4, 3), axis=each(None, 0, -1, (0, 1)), keepdims=KEEP).but(dtypes="efgFDi"),
]
