"""The rows of a loop: an array that the iterations fill, or a list where nobody knows how many.

>>> allocate_rows(function, loop, spec, "hs"), function.lines[-1]
(None, '    hs = np.empty((5, 3))')
"""

from __future__ import annotations

import numpy as np

from tracer.codegen.readable.function_writer import FunctionWriter
from tracer.graph.control import Loop
from tracer.graph.node import Node
from tracer.graph.spec import ArraySpec


def allocate_rows(function: FunctionWriter, loop: Loop, spec: ArraySpec, name: str) -> None:
    """The array or list, before the loop."""
    if loop.condition is not None:
        function.put(f"{function.indent}{name} = []")
        return
    sizes = [_count(function, loop), *[str(size) for size in spec.shape]]
    shape = sizes[0] if len(sizes) == 1 else f"({', '.join(sizes)})"
    function.put(f"{function.indent}{name} = np.empty({shape}{_dtype(function, spec)})")


def stack_rows(function: FunctionWriter, spec: ArraySpec, name: str) -> None:
    """A list of rows becomes an array, behind the loop."""
    sizes = ", ".join([f"len({name})", *[str(size) for size in spec.shape]])
    stacked = f"np.array({name}{_dtype(function, spec)})"
    stacked += f".reshape({sizes})" if spec.shape else ""
    function.put(f"{function.indent}{name} = {stacked}")


def _dtype(function: FunctionWriter, spec: ArraySpec) -> str:
    return "" if spec.dtype == np.float64 else f", {function.constants.text(spec.dtype)}"


def _count(function: FunctionWriter, loop: Loop) -> str:
    """The number of iterations."""
    if loop.length is not None:
        return str(loop.length)
    start, stop = bound_text(function, loop.start), bound_text(function, loop.stop)
    return f"max({stop}, 0)" if start == "0" else f"max({stop} - {start}, 0)"


def bound_text(function: FunctionWriter, bound: object) -> str:
    """The first index, or the one behind the last."""
    return function.lookup(bound).text if isinstance(bound, Node) else str(bound)
