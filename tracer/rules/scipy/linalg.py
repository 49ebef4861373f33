"""scipy.linalg: solutions, factors, matrix functions and matrices of a pattern.

>>> by_numpy(linalg.det, np.linalg.det)
>>> matrix_function(linalg.expm)      # by the block [[Aᵀ, ct], [0, Aᵀ]]: order 2 is free

Formulas: M. Giles, Collected matrix derivative results (2008); N. Higham, Functions of Matrices
(2008), for functions of matrices. Where a function reads one triangle or band only, so does its
derivative. ``overwrite_*`` never reaches a rule: a trace computes on copies.
"""

from typing import Any

import numpy as np
from scipy import linalg

from tracer.ops.registry import op_of
from tracer.rules.algebra.decomposition import adjoint, eigh_cotangent, half_below, is_complex
from tracer.rules.algebra.products import ndim, swap
from tracer.rules.declare import RULES, ZERO, Missing, composed, no_rule, pullback
from tracer.rules.helpers import sum_to
from tracer.rules.reductions.reduction import conj
from tracer.rules.scipy.special_helpers import applied

solve, solve_triangular, eigh = map(applied, (linalg.solve, linalg.solve_triangular, linalg.eigh))
STACKS = Missing("a stack of matrices: NumPy's function has that derivative")


# -- what is read of a matrix ---------------------------------------------------------------------
def read_part(a: Any, structure: Any, lower: bool = False) -> Any:
    """The matrix that a solver with ``assume_a=structure`` takes ``a`` for."""
    if structure in ("upper triangular", "lower triangular"):
        return np.triu(a) if structure.startswith("upper") else np.tril(a)
    if structure == "diagonal":
        return np.eye(a.shape[-1], dtype=a.dtype) * a
    if structure == "tridiagonal":
        return np.tril(np.triu(a, -1), 1)
    if structure in MIRRORED:
        half = np.tril(a) if lower else np.triu(a)
        other = np.tril(a, -1) if lower else np.triu(a, 1)
        return half + (swap(other) if structure in SYMMETRIC else adjoint(other))
    return a


SYMMETRIC = ("sym", "symmetric")
MIRRORED = (*SYMMETRIC, "pos", "positive definite", "her", "hermitian")


@composed(linalg.solve)
def _(a, b, lower=False, check_finite=True, assume_a=None, transposed=False):
    matrix = read_part(a, assume_a, lower)
    return np.linalg.solve(swap(matrix) if transposed else matrix, b)


@composed(linalg.inv)
def _(a, check_finite=True, assume_a=None, lower=False):
    return np.linalg.inv(read_part(a, assume_a, lower))


@pullback(linalg.solve_triangular, (0, 1))
def _(ct, a, b, trans=0, lower=False, unit_diagonal=False, check_finite=True, *, out):
    kind = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    given = {"lower": lower, "unit_diagonal": unit_diagonal}
    given = {name: True for name, value in given.items() if value}
    if kind == 2:  # the transpose of conj(A)ᵀ is conj(A)
        inner = conj(solve_triangular(a, conj(ct), **given))
    else:
        inner = (
            solve_triangular(a, ct, **given) if kind else solve_triangular(a, ct, trans=1, **given)
        )
    left, right = (inner, out) if kind == 0 else (out, inner)
    product = np.outer(left, right) if ndim(b) == 1 else left @ swap(right)
    product = conj(product) if kind == 2 else product
    edge = int(unit_diagonal)
    grad = np.tril(product, -edge) if lower else np.triu(product, edge)
    return sum_to(-grad, a), sum_to(inner, b)


# -- the same as NumPy's --------------------------------------------------------------------------
@composed(linalg.det)
def _(a, check_finite=True):
    return np.linalg.det(a)


@composed(linalg.norm)
def _(a, ord=None, axis=None, keepdims=False, check_finite=True):
    return np.linalg.norm(a, ord, axis, keepdims)


@composed(linalg.svdvals)
def _(a, check_finite=True):
    return np.linalg.svd(a, compute_uv=False)


@composed(linalg.pinv)
def _(a, atol=None, rtol=None, check_finite=True):
    return np.linalg.pinv(a, rcond=0.0 if rtol is None else rtol)


def numpy_rule(function: Any) -> Any:
    """The pullback that NumPy's function of the same name has."""
    return RULES[op_of(function)].pulls[0].function


@pullback(linalg.svd)
def _(cts, a, full_matrices=True, compute_uv=True, check_finite=True, lapack_driver="", *, out):
    return numpy_rule(np.linalg.svd)(cts, a, full_matrices, compute_uv, out=out)


@pullback(linalg.qr)
def _(cts, a, mode="full", check_finite=True, *, out):
    named = {"full": "complete", "economic": "reduced"}.get(mode, mode)
    return numpy_rule(np.linalg.qr)(cts, a, named, out=out)


@pullback(linalg.lstsq, (0, 1))
def _(cts, a, b, cond=None, check_finite=True, lapack_driver="", *, out):
    return numpy_rule(np.linalg.lstsq)(cts, a, b, out=out)


