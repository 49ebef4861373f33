"""What ``out=`` changes: the dtype that is summed in, and where a ufunc looks at its operands.

>>> np.sqrt(x, out=r, where=x > 0)  # recorded as where(x > 0, sqrt(where(x > 0, x, 1)), r)
>>> np.mean(x, out=r)  # of float32: the sum becomes float32, then it is divided
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.node import map_structure
from tracer.graph.op import Op
from tracer.recording.recorder.memory_layout import SUMMED_IN_OUT, as_written, sources
from tracer.recording.recorder.writes import assign, concrete_value
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor


def in_place(recorder: ActiveRecorder, op: Op, target: TracedTensor, other: Any) -> Any:
    """``target += other``: for scalars a new value, for arrays a new version."""
    if target._buffer is None:
        return recorder.operator(op, (target, other))
    if op.name == "pow":
        result = recorder.operator(op, (target, other))
        _check_cast(recorder, result, target)
        assign(recorder, target, result)
        return target
    if isinstance(other, (list, tuple)):
        other = recorder.as_array(other)
    return into(recorder, op, (target, other), {}, (target,), "operator")


def _check_cast(recorder: ActiveRecorder, result: Any, target: TracedTensor) -> None:
    if not np.can_cast(result.dtype, target.dtype, "same_kind"):
        np.add(np.empty(0, target.dtype), np.empty(0, result.dtype), out=np.empty(0, target.dtype))


def into(
    recorder: ActiveRecorder,
    op: Op,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    outs: Sequence[Any],
    spelling: str = "",
) -> Any:
    """An op with ``out=``: a fresh result, written into what the user gave."""
    for out in outs:
        if out is not None and not isinstance(out, TracedTensor):
            raise leak(
                "A traced result was written into an array made outside the trace.",
                "make it inside the traced function, e.g. out = np.zeros(n)",
                errors.CaptureMutationError,
            )
    if op.name.endswith(RUNNING) and _in_another_shape(op, args[0], outs[0], kwargs):
        return _running_elsewhere(recorder, op, args, kwargs, outs[0])
    if op.name in JOINING and any([_overlaps(part, outs[0]) for part in args]):
        if op.name == "concatenate" and kwargs.get("axis", 0) is not None:
            return _join_in_turn(recorder, op, args, kwargs, outs)
        raise leak(
            "Parts of an array were joined in the array itself, one after the other.",
            "leave out=, or copy the parts first",
        )
    given, where = kwargs, True
    if op.schema.kind == "elementwise":
        where = kwargs.get("where", True)
        kwargs = {name: value for name, value in kwargs.items() if name != "where"}
        args = args if where is True else seen_operands(op, args, where)
        args = as_written(op, args, outs[0])
    elif outs[0] is not None:
        kwargs = _widened(op, args, kwargs, outs[0])
    results = _into_dtype(op, args, kwargs, outs[0])
    kept = results is not None
    if results is None:
        results = recorder.call(op, args, kwargs, spelling)
    several = results if isinstance(results, tuple) else (results,)
    pairs = list(zip(outs, several, strict=False))
    if kept or any([out is not None and _differs(out, result) for out, result in pairs]):
        _try_out(recorder, op, args, given, outs)
    for out, result in pairs:
        if out is None:
            continue
        if np.shape(out._value) != np.broadcast_shapes(np.shape(out._value), result.shape):
            raise ValueError(
                f"non-broadcastable output operand with shape {np.shape(out._value)} "
                f"doesn't match the broadcast shape {result.shape}"
            )
        assign(recorder, out, result if where is True else np.where(where, result, out))
    return _given_back(outs, results) if isinstance(results, tuple) else outs[0]


def _widened(
    op: Op, args: Sequence[Any], kwargs: dict[str, Any], out: TracedTensor
) -> dict[str, Any]:
    """The arguments with the dtype that an ``out`` makes NumPy calculate in."""
    if op.name in SUMS and kwargs.get("dtype") is None:
        return {**kwargs, "dtype": np.result_type(args[0].dtype, out.dtype)}
    # with `optimize`, einsum leaves its width to BLAS
    if op.name != "einsum" or kwargs.get("dtype") is not None or kwargs.get("optimize"):
        return kwargs
    usual = np.result_type(*[np.asarray(concrete_value(a)).dtype for a in args[1:]])
    wide = np.result_type(usual, out.dtype)
    return kwargs if wide == usual else {**kwargs, "dtype": wide}


def _given_back(outs: Sequence[Any], results: tuple) -> tuple:
    """What a ufunc of several results returns: each ``out``, and arrays of one shape beside it."""
    shape = np.broadcast_shapes(*[np.shape(out._value) for out in outs if out is not None])
    return tuple(
        [
            out
            if out is not None
            else result
            if np.shape(result) == shape
            else np.broadcast_to(result, shape).copy()
            for out, result in zip(outs, results, strict=True)
        ]
    )


def _join_in_turn(
    recorder: ActiveRecorder,
    op: Op,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    outs: Sequence[Any],
) -> Any:
    """Arrays joined in one that some of them are parts of: each copied before the next."""
    _try_out(recorder, op, args, kwargs, outs)
    out, start = outs[0], 0
    axis = kwargs.get("axis", args[1] if len(args) > 1 else 0) % out.ndim
    for part in args[0]:
        stop = start + np.shape(part)[axis]
        out[(*[slice(None)] * axis, slice(start, stop))] = part
        start = stop
    return out


def _running_elsewhere(
    recorder: ActiveRecorder, op: Op, args: Sequence[Any], kwargs: dict[str, Any], out: TracedTensor
) -> TracedTensor:
    """A running sum written into another shape: NumPy fills what it fills, or refuses."""
    if op.name in SUMMED_IN_OUT and kwargs.get("dtype") is None:
        kwargs = {**kwargs, "dtype": np.result_type(args[0].dtype, out.dtype)}
    token = ACTIVE.set(None)
    try:
        picked = sources(op, args[0]._value, out._value, (*args[1:],), kwargs)
    finally:
        ACTIVE.reset(token)
    if picked is None:
        raise leak(
            "A running sum was written into an array of another shape.",
            "write it into one of its own shape, and copy the operand if that is a part of it",
        )
    result = np.ravel(recorder.call(op, args, kwargs, "")).astype(out.dtype)
    assign(recorder, out, np.concatenate([np.ravel(out), result])[picked])
    return out


def _into_dtype(
    op: Op, args: Sequence[Any], kwargs: dict[str, Any], out: TracedTensor | None
) -> Any:
    """A statistic whose sum is kept in an ``out`` of another dtype; None for all others."""
    steps = KEPT_IN_OUT.get(op.name)
    if steps is None or out is None or not isinstance(args[0], np.ndarray):
        return None
    x = args[0].dtype
    usual = x if op.name in ("mean", "nanmean", "ptp") else x.type(0).real.dtype
    usual = np.dtype(float) if x.kind in "biu" and op.name != "ptp" else usual
    halved = op.name == "mean" and x == np.float16  # its sum is float32 else
    return None if usual == out.dtype and not halved else steps(*args, out=out.dtype, **kwargs)


def _try_out(
    recorder: ActiveRecorder,
    op: Op,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    outs: Sequence[Any],
) -> None:
    """NumPy itself on copies: what it refuses to write where is its own affair."""
    args, kwargs = map_structure(concrete_value, (tuple(args), kwargs))
    copies = tuple([None if o is None else o._value.copy(order="K") for o in outs])
    token = ACTIVE.set(None)
    try:
        op.evaluate(*args, **kwargs, out=copies if len(copies) > 1 else copies[0])
    finally:
        ACTIVE.reset(token)


RUNNING = ("cumsum", "cumprod", ".accumulate")
JOINING = frozenset("concatenate stack vstack hstack dstack column_stack".split())
SUMS = frozenset("sum prod cumsum cumprod nansum nanprod add.reduce multiply.reduce".split())


def _overlaps(part: Any, out: Any) -> bool:
    """Whether a Tensor, or one in a list, shares memory with ``out``."""
    if isinstance(part, (list, tuple)):
        return any([_overlaps(one, out) for one in part])
    both = isinstance(part, TracedTensor) and isinstance(out, TracedTensor)
    return both and np.ndim(part._value) > 0 and np.shares_memory(part._value, out._value)


def _in_another_shape(op: Op, source: Any, out: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a running sum goes into an array whose shape is not that of the result."""
    if out is None or not isinstance(source, TracedTensor):
        return False
    flat = kwargs.get("axis") is None and not op.name.endswith(".accumulate")
    shape = (np.size(source._value),) if flat else np.shape(source._value)
    return out._value.shape != shape and bool(np.ndim(source._value))


