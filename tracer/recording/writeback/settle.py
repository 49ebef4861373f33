"""A function that was traced has raised: what it has written stays, as it does in plain code.

>>> model.cache = x * 2; raise ValueError    # model.cache is then a plain array
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.recording.captures.captures import Captures
from tracer.recording.captures.containers import ABSENT
from tracer.recording.captures.snapshots import VariableSnapshot, set_variable
from tracer.recording.tensor.tensor import TracedTensor


def settle(captures: Captures) -> None:
    """Give what the function has written plain values in place of traced ones."""
    seen: dict[int, Any] = {}
    for changed in captures.state.changed():
        now = changed.now()
        if isinstance(changed, VariableSnapshot):
            if now is not ABSENT:
                set_variable(changed.place, changed.name, _plain(now, captures, seen))
        elif changed.kind == "own":
            changed.roll_back()
        elif isinstance(now, dict):
            changed.fill({key: _plain(value, captures, seen) for key, value in now.items()})
        else:
            changed.fill([_plain(value, captures, seen) for value in now])


def _plain(value: Any, captures: Captures, seen: dict[int, Any]) -> Any:
    """A traced value as the number that it stands for."""
    if id(value) in seen:
        return seen[id(value)]
    found = value
    if isinstance(value, TracedTensor):
        origin = captures.identities.origin(value)
        own = origin.thing if not origin.steps else value
        buffer = value._buffer
        if own is not value and (buffer is None or not buffer.version):
            found = own
        else:
            found = np.copy(value._value) if isinstance(value._value, np.ndarray) else value._value
    elif type(value) in (list, dict, tuple) and captures.state.snapshot(value) is None:
        rows = list(value.items() if type(value) is dict else enumerate(value))
        made = {key: _plain(item, captures, seen) for key, item in rows}
        if any([made[key] is not item for key, item in rows]):
            found = made if type(value) is dict else type(value)(made.values())
    seen[id(value)] = found
    return found
