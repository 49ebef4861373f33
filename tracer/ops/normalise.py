"""One form for every spelling of a call: parameters by NumPy's names, defaults dropped.

>>> normalise(np.sum, (x, None, None), {"keepdims": False})
(<op sum>, (x,), {})
>>> normalise(np.sum, (x, 0), {})
(<op sum>, (x,), {"axis": 0})
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tracer.graph.op import Op
from tracer.ops.registry import op_of
from tracer.ops.scipy_names import is_scipy, positional_count
from tracer.python.attributes import own

# Parameters that stay positional because they are operands or read better so; the rest go by name.
_POSITIONAL = {
    2: """reshape transpose dot vdot inner outer kron tensordot linalg.solve expand_dims cross
        broadcast_to split array_split hsplit vsplit dsplit pad roll repeat tile take full
        take_along_axis append searchsorted percentile quantile convolve correlate isin isclose
        allclose array_equal delete digitize polyval linalg.lstsq linalg.matrix_power compress
        extract choose select nanpercentile nanquantile union1d intersect1d setdiff1d resize
        full_like partition argpartition linalg.tensorsolve linalg.vecdot linalg.cross
        linalg.outer linalg.matmul linalg.tensordot emath.logn emath.power""",
    3: "clip where swapaxes moveaxis interp insert linspace put_along_axis",
    4: "arange",
}
POSITIONAL_COUNT = {name: count for count, names in _POSITIONAL.items() for name in names.split()}
NO_VALUE = np._NoValue


@lru_cache(maxsize=2048)
def parameters(function: Any) -> tuple[tuple[str, Any, Any], ...] | None:
    """``(name, kind, default)`` of a callable's parameters, or None if it does not say."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    return tuple([(p.name, p.kind, p.default) for p in signature.parameters.values()])


def normalise(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Op, tuple, dict]:
    """The op and its canonical ``(args, kwargs)``.

    A call that does not fit the signature is left as it is: NumPy will say what is wrong.
    """
    if isinstance(function, np.ufunc):
        return op_of(function), tuple(args), _without(kwargs, UFUNC_DEFAULTS) if kwargs else {}
    if isinstance(own(function, "__self__"), np.ufunc):
        return _normalise_method(function, args, kwargs)
    renamed = RENAMED.get(function)
    if renamed is not None:
        function, added = renamed
        return normalise(function, args, {**kwargs, **added})
    op = op_of(function)
    if len(args) == 1 and not kwargs:
        return op, tuple(args), {}
    if op.name == "einsum":
        args = _with_subscripts(args)
    known = parameters(op.evaluate)
    if known is None or any(kind == inspect.Parameter.VAR_POSITIONAL for _, kind, _ in known):
        return op, tuple(args), _without(kwargs, VARIADIC_DEFAULTS)
    names = [name for name, kind, _ in known if kind != inspect.Parameter.VAR_KEYWORD]
    if len(args) > len(names):
        return op, tuple(args), dict(kwargs)
    bound = dict(zip(names, args)) | kwargs
    for name in STRUCTURE.intersection(bound):
        bound[name] = literal(bound[name])
    return op, *_arranged(op, names, {name: default for name, _, default in known}, bound)


def _arranged(op: Op, names: list[str], defaults: dict, bound: dict) -> tuple[tuple, dict]:
    """Operands by position, the rest by name in the signature's order, without defaults."""
    positional: list[Any] = []
    count = positional_count(op.name) if is_scipy(op.name) else POSITIONAL_COUNT.get(op.name, 1)
    for name in names[:count]:
        if name not in bound:
            break
        positional.append(bound.pop(name))
    named = {}
    for name in names:
        if name in bound and not _is_default(name, bound[name], defaults[name]):
            named[name] = bound[name]
    named |= {name: value for name, value in bound.items() if name not in defaults}
    while len(positional) > 1 and _same(positional[-1], defaults[names[len(positional) - 1]]):
        positional.pop()
    return tuple(positional), named


# Parameters that say where or how many; as NumPy integers they mean the same Python ones.
STRUCTURE = frozenset(
    "shape newshape new_shape reps shift axis axes pad_width indices_or_sections offset axis1 "
    "axis2 axisa axisb axisc source destination decimals obj N k n num deg s".split()
)


def literal(value: Any) -> Any:
    """Integers of NumPy's as Python's; a Tensor, and what is no integer, stays as it is."""
    if type(value) is tuple or type(value) is list:
        return type(value)([literal(item) for item in value])
    if isinstance(value, np.integer) and type(value).__module__ == "numpy":
        return int(value)
    if type(value) is np.ndarray and value.dtype.kind in "iu" and value.size <= 64:
        return value.tolist()
    return value


