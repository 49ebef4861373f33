"""vmap against the plain function called once for each example: value, dtype, shape, gradient."""

import numpy as np
import pytest

from tracer import (
    cond,
    custom_jvp,
    custom_vjp,
    errors,
    fori_loop,
    grad,
    jacobian,
    jvp,
    scan,
    settings,
    stop_gradient,
    trace,
    value_and_grad,
    vjp,
    vmap,
    while_loop,
)  # fmt: skip
from tracer.graph.check import check
from tracer.ops.infer import infer
from tracer.transforms.batching.lanes import RULES
from tracer.trees import flatten

DRAW = np.random.default_rng(3)
V = DRAW.normal(size=(3, 4))  # three vectors
W = DRAW.normal(size=(3, 4))
M = DRAW.normal(size=(3, 4, 5))  # three matrices
T = DRAW.normal(size=(3, 2, 4, 5))
S = DRAW.normal(size=(3, 4, 4)) + 4 * np.eye(4)
P = S @ np.swapaxes(S, 1, 2)
N = DRAW.normal(size=3)  # three numbers
I = DRAW.integers(0, 4, size=(3, 6))
J = DRAW.integers(0, 4, size=3)
Z = V + 1j * W
MASK = V > 0
B = DRAW.normal(size=(4, 5))  # shared
C = DRAW.normal(size=4)