# -- factors --------------------------------------------------------------------------------------
def cholesky_cotangent(ct: Any, factor: Any, lower: bool) -> Any:
    """From the factor's triangle to the triangle of A that was read."""
    root = factor if lower else adjoint(factor)
    ct = conj(np.tril(ct if lower else swap(np.triu(ct)))) if lower else np.tril(swap(np.triu(ct)))
    inner = half_below(adjoint(root) @ ct)
    turned = np.linalg.inv(adjoint(root))
    grad = turned @ inner @ adjoint(turned)
    whole = 0.5 * (grad + adjoint(grad))
    whole = conj(whole + adjoint(whole))
    half = whole - 0.5 * np.tril(np.triu(whole))
    return np.tril(half) if lower else np.triu(half)


@pullback(linalg.cholesky)
def _(ct, a, lower=False, check_finite=True, *, out):
    return cholesky_cotangent(ct, out, lower)


@pullback(linalg.cho_factor)
def _(cts, a, lower=False, check_finite=True, *, out):
    """The other triangle of the result holds what was there in A."""
    ct, factor = cts[0], np.tril(out[0]) if lower else np.triu(out[0])
    rest = np.triu(ct, 1) if lower else np.tril(ct, -1)
    return cholesky_cotangent(ct, factor, lower) + rest


@pullback(linalg.cho_solve, (0, 1))
def _(ct, c_and_lower, b, check_finite=True, *, out):
    factor, lower = c_and_lower[0], bool(c_and_lower[1])
    if is_complex(factor):
        return Missing("a complex factor"), Missing("the right side of a complex factor")
    inner = applied(linalg.cho_solve)((factor, lower), ct)
    product = np.outer(inner, out) if ndim(b) == 1 else inner @ swap(out)
    both = -(product + swap(product))
    grad = np.tril(both @ np.tril(factor)) if lower else np.triu(np.triu(factor) @ both)
    return [grad, ZERO], inner


def permuted(pivots: Any, b: Any, back: bool) -> Any:
    """``P.T @ b``, or ``P @ b``, of LAPACK's row exchanges: a solution with L = U = 1."""
    unit = np.eye(b.shape[0])
    return applied(linalg.lu_solve)((unit, pivots), b, **({"trans": 1} if back else {}))


def lu_cotangent(ct_lower: Any, ct_upper: Any, lower: Any, upper: Any) -> Any:
    """Of L @ U, square."""
    inner = np.tril(swap(lower) @ ct_lower, -1) + np.triu(ct_upper @ swap(upper))
    half = np.linalg.solve(swap(lower), inner)
    return swap(np.linalg.solve(upper, swap(half)))


def unpacked(packed: Any) -> tuple[Any, Any]:
    unit = np.eye(packed.shape[-1], dtype=packed.dtype)
    return np.tril(packed, -1) + unit, np.triu(packed)


@pullback(linalg.lu_factor)
def _(cts, a, check_finite=True, *, out):
    packed, pivots = out
    if is_complex(a) or ndim(a) != 2 or a.shape[0] != a.shape[1]:
        return Missing("a matrix that is not real and square")
    grad = lu_cotangent(np.tril(cts[0], -1), np.triu(cts[0]), *unpacked(packed))
    return permuted(pivots, grad, back=True)


@pullback(linalg.lu_solve, (0, 1))
def _(ct, lu_and_piv, b, trans=0, check_finite=True, *, out):
    packed, pivots = lu_and_piv
    if is_complex(packed) or ndim(packed) != 2:
        return [Missing("complex factors"), ZERO], Missing("the right side of complex factors")
    turned = {} if trans else {"trans": 1}
    inner = applied(linalg.lu_solve)((packed, pivots), ct, **turned)
    left, right = (out, inner) if trans else (inner, out)
    product = -(np.outer(left, right) if ndim(b) == 1 else left @ swap(right))
    lower, upper = unpacked(packed)
    rows = permuted(pivots, product, back=False)
    grad = np.tril(rows @ swap(upper), -1) + np.triu(swap(lower) @ rows)
    return [grad, ZERO], inner


@pullback(linalg.lu)
def _(cts, a, check_finite=True, *, out):
    p, lower, upper = out
    if is_complex(a) or ndim(a) != 2 or a.shape[0] != a.shape[1]:
        return Missing("a matrix that is not real and square")
    ct_lower = 0.0 * lower if cts[1] is ZERO else cts[1]
    ct_upper = 0.0 * upper if cts[2] is ZERO else cts[2]
    return p @ lu_cotangent(ct_lower, ct_upper, lower, upper)


@pullback(linalg.eigh)
def _(cts, a, lower=True, eigvals_only=False, check_finite=True, driver=None, *, out):
    side = "L" if lower else "U"
    if eigvals_only:
        return _eigenvalues_cotangent(cts, a, lower)
    return eigh_cotangent(*cts, *out, side)


@pullback(linalg.eigvalsh)
def _(ct, a, lower=True, check_finite=True, driver=None):
    return _eigenvalues_cotangent(ct, a, lower)


