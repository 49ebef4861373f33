"""Callables that would look into a Tensor's memory, and what is called instead of them.

They are classes or Python builtins, which can't be replaced in their modules: ``isinstance(v,
np.float64)`` must go on to hold. So they are replaced where user code calls them.

>>> substitute(np.ndenumerate)(x)  # pairs of an index and a Tensor
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.leaks import contains_tensor
from tracer.recording.tensor.tensor import TracedTensor


def substitute(function: Any) -> Any:
    """What to call instead of ``function``; itself if nothing is known of it."""
    found = _CALLED.get(id(original_of(function)))
    if found is not None:
        return found
    if isinstance(function, np.ufunc):
        return _Ufunc(function)
    if isinstance(function, np.vectorize):
        return _instrumented_vectorize(function)
    owner = own(function, "__self__")
    return _Ufunc(owner, function.__name__) if isinstance(owner, np.ufunc) else function


class _Ufunc:
    """A ufunc, or a method of one, that takes lists with Tensors in them."""

    def __init__(self, ufunc: np.ufunc, method: str = "__call__"):
        self.ufunc = ufunc
        self.function = getattr(ufunc, method)
        self.method = method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None or not any([type(a) in (list, tuple) for a in args]):
            return self.function(*args, **kwargs)
        if any([isinstance(a, TracedTensor) for a in args]) or not contains_tensor(args):
            return self.function(*args, **kwargs)
        return recorder.ufunc(self.ufunc, self.method, args, dict(kwargs))


# -- numbers --------------------------------------------------------------------------------------
def _number(kind: type) -> Callable[..., Any]:
    """``float`` and ``complex``: of a Tensor, the Python number that it holds, still traced."""

    def convert(*args: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None or len(args) != 1 or not isinstance(args[0], TracedTensor):
            return kind(*args)
        tensor = args[0]
        if kind is float and tensor.dtype.kind == "c":
            return kind(tensor._value)  # NumPy's own error or warning
        kind(tensor._value)
        dtype = np.dtype(kind)
        same = tensor if tensor.dtype == dtype else tensor.astype(dtype)
        return recorder.call(registry.PYTHON_SCALAR, (same,), {}, "method")

    return convert


def _scalar_type(kind: Any) -> Callable[..., Any]:
    """``np.float32(t)``: a scalar of another type, still traced."""

    def convert(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None or not contains_tensor(args):
            return kind(*args, **kwargs)
        value = recorder.as_array(args[0]) if isinstance(args[0], (list, tuple)) else args[0]
        return recorder.call(registry.ASTYPE, (value, np.dtype(kind)), {}, "method")[()]

    return convert


# -- iteration ------------------------------------------------------------------------------------
def _ndenumerate(array: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    if not contains_tensor(array):
        return iter(np.ndenumerate(array))
    array = np.asarray(array)
    return iter([(index, array[index]) for index in np.ndindex(*np.shape(array))])


def _fromiter(iterable: Iterable[Any], dtype: Any, count: int = -1, **kwargs: Any) -> Any:
    recorder = ACTIVE.get()
    items: list[Any] = []
    for item in iterable:
        if count >= 0 and len(items) == count:
            break
        items.append(item)
    if recorder is None or not contains_tensor(items):
        return np.fromiter(items, dtype, count, **kwargs)
    if len(items) < count:
        raise ValueError(
            f"iterator too short: Expected {count} but iterator had only {len(items)} items."
        )
    return recorder.as_array(items).astype(dtype)


class _NdIter:
    """``np.nditer`` over Tensors, item by item."""

    def __new__(cls, op: Any, *args: Any, **kwargs: Any) -> Any:
        if not contains_tensor(op):
            return np.nditer(op, *args, **kwargs)
        return super().__new__(cls)

    def __init__(
        self,
        op: Any,
        flags: Any = (),
        op_flags: Any = None,
        op_dtypes: Any = None,
        order: str = "K",
        **kwargs: Any,
    ):
        self.alone = not isinstance(op, (list, tuple))
        self.operands = tuple([op] if self.alone else op)
        known = {"multi_index", "refs_ok", "zerosize_ok", "c_index"}
        if (
            kwargs
            or op_dtypes is not None
            or not known.issuperset(flags)
            or not all(isinstance(o, TracedTensor) for o in self.operands)
        ):
            raise leak("This np.nditer is not traced.", "loop over np.ndindex(x.shape) instead")
        self.shape = np.broadcast_shapes(*[np.shape(o) for o in self.operands])
        rows: list[Any] = [np.broadcast_to(o._value, self.shape) for o in self.operands]
        walk: Any = np.nditer(rows, ["multi_index", "zerosize_ok"], order=order)  # type: ignore
        self.order = [walk.multi_index for _ in walk] if 0 not in self.shape else []
        self.multi_index: tuple[int, ...] = ()

    @property
    def index(self) -> int:
        return int(np.ravel_multi_index(self.multi_index, self.shape))

    def __enter__(self) -> _NdIter:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        for index in self.order:
            self.multi_index = index
            items = tuple([o[self._own(o)] for o in self.operands])
            yield items[0] if self.alone else items

    def __getitem__(self, number: int) -> Any:
        operand = self.operands[number]
        return operand[self._own(operand)]

    def __setitem__(self, number: int, value: Any) -> None:
        operand = self.operands[number]
        operand[self._own(operand)] = value

    def _own(self, operand: TracedTensor) -> tuple:
        """The index of an operand that was broadcast, as a 0-d view."""
        shape = np.shape(operand._value)
        lead = len(self.shape) - len(shape)
        own = [0 if n == 1 else i for i, n in zip(self.multi_index[lead:], shape, strict=True)]
        return (*own, ...)


# -- functions of functions -----------------------------------------------------------------------
class _Vectorized:
    """``np.vectorize``: the function is called for each item, as NumPy does."""

    def __new__(cls, pyfunc: Any = None, *args: Any, **kwargs: Any) -> Any:
        if (
            ACTIVE.get() is None
            or pyfunc is None
            or any(kwargs.get(k) for k in ("signature", "cache"))
        ):
            return np.vectorize(pyfunc, *args, **kwargs)
        return super().__new__(cls)

    def __init__(
        self, pyfunc: Any, otypes: Any = None, doc: Any = None, excluded: Any = None, **_: Any
    ):
        self.function = pyfunc
        self.otypes = None if otypes is None else [np.dtype(kind) for kind in otypes]
        self.excluded = excluded or ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not contains_tensor((args, kwargs)):
            plain = np.vectorize(self.function, self.otypes, excluded=self.excluded or None)
            return plain(*args, **kwargs)
        places = [k for k in range(len(args)) if k not in self.excluded]
        names = [name for name in kwargs if name not in self.excluded]
        varied = [args[k] for k in places] + [kwargs[name] for name in names]
        arrays = np.broadcast_arrays(*[np.asarray(a) for a in varied])
        shape = np.shape(arrays[0])
        indices = list(np.ndindex(*shape))
        if not indices:
            raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")

        def call(items: list[Any]) -> Any:
            given, named = list(args), dict(kwargs)
            for k, item in zip(places, items, strict=False):
                given[k] = item
            named.update(zip(names, items[len(places) :], strict=True))
            return self.function(*given, **named)

        # The dtype is that of the result for NumPy scalars; then Python numbers are handed on.
        first = call([a[indices[0]] for a in arrays])
        items = [call([a[index].item() for a in arrays]) for index in indices]
        if isinstance(first, tuple):
            parts = [list(part) for part in zip(*items, strict=True)]
            return tuple([self._joined(p, first[k], shape, k) for k, p in enumerate(parts)])
        return self._joined(items, first, shape, 0)

    def _joined(self, items: list[Any], first: Any, shape: tuple[int, ...], number: int) -> Any:
        dtype = np.asarray(first).dtype if self.otypes is None else self.otypes[number]
        joined = np.reshape(np.array(items), shape)
        return joined if joined.dtype == dtype else joined.astype(dtype)


def _instrumented_vectorize(function: np.vectorize) -> Any:
    """A ``np.vectorize`` made before the trace, with what its function reads seen."""
    recorder = ACTIVE.get()
    if recorder is None or function.cache:
        return function
    captures, inner = recorder.captures, function.pyfunc
    path = captures.path_of(function)
    if path is not None:
        captures.capture(inner, path.then("attr", "pyfunc"))
    seen, otypes = captures.instrumented(inner), list(function.otypes or "") or None
    if function.signature is not None:
        return np.vectorize(seen, otypes, excluded=function.excluded, signature=function.signature)
    return _Vectorized(seen, otypes, excluded=function.excluded)


def _instrumented(function: Any) -> Any:
    """A function in a list, whose loads are seen as those of one that is called."""
    recorder = ACTIVE.get()
    if recorder is None or recorder.captures is None:
        return function
    return recorder.captures.instrumented(function)


def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """As in NumPy: later conditions win, one function more than conditions is the default."""
    if not contains_tensor((x, condlist, args)):
        return np.piecewise(x, condlist, funclist, *args, **kw)
    x = np.asanyarray(x)
    several = np.ndim(condlist) > 1 or (
        isinstance(condlist, (list, tuple)) and np.ndim(condlist[0]) + (np.ndim(x) == 0) > 0
    )
    conditions = [np.asarray(c, dtype=bool) for c in (condlist if several else [condlist])]
    if len(funclist) == len(conditions) + 1:
        rest = conditions[0]
        for condition in conditions[1:]:
            rest = rest | condition
        conditions.append(~rest)
    elif len(funclist) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or "
            f"{len(conditions) + 1} functions are expected"
        )
    out = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            out[condition] = function
        elif x[condition].size > 0:
            out[condition] = _instrumented(function)(x[condition], *args, **kw)
    return out


def _apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    if not contains_tensor(a):
        return np.apply_over_axes(func, a, axes)
    value = np.asarray(a)
    for axis in np.ravel(axes).tolist():
        axis = axis + np.ndim(a) if axis < 0 else axis
        result = func(value, axis)
        value = result if np.ndim(result) == np.ndim(value) else np.expand_dims(result, axis)
        if np.ndim(value) != np.ndim(a):
            raise ValueError("function is not returning an array of the correct shape")
    return value


def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    if not contains_tensor((arr, args, tuple(kwargs.values()))):
        return np.apply_along_axis(func1d, axis, arr, *args, **kwargs)
    rows = np.moveaxis(np.asarray(arr), axis, -1)
    outer = np.shape(rows)[:-1]
    if 0 in outer:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [np.asarray(func1d(rows[i], *args, **kwargs)) for i in np.ndindex(*outer)]
    inner = np.shape(results[0])
    whole = np.reshape(np.stack(results), (*outer, *inner))
    ends = [k - len(inner) for k in range(len(inner))]
    return np.moveaxis(whole, ends, [axis % np.ndim(rows) + k for k in range(len(inner))])


def _poly1d(c_or_r: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.poly1d`` of a list with Tensors."""
    return np.poly1d(np.asarray(c_or_r) if contains_tensor(c_or_r) else c_or_r, *args, **kwargs)


