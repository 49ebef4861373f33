"""NumPy's namespace while a trace is open: functions that do not dispatch find Tensors by a scan.

``np.zeros(n)`` must give a Tensor, because it will be written to; ``np.array([t, u])`` must see
the Tensors in its list. Both never dispatch. While any trace is open they are replaced by wrappers
that pass straight through unless this very thread or task is tracing.
"""

from __future__ import annotations

import array
import sys
import threading
from collections import UserList, deque
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

from tracer.ops.originals import stand_in
from tracer.recording import functions, methods  # noqa: F401 - tables of NumPy's own names
from tracer.recording.active import ACTIVE
from tracer.recording.calls import contains_tensor
from tracer.recording.floating import warning_rows
from tracer.recording.mathematics import math_rows
from tracer.recording.random_hooks import random_rows
from tracer.recording.scipy_hooks import loaded_chapters, rows_of
from tracer.recording.tensor import TracedScalar, TracedTensor
from tracer.recording.whereabouts import LIBRARIES

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
    """Replaces the names on first entry, restores them on last exit; counted under a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.table: list[tuple[Any, str, Any, Any]] = []
        self.chapters: set[str] = set()  # of SciPy, hooked once they are imported
        self.modules: dict[int, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {}

    def __enter__(self) -> None:
        with self.lock:
            if not self.modules:
                self._enter_rows(_table())
            self._enter_rows(self._fresh())
            self.count += 1
            self._put(True)

    def __exit__(self, *exception: object) -> None:
        with self.lock:
            self.count -= 1
            if self.count == 0:
                self._put(False)

    def catch_up(self) -> None:
        """Hook what was imported while a trace was open."""
        with self.lock:
            fresh = self._fresh()
            self._enter_rows(fresh)
            if fresh and self.count:
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
        for names, originals, wrappers in self.modules.values():
            names.update(wrappers if hooked else originals)
        for owner, name, original, wrapper in self.table:
            setattr(owner, name, wrapper if hooked else original)

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
    ):  # fmt: skip
        items = [listed(item) for item in argument]
        return items if contains_tensor(items) else argument
    if type(argument) is np.ndarray and argument.dtype.kind == "O":
        items = argument.tolist()
        return items if contains_tensor(items) else argument
    return argument


def _is_library(module: str) -> bool:
    if module.startswith("numpy.polynomial."):  # plain Python that writes into arrays it makes
        return False
    if module == "tracer.recording.protocols":  # it calls what the user's code calls
        return False
    return module.split(".", 1)[0] in LIBRARIES or module.startswith(("tracer.", "viz."))


HOOKS = Hooks()
