"""Products of vectors, matrices and tensors, one line per function and signature."""

import numpy as np

from tests.rules.table import complexes, each, reals, row

A, T, V, B, S = reals(4, 3), reals(2, 3, 4), reals(5), reals(3), reals()
M, N = reals(3, 3), reals(3, 4)
C, CM = complexes(3), complexes(3, 3)
ALL = "efgFDi"
PAIRS = [
    ((3,), (3,)),
    ((4, 3), (3,)),
    ((3,), (3, 4)),
    ((4, 3), (3, 5)),
    ((2, 4, 3), (3,)),
    ((3,), (2, 3, 4)),
    ((2, 4, 3), (2, 3, 5)),
    ((2, 1, 4, 3), (5, 3, 2)),
    ((2, 4, 3), (3, 5)),
    ((4, 3), (2, 3, 5)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((1, 3), (3, 1)),
]
PATHS = each(False, True, "greedy", "optimal")
SUMS = [
    ("ij,jk", (4, 3), (3, 5)),
    ("ij,jk->ki", (4, 3), (3, 5)),
    ("ij,ij", (4, 3), (4, 3)),
    ("ij,ij->i", (4, 3), (4, 3)),
    ("i,j", (3,), (4,)),
    ("...ij,...jk", (2, 4, 3), (3, 5)),
    ("...ij,...jk->...ki", (2, 4, 3), (2, 3, 5)),
    ("i...,i...->...", (3, 2), (3,)),
    ("ij,kl->", (2, 3), (4, 2)),
    ("ij,jk->ik", (1, 3), (3, 5)),
    ("ii,i->i", (3, 3), (3,)),
    ("ii,jj->ij", (3, 3), (2, 2)),
    ("iij,jk->ik", (3, 3, 2), (2, 4)),
    ("i,i->i", (1,), (3,)),
    ("ij...,jk...->ik...", (4, 3, 2), (3, 5, 2)),
    ("ijj,j->i", (2, 3, 3), (3,)),
    ("  ij, jk -> ik ", (4, 3), (3, 5)),
    ("ij,ij->ij", (1, 3), (4, 3)),
]
ALONE = [
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("ij->ji", (4, 3)),
    ("ij->", (4, 3)),
    ("ij->j", (4, 3)),
    ("...ii->...i", (2, 3, 3)),
    ("ji", (4, 3)),
    ("ijk->kji", (2, 3, 4)),
    ("...->...", (2, 3)),
    ("i...->...", (2, 3)),
    ("iii->i", (3, 3, 3)),
    ("iij->j", (3, 3, 2)),
    ("ba", (3, 2)),
    ("iijj->ij", (2, 2, 3, 3)),
]

MATRICES = [
    *[row("matmul", reals(*a), reals(*b)) for a, b in PAIRS],
    *[row("dot", reals(*a), reals(*b)) for a, b in PAIRS],
    row("matmul", A, reals(3, 5)).but(dtypes=ALL),
    row("matmul", each(M, CM), CM),
    row("matmul", lambda x, y: x @ y, A, B),
    row("matmul", lambda x: x @ np.arange(9).reshape(3, 3), M),
    row("matmul", N, reals(3, 5), axes=[(1, 0), (-2, -1), (1, 0)]),
    row("linalg.matmul", A, reals(3, 5)),
    row("dot", each(S, A), each(S, 2.0)),
    row("dot", lambda x: np.dot([x[0], 1.0], [2.0, x[1]]), B),
    row("ndarray.dot", A, B),
    row("vdot", A, N),
    row("vdot", each(B, C), C),
    *[
        row("inner", reals(*a), reals(*b))
        for a, b in (
            ((3,), (3,)),
            ((4, 3), (2, 3)),
            ((2, 4, 3), (5, 2, 3)),
            ((), (4,)),
            ((3,), (4, 3)),
        )
    ],
    row("outer", each(V, A, S), B),
    row("outer", C, V),
    row("linalg.outer", V, B),
    row("vecdot", A, each(B, A), axis=-1),
    row("vecdot", A, A, axis=0),
    row("vecdot", T, T, axis=1),
    row("vecdot", A, N, axes=[0, 1, ()]),
    row("vecdot", each(M, CM), CM),
    row("linalg.vecdot", A, A, axis=0),
    row("matvec", T, each(reals(4), reals(2, 4))),
    row("matvec", CM, C),
    row("matvec", M, B, axes=[(1, 0), 0, 0]),
    row("vecmat", each(B, reals(5, 3)), M),
    row("vecmat", each(B, C), CM),
    row("vecmat", B, M, axes=[0, (1, 0), 0]),
    row("kron", each(A, V), each(M, B)),
    row("kron", T, M),
    row("kron", each(S, C), M),
    row("linalg.multi_dot", lambda x, y, z: np.linalg.multi_dot([x, y, z]), A, M, N),
    row("linalg.multi_dot", lambda x, y: np.linalg.multi_dot([x, y, x]), B, M),
]

CONTRACTIONS = [
    *[
        row("einsum", lambda x, y, e=e: np.einsum(e, x, y), reals(*a), reals(*b))
        for e, a, b in SUMS
    ],
    *[row("einsum", lambda x, e=e: np.einsum(e, x), reals(*a)) for e, a in ALONE],
    row("einsum", "ij,jk->ik", A, M, optimize=PATHS),
    row("einsum", lambda x, y, z: np.einsum("ij,jk,kl->il", x, y, z, optimize=True), A, M, N),
    row(
        "einsum",
        lambda x, y, z: np.einsum(
            "ij,jk,kl->il", x, y, z, optimize=["einsum_path", (1, 2), (0, 1)]
        ),
        A,
        M,
        N,
    ),
    row("einsum", lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), A, M),
    row("einsum", lambda x, y: np.einsum(x, [..., 0], y, [0]), A, B),
    row("einsum", lambda x: np.einsum(x, [0, 0]), M),
    row("einsum", lambda x: np.einsum("ij,j->i", x, [1.0, 2.0, 3.0]), A),
    row("einsum", lambda x: np.einsum("i,i", [x[0], 1.0], [x[1], x[2]]), B),
    row("einsum", "ij->ji", A, order="F"),
    row("einsum", "ij->i", A, dtype=each("g", "D")),
    row("einsum", "ij,j->i", each(M, CM), C),
    row("tensordot", M, M, axes=each(0, 1, 2, ([1], [0]), ([0, 1], [1, 0]), (1, 0), ([-1], [0]))),
    row("tensordot", T, reals(4, 3, 5), axes=([1, 2], [1, 0])),
    row("tensordot", T, reals(4, 3, 2), axes=([2, 0], [0, 2])),
    row("tensordot", A, M, axes=np.array([[1], [0]])),
    row("linalg.tensordot", A, M, axes=1),
    row("trace", A, offset=each(0, 1, -2, 9)).but(dtypes=ALL),
    row("trace", T, each(0, 1), each(2), each(0, 1)),
    row("trace", A, dtype=each("g", "D")),
    row("linalg.trace", T, offset=each(0, 1)),
    row(
        "linalg.tensorsolve",
        lambda a, b: np.linalg.tensorsolve(a + 5 * _unit(), b),
        reals(2, 3, 6),
        reals(2, 3),
    ),
    row(
        "linalg.tensorsolve",
        lambda a, b: np.linalg.tensorsolve(np.transpose(a + 5 * _unit(), (0, 2, 1)), b, axes=(1,)),
        reals(2, 3, 6),
        reals(2, 3),
    ),
    row("linalg.tensorinv", lambda a: np.linalg.tensorinv(a + 5 * _unit()), reals(2, 3, 6)),
]

CROSSES = [
    row("cross", A, each(A, B, [1.0, 2.0, 3.0])),
    row("cross", [1.0, 2.0, 3.0], A),
    row("cross", reals(4, 1, 3), reals(5, 3)),
    row("cross", each(reals(2), reals(4, 2)), each(reals(2), B)),
    row("cross", A, reals(2)),
    row("cross", N, N, axis=0),
    row("cross", N, A, axisa=0, axisb=1, axisc=each(0, -1)),
    row("cross", reals(2, 4), each(reals(2, 4), N), axis=0),
    row("cross", reals(2, 4), N, axisa=0, axisb=0, axisc=0),
    row("cross", C, C),
    row("linalg.cross", A, A),
    row("linalg.cross", N, N, axis=0),
]


def _unit():
    return np.eye(6).reshape(2, 3, 6)


ROWS = [*MATRICES, *CONTRACTIONS, *CROSSES]
