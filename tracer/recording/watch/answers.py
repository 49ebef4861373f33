"""What is read through a table of globals, and by comparisons in C.

>>> globals()["scale"] * x  # in a traced function: read again on every call
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tracer.recording.captures.paths import Path

if TYPE_CHECKING:
    from tracer.recording.watch.monitor import Monitor


def global_table(monitor: Monitor) -> dict[str, Any]:
    """The table of globals; what is read from it is seen."""
    return known_table(monitor, monitor.globals)


def known_table(monitor: Monitor, table: dict[str, Any]) -> dict[str, Any]:
    """A module's ``__dict__``, with a way to each of its names."""
    monitor.captures.add_path(table, Path("globals", table))
    return table


def extreme(monitor: Monitor, function: Any, args: Sequence[Any], key: Any = None) -> Any:
    """``max`` or ``min`` of objects that are compared by methods of their own."""
    sign = "gt" if function is max else "lt"
    best, highest = args[0], key(args[0]) if key is not None else args[0]
    for item in args[1:]:
        ranked = key(item) if key is not None else item
        if monitor.compare(sign, ranked, highest):
            best, highest = item, ranked
    return best
