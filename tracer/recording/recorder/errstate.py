"""Warnings of floating-point errors: one per event, at the user's line, as in plain NumPy.

>>> def f(x):
...     return np.log(x)
>>> trace(f)(np.zeros(1))
model.py:2: RuntimeWarning: divide by zero encountered in log

A function runs twice on its first call: as it is traced, and as a program. What NumPy would warn
of while tracing is held back, since the program will say it; and what happens in a generated line
is reported at the line of the user's that it was made from. Both go through NumPy's own errstate,
whose mode ``"log"`` hands the message to an object.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from tracer.ops.stand_ins import stand_in
from tracer.recording.source.frames import interpreted_node
from tracer.recording.tensor.active import ACTIVE, COMPUTING

_umath: Any = np._core.umath  # type: ignore[attr-defined]
ERRSTATE = _umath._extobj_contextvar
EVENTS = {
    "divide": "divide by zero encountered in ",
    "over": "overflow encountered in ",
    "invalid": "invalid value encountered in ",
    "under": "underflow encountered in ",
}
GENERATED = "calcgraph-generated/"
PROGRAMS: WeakValueDictionary[str, Any] = WeakValueDictionary()  # by their files' names


# -- errstates ---------------------------------------------------------------------------------
class Variants:
    """Errstates that hand warnings to ``writer``, made once for each errstate of the user's."""

    def __init__(self, writer: Any, quiet: bool):
        self.writer = writer
        self.silenced = ("print", "log", "call") if quiet else ()
        self.known: dict[int, tuple[Any, Any]] = {}

    def of(self, errstate: Any) -> Any:
        found = self.known.get(id(errstate))
        if found is not None and found[0] is errstate:
            return found[1]
        modes = {k: "log" for k, mode in np.geterr().items() if mode == "warn"}
        modes |= {k: "ignore" for k, mode in np.geterr().items() if mode in self.silenced}
        own = {k for k, mode in np.geterr().items() if mode in ("log", "call")}
        made = errstate
        if modes and (self.silenced or not own):  # one object serves all modes: the user's stays
            made = _umath._make_extobj(call=self.writer, **modes)
        if len(self.known) > 64:
            self.known.clear()
        self.known[id(errstate)] = (errstate, made)
        return made


class _Tracing:
    """Holds back what the program will report; an event that is an error raises here."""

    def write(self, text: str) -> None:
        recorder = COMPUTING.get() or ACTIVE.get()
        if recorder is None:
            return
        hold_back(recorder, RuntimeWarning, _message(text))


class _Running:
    """Reports what happens in a program at the user's line."""

    def write(self, text: str) -> None:
        message = _message(text)
        frame = sys._getframe(1)
        origin = origin_of(frame, message)
        if origin is None:  # inside NumPy's own Python code, or unknown: where it happened
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        else:
            warn_at(message, RuntimeWarning, origin)


TRACING = Variants(_Tracing(), quiet=True)
RUNNING = Variants(_Running(), quiet=False)


def is_variant(errstate: Any) -> bool:
    """Whether this errstate is none of the user's."""
    known = [*TRACING.known.values(), *RUNNING.known.values()]
    return any([made is errstate and made is not users for users, made in known])


def _message(text: str) -> str:
    return text.removeprefix("Warning: ").rstrip("\n")


def with_user_warnings(run: Callable[..., Any]) -> Callable[..., Any]:
    """A program whose floating-point warnings are reported at the user's lines."""
    get, put = ERRSTATE.get, ERRSTATE.set
    variants: tuple[Any, Any] = (None, None)  # the user's errstate as last seen, and its variant

    def running(*inputs: Any) -> Any:
        nonlocal variants
        seen, variant = variants
        errstate = get()
        if errstate is not seen:
            variant = RUNNING.of(errstate)
            variants = errstate, variant
        try:
            put(variant)
            return run(*inputs)
        finally:  # by value: an interrupt may come before a token is bound
            put(errstate)

    return running