def _eigenvalues_cotangent(ct: Any, a: Any, lower: bool) -> Any:
    w, v = eigh(a) if lower else eigh(a, lower=False)
    return eigh_cotangent(ct, ZERO, w, v, "L" if lower else "U")


# -- functions of matrices ------------------------------------------------------------------------
def matrix_function(function: Any) -> None:
    """The transposed Fréchet derivative is the corner of f of a block matrix (Higham, 3.16)."""
    call = applied(function)

    @pullback(function)
    def _(ct: Any, a: Any) -> Any:
        n, turned = a.shape[-1], swap(a)
        top = np.concatenate((turned, ct), axis=-1)
        bottom = np.concatenate((0 * turned, turned), axis=-1)
        return call(np.concatenate((top, bottom), axis=-2))[..., :n, n:]


for _f in (
    linalg.expm,
    linalg.logm,
    linalg.cosm,
    linalg.sinm,
    linalg.tanm,
    linalg.coshm,
    linalg.sinhm,
    linalg.tanhm,
):
    matrix_function(_f)

sylvester = applied(linalg.solve_sylvester)


@pullback(linalg.sqrtm)
def _(ct, a, *, out):
    turned = swap(out)  # X dX + dX X = dA
    return sylvester(turned, turned, ct) if ndim(a) == 2 else STACKS


@pullback(linalg.solve_sylvester, (0, 1, 2))
def _(ct, a, b, q, *, out):
    grad = sylvester(swap(a), swap(b), ct)
    return -(grad @ swap(out)), -(swap(out) @ grad), grad


@pullback(linalg.solve_continuous_lyapunov, (0, 1))
def _(ct, a, q, *, out):
    if is_complex(a) or is_complex(q):
        return Missing("a complex matrix"), Missing("a complex right side")
    grad = applied(linalg.solve_continuous_lyapunov)(swap(a), ct)
    return -(grad @ swap(out) + swap(grad) @ out), grad


@pullback(linalg.solve_discrete_lyapunov, (0, 1))
def _(ct, a, q, *, out):
    if is_complex(a) or is_complex(q):
        return Missing("a complex matrix"), Missing("a complex right side")
    grad = applied(linalg.solve_discrete_lyapunov)(swap(a), ct)
    return grad @ a @ swap(out) + swap(grad) @ a @ out, grad


# -- matrices of a pattern: elements of the arguments, at other places ----------------------------
def _flat(x: Any) -> Any:
    return np.reshape(x, (-1,))


@composed(linalg.toeplitz)
def _(c, r=None):
    r = conj(c) if r is None else r
    below, above = _flat(c), _flat(r)
    values = np.concatenate((below[::-1], above[1:]))
    rows, columns = np.ogrid[: below.shape[0], : above.shape[0]]
    return values[below.shape[0] - 1 - rows + columns]


@composed(linalg.hankel)
def _(c, r=None):
    c = _flat(c)
    r = 0 * c if r is None else _flat(r)
    rows, columns = np.ogrid[: c.shape[0], : r.shape[0]]
    return np.concatenate((c, r[1:]))[rows + columns]


@composed(linalg.circulant)
def _(c):
    rows, columns = np.ogrid[: c.shape[-1], : c.shape[-1]]
    return c[..., (rows - columns) % c.shape[-1]]


def from_bands(ab: Any, lower: int, upper: int) -> Any:
    """The matrix whose diagonals, from the ``upper``-th one down, are the rows of ``ab``."""
    size = ab.shape[1]
    return sum(
        [
            np.diag(ab[upper - k, max(k, 0) : size + min(k, 0)], k)
            for k in range(max(-lower, 1 - size), min(upper, size - 1) + 1)
        ]
    )


@composed(linalg.solve_banded)
def _(l_and_u, ab, b, **options):
    return np.linalg.solve(from_bands(ab, *l_and_u), b)


@composed(linalg.companion)
def _(a):
    n = a.shape[-1] - 1
    first = np.expand_dims(-a[..., 1:] / a[..., :1], -2)
    return np.concatenate((first, 0 * np.ones((n - 1, 1)) * first), axis=-2)


@composed(linalg.block_diag)
def _(*arrs):
    arrays = [np.atleast_2d(x) for x in arrs]
    return np.block(
        [
            [x if i == j else np.zeros((x.shape[-2], y.shape[-1])) for j, y in enumerate(arrays)]
            for i, x in enumerate(arrays)
        ]
    )


@composed(linalg.khatri_rao)
def _(a, b):
    product = np.expand_dims(a, 1) * np.expand_dims(b, 0)
    return np.reshape(product, (-1, a.shape[1]))


no_rule(
    linalg.polar,
    linalg.ldl,
    linalg.schur,
    linalg.rq,
    linalg.funm,
    linalg.expm_frechet,
    because="this factorisation has no rule; np.linalg has others",
)
no_rule(linalg.null_space, linalg.orth, because="a basis of a subspace is not unique")
no_rule(linalg.eig, because="its scaling of vectors is SciPy's own: np.linalg.eig has a rule")
