"""NumPy functions that need more than being written down: in-place ones and answers about types.

>>> SPECIAL[np.copyto]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer import errors
from tracer.ops import registry
from tracer.recording.recorder.decompositions import EXPANSIONS
from tracer.recording.recorder.histograms import histogramdd
from tracer.recording.recorder.unsupported import REFUSALS
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import same_memory


def _target(recorder: ActiveRecorder, array: Any) -> TracedTensor:
    if not isinstance(array, TracedTensor):
        raise leak(
            "A traced value was written into an array made outside the trace.",
            "make it inside the traced function, e.g. out = np.zeros(n)",
            errors.CaptureMutationError,
        )
    return array


def _copyto(
    recorder: ActiveRecorder, dst: Any, src: Any, casting: str = "same_kind", where: Any = True
) -> None:
    target = _target(recorder, dst)
    kind = getattr(src, "_value", src)
    if not isinstance(kind, (list, tuple)):  # what can't be cast is NumPy's affair
        np.copyto(
            np.empty(0, target.dtype),
            kind if not np.ndim(kind) else kind[:0].ravel()[:0],
            casting=casting,
        )
    if where is True:
        target[...] = src
    else:
        target[...] = np.where(where, src, target)


def repeated(values: Any, shape: tuple[int, ...]) -> Any:
    """``np.resize``, which repeats what is too short, as a lookup: that has a derivative."""
    if not np.ndim(values):
        return values
    flat = np.ravel(np.asarray(values))
    count = int(np.prod(shape, dtype=np.int64))
    length = np.shape(flat)[0]
    flat = flat[:count] if count <= length else flat[np.arange(count) % length]
    return np.reshape(flat, shape)


def _fill_diagonal(recorder: ActiveRecorder, a: Any, val: Any, wrap: bool = False) -> None:
    target = _target(recorder, a)
    value = target._value
    end = None if wrap or value.ndim != 2 else value.shape[1] * value.shape[1]
    step = value.shape[1] + 1 if value.ndim == 2 else 1 + int(np.cumprod(value.shape[:-1]).sum())
    if isinstance(val, TracedTensor) and same_memory(value, np.asarray(val._value)):
        target.flat[:end:step] = val  # one element after the other, as NumPy writes them
        return
    positions = np.arange(value.size)[:end:step]
    where = np.unravel_index(positions, value.shape)
    if np.size(val):
        target[where] = repeated(val, positions.shape)


def _put(recorder: ActiveRecorder, a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    target = _target(recorder, a)
    size = target._value.size
    where = np.asarray(ind) if not isinstance(ind, TracedTensor) else ind
    if mode == "raise" and target._value.ndim == 1:
        if np.size(v):
            target[where] = repeated(v, np.shape(where))
        return
    if mode == "raise":
        where = np.where(where < 0, where + size, where)
    else:
        where = where % size if mode == "wrap" else np.clip(where, 0, size - 1)
    index = np.unravel_index(where, target._value.shape)
    if np.size(v):
        target[index] = repeated(v, np.shape(where))


def _putmask(recorder: ActiveRecorder, a: Any, mask: Any, values: Any) -> None:
    target = _target(recorder, a)
    values = np.asarray(values) if isinstance(values, (list, tuple)) else values
    mask = _elements(mask, target, "putmask")
    if not np.size(values):
        return
    repeats = repeated(values, target.shape) if np.ndim(values) else values
    if np.result_type(repeats) != target.dtype:
        repeats = np.asarray(repeats).astype(target.dtype)
    target[...] = np.where(mask, repeats, target)


def _place(recorder: ActiveRecorder, arr: Any, mask: Any, vals: Any) -> None:
    target = _target(recorder, arr)
    mask = _elements(mask, target, "place")
    count = int(np.count_nonzero(mask))
    if count and not np.size(vals):
        raise ValueError("Cannot insert from an empty array!")
    if count:
        target[recorder.tensor(mask)] = repeated(np.atleast_1d(vals), (count,))


def _elements(mask: Any, target: Any, name: str) -> Any:
    """A mask in the target's shape: its elements count, not its axes."""
    mask = np.asarray(mask, dtype=bool)
    if np.shape(mask) == target._value.shape:
        return mask
    if np.size(mask) != target._value.size:
        raise ValueError(f"{name}: mask and data must be the same size")
    return np.reshape(mask, target._value.shape)


def _put_along_axis(
    recorder: ActiveRecorder, arr: Any, indices: Any, values: Any, axis: Any
) -> None:
    target = _target(recorder, arr)
    shape = target._value.shape
    if axis is None:
        _put(recorder, arr, indices, values)
        return
    grid = list(np.ogrid[tuple([slice(n) for n in np.shape(indices)])])
    grid[axis % len(shape)] = indices
    target[tuple(grid)] = values