# -- methods of ufuncs ----------------------------------------------------------------------------
RUNNING = {np.add: np.cumsum, np.multiply: np.cumprod}  # the names of np.add.accumulate …
METHOD_PARAMETERS = {
    "reduce": ("array", "axis", "dtype", "out", "keepdims", "initial", "where"),
    "accumulate": ("array", "axis", "dtype", "out"),
    "reduceat": ("array", "indices", "axis", "dtype", "out"),
}


def _normalise_method(
    function: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Op, tuple, dict]:
    """``np.add.reduce`` is ``np.sum``, ``np.add.accumulate`` is ``np.cumsum``; others stay."""
    method = function.__name__
    running = RUNNING.get(function.__self__) if method == "accumulate" else None
    op = op_of(running if running is not None else function)
    names = METHOD_PARAMETERS.get(method)
    if names is None or len(args) > len(names):
        return op, tuple(args), _without(kwargs, UFUNC_DEFAULTS)
    bound: dict[str, Any] = {"axis": 0} | dict(zip(names, args)) | kwargs
    if "array" not in bound:
        return op, tuple(args), dict(kwargs)
    positional = [bound.pop("array")]
    if method == "reduceat" and "indices" in bound:
        positional.append(bound.pop("indices"))
    own = op.name.endswith((".reduce", ".accumulate", ".reduceat"))
    if own and _same(bound["axis"], 0):  # their default, where np.sum's is None
        del bound["axis"]
    kept = {
        name: value
        for name, value in bound.items()
        if (own and name == "axis") or not _is_default(name, value, NO_VALUE)
    }
    return op, tuple(positional), kept


# -- other spellings of one function ------------------------------------------------------------
_LAST = {"axis1": -2, "axis2": -1}
RENAMED: dict[Any, tuple[Any, dict[str, Any]]] = {
    np.amax: (np.max, {}),
    np.amin: (np.min, {}),
    np.around: (np.round, {}),
    np.linalg.matmul: (np.matmul, {}),
    np.linalg.vecdot: (np.vecdot, {}),
    np.linalg.tensordot: (np.tensordot, {}),
    np.linalg.matrix_transpose: (np.matrix_transpose, {}),
    np.linalg.trace: (np.trace, _LAST),
    np.linalg.diagonal: (np.diagonal, _LAST),
}
if hasattr(np, "row_stack"):  # deprecated
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        RENAMED[np.row_stack] = np.vstack, {}  # noqa: NPY201
RENAMED = {old: new for old, new in RENAMED.items() if old is not new[0]}


def _with_subscripts(args: Sequence[Any]) -> Sequence[Any]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` with its subscripts as a string."""
    if not args or isinstance(args[0], str):
        return args
    operands, lists = args[0 : len(args) // 2 * 2 : 2], args[1::2]
    text = ",".join(_letters(places) for places in lists)
    if len(args) % 2:
        text += "->" + _letters(args[-1])
    return (text, *operands)


def _letters(places: Sequence[Any]) -> str:
    return "".join("..." if place is Ellipsis else ALPHABET[int(place)] for place in places)


# -- defaults -----------------------------------------------------------------------------------
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
UFUNC_DEFAULTS = {
    "out": None,
    "where": True,
    "casting": "same_kind",
    "order": "K",
    "dtype": None,
    "subok": True,
    "signature": None,
    "axes": None,
    "axis": None,
}
VARIADIC_DEFAULTS = {"out": None, "optimize": False, "dtype": None}
QUIET_DEFAULTS = {"keepdims": False, "where": True, "axis": None, "dtype": None, "out": None}


def _without(kwargs: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in kwargs.items()
        if name not in defaults or not _same(value, defaults[name])
    }


def _is_default(name: str, value: Any, default: Any) -> bool:
    """Whether leaving the argument out means the same."""
    if _same(value, default):
        return True
    # Reductions declare "no value" as the default where False, True or None means the same.
    return default is NO_VALUE and name in QUIET_DEFAULTS and _same(value, QUIET_DEFAULTS[name])


def _same(value: Any, default: Any) -> bool:
    if value is NO_VALUE or value is default:
        return True
    return type(value) is type(default) and type(value) in (bool, int, str) and value == default


@lru_cache(maxsize=2048)
def array_parameters(function: Any) -> tuple[str, ...]:
    """The names of a callable's parameters; ``*name`` for what takes any number."""
    known = parameters(function)
    if known is None:
        return ()
    return tuple(
        [
            "*" + name if kind == inspect.Parameter.VAR_POSITIONAL else name
            for name, kind, _ in known
        ]
    )
