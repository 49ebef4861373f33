"""Text that the user's code makes of traced values.

>>> formatted(monitor, "%.2f", x)  # text that knows the value it was made of
'0.50'
"""

from __future__ import annotations

from typing import Any

from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.text import as_text, made_of, sources_in, text_of
from tracer.recording.watch.interface import ActiveMonitor


def formatted(monitor: ActiveMonitor, text: Any, values: Any) -> Any:
    """``text % values``: numbers as they are while tracing."""
    if not isinstance(text, str):
        return monitor.binary("mod", text, values)
    if isinstance(values, dict):
        named = {key: getattr(part, "_value", part) for key, part in values.items()}
        return made_of(str(text) % named, sources_in([text, *map(as_text, values.values())]))
    parts = values if isinstance(values, tuple) else (values,)
    plain = tuple([getattr(part, "_value", part) for part in parts])
    made = str(text) % (plain if isinstance(values, tuple) else plain[0])
    if len(parts) == 1 and isinstance(parts[0], TracedTensor) and type(text) is str:
        return text_of(made, parts[0], "%", text)
    return made_of(made, sources_in([text, *map(as_text, parts)]))
