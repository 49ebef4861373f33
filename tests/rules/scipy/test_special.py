"""scipy.special: every public name against differences of SciPy itself, or refused with a reason.

The points are a table (`special_points`); a new function is one entry there.
"""

import warnings

import numpy as np
import pytest

special = pytest.importorskip("scipy.special")

from tests.rules.scipy.special_points import FIRST_ORDER_ONLY, ROUGH, points  # noqa: E402
from tracer import grad, hvp, jvp, trace  # noqa: E402
from tracer.errors import MissingRule  # noqa: E402
from tracer.ops.registry import op_of  # noqa: E402
from tracer.rules.declare import rule_for  # noqa: E402

POINTS = list(points())
NAMES = [f"{name}-{'-'.join(map(str, arguments))}" for name, arguments, _ in POINTS]
LEFT_OUT = {"geterr", "seterr"}  # they set how errors are reported
UFUNCS = [
    name
    for name in special.__all__
    if isinstance(getattr(special, name), np.ufunc) and not name.startswith("obl_rad2")
]


@pytest.fixture(autouse=True)
def quietly():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def total(result):
    """One number from everything a function returns, each element with its own weight."""
    if isinstance(result, (tuple, list)):
        return sum(total(part) for part in result)
    weights = np.cos(np.arange(np.size(result))).reshape(np.shape(result)) + 0.3
    result = result * weights
    return np.sum(np.real(result)) + 0.7 * np.sum(np.imag(result))


def slope(function, x):
    """A central difference of fourth order."""
    h = 5e-4 * max(1, abs(x))
    values = [float(function(np.float64(x + k * h))) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)


@pytest.mark.parametrize(("name", "arguments", "refused"), POINTS, ids=NAMES)
def test_derivatives(name, arguments, refused):
    function = getattr(special, name)
    for k, value in enumerate(arguments):
        if not isinstance(value, float):
            continue

        def of_one(x, k=k):
            return total(function(*arguments[:k], x, *arguments[k + 1 :]))

        x = np.float64(value)
        if k in refused:
            for differentiate in (lambda: grad(of_one)(x), lambda: jvp(of_one, (x,), (x,))):
                with pytest.raises(MissingRule, match=r"because|:"):
                    differentiate()
            continue
        expected, close = slope(of_one, value), ROUGH.get(name, 1e-7)
        assert grad(of_one)(x) == pytest.approx(expected, rel=close, abs=close)
        pushed = jvp(of_one, (x,), (np.float64(1.0),))[1]
        assert pushed == pytest.approx(expected, rel=close, abs=close)
        if name not in FIRST_ORDER_ONLY:
            bend, close = slope(grad(of_one), value), 10 * close
            product = hvp(of_one, (x,), (np.float64(1.0),))
            assert product == pytest.approx(bend, rel=close, abs=close)


def test_every_public_name_has_a_rule_or_a_reason():
    for name in special.__all__:
        function = getattr(special, name)
        if name in LEFT_OUT or isinstance(function, type):
            continue
        rule = rule_for(op_of(function))
        assert rule is not None, name
        assert rule.pulls or rule.because, name


def test_every_function_of_numbers_has_a_point():
    tried = {op_of(getattr(special, name)) for name, _, _ in POINTS}
    assert {name for name in UFUNCS if op_of(getattr(special, name)) not in tried} == set()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("name", "arguments", "refused"), POINTS, ids=NAMES)
def test_values_are_scipys_own(name, arguments, refused, dtype):
    """To the bit, with its dtypes and shapes; the gradient has the argument's dtype."""
    function = getattr(special, name)
    moving = [k for k, v in enumerate(arguments) if isinstance(v, float)]
    if name in ("lqn", "lqmn") or (dtype == "f4" and refused):
        return  # of one number; and some of SciPy's iterations never end in single precision

    def call(*varied):
        filled = list(arguments)
        for k, x in zip(moving, varied, strict=True):
            filled[k] = x
        return function(*filled)

    varied = [np.full((2, 1), arguments[k], dtype) for k in moving]
    if moving:
        varied[-1] = np.repeat(varied[-1].T, 2, axis=0)
    expected, found = call(*varied), trace(call)(*varied)
    if not isinstance(expected, tuple):
        expected, found = (expected,), (found,)
    for e, f in zip(expected, found, strict=True):
        assert type(f) is type(e)
        assert f.dtype == e.dtype
        assert f.shape == e.shape
        assert np.array_equal(f, e, equal_nan=True)
    free = [n for n, k in enumerate(moving) if k not in refused]
    if free:
        gradient = grad(lambda *a: total(call(*a)), argnums=tuple(free))(*varied)
        assert [g.dtype for g in gradient] == [np.dtype(dtype)] * len(free)
        assert [g.shape for g in gradient] == [varied[n].shape for n in free]


