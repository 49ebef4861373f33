"""NumPy functions that are recorded as what they do: by memory layout, by value, by a callback.

>>> EXPANSIONS[np.apply_along_axis](recorder, function, 0, x)  # a stack of function(x[:, k])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from tracer.ops import registry
from tracer.ops.shape import pad_widths
from tracer.recording.recorder.static_arguments import plain
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import ViewStep


def _tensor(recorder: ActiveRecorder, a: Any) -> Any:
    """An array, or a list of numbers, as a Tensor."""
    return recorder.as_array(a) if isinstance(a, (list, tuple)) else recorder.tensor(a)


# -- memory layout ------------------------------------------------------------------------------
# The layout is known: that of arguments selects the program, that of results follows from it.
def read_order(value: np.ndarray) -> list[int]:
    """The axes in the order in which memory runs through them, the slowest first."""
    return sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))


def in_memory_order(a: Any, order: str) -> tuple[Any, str]:
    """The array and the order, C or F, that mean what order A or K does for it."""
    value = np.asarray(a._value)
    if order == "A":
        return a, "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    axes = read_order(value)
    return (a if axes == sorted(axes) else np.transpose(a, axes)), "C"


RAVEL, RESHAPE = np.ravel, np.reshape  # themselves, not what stands in for them in a trace


def in_known_order(
    function: Any, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any]]:
    """The call of ``np.ravel`` or ``np.reshape`` with order C or F instead of A or K."""
    place = 1 if function is RAVEL else 2
    order = kwargs.get("order", args[place] if len(args) > place else "C")
    if order not in ("A", "K") or not isinstance(args[0], TracedTensor):
        return args, kwargs
    a, order = in_memory_order(args[0], order)
    return (a, *args[1:place]), kwargs | {"order": order}


def _as_strided(
    recorder: ActiveRecorder,
    x: Any,
    shape: Any = None,
    strides: Any = None,
    subok: bool = False,
    writeable: bool = True,
) -> Any:
    """A lookup of the elements that lie there; what is written to it reaches no other array."""
    value = np.asarray(x._value)
    shape, strides = plain(shape), plain(strides)
    rows = x if value.flags.c_contiguous else x.T  # laid flat, a view of the same memory
    places = np.empty_like(value, dtype=np.intp)
    inside = places if value.flags.c_contiguous else places.T
    inside[...] = np.arange(value.size).reshape(inside.shape)
    step = value.itemsize
    strides = value.strides if strides is None else strides
    dense = places.strides == tuple([s // step * places.itemsize for s in value.strides])
    if not dense or any([s % step or s < 0 for s in strides]):
        raise leak("np.lib.stride_tricks.as_strided was used on a view.", "copy the array first")
    shape = value.shape if shape is None else shape
    last = sum([(n - 1) * s // step for n, s in zip(shape, strides, strict=True) if n])
    if last >= value.size:
        raise leak("as_strided reads memory beyond the array.", "choose a smaller shape")
    wide = as_strided(places, shape, [s // step * places.itemsize for s in strides])
    flat: Any = np.ravel(rows)
    node = recorder.node_of(flat[wide.copy()])
    view = as_strided(value, shape, strides, writeable=False)
    step = ViewStep(node.op, node.params, node.inputs, 0, node.spelling, np.shape(flat._value))
    return recorder.array(node, view, flat._buffer, (*flat._steps, step), x._known)


def _windows(recorder: ActiveRecorder, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Windows to read: one that is written would have to change those that overlap with it."""
    if kwargs.pop("writeable", False) or len(args) > 3:
        raise leak("Windows that can be written to were asked for.", "write to the array itself")
    return recorder.plain_call(sliding_window_view, (x, *args), kwargs)


