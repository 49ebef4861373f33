"""Gradients against JAX's, float64 and complex128, and float32 against our own float64.

JAX comes with the extra ``dev``; without it the comparison with it is skipped.
"""

import numpy as np
import pytest

from tracer import grad, jvp

DRAW = np.random.default_rng(7)
X = DRAW.uniform(0.3, 0.9, size=(3, 4))
SQUARE = DRAW.normal(size=(4, 4)) / 4 + 2 * np.eye(4)
POSITIVE = SQUARE @ SQUARE.T + np.eye(4)
Z = DRAW.normal(size=(3, 4)) + 1j * DRAW.normal(size=(3, 4))
WEIGHTS = DRAW.normal(size=(3, 4))

ELEMENTWISE = """
sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arctanh exp exp2 expm1 log log2 log10 log1p
sqrt cbrt square reciprocal abs negative sinc deg2rad
""".split()


def weighted(name):
    return lambda np, x: np.sum(WEIGHTS * getattr(np, name)(x))


PROGRAMS = {
    **{name: (weighted(name), X) for name in ELEMENTWISE},
    "power": (lambda np, x: np.sum(WEIGHTS * x**2.5), X),
    "hypot": (lambda np, x: np.sum(np.hypot(x, WEIGHTS)), X),
    "arctan2": (lambda np, x: np.sum(np.arctan2(x, WEIGHTS)), X),
    "logaddexp": (lambda np, x: np.sum(np.logaddexp(x, WEIGHTS)), X),
    "maximum": (lambda np, x: np.sum(np.maximum(x, 0.5) * WEIGHTS), X),
    "where": (lambda np, x: np.sum(np.where(x > 0.5, x**2, x)), X),
    "clip": (lambda np, x: np.sum(np.clip(x, 0.4, 0.7) * WEIGHTS), X),
    "var": (lambda np, x: np.sum(np.var(x, axis=1) ** 2), X),
    "std": (lambda np, x: np.sum(np.std(x, axis=0)), X),
    "prod": (lambda np, x: np.sum(np.prod(x, axis=1)), X),
    "cumsum": (lambda np, x: np.sum(np.cumsum(x, axis=1) * WEIGHTS), X),
    "max": (lambda np, x: np.sum(np.max(x, axis=1) ** 2), X),
    "norm": (lambda np, x: np.linalg.norm(x), X),
    "log_softmax": (
        lambda np, x: np.sum(
            WEIGHTS * (x - np.log(np.sum(np.exp(x - np.max(x)), axis=1, keepdims=True)))
        ),
        X,
    ),
    "einsum": (lambda np, x: np.sum(np.einsum("ij,kj->ik", x, x) ** 2), X),
    "tensordot": (lambda np, x: np.sum(np.tensordot(x, x, axes=[[0], [0]]) ** 3), X),
    "kron": (lambda np, x: np.sum(np.kron(x, x) ** 2), X),
    "matmul": (lambda np, x: np.sum((x @ SQUARE) ** 2), X),
    "indexing": (lambda np, x: np.sum(x[1:, ::-1] ** 2) + np.sum(x[np.array([0, 0, 1])] ** 3), X),
    "pad": (lambda np, x: np.sum(np.pad(x, ((1, 0), (0, 2))) ** 3), X),
    "roll": (lambda np, x: np.sum(np.roll(x, 1, axis=1) * x), X),
    "solve": (lambda np, a: np.sum(np.linalg.solve(a, np.asarray(WEIGHTS.T)) ** 2), SQUARE),
    "inv": (lambda np, a: np.sum(np.linalg.inv(a) ** 3), SQUARE),
    "det": (lambda np, a: np.linalg.det(a), SQUARE),
    "slogdet": (lambda np, a: np.linalg.slogdet(a)[1], SQUARE),
    "cholesky": (lambda np, a: np.sum(np.linalg.cholesky(a @ a.T) ** 3), SQUARE),
    "eigh": (lambda np, a: np.sum(np.linalg.eigh(a @ a.T)[0] ** 2), SQUARE),
    "svd": (lambda np, a: np.sum(np.linalg.svd(a, compute_uv=False) ** 3), SQUARE),
    "fft": (lambda np, x: np.sum(np.abs(np.fft.fft(x)) ** 2), X),
    "complex": (lambda np, z: np.sum(np.abs(np.sin(z) * WEIGHTS)), Z),
    "real": (lambda np, z: np.sum(np.real(z * z) * WEIGHTS), Z),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradient_is_that_of_jax(name):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    program, x = PROGRAMS[name]
    expected = np.asarray(jax.grad(lambda v: program(jax.numpy, v))(x))
    ours = grad(lambda v: program(np, v))(x)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10 * scale)
    if x.dtype.kind == "f":
        direction = DRAW.normal(size=x.shape)
        slope = jvp(lambda v: program(np, v), (x,), (direction,))[1]
        assert slope == pytest.approx(float(np.vdot(expected, direction)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", [n for n in PROGRAMS if PROGRAMS[n][1].dtype.kind == "f"])
def test_float32_agrees_with_float64(name):
    program, x = PROGRAMS[name]
    wide = grad(lambda v: program(np, v))(x)
    narrow = grad(lambda v: program(np, v))(x.astype(np.float32))
    assert narrow.dtype == np.float32
    scale = max(1.0, float(np.abs(wide).max()))
    np.testing.assert_allclose(narrow, wide, rtol=1e-4, atol=1e-4 * scale)
