"""scipy.linalg: values are SciPy's own, derivatives agree with differences, to second order."""

import numpy as np
import pytest

linalg = pytest.importorskip("scipy.linalg")

from tracer import grad, hvp, jvp, trace  # noqa: E402
from tracer.errors import MissingRule  # noqa: E402

RANDOM = np.random.default_rng(11)
A = RANDOM.normal(size=(4, 4)) + 4 * np.eye(4)
S = A @ A.T
B, V = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=4)
TALL = RANDOM.normal(size=(5, 3))
SMALL = 0.3 * RANDOM.normal(size=(3, 3)) + np.eye(3)

CALLS = {
    "solve": (lambda a, b: linalg.solve(a, b), A, B),
    "solve a vector": (lambda a, b: linalg.solve(a, b), A, V),
    "solve transposed": (lambda a, b: linalg.solve(a, b, transposed=True), A, B),
    "solve pos": (lambda a, b: linalg.solve(a, b, assume_a="pos"), S, B),
    "solve pos lower": (lambda a, b: linalg.solve(a, b, lower=True, assume_a="pos"), S, B),
    "solve sym": (lambda a, b: linalg.solve(a, b, assume_a="sym", overwrite_a=True), S, V),
    "solve gen": (lambda a, b: linalg.solve(a, b, assume_a="gen", overwrite_b=True), A, B),
    "triangular": (lambda a, b: linalg.solve_triangular(a, b), A, B),
    "triangular vector": (lambda a, b: linalg.solve_triangular(a, b, lower=True), A, V),
    "triangular trans": (lambda a, b: linalg.solve_triangular(a, b, trans="T"), A, B),
    "triangular lower trans": (
        lambda a, b: linalg.solve_triangular(a, b, 1, lower=True, unit_diagonal=True),
        A,
        V,
    ),
    "inv": (lambda a: linalg.inv(a), A),
    "det": (lambda a: linalg.det(a), A),
    "norm": (lambda a: linalg.norm(a), A),
    "norm 1": (lambda a: linalg.norm(a, 1), A),
    "norm axis": (lambda a: linalg.norm(a, axis=0), A),
    "svdvals": (lambda a: linalg.svdvals(a), TALL),
    "svd": (lambda a: (lambda u, s, v: u * s @ v + s)(*linalg.svd(a, full_matrices=False)), TALL),
    "pinv": (lambda a: linalg.pinv(a), TALL),
    "lstsq": (lambda a, b: linalg.lstsq(a, b)[0], TALL, RANDOM.normal(size=(5, 2))),
    "qr": (lambda a: sum(np.sum(x * x[:1]) for x in linalg.qr(a, mode="economic")), TALL),
    "cholesky": (lambda a: linalg.cholesky(a), S),
    "cholesky lower": (lambda a: linalg.cholesky(a, lower=True), S),
    "cho_factor": (lambda a: linalg.cho_factor(a)[0], S),
    "cho_factor lower": (lambda a: linalg.cho_factor(a, lower=True)[0], S),
    "cho_solve": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b), S, B),
    "cho_solve lower": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a, True), b), S, V),
    "cho_solve of a factor": (
        lambda c, b: linalg.cho_solve((c, True), b),
        np.linalg.cholesky(S),
        B,
    ),
    "lu_factor": (lambda a: linalg.lu_factor(a)[0], A[::-1]),
    "lu_solve": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b), A[::-1], B),
    "lu_solve trans": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans=1), A, V),
    "lu": (lambda a: linalg.lu(a)[1] @ (1 + linalg.lu(a)[2]), A[::-1]),
    "eigh": (lambda a: (lambda w, v: w * np.abs(v[0]))(*linalg.eigh(a)), S),
    "eigh upper": (lambda a: linalg.eigh(a, lower=False)[0], S),
    "eigh values": (lambda a: linalg.eigh(a, eigvals_only=True), S),
    "eigvalsh": (lambda a: linalg.eigvalsh(a), S),
    "expm": (lambda a: linalg.expm(a), SMALL),
    "expm stack": (lambda a: linalg.expm(a), np.stack([SMALL, SMALL.T])),
    "logm": (lambda a: linalg.logm(a), SMALL @ SMALL.T + np.eye(3)),
    "sqrtm": (lambda a: linalg.sqrtm(a), SMALL @ SMALL.T + np.eye(3)),
    "cosm": (lambda a: linalg.cosm(a), SMALL),
    "sinm": (lambda a: linalg.sinm(a), SMALL),
    "sinhm": (lambda a: linalg.sinhm(a), SMALL),
    "sylvester": (lambda a, b, q: linalg.solve_sylvester(a, b, q), A, SMALL, B),
    "lyapunov": (lambda a, q: linalg.solve_continuous_lyapunov(a, q), A, A.T @ A + A),
    "discrete": (lambda a, q: linalg.solve_discrete_lyapunov(a, q), 0.3 * SMALL, SMALL @ SMALL),
    "toeplitz": (lambda c, r: linalg.toeplitz(c, r), V, B[:, 0]),
    "toeplitz alone": (lambda c: linalg.toeplitz(c), V),
    "hankel": (lambda c, r: linalg.hankel(c, r), V, B[:, 0]),
    "hankel alone": (lambda c: linalg.hankel(c), V),
    "circulant": (lambda c: linalg.circulant(c), V),
    "companion": (lambda a: linalg.companion(a), V),
    "block_diag": (lambda a, b, c: linalg.block_diag(a, b, c), SMALL, B, V),
    "khatri_rao": (lambda a, b: linalg.khatri_rao(a, b), SMALL, B),
}


