"""The public transforms: trees, names, modes, agreement with each other and with differences."""

import numpy as np
import pytest

import tracer
from tracer import (
    elementwise_grad,
    errors,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    trace,
    value_and_grad,
    vjp,
)

X = np.array([0.3, -0.7, 1.2])
A = np.array([[1.0, 0.5, -0.2], [0.3, -1.0, 0.8]])


def cube(x):
    return np.sum(x**3)


def squash(x):
    return np.tanh(A @ x)


SLOPE = (1 - np.tanh(A @ X) ** 2)[:, None] * A


def test_value_and_gradient():
    value, gradient = value_and_grad(cube)(X)
    assert value == np.sum(X**3) and type(value) is np.float64
    np.testing.assert_allclose(gradient, 3 * X**2)
    np.testing.assert_array_equal(grad(trace(cube))(X), gradient)


@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.longdouble])
def test_gradient_of_scalars(kind):
    gradient = grad(lambda x: x**3)(kind(2))
    assert gradient == 12
    assert type(gradient) is (np.float64 if kind is float else kind)


def test_argnums():
    def f(x, y, *, w=1.0):
        return np.sum(x * y**2 * w)

    y = X + 2
    for chosen, expected in (
        (0, y**2),
        (1, 2 * X * y),
        ("y", 2 * X * y),
        ((1, 0), (2 * X * y, y**2)),
        (("x",), (y**2,)),
        ([0], (y**2,)),
        (np.int64(1), 2 * X * y),
    ):
        got = grad(f, chosen)(X, y)
        for left, right in zip(
            got if isinstance(got, tuple) else (got,),
            expected if isinstance(expected, tuple) else (expected,),
            strict=True,
        ):
            np.testing.assert_allclose(left, right)
        assert isinstance(got, tuple) == isinstance(expected, tuple)
    np.testing.assert_allclose(grad(f, "w")(X, y, w=2.0), np.sum(X * y**2))
    np.testing.assert_allclose(grad(f)(X, y=y), y**2)


def test_unused_and_constant():
    assert not grad(lambda x, y: np.sum(x), 1)(X, X).any()
    assert not grad(lambda x: 3.0)(X).any()
    assert grad(lambda x: np.sum(np.floor(x)))(X).tolist() == [0.0, 0.0, 0.0]


def test_aux_is_not_differentiated():
    (value, aux), gradient = value_and_grad(lambda x: (cube(x), (x * 2, "note")), has_aux=True)(X)
    np.testing.assert_allclose(gradient, 3 * X**2)
    np.testing.assert_array_equal(aux[0], X * 2)
    assert aux[1] == "note" and value == cube(X)
    gradient, aux = grad(lambda x: (cube(x), x), has_aux=True)(X)
    np.testing.assert_array_equal(aux, X)
    with pytest.raises(errors.NonScalarOutput):
        grad(cube, has_aux=True)(X)


@pytest.mark.parametrize("mode", [None, "reverse", "forward"])
def test_jacobian(mode):
    np.testing.assert_allclose(jacobian(squash, mode=mode)(X), SLOPE)
    np.testing.assert_allclose(jacobian(cube, mode=mode)(X), 3 * X**2)
    np.testing.assert_allclose(jacobian(lambda s: X * s**2, mode=mode)(2.0), 4 * X)
    assert jacobian(lambda x: np.outer(x, x), mode=mode)(X).shape == (3, 3, 3)
    np.testing.assert_allclose(jacobian(lambda c, x: squash(x) * c, "x", mode)(2.0, X), 2 * SLOPE)


def test_modes_are_checked():
    with pytest.raises(ValueError):
        jacobian(squash, mode="sideways")


def test_jacobian_of_a_matrix_product_is_the_other_factor_transposed():
    row, matrix = X, np.arange(12.0).reshape(3, 4)
    np.testing.assert_allclose(jacobian(lambda r: r @ matrix)(row), matrix.T)


def test_vjp_and_jvp_are_adjoint():
    tangent, cotangent = np.array([0.2, 0.1, -0.4]), np.array([1.5, -0.5])
    out, pullback = vjp(squash, X)
    value, pushed = jvp(squash, (X,), (tangent,))
    np.testing.assert_array_equal(out, squash(X))
    np.testing.assert_array_equal(value, out)
    for _ in range(2):
        np.testing.assert_allclose(pullback(cotangent)[0] @ tangent, cotangent @ pushed)
    out, linear = linearize(squash, X)
    np.testing.assert_allclose(linear(tangent), pushed)


