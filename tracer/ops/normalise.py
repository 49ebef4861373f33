"""One form for every spelling of a call: parameters by NumPy's names, defaults dropped.

>>> normalise(np.sum, (x, None, None), {"keepdims": False})
(<op sum>, (x,), {})
>>> normalise(np.sum, (x, 0), {})
(<op sum>, (x,), {"axis": 0})
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tracer.graph.op import Op
from tracer.ops.registry import op_of

# Parameters that stay positional because they are operands or read better so; the rest go by name.
POSITIONAL_COUNT = {
    "clip": 3, "where": 3, "reshape": 2, "transpose": 2, "swapaxes": 3, "moveaxis": 3, "dot": 2, "vdot": 2,
    "inner": 2, "outer": 2, "kron": 2, "tensordot": 2, "linalg.solve": 2, "expand_dims": 2, "cross": 2,
    "broadcast_to": 2, "split": 2, "array_split": 2, "hsplit": 2, "vsplit": 2, "dsplit": 2, "pad": 2, "roll": 2,
    "repeat": 2, "tile": 2, "take": 2, "full": 2, "take_along_axis": 2, "append": 2, "searchsorted": 2,
    "percentile": 2, "quantile": 2, "interp": 3, "convolve": 2, "correlate": 2, "isin": 2, "isclose": 2,
    "allclose": 2, "array_equal": 2, "delete": 2, "insert": 3, "digitize": 2, "polyval": 2, "linalg.lstsq": 2,
    "linalg.matrix_power": 2, "compress": 2, "extract": 2, "choose": 2, "select": 2, "arange": 4, "linspace": 3,
    "nanpercentile": 2, "nanquantile": 2, "union1d": 2, "intersect1d": 2, "setdiff1d": 2, "resize": 2,
    "full_like": 2, "partition": 2, "argpartition": 2, "put_along_axis": 3, "linalg.tensorsolve": 2,
    "linalg.vecdot": 2, "linalg.cross": 2, "linalg.outer": 2, "linalg.matmul": 2, "linalg.tensordot": 2,
}  # fmt: skip
NO_VALUE = np._NoValue  # type: ignore[attr-defined]


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
    op = op_of(function)
    if isinstance(function, np.ufunc):
        return op, tuple(args), {k: v for k, v in kwargs.items() if v is not None} if kwargs else {}
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc) and function.__name__ == "reduce" and op.evaluate is not function:
        names = ("array", "axis", "dtype", "out", "keepdims", "initial", "where")
        bound = {"axis": 0} | dict(zip(names, args, strict=False)) | kwargs
        array = bound.pop("array")
        bound = {k: v for k, v in bound.items() if not _is_default(k, v)}
        return op, (array,), bound
    if len(args) == 1 and not kwargs:
        return op, tuple(args), {}
    known = parameters(op.evaluate)
    if known is None or any(kind == inspect.Parameter.VAR_POSITIONAL for _, kind, _ in known):
        return op, tuple(args), dict(kwargs)
    names = [name for name, kind, _ in known if kind != inspect.Parameter.VAR_KEYWORD]
    if len(args) > len(names):
        return op, tuple(args), dict(kwargs)
    bound = dict(zip(names, args, strict=False)) | kwargs
    defaults = {name: default for name, _, default in known}
    count = POSITIONAL_COUNT.get(op.name, 1)
    positional: list[Any] = []
    for name in names[:count]:
        if name not in bound:
            break
        positional.append(bound.pop(name))
    named = {
        name: bound[name] for name in names if name in bound and not _same(bound[name], defaults[name])
    }  # fmt: skip
    named |= {name: value for name, value in bound.items() if name not in defaults}
    while len(positional) > 1 and _same(positional[-1], defaults[names[len(positional) - 1]]):
        positional.pop()
    return op, tuple(positional), named


def _is_default(name: str, value: Any) -> bool:
    if value is None and name in ("axis", "dtype", "out"):
        return True
    return value is NO_VALUE or (name in ("keepdims",) and value is False) or (
        name == "where" and value is True
    )


def _same(value: Any, default: Any) -> bool:
    if value is NO_VALUE or value is default:
        return True
    return type(value) is type(default) and type(value) in (bool, int, str) and value == default
