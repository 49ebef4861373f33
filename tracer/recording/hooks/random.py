"""Random numbers where user code asks for them: what NumPy's functions become, what is refused.

>>> random_call(np.random.normal, captures)  # records a draw from the global stream
>>> random_call(os.urandom, captures)
LeakError: urandom() draws random numbers in a traced function.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer.ops.stand_ins import stand_in
from tracer.python.attributes import own
from tracer.recording.random.streams import GLOBAL, STREAMS
from tracer.recording.random.traced_stream import (
    MADE,
    UNKNOWN_FIX,
    TracedStream,
    drawing,
    global_stream,
    made,
)
from tracer.recording.tensor.active import ACTIVE, leak

if TYPE_CHECKING:
    from tracer.recording.captures.captures import Captures

# Plain functions that draw from it, too.
FUNCTIONS = [
    vars(np.random)[name]
    for name in ("seed", "ranf", "sample", "get_bit_generator", "set_bit_generator")
    if name in vars(np.random)
]


def random_call(function: Any, captures: Captures) -> Any:
    """What stands in for a callable that draws random numbers or makes a stream; else None.

    Raises
    ------
    LeakError
        For sources of random numbers that are no streams of NumPy's, and for streams that no
        path leads to.
    """
    owner = own(function, "__self__")
    if isinstance(owner, STREAMS):
        recorder = ACTIVE.get()
        if recorder is None:
            return None
        if owner is GLOBAL:
            return drawing(global_stream(recorder), function.__name__)
        path = captures.path_of(function)  # a method that was bound outside: draw = rng.normal
        found = captures.capture(owner, path.then("attr", "__self__")) if path is not None else None
        if not isinstance(found, TracedStream):
            raise leak(
                f"{function.__name__}() draws from a generator that tracing can't follow.",
                UNKNOWN_FIX,
            )
        return drawing(found, function.__name__)
    if isinstance(function, type):
        return MADE.get(id(function))
    if any(function is one for one in FUNCTIONS):
        return _global_hook(function)
    _refuse_source(function, owner)
    return MADE.get(id(function))


def _refuse_source(function: Any, owner: Any) -> None:
    name = own(function, "__name__", "It")
    module = own(function, "__module__")
    foreign = isinstance(owner, (random.Random, np.random.BitGenerator, np.random.SeedSequence))
    foreign = foreign or function is os.urandom or module == "secrets"
    if foreign or (module == "uuid" and name in ("uuid1", "uuid4")):
        raise leak(
            f"{name}() draws random numbers in a traced function.",
            "draw from a NumPy generator, or draw outside and pass the numbers as an argument",
        )


def random_rows() -> list[tuple[Any, str, Any, Any]]:
    """``(module, name, original, wrapper)``: what replaces NumPy's functions while a trace runs."""
    rows = []
    for name, value in list(vars(np.random).items()):
        if own(value, "__self__") is GLOBAL or any(value is f for f in FUNCTIONS):
            rows.append((np.random, name, value, _global_hook(value)))
    rows.append((np.random, "default_rng", np.random.default_rng, made(np.random.default_rng)))
    return rows


def _global_hook(original: Any) -> Any:
    def hook(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None:
            return original(*args, **kwargs)
        return drawing(global_stream(recorder), original.__name__)(*args, **kwargs)

    hook.__name__ = original.__name__
    hook.__wrapped__ = original  # type: ignore[attr-defined]
    return stand_in(hook, original)
