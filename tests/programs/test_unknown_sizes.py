"""Rules that need sizes, on arrays whose size depends on values: in every mode, at every depth."""

import numpy as np
import pytest

from tracer import (
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    settings,
    trace,
    value_and_grad,
    vjp,
    vmap,
)

FUNCTIONS = {
    "sort": lambda m: np.sort(m) ** 2 * np.linspace(1.0, 2.0, len(m)),
    "median": lambda m: np.median(m) ** 2,
    "std": lambda m: np.std(m) ** 3,
    "var": lambda m: np.var(m, ddof=1) ** 2,
    "percentile": lambda m: np.percentile(m, [20, 70]) ** 2,
    "convolve": lambda m: np.convolve(m, m**2),
    "correlate": lambda m: np.correlate(m, m**2),
    "fft": lambda m: np.abs(np.fft.fft(m)) ** 2 * np.cos(m),
    "rfft": lambda m: np.fft.irfft(np.fft.rfft(m) ** 2, len(m)) * m,
    "kron": lambda m: np.kron(m, m),
    "pad": lambda m: np.pad(m**2, 1, "reflect"),
    "cov": lambda m: np.cov(m, m**2) ** 2,
    "cumprod": lambda m: np.cumprod(m),
    "gradient": lambda m: np.gradient(m) ** 2,
    "polyfit": lambda m: np.polyfit(m, m**3, 1),
    "inv": lambda m: np.linalg.inv(np.diag(m) + 1),
    "reshape": lambda m: m.reshape(-1, 1) ** 2 @ m.reshape(1, -1),
    "tile": lambda m: np.tile(m, 2) ** 2,
    "split": lambda m: np.split(m, [1])[1] ** 2,
}
POINTS = np.array([[0.5, -1.0, 0.7, 1.4, 2.0], [0.9, 0.3, -0.7, 1.1, 2.5], [-0.9, 0.3, -0.7, 1, 2]])
DIRECTION = np.array([0.3, -0.2, 0.5, 0.1, 0.7])


@pytest.fixture(params=FUNCTIONS)
def total(request):
    function = FUNCTIONS[request.param]
    return lambda x: np.sum(function(x[x > 0]))


def slope(f, x, h=1e-5):
    return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))])


def curvature(f, x, h=1e-4):
    steps = h * np.eye(len(x))
    return np.array(
        [[f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b) for b in steps] for a in steps]
    ) / (4 * h * h)


def at_each_point(made, wanted, tolerance):
    for x in (*POINTS, POINTS[0]):
        np.testing.assert_allclose(made(x), wanted(x), rtol=tolerance, atol=tolerance)


FIRST = {
    "grad": lambda f: grad(f),
    "jacobian": lambda f: jacobian(f),
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    "elementwise_grad": lambda f: elementwise_grad(f),
    "grad in trace": lambda f: trace(lambda x: grad(f)(x)),
    "value_and_grad in trace": lambda f: trace(lambda x: value_and_grad(f)(x)[1]),
    "jacobian in trace": lambda f: trace(lambda x: jacobian(f)(x)),
    "vjp in trace": lambda f: trace(lambda x: vjp(f, x)[1](1.0)[0]),
}


@pytest.mark.parametrize("mode", FIRST)
def test_gradients(total, mode):
    at_each_point(FIRST[mode](total), lambda x: slope(total, x), 1e-4)


PUSHED = {
    "jvp": lambda f: lambda x: jvp(f, (x,), (DIRECTION,))[1],
    "linearize": lambda f: lambda x: linearize(f, x)[1](DIRECTION),
    "jvp in trace": lambda f: trace(lambda x: jvp(f, (x,), (DIRECTION,))[1]),
    "linearize in trace": lambda f: trace(lambda x: linearize(f, x)[1](DIRECTION)),
}


@pytest.mark.parametrize("mode", PUSHED)
def test_tangents(total, mode):
    at_each_point(PUSHED[mode](total), lambda x: slope(total, x) @ DIRECTION, 1e-4)


