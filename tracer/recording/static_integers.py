"""Integers that say what a call does, an axis or an order, are parts of the program.

>>> with_static_integers(recorder, np.polyder, (p, m), {})  # m: a traced int with the value 2
((p, 2), {})

Its value becomes a guard. An integer that is calculated with stays traced.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tracer.ops.normalise import parameters
from tracer.python.attributes import own
from tracer.recording.tensor.tensor import TracedTensor

if TYPE_CHECKING:
    from tracer.recording.recorder.recorder import Recorder

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


@lru_cache(maxsize=2048)
def static_parameters(function: Any) -> tuple[tuple[str, ...], frozenset[str]]:
    """The names of a callable's parameters, and which of them hold integers of this kind."""
    names = tuple([name for name, _, _ in parameters(function) or ()])
    found = STATIC.union(STATIC_IF_WEAK).intersection(names[1:]) | FIRST.intersection(names)
    if str(own(function, "__module__", "")).startswith("numpy"):
        found |= SIZES.intersection(names[:1])
    return names, found | ({"start"} if function.__name__ in STARTS else set())


def with_static_integers(
    recorder: Recorder, function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]
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


def _read(recorder: Recorder, argument: Any, weak_only: bool) -> Any:
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
