"""What the handlers of loads, calls, operators and stores ask of the monitor that they serve.

>>> def load_item(monitor: ActiveMonitor, owner, key): ...
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType
from typing import Any, Protocol

from tracer.recording.captures.captures import Captures
from tracer.recording.captures.paths import Path


class ActiveMonitor(Protocol):
    """A user function while it runs: its variables, and the instructions that handlers share.

    Attributes
    ----------
    captures : Captures
    globals, cells
        The function's own variables.
    path : Path or None
        Where the function itself was found; None if it was made during the trace.
    module_loads
        By name: a module, the value of its attribute, what stands for it.
    builtin_loads
        By name: a builtin, and what stands for it.
    builtin_callees
        By id: a builtin or function of NumPy's, and what is called instead.
    """

    captures: Captures
    globals: dict[str, Any]
    cells: dict[str, CellType]
    path: Path | None
    module_loads: dict[str, tuple[Any, Any, Any]]
    builtin_loads: dict[str, tuple[Any, Any]]
    builtin_callees: dict[int, tuple[Any, Callable[..., Any]]]

    def place(self, name: str) -> tuple[Any, str]: ...
    def variable(self, name: str) -> Path: ...

    # -- instructions --
    def name(self, value: Any, name: str, deep: bool = True) -> Any: ...
    def attr(self, owner: Any, name: str, deep: bool = True) -> Any: ...
    def item(self, owner: Any, key: Any, deep: bool = True) -> Any: ...
    def values(self, value: Any) -> Any: ...
    def callee(self, function: Any) -> Any: ...
    def binary(self, name: str, left: Any, right: Any) -> Any: ...
    def compare(self, name: str, left: Any, right: Any) -> Any: ...
    def contains(self, item: Any, container: Any) -> Any: ...
    def same(self, left: Any, right: Any) -> bool: ...
    def iterated(self, value: Any) -> Any: ...
    def hashed(self, key: Any) -> Any: ...
