"""scipy.stats: each method of each distribution against differences, in x and every parameter."""

import warnings

import numpy as np
import pytest

stats = pytest.importorskip("scipy.stats")

from tracer import errors, grad, hvp, jvp, trace  # noqa: E402
from tracer.errors import MissingRule  # noqa: E402

# Shapes of each distribution; ``!`` marks one by which the distribution function has none.
CONTINUOUS = """norm | cauchy | laplace | logistic | gumbel_r | gumbel_l | hypsecant | moyal | t !4.3
skewnorm 1.3 | genlogistic 1.7 | johnsonsu .4 1.3 | loggamma !1.7 | expon | halfnorm | halfcauchy
halflogistic | rayleigh | maxwell | levy | gamma !2.3 | erlang !2. | chi2 !3.4 | chi !3.4
invgamma !2.3 | f !4.2 !3.1 | lognorm .7 | weibull_min 1.7 | exponweib 1.3 1.7 | lomax 2.1
fisk 1.9 | burr12 1.4 2.1 | gompertz .7 | nakagami !1.4 | genpareto .3 | genextreme .3 | pareto 2.1
weibull_max 1.7 | uniform | beta !2.3 !1.4 | arcsine | powerlaw 1.7 | triang .4 | truncexpon 2.1
truncnorm -.4 1.3 | loguniform .2 1.7 | reciprocal .2 1.7 | johnsonsb .4 1.3"""
DENSITY_ONLY = """gennorm 1.4 | vonmises 1.7 | exponnorm 1.4 | wald | invgauss 1.2 | semicircular"""
DISCRETE = """bernoulli .4 | poisson 2.3 | geom .4 | binom 5 .4 | nbinom 3.5 .4 | betabinom 5 1.4 2.3
logser .4 | dlaplace .8"""
NEGATIVE, LARGE = ("weibull_max",), ("pareto",)


def entries(table):
    for entry in table.replace("\n", "|").split("|"):
        name, *words = entry.split()
        refused = {k for k, word in enumerate(words) if word.startswith("!")}
        numbers = [word.lstrip("!") for word in words]
        yield name, [float(n) if "." in n else int(n) for n in numbers], refused


@pytest.fixture(autouse=True)
def quietly():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def slope(function, x):
    h = 2e-4 * max(1, abs(x))
    values = [float(function(np.float64(x + k * h))) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)


def check(method, arguments, fixed=(), refused=(), order=2):
    """One number at a time; the others stay."""
    for k, value in enumerate(arguments):
        if k in fixed or not isinstance(value, float):
            continue

        def of_one(x, k=k):
            return method(*arguments[:k], x, *arguments[k + 1 :])

        x = np.float64(value)
        if k in refused:
            with pytest.raises(MissingRule, match="scipy|special"):
                grad(of_one)(x)
            continue
        expected = slope(of_one, value)
        assert grad(of_one)(x) == pytest.approx(expected, rel=1e-6, abs=1e-7)
        assert jvp(of_one, (x,), (np.float64(1.0),))[1] == pytest.approx(
            expected, rel=1e-6, abs=1e-7
        )
        if order > 1:
            bend = slope(grad(of_one), value)
            product = hvp(of_one, (x,), (np.float64(1.0),))
            assert product == pytest.approx(bend, rel=1e-5, abs=1e-5)


def point(name):
    return -0.71 if name in NEGATIVE else 1.83 if name in LARGE else 0.63


@pytest.mark.parametrize("entry", list(entries(CONTINUOUS)), ids=lambda e: e[0])
@pytest.mark.parametrize("method", ["logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"])
def test_continuous(entry, method):
    name, shapes, refused = entry
    loc, scale = 0.05, 1.2
    x = 0.35 if method in ("ppf", "isf") else point(name) * scale + loc
    function = getattr(getattr(stats, name), method)
    refused = set() if method.endswith("pdf") else {k + 1 for k in refused}
    check(function, [x, *shapes, loc, scale], refused=refused)


@pytest.mark.parametrize("entry", list(entries(DENSITY_ONLY)), ids=lambda e: e[0])
@pytest.mark.parametrize("method", ["logpdf", "pdf"])
def test_densities(entry, method):
    name, shapes, _ = entry
    check(getattr(getattr(stats, name), method), [0.63, *shapes, 0.05, 1.2])


@pytest.mark.parametrize("entry", list(entries(DISCRETE)), ids=lambda e: e[0])
@pytest.mark.parametrize("method", ["logpmf", "pmf", "cdf", "sf", "logcdf", "logsf"])
def test_counts(entry, method):
    name, shapes, _ = entry
    function = getattr(getattr(stats, name), method)
    if "pmf" not in method and name in ("betabinom", "logser"):
        with pytest.raises(MissingRule, match="no closed derivative"):
            grad(lambda p: function(1, *shapes[:-1], p))(shapes[-1])
        return
    refused = {1} if name == "nbinom" and "pmf" not in method else set()
    one = 0 if name == "bernoulli" and "pmf" not in method else 1
    check(function, [one, *shapes], refused=refused)
    if name != "bernoulli":
        check(function, [2, *shapes], refused=refused)


