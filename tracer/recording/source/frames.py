"""Frames on the stack: whose they are, and what is read from them by position or by name.

>>> user_frame().f_code.co_name
'loss'

Nothing else in this package counts frames or looks into another one's variables. Four things do:

* Where the user's code stands is found by walking out of the frames that are ours. Each step makes
  a frame object, 0.4 µs, so that an op may say how many frames of ours there are at least
  (``BY_TENSOR``, ``BY_RECORDER``); too few only cost time.
* A trace ends where ``run_user_function`` was called, which is told by its code.
* NumPy hands a warning of a floating-point error to an object, without saying which node it runs:
  that is the first argument of the function that called it, one of ``INTERPRETERS``.
* ``logging`` formats numbers by ``float(x)``, which is text, not a number that is calculated with.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from tracer.graph.evaluate import run_node
from tracer.recording.source.libraries import OWN_FILES, is_library

# The position of the user's frame at least, as `Locator.running` counts: it is called by what
# writes a node down, that by a Tensor's method (x[i]), or by the recorder, which one has asked.
BY_TENSOR = 3
BY_RECORDER = 4


def user_frame() -> FrameType | None:
    """The innermost running frame of the user's code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        library = OWN_FILES.get(filename)
        if not (is_library(filename) if library is None else library):
            return frame
        frame = frame.f_back
    return None


def run_user_function(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call the user's function; its frame's parent marks where a trace begins."""
    return function(*args, **kwargs)


def begins_trace(frame: FrameType) -> bool:
    """Whether what this frame calls is the traced function."""
    return frame.f_code is run_user_function.__code__


INTERPRETERS: dict[CodeType, str] = {}  # functions that run the node in this argument


def interprets(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function runs the node that is its first argument."""
    INTERPRETERS[function.__code__] = function.__code__.co_varnames[0]
    return function


interprets(run_node)


def interpreted_node(frame: FrameType) -> Any:
    """The node that a frame of an interpreter runs; None for other frames."""
    name = INTERPRETERS.get(frame.f_code)
    return frame.f_locals.get(name) if name is not None else None


def is_asked_by(module: str) -> bool:
    """Whether the caller of this function's caller is code of a module."""
    return sys._getframe(2).f_globals.get("__name__") == module
