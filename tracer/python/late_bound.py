"""Functions of upper packages that lower ones call; each is entered when it comes to be known.

>>> LATE_BOUND["svg"](graph)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LATE_BOUND: dict[str, Callable[..., Any]] = {}