def expected(f, args, in_axes=0):
    """What vmap has to give: the plain function's results, stacked."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    size = next(a.shape[k] for a, k in zip(args, axes) if k is not None)
    rows = []
    for number in range(size):
        given = [a if k is None else np.moveaxis(a, k, 0)[number] for a, k in zip(args, axes)]
        given = [a.copy("K") if isinstance(a, np.ndarray) else a for a in given]
        rows.append(flatten(f(*given)))
    return [np.stack(column) for column in zip(*[leaves for leaves, _ in rows])]


def agree(f, *args, in_axes=0, tolerance=1e-12):
    found = flatten(vmap(f, in_axes)(*args))[0]
    for got, want in zip(found, expected(f, args, in_axes), strict=True):
        assert isinstance(got, np.ndarray)
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def without_loop(f, x, infers=True):
    """That every node was batched by a rule: the graph is shorter than the batch is long."""
    many = np.concatenate([x] * 20)
    graph = vmap(f).graph(many, mode="forward")
    check(graph, after="batch", infer=infer if infers else None)
    assert len(graph.order) < len(many)


# name: (function, arguments, axes)
ONE = {}
# elementwise, with operands of unequal rank
ONE |= {
    "tanh": (np.tanh, M),
    "affine": (lambda x: 2 * x**2 + 1, M),
    "column": (lambda x: x * np.sum(x, axis=0) - x[:, :1], M),
    "outer sum": (lambda x: x[:, None] + x[None, :] * C, V),
    "power": (lambda x: np.abs(x) ** 2.5, M),
    "divmod": (lambda x: np.divmod(x, 0.3), V),
    "modf": (lambda x: np.modf(x * 3), M),
    "where": (lambda x: np.where(x > 0, x, C), V),
    "where scalar": (lambda x: np.where(x[0] > 0, C, 0.0), V),
    "clip": (lambda x: np.clip(x, -0.5, C), V),
    "clip by own": (lambda x: np.clip(x, x[0] - 1, None), V),
    "masked ufunc": (lambda x: np.add(x, 1.0, where=x > 0, out=np.zeros(4)), V),
    "nan_to_num": (lambda x: np.nan_to_num(x / (x > 0)), V),
    "round": (lambda x: np.round(x, 2), V),
    "select": (lambda x: np.select([x > 1, x > 0], [x, C], 7.0), V),
    "choose": (lambda x: np.choose((x > 0).astype(int), [x, C]), V),
    "complex": (lambda z: np.exp(z) * z.conj() + z.imag, Z),
    "compare": (lambda x: (x > 0) & (x < C), V),
    "astype": (lambda x: x.astype(np.float32) * 2, V),
    "angle": (np.angle, Z),
}  # fmt: skip
# reductions
ONE |= {
    "sum": (np.sum, M),
    "sum 0": (lambda x: x.sum(0), M),
    "sum -1": (lambda x: x.sum(-1, keepdims=True), M),
    "sum axes": (lambda x: x.sum((0, -1)), T),
    "sum none": (lambda x: x.sum(()), M),
    "sum number": (lambda x: np.sum(x[0]), V),
    "sum where": (lambda x: np.sum(x, where=x > 0, initial=2.0), V),
    "max where": (lambda x: np.max(x, axis=0, where=x > 0, initial=-1.0), M),
    "initial": (lambda x: np.max(x, initial=x[1] + 0.3), V),
    "mean": (lambda x: np.mean(x, axis=1), M),
    "var": (lambda x: np.var(x, axis=0, ddof=1), M),
    "std": (lambda x: x.std(keepdims=True), M),
    "prod": (lambda x: np.prod(x, axis=1), M),
    "argmax": (np.argmax, M),
    "argmax keep": (lambda x: np.argmax(x, keepdims=True), M),
    "argmin 0": (lambda x: np.argmin(x, axis=0), M),
    "any": (lambda x: np.any(x > 1, axis=0), M),
    "count": (lambda x: np.count_nonzero(x > 0, axis=1), M),
    "ptp": (lambda x: np.ptp(x, axis=-1), M),
    "median": (lambda x: np.median(x, axis=0), M),
    "quantile": (lambda x: np.quantile(x, np.array([0.2, 0.7]), axis=0), M),
    "percentile": (lambda x: np.percentile(x, 30), M),
    "average": (lambda x: np.average(x, axis=0, weights=np.abs(C)), M),
    "cumsum": (np.cumsum, M),
    "cumsum 0": (lambda x: np.cumsum(x, axis=0), M),
    "cumprod": (lambda x: np.cumprod(x, axis=-1), M),
    "nansum": (lambda x: np.nansum(np.where(x > 1, np.nan, x), axis=0), M),
    "diff": (lambda x: np.diff(x, axis=0), M),
    "gradient": (lambda x: np.gradient(x), V),
    "trapezoid": (lambda x: np.trapezoid(x, dx=0.5, axis=0), M),
    "reduceat": (lambda x: np.add.reduceat(x, [0, 2]), V),
    "accumulate": (lambda x: np.maximum.accumulate(x, axis=1), M),
}  # fmt: skip
# shapes
ONE |= {
    "reshape": (lambda x: x.reshape(2, -1), M),
    "reshape F": (lambda x: x.reshape((2, 10), order="F"), M),
    "ravel": (np.ravel, M),
    "flatten": (lambda x: x.flatten(), M),
    "T": (lambda x: x.T, M),
    "transpose": (lambda x: np.transpose(x, (2, 0, 1)), T),
    "swapaxes": (lambda x: x.swapaxes(0, -1), T),
    "moveaxis": (lambda x: np.moveaxis(x, -1, 0), T),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 1), T),
    "mT": (lambda x: x.mT, T),
    "expand": (lambda x: np.expand_dims(x, (0, -1)), M),
    "squeeze": (lambda x: x[:1].squeeze(), M),
    "squeeze axis": (lambda x: x[:1, :1].squeeze(0), M),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 4)), V),
    "atleast": (lambda x: np.atleast_2d(x) @ np.atleast_3d(x)[0], V),
    "flip": (lambda x: np.flip(x), M),
    "flip 1": (lambda x: np.flip(x, 1), M),
    "fliplr": (np.fliplr, M),
    "rot90": (lambda x: np.rot90(x, 3), M),
    "roll": (lambda x: np.roll(x, 2), M),
    "roll axes": (lambda x: np.roll(x, (1, 2), axis=(0, 1)), M),
    "repeat": (lambda x: np.repeat(x, 2), M),
    "repeat each": (lambda x: np.repeat(x, [1, 0, 2, 1], axis=0), M),
    "tile": (lambda x: np.tile(x, (2, 1, 2)), M),
    "tril": (lambda x: np.tril(x, -1), M),
    "tril of a row": (lambda x: np.triu(x), V),
    "pad": (lambda x: np.pad(x, ((1, 0), (0, 2))), M),
    "pad edge": (lambda x: np.pad(x, 1, mode="edge"), M),
    "pad constant": (lambda x: np.pad(x, 2, constant_values=(1.0, 2.0)), V),
    "pad own": (lambda x: np.pad(x, 1, constant_values=x[0]), V),
    "split": (lambda x: np.split(x, 2), M),
    "array_split": (lambda x: np.array_split(x, 3, axis=-1), M),
    "hsplit": (lambda x: np.hsplit(x, [1, 3]), M),
    "hsplit of a row": (lambda x: np.hsplit(x, 2), V),
    "unstack": (lambda x: np.unstack(x, axis=1), M),
    "diag": (lambda x: np.diag(x), V),
    "diag k": (lambda x: np.diag(x, -1) + np.diag(x, 1).T, V),
    "diag of a matrix": (lambda x: np.diag(x, 1), M),
    "diagonal": (lambda x: np.diagonal(x, 0, 1, 2), T),
    "trace": (np.trace, M),
    "sort": (lambda x: np.sort(x, axis=0), M),
    "sort flat": (lambda x: np.sort(x, axis=None), M),
    "argsort": (np.argsort, M),
    "partition": (lambda x: np.sort(np.partition(x, 2)[:2]), V),
    "meshgrid": (lambda x: np.meshgrid(x, C[:2]), V),
    "meshgrid ij": (lambda x: np.meshgrid(x, x[:3], indexing="ij"), V),
    "broadcast_arrays": (lambda x: np.broadcast_arrays(x, B.T), V),
    "zeros_like": (lambda x: np.zeros_like(x) + np.ones_like(x, dtype=np.float32), M),
    "full": (lambda x: np.full((2, 3), x[0]), V),
    "full_like": (lambda x: np.full_like(x, x[0]), V),
    "linspace": (lambda x: np.linspace(x[0], x[1], 5), V),
    "linspace of arrays": (lambda x: np.linspace(x, C, 3, axis=1), V),
}  # fmt: skip
# joining
ONE |= {
    "concatenate": (lambda x: np.concatenate([x, B]), M),
    "concatenate -1": (lambda x: np.concatenate([B[:, :2], x, x], axis=-1), M),
    "concatenate flat": (lambda x: np.concatenate([x, B], axis=None), M),
    "stack": (lambda x: np.stack([x, C], axis=1), V),
    "stack -1": (lambda x: np.stack([C, x, 2 * x], axis=-1), V),
    "vstack": (lambda x: np.vstack([x, C]), V),
    "hstack": (lambda x: np.hstack([x, 1.0, C]), V),
    "hstack matrices": (lambda x: np.hstack([x, B]), M),
    "dstack": (lambda x: np.dstack([x, C]), V),
    "column_stack": (lambda x: np.column_stack([x, C]), V),
    "block": (lambda x: np.block([[x, B], [B, x]]), M),
    "append": (lambda x: np.append(x, 1.0), V),
    "append rows": (lambda x: np.append(x, B, axis=0), M),
    "array": (lambda x: np.array([[x[0], 1.0], [x[1], x[2]]]), V),
    "array of rows": (lambda x: np.array([x, C, x]), V),
    "float32 array": (lambda x: np.array([x[0], 2], dtype=np.float32), V),
}  # fmt: skip
# indexing
ONE |= {
    "element": (lambda x: x[1] * x[-1], V),
    "slice": (lambda x: x[1:3, ::-1], M),
    "ellipsis": (lambda x: x[..., 0], T),
    "newaxis": (lambda x: x[None, :, None], V),
    "array index": (lambda x: x[[2, 0, 2]], M),
    "array index 1": (lambda x: x[:, np.array([[2, 0], [1, 1]])], M),
    "two arrays": (lambda x: x[[0, 1], [2, 3]], M),
    "apart": (lambda x: x[0, :, [1, 2, 3]], T),
    "apart arrays": (lambda x: x[[0, 1], :, [1, 2]], T),
    "known mask": (lambda x: x[np.array([True, False, True, True])], M),
    "whole": (lambda x: x[...] + x[()], V),
    "take": (lambda x: np.take(x, [1, 3]), M),
    "take 1": (lambda x: np.take(x, [[1], [3]], axis=1), M),
    "take wrap": (lambda x: np.take(x, [5, -7], axis=0, mode="wrap"), M),
    "compress": (lambda x: np.compress([True, False, True], x, axis=1), M),
    "flat": (lambda x: x.flat[3], M),
}  # fmt: skip
# products
ONE |= {
    "dot self": (lambda x: x @ x, V),
    "dot shared": (lambda x: x @ C, V),
    "vector matrix": (lambda x: x @ B, V),
    "matrix vector": (lambda x: B.T @ x, V),
    "matrix matrix": (lambda x: x @ B.T, M),
    "shared matrix": (lambda x: B.T @ x, M),
    "matrix row": (lambda x: x.T @ C, M),
    "gram": (lambda x: x @ x.T, M),
    "stacked": (lambda x: x @ B.T + np.matmul(x[0], x.mT), T),
    "stacked vector": (lambda x: x @ C, S),
    "vector stacked": (lambda x: C @ x, T),
    "complex dot": (lambda z: z @ z, Z),
    "dot": (lambda x: np.dot(x, B), V),
    "dot number": (lambda x: np.dot(x, x[0]), V),
    "dot stacked": (lambda x: np.dot(x, B.T), T),
    "inner": (lambda x: np.inner(x, B.T), V),
    "outer": (lambda x: np.outer(x, C), V),
    "vdot": (lambda z: np.vdot(z, z * 2), Z),
    "vecdot": (lambda z: np.vecdot(z, C), Z),
    "tensordot": (lambda x: np.tensordot(x, B, axes=[[1, 2], [0, 1]]), T),
    "tensordot right": (lambda x: np.tensordot(B, x, axes=[[0], [1]]), T),
    "einsum": (lambda x: np.einsum("ij,ij->i", x, B), M),
    "einsum dots": (lambda x: np.einsum("...j,kj", x, B), T),
    "einsum trace": (lambda x: np.einsum("ii", x[:, :4]), M),
    "kron": (lambda x: np.kron(x, B), M),
    "kron ranks": (lambda x: np.kron(x, B), V),
    "cross": (lambda x: np.cross(x[:3], C[1:]), V),
    "convolve": (lambda x: np.convolve(x, C), V),
    "interp": (lambda x: np.interp(x, np.arange(4.0), C), V),
    "searchsorted": (lambda x: np.searchsorted(np.sort(C), x), V),
    "polyval": (lambda x: np.polyval(C, x), V),
    "polyval own": (lambda x: np.polyval(x, C), V),
}  # fmt: skip
# linear algebra
ONE |= {
    "inv": (np.linalg.inv, S),
    "det": (np.linalg.det, S),
    "slogdet": (lambda x: tuple(np.linalg.slogdet(x)), S),
    "solve": (lambda x: np.linalg.solve(x, C), S),
    "solve columns": (lambda x: np.linalg.solve(x, B), S),
    "solve right": (lambda x: np.linalg.solve(P[0], x), V),
    "cholesky": (np.linalg.cholesky, P),
    "eigh": (lambda x: np.linalg.eigh(x)[0], P),
    "svd": (lambda x: np.linalg.svd(x, compute_uv=False), M),
    "qr": (lambda x: np.abs(np.linalg.qr(x)[1]), M),
    "pinv": (np.linalg.pinv, M),
    "norm": (np.linalg.norm, M),
    "norm 1": (lambda x: np.linalg.norm(x, 1, axis=0), M),
    "norm keep": (lambda x: np.linalg.norm(x, keepdims=True), M),
    "norm matrix": (lambda x: np.linalg.norm(x, "nuc"), M),
    "matrix_power": (lambda x: np.linalg.matrix_power(x, 3), S),
    "multi_dot": (lambda x: np.linalg.multi_dot([x, B, B.T]), S),
}  # fmt: skip
# Fourier
ONE |= {
    "fft": (np.fft.fft, M),
    "rfft": (lambda x: np.fft.rfft(x, 6, axis=0), M),
    "irfft": (lambda x: np.fft.irfft(np.fft.rfft(x)), V),
    "fftn": (np.fft.fftn, M),
    "fft2": (np.fft.fft2, T),
    "fftshift": (np.fft.fftshift, M),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_one_argument(name):
    f, x = ONE[name]
    agree(f, x)
    if x.ndim > 1:
        agree(f, np.moveaxis(x, 0, -1), in_axes=-1)


LOOPS = (
    "initial", "reduceat", "accumulate", "reshape F", "tril of a row", "pad own", "pad constant",
    "convolve", "multi_dot",
)  # fmt: skip


@pytest.mark.parametrize("name", [n for n in ONE if n not in LOOPS])
def test_batched_by_a_rule(name):
    f, x = ONE[name]
    without_loop(f, x, infers=name not in ("known mask", "compress"))  # sizes from a mask's values


@pytest.mark.parametrize("name", [n for n in ONE if ONE[n][1].dtype.kind == "f"])
def test_gradient_through_the_batch(name):
    """The gradient of the batch's sum is the batch of the gradients."""
    f, x = ONE[name]

    def total(y):
        leaves = [leaf for leaf in flatten(f(y))[0] if np.asarray(leaf).dtype.kind in "fc"]
        return sum([np.sum(np.real(leaf) ** 2) + np.sum(np.imag(leaf)) for leaf in leaves], 0.0)

    try:
        one = grad(total)
        want = np.stack([one(row) for row in x])
    except errors.MissingRule:
        pytest.skip("no derivative rule")
    np.testing.assert_allclose(vmap(one)(x), want, rtol=1e-9, atol=1e-9)
    batched = grad(lambda y: np.sum(vmap(total)(y)))(x)
    np.testing.assert_allclose(batched, want, rtol=1e-9, atol=1e-9)


