"""Which recorder is at work in this thread or task, and how a leak is reported to it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from tracer import errors

if TYPE_CHECKING:  # loaded with the first name that users import
    from tracer.recording.tensor.interface import ActiveRecorder

ACTIVE: ContextVar[ActiveRecorder | None] = ContextVar("tracer_recorder", default=None)
# The recorder whose concrete values are being computed right now: leaks found there are its own.
COMPUTING: ContextVar[ActiveRecorder | None] = ContextVar("tracer_computing", default=None)


def leak(
    message: str, fix: str, kind: type[errors.LeakError] = errors.LeakError
) -> errors.LeakError:
    """A leak error at the user's line; sticky: the open trace raises it again at its end."""
    recorder = ACTIVE.get() or COMPUTING.get()
    error = kind(message, recorder.where() if recorder is not None else None, fix)
    if recorder is not None and recorder.leaked is None:
        recorder.leaked = error
    return error