def test_counts_have_no_derivative_by_the_count():
    for method in (stats.poisson.pmf, stats.poisson.logpmf, stats.poisson.ppf):
        with pytest.raises(MissingRule, match="count"):
            grad(lambda k, m=method: np.sum(m(k, 2.0)))(np.array([0.5, 1.0]))


X = np.linspace(-1.3, 2.1, 7)
SPELLINGS = {
    "keywords": lambda x, m, s: stats.norm.logpdf(x, loc=m, scale=s),
    "positions": lambda x, m, s: stats.norm.logpdf(x, m, s),
    "scale alone": lambda x, m, s: stats.norm.logpdf(x - m, scale=s),
    "frozen": lambda x, m, s: stats.norm(m, s).logpdf(x),
    "frozen by keyword": lambda x, m, s: stats.norm(scale=s, loc=m).logpdf(x),
    "a list": lambda x, m, s: stats.norm.logpdf([x[0], x[1], m], m, s),
    "a shape by keyword": lambda x, m, s: stats.gamma.logpdf(x**2, a=s, loc=m - 3),
    "x by keyword": lambda x, m, s: stats.norm.cdf(x=x, loc=m, scale=s),
    "outside": lambda x, m, s: stats.expon.pdf(x, m, s) + stats.gamma.cdf(x, 2.0, m, s),
    "arrays of parameters": lambda x, m, s: stats.norm.sf(x, m + x[:, None], s),
    "frozen outside": lambda x, m, s: PRIOR.logpdf(x * s + m) + OTHER.logpdf(x),
}
PRIOR, OTHER = stats.norm(0.3, 2.0), stats.norm(1.3, 0.5)


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings(spelling):
    m, s = np.float64(0.2), np.float64(1.4)
    expected, found = spelling(X, m, s), trace(spelling)(X, m, s)
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)
    weights = np.cos(np.arange(found.size)).reshape(found.shape)
    direction = np.sin(np.arange(7.0))

    def total(x, m, s):
        return np.sum(spelling(x, m, s) * weights)

    gradients = grad(total, argnums=(0, 1, 2))(X, m, s)
    pushed = np.sum(gradients[0] * direction) + 0.7 * gradients[1] - 0.3 * gradients[2]
    moved = slope(lambda h: total(X + h * direction, m + 0.7 * h, s - 0.3 * h), 0.0)
    assert pushed == pytest.approx(moved, rel=1e-7)
    assert all(np.all(np.isfinite(g)) for g in gradients)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "?"])
def test_dtypes(dtype):
    x = np.array([0, 1, 1], dtype)
    for method in (stats.norm.logpdf, stats.norm.cdf, stats.gamma(2.0).pdf, stats.poisson(2).pmf):
        found = trace(lambda x, f=method: f(x))(x)
        assert found.dtype == method(x).dtype
        assert np.array_equal(found, method(x))
    if dtype == "f4":
        assert grad(lambda x: np.sum(stats.norm.cdf(x)))(x).dtype == x.dtype


MEAN, ROOT = np.array([0.3, -0.4, 0.9]), np.array([[1.2, 0, 0], [0.3, 0.9, 0], [-0.2, 0.4, 1.1]])
POINTS = np.arange(12.0).reshape(4, 3) / 5 - 1
SHARES = np.array([[0.2, 0.3], [0.5, 0.1], [0.3, 0.6]])
SEVERAL = {
    "normal": (
        lambda x, m, c: stats.multivariate_normal.logpdf(x, m, c),
        POINTS,
        MEAN,
        ROOT @ ROOT.T,
    ),
    "one point": (
        lambda x, m, c: stats.multivariate_normal.logpdf(x, mean=m, cov=c),
        POINTS[0],
        MEAN,
        ROOT @ ROOT.T,
    ),
    "frozen": (lambda x, m, c: stats.multivariate_normal(m, c).pdf(x), POINTS, MEAN, ROOT @ ROOT.T),
    "frozen outside": (lambda x: NORMAL.logpdf(x), POINTS),
    "spherical": (lambda x, m: stats.multivariate_normal.logpdf(x, m), POINTS, MEAN),
    "diagonal": (
        lambda x, m, c: stats.multivariate_normal.logpdf(x, m, c),
        POINTS,
        MEAN,
        np.diag(ROOT) + 0,
    ),
    "one variable": (
        lambda x, m: stats.multivariate_normal.logpdf(x, mean=m),
        np.array([0.4, 0.2]),
        np.array(0.3),
    ),
    "student": (
        lambda x, m, c: stats.multivariate_t.logpdf(x, m, c, df=3.3),
        POINTS,
        MEAN,
        ROOT @ ROOT.T,
    ),
    "dirichlet": (lambda a: stats.dirichlet.logpdf(SHARES, a), np.array([1.3, 2.1, 0.8])),
    "dirichlet shares": (
        lambda x, a: stats.dirichlet.logpdf(x, a),
        SHARES[:2],
        np.array([1.3, 2.1, 0.8]),
    ),
    "dirichlet pdf": (
        lambda x, a: stats.dirichlet(a).pdf(x),
        SHARES[:2, 0],
        np.array([1.3, 2.1, 0.8]),
    ),
}
NORMAL = stats.multivariate_normal(MEAN, ROOT @ ROOT.T)


