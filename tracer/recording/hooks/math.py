"""`math`, `cmath` and builtins on Tensors: the call becomes a node instead of reading a number.

>>> @trace
... def f(x):
...     return math.exp(-x) * max(x, 0.0)

``math.exp`` would ask a Tensor for its float, which would drop the gradient. While a trace is open
these functions are replaced by wrappers, in their module's namespace and where user code calls
them, that pass straight through unless an argument is traced.
"""

from __future__ import annotations

import builtins
import cmath
import math
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from tracer.ops.mathematics import OPS
from tracer.ops.stand_ins import stand_in
from tracer.python.attributes import own
from tracer.recording.hooks.call_sites import add_loaded, substitute
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.leaks import contains_tensor
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.text import TracedText

Hook = Callable[..., Any]
EXACT = frozenset({"decimal", "fractions", "statistics"})  # calculate with digits or ratios


def _wrapper(original: Any) -> Hook:
    op = OPS[original]

    @wraps(original, updated=())
    def hook(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None:
            return original(*args, **kwargs)
        args = tuple([list(a) if isinstance(a, Iterator) else a for a in args])
        if not contains_tensor(args) and not contains_tensor(kwargs):
            return original(*args, **kwargs)
        return recorder.call(op, args, kwargs, "")

    return stand_in(hook, original)


# -- builtins --------------------------------------------------------------------------------
def _is_number(value: Any) -> bool:
    return type(value) in (int, float, complex, bool) or (
        isinstance(value, TracedTensor) and value._buffer is None
    )


def _sum(*args: Any, **kwargs: Any) -> Any:
    """One node for numbers and for a vector; arrays are added one by one, as Python does."""
    if len(args) not in (1, 2) or kwargs.keys() - {"start"}:
        return builtins.sum(*args, **kwargs)
    items = args[0]
    if not isinstance(items, (list, tuple, TracedTensor)):
        items = list(items)
    start = args[1:] or tuple(kwargs.values())
    if isinstance(items, TracedTensor):
        whole = items.ndim == 1 and all(map(_is_number, start))
    else:
        whole = contains_tensor(items) and all(map(_is_number, (*items, *start)))
    recorder = ACTIVE.get()
    if recorder is None or not whole:
        return builtins.sum(items, *start)
    return recorder.call(OPS[builtins.sum], (items, *start), {}, "")


def _extreme(original: Any) -> Hook:
    """``max`` and ``min`` of a vector, or of numbers of one kind; others are compared by guards."""

    def extreme(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None or kwargs or not contains_tensor(args):
            return original(*args, **kwargs)
        items = args[0] if len(args) == 1 else args
        if isinstance(items, TracedTensor):
            plain = len(args) == 1 and items.ndim == 1 and items.dtype.kind == "f"
        else:
            items = list(items)
            kinds = {_kind(item) for item in items}
            plain = len(kinds) == 1 and None not in kinds
        if not plain:
            return original(items) if len(args) == 1 else original(*args)
        return recorder.call(OPS[original], (items,) if len(args) == 1 else args, {}, "")

    return extreme


def _kind(item: Any) -> Any:
    """The type of a floating-point number; None for what is no such number."""
    value = item._value if isinstance(item, TracedTensor) and item._buffer is None else item
    return type(value) if isinstance(value, float) and not isinstance(value, TracedTensor) else None


def _round(*args: Any, **kwargs: Any) -> Any:
    recorder = ACTIVE.get()
    if recorder is None or not args or not isinstance(args[0], TracedTensor):
        return round(*args, **kwargs)
    if args[0]._buffer is not None:
        return round(args[0]._value, *args[1:], **kwargs)  # Python's own error
    digits = [n.__index__() for n in (*args[1:], *kwargs.values()) if n is not None]
    return recorder.call(OPS[builtins.round], (args[0], *digits), {}, "")


def _pow(*args: Any, **kwargs: Any) -> Any:
    recorder = ACTIVE.get()
    given = (*args, *kwargs.values())
    if recorder is None or len(given) < 3 or given[2] is None or not contains_tensor(given):
        return pow(*args, **kwargs)
    return recorder.call(OPS[builtins.pow], given, {}, "")


def _complex(*args: Any, **kwargs: Any) -> Any:
    """A complex number of two parts; of one number it is a conversion."""
    recorder = ACTIVE.get()
    if args and isinstance(args[0], TracedText):
        args[0].refuse()
    if len(args) + len(kwargs) == 1:
        return substitute(complex)(*args, **kwargs)
    if recorder is None or kwargs or not contains_tensor(args):
        return complex(*args, **kwargs)
    return recorder.call(OPS[complex], args, {}, "")


def _map(function: Any, *iterables: Any) -> Any:
    """``map(float, x)``: the function is called by C code, which sees no Tensor."""
    return map(math_call(function) or substitute(function), *iterables)


# -- what stands in for what -----------------------------------------------------------------
HOOKS: dict[Any, Hook] = {
    function: _wrapper(function) for function, op in OPS.items() if not op.name.startswith("built")
} | {
    builtins.sum: _sum,
    builtins.max: _extreme(builtins.max),
    builtins.min: _extreme(builtins.min),
    builtins.round: _round,
    builtins.pow: _pow,
    builtins.complex: _complex,
    builtins.map: _map,
}
_BY_ID = {id(function): hook for function, hook in HOOKS.items()}
# A name bound before the trace may be handed on instead of called: reduce(hypot, x).
add_loaded({f: hook for f, hook in HOOKS.items() if f.__module__ in ("math", "cmath")})


def math_call(function: Any) -> Any:
    """What stands in for a callable that would read a number; None for any other."""
    found = _BY_ID.get(id(function))
    if found is None and own(function, "__module__") in EXACT:
        return _refusing(function)
    return found


def _refusing(function: Any) -> Hook:
    """Exact arithmetic has no derivative; it reads the digits of its arguments."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        items = [list(a) if isinstance(a, Iterator) else a for a in args]
        if ACTIVE.get() is not None and (contains_tensor(items) or contains_tensor(kwargs)):
            name = f"{function.__module__}.{getattr(function, '__name__', 'function')}"
            raise leak(
                f"{name} calculates with the digits of a traced number.",
                "use NumPy: np.mean, np.median, np.std; or call it outside the traced function",
            )
        return function(*items, **kwargs)

    return refuse


def math_rows() -> list[tuple[Any, str, Any, Any]]:
    """``(module, name, original, wrapper)`` of what is replaced while a trace runs."""
    return [
        (module, function.__name__, function, hook)
        for function, hook in HOOKS.items()
        for module in (math, cmath)
        if vars(module).get(own(function, "__name__", "")) is function
    ]
