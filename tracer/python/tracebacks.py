"""Tracebacks without this package's own frames: what is left are the user's and NumPy's.

>>> try:
...     loss(w, x)
... except BaseException as error:
...     clean(error)
...     raise

An exception keeps its identity, its type, its cause and its context; only frames of this package
below the call are left out. ``TRACER_FULL_TRACEBACK=1`` in the environment keeps them.
"""

from __future__ import annotations

import importlib
import linecache
import os
import traceback
from dataclasses import dataclass
from types import FrameType, TracebackType

from tracer.errors import TracerError

HERE = os.path.join(os.path.abspath(os.path.join(__file__, os.pardir, os.pardir)), "")
SAMPLES = os.path.join(HERE, "samples", "")  # user code that is installed with the package
VARIABLE = "TRACER_FULL_TRACEBACK"


def shows_all() -> bool:
    """Whether the environment asks for all frames."""
    return os.environ.get(VARIABLE, "0") not in ("", "0")


def shown(error: BaseException) -> str:
    """The traceback as text, from the user's first frame on; all of it if there is none."""
    if not shows_all():
        clean(error)
        entry = error.__traceback__
        while entry is not None and (is_own(entry) or _imports(entry)):
            entry = entry.tb_next
        if entry is not None or isinstance(error, SyntaxError):
            error = error.with_traceback(entry)
    return "".join(traceback.format_exception(error))


def _imports(entry: TracebackType) -> bool:
    """Whether a frame is Python's own way into a module."""
    file = entry.tb_frame.f_code.co_filename
    return file.startswith("<frozen ") or file == importlib.__file__


def clean(error: BaseException) -> None:
    """Leave out this package's frames, but for the outermost one, which is still running."""
    head = error.__traceback__
    if isinstance(error, TracerError) and error.place is None and head is not None:
        error.place = caller(head.tb_frame)
    if shows_all():
        return
    if head is not None:
        _relink(head, head.tb_next)
    seen = {id(error)}
    others = [error.__cause__, error.__context__]
    while others:
        other = others.pop()
        if other is None or id(other) in seen:
            continue
        seen.add(id(other))
        others += [other.__cause__, other.__context__]
        other.__traceback__ = _first(other.__traceback__)
        if other.__traceback__ is not None:
            _relink(other.__traceback__, other.__traceback__.tb_next)


@dataclass(frozen=True)
class Caller:
    """The call of a public function in the user's code, as errors show it."""

    file: str
    line: int
    column: int
    end_column: int
    expression: str
    statement: str
    function: str


def caller(frame: FrameType | None) -> Caller | None:
    """Where the innermost frame that is not this package's own runs."""
    while frame is not None and _is_own_file(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return None
    code = frame.f_code
    places = list(code.co_positions())
    line, end, column, end_column = places[min(frame.f_lasti // 2, len(places) - 1)]
    line, column, end_column = line or frame.f_lineno, column or 0, end_column or 0
    text = linecache.getline(code.co_filename, line).encode()
    expression = text[column:end_column].decode(errors="replace") if end == line else ""
    statement = text.decode(errors="replace").strip()
    name = getattr(code, "co_qualname", code.co_name).rsplit("<locals>.", 1)[-1]
    return Caller(code.co_filename, line, column, end_column, expression, statement, name)


def _relink(kept: TracebackType, following: TracebackType | None) -> None:
    """Chain the user's frames after ``kept``."""
    while following is not None:
        after = following.tb_next
        if not is_own(following):
            kept.tb_next = following
            kept = following
        following = after
    kept.tb_next = None


def _first(entry: TracebackType | None) -> TracebackType | None:
    while entry is not None and is_own(entry):
        entry = entry.tb_next
    return entry


def is_own(entry: TracebackType) -> bool:
    """Whether a frame runs code of this package."""
    return _is_own_file(entry.tb_frame.f_code.co_filename)


def _is_own_file(file: str) -> bool:
    return file.startswith(HERE) and not file.startswith(SAMPLES)


class Boundary:
    """``with BOUNDARY:`` around what a public function does: tracebacks end at the user's call."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, entry: object) -> None:
        if error is not None:
            clean(error)


BOUNDARY = Boundary()