def _differs(out: TracedTensor, result: Any) -> bool:
    """Whether writing the result into ``out`` takes a cast, a broadcast or another layout."""
    value = out._value
    return (
        value.dtype != result.dtype or value.shape != result.shape or not value.flags.c_contiguous
    )


# Operands that have no value everywhere, and a number for where the ufunc does not look.
SAFE: dict[str, tuple[tuple[int, ...], int]] = {
    "sqrt": ((0,), 1),
    "log": ((0,), 1),
    "log2": ((0,), 1),
    "log10": ((0,), 1),
    "log1p": ((0,), 1),
    "arcsin": ((0,), 0),
    "arccos": ((0,), 0),
    "arctanh": ((0,), 0),
    "arccosh": ((0,), 2),
    "reciprocal": ((0,), 1),
    "power": ((0, 1), 1),
    "float_power": ((0, 1), 1),
    "divide": ((0, 1), 1),
    "floor_divide": ((0, 1), 1),
    "remainder": ((0, 1), 1),
    "fmod": ((0, 1), 1),
    "divmod": ((0, 1), 1),
    "exp": ((0,), 1),
    "exp2": ((0,), 1),
    "expm1": ((0,), 1),
    "sinh": ((0,), 1),
    "cosh": ((0,), 1),
    "tan": ((0,), 1),
}


