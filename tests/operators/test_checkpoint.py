"""checkpoint: the same values and derivatives, with fewer residuals."""

import numpy as np
import pytest

from tracer import (
    Tensor,
    checkpoint,
    cond,
    custom_vjp,
    grad,
    hessian,
    jacobian,
    jvp,
    trace,
    vjp,
    vmap,
)
from tracer.function.inspection import specialization_of
from tracer.function.traced import as_traced

W = np.eye(3) / 2 + 0.1
X = np.arange(6.0).reshape(2, 3) / 5


def layer(x, w):
    return np.tanh(np.tanh(np.sin(x @ w)) @ w)


marked = checkpoint(layer)


def deep(step):
    def f(w):
        x = X
        for _ in range(4):
            x = step(x, w)
        return np.sum(x)

    return f


def residuals(f, *args):
    specialization, _ = specialization_of(as_traced(f), args, {})
    return specialization.partition((0,)).residuals


def test_residuals_shrink_to_the_inputs_of_each_part():
    plain, kept = residuals(deep(layer), W), residuals(deep(marked), W)
    assert len(plain) >= 4 * 3
    # W, the captured X, and what each part but the last hands on.
    assert len(kept) == 2 + 3


def test_backward_program_computes_again():
    source = trace(deep(marked)).source(W)
    code = [line for line in source.splitlines() if not line.strip().startswith("#")]
    forward, backward = "\n".join(code).split("def backward")
    assert forward.count("np.sin(") == 4 and backward.count("np.sin(") == 4
    assert "recompute" not in source
    scope = {}
    exec(source, scope)
    value, gradient = scope["value_and_grad"](W)
    assert value == pytest.approx(deep(layer)(W))
    np.testing.assert_allclose(gradient, grad(deep(layer))(W))


@pytest.mark.parametrize("transform", [grad, hessian, jacobian, lambda f: trace(f)])
def test_same_results(transform):
    np.testing.assert_allclose(
        transform(deep(marked))(W), transform(deep(layer))(W), rtol=1e-12, atol=1e-13
    )


def test_other_transforms():
    batch = np.stack([X, X + 1, -X])
    per_example = lambda f: vmap(grad(lambda w, x: np.sum(f(x, w))), (None, 0))(W, batch)
    np.testing.assert_allclose(per_example(marked), per_example(layer))
    through = lambda f: grad(lambda w: np.sum(vmap(f, (0, None))(batch, w) ** 2))(W)
    np.testing.assert_allclose(through(marked), through(layer))
    mapped = residuals(lambda w: np.sum(vmap(marked, (0, None))(batch, w)), W)
    assert len(mapped) == 2
    for one, other in zip(jvp(marked, (X, W), (X, W)), jvp(layer, (X, W), (X, W))):
        np.testing.assert_allclose(one, other)
    np.testing.assert_allclose(vjp(marked, X, W)[1](X)[1], vjp(layer, X, W)[1](X)[1])
    np.testing.assert_array_equal(marked(X, W), layer(X, W))
    np.testing.assert_array_equal(trace(marked)(X, W), layer(X, W))
    third = lambda f: jacobian(hessian(lambda s: np.sum(f(X * s, W))))(0.5)
    np.testing.assert_allclose(third(marked), third(layer))


def test_nested():
    inner = checkpoint(lambda x: np.tanh(x @ W))
    outer = checkpoint(lambda x: inner(inner(x)) + 1)
    plain = lambda x: np.tanh(np.tanh(x @ W) @ W) + 1
    total = lambda f: lambda x: np.sum(f(f(x)))
    np.testing.assert_allclose(grad(total(outer))(X), grad(total(plain))(X))
    np.testing.assert_allclose(hessian(total(outer))(X), hessian(total(plain))(X), atol=1e-14)
    assert len(residuals(total(outer), X)) < len(residuals(total(plain), X))


def test_trees_branches_and_keywords():
    @checkpoint
    def f(p, *, scale=1.0, flip=False):
        y = p["x"] * scale if np.sum(p["x"]) > 0 else p["x"] ** 2
        return {"y": -y if flip else y, "n": 3, "parts": (np.sin(y), p["k"])}

    plain = f.__wrapped__
    p = {"x": X, "k": np.arange(3)}
    total = lambda g, sign: (
        lambda p: np.sum(g(p, scale=2.0, flip=True)["y"] * sign) + np.sum(g(p)["parts"][0])
    )
    for x in (X, -X):
        at = lambda g: grad(lambda x: total(g, 1.5)({"x": x, "k": np.arange(3)}))(x)
        np.testing.assert_allclose(at(f), at(plain))
    assert trace(f)(p)["n"] == 3
    np.testing.assert_array_equal(trace(f)(p)["parts"][1], np.arange(3))


def test_what_it_reads_outside():
    scale = 2.0
    f = checkpoint(lambda x: np.sum(np.sin(x) * scale))
    np.testing.assert_allclose(grad(f)(X), 2 * np.cos(X))
    scale = 3.0
    np.testing.assert_allclose(grad(f)(X), 3 * np.cos(X))
    slope = grad(lambda s: grad(lambda y: np.sum(checkpoint(lambda z: z * s)(np.sin(y))))(X).sum())
    np.testing.assert_allclose(slope(1.0), np.cos(X).sum())

    class Model:
        w = W

        @checkpoint
        def layer(self, x):
            return np.tanh(x @ self.w)

    np.testing.assert_allclose(
        grad(lambda x: np.sum(Model().layer(x)))(X), grad(lambda x: np.sum(np.tanh(x @ W)))(X)
    )


def test_what_cannot_be_one_node_runs_as_it_is():
    @checkpoint
    def masked(x):
        return x[x > 0.3] ** 2

    np.testing.assert_allclose(grad(lambda x: np.sum(masked(x)))(X), np.where(X > 0.3, 2 * X, 0))

    @checkpoint
    def writes(x):
        x *= 2
        return np.sum(x**2)

    np.testing.assert_allclose(grad(lambda x: writes(x * 1.0))(X), 8 * X)

    @checkpoint
    def raises(a):
        try:
            return np.sum(np.linalg.inv(a))
        except np.linalg.LinAlgError:
            return np.sum(a)

    np.testing.assert_array_equal(grad(raises)(np.zeros((2, 2))), np.ones((2, 2)))
    draw = checkpoint(lambda x, rng: np.sum(x * rng.normal(size=3)))
    np.testing.assert_array_equal(
        grad(draw)(X, np.random.default_rng(1)),
        np.broadcast_to(np.random.default_rng(1).normal(size=3), (2, 3)),
    )


def test_custom_rules_and_branches_inside():
    @custom_vjp
    def square(x):
        return x**2

    square.defvjp(lambda x: (x**2, x), lambda x, ct: (10 * x * ct,))
    np.testing.assert_allclose(grad(lambda x: np.sum(checkpoint(square)(x)))(X), 10 * X)
    f = checkpoint(lambda x: cond(np.sum(x) > 0, np.sin, np.cos, x))
    np.testing.assert_allclose(grad(lambda x: np.sum(f(x)))(X), np.cos(X))
    np.testing.assert_allclose(grad(lambda x: np.sum(f(x)))(-X), -np.sin(-X))


def test_eager():
    w = Tensor(W)
    total = np.sum(marked(X, w))
    total.backward()
    np.testing.assert_allclose(w.grad, grad(lambda w: np.sum(layer(X, w)))(W))
    np.testing.assert_array_equal(np.asarray(total), np.sum(layer(X, W)))