ANALYTIC = """gamma loggamma rgamma erf erfc erfcx erfi dawsn wofz exp1 expi log1p expm1 ndtr
log_ndtr sici shichi fresnel airy wrightomega lambertw spence xlogy xlog1py""".split()


@pytest.mark.parametrize("name", ANALYTIC)
def test_analytic_functions_of_complex_numbers(name):
    """The derivative of a real function of a complex number, along both axes."""
    function, z = getattr(special, name), np.array([0.4 + 0.3j, 1.2 - 0.7j])
    extra = (np.array([0.8 + 0.1j, 0.5j + 1]),) if name.startswith("xlo") else ()
    h = 1e-5
    along = [
        (total(function(z + h * d, *extra)) - total(function(z - h * d, *extra))) / (2 * h)
        for d in (np.array([1, 0]), np.array([1j, 0]))
    ]
    gradient = grad(lambda w: total(function(w, *extra)))(z)[0]
    assert gradient.real == pytest.approx(along[0], rel=1e-6)
    assert -gradient.imag == pytest.approx(along[1], rel=1e-6)
    pushed = jvp(lambda w: total(function(w, *extra)), (z,), (np.array([1j, 0]),))[1]
    assert pushed == pytest.approx(along[1], rel=1e-6)


def test_lambert_and_its_branches():
    for k in (0, -1):
        x = np.float64(-0.2)
        expected = slope(lambda x, k=k: special.lambertw(x, k).real, x)
        assert grad(lambda x, k=k: special.lambertw(x, k).real)(x) == pytest.approx(expected)
    assert grad(lambda x: special.lambertw(x).real)(np.float64(0.0)) == 1.0


@pytest.mark.parametrize("name", ["jve", "yve", "ive"])
def test_scaled_functions_are_not_analytic(name):
    with pytest.raises(MissingRule, match="complex"):
        grad(lambda z: np.real(getattr(special, name)(1, z)))(0.3 + 0.2j)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_log_sum_exp(axis, keepdims):
    random = np.random.default_rng(3)
    a, b = random.normal(size=(3, 4)), random.uniform(0.5, 2, size=(3, 4))
    direction = random.normal(size=(3, 4))

    def plain(x):
        return total(special.logsumexp(x, axis=axis, keepdims=keepdims))

    def weighted(x, b):
        return total(special.logsumexp(x, axis=axis, b=b, keepdims=keepdims))

    def signed(x, b):
        return total(special.logsumexp(x, axis, b, keepdims, True))

    for function, given, at in (
        (plain, (), 0),
        (weighted, (b,), 0),
        (weighted, (b,), 1),
        (signed, (-b,), 0),
    ):
        primals = [a, *given]

        def moved(h, f=function, at=at, primals=primals):
            return f(*[p + h * direction if k == at else p for k, p in enumerate(primals)])

        expected = slope(moved, 0.0)
        gradient = grad(function, argnums=at)(*primals)
        assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_softmax(name, axis):
    random = np.random.default_rng(4)
    x, direction = random.normal(size=(3, 4)), random.normal(size=(3, 4))

    def function(x):
        return total(getattr(special, name)(x, axis=axis))

    expected = slope(lambda h: function(x + h * direction), 0.0)
    assert np.sum(grad(function)(x) * direction) == pytest.approx(expected, rel=1e-8)
    bend = slope(lambda h: np.sum(grad(function)(x + h * direction) * direction), 0.0)
    product = hvp(function, (x,), (direction,))
    assert np.sum(product * direction) == pytest.approx(bend, rel=1e-6)
    assert np.array_equal(trace(getattr(special, name))(x), getattr(special, name)(x))


def test_functions_that_share_code_are_told_apart():
    """SciPy decorates many functions with one wrapper, and polynomials share one type."""
    x = np.float64(0.7)
    for names in (("spherical_in", "spherical_kn"), ("legendre_p", "legendre_p_all")):
        for name in names:
            function = getattr(special, name)
            found = trace(lambda x, f=function: f(2, x))(x)
            assert np.array_equal(found, function(2, x))
