"""The few settings: one frozen record, `TRACER_*` variables and a context manager.

>>> from tracer import settings
>>> settings.current().numerics
'fast'
>>> with settings.using(numerics="exact", check=True):
...     value, gradient = value_and_grad(loss)(w, x)
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen; each field has an environment variable, ``TRACER_NUMERICS`` and so on.

    Attributes
    ----------
    numerics : {"fast", "exact"}
        Whether derivative programs may reorder floating-point work. ``"exact"`` forbids it. A
        traced function's own value is bit-equal to plain NumPy either way.
    check : bool
        Compare every traced function with the plain one on the first call, then on calls 2, 4,
        8 …; a difference raises `CheckFailed`.
    cache_size : int
        Programs kept per function; the least recently used one goes first.
    max_branches : int
        Ways through one signature's branches that are compiled; past it calls are interpreted.
    log_retraces : bool
        Say on the ``tracer`` logger why a function was traced again.
    """

    numerics: str = "fast"
    check: bool = False
    cache_size: int = 128
    max_branches: int = 64
    log_retraces: bool = False

    def __post_init__(self) -> None:
        if self.numerics not in ("fast", "exact"):
            raise ValueError(f"numerics is 'fast' or 'exact', not {self.numerics!r}")
        for name in ("cache_size", "max_branches"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)!r}")


_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def _read(text: str, like: Any, variable: str) -> Any:
    """The text of an environment variable as a value of the field's type."""
    if isinstance(like, bool):
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise ValueError(f"{variable} is 1 or 0, not {text!r}")
    if isinstance(like, int):
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{variable} is a whole number, not {text!r}") from None
    return text


def from_environment(environment: dict[str, str] | None = None) -> Settings:
    """The settings that the ``TRACER_*`` variables ask for.

    Raises
    ------
    ValueError
        If a variable does not fit its field.
    """
    values = os.environ if environment is None else environment
    found: dict[str, Any] = {}
    for field in fields(Settings):
        variable = f"TRACER_{field.name.upper()}"
        text = values.get(variable)
        if text is not None:
            found[field.name] = _read(text.strip(), field.default, variable)
    return Settings(**found)


_default: Settings | None = None
_current: ContextVar[Settings | None] = ContextVar("tracer_settings", default=None)


def current() -> Settings:
    """The settings in force.

    Returns
    -------
    Settings
        Those of the innermost `using`, else those of the process.
    """
    global _default
    chosen = _current.get()
    if chosen is not None:
        return chosen
    if _default is None:
        _default = from_environment()
    return _default


@contextmanager
def using(**changes: Any) -> Generator[Settings, None, None]:
    """Change settings inside a ``with`` block, in this thread or task only.

    Raises
    ------
    TypeError
        If there is no such setting.
    """
    chosen = replace(current(), **changes)
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def configure(**changes: Any) -> Settings:
    """Change the settings of the whole process, for good.

    Parameters
    ----------
    **changes
        Fields of `Settings` with their new values.

    Returns
    -------
    Settings
        All of them, changed.

    Raises
    ------
    TypeError
        If there is no such setting.
    """
    global _default
    _default = replace(_default or from_environment(), **changes)
    return _default
