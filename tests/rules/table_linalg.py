"""Linear algebra, one line per function and signature.

Vectors of complex decompositions have a free phase: what does not depend on it is checked.
"""

import numpy as np

from tests.rules.table import Draw, constant, definite, each, reals, row

L = np.linalg
S, T, V = reals(3, 3), reals(2, 3, 3), reals(3)
TALL, WIDE = reals(4, 3), reals(3, 4)
P, PS = definite(3, 3), definite(2, 3, 3)
KEEP = each(False, True)
ORDERS = each(None, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf)
MATRIX_ORDERS = each(None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


def spread(*shape):
    """Matrices with singular values well apart."""

    def make(random):
        u, _, vh = L.svd(random.normal(size=shape), full_matrices=False)
        return (u * (1.0 + np.arange(u.shape[-1]))) @ vh

    return Draw(make)


def hermitian(x):
    return (x + np.conjugate(np.swapaxes(x, -1, -2))) / 2


G, GT, GW = spread(3, 3), spread(4, 3), spread(3, 4)
LOOSE = {"tolerance": 1e-4, "step": 1e-3}

ROWS = [
    row("linalg.inv", G).but(dtypes="fFD"),
    row("linalg.inv", T),
    row("linalg.det", G).but(dtypes="fFD"),
    row("linalg.det", T),
    row("linalg.det", constant([[1.0, 2.0], [2.0, 4.0]])).but(order=1),
    row("linalg.slogdet", G).but(dtypes="fFD"),
    row("linalg.slogdet", T),
    row("linalg.solve", G, V).but(dtypes="fFD"),
    row("linalg.solve", T, each(reals(2, 3, 2), reals(3, 2))),
    row("linalg.solve", T, V),
    row("linalg.matrix_power", G, each(0, 1, 2, 3, 5, -1, -2)).but(dtypes="fD"),
    row("linalg.matrix_power", T, 3),
    row("linalg.multi_dot", lambda a, b, c: L.multi_dot([a, b, c]), TALL, S, reals(3, 2)).but(
        dtypes="fD"
    ),
    row("linalg.multi_dot", lambda a, b, c: L.multi_dot([a, b, c]), V, S, V),
    row("linalg.cholesky", P).but(dtypes="f"),
    row("linalg.cholesky", lambda a: L.cholesky(hermitian(a), upper=True), each(P, PS)),
    row("linalg.cholesky", lambda a: L.cholesky(a @ np.conjugate(a.T) + np.eye(3)), S).but(
        dtypes="FD"
    ),
    row(
        "linalg.cholesky", lambda a: L.cholesky(a @ np.conjugate(a.T) + np.eye(3), upper=True), S
    ).but(dtypes="D"),
    # -- eigenvalues ----------------------------------------------------------------------------
    row("linalg.eigh", P, UPLO=each("L", "U")).but(dtypes="f"),
    row("linalg.eigh", PS),
    row("linalg.eigh", lambda a: (w := L.eigh(hermitian(a)), w[0], np.abs(w[1]))[1:], G).but(
        dtypes="D", **LOOSE
    ),
    row("linalg.eigvalsh", P, UPLO=each("L", "U")).but(dtypes="f"),
    row("linalg.eigvalsh", lambda a: L.eigvalsh(hermitian(a)), PS).but(dtypes="FD"),
    row("linalg.eig", lambda a: L.eig(a), P).but(dtypes="f"),
    row(
        "linalg.eig",
        lambda a: (w := L.eig(a), w[0], np.abs(w[1]))[1:],
        constant([[1.0, 2.0], [-3.0, 0.5]]),
    ).but(**LOOSE),
    row("linalg.eig", lambda a: (w := L.eig(a), w[0], np.abs(w[1]))[1:], G).but(
        dtypes="D", **LOOSE
    ),
    row("linalg.eigvals", P).but(dtypes="f"),
    row("linalg.eigvals", constant([[1.0, 2.0], [-3.0, 0.5]])),
    row("linalg.eigvals", PS),
    # -- singular values ------------------------------------------------------------------------
    row("linalg.svd", G).but(dtypes="f"),
    row("linalg.svd", each(GT, GW), full_matrices=False).but(dtypes="f"),
    row("linalg.svd", lambda a: L.svd(a)[1], each(GT, GW)),
    row("linalg.svd", lambda a: (d := L.svd(a), d[0][:, :3], d[1], d[2][:3])[1:], each(GT, GW)),
    row("linalg.svd", lambda a: (d := L.svd(a), d[0][:, 3:] @ d[0][:, 3:].T)[1], GT),
    row("linalg.svd", lambda a: (d := L.svd(a), d[2][3:].T @ d[2][3:])[1], GW),
    row("linalg.svd", each(G, GT, GW, spread(2, 3, 4)), compute_uv=False).but(dtypes="fFD"),
    row("linalg.svd", lambda a: L.svd(hermitian(a), hermitian=True), P).but(order=1),
    row("linalg.svd", lambda a: L.svd(hermitian(a), compute_uv=False, hermitian=True), P),
    row("linalg.svd", lambda a: L.svd(hermitian(a) - 1.7 * np.eye(3), hermitian=True), P).but(
        order=1
    ),
    row("linalg.svd", spread(2, 4, 3), full_matrices=False),
    row(
        "linalg.svd", lambda a: (d := L.svd(a, False), d[1], np.abs(d[0]), np.abs(d[2]))[1:], GT
    ).but(dtypes="D", **LOOSE),
    row("linalg.svdvals", each(G, GT, GW)).but(dtypes="fFD"),
    row("linalg.matrix_rank", G),
    row("linalg.pinv", each(G, GT, GW)).but(dtypes="fD"),
    row("linalg.pinv", lambda a: L.pinv(hermitian(a), hermitian=True), P),
    row("linalg.pinv", spread(2, 4, 3), rcond=1e-10),
    row("linalg.cond", G, p=each(None, 1, -1, 2, -2, "fro", "nuc", np.inf, -np.inf)).but(
        dtypes="fD"
    ),
    row("linalg.cond", each(GT, GW), p=each(None, 2, -2)),
    row("linalg.cond", spread(2, 3, 3), p=each(None, 1, "fro")),
    # -- qr -------------------------------------------------------------------------------------
    row("linalg.qr", each(G, GT, GW), mode=each("reduced", "r")).but(dtypes="fFD"),
    row("linalg.qr", each(G, GW), mode="complete"),
    row("linalg.qr", lambda a: (d := L.qr(a, mode="complete"), d[0][:, :3], d[1])[1:], GT).but(
        dtypes="D"
    ),
    row("linalg.qr", lambda a: (d := L.qr(a, mode="complete"), d[0][:, 3:] @ d[0][:, 3:].T)[1], GT),
    row("linalg.qr", each(G, GT, GW), mode="raw"),
    row("linalg.qr", each(spread(2, 4, 3), spread(2, 3, 4))),
    # -- least squares and tensors --------------------------------------------------------------
    row("linalg.lstsq", lambda a, b: L.lstsq(a, b, rcond=None), GT, reals(4)).but(dtypes="fD"),
    row("linalg.lstsq", lambda a, b: L.lstsq(a, b), GT, reals(4, 2)).but(dtypes="D"),
    row("linalg.lstsq", lambda a, b: L.lstsq(a, b), GW, reals(3)).but(dtypes="D"),
    row("linalg.lstsq", lambda a, b: L.lstsq(a, b), G, reals(3, 2)),
    row("linalg.tensorsolve", reals(2, 3, 6), reals(2, 3)),
    row("linalg.tensorsolve", reals(2, 6, 3), reals(2, 3), axes=(1,)),
    row("linalg.tensorinv", reals(2, 3, 6)),
    row("linalg.tensorinv", reals(6, 2, 3), ind=1),
    # -- norms ----------------------------------------------------------------------------------
    row("linalg.norm", V, ord=ORDERS).but(dtypes="efgFD"),
    row("linalg.norm", V, ord=0).but(order=0),
    row("linalg.norm", GT, ord=MATRIX_ORDERS, keepdims=KEEP).but(dtypes="fFD"),
    row("linalg.norm", WIDE, ord=ORDERS, axis=each(0, -1), keepdims=KEEP),
    row(
        "linalg.norm",
        spread(2, 3, 4),
        ord=MATRIX_ORDERS,
        axis=each((1, 2), (2, 1), (-1, 0)),
        keepdims=KEEP,
    ).but(order=1),
    row("linalg.norm", reals(2, 3, 4)),
    row(
        "linalg.vector_norm",
        reals(2, 3, 4),
        ord=each(2, 1, 3, np.inf, -np.inf, -1),
        axis=each(None, 1, (0, 2)),
        keepdims=KEEP,
    ).but(order=1),
    row(
        "linalg.matrix_norm",
        spread(2, 4, 3),
        ord=each("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf),
        keepdims=KEEP,
    ),
    row("linalg.norm", constant([0.0, 0.0])).but(order=0),
    # -- products -------------------------------------------------------------------------------
    row("linalg.trace", reals(2, 3, 4), offset=each(0, 1, -1)),
    row("linalg.diagonal", reals(2, 3, 4), offset=each(0, 1, -1)),
    row("linalg.cross", reals(2, 3), reals(3)),
    row("linalg.outer", reals(2), reals(3)),
    row("linalg.vecdot", reals(2, 3), reals(3)).but(dtypes="fD"),
    row("linalg.matmul", reals(2, 3, 4), reals(4, 2)).but(dtypes="fD"),
    row("linalg.tensordot", reals(2, 3), reals(3, 2), axes=1),
    row("linalg.matrix_transpose", reals(2, 3)),
]
