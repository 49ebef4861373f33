"""Memory that decides bits: BLAS adds up what lies with gaps in another order.

>>> t = y[:, 0]
>>> t *= 2
>>> t @ t  # recorded as that of np.repeat(t, 2)[::2], which has gaps too

Where a program makes a new version of a written view, that has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer.graph.op import Op
from tracer.ops import registry
from tracer.recording.tensor import TracedTensor

if TYPE_CHECKING:
    from tracer.recording.calls import Calls

BLAS = frozenset(
    "matmul dot inner vdot vecdot matvec vecmat tensordot linalg.multi_dot einsum".split()
)  # and np.einsum, whose own loops differ as well


def as_laid_out(recorder: Calls, op: Op, tensors: Sequence[TracedTensor]) -> Sequence[TracedTensor]:
    """The operands; written ones with gaps in memory as copies with gaps."""
    if op.name not in BLAS:
        return tensors
    return [_with_gaps(recorder, tensor) if _has_gaps(tensor) else tensor for tensor in tensors]


def _has_gaps(tensor: TracedTensor) -> bool:
    """Whether the array was written to and no axis of it runs through adjacent elements."""
    buffer, value = tensor._buffer, tensor._value
    if buffer is None or not buffer.version or tensor._recorder.closed:
        return False
    return bool(value.ndim and value.size > 1 and value.itemsize not in value.strides[-2:])


def _with_gaps(recorder: Calls, tensor: TracedTensor) -> TracedTensor:
    getitem = registry.GETITEM
    backward = tensor._value.strides[-1] < 0
    ahead: Any = (Ellipsis, slice(None, None, -1))
    source = recorder.call(getitem, (tensor, ahead), {}, "") if backward else tensor
    twice = recorder.call(registry.op_of(np.repeat), (source, 2), {"axis": -1}, "")
    step: Any = (Ellipsis, slice(None, None, -2 if backward else 2))
    return recorder.call(getitem, (twice, step), {}, "")