# -- np.r_ and np.c_ -------------------------------------------------------------------------------
class _Joiner:
    """``np.r_`` or ``np.c_`` of Tensors, slices and lists."""

    def __init__(self, plain: Any, axis: int, ndmin: int, trans1d: int):
        self.plain = plain
        self.defaults = axis, ndmin, trans1d

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not contains_tensor(parts):
            return self.plain[key]
        axis, ndmin, trans1d = self.defaults
        if isinstance(parts[0], str):
            numbers = [int(n) for n in parts[0].split(",")] if parts[0] not in ("r", "c") else None
            if numbers is None:
                raise leak("np.r_['r', …] makes a matrix.", "use np.concatenate")
            axis, ndmin, trans1d = [*numbers, *(axis, ndmin, trans1d)[len(numbers) :]]
            parts = parts[1:]
        arrays = [self._one(part, ndmin, trans1d) for part in parts]
        values = [getattr(part, "_value", part) for part in parts]
        weak = [type(value) in (bool, int, float, complex) for value in values]
        kinds = [v if w else a.dtype for v, w, a in zip(values, weak, arrays, strict=True)]
        dtype = np.result_type(*kinds)
        return np.concatenate([a if a.dtype == dtype else a.astype(dtype) for a in arrays], axis)

    def _one(self, part: Any, ndmin: int, trans1d: int) -> Any:
        """A part with at least ``ndmin`` axes: new ones go where ``trans1d`` says."""
        made = np.asarray(_numbers(part) if isinstance(part, slice) else part)
        ndim = np.ndim(made)
        added = max(ndmin - ndim, 0)
        made = np.reshape(made, (1,) * added + np.shape(made))
        if trans1d == -1 or not added or not ndim:
            return made
        if isinstance(part, slice):
            return np.swapaxes(made, -1, trans1d)
        first = trans1d + added + 1 if trans1d < 0 else trans1d
        axes = list(range(ndmin))
        return np.transpose(made, axes[:first] + axes[added:] + axes[first:added])


