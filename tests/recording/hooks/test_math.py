"""`math`, `cmath` and builtins in traced functions: Python's bits, and gradients."""

from __future__ import annotations

import cmath
import decimal
import fractions
import itertools
import math
import operator
import statistics
from functools import reduce
from math import exp as exponential
from math import hypot, sin

import numpy as np
import pytest

from tracer import errors, grad, jvp, trace, value_and_grad, vjp
from tracer.graph.check import check
from tracer.ops.infer import infer

KINDS = [float, np.float64, np.float32, np.float16, np.longdouble]


def same(got, expected):
    assert type(got) is type(expected), (type(got), type(expected))
    if isinstance(expected, (list, tuple)):
        for one, other in zip(got, expected, strict=True):
            same(one, other)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(got, expected)
    else:
        assert got == expected or (got != got and expected != expected)


def agree(function, *arguments):
    """Value and type of the first call, of the compiled one, and the recorded specs."""
    traced = trace(function)
    for _ in range(2):
        same(traced(*arguments), function(*arguments))
    check(traced.graph(*arguments, mode="forward"), infer=infer)


def slope(function, x, h=1e-6):
    return (function(x + h) - function(x - h)) / (2 * h)


ONE = {
    "acos": 0.3,
    "acosh": 1.7,
    "asin": 0.3,
    "asinh": 0.4,
    "atan": 0.5,
    "atanh": 0.3,
    "cbrt": 0.7,
    "cos": 0.6,
    "cosh": 0.6,
    "degrees": 0.6,
    "erf": 0.4,
    "erfc": 0.4,
    "exp": 0.3,
    "exp2": 0.3,
    "expm1": 0.3,
    "fabs": -0.4,
    "gamma": 2.3,
    "lgamma": 1.4,
    "log": 1.9,
    "log10": 1.9,
    "log1p": 0.9,
    "log2": 1.9,
    "radians": 40.0,
    "sin": 0.6,
    "sinh": 0.6,
    "sqrt": 1.3,
    "tan": 0.6,
    "tanh": 0.6,
}


@pytest.mark.parametrize("name", sorted(ONE))
def test_functions_of_one_number(name):
    function = getattr(math, name, None)
    if function is None:
        pytest.skip(f"math.{name} is of a later Python")
    x = ONE[name]
    for kind in KINDS:
        agree(lambda v: getattr(math, name)(v) * 2.0, kind(x))
    agree(lambda v: function(v), np.array(x))
    np.testing.assert_allclose(grad(function)(x), slope(function, x), rtol=1e-7)
    np.testing.assert_allclose(grad(grad(function))(x), slope(grad(function), x), rtol=1e-6)
    assert grad(function)(np.float32(x)).dtype == np.float32
    _, tangent = jvp(function, (x,), (1.0,))
    np.testing.assert_allclose(tangent, grad(function)(x))


@pytest.mark.parametrize("x", [0.05, 0.5, 1.0, 2.0, 7.5, 30.0, -0.3, -1.5, -2.7])
def test_gamma_functions_everywhere(x):
    special = pytest.importorskip("scipy.special")
    np.testing.assert_allclose(grad(math.lgamma)(x), special.digamma(x), rtol=1e-11)
    np.testing.assert_allclose(
        grad(math.gamma)(x), special.digamma(x) * special.gamma(x), rtol=1e-11
    )
    np.testing.assert_allclose(grad(grad(math.lgamma))(x), special.polygamma(1, x), rtol=1e-9)
    third = grad(grad(grad(math.lgamma)))(x)
    if x > 0:
        np.testing.assert_allclose(third, special.polygamma(2, x), rtol=1e-8)