def test_vjp_of_trees():
    def f(p, s):
        return {"a": p["w"] * s, "b": (np.sum(p["w"]), 3)}

    out, pullback = vjp(f, {"w": X}, 2.0)
    assert out["b"][1] == 3
    g_p, g_s = pullback({"a": np.ones(3), "b": (10.0, 0)})
    np.testing.assert_allclose(g_p["w"], np.full(3, 12.0))
    np.testing.assert_allclose(g_s, X.sum())
    with pytest.raises(errors.TracerError):
        pullback({"a": np.ones(3)})
    with pytest.raises(ValueError):
        pullback({"a": np.ones(4), "b": (10.0, 0)})
    with pytest.raises(errors.TracerError):
        jvp(f, ({"w": X}, 2.0), ({"w": X},))


def test_integers_stand_still():
    f = lambda x, n: np.sum(x ** n["n"])
    for n, still in ((3, 0), (np.array([1, 2, 3]), np.zeros(3, int)), (np.int8(2), np.int8(0))):
        value, slope = jvp(f, (X, {"n": n}), (np.ones(3), {"n": still}))
        assert value == np.sum(X**n)
        np.testing.assert_allclose(slope, np.sum(n * X ** (n - 1.0)))
    with pytest.raises(errors.IntegerArgument):
        jvp(f, (X, {"n": 3}), (np.ones(3), {"n": 1}))


def test_source_of_the_jvp():
    source = trace(squash).source(X, mode="jvp")
    scope = {}
    exec(source, scope)
    value, tangent = _run_jvp(scope, source)
    np.testing.assert_allclose(tangent, SLOPE.sum(1))
    np.testing.assert_array_equal(value, squash(X))


def _run_jvp(scope, source):
    """The generated function, whatever it is called and whether it takes the captured array."""
    name = source.rpartition("def ")[2].partition("(")[0]
    inputs = source.rpartition("def ")[2].partition("(")[2].partition(")")[0].split(", ")
    known = {"x": X, "t_x": np.ones(3), "A": A}
    return scope[name](*[known[name] for name in inputs])


def test_second_order():
    np.testing.assert_allclose(hessian(cube)(X), np.diag(6 * X))
    np.testing.assert_allclose(hvp(cube, (X,), (np.ones(3),)), 6 * X)
    np.testing.assert_allclose(
        hessian(lambda x: np.sum(np.sin(A @ x)))(X), -A.T @ np.diag(np.sin(A @ X)) @ A, atol=1e-12
    )
    product = hvp(lambda x, y: np.sum(x * y**2), (X, X), (np.ones(3), np.zeros(3)))
    np.testing.assert_allclose(product[1], 2 * X)


def test_orders_up_to_four():
    for _ in range(2):  # NumPy may note its signature in np.sin when it is first asked for it
        f = np.sin
        for expected in (np.cos(0.3), -np.sin(0.3), -np.cos(0.3), np.sin(0.3)):
            f = grad(f)
            np.testing.assert_allclose(f(0.3), expected)


def test_elementwise_gradient():
    np.testing.assert_allclose(elementwise_grad(np.tanh)(X), 1 - np.tanh(X) ** 2)
    np.testing.assert_allclose(elementwise_grad(elementwise_grad(np.exp))(X), np.exp(X))


def test_transforms_take_each_other():
    f = trace(lambda x: grad(cube)(x) @ jacobian(squash)(x).T)
    np.testing.assert_allclose(f(X), (3 * X**2) @ SLOPE.T)
    np.testing.assert_allclose(jacobian(grad(cube))(X), jacobian(grad(cube), mode="forward")(X))
    inner = lambda w: np.sum(jvp(np.sin, (w,), (np.ones(3),))[1])
    np.testing.assert_allclose(grad(inner)(X), -np.sin(X))
    both = lambda w: vjp(np.sin, w)[1](np.ones(3))[0].sum()
    np.testing.assert_allclose(grad(both)(X), -np.sin(X))


def test_complex():
    z = X + 1j * X[::-1]
    np.testing.assert_allclose(grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * np.conj(z))
    np.testing.assert_allclose(grad(lambda x: np.sum(np.real(np.exp(1j * x))))(X), -np.sin(X))


def test_public_names():
    for name in tracer.__all__:
        assert getattr(tracer, name) is not None
    with pytest.raises(AttributeError):
        tracer.nothing
