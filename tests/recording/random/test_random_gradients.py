"""Gradients of what is drawn: reparametrised, of algorithms that draw, inside traced functions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.recording.random.draws import MATRIX, X, arguments_of, state_of
from tracer import errors, grad, hessian, jacobian, jvp, linearize, trace, value_and_grad, vjp
from tracer.ops.random import parameters_of

pytestmark = pytest.mark.filterwarnings("ignore:This function is deprecated")


# -- gradients ---------------------------------------------------------------------------------
SLOPED = {
    "normal": ("loc", "scale"),
    "laplace": ("loc", "scale"),
    "logistic": ("loc", "scale"),
    "gumbel": ("loc", "scale"),
    "uniform": ("low", "high"),
    "exponential": ("scale",),
    "rayleigh": ("scale",),
    "gamma": ("scale",),
    "lognormal": ("mean", "sigma"),
    "weibull": ("a",),
    "power": ("a",),
    "pareto": ("a",),
    "vonmises": ("mu",),
    "triangular": ("left", "mode", "right"),
}


def slope(function, value, h=1e-6):
    return (function(value + h) - function(value - h)) / (2 * h)


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
@pytest.mark.parametrize("name", sorted(SLOPED))
def test_reparametrised_gradients(name, make):
    names = parameters_of(name)[0]
    for parameter in SLOPED[name]:
        place = names.index(parameter)
        given = [float(v) for v in arguments_of(name)]

        def f(value, rng, place=place, given=given):
            values = [*given[:place], value, *given[place + 1 :]]
            drawn = getattr(rng, name)(*values, size=(2, 3))
            return np.sum(np.sin(drawn)) + getattr(rng, name)(*values)

        got = grad(f)(given[place], make(3))
        expected = slope(lambda v: f(v, make(3)), given[place])
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8)
        _, tangent = jvp(lambda v: f(v, make(3)), (given[place],), (1.0,))
        np.testing.assert_allclose(tangent, expected, rtol=1e-6, atol=1e-8)


def test_gradients_of_broadcast_parameters():
    def f(loc, scale, rng):
        return np.sum(rng.normal(loc, scale, size=(5, 4)) ** 2)

    loc, scale = np.linspace(-1, 1, 4), np.full((5, 1), 0.7)
    value, (g_loc, g_scale) = value_and_grad(f, argnums=(0, 1))(
        loc, scale, np.random.default_rng(1)
    )
    assert value == f(loc, scale, np.random.default_rng(1))
    z = (np.random.default_rng(1).normal(loc, scale, size=(5, 4)) - loc) / scale
    np.testing.assert_allclose(g_loc, np.sum(2 * (loc + scale * z), axis=0))
    np.testing.assert_allclose(g_scale, np.sum(2 * (loc + scale * z) * z, axis=1, keepdims=True))


def test_second_derivative_through_a_draw():
    def f(scale):
        return np.random.default_rng(2).normal(1.0, scale) ** 3

    h = 1e-4
    expected = (f(0.8 + h) - 2 * f(0.8) + f(0.8 - h)) / h**2
    np.testing.assert_allclose(grad(grad(f))(0.8), expected, rtol=1e-5)


def test_dropout():
    def loss(w, x, rng):
        hidden = np.tanh(x @ w)
        keep = rng.random(hidden.shape) < 0.8
        return np.mean((hidden * keep / 0.8) ** 2)

    w, x = np.ones((3, 2)) / 3, MATRIX
    value, g = value_and_grad(loss)(w, x, np.random.default_rng(4))
    assert value == loss(w, x, np.random.default_rng(4))
    for k in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[k] = 1.0
        expected = slope(lambda t: loss(w + t * step, x, np.random.default_rng(4)), 0.0)
        np.testing.assert_allclose(g[k], expected, rtol=1e-5, atol=1e-9)


def test_minibatches():
    data = np.random.default_rng(0).normal(size=(20, 3))

    def loss(w, rng):
        batch = data[rng.permutation(len(data))[:5]]
        return np.sum((batch @ w) ** 2)

    ours, theirs = np.random.default_rng(1), np.random.default_rng(1)
    w = np.array([0.3, -0.2, 0.1])
    for _ in range(3):
        value, g = value_and_grad(loss)(w, ours)
        batch = data[theirs.permutation(20)[:5]]
        assert value == np.sum((batch @ w) ** 2)
        np.testing.assert_allclose(g, 2 * batch.T @ (batch @ w))
        w = w - 0.01 * g


def test_a_metropolis_step():
    def log_density(x):
        return -0.5 * np.sum(x**2)

    def step(x, width, rng):
        proposal = x + width * rng.normal(size=x.shape)
        if np.log(rng.random()) < log_density(proposal) - log_density(x):
            return proposal
        return x

    traced = trace(step)
    ours, theirs = np.random.default_rng(6), np.random.default_rng(6)
    a = b = X
    for _ in range(20):
        a, b = traced(a, 2.0, ours), step(b, 2.0, theirs)
        np.testing.assert_array_equal(a, b)
    g = grad(lambda w, rng: np.sum(step(X, w, rng)))(0.01, np.random.default_rng(0))
    np.testing.assert_allclose(g, np.random.default_rng(0).normal(size=4).sum())


def test_langevin_steps():
    def sample(x, size, rng):
        for _ in range(5):
            x = x - size * x + np.sqrt(2 * size) * rng.standard_normal(x.shape)
        return np.sum(x**2)

    got = grad(sample, argnums=1)(X, 0.1, np.random.default_rng(3))
    expected = slope(lambda s: sample(X, s, np.random.default_rng(3)), 0.1)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_pullbacks_keep_the_numbers_that_were_drawn():
    rng = np.random.default_rng(8)
    out, pullback = vjp(lambda x: x * rng.normal(size=4), X)
    noise = np.random.default_rng(8).normal(size=4)
    np.testing.assert_array_equal(out, X * noise)
    for _ in range(2):
        np.testing.assert_array_equal(pullback(np.ones(4))[0], noise)
    assert state_of(rng) == state_of(_after(8))


def _after(seed):
    rng = np.random.default_rng(seed)
    rng.normal(size=4)
    return rng


def test_gradients_inside_a_traced_function_draw_once():
    def f(x, rng):
        def inner(y):
            return np.sum(y**2 * rng.normal(size=4))

        return grad(inner)(x) + rng.random()

    ours, theirs = np.random.default_rng(2), np.random.default_rng(2)
    for _ in range(3):
        expected = 2 * X * theirs.normal(size=4) + theirs.random()
        np.testing.assert_allclose(trace(f)(X, ours), expected)
        assert state_of(ours) == state_of(theirs)

    def pulled(x, rng):
        out, pullback = vjp(lambda y: y * rng.normal(size=4), x)
        return out, pullback(np.ones(4))[0]

    def pushed(x, rng):
        out, linear = linearize(lambda y: np.sin(y) * rng.normal(size=4), x)
        return out, linear(np.ones(4)), linear(2 * np.ones(4))

    for out, once, twice in [trace(pushed)(X, ours)]:
        noise = theirs.normal(size=4)
        np.testing.assert_array_equal(out, np.sin(X) * noise)
        np.testing.assert_allclose(once, np.cos(X) * noise)
        np.testing.assert_allclose(twice, 2 * once)
        assert state_of(ours) == state_of(theirs)

    out, back = trace(pulled)(X, ours)
    noise = theirs.normal(size=4)
    np.testing.assert_array_equal(out, X * noise)
    np.testing.assert_array_equal(back, noise)
    assert state_of(ours) == state_of(theirs)


def test_the_global_stream_in_an_inner_function():
    def f(x):
        first = np.random.rand()
        return grad(lambda y: y * y * np.random.rand())(x) + first

    state = np.random.get_state()
    got = trace(f)(3.0)
    after = state_of(np.random.mtrand._rand)
    np.random.set_state(state)
    first = np.random.rand()
    assert got == 6.0 * np.random.rand() + first
    assert after == state_of(np.random.mtrand._rand)


def test_jacobians_use_one_set_of_numbers():
    def f(x, rng):
        return np.sin(x) * rng.normal(size=4) + rng.random()

    noise = np.random.default_rng(3).normal(size=4)
    theirs = np.random.default_rng(3)
    f(X, theirs)
    for mode in ("forward", "reverse", None):
        ours = np.random.default_rng(3)
        found = jacobian(f, mode=mode)(X, ours)
        np.testing.assert_allclose(found, np.diag(np.cos(X) * noise))
        assert state_of(ours) == state_of(theirs)
    ours = np.random.default_rng(3)
    found = hessian(lambda x: np.sum(f(x, ours)))(X)
    np.testing.assert_allclose(found, np.diag(-np.sin(X) * noise))
    assert state_of(ours) == state_of(theirs)
    ours = np.random.default_rng(3)
    out, linear = linearize(lambda x: f(x, ours), X)
    assert state_of(ours) == state_of(theirs)
    np.testing.assert_array_equal(out, f(X, np.random.default_rng(3)))
    np.testing.assert_allclose(linear(np.ones(4)), np.cos(X) * noise)


@pytest.mark.parametrize(
    "f",
    [
        lambda p, rng: 1.0 * rng.poisson(p),
        lambda p, rng: np.sum(1.0 * rng.binomial(5, p, size=3)),
        lambda p, rng: rng.standard_gamma(p),
        lambda p, rng: np.sum(rng.dirichlet(np.stack([p, p]))[0] ** 2),
        lambda p, rng: rng.beta(p, 1.0),
        lambda p, rng: np.sum(rng.multivariate_normal(np.zeros(2), np.eye(2) * p)),
    ],
)
def test_differentiating_through_other_parameters_is_refused(f):
    with pytest.raises(errors.MissingRule):
        grad(f)(0.5, np.random.default_rng(0))


def test_a_multivariate_mean_has_a_gradient():
    def f(mean, rng):
        return np.sum(rng.multivariate_normal(mean, np.eye(2), size=3) ** 2)

    mean = np.array([0.5, 1.5])
    got = grad(f)(mean, np.random.default_rng(1))
    expected = 2 * np.random.default_rng(1).multivariate_normal(mean, np.eye(2), size=3).sum(0)
    np.testing.assert_allclose(got, expected)
