"""A trace is opened and closed: the context, the hooks and NumPy's error state."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import wraps
from typing import Any

from tracer import errors
from tracer.ops.seeds import CALL
from tracer.recording.hooks.namespaces import HOOKS, P, R
from tracer.recording.recorder.errstate import ERRSTATE, is_variant
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.source.libraries import is_users
from tracer.recording.tensor.active import ACTIVE, COMPUTING
from tracer.recording.tensor.poison import memory_read
from tracer.recording.watch.context_variables import SET, refuse_set

# What a trace sets in the context, for itself alone.
OWN = frozenset({ACTIVE, COMPUTING, CALL, SET})
# What CPython says of a Tensor that is asked for its bytes.
BYTES = re.compile("(bytes-like|buffer).*Traced|object supporting the buffer API required")


def contained(trace: Callable[P, R]) -> Callable[P, R]:
    """No interrupt, wherever it comes, leaves an outermost trace open.

    The trace runs in a copy of the context, which the interpreter itself leaves; what the user's
    function has set there is handed back.
    """

    @wraps(trace)
    def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        if ACTIVE.get() is not None:
            return trace(*args, **kwargs)
        depth = HOOKS.depth()
        context = copy_context()
        variables: list[Any] = []
        context.run(SET.set, variables)
        try:
            result = context.run(trace, *args, **kwargs)
            refuse_set(variables, context)
            return result
        finally:
            HOOKS.leave(depth)
            _hand_back(context)

    return traced


def _hand_back(context: Context) -> None:
    for variable, value in context.items():
        if variable in OWN or variable is ERRSTATE and is_variant(value):
            continue
        if variable.get(None) is not value:
            variable.set(value)


class recording:
    """``with recording(recorder):`` makes it the one at work; raises the first leak at the end."""

    __slots__ = ("depth", "outer", "recorder")

    def __init__(self, recorder: Recorder):
        self.recorder = recorder
        self.outer = ACTIVE.get()
        self.depth = HOOKS.depth()

    def __enter__(self) -> Recorder:
        try:
            HOOKS.enter()
            ACTIVE.set(self.recorder)
        except BaseException:  # an interrupt
            self._leave()
            raise
        return self.recorder

    def __exit__(self, kind: Any, error: BaseException | None, entries: Any) -> None:
        try:
            self._leave()
        except BaseException:  # an interrupt
            self._leave()
            raise
        leaked = self.recorder.leaked
        if leaked is None and isinstance(error, TypeError) and BYTES.search(str(error)):
            leaked = memory_read(self._place(error))
        if leaked is None or isinstance(error, errors.LeakError):
            return
        if error is None:
            raise leaked
        if isinstance(error, Exception):  # at the user's line, whatever came of it
            raise leaked.with_traceback(error.__traceback__) from None

    def _place(self, error: BaseException) -> Any:
        """The user's innermost line that an exception came through."""
        place, entry = None, error.__traceback__
        while entry is not None:
            if is_users(entry.tb_frame.f_code.co_filename):
                place = self.recorder.locator.locate(entry.tb_frame) or place
            entry = entry.tb_next
        return place.origin if place is not None else None

    def _leave(self) -> None:
        ACTIVE.set(self.outer)
        self.recorder.closed = True
        HOOKS.leave(self.depth)
