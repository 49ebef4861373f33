"""Calls of functions that know nothing of traces: unbound methods, memory, compiled libraries.

>>> foreign_call(scipy.ndimage.gaussian_filter)(x)
LeakError: gaussian_filter can't take a traced array: array type dtype('O') not supported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer import errors
from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.leaks import contains_tensor
from tracer.recording.tensor.tensor import TracedTensor


def foreign_call(function: Any) -> Any:
    """What to call instead of a function that knows nothing of traces; else the function.

    Methods of arrays and numbers that are called unbound become those of the Tensor. An error of
    a compiled library that was given a Tensor is a leak, so that nobody takes it for an answer.
    """
    if own(function, "__objclass__") in ARRAYS_AND_NUMBERS:
        return _unbound(function)
    for module in (np, np.linalg, np.fft):  # bound to another name before the trace
        hook = vars(module).get(own(function, "__name__", ""))
        if hook is not function and original_of(hook) is function:
            return hook
    if function is memoryview or function is bytearray or function is np.ndarray:
        return _raw(function)
    module = own(function, "__module__") or ""
    root = module.split(".", 1)[0] if isinstance(module, str) else ""
    if not root or root in NOT_FOREIGN or root in sys.stdlib_module_names:
        return function
    return _foreign(function, root) if callable(function) and root in COMPILED else function


# Classes whose methods may be called unbound, float.__divmod__(x, y), on what a Tensor stands for.
ARRAYS_AND_NUMBERS = frozenset(
    {np.ndarray, np.generic, float, int, complex, *np.sctypeDict.values()}
)
NOT_FOREIGN = frozenset({"numpy", "tracer", "viz", "builtins"})
# Libraries whose functions read arrays in C; their errors tell of object arrays.
COMPILED = frozenset("scipy pandas sklearn numba torch jax cv2 PIL skimage".split())


def _unbound(function: Any) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], TracedTensor):
            return getattr(type(args[0]), function.__name__)(*args, **kwargs)
        return function(*args, **kwargs)

    return call


def _raw(kind: Any) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if contains_tensor(args):
            raise leak(
                f"{kind.__name__}() looks into a traced array's memory.", "do it outside the trace"
            )
        return kind(*args, **kwargs)

    return call


def _foreign(function: Any, library: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except errors.TracerError:
            raise
        except Exception as error:
            recorder = ACTIVE.get()
            given = contains_tensor(args) or contains_tensor(kwargs)
            if recorder is None or not given or _was_recorded(recorder, error):
                raise
            name = own(function, "__name__", library)
            raise leak(
                f"{library}'s {name} can't take a traced array: {error}",
                "call it outside the traced function, or give it a rule with tracer.custom_vjp",
            ) from error

    return call


def _was_recorded(recorder: Any, error: Exception) -> bool:
    """Whether a recorded operation raised it, so that the program is guarded by it."""
    guards = recorder.guards
    return bool(guards) and guards[-1].kind == "raises" and isinstance(error, guards[-1].outcome)
