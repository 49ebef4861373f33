"""Text made of traced values: it prints like any other, but is not turned into a number again.

>>> float(f"{x[0]:.3f}")
LeakError: A number was read from the text of a traced value.
"""

from __future__ import annotations

from typing import Any, NoReturn

from tracer.recording.active import ACTIVE, leak


class TracedText(str):
    """A string that holds the digits of a traced value as they were while tracing."""

    __slots__ = ()

    def refuse(self, *args: Any) -> NoReturn:
        raise leak(
            "A number was read from the text of a traced value; it would be the same in every "
            "call.",
            "calculate with the value itself",
        )

    __float__ = __int__ = __index__ = __complex__ = refuse


def _kept(name: str) -> Any:
    plain = getattr(str, name)

    def method(self: str, *args: Any, **kwargs: Any) -> Any:
        found = plain(self, *args, **kwargs)
        if isinstance(found, str):
            return TracedText(found)
        return type(found)([TracedText(part) for part in found])

    method.__name__ = name
    return method


for _name in (
    "strip lstrip rstrip replace split rsplit splitlines partition rpartition lower upper "
    "removeprefix removesuffix zfill rjust ljust center __add__ __getitem__ __mul__ format_map"
).split():
    setattr(TracedText, _name, _kept(_name))


def text_of(text: str, known: bool) -> str:
    """The text of a traced value; the trace remembers that there is some."""
    recorder = ACTIVE.get()
    if recorder is None or known:
        return text
    recorder.formatted = True
    return TracedText(text)
