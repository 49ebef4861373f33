"""The function inside methods, partials and traced functions.

>>> innermost(model.energy)
<function Model.energy at ...>"""

from __future__ import annotations

from types import MethodType
from typing import Any

from tracer.python.attributes import is_traced


def innermost(function: Any) -> Any:
    """The function inside of methods and of traced functions."""
    while True:
        if isinstance(function, MethodType):
            function = function.__func__
        elif is_traced(function):
            function = function.__tracer_function__
        else:
            return function
