"""Jacobians, Hessians and their products: against differences, against each other, on trees."""

import numpy as np
import pytest

from tracer import (
    checkpoint,
    elementwise_grad,
    errors,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    trace,
    vjp,
    vmap,
)
from tracer.function.inspection import specialization_of
from tracer.function.traced import as_traced
from tracer.graph.check import check

DRAW = np.random.default_rng(11)
X = np.array([0.3, -0.7, 1.2])
A = DRAW.normal(size=(2, 3))
M = DRAW.normal(size=(2, 3))
S = DRAW.normal(size=(3, 3)) + 3 * np.eye(3)


def differences(f, x, step=1e-6):
    """The Jacobian by central differences, of shape ``out.shape + in.shape``."""
    x = np.asarray(x, dtype=np.float64)
    columns = []
    for place in np.ndindex(x.shape):
        there, back = x.copy(), x.copy()
        there[place] += step
        back[place] -= step
        columns.append((np.asarray(f(there[()])) - np.asarray(f(back[()]))) / (2 * step))
    out = np.shape(f(x[()]))
    return np.stack(columns, axis=-1).reshape((*out, *x.shape)) if columns else np.zeros((*out, 0))


FUNCTIONS = {
    "affine": (lambda x: A @ x + 1, X),
    "squash": (lambda x: np.tanh(A @ x), X),
    "number": (lambda x: np.sum(x**3), X),
    "of a number": (lambda s: X * s**2, 2.0),
    "number of a number": (lambda s: np.exp(s) * s, 0.4),
    "outer": (lambda x: np.outer(x, x), X),
    "matrix": (lambda m: m @ m.T, M),
    "matrix to vector": (lambda m: np.sin(m).sum(1), M),
    "vector to matrix": (lambda x: A * x, X),
    "inverse": (np.linalg.inv, S),
    "solve": (lambda a: np.linalg.solve(a, X), S),
    "determinant": (np.linalg.det, S),
    "cumulative": (lambda x: np.cumsum(x**2) * np.cumprod(x), X),
    "sorted": (lambda x: np.sort(x)[::-1] ** 2, X),
    "gathered": (lambda x: x[np.array([2, 0, 2, 1])] ** 2, X),
    "written": (lambda x: _written(x), X),
    "concatenated": (lambda x: np.concatenate([x, x[:1] * x[1:], [1.0]]), X),
    "branch": (lambda x: x**2 if x.sum() > 0 else x, X),
    "loop": (lambda x: _power(x, 3), X),
    "masked": (lambda x: x[x > 0] ** 2, X),
    "masked sum": (lambda x: np.sum(x[x > 0] ** 2), X),
    "where": (lambda x: np.where(x > 0, np.sqrt(np.abs(x)), x**2), X),
    "einsum": (lambda m: np.einsum("ij,kj->ik", m, m), M),
    "fft": (lambda x: np.abs(np.fft.fft(x)) ** 2, X),
    "constant": (lambda x: A * 2, X),
    "itself": (lambda x: x, X),
    "part": (lambda x: x[1:], X),
    "empty": (lambda x: x[:0] * 2, X),
    "of nothing": (lambda x: x * 2, X[:0]),
    "checkpoint": (checkpoint(lambda x: np.tanh(A @ x)), X),
}


def _written(x):
    out = np.zeros((2, 3))
    out[0] = x**2
    out[1, 1:] = x[:2] * x[2]
    out[out > 1] = 0.5
    return out


def _power(x, n):
    out = np.ones_like(x)
    for _ in range(n):
        out = out * x
    return out


