"""Linear algebra, in both modes and to second order."""

import numpy as np
import pytest

from tests.rules.agreement import agree, complexes, reals

L = np.linalg
A, v, w, S = reals(4, 3, seed=1), reals(3, seed=2), reals(4, seed=3), reals(3, 3, seed=4)
T, Q, C = reals(2, 3, 3, seed=5), complexes(3, 3, seed=6), complexes(4, 3, seed=7)
P = S @ S.T + np.eye(3)
TP = T @ np.swapaxes(T, 1, 2) + np.eye(3)
H = Q @ Q.conj().T + np.eye(3)
SINGULAR = np.vstack([S[:2], S[0] + 0.5 * S[1]])


def symmetric(x):
    return (x + np.swapaxes(x, -1, -2)) * 0.5


def hermitian(x):
    return (x + np.conjugate(np.swapaxes(x, -1, -2))) * 0.5


CASES = {
    "inv": (L.inv, S),
    "inv of a stack": (L.inv, T),
    "inv complex": (L.inv, Q),
    "solve": (L.solve, S, v),
    "solve matrix": (L.solve, S, reals(3, 2)),
    "solve stack": (L.solve, T, reals(2, 3, 1)),
    "solve stack vector": (L.solve, T, v),
    "solve complex": (L.solve, Q, v + 1j),
    "det": (L.det, S),
    "det of a stack": (L.det, T),
    "slogdet": (lambda x: L.slogdet(x)[1], S),
    "slogdet of a stack": (lambda x: L.slogdet(x)[1], T),
    "multi_dot": (lambda a, b, c: L.multi_dot([a, b, c]), A, S, S),
    "multi_dot to a number": (lambda a, b, c: L.multi_dot([a, b, c]), w, A, v),
    "multi_dot from a vector": (lambda a, b, c: L.multi_dot([a, b, c]), w, A, S),
    "multi_dot to a vector": (lambda a, b, c: L.multi_dot([a, b, c]), A, S, v),
    "cholesky": (lambda x: L.cholesky(symmetric(x)), P),
    "cholesky of a stack": (lambda x: L.cholesky(symmetric(x)), TP),
    "cholesky upper": (lambda x: L.cholesky(symmetric(x), upper=True), P),
    "eigh": (lambda x: L.eigh(symmetric(x)), P),
    "eigh of a stack": (lambda x: L.eigh(symmetric(x)), TP),
    "eigh reads one triangle": (lambda x: L.eigh(x), P),
    "eigh upper": (lambda x: L.eigh(x, UPLO="U")[0], P),
    "eigvalsh": (lambda x: L.eigvalsh(x), P),
    "svdvals": (L.svdvals, A),
    "svd values only": (lambda x: L.svd(x, compute_uv=False), A),
    "svd tall": (lambda x: L.svd(x, full_matrices=False), A),
    "svd wide": (lambda x: L.svd(x, full_matrices=False), A.T.copy()),
    "svd square": (lambda x: L.svd(x), S),
    "qr tall": (L.qr, A),
    "qr square": (L.qr, S),
    "qr wide": (L.qr, A.T.copy()),
    "qr of a stack": (L.qr, reals(2, 4, 3)),
    "one factor of qr": (lambda x: L.qr(x)[1], A),
    "pinv tall": (L.pinv, A),
    "pinv wide": (L.pinv, A.T.copy()),
    "lstsq": (lambda a, b: L.lstsq(a, b)[0], A, w),
    "lstsq all": (L.lstsq, A, w),
    "lstsq matrix": (lambda a, b: L.lstsq(a, b)[0], A, reals(4, 2)),
    "lstsq wide": (lambda a, b: L.lstsq(a, b)[0], A.T.copy(), v),
    "lstsq square": (lambda a, b: L.lstsq(a, b)[0], S, v),
    "tensorsolve": (L.tensorsolve, reals(2, 3, 6), reals(2, 3)),
    "tensorinv": (lambda x: L.tensorinv(x), reals(2, 3, 6)),
    "tensorinv one": (lambda x: L.tensorinv(x, ind=1), reals(6, 2, 3)),
    "vector_norm": (lambda x: L.vector_norm(x, axis=0), A),
    "matrix_norm": (L.matrix_norm, T),
    "norm keepdims": (lambda x: L.norm(x, keepdims=True), A),
    "norm of a stack": (L.norm, T),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    agree(*CASES[name], tolerance=1e-4)


FIRST_ORDER = {
    "det singular": (L.det, SINGULAR),
    "det complex": (L.det, Q),
    "slogdet complex": (L.slogdet, Q),
    "cholesky complex": (lambda x: L.cholesky(hermitian(x)), H),
    "cholesky complex upper": (lambda x: L.cholesky(hermitian(x), upper=True), H),
    "eigh complex values": (lambda x: L.eigh(hermitian(x))[0], H),
    "eigh complex vectors": (lambda x: np.abs(L.eigh(hermitian(x))[1]), H),
    "eigvalsh complex": (lambda x: L.eigvalsh(hermitian(x)), H),
    "svd complex values": (lambda x: L.svd(x, full_matrices=False)[1], C),
    "svd complex left": (lambda x: np.abs(L.svd(x, full_matrices=False)[0]), C),
    "svd complex right": (lambda x: np.abs(L.svd(x, full_matrices=False)[2]), C),
    "qr complex": (L.qr, C),
    "lstsq complex": (L.lstsq, C, complexes(4, 2)),
    "pinv complex": (L.pinv, C),
    "eig values": (lambda x: np.real(L.eig(x)[0]), P + 0.1 * S),
    "eigvals": (lambda x: np.real(L.eigvals(x)), P + 0.1 * S),
}


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_first_order(name):
    agree(*FIRST_ORDER[name], order=1, tolerance=1e-4)


@pytest.mark.parametrize("n", [-2, -1, 0, 1, 2, 3])
def test_matrix_power(n):
    agree(lambda x: L.matrix_power(x, n), S, tolerance=1e-3)


@pytest.mark.parametrize("ord", [None, 1, 2, 3, 2.5, np.inf, -np.inf, -1, 0])
def test_vector_norm(ord):
    agree(lambda x: L.norm(x, ord), v)
    agree(lambda x: L.norm(x, ord, axis=0, keepdims=True), A)
    agree(lambda x: L.norm(x, ord, axis=1), C, order=1)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norm(ord):
    agree(lambda x: L.norm(x, ord), A, tolerance=1e-4)
    agree(lambda x: L.norm(x, ord, axis=(2, 0)), reals(2, 3, 4), tolerance=1e-4)
    agree(lambda x: L.norm(x, ord), C, order=1, tolerance=1e-4)


def test_norm_at_zero_has_slope_zero():
    from tests.rules.reductions.test_reduction import gradient

    assert gradient(L.norm, np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
