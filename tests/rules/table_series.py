"""The six kinds of polynomial series, one line per function and signature, for all of them."""

import numpy as np

from tests.rules.table import distinct, positive, reals, row

KINDS = {
    "polynomial": ("poly", np.polynomial.polynomial, "Polynomial"),
    "chebyshev": ("cheb", np.polynomial.chebyshev, "Chebyshev"),
    "hermite": ("herm", np.polynomial.hermite, "Hermite"),
    "hermite_e": ("herme", np.polynomial.hermite_e, "HermiteE"),
    "laguerre": ("lag", np.polynomial.laguerre, "Laguerre"),
    "legendre": ("leg", np.polynomial.legendre, "Legendre"),
}
X, C, C2, C3 = reals(5, low=-0.9, high=0.9), reals(4), reals(3, 2), reals(2, 2, 2)
FAR = positive(3)


def series(kind):
    short, module, class_name = KINDS[kind]

    def one(name, *operands, **keywords):
        full = name.replace("*", short)
        function = getattr(module, full)
        return row(f"polynomial.{kind}.{full}", function, *operands, **keywords)

    def by(name, call, *operands):
        full = name.replace("*", short)
        function = getattr(module, full)
        return row(f"polynomial.{kind}.{full}", lambda *a: call(function, *a), *operands)

    kind_of = getattr(module, class_name)
    used = [row(f"polynomial.{class_name}", lambda x, c: kind_of(c)(x), X, C)]
    used.append(row(f"polynomial.{class_name}", lambda x, c: kind_of(c).deriv()(x), X, C))
    used.append(
        row(f"polynomial.{class_name}", lambda x, c: (kind_of(c) * kind_of(c[:2])).coef, X, C)
    )
    used.append(row(f"polynomial.{kind}.{class_name}", lambda c: kind_of(c).integ().coef, C))
    rows = [
        *used,
        one("*val", X, C),
        one("*val", X, C2),
        one("*val2d", X, X, C2),
        one("*val3d", X, X, X, C3),
        one("*grid2d", X, reals(3), C2),
        one("*grid3d", reals(2), reals(3), reals(2), C3),
        one("*vander", X, 3),
        by("*vander2d", lambda f, x, y: f(x, y, [1, 2]), X, X),
        by("*vander3d", lambda f, x, y: f(x, y, x, [1, 2, 1]), X, X),
        one("*add", C, reals(3)),
        one("*sub", C, reals(3)),
        one("*mul", C, reals(3)),
        one("*mulx", C),
        one("*pow", C, 3),
        one("*der", C),
        one("*der", C, 2),
        one("*int", C),
        one("*int", C, 2),
        by("*div", lambda f, a, b: f(a, b), C, FAR),
        one("*line", 0.5, 1.5),
        one("*fromroots", distinct(3)),
        one("*companion", positive(4)),
        by("*roots", lambda f, c: f(c), distinct(3, low=-3.0, high=-0.5)).but(order=1),
        one("*trim", FAR),
        by("*fit", lambda f, x, y: f(x, y, 2), distinct(6), reals(6)),
    ]
    if kind == "polynomial":
        rows.append(one("polyvalfromroots", X, distinct(3)))
    else:
        rows.append(row(f"polynomial.{kind}.{short}2poly", getattr(module, f"{short}2poly"), C))
        rows.append(row(f"polynomial.{kind}.poly2{short}", getattr(module, f"poly2{short}"), C))
        rows.append(by("*gauss", lambda f, x: x * f(5)[0], X))
        rows.append(one("*weight", X))
    return rows


ROWS = [line for kind in KINDS for line in series(kind)] + [
    row("polynomial.chebyshev.chebpts1", lambda x: x * np.polynomial.chebyshev.chebpts1(5), X),
    row("polynomial.chebyshev.chebpts2", lambda x: x * np.polynomial.chebyshev.chebpts2(5), X),
    row(
        "polynomial.chebyshev.chebinterpolate",
        lambda a: np.polynomial.chebyshev.chebinterpolate(lambda x: np.sin(a * x), 4),
        0.7,
    ),
]
