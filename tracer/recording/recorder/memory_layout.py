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

from tracer.graph.op import Op
from tracer.ops import registry
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor

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
