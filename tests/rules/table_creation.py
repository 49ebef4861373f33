"""Arrays made from numbers: rows, fills, windows; what is traced are the ends and the values."""

import numpy as np

from tests.rules.table import constant, each, positive, reals, row

A, V, B, S = reals(4, 3), reals(5), reals(3), reals()
START, STOP = constant(1.3), constant(2.9)
STARTS, STOPS = constant([1.3, 2.2]), constant([2.9, 1.1])
COUNTS = {"num": each(5, 1, 2, 0), "endpoint": each(True, False)}

LINES = [
    row("linspace", each(START, 1), each(STOP, 3.1), **COUNTS),
    row("linspace", each(STARTS, START), STOPS, axis=each(0, 1, -1), **COUNTS),
    row("linspace", each(START, B), STOP, 5, retstep=True, endpoint=each(True, False)),
    row("linspace", START, STOP, 4, dtype=each("g", "D", "f")).but(order=0),
    row("linspace", lambda a, b: np.linspace([a, 1.0], [2.0, b], 4), START, STOP),
    row("linspace", lambda a, b: np.linspace(a, b, 4), 1 + 2j, 3 - 1j),
    row("logspace", each(START, 1), each(STOP, 2.1), **COUNTS),
    row("logspace", each(STARTS, START), STOPS, 4, axis=each(0, -1)),
    row("logspace", START, STOP, 5, base=each(2.0, 7.5)),
    row("logspace", lambda a, b: np.logspace(0.0, a, 4, base=b), START, STOP),
    row("logspace", lambda b: np.logspace(0.0, 1.0, 4, base=b), STOPS),
    row(
        "geomspace", each(START, 1), each(STOP, 2.1), num=each(5, 2, 1), endpoint=each(True, False)
    ),
    row("geomspace", each(STARTS, START), STOPS, 4, axis=each(0, -1)),
    row("geomspace", lambda a, b: np.geomspace(-a, -b, 4), START, STOP),
    row("geomspace", lambda a, b: np.geomspace(a, b, 4), 1 + 1j, 4 - 1j),
    row("arange", START, 5.0),
    row("arange", constant(3.5)),
    row("arange", START, constant(4.75), each(constant(0.7), 0.5)),
    row("arange", START, -3.0, -0.8),
    row("arange", lambda a: np.arange(start=a, stop=5.0, step=0.5), START),
    row("arange", lambda n, x: np.arange(n) * x, np.int64(5), V),
]

FILLS = [
    row("full", (2, 3), each(S, B)).but(dtypes="fFi"),
    row("full", lambda k: np.full((2, 3), k, order="F", dtype=complex), S),
    row("full", lambda x: np.full((2, 2), [x[0], x[1]]), B),
    row("full", lambda k: np.full((2, 3), k, like=k), B),
    row("full_like", A, each(S, B)).but(dtypes="fFi"),
    row("full_like", lambda x, k: np.full_like(x, k, shape=(2, 3), dtype=complex), A, S),
    *[
        row(f"{name}_like", lambda x, f=f: f(x, shape=(2, 3)) * 0 + x[0], A)
        for name, f in (("zeros", np.zeros_like), ("ones", np.ones_like))
    ],
    row("zeros_like", A, dtype=each(None, "f", "D"), order=each("K", "F")).but(dtypes="efFi?"),
    row("ones_like", A, dtype=each(None, "f", "D"), shape=each(None, (2, 2))),
    *[
        row(name, lambda x, f=f: f((2, 3), like=x) * x, B)
        for name, f in (("zeros", np.zeros), ("ones", np.ones))
    ],
    row("eye", lambda x: np.eye(3, 4, k=1).T @ x, B),
    row("identity", lambda x: np.identity(3) @ x, B),
    row("tri", lambda x: np.tri(3) @ x, B),
    row("indices", lambda x: np.indices(x.shape)[0] * x, A),
    row("indices", lambda x: np.indices((4, 3), sparse=True)[1] * x, A),
    row("mgrid", lambda x: np.mgrid[0:4, 0:3][0] * x, A),
    row("ogrid", lambda x: np.ogrid[0:4, 0:3][1] * x, A),
    *[
        row(name, lambda x, f=f: f(5) * x, V)
        for name, f in (
            ("bartlett", np.bartlett),
            ("blackman", np.blackman),
            ("hamming", np.hamming),
            ("hanning", np.hanning),
        )
    ],
    row("kaiser", each(5, 6, 1), positive(low=1.0, high=4.0)),
    row("kaiser", lambda x: np.kaiser(5, 3.0) * x, V),
]

ROWS = [*LINES, *FILLS]
