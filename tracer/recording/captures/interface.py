"""What captures ask of the recorder of their trace.

>>> recorder.argument(np.ones(3), "w", capture="self.w")
Traced(array([1., 1., 1.]))
"""

from __future__ import annotations

from typing import Any, Protocol


class CapturingRecorder(Protocol):
    """The recorder of an outermost trace."""

    closed: bool
    weak_ints: bool
    streams: Any
    leaked: Any

    def argument(self, value: Any, name: str, capture: str = "") -> Any:
        """A run-time input."""