def weigh(result):
    weights = np.cos(1.7 * np.arange(np.size(result))).reshape(np.shape(result)) + 0.2
    return np.sum(result * weights)


def slope(function, step=1e-4):
    values = [function(k * step) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_derivatives(call):
    function, *primals = call

    def total(*arguments):
        return weigh(function(*arguments))

    random = np.random.default_rng(5)
    directions = [random.normal(size=p.shape) for p in primals]
    every = tuple(range(len(primals)))

    def moved(f, h):
        return f(*[p + h * d for p, d in zip(primals, directions, strict=True)])

    expected = slope(lambda h: moved(total, h))
    gradients = grad(total, argnums=every)(*primals)
    found = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    assert found == pytest.approx(expected, rel=1e-7)
    pushed = jvp(total, tuple(primals), tuple(directions))[1]
    assert pushed == pytest.approx(expected, rel=1e-7)

    def along(*arguments):
        gradients = grad(total, argnums=every)(*arguments)
        return sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))

    bend = slope(lambda h: moved(along, h))
    products = hvp(lambda *a: total(*a), tuple(primals), tuple(directions))
    products = products if isinstance(products, tuple) else (products,)
    twice = sum(np.sum(p * d) for p, d in zip(products, directions, strict=True))
    assert twice == pytest.approx(bend, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_values_are_scipys_own(call, dtype):
    function, *primals = call
    primals = [p.astype(dtype) for p in primals]
    kept = [p.copy() for p in primals]
    expected, found = function(*[p.copy() for p in primals]), trace(function)(*primals)
    assert type(found) is type(expected)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert np.array_equal(found, expected)
    assert all(np.array_equal(p, k) for p, k in zip(primals, kept, strict=True))


def test_what_has_no_rule_says_why():
    for function in (linalg.polar, linalg.null_space, linalg.eig):
        with pytest.raises(MissingRule, match=f"scipy.linalg.{function.__name__}"):
            grad(lambda a, f=function: np.sum(f(a)[0].real))(A)


@pytest.mark.parametrize("columns", [(), (2,)], ids=str)
@pytest.mark.parametrize("bands", [(1, 1), (2, 1), (0, 2), (0, 0), (4, 3)], ids=str)
def test_banded_systems(bands, columns):
    lower, upper = bands
    rng = np.random.default_rng(4)
    ab, b = rng.normal(size=(lower + upper + 1, 5)), rng.normal(size=(5, *columns))
    ab[upper] += 6

    def loss(ab, b):
        return np.sum(linalg.solve_banded((lower, upper), ab, b) ** 2)

    found = grad(loss, argnums=(0, 1))(ab, b)
    for k, x in enumerate((ab, b)):
        change = np.zeros_like(x)
        for place in np.ndindex(x.shape):
            shift = np.zeros_like(x)
            shift[place] = 1e-6
            moved = [(ab + s * shift, b) if k == 0 else (ab, b + s * shift) for s in (1, -1)]
            change[place] = (loss(*moved[0]) - loss(*moved[1])) / 2e-6
        np.testing.assert_allclose(found[k], change, rtol=1e-5, atol=1e-8)