def _at_least_1d(kind: Callable[..., Any]) -> Callable[..., Any]:
    """``np.ascontiguousarray`` and its Fortran twin, whose results have an axis."""
    rows = kind is np.ascontiguousarray  # asked now: its name is a hook's while tracing

    def convert(recorder: ActiveRecorder, a: Any, dtype: Any = None, *, like: Any = None) -> Any:
        a = _tensor(recorder, a)
        if dtype is not None and np.dtype(dtype) != a.dtype:
            a = a.astype(dtype)
        if not np.ndim(a._value):
            return np.reshape(a, (1,))
        value = np.asarray(a._value)
        wanted = value.flags.c_contiguous if rows else value.flags.f_contiguous
        return a if wanted else recorder.call(registry.op_of(kind), (a,), {}, "")

    return convert


def _require(
    recorder: ActiveRecorder,
    a: Any,
    dtype: Any = None,
    requirements: Any = None,
    *,
    like: Any = None,
) -> Any:
    """An array that has what is asked for: memory in an order, its own, to be written to."""
    a = _tensor(recorder, a)
    found = a if dtype is None or np.dtype(dtype) == a.dtype else a.astype(dtype)
    if found._buffer is None:
        found = np.asarray(found)
    wanted = {str(r).upper()[:1] for r in (requirements or ())}
    value = np.asarray(found._value)
    if "F" in wanted and not value.flags.f_contiguous:
        found = recorder.call(registry.op_of(np.asfortranarray), (found,), {}, "")
    elif "C" in wanted and not value.flags.c_contiguous:
        found = recorder.call(registry.op_of(np.ascontiguousarray), (found,), {}, "")
    needs_own = ("O" in wanted and value.base is not None and found is a) or (
        "W" in wanted and not value.flags.writeable
    )
    return found.copy("K") if needs_own and found is a else found


def _astype(
    recorder: ActiveRecorder, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None
) -> Any:
    return x.astype(dtype, copy=copy)


