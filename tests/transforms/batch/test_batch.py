"""The rules of vmap, op by op, against the plain function called once for each example."""

import numpy as np
import pytest

from tests.transforms.batch.examples import MASK, B, C, I, J, M, N, P, S, T, V, W, Z, agree
from tracer import errors, grad, vmap
from tracer.graph.check import check
from tracer.ops.infer import infer
from tracer.transforms.batch.batched import RULES
from tracer.trees import flatten


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
}
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
}
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
}
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
}
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
}
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
}
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
}
# Fourier
ONE |= {
    "fft": (np.fft.fft, M),
    "rfft": (lambda x: np.fft.rfft(x, 6, axis=0), M),
    "irfft": (lambda x: np.fft.irfft(np.fft.rfft(x)), V),
    "fftn": (np.fft.fftn, M),
    "fft2": (np.fft.fft2, T),
    "fftshift": (np.fft.fftshift, M),
}


@pytest.mark.parametrize("name", ONE)
def test_one_argument(name):
    f, x = ONE[name]
    agree(f, x)
    if x.ndim > 1:
        agree(f, np.moveaxis(x, 0, -1), in_axes=-1)


LOOPS = (
    "initial",
    "reduceat",
    "accumulate",
    "reshape F",
    "tril of a row",
    "pad own",
    "pad constant",
    "convolve",
    "multi_dot",
)


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
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_arguments(name):
    f, args, axes = SEVERAL[name]
    agree(f, *args, in_axes=axes)


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
}


@pytest.mark.parametrize("name", PROMOTING)
def test_promotion_is_that_of_one_example(name):
    f, x = PROMOTING[name]
    agree(f, x, tolerance=2e-3 if x.dtype == np.float16 else 1e-5)


# -- JAX ----------------------------------------------------------------------------------------
SAME_IN_JAX = (
    "tanh affine column power where clip select complex sum var argmax cumsum median quantile "
    "reshape transpose moveaxis expand flip roll repeat tile tril pad diag trace sort argsort "
    "slice newaxis einsum tensordot kron outer inner inv det cholesky norm fft rfft"
).split()


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
