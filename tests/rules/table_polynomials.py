"""Polynomials by their coefficients, ``np.poly1d``, and the package ``np.polynomial``."""

import numpy as np

from tests.rules.table import complexes, constant, each, positive, reals, row

A, V, B, S = reals(4, 3), reals(5), reals(3), reals()
POINTS = reals(7, low=-0.8, high=0.8)
X = constant(np.linspace(-1.0, 1.0, 8) ** 3 + np.linspace(0.0, 0.7, 8))
Y, WEIGHTS = reals(8), positive(8)
ROOTS = constant([1.0, -6.0, 11.0, -6.3])

OLD = [
    row("polyval", each(B, reals(1)), each(V, A, S)),
    row("polyval", [1.0, 2.0, 3.0], V),
    row("polyval", B, each([1.0, 2.0], 2)),
    row("polyval", complexes(3), complexes(4)),
    row("polyval", lambda x: np.polyval(np.poly1d([1.0, 2.0, 3.0]), x), V),
    row("polyval", lambda p: np.polyval(p, np.poly1d([1.0, 2.0])).coeffs, B),
    row("polyfit", X, each(Y, reals(8, 2)), each(0, 1, 2)).but(tolerance=1e-5),
    row("polyfit", lambda x, y, w: np.polyfit(x, y, 2, w=w), X, Y, WEIGHTS).but(tolerance=1e-5),
    row("polyfit", X, Y, 1, cov=each(True, "unscaled")).but(tolerance=1e-5),
    row("polyfit", lambda x, y: np.polyfit(x, y, 1, full=True)[:2], X, Y).but(tolerance=1e-5),
    row("roots", ROOTS).but(tolerance=1e-4),
    row("roots", constant([1.0, 0.5, 2.0, 1.0])).but(tolerance=1e-5),
    row("roots", complexes(4)).but(tolerance=1e-4, dtypes=""),
    row("poly", each(B, reals(1), complexes(3))),
    row("poly", lambda x: np.poly(x + x.T + np.diag([1.0, 4.0, 9.0])), reals(3, 3)),
    row("polyder", V, m=each(0, 1, 2, 9)),
    row("polyint", V, m=each(0, 1, 2)),
    row("polyint", lambda p, k: np.polyint(p, 2, k=k), V, reals(2)),
    row("polyint", lambda p, k: np.polyint(p, 1, k=k), V, S),
    *[row(name, each(V, B), each(B, V, S, [1.0, 2.0])) for name in ("polyadd", "polysub")],
    row("polymul", each(V, B), each(B, V, S, [1.0, 2.0])),
    row("polydiv", V, each(positive(3), [1.0, 2.0])).but(tolerance=1e-5, dtypes=""),
    row("vander", V, N=each(None, 3, 1, 0), increasing=each(False, True)),
    row("vander", complexes(3)),
    row("poly1d", lambda p, x: np.poly1d(p)(x), B, V),
    row("poly1d", lambda p, q, x: (np.poly1d(p) + np.poly1d(q) * 2 - 1)(x), B, V, S),
    row("poly1d", lambda p, x: np.poly1d(p).deriv()(x) * np.poly1d(p).integ()(x), B, S),
    row("poly1d", lambda p, x: (np.poly1d(p) ** 2 / 2.0)(x), B, S),
    row("poly1d", lambda p: np.poly1d(p).r, constant([1.0, -3.0, 2.1])).but(tolerance=1e-5),
    row("poly1d", lambda p, x: np.poly1d(p, True)(x), B, S),
    row("poly1d", lambda x: np.poly1d([x[0], 2.0, x[1]])(x[2]), B),
]

KINDS = {
    "polynomial": ("poly", np.polynomial.Polynomial),
    "chebyshev": ("cheb", np.polynomial.Chebyshev),
    "legendre": ("leg", np.polynomial.Legendre),
    "laguerre": ("lag", np.polynomial.Laguerre),
    "hermite": ("herm", np.polynomial.Hermite),
    "hermite_e": ("herme", np.polynomial.HermiteE),
}


def functions(module, prefix):
    """The rows of one family of functions."""
    start = f"polynomial.{module}.{prefix}"
    return [
        row(f"{start}val", each(POINTS, S), each(B, reals(1), reals(2), V)),
        row(f"{start}val", POINTS, reals(3, 2)),
        row(f"{start}val2d", POINTS, POINTS, reals(3, 2)),
        row(f"{start}val3d", POINTS, POINTS, POINTS, reals(2, 2, 2)).but(order=1),
        row(f"{start}grid2d", POINTS, reals(3), reals(3, 2)),
        row(f"{start}grid3d", reals(2), reals(3), reals(2), reals(2, 2, 2)).but(order=1),
        row(f"{start}vander", POINTS, each(0, 3)),
        row(f"{start}vander2d", POINTS, POINTS, [1, 2]),
        row(f"{start}der", V, each(1, 2)),
        row(f"{start}der", reals(2, 4), axis=1),
        row(f"{start}int", V, each(1, 2)),
        row(f"{start}add", V, B),
        row(f"{start}sub", B, V),
        row(f"{start}mul", V, B),
        row(f"{start}mulx", V),
        row(f"{start}div", V, positive(3)).but(tolerance=1e-5),
        row(f"{start}pow", B, 3),
        row(f"{start}fromroots", B),
        row(f"{start}companion", positive(4)).but(tolerance=1e-5),
        row(f"{start}roots", constant([-6.3, 11.0, -6.0, 1.0])).but(order=1, tolerance=1e-4),
        row(f"{start}fit", X, Y, each(2, [0, 2])).but(tolerance=1e-5),
    ]


def classes(kind):
    """The rows of one class."""

    def named(function, *operands, **checks):
        return row(f"polynomial.{kind.__name__}", function, *operands).but(**checks)

    return [
        named(lambda c, x: kind(c)(x), B, POINTS),
        named(lambda c, d, x: (kind(c) * kind(d) + kind(c) - 1.0)(x), B, V, S),
        named(lambda c, x: kind(c).deriv()(x) * kind(c).integ(1, [2.0])(x), V, S),
        named(lambda c, x: kind(c, domain=[0, 2], window=[-1, 1])(x), V, S),
        named(lambda c, a: (-((kind(c) * a + a) ** 2)).coef, B, S),
        named(lambda c, d: (kind(c) // kind(d)).coef, V, positive(3), tolerance=1e-5),
        named(lambda c: kind(c).convert(kind=np.polynomial.Polynomial).coef, B),
        named(lambda y, x: kind.fit(np.arange(8.0), y, 2)(x), Y, S, tolerance=1e-5),
        named(lambda c: kind(c).linspace(5)[1], B),
        named(lambda r, x: kind.fromroots(r)(x), B, S),
    ]


NEW = [
    *[line for name, (prefix, _) in KINDS.items() for line in functions(name, prefix)],
    *[line for _, kind in KINDS.values() for line in classes(kind)],
    *[
        row(f"polynomial.{name}.{prefix}2poly", V)
        for name, (prefix, _) in KINDS.items()
        if name != "polynomial"
    ],
    row("polynomial.polynomial.polyvalfromroots", POINTS, B),
    row("polynomial.polyutils.mapdomain", V, [0, 1], [2, 5]),
]

ROWS = [*OLD, *NEW]
