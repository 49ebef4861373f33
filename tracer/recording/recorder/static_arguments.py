"""Arguments that say where or how many: read while tracing, so that shapes are known.

>>> structured(recorder, np.split, (x, np.array([1, 2])), {})
((x, [1, 2]), {})
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.normalise import STRUCTURE
from tracer.recording.recorder.calls import array_parameters
from tracer.recording.tensor.tensor import TracedTensor

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