# -- where -------------------------------------------------------------------------------------
def origin_of(frame: Any, message: str) -> Any:
    """The user's place for a line of a generated program, or of the interpreter's node."""
    filename = frame.f_code.co_filename
    if not filename.startswith(GENERATED):
        return getattr(interpreted_node(frame), "origin", None)
    program = PROGRAMS.get(filename)
    if program is None:
        return None
    name = message.rpartition(" encountered in ")[2].removeprefix("scalar ")
    found = [n for n, line in program.lines.items() if line == frame.f_lineno and n.origin]
    named = [n for n in found if name in (n.op.name, getattr(n.op.evaluate, "__name__", ""))]
    return (named or found)[0].origin if found else None


def warn_at(message: str, category: type[Warning], origin: Any) -> None:
    """Warn as if the user's line had called NumPy itself."""
    module = _module_of(origin.file)
    warnings.warn_explicit(
        message,
        category,
        origin.file,
        origin.line,
        module.get("__name__", "<unknown>"),
        module.setdefault("__warningregistry__", {}),
    )


_NAMES: dict[str, str] = {}  # of modules, by their files
_ELSEWHERE: dict[str, dict[str, Any]] = {}  # what stands in for the globals of other files


def _module_of(file: str) -> dict[str, Any]:
    """The globals of the module that was loaded from a file."""
    module = sys.modules.get(_NAMES.get(file, ""))
    if module is None:
        path = os.path.abspath(file)
        for name, module in list(sys.modules.items()):
            where = getattr(module, "__file__", None)
            if isinstance(where, str) and os.path.abspath(where) == path:
                _NAMES[file] = name
                return vars(module)
        if len(_ELSEWHERE) > 1000:
            _ELSEWHERE.clear()
        return _ELSEWHERE.setdefault(file, {"__name__": os.path.basename(file).removesuffix(".py")})
    return vars(module)


# -- what the user's filters say ---------------------------------------------------------------
def _matches(pattern: Any, text: str) -> bool:
    """As the interpreter compares: its own filters hold plain strings, the user's are compiled."""
    if pattern is None or isinstance(pattern, str):
        return pattern is None or pattern == text
    return pattern.match(text) is not None


def action_of(message: str, category: type[Warning], module: str, line: int) -> str:
    """What the filters in force do with a warning: ``"ignore"``, ``"error"``, ``"default"`` …"""
    for action, text, kind, place, number in list(warnings.filters):
        if (
            _matches(text, message)
            and issubclass(category, kind)
            and _matches(place, module)
            and (number == 0 or number == line)
        ):
            return action
    return getattr(warnings, "defaultaction", "default")


def hold_back(recorder: Any, category: type[Warning], message: str) -> None:
    """Note a warning of the tracing run; one that the filters make an error is raised."""
    origin = recorder.where()
    module = _module_of(origin.file).get("__name__", "") if origin is not None else ""
    if action_of(message, category, module, origin.line if origin is not None else 0) == "error":
        raise category(message)
    recorder.warned.append((message, category, origin))


def report(recorder: Any) -> None:
    """Say what was held back: the user's function has raised, and no program will say it."""
    for message, category, origin in recorder.warned:
        if origin is not None:
            warn_at(message, category, origin)


MODES = {"ignore": "ignore", "error": "raise"}


def filtered_modes(modes: dict[str, str], module: str, line: int) -> dict[str, str]:
    """The errstate that does what warning filters around the user's line do."""
    found = dict(modes)
    for event, mode in modes.items():
        if mode == "warn":
            action = action_of(f"{EVENTS[event]}...", RuntimeWarning, module, line)
            found[event] = MODES.get(action, mode)
    return found


# -- warnings that NumPy's Python code issues --------------------------------------------------
def warning_rows() -> list[tuple[Any, str, Any, Any]]:
    """``warnings.warn`` while a trace runs: NumPy's are held back, all others are passed on."""
    original = warnings.warn

    @wraps(original)
    def warn(
        message: Any, category: Any = None, stacklevel: int = 1, source: Any = None, **kwargs: Any
    ) -> None:
        recorder = COMPUTING.get()
        if recorder is None:
            original(message, category, stacklevel + 1, source, **kwargs)
        elif isinstance(message, Warning):
            hold_back(recorder, type(message), str(message))
        else:
            hold_back(recorder, category or UserWarning, str(message))

    stand_in(warn, original)
    return [(warnings, "warn", original, warn)]
