"""Products, contractions and linear algebra: the batch is a loop axis or one more subscript.

>>> vmap(np.matmul, in_axes=(0, None))(rows, w)          # rows @ w
>>> vmap(np.dot)(a, b)                                   # np.einsum("Za,Za->Z", a, b)
"""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from tracer.ops.reduction import einsum_terms, parse_signature, tensordot_axes
from tracer.ops.registry import op_of
from tracer.transforms.batch.batched import (
    Batch,
    Batched,
    Unbatchable,
    batching,
    batching_schema,
    dtype_of,
    fixed,
    ndim_of,
)

MATMUL = op_of(np.matmul)


@batching_schema("gufunc")
def gufunc(batch: Batch, *args: Any, **kwargs: Any) -> Any:
    """Core axes stay last; the loop axes of the operands are aligned behind the batch."""
    if kwargs.keys() & {"axes", "axis", "keepdims"}:
        raise Unbatchable("core axes elsewhere")
    fixed(kwargs)
    cores = parse_signature(batch.node.op.schema.signature)[0]
    if any("?" in name for core in cores for name in core) or len(cores) != len(args):
        raise Unbatchable("optional core axes")
    loops = [ndim_of(x) - len(core) for x, core in zip(args, cores, strict=True)]
    most = max(loops)
    lifted = [batch.lift(x, len(core) + most) for x, core in zip(args, cores, strict=True)]
    return batch.same(*lifted, **kwargs)


@batching("matmul")
def matmul(batch: Batch, a: Any, b: Any, **kwargs: Any) -> Any:
    """The batch is a loop axis; a vector of each example is a row of a matrix where it can be."""
    fixed(kwargs)
    left, right = ndim_of(a), ndim_of(b)

    def product(x: Any, y: Any) -> Any:
        spelling = "operator" if batch.node.spelling == "operator" else ""
        return batch.builder.emit(MATMUL, (x, y), kwargs, spelling)

    if type(b) is not Batched and (right == 1 or (left <= 2 and right == 2)):
        return product(a.symbol, b)
    if type(a) is not Batched and right == 1 and left <= 2:
        return product(b.symbol, np.transpose(a) if left == 2 else a)
    if left == right == 1 and "c" not in (dtype_of(a).kind, dtype_of(b).kind):
        return np.vecdot(a.symbol, b.symbol)
    if left == right == 1:
        whole = product(np.expand_dims(a.symbol, 1), np.expand_dims(b.symbol, 2))
        return np.reshape(whole, (batch.size,))
    if left == 1:
        row = batch.as_mapped(np.expand_dims(a.symbol, 1)) if type(a) is Batched else a[None]
        return np.squeeze(product(batch.lift(row, right), batch.lift(b, right)), -2)
    if right == 1:
        column = batch.as_mapped(np.expand_dims(b.symbol, 2)) if type(b) is Batched else b[:, None]
        return np.squeeze(product(batch.lift(a, left), batch.lift(column, left)), -1)
    most = max(left, right)
    return product(batch.lift(a, most), batch.lift(b, most))


@batching("dot")
def _(batch: Batch, a: Any, b: Any) -> Any:
    left, right = ndim_of(a), ndim_of(b)
    if not left or not right:
        return np.multiply(batch.lift(a, batch.ndim), batch.lift(b, batch.ndim))
    if left <= 2 and right <= 2:
        return matmul(batch, a, b)
    return _contract(batch, a, b, [left - 1], [max(right - 2, 0)])


@batching("inner")
def _(batch: Batch, a: Any, b: Any) -> Any:
    left, right = ndim_of(a), ndim_of(b)
    if not left or not right:
        return np.multiply(batch.lift(a, batch.ndim), batch.lift(b, batch.ndim))
    return _contract(batch, a, b, [left - 1], [right - 1])


@batching("tensordot")
def _(batch: Batch, a: Any, b: Any, axes: Any = 2) -> Any:
    return _contract(batch, a, b, *tensordot_axes(axes, ndim_of(a), ndim_of(b)))


