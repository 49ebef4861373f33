"""Arguments that say where or how many: read while tracing, so that shapes are known.

>>> structured(recorder, np.split, (x, np.array([1, 2])), {})
((x, [1, 2]), {})
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from tracer.ops.normalise import STRUCTURE, array_parameters, parameters
from tracer.python.attributes import own
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor

# Parameters that say where, how often or of which order.
STATIC = frozenset(
    "M N axes axis axis1 axis2 axisa axisb axisc count decimals deg degree deriv destination "
    "dimensions dims edge_order ind k keepdims kth m maxpower minlength moment mu n ndim ndmin num "
    "offset ord order pad_width polyorder pow reps s shape source type window_length "
    "window_shape".split()
)
# As Python ints they are parts of the program; what is calculated may differ in every call.
STATIC_IF_WEAK = frozenset("bins indices_or_sections new_shape newshape repeats shift".split())
FIRST = frozenset({"M"})  # also as the first parameter, where the other names are an array's
SIZES = frozenset({"N", "n", "shape", "dimensions"})  # as NumPy's first parameter: of what is made
STARTS = frozenset({"rollaxis"})  # elsewhere a start is a number


# Parameters that choose where an array is put, not what is in it.
PLACEMENT = ("like", "device")
# Long lists of places stay arrays: they are constants of the program.
LONGEST = 64


def structured(function: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """The call with integers, and lists of them, in place of Tensors that say how many.

    A run-time integer is guarded: the program holds for that number alone.
    """
    if kwargs:
        if "like" in kwargs or "device" in kwargs:
            kwargs = {k: v for k, v in kwargs.items() if k not in PLACEMENT}
        if not STRUCTURE.isdisjoint(kwargs):
            kwargs = {k: plain(v) if k in STRUCTURE else v for k, v in kwargs.items()}
    if len(args) > 1 and any([_says_where(a) for a in args[1:]]):
        names = array_parameters(function)
        rest = zip(names[1:], args[1:], strict=False)
        if len(names) >= len(args) and not any([name.startswith("*") for name in names]):
            args = (args[0], *[plain(a) if n in STRUCTURE else a for n, a in rest])
    return args, kwargs


def _says_where(argument: Any) -> bool:
    if isinstance(argument, TracedTensor):
        return argument.dtype.kind in "iub"
    return type(argument) in (list, tuple)


def plain(value: Any) -> Any:
    """Integer Tensors as Python integers or lists of them; everything else as it is."""
    if type(value) in (list, tuple):
        return type(value)([plain(item) for item in value])
    if not isinstance(value, TracedTensor) or value.dtype.kind not in "iub":
        return value
    found = value._value
    if not np.ndim(found):
        return bool(value) if value.dtype.kind == "b" else int(value)
    if value._known:
        short = found.size <= LONGEST and found.dtype.kind != "b"
        return found.tolist() if short else found.copy()
    items = [plain(item) for item in value]
    return np.array(items) if value.dtype.kind == "b" else items


@lru_cache(maxsize=2048)
def static_parameters(function: Any) -> tuple[tuple[str, ...], frozenset[str]]:
    """The names of a callable's parameters, and which of them hold integers of this kind."""
    names = tuple([name for name, _, _ in parameters(function) or ()])
    found = STATIC.union(STATIC_IF_WEAK).intersection(names[1:]) | FIRST.intersection(names)
    if str(own(function, "__module__", "")).startswith("numpy"):
        found |= SIZES.intersection(names[:1])
    return names, found | ({"start"} if function.__name__ in STARTS else set())


def with_static_integers(
    recorder: ActiveRecorder, function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any]]:
    """The call with such integers as plain ones."""
    names, static = static_parameters(function)
    if not static and slice not in [type(argument) for argument in args]:
        return args, kwargs

    def plain(name: str, argument: Any) -> Any:
        if name in static or type(argument) is slice:
            return _read(recorder, argument, name in STATIC_IF_WEAK)
        return argument

    placed = tuple([plain(name, a) for name, a in zip(names, args, strict=False)])
    named = {name: plain(name, argument) for name, argument in kwargs.items()}
    return placed + args[len(names) :], named


def _read(recorder: ActiveRecorder, argument: Any, weak_only: bool) -> Any:
    if type(argument) in (list, tuple):
        return type(argument)([_read(recorder, item, weak_only) for item in argument])
    if type(argument) is slice:
        bounds = (argument.start, argument.stop, argument.step)
        return slice(*[_read(recorder, bound, weak_only) for bound in bounds])
    if not isinstance(argument, TracedTensor):
        return argument
    spec = argument._node.specs[0]
    if spec.shape or spec.dtype.kind not in "iu" or (weak_only and spec.kind != "weak"):
        return argument
    return recorder.read_integer(argument, int(argument._value))