def _numbers(part: slice) -> Any:
    """What a slice stands for in ``np.r_``: numbers by a step, or so many of them."""
    if not contains_tensor(part):
        return np.r_[part]
    start = 0 if part.start is None else part.start
    if isinstance(part.step, complex):
        return np.linspace(start, part.stop, num=int(abs(part.step)))
    return np.arange(start, part.stop, 1 if part.step is None else part.step)


_R, _C = _Joiner(np.r_, 0, 1, -1), _Joiner(np.c_, -1, 2, 0)
_SCALARS = [np.dtype(code).type for code in "?bhilqBHILQefdgFDG"]
_PAIRS: list[tuple[Any, Any]] = [
    (float, _number(float)),
    (complex, _number(complex)),
    (np.ndenumerate, _ndenumerate),
    (np.nditer, _NdIter),
    (np.fromiter, _fromiter),
    (np.vectorize, _Vectorized),
    (np.piecewise, _piecewise),
    (np.poly1d, _poly1d),
    (np.apply_over_axes, _apply_over_axes),
    (np.apply_along_axis, _apply_along_axis),
    (np.r_, _R),
    (np.c_, _C),
    *[(kind, _scalar_type(kind)) for kind in _SCALARS],
]
_CALLED = {id(old): new for old, new in _PAIRS}
_LOADED = {id(np.r_): _R, id(np.c_): _C}


def add_loaded(table: dict[Any, Any]) -> None:
    """Enter functions that are replaced where they are loaded, called or not."""
    _LOADED.update({id(old): new for old, new in table.items()})


def substitute_loaded(value: Any) -> Any:
    """Objects that are indexed instead of called: ``np.r_`` and ``np.c_``."""
    return _LOADED.get(id(value), value)
