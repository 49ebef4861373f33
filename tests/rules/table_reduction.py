"""Reductions, running sums and means, one line per function and signature."""

import numpy as np

from tests.rules.table import booleans, complexes, constant, distinct, each, positive, reals, row

A, T, B, D = reals(4, 3), reals(2, 3, 4), booleans(4, 3), distinct(4, 3)
AXES = each(None, 0, -1, (0, 1), ())
SOME = each(None, 0, -1, (0, 1))
KEEP = each(False, True)
ALL, REAL = "efgFDGi?", "efgi?"
GAPS = constant([[1.0, np.nan, 2.5], [np.nan, -1.5, 0.5], [3.0, 0.25, -0.75], [2.0, np.nan, 4.0]])


def into(function, shape, **keywords):
    """A call that writes to ``out=``."""
    return lambda x: function(x, out=np.zeros(shape), **keywords)


ROWS = [
    row("sum", A, axis=AXES, keepdims=KEEP).but(dtypes=ALL),
    row("mean", A, axis=AXES, keepdims=KEEP).but(dtypes=ALL),
    row("prod", A, axis=AXES, keepdims=KEEP).but(dtypes=ALL),
    row("max", D, axis=AXES, keepdims=KEEP).but(dtypes=REAL),
    row("min", D, axis=AXES, keepdims=KEEP).but(dtypes=REAL),
    row("amax", D, axis=AXES, keepdims=KEEP).but(dtypes=REAL),
    row("amin", D, axis=AXES, keepdims=KEEP).but(dtypes=REAL),
    row("ptp", D, axis=SOME, keepdims=KEEP).but(dtypes="efgi"),
    row("var", A, axis=SOME, keepdims=KEEP, ddof=each(0, 1)).but(dtypes="efgFDGi"),
    row("std", positive(4, 3), axis=SOME, keepdims=KEEP, ddof=each(0, 1)).but(dtypes="efgFDGi"),
    row("var", A, axis=1, correction=1),
    row("std", A, axis=1, correction=1),
    row("var", lambda x: np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)), A),
    row("std", lambda x: np.std(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)), A),
    row("var", lambda x, m: np.var(x, axis=0, mean=m), A, reals(1, 3)),
    row("std", lambda x, m: np.std(x, axis=0, mean=m), A, reals(1, 3)),
    row("sum", lambda x, m, i: np.sum(x, axis=1, where=m, initial=i), A, B, 0.5),
    row("prod", lambda x, m, i: np.prod(x, axis=1, where=m, initial=i), A, B, 0.5),
    row("max", lambda x, m, i: np.max(x, axis=1, where=m, initial=i), D, B, 0.6),
    row("min", lambda x, m, i: np.min(x, axis=1, where=m, initial=i), D, B, -0.6),
    row("mean", lambda x, m: np.mean(x, axis=1, where=m), A, B),
    row("var", lambda x, m: np.var(x, axis=1, where=m), A, B),
    row(
        "std",
        lambda x, m: np.std(x, axis=0, where=m),
        A,
        np.array([[True], [True], [False], [True]]),
    ),
    row("sum", A, dtype=each(np.float32, np.complex128)).but(order=1, tolerance=2e-3, step=1e-2),
    row("mean", A, axis=0, dtype=each(np.float32, np.complex128)).but(
        order=1, tolerance=2e-3, step=1e-2
    ),
    row("sum", into(np.sum, 3, axis=0), A),
    row("mean", into(np.mean, 3, axis=0), A),
    row("max", into(np.max, 3, axis=0), D),
    row("prod", into(np.prod, 3, axis=0), A),
    row("var", into(np.var, 3, axis=0), A).but(dtypes=""),
    row("std", into(np.std, 3, axis=0), A).but(dtypes=""),
    row("sum", T, axis=each((0, 2), (2, 0), (-1, 1))),
    row("prod", T, axis=each((0, 2), (2, 0), (-1, 1))),
    row("max", distinct(2, 3, 4), axis=each((0, 2), (2, 0), (-1, 1))),
    row("var", T, axis=each((0, 2), (2, 0), (-1, 1))),
    row("sum", reals(0, 3), axis=each(None, 0, 1)),
    row("prod", reals(0, 3), axis=each(None, 0, 1)),
    row("sum", reals()),
    row("mean", reals()),
    row("max", reals()),
    row("prod", reals()),
    row("any", A, axis=SOME, keepdims=KEEP).but(dtypes=REAL),
    row("all", A, axis=SOME, keepdims=KEEP).but(dtypes=REAL),
    row("count_nonzero", A, axis=SOME, keepdims=KEEP).but(dtypes="i"),
    row("argmax", D, axis=each(None, 0, -1), keepdims=KEEP).but(dtypes="efgi?"),
    row("argmin", D, axis=each(None, 0, -1), keepdims=KEEP).but(dtypes="efgi?"),
    # -- what skips nan -------------------------------------------------------------------------
    row("nansum", GAPS, axis=SOME, keepdims=KEEP).but(dtypes="efgFD"),
    row("nanprod", GAPS, axis=SOME, keepdims=KEEP).but(dtypes="efgFD"),
    row("nanmean", GAPS, axis=SOME, keepdims=KEEP).but(dtypes="efgFD"),
    row("nanmax", GAPS, axis=SOME, keepdims=KEEP).but(dtypes="efg"),
    row("nanmin", GAPS, axis=SOME, keepdims=KEEP).but(dtypes="efg"),
    row("nanvar", GAPS, axis=SOME, keepdims=KEEP, ddof=each(0, 1)).but(dtypes="efgFD"),
    row("nanstd", GAPS, axis=SOME, keepdims=KEEP, ddof=each(0, 1)).but(dtypes="efgFD"),
    row("nanvar", GAPS, axis=0, correction=1),
    row("nanstd", GAPS, axis=0, correction=1),
    row("nanvar", lambda x, m: np.nanvar(x, axis=0, mean=m), GAPS, reals(1, 3)),
    row("nanmedian", GAPS, axis=SOME, keepdims=KEEP).but(dtypes="efg"),
    row("nanargmax", GAPS, axis=each(None, 0)),
    row("nanargmin", GAPS, axis=each(None, 0)),
    row("nancumsum", GAPS, axis=each(None, 0, 1)).but(dtypes="efgFD"),
    row("nancumprod", GAPS, axis=each(None, 0, 1)).but(dtypes="efgFD"),
    row("nansum", lambda x, m, i: np.nansum(x, axis=1, where=m, initial=i), GAPS, B, 0.5),
    row("nanprod", lambda x, m, i: np.nanprod(x, axis=1, where=m, initial=i), GAPS, B, 0.5),
    row("nanmax", lambda x, m, i: np.nanmax(x, axis=1, where=m, initial=i), GAPS, B, -2.0),
    row("nanmin", lambda x, m, i: np.nanmin(x, axis=1, where=m, initial=i), GAPS, B, 9.0),
    row("nanmean", GAPS, axis=1, where=np.array([[True, True, False]] * 4)),
    row("nanvar", GAPS, axis=0, where=np.array([[True], [True], [True], [False]])),
    row("nanstd", GAPS, axis=0, where=np.array([[True], [True], [True], [False]])),
    # -- running ones ---------------------------------------------------------------------------
    row("cumsum", A, axis=each(None, 0, -1)).but(dtypes=ALL),
    row("cumprod", A, axis=each(None, 0, -1)).but(dtypes=ALL),
    row("cumulative_sum", A, axis=each(0, -1), include_initial=KEEP).but(dtypes=ALL),
    row("cumulative_prod", A, axis=each(0, -1), include_initial=KEEP).but(dtypes=ALL),
    row("cumulative_sum", reals(5)),
    row("cumulative_prod", reals(5)),
    row("cumsum", into(np.cumsum, (4, 3), axis=0), A),
    row("cumprod", into(np.cumprod, (4, 3), axis=0), A),
    row("cumsum", A, axis=0, dtype=np.float32).but(order=1, tolerance=2e-3, step=1e-2),
    # -- no axes, and nothing in them -----------------------------------------------------------
    *[
        row(name, reals(), axis=each(None, 0, -1))
        for name in "sum prod max min cumsum cumprod nansum nanprod nancumsum".split()
    ],
    row("cumulative_sum", reals(), axis=0),
    row("cumulative_prod", reals(), axis=0),
    *[row(name, reals(0, 3), axis=0) for name in "sum prod cumsum cumprod nansum median".split()],
    *[
        row(name, reals(3, 0), axis=each(None, 1)).but(order=1)
        for name in "mean var nanmean nanmedian".split()
    ],
    row("nanquantile", reals(0, 3), 0.3, axis=each(None, 0)),
    row("histogram", reals(0)),
    # -- methods --------------------------------------------------------------------------------
    row("ndarray.sum", A, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.mean", A, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.prod", A, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.var", A, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.std", A, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.max", D, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.min", D, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.argmax", D, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.argmin", D, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.any", A, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.all", A, axis=each(None, 1), keepdims=KEEP),
    row("ndarray.cumsum", A, axis=each(None, 1)),
    row("ndarray.cumprod", A, axis=each(None, 1)),
    row("sum", complexes(2, 3), axis=each(None, 1)).but(dtypes="F"),
    row("ndarray.sum", lambda x: x.sum(1, out=np.zeros(4)), A),
]