@batching("vdot")
def _(batch: Batch, a: Any, b: Any) -> Any:
    a, b = batch.flat(batch.mapped(a)), batch.flat(batch.mapped(b))
    conjugated = np.conj(a.symbol) if a.dtype.kind == "c" else a.symbol
    return np.einsum("Za,Za->Z", conjugated, b.symbol)


@batching("outer linalg.outer")
def _(batch: Batch, a: Any, b: Any) -> Any:
    a, b = batch.flat(batch.mapped(a)), batch.flat(batch.mapped(b))
    return np.multiply(np.expand_dims(a.symbol, 2), np.expand_dims(b.symbol, 1))


@batching("kron")
def _(batch: Batch, a: Any, b: Any) -> Any:
    """Each axis of the result is an axis of ``a`` with one of ``b`` inside."""
    most = batch.ndim
    a, b = [batch.as_mapped(batch.lift(batch.mapped(x), most)) for x in (a, b)]
    left, right = [batch.size], [batch.size]
    for size, other in zip(a.shape, b.shape, strict=True):
        left += [size, 1]
        right += [1, other]
    product = np.multiply(np.reshape(a.symbol, left), np.reshape(b.symbol, right))
    return np.reshape(product, (batch.size, *batch.shape))


def _contract(batch: Batch, a: Any, b: Any, left: list[int], right: list[int]) -> Any:
    """The sum over pairs of axes, as an einsum with a letter for the batch."""
    letters = iter(string.ascii_lowercase)
    first = [next(letters) for _ in range(ndim_of(a))]
    second = [next(letters) for _ in range(ndim_of(b))]
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    result = [c for k, c in enumerate(first) if k not in left]
    result += [c for k, c in enumerate(second) if k not in right]
    return _einsum(batch, [first, second], result, [a, b], {})


def _einsum(batch: Batch, terms: Any, result: Any, operands: list[Any], kwargs: Any) -> Any:
    used = {letter for term in terms for letter in term}
    letter = next(c for c in "Z" + string.ascii_uppercase + string.ascii_lowercase if c not in used)
    texts = [
        (letter if type(x) is Batched else "") + "".join(term)
        for term, x in zip(terms, operands, strict=True)
    ]
    subscripts = f"{','.join(texts)}->{letter}{''.join(result)}"
    values = [x.symbol if type(x) is Batched else x for x in operands]
    return np.einsum(subscripts, *values, **kwargs)


@batching("einsum")
def _(batch: Batch, subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    fixed(kwargs)
    if not isinstance(subscripts, str) or isinstance(kwargs.get("optimize"), (list, tuple)):
        raise Unbatchable("an unusual einsum")
    terms, result = einsum_terms(subscripts, [ndim_of(x) for x in operands])
    return _einsum(batch, terms, result, list(operands), kwargs)


@batching("cross")
def _(batch: Batch, a: Any, b: Any, **kwargs: Any) -> Any:
    if kwargs:
        raise Unbatchable("vectors along another axis")
    most = max(ndim_of(a), ndim_of(b))
    return batch.same(batch.lift(a, most), batch.lift(b, most))


@batching(
    "linalg.svd linalg.svdvals linalg.qr linalg.eig linalg.eigvals linalg.eigh linalg.eigvalsh "
    "linalg.pinv linalg.matrix_rank linalg.cond linalg.matrix_power linalg.matrix_norm "
    "linalg.inv linalg.det linalg.slogdet linalg.cholesky"
)
def _(batch: Batch, x: Batched, *args: Any, **kwargs: Any) -> Any:
    fixed(args, kwargs)
    if x.ndim < 2:
        raise Unbatchable("not a matrix")
    return batch.same(x.symbol, *args, **kwargs)


@batching("linalg.solve")
def _(batch: Batch, a: Any, b: Any) -> Any:
    """A vector on the right is a matrix of one column."""
    if ndim_of(b) == 1:
        column = np.expand_dims(b.symbol, 2) if type(b) is Batched else np.expand_dims(b, 1)
        wide = batch.as_mapped(column) if type(b) is Batched else column
        most = max(ndim_of(a), 2)
        return np.squeeze(batch.same(batch.lift(a, most), batch.lift(wide, most)), -1)
    most = max(ndim_of(a), ndim_of(b))
    return batch.same(batch.lift(a, most), batch.lift(b, most))
