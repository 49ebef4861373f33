"""Derivatives inside of functions, loops and classes; of derivatives."""

import numpy as np

from tests.recording.agreement import same
from tracer import grad, hessian, jacobian, trace, value_and_grad

X = np.array([0.4, 0.9, -0.3])


# -- derivatives inside of functions --------------------------------------------------------------------
def numeric_gradient(function, x, h=1e-6):
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = h
        out[i] = (function(x + e) - function(x - e)) / (2 * h)
    return out


def energy(q, k=2.0):
    return k * np.sum(q**2) / 2 + np.sum(np.sin(q[1:] * q[:-1]))


def hamiltonian_step(q, p, dt=0.1):
    p = p - dt * grad(energy)(q)
    return q + dt * p, p


def test_gradient_inside_a_loop():
    def end(q):
        p = np.zeros_like(q)
        for _ in range(4):
            q, p = hamiltonian_step(q, p)
        return np.sum(q * p) + np.sum(p)

    same(trace(end)(X), end(X))
    np.testing.assert_allclose(grad(end)(X), numeric_gradient(end, X), rtol=1e-6)
    np.testing.assert_allclose(trace(grad(end))(X), grad(end)(X))


def test_gradient_descent_as_a_function():
    def tuned(rate):
        w = X.copy()
        for _ in range(5):
            value, slope = value_and_grad(energy)(w)
            w = w - rate * slope
        return energy(w)

    numeric = (tuned(0.1 + 1e-6) - tuned(0.1 - 1e-6)) / 2e-6
    np.testing.assert_allclose(grad(tuned)(0.1), numeric, rtol=1e-6)


def test_second_derivatives_agree():
    h = hessian(energy)(X)
    rows = np.array([grad(lambda q: grad(energy)(q)[i])(X) for i in range(3)])
    np.testing.assert_allclose(h, rows)
    np.testing.assert_allclose(h, jacobian(grad(energy))(X))
    step = np.array([numeric_gradient(lambda q: grad(energy)(q)[i], X) for i in range(3)])
    np.testing.assert_allclose(h, step, atol=1e-6)


def test_derivatives_of_derivatives_with_closures():
    def outer(a):
        def inner(b):
            return np.sin(a * b) * b

        def middle(c):
            return grad(inner)(c) * a

        return grad(middle)(0.7) + grad(lambda b: inner(b) ** 2)(a)

    h = 1e-6
    np.testing.assert_allclose(
        grad(outer)(0.4), (outer(0.4 + h) - outer(0.4 - h)) / (2 * h), rtol=1e-7
    )
    np.testing.assert_allclose(
        grad(grad(outer))(0.4), (grad(outer)(0.4 + h) - grad(outer)(0.4 - h)) / (2 * h), rtol=1e-7
    )


def test_perturbation_confusion():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0


def test_sixth_derivative():
    f = np.sin
    for _ in range(6):
        f = grad(f)
    np.testing.assert_allclose(f(0.3), -np.sin(0.3))


def test_gradients_with_branches_and_writes_inside():
    def inner(w, t):
        out = np.zeros(3)
        for i in range(3):
            out[i] = w[i] ** 2 * t if w[i] > 0 else -w[i]
        return out.sum()

    def outer(t):
        return np.sum(grad(inner)(X, t) ** 2)

    h = 1e-6
    np.testing.assert_allclose(
        grad(outer)(1.5), (outer(1.5 + h) - outer(1.5 - h)) / (2 * h), rtol=1e-7
    )


class Model:
    def __init__(self, w):
        self.w = w

    @trace
    def loss(self, x):
        return np.sum((self.w * x - 1) ** 2)

    def slope(self, x):
        return grad(self.loss)(x)

    def train(self, x):
        self.w = self.w - 0.1 * grad(lambda w: np.sum((w * x - 1) ** 2))(self.w)
        return self.w


def test_models_that_differentiate_themselves():
    model = Model(X.copy())
    for _ in range(3):
        expected = 2 * model.w * (model.w * X - 1)
        np.testing.assert_allclose(model.slope(X), expected)
        np.testing.assert_allclose(grad(model.loss)(X), expected)
        before = model.w
        np.testing.assert_allclose(model.train(X), before - 0.2 * X * (before * X - 1))