SEVERAL = {
    "numbers": (lambda x, s: x * s, (V, N), (0, 0)),
    "shared number": (lambda x, s: x * s, (V, np.float64(3)), (0, None)),
    "shared first": (lambda w, x: w @ x, (B.T, V), (None, 0)),
    "other axis": (lambda x, y: x @ y, (M, M.T), (0, 2)),
    "pick": (lambda x, i: x[i], (V, J), (0, 0)),
    "pick from shared": (lambda x, i: x[i], (B, J), (None, 0)),
    "pick column": (lambda x, i: x[:, i], (M, J), (0, 0)),
    "pick column of shared": (lambda x, i: x[:, i], (B, J), (None, 0)),
    "gather": (lambda x, i: x[i], (M, I), (0, 0)),
    "gather columns": (lambda x, i: x[:, i], (M, I), (0, 0)),
    "gather columns of shared": (lambda x, i: x[:, i], (B, I), (None, 0)),
    "gather apart": (lambda x, i: x[i % 2, :, i], (T, I), (0, 0)),
    "gather two": (lambda x, i: x[i, i[::-1]], (M, I), (0, 0)),
    "gather beside": (lambda x, i: x[:, i, 1:3], (T, I), (0, 0)),
    "gather new": (lambda x, i: x[None, i], (M, I), (0, 0)),
    "gather wide": (lambda x, i: x[i[:, None], i[:2]], (M, I), (0, 0)),
    "take": (lambda x, i: np.take(x, i), (M, I), (0, 0)),
    "take 1": (lambda x, i: np.take(x, i, axis=1), (M, I), (0, 0)),
    "take of shared": (lambda x, i: np.take(x, i, axis=1), (B, I), (None, 0)),
    "along": (lambda x, i: np.take_along_axis(x, i, axis=0), (V, I), (0, 0)),
    "along shared": (lambda x, i: np.take_along_axis(x, i, axis=0), (C, I), (None, 0)),
    "along sort": (lambda x, y: np.take_along_axis(y, np.argsort(x), axis=0), (V, W), (0, 0)),
    "solve both": (np.linalg.solve, (S, V), (0, 0)),
    "solve shared": (np.linalg.solve, (S[0], V), (None, 0)),
    "solve shared right": (lambda a, b: np.linalg.solve(a, b), (S, B), (0, None)),
    "tensordot both": (lambda a, b: np.tensordot(a, b, axes=1), (S, M), (0, 0)),
    "kron both": (np.kron, (V, M), (0, 0)),
    "cross both": (lambda a, b: np.cross(a[:3], b[1:]), (V, W), (0, 0)),
    "outer both": (np.outer, (V, W), (0, 0)),
    "maximum": (np.maximum, (V, W), (0, 0)),
    "where both": (lambda m, x: np.where(m, x, -1.0), (MASK, V), (0, 0)),
    "sum where both": (lambda m, x: np.sum(x, where=m), (MASK, V), (0, 0)),
    "sum where of shared": (lambda m, x: np.sum(x, where=m), (MASK, C), (0, None)),
    "searchsorted own": (np.searchsorted, (np.sort(V), W), (0, 0)),
    "interp own": (lambda x, y: np.interp(x, np.arange(4.0), y), (V, W), (0, 0)),
    "complex and real": (lambda z, x: z * x + 1j, (Z, V), (0, 0)),
    "vdot both": (np.vdot, (Z, V), (0, 0)),
    "full": (lambda s: np.full((2, 2), s), (N,), (0,)),
    "arange": (lambda s: np.arange(3) * s, (N,), (0,)),
    "linspace": (lambda a, b: np.linspace(a, b, 4), (N, N + 2), (0, 0)),
    "stack numbers": (lambda a, b: np.stack([a, b, 1.0]), (N, N), (0, 0)),
    "append number": (lambda x, s: np.append(x, s), (V, N), (0, 0)),
    "hypot of numbers": (lambda a, b: np.hypot(a, b) + np.float32(1), (N, N), (0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_several_arguments(name):
    f, args, axes = SEVERAL[name]
    agree(f, *args, in_axes=axes)


# -- writes -------------------------------------------------------------------------------------
def write_element(x):
    x = x.copy()
    x[1] = x[0] * 2
    x[2:] += 1
    return x


def write_rows(x):
    out = np.zeros((2, 4))
    out[0] = x
    out[1, ::2] = x[:2]
    return out


def write_gathered(x, i):
    out = np.zeros((4, 5))
    out[i[:2]] = x[:2]
    out[:, i[0]] = 7
    return out


def write_apart(x, i):
    out = np.zeros((2, 4, 5))
    out[i % 2, :, i] = x[0, 0, :4]
    out[0, :, [1, 2]] = x[0, :2, :4]
    return out


def write_before(x, i):
    out = np.zeros((4, 5, 4))
    out[:, i] = x[0, :, 0][:, None, None] + x[0, 0, :4]
    return out


def add_at(x, i):
    out = np.zeros(4)
    np.add.at(out, i, x[0] + np.arange(6.0))
    return out


def write_mask(x):
    x = x.copy()
    x[x < 0] = 0.5
    x[np.array([True, False, False, True])] *= 2
    return x


def write_masked_values(x):
    y = x.copy()
    y[x > 0] = np.sqrt(x[x > 0])
    return y


def loop_writes(x):
    out = np.zeros(4)
    for k in range(4):
        out[k] = np.sum(x[: k + 1]) * k
    return out


def fill(x):
    y = np.empty((3, 4))
    y.fill(2.0)
    y[1:] = x
    np.fill_diagonal(y, x[0])
    return y


WRITES = {
    "element": (write_element, (V,)), "rows": (write_rows, (V,)), "loop": (loop_writes, (V,)),
    "gathered": (write_gathered, (M, I)), "apart": (write_apart, (T, I)),
    "before": (write_before, (T, I)), "add.at": (add_at, (V, I)), "mask": (write_mask, (V,)),
    "masked values": (write_masked_values, (V,)), "fill": (fill, (V,)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_writes(name):
    f, args = WRITES[name]
    agree(f, *args)
    one = lambda *a: np.sum(f(*a) ** 2)
    want = np.stack([grad(one)(*[a[k] for a in args]) for k in range(3)])
    np.testing.assert_allclose(vmap(grad(one))(*args), want, rtol=1e-10, atol=1e-12)


def test_argument_is_written_as_plain_code_does():
    def halve(x):
        x /= 2
        return x.sum()

    plain, ours = V.copy(), V.copy()
    want = np.stack([halve(row) for row in plain])
    np.testing.assert_array_equal(vmap(halve)(ours), want)
    np.testing.assert_array_equal(ours, plain)


def test_a_shared_argument_is_written_in_turn():
    def accumulate(total, x):
        total += x
        return total * 1.0

    plain, ours = np.zeros(4), np.zeros(4)
    want = np.stack([accumulate(plain, row) for row in V])
    np.testing.assert_array_equal(vmap(accumulate, (None, 0))(ours, V), want)
    np.testing.assert_array_equal(ours, plain)


# -- dtypes -------------------------------------------------------------------------------------
HALF, SINGLE = V.astype(np.float16), V.astype(np.float32)
PROMOTING = {
    "weak float": (lambda x: x * 2.0, SINGLE),
    "weak int": (lambda x: x + 1, HALF),
    "item": (lambda x: x * x[0].item(), SINGLE),
    "item of item": (lambda x: x * (x[0].item() + x[1].item()), HALF),
    "item in where": (lambda x: np.where(x > 0, x, x[0].item()), SINGLE),
    "item in clip": (lambda x: np.clip(x, x[0].item(), None), SINGLE),
    "item stacked": (lambda x: np.stack([x[0].item(), x[1].item()]), SINGLE),
    "item power": (lambda x: x ** abs(x[0].item()), np.abs(SINGLE)),
    "item division": (lambda x: x / (x[0].item() / 3), SINGLE),
    "item minmax": (lambda x: np.maximum(x, x[0].item()), HALF),
    "tolist": (lambda x: x * x.tolist()[1], SINGLE),
    "scalar": (lambda x: x * np.float64(2), SINGLE),
    "own scalar": (lambda x: x.astype(np.float64)[0] * x, SINGLE),
    "sum of bools": (lambda x: np.sum(x > 0), SINGLE),
    "sum of small": (lambda x: np.sum(x.astype(np.int8)), SINGLE),
    "mean of half": (lambda x: np.mean(x), HALF),
    "int true division": (lambda x: x / 3, (V * 10).astype(np.int32)),
    "int power": (lambda x: x**2 + x % 3, (V * 10).astype(np.int16)),
    "uint": (lambda x: x + np.uint8(200), (V * 0 + 100).astype(np.uint8)),
    "bool": (lambda x: ~x | x[::-1], V > 0),
    "longdouble": (lambda x: x * 2 + 1.0, V.astype(np.longdouble)),
    "complex64": (lambda x: x * 1j, SINGLE),
    "int item": (lambda x: x * x[0].item(), (V * 10).astype(np.int32)),
    "big int item": (lambda x: x[0].item() ** 3 * x, (V * 10).astype(np.int32)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROMOTING)
def test_promotion_is_that_of_one_example(name):
    f, x = PROMOTING[name]
    agree(f, x, tolerance=2e-3 if x.dtype == np.float16 else 1e-5)


# -- axes ---------------------------------------------------------------------------------------
def test_axes_of_trees():
    params = {"w": M, "b": (C, 2.0)}
    f = lambda p, x: {"y": x @ p["w"] + p["b"][0][0] * p["b"][1], "n": np.sum(x)}
    got = vmap(f, ({"w": 0, "b": None}, 0))(params, V)
    want = [f({"w": M[k], "b": (C, 2.0)}, V[k]) for k in range(3)]
    np.testing.assert_allclose(got["y"], np.stack([row["y"] for row in want]))
    np.testing.assert_allclose(got["n"], np.stack([row["n"] for row in want]))
    got = vmap(f, ({"w": 0, "b": (None, None)}, -1))(params, V.T)
    np.testing.assert_allclose(got["y"], np.stack([row["y"] for row in want]))


def test_out_axes():
    f = lambda x: (x, np.sum(x), x[None] * 2, "note", 7)
    moved = vmap(f, out_axes=(1, 0, -1, 0, 0))(V)
    np.testing.assert_array_equal(moved[0], V.T)
    np.testing.assert_array_equal(moved[2], np.moveaxis(V[:, None] * 2, 0, -1))
    assert moved[3] == "note" and moved[4].tolist() == [7, 7, 7]
    shared, own = vmap(lambda x: (C * 2, x), out_axes=(None, 0))(V)
    np.testing.assert_array_equal(shared, C * 2)
    np.testing.assert_array_equal(own, V)
    repeated = vmap(lambda x: C * 2)(V)
    np.testing.assert_array_equal(repeated, np.stack([C * 2] * 3))
    repeated[0] = 0  # memory of its own
    assert repeated[1].any()
    with pytest.raises(errors.BatchError, match="out_axes"):
        vmap(lambda x: x, out_axes=None)(V)
    with pytest.raises(errors.BatchError, match="out_axes"):
        vmap(np.sum, out_axes=1)(V)


def test_keywords_defaults_and_methods():
    def f(x, y=2.0, *, mode="sum", z=None):
        found = x * y if z is None else x * y + z
        return found.sum() if mode == "sum" else found

    np.testing.assert_allclose(vmap(f)(V), 2 * V.sum(1))
    np.testing.assert_allclose(vmap(f)(V, mode="all", z=W), 2 * V + W)
    np.testing.assert_allclose(vmap(f)(V, y=3.0), 3 * V.sum(1))
    np.testing.assert_allclose(vmap(f)(x=V), 2 * V.sum(1))
    np.testing.assert_allclose(vmap(f, 1)(V.T, z=W, mode="all"), 2 * V + W)

    class Model:
        scale = 3.0

        def predict(self, x):
            return self.scale * x[0]

    model = Model()
    mapped = vmap(model.predict)
    np.testing.assert_allclose(mapped(V), 3 * V[:, 0])
    model.scale = 4.0
    np.testing.assert_allclose(mapped(V), 4 * V[:, 0])


def test_errors():
    with pytest.raises(errors.BatchError, match="x1 has 3, x2 has 4"):
        vmap(np.multiply)(V, B)
    with pytest.raises(ValueError, match="number"):
        vmap(lambda x, y: x * y)(V, 2.0)
    with pytest.raises(ValueError, match="axis 2"):
        vmap(lambda x: x, 2)(V)
    with pytest.raises(ValueError, match="no argument is mapped"):
        vmap(lambda x: x, None)(V)
    with pytest.raises(ValueError, match="entries"):
        vmap(lambda x: x, (0, 0))(V)
    with pytest.raises(ValueError, match="structure"):
        vmap(lambda x: x["a"], ({"b": 0},))({"a": V})
    for wrong in ("0", 1.0, True, {"x": 0}):
        with pytest.raises(TypeError):
            vmap(lambda x: x, wrong)(V)
    with pytest.raises(ValueError, match="shapes"):
        vmap(lambda x: x[x > 0])(np.array([[1.0, 2.0], [1.0, -1.0]]))


# -- branches and sizes that differ ---------------------------------------------------------------
def test_examples_take_their_own_branches():
    def f(x):
        if x.sum() > 0:
            return np.sqrt(x.sum()) * x
        return -x

    agree(f, V)
    agree(f, np.abs(V))
    mapped = vmap(f)
    for batch_ in (V, np.abs(V), -np.abs(V), V[::-1].copy()):
        np.testing.assert_allclose(mapped(batch_), np.stack([f(row) for row in batch_]))
    want = np.stack([grad(lambda x: np.sum(f(x)))(row) for row in V])
    np.testing.assert_allclose(vmap(grad(lambda x: np.sum(f(x))))(V), want)
    np.testing.assert_allclose(grad(lambda x: np.sum(vmap(f)(x)))(V), want)


def test_loops_of_unequal_length():
    def collatz(n):
        steps = 0
        while n > 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    numbers = np.array([1, 2, 3, 6, 7])
    assert vmap(collatz)(numbers).tolist() == [collatz(n) for n in numbers.tolist()]


def test_masked_sums():
    agree(lambda x: np.sum(x[x > 0] ** 2), V)
    agree(lambda x: np.mean(x[np.isfinite(x)]), V)


def test_exception_of_one_example():
    with pytest.raises(np.linalg.LinAlgError):
        vmap(np.linalg.inv)(np.stack([np.eye(2), np.zeros((2, 2))]))

    def safe(a):
        try:
            return np.linalg.inv(a)
        except np.linalg.LinAlgError:
            return a * 0

    agree(safe, np.stack([np.eye(2), np.zeros((2, 2))]))
    agree(safe, np.stack([np.zeros((2, 2)), np.eye(2)]))


@pytest.mark.parametrize("f", [np.sum, np.tanh, lambda x: x @ x, lambda x: x[x > 0].sum()])
def test_empty_batch(f):
    got = vmap(f)(np.ones((0, 4), np.float32))
    one = f(np.ones(4, np.float32))
    assert got.shape == (0, *np.shape(one)) and got.dtype == one.dtype


def test_batch_of_one_and_odd_memory():
    agree(lambda x: np.tanh(x) @ x, V[:1])
    agree(lambda x: np.tanh(x).T @ x, np.asfortranarray(M))
    agree(lambda x: np.cumsum(x[::-1]), V[::-1, ::-2])
    agree(lambda x: x.ravel(order="K"), np.asfortranarray(M))


# -- with other transforms ------------------------------------------------------------------------
def loss(w, x, y):
    return (np.tanh(x @ w) - y) ** 2


def test_gradient_of_each_example():
    gradients = vmap(grad(loss), (None, 0, 0))(C, V, N)
    want = np.stack([grad(loss)(C, x, y) for x, y in zip(V, N)])
    np.testing.assert_allclose(gradients, want)
    values, again = vmap(value_and_grad(loss), (None, 0, 0))(C, V, N)
    np.testing.assert_allclose(again, want)
    np.testing.assert_allclose(values, np.stack([loss(C, x, y) for x, y in zip(V, N)]))
    total = grad(lambda w: np.sum(vmap(loss, (None, 0, 0))(w, V, N)))(C)
    np.testing.assert_allclose(total, want.sum(0))


def test_nested_and_of_derivatives():
    f = lambda a, b: np.exp(a * b)
    table = vmap(vmap(f, (None, 0)), (0, None))(N, C)
    np.testing.assert_allclose(table, np.exp(np.outer(N, C)))
    slope = vmap(vmap(grad(f), (None, 0)), (0, None))(N, C)
    np.testing.assert_allclose(slope, C * np.exp(np.outer(N, C)))
    g = lambda x: np.tanh(B.T @ x)
    want = np.stack([jacobian(g)(x) for x in V])
    for mode in ("reverse", "forward"):
        np.testing.assert_allclose(vmap(jacobian(g, mode=mode))(V), want)
    pushed = vmap(lambda x, t: jvp(g, (x,), (t,))[1])(V, W)
    np.testing.assert_allclose(pushed, np.einsum("bij,bj->bi", want, W))
    pulled = vmap(lambda x, ct: vjp(g, x)[1](ct)[0])(V, np.ones((3, 5)))
    np.testing.assert_allclose(pulled, want.sum(1))
    whole = jacobian(vmap(g))(V)
    np.testing.assert_allclose(np.einsum("bibj->bij", whole), want)
    second = jacobian(vmap(grad(lambda x: np.sum(g(x) ** 2))))(V)
    one = jacobian(grad(lambda x: np.sum(g(x) ** 2)))
    np.testing.assert_allclose(np.einsum("bibj->bij", second), np.stack([one(x) for x in V]))


def test_in_a_traced_function():
    @trace
    def f(w, x):
        rows = vmap(lambda row: np.tanh(row @ w))(x)
        return np.sum(vmap(np.multiply, (0, None))(rows, 2.0))

    want = 2 * np.sum(np.tanh(V @ C))
    np.testing.assert_allclose(f(C, V), want)
    np.testing.assert_allclose(grad(f)(C, V), grad(lambda w: 2 * np.sum(np.tanh(V @ w)))(C))


def test_programs_are_kept():
    reasons = []
    for _ in range(3):
        mapped = vmap(grad(lambda w, x: np.sum(np.tanh(x @ w))), (None, 0))
        mapped(C, V)
        reasons = mapped.cache.reasons
    assert len(reasons) == 1
    scale = 2.0
    mapped = vmap(lambda x: x * scale)
    np.testing.assert_array_equal(mapped(V), V * 2)
    scale = 3.0
    np.testing.assert_array_equal(mapped(V), V * 3)
    for factor in (4.0, 5.0):
        np.testing.assert_array_equal(vmap(lambda x: x * factor)(V), V * factor)


def test_source_is_short():
    source = vmap(grad(loss), (None, 0, 0)).source(C, V, N, mode="forward")
    body = [line for line in source.split("def forward")[1].splitlines() if "=" in line]
    assert len(body) <= 4 and "np.stack" not in source
    scope = {}
    exec(source, scope)
    np.testing.assert_array_equal(
        scope["forward"](C, V, N)[0], vmap(grad(loss), (None, 0, 0))(C, V, N)
    )


# -- JAX ----------------------------------------------------------------------------------------
SAME_IN_JAX = (
    "tanh affine column power where clip select complex sum var argmax cumsum median quantile "
    "reshape transpose moveaxis expand flip roll repeat tile tril pad diag trace sort argsort "
    "slice newaxis einsum tensordot kron outer inner inv det cholesky norm fft rfft"
).split()  # fmt: skip


@pytest.mark.parametrize("name", SAME_IN_JAX)
def test_agrees_with_jax(name, monkeypatch):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    f, x = ONE[name]
    ours = vmap(f)(x)
    if f.__name__ == "<lambda>":
        monkeypatch.setitem(f.__globals__, "np", jax.numpy)
    else:
        homes = (jax.numpy, jax.numpy.linalg, jax.numpy.fft)
        found = [getattr(home, f.__name__, None) for home in homes]
        f = next(g for g in found if callable(g))
    theirs = jax.vmap(f)(x)
    monkeypatch.undo()
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-9, atol=1e-9)


def test_every_rule_names_an_op():
    from tracer.ops.registry import op_named

    for name in RULES:
        assert op_named(name).name == name


def test_checked_calls_compare_with_a_loop():
    with settings.using(check=True):
        for x in (V, V[:0]):
            got = vmap(lambda x, s: (np.tanh(x) * s, np.sum(x)), (0, None))(x, 2.0)
            np.testing.assert_array_equal(got[0], np.tanh(x) * 2)
            assert got[1].shape == (len(x),)
        gradient = grad(lambda x: np.sum(vmap(np.tanh)(x)))(V)
        np.testing.assert_allclose(gradient, 1 - np.tanh(V) ** 2)


# -- loops, branches and rules of one's own ---------------------------------------------------------
def doubled_slope():
    @custom_vjp
    def f(x):
        return x**2

    f.defvjp(lambda x: (x**2, x), lambda x, ct: (20 * x * ct,))
    return f


def tripled_tangent():
    @custom_jvp
    def f(x):
        return x**3

    f.defjvp(lambda primals, tangents: (primals[0] ** 3, 3 * tangents[0]))
    return f


SLOPE = doubled_slope()
REGIONS = {
    "own branches": lambda x: cond(x.sum() > 0, np.sin, np.cos, x),
    "shared branch": lambda x: cond(C[0] > 5, lambda v: (v, C), lambda v: (C * 2, v * 3), x)[1],
    "fori": lambda x: fori_loop(0, 3, lambda i, c: c * x + i, x),
    "fori counter": lambda x: fori_loop(0, 3, lambda i, c: (c[0] + 1, c[1] * x + c[0]), (0, x))[1],
    "fori from shared": lambda x: fori_loop(0, 3, lambda i, c: c * x[0] + i, C),
    "scan": lambda x: scan(lambda c, v: (c + v, c * v), 0.0, x),
    "scan shared rows": lambda x: scan(lambda c, v: (c * v + x, c[0] * v), x, C),
    "scan back": lambda x: scan(lambda c, v: (c * v + x, c), x, C, reverse=True)[1],
    "while": lambda x: while_loop(lambda c: c.sum() < 9, lambda c: c + np.abs(x) + 1, x),
    "while counted": lambda x: while_loop(
        lambda c: c[1].sum() < 9, lambda c: (c[0] + 1, c[1] + np.abs(x) + 1), (0, x)
    ),
    "while shared": lambda x: while_loop(
        lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * x), (0, x)
    ),
    "custom_vjp": SLOPE,
    "custom_jvp": tripled_tangent(),
    "custom beside shared": lambda x: SLOPE(C) * x + SLOPE(x),
    "stop_gradient": lambda x: stop_gradient(x) * x,
}


@pytest.mark.parametrize("name", REGIONS)
def test_regions_and_rules(name):
    f = REGIONS[name]
    agree(f, V)
    total = lambda x: sum([np.sum(leaf * 1.0) for leaf in flatten(f(x))[0]], 0.0)
    want = np.stack([grad(total)(row) for row in V])
    np.testing.assert_allclose(vmap(grad(total))(V), want, rtol=1e-10, atol=1e-12)
    through = grad(lambda x: np.sum(vmap(total)(x)))(V)
    np.testing.assert_allclose(through, want, rtol=1e-10, atol=1e-12)


def test_loops_stay_loops():
    many = np.concatenate([V] * 20)
    for name in ("fori", "fori counter", "scan", "scan shared rows", "while counted"):
        assert len(vmap(REGIONS[name]).graph(many, mode="forward").order) < 20


def test_shared_operands_of_custom_rules_add_up():
    f = doubled_slope()
    slope = grad(lambda c: np.sum(vmap(lambda x: f(c) * x)(V)))(C)
    np.testing.assert_allclose(slope, 20 * C * V.sum(0))


def test_random_numbers_are_drawn_in_turn():
    def noisy(x, rng):
        return x + rng.normal(size=4)

    got = vmap(noisy, (0, None))(V, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(got, np.stack([noisy(x, rng) for x in V]))


def test_results_own_their_memory():
    x = V.copy()
    for f in (lambda v: v, lambda v: v[::-1], lambda v: (v, v), lambda v: (v * 2, (v * 2)[1:])):
        for leaf in flatten(vmap(f)(x))[0]:
            leaf[:] = 7
        np.testing.assert_array_equal(x, V)
    first, second = vmap(lambda v: (lambda y: (y, y[1:]))(v * 2))(x)
    first[:] = 0
    np.testing.assert_array_equal(second, 2 * V[:, 1:])