@pytest.mark.parametrize("mode", [None, "reverse", "forward"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(name, mode):
    f, x = FUNCTIONS[name]
    found = jacobian(f, mode=mode)(x)
    want = differences(f, x)
    assert np.shape(found) == np.shape(f(x)) + np.shape(x)
    assert np.asarray(found).dtype == np.float64
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_modes_agree_and_graphs_hold_their_invariants(name):
    f, x = FUNCTIONS[name]
    np.testing.assert_allclose(
        jacobian(f, mode="reverse")(x), jacobian(f, mode="forward")(x), rtol=1e-10, atol=1e-12
    )
    specialization, _ = specialization_of(as_traced(f), (x,), {})
    for kind in ("jacobian_reverse", "jacobian_forward"):
        if kind == "jacobian_forward" or specialization.trace.graph.outputs[0].specs[0].is_static:
            check(specialization.graph(kind, (0,)), after=kind)


SCALAR = {
    "cubes": (lambda x: np.sum(x**3), X),
    "coupled": (lambda x: np.sum(np.sin(A @ x)) * np.prod(x), X),
    "matrix": (lambda m: np.sum(np.linalg.inv(m)), S),
    "number": (lambda s: np.exp(s) * s**2, 0.3),
    "branch": (lambda x: x @ x if x[0] > 0 else np.sum(x), X),
    "masked": (lambda x: np.sum(x[x > 0] ** 3), X),
    "mapped": (lambda m: np.sum(vmap(lambda row: np.prod(row) * row @ row)(m)), M),
    "checkpoint": (lambda x: np.sum(checkpoint(np.tanh)(A @ x) ** 2), X),
    "linear": (lambda x: np.sum(x), X),
    "constant": (lambda x: 3.0, X),
}


@pytest.mark.parametrize("name", SCALAR)
def test_hessian_and_products(name):
    f, x = SCALAR[name]
    want = differences(lambda y: grad(f)(y), x) if name != "constant" else np.zeros((3, 3))
    found = hessian(f)(x)
    assert np.shape(found) == np.shape(x) * 2
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)
    tangent = DRAW.normal(size=np.shape(x)) if np.ndim(x) else 1.5
    product = hvp(f, (x,), (tangent,))
    np.testing.assert_allclose(
        product,
        np.tensordot(found, tangent, np.ndim(x)) if np.ndim(x) else found * 1.5,
        rtol=1e-9,
        atol=1e-9,
    )


def test_trees():
    def f(p, s):
        return {"y": p["w"] @ p["v"] * s, "n": (np.sum(p["v"]), 3, "note")}

    p = {"w": M, "v": X}
    blocks = jacobian(f)(p, 2.0)
    np.testing.assert_allclose(blocks["y"]["v"], 2 * M)
    np.testing.assert_allclose(
        blocks["y"]["w"], differences(lambda w: f({"w": w, "v": X}, 2.0)["y"], M), atol=1e-6
    )
    np.testing.assert_array_equal(blocks["n"][0]["v"], np.ones(3))
    assert not blocks["n"][0]["w"].any() and blocks["n"][0]["w"].shape == (2, 3)
    assert not blocks["n"][1]["v"].any()
    both = jacobian(f, (0, 1))(p, 2.0)
    np.testing.assert_allclose(both["y"][1], M @ X)
    np.testing.assert_allclose(jacobian(f, "s", mode="forward")(p, s=2.0)["y"], M @ X)
    second = hessian(lambda p, s: np.sum(f(p, s)["y"]), (0, 1))(p, 2.0)
    np.testing.assert_allclose(second[0]["v"][1], M.sum(0))
    mixed = second[0]["w"][0]["v"]
    np.testing.assert_array_equal(mixed, 2 * np.tile(np.eye(3), (2, 1, 1)))
    assert not second[1][1].any() and second[1][0]["v"].shape == (3,)
    g_p, g_s = hvp(lambda p, s: np.sum(f(p, s)["y"]), (p, 2.0), ({"w": 0 * M, "v": 0 * X}, 1.0))
    np.testing.assert_allclose(g_p["v"], M.sum(0))
    assert g_s == 0


def test_hessian_of_several_results():
    want = differences(lambda x: jacobian(lambda y: np.tanh(A @ y))(x), X)
    np.testing.assert_allclose(hessian(lambda x: np.tanh(A @ x))(X), want, atol=1e-6)


def test_dtypes_and_kinds():
    assert jacobian(lambda x: x**2)(X.astype(np.float32)).dtype == np.float32
    assert hessian(lambda x: np.sum(x**3))(X.astype(np.float32)).dtype == np.float32
    assert isinstance(jacobian(np.sin)(0.3), np.float64)
    assert jacobian(np.sin)(np.array(0.3)).shape == ()
    with pytest.raises(errors.IntegerArgument):
        jacobian(lambda n: n * 2)(np.arange(3))
    with pytest.raises(errors.NonScalarOutput):
        hvp(np.sin, (X,), (X,))
    with pytest.raises(errors.ArgnumsError):
        hvp(np.sum, (X,), ())
    with pytest.raises(errors.ArgumentWrite):
        jacobian(lambda x: x.fill(0) or x)(X)


def test_complex():
    z = X + 1j * X[::-1]
    for mode in (None, "reverse", "forward"):
        np.testing.assert_allclose(
            jacobian(lambda z: np.exp(z) * z[0], mode=mode)(z),
            np.diag(np.exp(z) * z[0]) + np.outer(np.exp(z), [1, 0, 0]),
        )
        np.testing.assert_allclose(
            jacobian(lambda x: np.exp(1j * x), mode=mode)(X), np.diag(1j * np.exp(1j * X))
        )
    size = lambda z: np.sum(np.abs(z) ** 2)
    np.testing.assert_allclose(jacobian(size)(z), grad(size)(z))


def test_a_second_call_does_not_trace_again():
    f = trace(lambda x: np.tanh(A @ x))
    g = trace(lambda x: np.sum(np.tanh(A @ x)))
    for _ in range(2):
        for mode in ("reverse", "forward"):
            jacobian(f, mode=mode)(X)
        hessian(f)(X)
        linearize(f, X)[1](X)
        elementwise_grad(f)(X + 1)
        hvp(g, (X,), (X,))
        hessian(g)(X)
        grad(g)(X)
    assert len(f.cache.reasons) == len(g.cache.reasons) == 1


def test_one_program():
    """No loop over rows: the graph does not grow with the number of results."""
    f = trace(lambda x: np.tanh(x) * np.sin(x[0]))
    sizes = []
    for n in (3, 30):
        specialization, _ = specialization_of(f, (np.ones(n),), {})
        sizes.append(
            [
                len(specialization.graph(k, (0,)).order)
                for k in ("jacobian_reverse", "jacobian_forward")
            ]
        )
    assert sizes[0] == sizes[1]


def test_elementwise():
    np.testing.assert_allclose(elementwise_grad(np.tanh)(X), 1 - np.tanh(X) ** 2)
    np.testing.assert_allclose(elementwise_grad(elementwise_grad(np.sin))(X), -np.sin(X))
    np.testing.assert_allclose(elementwise_grad(lambda x, y: x * y**2, 1)(X, X), 2 * X**2)
    np.testing.assert_allclose(elementwise_grad(lambda x, y: x * y, (0, 1))(X, A)[0], A.sum(0))
    assert elementwise_grad(np.exp)(0.0) == 1.0
    np.testing.assert_allclose(elementwise_grad(lambda x, k=2: x**k)(X, k=3), 3 * X**2)
    np.testing.assert_allclose(
        elementwise_grad(lambda x: x if x.sum() > 5 else 2 * x)(X), [2.0] * 3
    )


def test_linearize():
    def f(x, s):
        return {"y": np.tanh(A @ x) * s, "n": 3}

    x = X.copy()
    out, linear = linearize(f, x, 2.0)
    x[:] = 0  # what was saved stays
    tangent = linear(np.ones(3), 0.0)
    np.testing.assert_allclose(out["y"], 2 * np.tanh(A @ X))
    slope = 2 * (1 - np.tanh(A @ X) ** 2)[:, None] * A
    np.testing.assert_allclose(tangent["y"], slope.sum(1))
    np.testing.assert_allclose(linear(2 * np.ones(3), 1.0)["y"], 2 * slope.sum(1) + np.tanh(A @ X))
    with pytest.raises(errors.ArgnumsError):
        linear(np.ones(3))
    inner = lambda x: np.sum(linearize(lambda y: np.sin(y), x)[1](np.ones(3)))
    np.testing.assert_allclose(grad(inner)(X), -np.sin(X))
    rows = vmap(linearize(lambda y: np.tanh(A @ y), X)[1])(np.eye(3))
    np.testing.assert_allclose(rows.T, slope / 2)


def test_inside_each_other():
    g = lambda x: np.tanh(A @ x)
    np.testing.assert_allclose(
        grad(lambda x: np.sum(jacobian(g)(x) ** 2))(X),
        differences(lambda x: np.sum(jacobian(g)(x) ** 2), X),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        jacobian(jacobian(g))(X), jacobian(jacobian(g, mode="forward"), mode="reverse")(X)
    )
    energy = lambda x: np.sum(g(x) ** 2)
    np.testing.assert_allclose(hessian(energy)(X), jacobian(grad(energy))(X))
    third = differences(lambda x: hessian(energy)(x), X)
    np.testing.assert_allclose(jacobian(hessian(energy))(X), third, atol=1e-5)
    np.testing.assert_allclose(trace(lambda x: hessian(energy)(x) @ x)(X), hessian(energy)(X) @ X)
    pushed = jvp(lambda x: jacobian(g)(x), (X,), (X,))[1]
    np.testing.assert_allclose(pushed, differences(jacobian(g), X) @ X, atol=1e-6)
    pulled = vjp(hessian(energy), X)[1](np.eye(3))[0]
    np.testing.assert_allclose(pulled, np.einsum("iij->j", third), atol=1e-5)


def test_against_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def f(np_, x, m):
        return np_.tanh(m @ x) * np_.sum(x**2), np_.outer(x, x)

    for argnums in (0, (0, 1)):
        ours = jacobian(lambda x, m: f(np, x, m), argnums)(X, M)
        theirs = jax.jacrev(lambda x, m: f(jnp, x, m), argnums)(X, M)
        for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(one, np.asarray(other), rtol=1e-10, atol=1e-12)
    energy = lambda np_: lambda p: np_.sum(np_.sin(p["m"] @ p["x"]) ** 2)
    ours = hessian(energy(np))({"m": M, "x": X})
    theirs = jax.hessian(energy(jnp))({"m": M, "x": X})
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, np.asarray(other), rtol=1e-9, atol=1e-10)
