"""scipy.stats: densities and distribution functions, each written once by a formula.

>>> continuous("expon", lambda z: -z, lambda z: -np.expm1(-z))

A line has the log-density and the distribution function in standard form, z = (x - loc) / scale,
of z and the shapes; all methods follow from these two. Formulas: the pages of SciPy's
documentation on each distribution. Constants of neither z nor shapes are left out: they have no
derivative, and values are SciPy's own.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import special, stats

from tracer.ops.builder import Symbol, apply
from tracer.ops.registry import STOP_GRADIENT
from tracer.rules.declare import Missing, composed, elementwise, no_rule
from tracer.rules.scipy.special_helpers import applied

Formula = Callable[..., Any]


def parted(arguments: tuple, count: int) -> tuple[Any, tuple, Any, Any]:
    """x, the shapes, loc and scale of a call."""
    given = arguments[1 + count :]
    loc, scale = (*given, *(0, 1)[len(given) :])
    return arguments[0], arguments[1 : 1 + count], loc, scale


def scaled(x: Any, loc: Any, scale: Any) -> Any:
    moved = x if type(loc) is int and loc == 0 else x - loc
    return moved if type(scale) is int and scale == 1 else moved / scale


def log_of(scale: Any) -> Any:
    return 0.0 if type(scale) is int and scale == 1 else np.log(scale)


class Standard(NamedTuple):
    """A distribution in standard form: formulas of it, moved by loc and scale.

    Not ``bounded`` are those on the whole line, where no point is outside.
    """

    count: int
    bounded: bool

    def of(self, formula: Formula, arguments: tuple) -> Any:
        x, shapes, loc, scale = parted(arguments, self.count)
        return formula(scaled(x, loc, scale), *shapes)

    def log_value(self, log_density: Formula, arguments: tuple) -> Any:
        return self.of(log_density, arguments) - log_of(parted(arguments, self.count)[3])

    def inside(self, out: Any, outside: tuple, value: Any) -> Any:
        """Outside the support and where nothing is left of a tail, nothing moves."""
        if not self.bounded:
            return value
        places = [np.isneginf(out) if edge is None else out == edge for edge in outside]
        return np.where(places[0] if len(places) == 1 else places[0] | places[1], 0.0, value)


def continuous(
    name: str,
    log_density: Formula,
    cdf: Formula | None = None,
    log_cdf: Formula | None = None,
    log_sf: Formula | None = None,
    bounded: bool = True,
) -> None:
    """Rules of all methods of a distribution; without ``cdf`` of the densities alone.

    ``log_cdf`` and ``log_sf`` are for those whose tails have a formula of their own.
    """
    distribution = getattr(stats, name)
    form = Standard(distribution.numargs, bounded)

    @composed(distribution.logpdf)
    def _(*arguments: Any, out: Any) -> Any:
        return form.inside(out, (None,), form.log_value(log_density, arguments))

    @composed(distribution.pdf)
    def _(*arguments: Any, out: Any) -> Any:
        return form.inside(out, (0,), out * form.log_value(log_density, arguments))

    if cdf is None:
        names = ("cdf", "sf", "logcdf", "logsf", "ppf", "isf")
        rest = [getattr(distribution, method) for method in names]
        no_rule(*rest, because="its distribution function has no closed derivative")
        return
    cumulative(distribution, form, cdf, log_cdf, log_sf)
    quantile(distribution.ppf, cdf, applied(distribution.pdf), form.count, 1)
    quantile(distribution.isf, cdf, applied(distribution.pdf), form.count, -1)


def cumulative(
    distribution: Any,
    form: Standard,
    cdf: Formula,
    log_cdf: Formula | None,
    log_sf: Formula | None,
) -> None:
    """Rules of the distribution function, of its tail, and of their logarithms."""

    @composed(distribution.cdf)
    def _(*arguments: Any, out: Any) -> Any:
        return form.inside(out, (0, 1), form.of(cdf, arguments))

    @composed(distribution.sf)
    def _(*arguments: Any, out: Any) -> Any:
        return form.inside(out, (0, 1), -form.of(cdf, arguments))

    @composed(distribution.logcdf)
    def _(*arguments: Any, out: Any) -> Any:
        if log_cdf is not None:
            return form.inside(out, (0, None), form.of(log_cdf, arguments))
        return form.inside(out, (0, None), form.of(cdf, arguments) * np.exp(-out))

    @composed(distribution.logsf)
    def _(*arguments: Any, out: Any) -> Any:
        if log_sf is not None:
            return form.inside(out, (0, None), form.of(log_sf, arguments))
        return form.inside(out, (0, None), -form.of(cdf, arguments) * np.exp(-out))


def quantile(method: Any, cdf: Formula, pdf: Formula, count: int, sign: int) -> None:
    """By the implicit function theorem, in standard form; loc and scale then move it."""

    @composed(method)
    def _(*arguments: Any, out: Any) -> Any:
        q, shapes, loc, scale = parted(arguments, count)
        if len(arguments) > 1 + count:
            return loc + scale * applied(method)(q, *shapes)
        gap = sign * q - cdf(out, *shapes)  # a constant, of which the derivative alone counts
        return (gap - apply(STOP_GRADIENT, gap)) / pdf(out, *shapes)


def log_normal_density(z: Any) -> Any:
    return -(z**2) / 2


def log_gamma_density(z: Any, a: Any) -> Any:
    return special.xlogy(a - 1, z) - z - special.gammaln(a)


def log_t_density(z: Any, df: Any) -> Any:
    ratio = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - np.log(df) / 2
    return ratio - (df + 1) / 2 * np.log1p(z**2 / df)


def log_f_density(z: Any, n: Any, d: Any) -> Any:
    powers = special.xlogy(n / 2, n) + special.xlogy(d / 2, d) + special.xlogy(n / 2 - 1, z)
    return powers - (n + d) / 2 * np.log(d + n * z) - special.betaln(n / 2, d / 2)


on_line = partial(continuous, bounded=False)


# -- on the whole line -----------------------------------------------------------------------------
on_line("norm", log_normal_density, special.ndtr, special.log_ndtr, lambda z: special.log_ndtr(-z))
on_line("cauchy", lambda z: -np.log1p(z**2), lambda z: np.arctan(z) / np.pi)
on_line("laplace", lambda z: -np.abs(z), lambda z: -np.sign(z) * np.expm1(-np.abs(z)) / 2)
on_line(
    "logistic",
    lambda z: special.log_expit(z) + special.log_expit(-z),
    special.expit,
    special.log_expit,
    lambda z: special.log_expit(-z),
)
on_line(
    "gumbel_r",
    lambda z: -z - np.exp(-z),
    lambda z: np.exp(-np.exp(-z)),
    log_cdf=lambda z: -np.exp(-z),
)
on_line(
    "gumbel_l", lambda z: z - np.exp(z), lambda z: -np.exp(-np.exp(z)), log_sf=lambda z: -np.exp(z)
)
on_line("hypsecant", lambda z: -np.logaddexp(z, -z), lambda z: 2 / np.pi * np.arctan(np.exp(z)))
on_line("moyal", lambda z: -(z + np.exp(-z)) / 2, lambda z: special.erfc(np.exp(-z / 2) / 2**0.5))
on_line("t", log_t_density, lambda z, df: special.stdtr(df, z))
on_line(
    "skewnorm",
    lambda z, a: log_normal_density(z) + special.log_ndtr(a * z),
    lambda z, a: special.ndtr(z) - 2 * special.owens_t(z, a),
)
on_line("gennorm", lambda z, beta: np.log(beta) - special.gammaln(1 / beta) - np.abs(z) ** beta)
on_line(
    "genlogistic",
    lambda z, c: np.log(c) - z - (c + 1) * np.log1p(np.exp(-z)),
    lambda z, c: special.expit(z) ** c,
)
on_line(
    "johnsonsu",
    lambda z, a, b: np.log(b) - np.log1p(z**2) / 2 - (a + b * np.arcsinh(z)) ** 2 / 2,
    lambda z, a, b: special.ndtr(a + b * np.arcsinh(z)),
)
on_line("vonmises", lambda z, kappa: kappa * np.cos(z) - kappa - np.log(special.i0e(kappa)))
on_line(
    "loggamma",
    lambda z, c: c * z - np.exp(z) - special.gammaln(c),
    lambda z, c: special.gammainc(c, np.exp(z)),
)
on_line("exponnorm", lambda z, K: (1 / (2 * K) - z) / K - np.log(K) + special.log_ndtr(z - 1 / K))

# -- on the half line ------------------------------------------------------------------------------
continuous("expon", lambda z: -z, lambda z: -np.expm1(-z), log_sf=lambda z: -z)
continuous("halfnorm", log_normal_density, lambda z: 2 * special.ndtr(z))
continuous("halfcauchy", lambda z: -np.log1p(z**2), lambda z: 2 / np.pi * np.arctan(z))
continuous("halflogistic", lambda z: -z - 2 * np.log1p(np.exp(-z)), lambda z: np.tanh(z / 2))
continuous(
    "rayleigh",
    lambda z: np.log(z) - z**2 / 2,
    lambda z: -np.expm1(-(z**2) / 2),
    log_sf=lambda z: -(z**2) / 2,
)
continuous("maxwell", lambda z: 2 * np.log(z) - z**2 / 2, lambda z: special.gammainc(1.5, z**2 / 2))
continuous(
    "levy", lambda z: -1.5 * np.log(z) - 1 / (2 * z), lambda z: special.erfc((2 * z) ** -0.5)
)
continuous("wald", lambda z: -1.5 * np.log(z) - (z - 1) ** 2 / (2 * z))
continuous("gamma", log_gamma_density, lambda z, a: special.gammainc(a, z))
continuous("erlang", log_gamma_density, lambda z, a: special.gammainc(a, z))
continuous(
    "chi2", lambda z, df: log_gamma_density(z / 2, df / 2), lambda z, df: special.chdtr(df, z)
)
continuous(
    "chi",
    lambda z, df: log_gamma_density(z**2 / 2, df / 2) + np.log(z),
    lambda z, df: special.gammainc(df / 2, z**2 / 2),
)
continuous(
    "invgamma",
    lambda z, a: -(a + 1) * np.log(z) - special.gammaln(a) - 1 / z,
    lambda z, a: special.gammaincc(a, 1 / z),
)
continuous("invgauss", lambda z, mu: -1.5 * np.log(z) - (z / mu - 1) ** 2 / (2 * z))
continuous("f", log_f_density, lambda z, n, d: special.fdtr(n, d, z))
continuous(
    "lognorm",
    lambda z, s: log_normal_density(np.log(z) / s) - np.log(s * z),
    lambda z, s: special.ndtr(np.log(z) / s),
)
continuous(
    "weibull_min",
    lambda z, c: np.log(c) + special.xlogy(c - 1, z) - z**c,
    lambda z, c: -np.expm1(-(z**c)),
    log_sf=lambda z, c: -(z**c),
)
continuous(
    "weibull_max",
    lambda z, c: np.log(c) + special.xlogy(c - 1, -z) - (-z) ** c,
    lambda z, c: np.exp(-((-z) ** c)),
)
continuous(
    "exponweib",
    lambda z, a, c: (
        np.log(a * c) + special.xlogy(a - 1, -np.expm1(-(z**c))) + special.xlogy(c - 1, z) - z**c
    ),
    lambda z, a, c: (-np.expm1(-(z**c))) ** a,
)
continuous(
    "pareto",
    lambda z, b: np.log(b) - (b + 1) * np.log(z),
    lambda z, b: -(z**-b),
    log_sf=lambda z, b: -b * np.log(z),
)
continuous("lomax", lambda z, c: np.log(c) - (c + 1) * np.log1p(z), lambda z, c: -((1 + z) ** -c))
continuous(
    "fisk",
    lambda z, c: np.log(c) + (c - 1) * np.log(z) - 2 * np.log1p(z**c),
    lambda z, c: special.expit(c * np.log(z)),
)
continuous(
    "burr12",
    lambda z, c, d: np.log(c * d) + special.xlogy(c - 1, z) - (d + 1) * np.log1p(z**c),
    lambda z, c, d: -((1 + z**c) ** -d),
)
continuous(
    "gompertz",
    lambda z, c: np.log(c) + z - c * np.expm1(z),
    lambda z, c: -np.expm1(-c * np.expm1(z)),
)
continuous(
    "nakagami",
    lambda z, nu: np.log(nu) + log_gamma_density(nu * z**2, nu) + np.log(z),
    lambda z, nu: special.gammainc(nu, nu * z**2),
)
continuous(
    "genpareto",
    lambda z, c: -(c + 1) * np.log1p(c * z) / c,
    lambda z, c: -((1 + c * z) ** (-1 / c)),
)
continuous(
    "genextreme",
    lambda z, c: (1 / c - 1) * np.log1p(-c * z) - (1 - c * z) ** (1 / c),
    lambda z, c: np.exp(-((1 - c * z) ** (1 / c))),
)

# -- on an interval --------------------------------------------------------------------------------
continuous("uniform", lambda z: 0.0 * z, lambda z: z)
continuous(
    "beta",
    lambda z, a, b: special.xlogy(a - 1, z) + special.xlog1py(b - 1, -z) - special.betaln(a, b),
    lambda z, a, b: special.betainc(a, b, z),
)
continuous("arcsine", lambda z: -np.log(z * (1 - z)) / 2, lambda z: 2 / np.pi * np.arcsin(z**0.5))
continuous("powerlaw", lambda z, a: np.log(a) + special.xlogy(a - 1, z), lambda z, a: z**a)
continuous("semicircular", lambda z: np.log1p(-(z**2)) / 2)
continuous(
    "triang",
    lambda z, c: np.where(z < c, np.log(z / c), np.log((1 - z) / (1 - c))),
    lambda z, c: np.where(z < c, z**2 / c, 1 - (1 - z) ** 2 / (1 - c)),
)
continuous(
    "truncexpon", lambda z, b: -z - np.log(-np.expm1(-b)), lambda z, b: np.expm1(-z) / np.expm1(-b)
)
continuous(
    "truncnorm",
    lambda z, a, b: log_normal_density(z) - np.log(special.ndtr(b) - special.ndtr(a)),
    lambda z, a, b: (special.ndtr(z) - special.ndtr(a)) / (special.ndtr(b) - special.ndtr(a)),
)
for _name in ("loguniform", "reciprocal"):
    continuous(
        _name,
        lambda z, a, b: -np.log(z) - np.log(np.log(b) - np.log(a)),
        lambda z, a, b: np.log(z / a) / np.log(b / a),
    )
continuous(
    "johnsonsb",
    lambda z, a, b: np.log(b) - np.log(z * (1 - z)) - (a + b * special.logit(z)) ** 2 / 2,
    lambda z, a, b: special.ndtr(a + b * special.logit(z)),
)

# -- counts ----------------------------------------------------------------------------------------
COUNT = "a count: the function has jumps there"


def discrete(name: str, *slopes: Formula | Missing, cdf: Formula | None = None) -> None:
    """The slope of the log-mass by each shape; ``cdf`` of the rounded count and the shapes."""
    distribution = getattr(stats, name)
    count = distribution.numargs

    def by(slope: Any, times: Callable[[Any, Any], Any]) -> Any:
        if isinstance(slope, Missing):
            return slope

        def partial(*arguments: Any, out: Any) -> Any:
            k, shapes, loc, _ = parted(arguments, count)
            return times(out, slope(scaled(k, loc, 1), *shapes))

        return partial

    loc = Missing("loc, a whole number")
    first = Missing(COUNT)
    of_log = [by(s, lambda out, v: np.where(np.isneginf(out), 0.0, v)) for s in slopes]
    of_mass = [by(s, lambda out, v: np.where(out == 0, 0.0, out * v)) for s in slopes]
    elementwise(distribution.logpmf, first, *of_log, loc)
    elementwise(distribution.pmf, first, *of_mass, loc)
    no_rule(distribution.ppf, distribution.isf, because="quantiles of counts are whole numbers")
    sums = (distribution.cdf, distribution.sf, distribution.logcdf, distribution.logsf)
    if cdf is None:
        no_rule(*sums, because="its distribution function has no closed derivative")
        return
    signs = (1, -1, 1, -1)
    for method, sign, logarithm in zip(sums, signs, (False, False, True, True), strict=True):

        @composed(method)
        def _(*arguments: Any, out: Any, sign: int = sign, logarithm: bool = logarithm) -> Any:
            k, shapes, loc, _ = parted(arguments, count)
            steps = scaled(k, loc, 1)
            steps = np.floor(steps) if isinstance(steps, Symbol) else float(math.floor(steps))
            total = sign * cdf(steps, *shapes)
            edges = (out == 0) | (np.isneginf(out) if logarithm else out == 1)
            return np.where(edges, 0.0, total * np.exp(-out) if logarithm else total)


discrete("bernoulli", lambda k, p: k / p - (1 - k) / (1 - p), cdf=lambda k, p: -p * (k < 1))
discrete("poisson", lambda k, mu: k / mu - 1, cdf=special.pdtr)
discrete("geom", lambda k, p: 1 / p - (k - 1) / (1 - p), cdf=lambda k, p: -((1 - p) ** k))
discrete(
    "binom",
    Missing("n, a whole number"),
    lambda k, n, p: k / p - (n - k) / (1 - p),
    cdf=lambda k, n, p: special.betainc(n - k, k + 1, 1 - p),
)
discrete(
    "nbinom",
    lambda k, n, p: special.digamma(k + n) - special.digamma(n) + np.log(p),
    lambda k, n, p: n / p - k / (1 - p),
    cdf=lambda k, n, p: special.betainc(n, k + 1, p),
)
discrete(
    "betabinom",
    Missing("n, a whole number"),
    lambda k, n, a, b: (
        special.digamma(a + k)
        - special.digamma(a)
        + special.digamma(a + b)
        - special.digamma(n + a + b)
    ),
    lambda k, n, a, b: (
        special.digamma(n - k + b)
        - special.digamma(b)
        + special.digamma(a + b)
        - special.digamma(n + a + b)
    ),
)
discrete("logser", lambda k, p: k / p + 1 / ((1 - p) * np.log1p(-p)))
discrete(
    "dlaplace",
    lambda k, a: 1 / np.sinh(a) - np.abs(k),
    cdf=lambda k, a: np.where(
        k >= 0, -np.exp(-a * (k + 1)) / (np.exp(-a) + 1), np.exp(a * k) / (1 + np.exp(-a))
    ),
)
