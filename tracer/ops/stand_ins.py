"""Functions of NumPy's and SciPy's have a stand-in while a trace is open; which one is it?

>>> original_of(np.zeros)  # of the stand-in, in a trace
<built-in function zeros>
"""

from __future__ import annotations

from typing import Any

from tracer.python.attributes import own


def original_of(function: Any) -> Any:
    """What a stand-in stands for; every other function is its own original.

    ``functools.wraps(np.zeros)`` copies the mark into a wrapper of the user's, which wraps the
    stand-in; a stand-in wraps the original.
    """
    original = own(function, "__tracer_original__")
    if original is None or own(function, "__wrapped__") is not original:
        return function
    return original


def is_stand_in(function: Any) -> bool:
    """Whether a trace has put this function into the place of another."""
    return original_of(function) is not function


def stand_in(hook: Any, original: Any) -> Any:
    """Mark a wrapper of ``original`` as standing in for it; returns the wrapper."""
    hook.__tracer_original__ = original
    return hook
