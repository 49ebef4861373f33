"""NumPy functions that can't be traced: files, text, dates, matrices, raw memory.

>>> REFUSALS[np.save](recorder, "x.npy", t)
LeakError: np.save can't be traced: it works on files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.recording.tensor.active import leak

# By reason; docs/coverage.md lists them with it.
REASONS = {
    "it works on files": "fromfile fromregex genfromtxt load loadtxt save savetxt savez "
    "savez_compressed",
    "it reads raw memory": "frombuffer from_dlpack",
    "it makes or reads text": "base_repr binary_repr fromstring",
    "dates are not numbers": "busday_count busday_offset datetime_as_string is_busday",
    "arrays of another kind": "asmatrix bmat",
}
FIXES = {
    "it works on files": "return the value, and call it outside the traced function",
    "it reads raw memory": "use .astype(dtype), or np.asarray",
    "it makes or reads text": "format the number in an f-string, or do it outside",
    "dates are not numbers": "do it outside the traced function, and pass what it gives",
    "arrays of another kind": "use plain arrays, and @ for products of matrices",
}


def _refusal(name: str, reason: str) -> Callable[..., Any]:
    def refuse(recorder: Any, *args: Any, **kwargs: Any) -> Any:
        raise leak(f"np.{name} can't be traced: {reason}.", FIXES[reason])

    return refuse


REFUSALS: dict[Any, Callable[..., Any]] = {
    getattr(np, name): _refusal(name, reason)
    for reason, names in REASONS.items()
    for name in names.split()
}