# -- values that decide a shape -----------------------------------------------------------------
def _trim_zeros(recorder: ActiveRecorder, filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """The bounds are read: the program holds while they stay."""
    filt = _tensor(recorder, filt)
    shape = np.shape(filt._value)
    axes = range(len(shape)) if axis is None else np.atleast_1d(plain(axis)) % len(shape)
    sides = str(trim).lower()
    index: list[Any] = [slice(None)] * len(shape)
    for at in [int(a) for a in axes]:
        others = tuple([other for other in range(len(shape)) if other != at])
        hits = filt != 0
        hits = np.any(hits, axis=others) if others else hits
        empty = not bool(np.any(hits))
        start = int(np.argmax(hits)) if "f" in sides and not empty else 0
        stop = shape[at] - int(np.argmax(hits[::-1])) if "b" in sides and not empty else shape[at]
        index[at] = slice(0, 0) if empty else slice(start, stop)
    return filt[tuple(index)] if len(index) > 1 else filt[index[0]]


def _arange(recorder: ActiveRecorder, *args: Any, **kwargs: Any) -> Any:
    """A row of numbers: how many there are is read."""
    if "start" in kwargs:
        args = (kwargs.pop("start"), kwargs.pop("stop"), *args)
    ends = [*args, *[kwargs[name] for name in ("stop", "step") if name in kwargs]]
    kinds = [end.dtype.kind for end in ends if isinstance(end, TracedTensor)]
    if kinds and all([kind in "iub" for kind in kinds]):
        args = tuple([plain(end) for end in args])
        kwargs = {name: plain(value) for name, value in kwargs.items()}
    elif kinds:
        start, stop, step = ends if len(ends) == 3 else ([0, *ends][-2:] + [1])
        int(np.ceil((stop - start) / step))  # a guard
    return recorder.plain_call(_ARANGE, args, kwargs)


def _einsum_path(recorder: ActiveRecorder, *operands: Any, **kwargs: Any) -> Any:
    """The order of contractions is a matter of shapes alone."""
    shapes = [np.empty(np.shape(o._value)) if isinstance(o, TracedTensor) else o for o in operands]
    return _EINSUM_PATH(*shapes, **kwargs)


_EINSUM_PATH, _ARANGE, _PAD = np.einsum_path, np.arange, np.pad
_ZEROS, _POLYVAL = np.zeros, np.polyval


def _polyval(recorder: ActiveRecorder, p: Any, x: Any) -> Any:
    """At a polynomial: another polynomial, by Horner's scheme as in NumPy."""
    if not isinstance(x, np.poly1d):
        return recorder.plain_call(_POLYVAL, (p, x), {})
    value: Any = 0
    for coefficient in _tensor(recorder, p):
        value = value * x + coefficient
    return value


# -- callbacks ----------------------------------------------------------------------------------
def _apply_along_axis(
    recorder: ActiveRecorder, func1d: Any, axis: Any, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """The function on each row, its results side by side, in the first one's dtype."""
    arr = _tensor(recorder, arr)
    ndim = np.ndim(arr._value)
    axis = normalize_axis_index(plain(axis), ndim)
    rows = np.moveaxis(arr, axis, -1)
    shape = np.shape(rows._value)[:-1]
    if 0 in shape:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    found = [np.asanyarray(func1d(rows[at], *args, **kwargs)) for at in np.ndindex(*shape)]
    dtype, inner = found[0].dtype, np.shape(found[0])
    joined = np.reshape(
        np.stack([f if f.dtype == dtype else f.astype(dtype) for f in found]), (*shape, *inner)
    )
    count = len(inner)
    order = (*range(axis), *range(ndim - 1, ndim - 1 + count), *range(axis, ndim - 1))
    return joined if order == tuple(range(len(order))) else np.transpose(joined, order)


def _pad(
    recorder: ActiveRecorder, array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any
) -> Any:
    """With a function for ``mode``: it writes into each padded row."""
    if not callable(mode):
        kwargs = kwargs if mode == "constant" else {"mode": mode, **kwargs}
        return recorder.plain_call(_PAD, (array, pad_width), kwargs)
    array = _tensor(recorder, array)
    shape = np.shape(array._value)
    widths = pad_widths(plain(pad_width), len(shape))
    target = tuple([n + sum(w) for n, w in zip(shape, widths or (), strict=True)])
    out = recorder.plain_call(_ZEROS, (target, array.dtype), {})
    out[tuple([slice(w[0], w[0] + n) for n, w in zip(shape, widths or (), strict=True)])] = array
    for axis, width in enumerate(widths or ()):
        rows = np.moveaxis(out, axis, -1)
        for at in np.ndindex(*np.shape(rows._value)[:-1]):
            mode(rows[at], width, axis, kwargs)
    return out


# -- views beside others ------------------------------------------------------------------------
def _broadcast_arrays(recorder: ActiveRecorder, *args: Any, subok: bool = False) -> Any:
    """Arrays of one shape are what they are; all others are recorded as one call."""
    arrays = [_tensor(recorder, a) for a in args]
    if all([a._buffer is not None and a._node.shape == arrays[0]._node.shape for a in arrays]):
        return tuple(arrays)
    return recorder.plain_call(np.broadcast_arrays, args, {})


def _ix(recorder: ActiveRecorder, *args: Any) -> tuple[Any, ...]:
    """Each sequence along an axis of its own."""
    found = []
    for axis, sequence in enumerate(args):
        part = _tensor(recorder, sequence)
        if part.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if part.dtype == bool:
            (part,) = part.nonzero()
        elif not isinstance(sequence, np.ndarray) and not part.size:
            part = part.astype(np.intp)
        found.append(part.reshape((1,) * axis + (-1,) + (1,) * (len(args) - axis - 1)))
    return tuple(found)


EXPANSIONS: dict[Any, Callable[..., Any]] = {
    np.broadcast_arrays: _broadcast_arrays,
    np.ix_: _ix,
    np.polyval: _polyval,
    np.astype: _astype,
    np.trim_zeros: _trim_zeros,
    np.pad: _pad,
    np.arange: _arange,
    np.einsum_path: _einsum_path,
    np.apply_along_axis: _apply_along_axis,
    np.require: _require,
    np.ascontiguousarray: _at_least_1d(np.ascontiguousarray),
    np.asfortranarray: _at_least_1d(np.asfortranarray),
    as_strided: _as_strided,
    sliding_window_view: _windows,
}