def _ndim(recorder: ActiveRecorder, a: Any) -> int:
    return np.ndim(_gathered(recorder, a)._value)


def _shape(recorder: ActiveRecorder, a: Any) -> tuple[int, ...]:
    return _gathered(recorder, a).shape


def _gathered(recorder: ActiveRecorder, a: Any) -> Any:
    """A Tensor, or the Tensor that a list with Tensors stands for."""
    return recorder.as_array(a) if isinstance(a, (list, tuple)) else a


def _size(recorder: ActiveRecorder, a: Any, axis: Any = None) -> int:
    shape = _shape(recorder, a)
    return int(np.prod(shape, dtype=np.int64)) if axis is None else shape[axis]


def _shares(recorder: ActiveRecorder, a: Any, b: Any, max_work: Any = None) -> bool:
    return bool(recorder.captures.identities.shares(a, b, np.shares_memory))


def _may_share(recorder: ActiveRecorder, a: Any, b: Any, max_work: Any = None) -> bool:
    return bool(recorder.captures.identities.shares(a, b, np.may_share_memory))


# How NumPy itself spells copy=None, False and True.
COPY_MODES = {np._CopyMode.IF_NEEDED: None, np._CopyMode.NEVER: False, np._CopyMode.ALWAYS: True}


def _without_copy(a: Any, dtype: Any, order: Any) -> None:
    """NumPy's own ValueError where ``copy=False`` can't be had: for casts, and for lists."""
    value = a._value if isinstance(a, TracedTensor) else [0.0]
    np.asarray(value, dtype=dtype, order=order, copy=False)


def _isfortran(recorder: ActiveRecorder, a: Any) -> bool:
    return bool(np.isfortran(_gathered(recorder, a)._value))  # the layout is part of the signature


def _asarray(recorder: ActiveRecorder, a: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """A Tensor is an array already: itself, unless a cast or a copy is asked for."""
    if isinstance(kwargs.get("copy"), np._CopyMode):
        kwargs["copy"] = COPY_MODES[kwargs["copy"]]
    if kwargs.get("copy") is False:
        _without_copy(a, dtype, kwargs.get("order"))
    if isinstance(a, TracedTensor) and a._buffer is not None and not kwargs.get("copy"):
        order = kwargs.get("order") or "K"
        if dtype is not None and np.dtype(dtype) != a.dtype:
            return a.astype(dtype, order=order)
        flags = np.asarray(a._value).flags
        kept = order in ("A", "K") or (flags.f_contiguous if order == "F" else flags.c_contiguous)
        return a if kept else recorder.call(registry.op_of(np.array), (a,), {"order": order}, "")
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    if dtype is not None:
        kwargs["dtype"] = dtype
    for name in ("order", "like", "device"):
        kwargs.pop(name, None)
    return recorder.call(registry.op_of(np.array), (a,), kwargs, "")


def _array(recorder: ActiveRecorder, a: Any, dtype: Any = None, **kwargs: Any) -> Any:
    copy = kwargs.pop("copy", True)
    copy = COPY_MODES.get(copy, copy)
    if copy is False:
        _without_copy(a, dtype, kwargs.get("order"))
    if isinstance(a, TracedTensor) and a._buffer is not None and not copy:
        if not kwargs.get("ndmin"):
            return _asarray(recorder, a, dtype, order=kwargs.get("order"))
    for name in ("like", "subok"):
        kwargs.pop(name, None)
    kwargs = {key: value for key, value in kwargs.items() if value and value != "K"}
    if dtype is not None:
        kwargs["dtype"] = np.dtype(dtype)
    return recorder.call(registry.op_of(np.array), (a,), kwargs, "")


def _full_like(
    recorder: ActiveRecorder,
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    device: Any = None,
) -> Any:
    """With a traced fill value: room for it, then the value written there."""
    room = np.empty_like(a, dtype=dtype, shape=shape)
    room[...] = fill_value
    return room


SPECIAL: dict[Any, Any] = {
    np.full_like: _full_like,
    np.copyto: _copyto,
    np.fill_diagonal: _fill_diagonal,
    np.put: _put,
    np.putmask: _putmask,
    np.place: _place,
    np.put_along_axis: _put_along_axis,
    np.ndim: _ndim,
    np.shape: _shape,
    np.size: _size,
    np.isfortran: _isfortran,
    np.shares_memory: _shares,
    np.may_share_memory: _may_share,
    np.array: _array,
    np.asarray: _asarray,
    np.asanyarray: _asarray,
    np.asarray_chkfinite: _asarray,
    **EXPANSIONS,
    **REFUSALS,
    np.histogramdd: histogramdd,
}