@pytest.mark.parametrize("call", SEVERAL.values(), ids=SEVERAL)
def test_several_variables(call):
    function, *primals = call
    expected, found = function(*primals), trace(function)(*primals)
    assert type(found) is type(expected)
    assert np.array_equal(found, expected)
    random = np.random.default_rng(3)
    directions = [random.normal(size=p.shape) for p in primals]
    directions = [d + d.T if d.shape == (3, 3) else d for d in directions]
    every = tuple(range(len(primals)))

    def total(*arguments):
        return np.sum(np.cos(np.arange(np.size(expected))) * function(*arguments))

    def along(h, f):
        return f(*[p + h * d for p, d in zip(primals, directions, strict=True)])

    def product(*arguments):
        gradients = grad(total, argnums=every)(*arguments)
        return sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))

    moved = slope(lambda h: along(h, total), 0.0)
    assert product(*primals) == pytest.approx(moved, rel=1e-7)
    pushed = jvp(total, tuple(primals), tuple(directions))[1]
    assert pushed == pytest.approx(moved, rel=1e-7)


def test_random_numbers_are_refused():
    with pytest.raises(errors.LeakError, match="random"):
        trace(lambda x: x + stats.norm.rvs(size=3))(np.ones(3))


def test_what_is_no_distribution_of_scipys_is_refused():
    class Own(stats.rv_continuous):
        def _pdf(self, x):
            return np.exp(-x)

    own = Own(name="own", a=0)
    with pytest.raises(MissingRule, match="Own.pdf"):
        trace(lambda x: own.pdf(x))(np.ones(2))


def test_the_methods_are_scipys_own_again_after_a_trace():
    before = dict(vars(stats.rv_continuous)), vars(stats)["norm"].logpdf
    grad(lambda x: stats.norm.logpdf(x))(0.3)
    assert dict(vars(stats.rv_continuous)) == before[0]
    assert stats.norm.logpdf == before[1]


@pytest.mark.parametrize("name", ["norm", "logistic"])
def test_far_tails(name):
    """Where the distribution function itself is zero, its logarithm still has a slope."""
    distribution = getattr(stats, name)
    for method, x in ((distribution.logcdf, -60.0), (distribution.logsf, 60.0)):
        assert grad(lambda x, f=method: f(x))(x) == pytest.approx(slope(method, x), rel=1e-7)


def test_outside_the_support_nothing_moves():
    x = np.array([-1.0, 0.5, 2.0])
    for method in (stats.uniform.pdf, stats.beta(2.0, 3.0).logpdf, stats.expon.logpdf):
        gradient = grad(lambda x, f=method: np.sum(np.where(np.isfinite(f(x)), f(x), 0)))(x)
        assert gradient[0] == 0
        assert np.all(np.isfinite(gradient))
    assert np.isnan(grad(lambda x: stats.gamma.logpdf(x, 2.0))(np.nan))


def central(function, x, step=1e-6):
    change = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        change[place] = (function(x + shift) - function(x - shift)) / (2 * step)
    return change


@pytest.mark.parametrize("shape", [(), (3,), (3, 3)], ids=str)
def test_entropy_of_several_normals(shape):
    rng = np.random.default_rng(2)
    cov = np.abs(rng.normal(size=shape)) + 1
    cov = cov @ cov.T + np.eye(3) if len(shape) == 2 else np.asarray(cov)

    def entropy(cov):
        return stats.multivariate_normal.entropy(np.zeros(3), (cov + cov.T) / 2)

    np.testing.assert_allclose(grad(entropy)(cov), central(entropy, cov), rtol=1e-6)


@pytest.mark.parametrize("name", ["pdf", "logpdf"])
def test_normals_on_a_plane(name):
    density = getattr(stats.multivariate_normal, name)
    rng = np.random.default_rng(5)
    basis = rng.normal(size=(4, 2))

    def on_the_plane(point, middle, spread):
        cov = basis @ (spread @ spread.T) @ basis.T
        return density(basis @ point, basis @ middle, cov, allow_singular=True)

    parts = [rng.normal(size=2), rng.normal(size=2), np.eye(2) + 0.2 * rng.normal(size=(2, 2))]
    for k, found in enumerate(grad(on_the_plane, argnums=(0, 1, 2))(*parts)):
        expected = central(lambda v, k=k: on_the_plane(*parts[:k], v, *parts[k + 1 :]), parts[k])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