TWO = [
    (math.atan2, 0.3, -0.7),
    (math.copysign, 0.3, -2.0),
    (math.fmod, 5.3, 2.1),
    (math.hypot, 0.4, -0.9),
    (math.log, 3.0, 2.5),
    (math.pow, 1.3, 2.7),
    (math.remainder, 5.3, 2.1),
    (lambda a, b: math.hypot(a, 2.0, b), 0.2, 0.7),
    (lambda a, b: math.dist((a, 1.0), [2.0, b]), 0.2, 0.7),
    (lambda a, b: math.fsum([a, b * a, 3.0]), 0.2, 0.7),
    (lambda a, b: math.fsum(v * b for v in (a, 2.0, a)), 0.2, 0.7),
    (lambda a, b: math.prod((a, 2, b), start=3.0), 0.2, 0.7),
    (lambda a, b: math.prod([a, 0.0, b]) + math.prod([]), 0.2, 0.7),
    (lambda a, b: math.ldexp(a, 3) + math.modf(b)[0] + math.frexp(a)[0] * b, 0.2, 1.7),
    (lambda a, b: sum([a, b, 2], start=1.0) + sum((a, b)) + sum(v for v in [a, b]), 0.2, 0.7),
    (lambda a, b: max(a, b) * min([a, b, 0.5]) + max(a * b, 0.1), 0.2, 0.7),
    (lambda a, b: abs(-a) + pow(a, b) + divmod(b, a)[1], 0.2, 0.7),
    (lambda a, b: float(a) * b + complex(a, b).imag + complex(a).real, 0.2, 0.7),
    (lambda a, b: round(a, 1) + round(b) + a, 0.23, 0.7),
    (lambda a, b: math.floor(a) + math.ceil(b) * a + math.trunc(b), 1.2, 2.7),
    (lambda a, b: reduce(operator.mul, [a, b, a]), 0.2, 0.7),
    (lambda a, b: [sin, math.cos][1](a) + sum(map(math.exp, [a, b])), 0.2, 0.7),
    (lambda a, b: exponential(a) + sin(b), 0.2, 0.7),
    (lambda a, b: sum(itertools.accumulate([a, b, a])), 0.2, 0.7),
]


