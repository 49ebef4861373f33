"""NumPy's namespace while a trace is open: functions that do not dispatch find Tensors by a scan.

``np.zeros(n)`` must give a Tensor, because it will be written to; ``np.array([t, u])`` must see
the Tensors in its list. Both never dispatch. While any trace is open they are replaced by wrappers
that pass straight through unless this very thread or task is tracing.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import wraps
from types import MethodType, ModuleType
from typing import Any

import numpy as np

from tracer.ops.scipy_names import chapter_of
from tracer.ops.stand_ins import is_stand_in, original_of, stand_in
from tracer.python.attributes import own
from tracer.python.locks import fork_lock
from tracer.recording.hooks.arguments import TAKEN_AS_THEY_ARE, listed
from tracer.recording.hooks.math import math_rows
from tracer.recording.hooks.random import random_rows
from tracer.recording.hooks.scipy import loaded_chapters, rows_of
from tracer.recording.recorder import functions, methods  # noqa: F401 - tables of NumPy's own names
from tracer.recording.recorder.errstate import warning_rows
from tracer.recording.source.libraries import LIBRARIES
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.leaks import contains_tensor

# What gives a Tensor in a trace whatever its arguments are.
CREATION = frozenset(
    "zeros ones empty full eye identity array asarray asanyarray ascontiguousarray asfortranarray "
    "arange linspace zeros_like ones_like empty_like full_like copy tri asarray_chkfinite".split()
)
# What neither computes nor can meet a Tensor.
NOT_HOOKED = frozenset(
    "errstate seterr geterr setbufsize getbufsize seterrcall geterrcall set_printoptions "
    "get_printoptions printoptions frompyfunc vectorize nditer ndenumerate ndindex broadcast "
    "from_dlpack promote_types issubdtype isdtype typename mintypecode finfo iinfo get_include "
    "show_config show_runtime info test format_float_positional format_float_scientific "
    "apply_along_axis apply_over_axes piecewise nested_iters datetime_data".split()
)
# Modules of this package that call NumPy in the place of the user's code, each entered by itself:
# what np.zeros(n) gives there goes to the user, who may write Tensors into it.
CALLERS_FOR_USERS: set[str] = set()


class Hooks:
    """Replaces the names while any thread traces; counted under a lock.

    An interrupt may come between any two instructions, and a fork takes one thread along: leaving
    may be said twice, and what it does depends on nothing but the traces that are open.
    """

    def __init__(self) -> None:
        self.lock = fork_lock()
        self.open: dict[int, int] = {}  # traces by thread
        self.hooked = False
        self.table: list[tuple[Any, str, Any, Any]] = []
        self.chapters: set[str] = set()  # of SciPy, hooked once they are imported
        self.modules: dict[int, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {}

    def depth(self) -> int:
        """How many traces, one inside the other, are open in this thread."""
        return self.open.get(threading.get_ident(), 0)

    def enter(self) -> None:
        with self.lock:
            if not self.modules:
                self._enter_rows(_table())
            self._enter_rows(self._fresh())
            self.open[threading.get_ident()] = self.depth() + 1
            self._put(True)

    def leave(self, depth: int) -> None:
        """Only the outermost ``depth`` traces of this thread are still open."""
        with self.lock:
            if depth < self.depth():
                self.open[threading.get_ident()] = depth
            if depth == 0:
                self.open.pop(threading.get_ident(), None)
            if self.hooked and not self.open:
                self._put(False)

    def forked(self) -> None:
        """Of the traces that were open, a child goes on with its own thread's."""
        depth = self.depth()
        self.open = {threading.get_ident(): depth} if depth else {}
        self._put(bool(self.open))

    def catch_up(self) -> None:
        """Hook what was imported while a trace was open."""
        with self.lock:
            fresh = self._fresh()
            self._enter_rows(fresh)
            if fresh and self.open:
                self._put(True)

    def _fresh(self) -> list[tuple[Any, str, Any, Any]]:
        return [row for chapter in self._new_chapters() for row in rows_of(chapter)]

    def _enter_rows(self, rows: list[tuple[Any, str, Any, Any]]) -> None:
        """Names of modules are kept by module: a dict takes them all at once."""
        for row in rows:
            owner, name, original, wrapper = row
            if type(owner) is not ModuleType:
                self.table.append(row)
                continue
            _, originals, wrappers = self.modules.setdefault(id(owner), (vars(owner), {}, {}))
            originals[name], wrappers[name] = original, wrapper

    def _put(self, hooked: bool) -> None:
        self.hooked = self.hooked or hooked
        for names, originals, wrappers in self.modules.values():
            names.update(wrappers if hooked else originals)
        for owner, name, original, wrapper in self.table:
            setattr(owner, name, wrapper if hooked else original)
        self.hooked = hooked

    def _new_chapters(self) -> list[str]:
        """SciPy's subpackages that somebody has imported since the last trace."""
        new = [name for name in loaded_chapters() if name not in self.chapters]
        self.chapters.update(new)
        return new


def _table() -> list[tuple[ModuleType, str, Any, Any]]:
    rows = random_rows() + math_rows() + warning_rows()
    for module in (np, np.linalg, np.fft, np.emath, np.lib.stride_tricks):
        for name, value in list(vars(module).items()):
            if name.startswith("_") or name in NOT_HOOKED or isinstance(value, (type, np.ufunc)):
                continue
            if callable(value) and not isinstance(value, ModuleType) and hasattr(value, "__name__"):
                rows.append((module, name, value, _wrapper(value, name)))
    return rows


def _wrapper(original: Any, name: str) -> Any:
    creates = name in CREATION

    @wraps(original)
    def hook(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None:
            return original(*args, **kwargs)
        if not all([type(a) in TAKEN_AS_THEY_ARE for a in args]):
            args = tuple([listed(a) for a in args])
        if not contains_tensor(args) and not contains_tensor(kwargs):
            if not creates or _is_library(sys._getframe(1).f_globals.get("__name__", "")):
                return original(*args, **kwargs)
        return recorder.function(original, args, kwargs)

    return stand_in(hook, original)


def _is_library(module: str) -> bool:
    if module.startswith("numpy.polynomial."):  # plain Python that writes into arrays it makes
        return False
    if module in CALLERS_FOR_USERS:
        return False
    return module.split(".", 1)[0] in LIBRARIES or module.startswith(("tracer.", "viz."))


HOOKS = Hooks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=HOOKS.forked)


def hooked(value: Any) -> Any:
    """What stands in for a callable of SciPy's that was bound before the trace was opened."""
    if not callable(value) or isinstance(value, (type, np.ufunc)) or not chapter_of(value):
        return value
    hook = _hook_of(value)
    if not is_stand_in(hook) and ACTIVE.get() is not None:
        HOOKS.catch_up()  # its subpackage may have been imported a moment ago
        hook = _hook_of(value)
    return hook


def _hook_of(value: Any) -> Any:
    name = own(value, "__name__", "")
    if isinstance(value, MethodType):
        return getattr(value.__self__, name, value)
    hook = vars(sys.modules[f"scipy.{chapter_of(value)}"]).get(name)
    return hook if original_of(hook) is value else value