SECOND = {
    "hessian": lambda f: hessian(f),
    "hessian in trace": lambda f: trace(lambda x: hessian(f)(x)),
    "jacobian of grad": lambda f: jacobian(grad(f)),
    "grad of grad": lambda f: (
        lambda x: np.stack([grad(lambda y: grad(f)(y)[k])(x) for k in range(5)])
    ),
    "hvp": lambda f: lambda x: np.stack([hvp(f, (x,), (e,)) for e in np.eye(5)]),
}


@pytest.mark.parametrize("mode", SECOND)
def test_second_derivatives(total, mode):
    at_each_point(SECOND[mode](total), lambda x: curvature(total, x), 1e-2)


def test_mapped_over_rows(total):
    np.testing.assert_array_equal(vmap(total)(POINTS), [total(row) for row in POINTS])
    wanted = [slope(total, row) for row in POINTS]
    np.testing.assert_allclose(vmap(grad(total))(POINTS), wanted, rtol=1e-4, atol=1e-4)


def test_the_masked_array_itself_is_the_inner_argument(total):
    function = total.__closure__[0].cell_contents

    def outer(x):
        return np.sum(grad(lambda m: np.sum(function(m)))(x[x > 0]) ** 2)

    def plain(x):
        return np.sum(slope(lambda m: np.sum(function(m)), x[x > 0]) ** 2)

    at_each_point(trace(outer), plain, 1e-3)
    gradient = grad(outer)
    for x in POINTS:
        inner = curvature(lambda m: np.sum(function(m)), x[x > 0])
        wanted = np.zeros(5)
        wanted[x > 0] = 2 * inner @ grad(lambda m: np.sum(function(m)))(x[x > 0])
        np.testing.assert_allclose(gradient(x), wanted, rtol=2e-2, atol=2e-2)


def test_draws_of_an_inner_function_are_made_once():
    def noisy(x, rng):
        return np.median(x[x > 0]) * rng.normal()

    def outer(x, rng):
        return grad(noisy)(x, rng) + rng.normal()

    one, other = np.random.default_rng(3), np.random.default_rng(3)
    traced = trace(outer)
    for x in POINTS:
        picked = np.zeros(5)
        m = np.sort(x[x > 0])
        for value in m[1:3] if len(m) == 4 else m[1:2]:
            picked[x == value] = 1 / (2 if len(m) == 4 else 1)
        wanted = picked * other.normal() + other.normal()
        np.testing.assert_allclose(traced(x, one), wanted)
    assert one.bit_generator.state == other.bit_generator.state


# -- how long it is remembered that a signature needs sizes --------------------------------------
def median_of_positive(x):
    return np.sum(np.median(x[x > 0]))


def test_a_signature_that_needs_sizes_is_traced_twice_only_at_first(caplog):
    def f(x):
        return median_of_positive(x) * 3

    gradient = grad(f)
    for x, traces in zip((*POINTS, POINTS[0]), (2, 2, 3, 3), strict=True):
        with caplog.at_level("INFO", "tracer"):
            gradient(x)
        assert len(caplog.records) == traces, x  # two of the points have as many positive numbers


def test_an_error_of_another_cause_leaves_sizes_free():
    def f(x):
        return x[x > 0] * 2.0

    traced = trace(f)
    for _ in range(2):
        with pytest.raises(Exception, match="one number"):
            grad(traced)(POINTS[0])
    assert not traced.cache.sized
    for x in POINTS:
        np.testing.assert_array_equal(traced(x), f(x))
    assert len(next(iter(traced.cache.entries.values()))) == 1


def test_it_is_forgotten_together_with_the_programs():
    traced = trace(lambda x: median_of_positive(x))
    gradient = grad(traced)
    with settings.using(cache_size=8):
        for size in range(1, 40):
            gradient(np.ones(size))
    assert traced.cache.sized == set(traced.cache.entries)
    assert len(traced.cache.sized) == 8