def seen_operands(op: Op, args: Sequence[Any], where: Any) -> tuple[Any, ...]:
    """The operands with a harmless number where ``where`` is false: no warnings from there."""
    slots, number = SAFE.get(op.name, ((), 0))
    return tuple(
        [
            np.where(where, a, number) if k in slots and isinstance(a, np.ndarray) else a
            for k, a in enumerate(args)
        ]
    )


# -- running sums into other shapes -----------------------------------------------------------


# -- statistics whose sums are kept in ``out`` ------------------------------------------------
# As numpy._core._methods and numpy.lib._nanfunctions_impl do it, step by step.
def _summed(x: Any, out: np.dtype, axis: Any, dtype: Any, **kwargs: Any) -> Any:
    wide = np.result_type(x.dtype, out) if dtype is None else dtype
    return np.sum(x, axis=axis, dtype=wide, **kwargs).astype(out)


def _count(x: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    counted = np.broadcast_to(where, x.shape)
    return np.sum(counted, axis=axis, dtype=np.intp, keepdims=keepdims)


def _mean(
    x: Any,
    out: np.dtype,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    where: Any = True,
) -> Any:
    if dtype is None:
        dtype = {"f2": "f4"}.get(x.dtype.str[1:], "f8" if x.dtype.kind in "biu" else None)
    total = _summed(x, out, axis, dtype, keepdims=keepdims, where=where)
    return np.true_divide(total, _count(x, axis, keepdims, where)).astype(out)


def _variance(
    x: Any,
    out: np.dtype,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    if dtype is None and x.dtype.kind in "biu":
        dtype = "f8"
    if mean is None:
        total = np.sum(x, axis=axis, dtype=dtype, keepdims=True, where=where)
        mean = np.true_divide(total, _count(x, axis, True, where)).astype(total.dtype)
    away = x - mean
    squares = away.real**2 + away.imag**2 if away.dtype.kind == "c" else np.square(away)
    total = _summed(squares, out, axis, dtype, keepdims=keepdims, where=where)
    free = _count(x, axis, keepdims, where) - (ddof if correction is None else correction)
    return np.true_divide(total, np.maximum(free, 0)).astype(out)


def _deviation(x: Any, out: np.dtype, **kwargs: Any) -> Any:
    return np.sqrt(_variance(x, out, **kwargs))


def _nan_mean(
    x: Any,
    out: np.dtype,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    where: Any = True,
) -> Any:
    if x.dtype.kind not in "fc":
        return _mean(x, out, axis, dtype, keepdims, where)
    present = ~np.isnan(x)
    total = _summed(np.where(present, x, 0), out, axis, dtype, keepdims=keepdims, where=where)
    count = np.sum(present, axis=axis, dtype=np.intp, keepdims=keepdims, where=where)
    return np.true_divide(total, count).astype(out)


def _nan_variance(
    x: Any,
    out: np.dtype,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    ddof = ddof if correction is None else correction
    if x.dtype.kind not in "fc":
        return _variance(x, out, axis, dtype, ddof, keepdims, where, mean)
    present = ~np.isnan(x)
    count = np.sum(present, axis=axis, dtype=np.intp, keepdims=True, where=where)
    if mean is None:
        total = np.sum(np.where(present, x, 0), axis=axis, dtype=dtype, keepdims=True, where=where)
        mean = np.true_divide(total, count).astype(total.dtype)
    away = np.where(present, x - mean, 0).astype(x.dtype)
    squares = (away * np.conj(away)).real if x.dtype.kind == "c" else away * away
    total = _summed(squares, out, axis, dtype, keepdims=keepdims, where=where)
    free = np.reshape(count, np.shape(total)) - ddof
    return np.where(free > 0, np.true_divide(total, np.maximum(free, 1)), np.nan).astype(out)


def _nan_deviation(x: Any, out: np.dtype, **kwargs: Any) -> Any:
    return np.sqrt(_nan_variance(x, out, **kwargs))


def _range(x: Any, out: np.dtype, axis: Any = None, keepdims: bool = False) -> Any:
    largest = np.max(x, axis=axis, keepdims=keepdims).astype(out)
    return np.subtract(largest, np.min(x, axis=axis, keepdims=keepdims))


KEPT_IN_OUT: dict[str, Callable[..., Any]] = {
    "mean": _mean,
    "var": _variance,
    "std": _deviation,
    "nanmean": _nan_mean,
    "ptp": _range,
    "nanvar": _nan_variance,
    "nanstd": _nan_deviation,
}
