"""Memory that decides bits: BLAS adds up what lies with gaps in another order.

>>> t = y[:, 0]
>>> t *= 2
>>> t @ t  # recorded as that of np.repeat(t, 2)[::2], which has gaps too
>>> u = y[0, ::-1]
>>> u *= 2
>>> np.exp(u)  # recorded as that of u[::-1].copy()[::-1], which runs backward, too

Where a program makes a new version of a written view, that has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tracer.graph.op import Op
from tracer.ops import registry
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor

# Their numbers are not among the operand's, and are of the dtype of ``out``.
SUMMED_IN_OUT = ("cumsum", "cumprod", "add.accumulate", "multiply.accumulate")


LARGEST = 1_000_000  # comparisons with elements that may be the source of one
DRAWS = 8  # with different numbers, so that no element is taken for another


BLAS = frozenset(
    "matmul dot inner vdot vecdot matvec vecmat tensordot linalg.multi_dot einsum".split()
)  # and np.einsum, whose own loops differ as well
VECTORISED = frozenset(
    "exp exp2 expm1 log log2 log10 log1p cbrt sin cos tan arcsin arccos arctan sinh cosh tanh "
    "arcsinh arccosh arctanh arctan2 power float_power".split()
)  # several elements at once where memory runs ahead, to other last bits


def as_laid_out(
    recorder: ActiveRecorder, op: Op, tensors: Sequence[TracedTensor]
) -> Sequence[TracedTensor]:
    """The operands; written ones with gaps in memory as copies with gaps, and so on."""
    if op.name in VECTORISED:
        return [_backward(recorder, t) if _runs_backward(t) else t for t in tensors]
    if op.name not in BLAS:
        return tensors
    return [_with_gaps(recorder, tensor) if _has_gaps(tensor) else tensor for tensor in tensors]


def _has_gaps(tensor: TracedTensor) -> bool:
    """Whether the array was written to and no axis of it runs through adjacent elements."""
    buffer, value = tensor._buffer, tensor._value
    if buffer is None or not buffer.version or tensor._recorder.closed:
        return False
    return bool(value.ndim and value.size > 1 and value.itemsize not in value.strides[-2:])


def as_written(op: Op, args: Sequence[Any], out: Any) -> Sequence[Any]:
    """The operands of a function with an ``out``.

    Of a vector that runs backward NumPy takes several elements at once where they go to more
    elements, or backward as well.
    """
    if op.name not in VECTORISED or len(args) != 1 or out is None:
        return args
    operand, target = getattr(args[0], "_value", args[0]), out._value
    turned = target.size > np.size(operand) or _is_backward(target)
    return (args[0].copy(),) if turned and np.ndim(operand) == 1 and _is_backward(operand) else args


def _runs_backward(tensor: TracedTensor) -> bool:
    buffer = tensor._buffer
    if buffer is None or not buffer.version or tensor._recorder.closed:
        return False
    return _is_backward(tensor._value)


def _is_backward(value: Any) -> bool:
    array = isinstance(value, np.ndarray) and value.ndim > 0
    return array and value.shape[-1] > 1 and value.strides[-1] < 0


def _backward(recorder: ActiveRecorder, tensor: TracedTensor) -> TracedTensor:
    turn: Any = (Ellipsis, slice(None, None, -1))
    turned = recorder.call(registry.GETITEM, (tensor, turn), {}, "")
    copied = recorder.call(registry.op_of(np.copy), (turned,), {}, "")
    return recorder.call(registry.GETITEM, (copied, turn), {}, "")


def _with_gaps(recorder: ActiveRecorder, tensor: TracedTensor) -> TracedTensor:
    getitem = registry.GETITEM
    backward = tensor._value.strides[-1] < 0
    ahead: Any = (Ellipsis, slice(None, None, -1))
    source = recorder.call(getitem, (tensor, ahead), {}, "") if backward else tensor
    twice = recorder.call(registry.op_of(np.repeat), (source, 2), {"axis": -1}, "")
    step: Any = (Ellipsis, slice(None, None, -2 if backward else 2))
    return recorder.call(getitem, (twice, step), {}, "")


def sources(
    op: Op, operand: np.ndarray, out: np.ndarray, rest: tuple, kwargs: dict[str, Any]
) -> np.ndarray | None:
    """Where NumPy takes each element of an ``out`` from, which has another shape than the result.

    It stretches or fills a part of an operand that overlaps, or of another dtype, as layouts
    decide; so it is asked, with random numbers.

    Returns
    -------
    ndarray of int, shape out.shape, or None
        Positions in the old ``out``, laid flat, and the running sum behind it; None if some
        element is neither or too many are to be compared.

    Raises
    ------
    ValueError
        As NumPy does where it refuses the shapes.
    """
    size = out.size + np.ravel(op.evaluate(operand, *rest, **kwargs)).size
    known = op.name in SUMMED_IN_OUT and out.size * size < LARGEST
    possible = np.ones((out.size, size if known and operand.dtype.kind in "iufc" else 0), bool)
    draw = np.random.Generator(np.random.PCG64(0))
    for _ in range(DRAWS):
        source, target = _together(operand, out)
        for array in (source, target):  # neither sums nor products meet twice by chance
            odd = array.dtype.kind in "iub"
            numbers = 2 * draw.integers(0, 60, array.shape) + 1 if odd else draw.random(array.shape)
            array[...] = numbers if odd else 0.75 + numbers / 2
        wanted = np.ravel(op.evaluate(source.copy(order="K"), *rest, **kwargs))
        before = np.ravel(target).copy()
        op.evaluate(source, *rest, **kwargs, out=target)
        if possible.size:
            kept = np.concatenate([before, wanted.astype(out.dtype)])
            possible &= np.ravel(target)[:, None] == kept
    if not out.size:
        return np.zeros(out.shape, int)
    if not possible.any(axis=1).all():
        return None
    return possible.argmax(axis=1).reshape(out.shape)


def _together(one: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """Copies of two arrays that overlap just as they do."""
    if not np.shares_memory(one, other):
        return [one.copy(order="K"), other.copy(order="K")]
    bounds = byte_bounds(one), byte_bounds(other)
    low, high = min(bounds)[0], max(end for _, end in bounds)
    room = np.zeros(high - low, np.uint8)
    found = []
    for array in (one, other):
        start = array.__array_interface__["data"][0] - low
        found.append(np.ndarray(array.shape, array.dtype, room, start, array.strides))
    return found


def in_turn(target: np.ndarray, source: np.ndarray, index: Any) -> np.ndarray | None:
    """Where each element of ``target`` is from after ``target.flat[index] = source``.

    NumPy copies element by element, so that one that was written is read again if the two look at
    the same memory. ``index`` is None for ``target.flat = source``, which copies first if the
    source has another layout.

    Returns
    -------
    ndarray of int, shape target.shape, or None
        Positions in the old ``target``, laid flat, and ``source`` behind it; None if the dtype
        can't count so far.
    """
    numbers = np.arange(target.size + source.size)
    if (numbers.astype(target.dtype).astype(int) != numbers).any():
        return None
    target, source = _together(target, source)
    source[...] = numbers[target.size :].reshape(source.shape)
    target[...] = numbers[: target.size].reshape(target.shape)
    if index is None:
        target.flat = source
    else:
        target.flat[index] = source
    return target.real.astype(int)