@pytest.mark.parametrize(("f", "a", "b"), TWO)
def test_functions_of_two_numbers(f, a, b):
    agree(f, a, b)
    agree(f, np.float64(a), np.float64(b))
    agree(f, np.float32(a), b)
    ga, gb = grad(f, argnums=(0, 1))(a, b)
    np.testing.assert_allclose(ga, slope(lambda t: f(t, b), a), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(gb, slope(lambda t: f(a, t), b), rtol=1e-6, atol=1e-9)


def test_vectors():
    x = np.array([0.3, -0.8, 1.7])
    for f in (
        math.fsum,
        math.prod,
        sum,
        max,
        min,
        lambda v: math.hypot(*v),
        lambda v: math.dist(v, [1.0, 2.0, 3.0]),
        lambda v: sum(v, 1.0),
        lambda v: sum(v[1:]),
        lambda v: max(v[0], v[1]),
        lambda v: sum(math.sin(t) for t in v),
        lambda v: np.sum(np.array([math.exp(t) for t in v])),
        lambda v: sum(t * k for k, t in enumerate(v)),
        lambda v: sum(a * b for a, b in zip(v, v)),
        lambda v: list(reversed(v))[0] * 2,
        lambda v: sum(v.tolist()),
        lambda v: v[int(v[2])],
        lambda v: sum(v[k] for k in range(int(np.floor(v[2])) + 1)),
    ):
        agree(f, x)
        g = grad(f)(x)
        for k in range(3):
            step = np.eye(3)[k]
            expected = slope(lambda t: f(x + t * step), 0.0)
            np.testing.assert_allclose(g[k], expected, rtol=1e-6, atol=1e-9)
    agree(lambda v: sum(v), np.arange(6.0).reshape(3, 2))
    agree(lambda v: sum([v, 2 * v]), x)
    np.testing.assert_array_equal(grad(lambda v: np.sum(sum(v)))(np.ones((3, 2))), np.ones((3, 2)))
    with pytest.raises(TypeError):
        trace(lambda v: math.sin(v))(x)


def test_integers_and_truth_values():
    agree(
        lambda n: math.comb(n, 2) + math.factorial(n) + math.gcd(n, 4) + math.isqrt(n), np.int64(6)
    )
    agree(lambda n: pow(n, 3) + math.lcm(n, 4) + math.perm(n, 2), np.int64(5))
    agree(lambda x: x * pow(math.floor(x), 3, 7), 5.5)
    agree(lambda x: math.isnan(x) + math.isfinite(x) * 2.0 + math.isclose(x, 1.0), 1.0)
    agree(lambda x: x if math.isinf(x) else 2 * x, 1.0)
    agree(lambda x: [x * k for k in range(math.floor(x))], 3.7)

    names = {1: 2.0, 2: 3.0, -4: 5.0}

    def keyed(x):
        return x * names[math.floor(x)] + names.get(int(x) + 1, 0.0)

    traced = trace(keyed)
    for x in (1.5, 2.5, 1.25, -3.5):
        same(traced(x), keyed(x))

    def f(x):
        return x * math.floor(x) if not math.isnan(x) else 0.0

    traced = trace(f)
    for x in (1.5, 2.5, float("nan"), -3.5):
        same(traced(x), f(x))


def test_branches_and_exceptions():
    def f(x):
        try:
            return math.sqrt(x)
        except ValueError:
            return -math.sqrt(-x)

    traced = trace(f)
    for x in (4.0, -4.0, 9.0, -9.0):
        assert traced(x) == f(x)
    with pytest.raises(ValueError, match="domain|expected"):
        trace(math.log)(-1.0)
    with pytest.raises(OverflowError):
        trace(math.exp)(1e6)
    with pytest.raises(ZeroDivisionError):
        trace(lambda x: math.log(2.0, x))(1.0)


def test_extremes_of_mixed_kinds_branch():
    def relu(x):
        return max(0.0, x.sum()) + min(x[0], 1)

    traced = trace(relu)
    for x in (np.ones(2), -np.ones(2), np.array([3.0, 1.0])):
        same(traced(x), relu(x))
        np.testing.assert_array_equal(
            grad(relu)(x), (x.sum() > 0) * np.ones(2) + np.array([float(x[0] <= 1), 0.0])
        )
    assert grad(lambda a: max(a, a * 1))(2.0) == 1.0  # the first of equal ones


def test_rounding_of_python_numbers_is_python_s():
    x = 2.675
    agree(lambda v: round(v, 2), x)
    agree(lambda v: round(v, 2), np.float64(x))
    agree(lambda v: (round(v), round(v, -1), round(v, ndigits=1)), 17.5)
    same(trace(lambda v: round(v.item(), 2))(np.float64(x)), round(x, 2))
    with pytest.raises(TypeError):
        trace(lambda v: round(v))(np.ones(2))


def test_complex_numbers():
    def f(z):
        w = cmath.exp(z) * cmath.sin(z) + cmath.sqrt(z) - cmath.log(z)
        return w + cmath.rect(2.0, 0.5)

    z = 0.4 + 0.7j
    agree(f, z)
    agree(lambda z: cmath.polar(z), z)
    agree(lambda z: cmath.phase(z) + abs(z), z)
    out, pullback = vjp(f, z)
    h = 1e-6
    expected = (f(z + h) - f(z - h)) / (2 * h)
    np.testing.assert_allclose(pullback(np.complex128(1.0))[0], expected, rtol=1e-7)
    np.testing.assert_allclose(
        grad(lambda a: cmath.phase(complex(a, 0.5)))(0.3),
        slope(lambda a: cmath.phase(complex(a, 0.5)), 0.3),
        rtol=1e-7,
    )


@pytest.mark.parametrize(
    "f",
    [
        lambda x: statistics.mean([x, 2 * x]),
        lambda x: statistics.stdev([x, 2 * x, 0.0]),
        lambda x: float(fractions.Fraction(x)),
        lambda x: decimal.Decimal(x),
    ],
)
def test_exact_arithmetic_is_refused(f):
    with pytest.raises(errors.LeakError, match="NumPy"):
        trace(f)(0.5)


def test_functions_that_are_handed_on():
    x = np.array([0.3, 2.0, 0.5])
    agree(lambda v: list(map(float, v)), x)
    agree(lambda v: list(map(sin, v)), x)
    agree(lambda v: reduce(hypot, v), x)
    agree(lambda v: list(itertools.starmap(hypot, [(v[0], v[1]), (v[1], 1.0)])), x)
    agree(lambda v: np.zeros(2, float) + sum(map(exponential, v)), x)
    agree(lambda v: max(v, key=sin), x)
    np.testing.assert_allclose(grad(lambda v: reduce(hypot, v))(x), x / np.sqrt(np.sum(x**2)))


def test_builtins_as_traced_functions():
    x = np.array([0.3, 2.0, -0.5])
    for f in (sum, max, min, abs, sorted, list, len, math.fsum, math.prod):
        agree(f, x)
    for f in (float, complex, abs, round, math.exp):
        agree(f, 0.5)
        agree(f, np.float32(0.5))
    assert grad(float)(np.float32(2.0)) == 1.0
    np.testing.assert_array_equal(grad(max)(x), [0.0, 1.0, 0.0])
    assert grad(pow)(2.0, 3.0) == 12.0


def test_plain_numbers_are_left_alone():
    def f(x):
        return x * math.sin(0.5) + sum([1, 2]) + max(3, 4) + statistics.mean([1, 2])

    agree(f, 2.0)
    assert math.sin is not None and type(math.sin).__name__ == "builtin_function_or_method"


def test_generated_code_imports_math(tmp_path):
    def loss(x):
        return math.sin(x[0]) * sum(x) + max(x)

    x = np.array([0.2, 0.5, -0.1])
    source = trace(loss).source(x)
    assert source.index("import math") < source.index("import numpy")
    scope: dict = {}
    exec(compile(source, "generated", "exec"), scope)
    value, g = scope["value_and_grad"](x)
    assert value == loss(x)
    np.testing.assert_array_equal(g, value_and_grad(loss)(x)[1])
