"""NumPy's namespace while a trace is open: functions that do not dispatch find Tensors by a scan.

``np.zeros(n)`` must give a Tensor, because it will be written to; ``np.array([t, u])`` must see
the Tensors in its list. Both never dispatch. While any trace is open they are replaced by wrappers
that pass straight through unless this very thread or task is tracing.
"""

from __future__ import annotations

import array
import os
import sys
import threading
from collections import UserList, deque
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import wraps
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from tracer.ops.seeds import CALL
from tracer.ops.stand_ins import stand_in
from tracer.python.locks import fork_lock
from tracer.recording.hooks.math import math_rows
from tracer.recording.hooks.random import random_rows
from tracer.recording.hooks.scipy import loaded_chapters, rows_of
from tracer.recording.recorder import functions, methods  # noqa: F401 - tables of NumPy's own names
from tracer.recording.recorder.calls import contains_tensor
from tracer.recording.recorder.errstate import ERRSTATE, is_variant, warning_rows
from tracer.recording.source.locator import CALLS_FOR_USERS, LIBRARIES
from tracer.recording.tensor.active import ACTIVE, COMPUTING
from tracer.recording.tensor.tensor import TracedScalar, TracedTensor
from tracer.recording.watch.context_variables import SET, refuse_set

P = ParamSpec("P")
R = TypeVar("R")
# What gives a Tensor in a trace whatever its arguments are.
CREATION = frozenset(
    "zeros ones empty full eye identity array asarray asanyarray ascontiguousarray asfortranarray "
    "arange linspace zeros_like ones_like empty_like full_like copy tri asarray_chkfinite".split()
)
# What neither computes nor can meet a Tensor.
LEFT_ALONE = frozenset(
    "errstate seterr geterr setbufsize getbufsize seterrcall geterrcall set_printoptions "
    "get_printoptions printoptions frompyfunc vectorize nditer ndenumerate ndindex broadcast "
    "from_dlpack promote_types issubdtype isdtype typename mintypecode finfo iinfo get_include "
    "show_config show_runtime info test format_float_positional format_float_scientific "
    "apply_along_axis apply_over_axes piecewise nested_iters datetime_data".split()
)


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
            if name.startswith("_") or name in LEFT_ALONE or isinstance(value, (type, np.ufunc)):
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
        if not all([type(a) in USUAL for a in args]):
            args = tuple([listed(a) for a in args])
        if not contains_tensor(args) and not contains_tensor(kwargs):
            if not creates or _is_library(sys._getframe(1).f_globals.get("__name__", "")):
                return original(*args, **kwargs)
        return recorder.function(original, args, kwargs)

    return stand_in(hook, original)


USUAL = frozenset({np.ndarray, float, int, str, list, tuple, TracedTensor, TracedScalar, np.dtype})


def listed(argument: Any) -> Any:
    """A list for other sequences that hold Tensors, which NumPy would look into itself."""
    if isinstance(argument, methods.Flat):
        return argument.copy()
    if isinstance(argument, (deque, UserList, array.array)) or (
        isinstance(argument, (list, tuple)) and type(argument) not in (list, tuple)
    ):
        items = [listed(item) for item in argument]
        return items if contains_tensor(items) else argument
    if type(argument) is np.ndarray and argument.dtype.kind == "O":
        items = argument.tolist()
        return items if contains_tensor(items) else argument
    return argument


def _is_library(module: str) -> bool:
    if module.startswith("numpy.polynomial."):  # plain Python that writes into arrays it makes
        return False
    if module in CALLS_FOR_USERS:
        return False
    return module.split(".", 1)[0] in LIBRARIES or module.startswith(("tracer.", "viz."))


HOOKS = Hooks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=HOOKS.forked)

# What a trace sets in the context, for itself alone.
OWN = frozenset({ACTIVE, COMPUTING, CALL, SET})


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
