"""Captures: what a function reads from outside its arguments, by the path that leads to it.

Arrays and floats at a path (``W``, ``self.k``, ``CFG["scale"]``) become inputs that are read again
on every call; ints, strings, callables are guarded: another value means another program.

>>> captures.capture(W, Path("globals", table, (("name", "W"),)))
<Tensor W: float64 (3,)>
"""

from __future__ import annotations

import array
import operator
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.node import Node
from tracer.python.attributes import plain_array
from tracer.recording.captures.fingerprints import IDENTICAL, ROWS, TABLES, contents, globals_of
from tracer.recording.captures.guards import GuardSet, TypeGuard, ValueGuard
from tracer.recording.captures.identity import Identities
from tracer.recording.captures.paths import MISSING, MONITOR, Path
from tracer.recording.captures.state import State
from tracer.recording.random.streams import STREAMS
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.leaks import contains_tensor
from tracer.recording.tensor.tensor import TracedTensor

ITEMWISE = (list, dict, OrderedDict, defaultdict, deque)  # their items have paths of their own
BOUND = 2**63
CONTAINERS = (*ROWS, *TABLES, set, frozenset, array.array, bytearray)
NUMERIC = (float, complex, np.generic, np.ndarray)


def holds_arrays(value: Any, depth: int = 8) -> bool:
    """Whether there is an array in nested containers."""
    if isinstance(value, np.ndarray):
        return True
    if not depth or not isinstance(value, (*ROWS, *TABLES)):
        return False
    items = value.values() if isinstance(value, TABLES) else value
    return any([holds_arrays(item, depth - 1) for item in items])


class Captures:
    """The captures of one trace, in the order in which they were read."""

    instrument: Callable[[Any, Captures], Any]  # set by whoever opens the trace

    def __init__(self, recorder: ActiveRecorder):
        self.recorder = recorder
        self.lifted: dict[tuple, tuple[Path, TracedTensor, Node]] = {}
        self.paths: dict[int, tuple[Any, Path]] = {}
        self.state = State()
        self.guards = GuardSet(recorder, self.state)
        self.classes: set[Any] = set()  # that were defined during the trace
        self.guarded_classes: set[Any] = set()  # whose special methods were called unseen
        self.rebuilt: dict[int, tuple[Any, Any]] = {}  # by id: callables made anew for the trace
        self.copies: list[tuple[Any, list[Any], Path]] = []  # containers with lifted numbers
        self.identities = Identities(self.guards)

    def release(self) -> None:
        """Let go of the caller's objects: until the garbage is collected, nothing else does."""
        self.paths, self.lifted, self.rebuilt, self.copies = {}, {}, {}, []
        self.identities = Identities(self.guards)
        self.state.release()

    def instrumented(self, function: Any) -> Any:
        """A callable of the user's that tells of its loads."""
        return self.instrument(function, self)

    def path_of(self, value: Any) -> Path | None:
        """A path that led to this very object before."""
        found = self.paths.get(id(value))
        return found[1] if found is not None and found[0] is value else None

    def add_path(self, value: Any, path: Path) -> None:
        """Remember a way to this very object; the first one stays.

        What is read of the object is found on the first way, so another one must go on leading to
        the same object.
        """
        _, first = self.paths.setdefault(id(value), (value, path))
        self.identities.add_path(value, path)
        if first is not path and not isinstance(value, IDENTICAL):
            self.identities.guard_same(value, first, path)
        self.state.add(value, first)

    def capture(self, value: Any, path: Path | None, deep: bool = False, part: bool = False) -> Any:
        """A value that user code reads through ``path``: lifted, guarded or left as it is.

        ``deep`` says that a container is used as it is, not item by item; ``part`` that only a
        part of it will be read, or that something is put into it.
        """
        if path is None or isinstance(value, TracedTensor) or self.recorder.closed:
            return value
        key = path.key()
        if isinstance(value, (*NUMERIC, *STREAMS)):
            return self._lift(plain_array(value), path)
        if type(value) is int and self.state.is_counter(path) and not self._is_static(path, value):
            return self.lift_int(value, path)
        deep = deep and isinstance(value, CONTAINERS)
        guard = self.guards.get(key)
        part = part and type(value) in ITEMWISE
        if part and guard is None:
            self.guards[key] = TypeGuard(path, type(value))
        elif not part and (guard is None or type(guard) is TypeGuard or (deep and not guard.deep)):
            self.guards[key] = self.guards.initial(path, value, deep)
        if guard is None or id(value) not in self.paths:
            self.add_path(value, path)
        return value

    def guard_initial(self, path: Path, value: Any) -> None:
        """The program holds while what is at ``path`` is as it was before the function ran."""
        key = path.key()
        guard = self.guards.get(key)
        deep = not isinstance(value, CONTAINERS)
        if key not in self.lifted and (guard is None or type(guard) is TypeGuard):
            self.guards[key] = self.guards.initial(path, value, deep)

    def _is_static(self, path: Path, value: int) -> bool:
        """Whether an int is a part of the program: it was read before, or is too large."""
        small = -BOUND <= value < BOUND
        return path.key() in self.guards or not small or not self.state.may_lift_counters()

    def lift_int(self, value: int, path: Path) -> Any:
        """An int that the function reads in order to write it: an input of the program."""
        if self.recorder.closed or self._is_static(path, value):
            return self.capture(value, path)
        self.recorder.weak_ints = True
        return self._lift(value, path)

    def _lift(self, value: Any, path: Path) -> Any:
        if isinstance(value, np.ndarray) and (
            type(value) is not np.ndarray or value.dtype.kind not in "biufc"
        ):
            self.guards.setdefault(path.key(), ValueGuard(path, contents(value), True))
            return value
        key = path.key()
        entry = self.lifted.get(key)
        if entry is not None:
            if isinstance(value, STREAMS):
                value = self.recorder.streams.private(value)
            if not _is_unchanged(entry[1]._value, value):
                raise leak(
                    f"The function put another value where it had read {path}.",
                    "use a local variable, and return it",
                    errors.CaptureMutationError,
                )
            return entry[1]
        name = _last_name(path)
        tensor = self.recorder.argument(value, name, capture=str(path) or "a captured array")
        tensor._captured = not isinstance(value, STREAMS)
        self.identities.bind(tensor, value, path)
        self.lifted[key] = (path, tensor, tensor._node)
        return tensor

    def is_module_dict(self, value: Any) -> bool:
        """Whether this is the table of a module's names."""
        path = self.path_of(value)
        return path is not None and path.root == "globals" and not path.steps

    def iterated(self, value: Any) -> Any:
        """A container that is gone through; the names of a module are not.

        Raises
        ------
        LeakError
        """
        if type(value) is dict and self.is_module_dict(value):
            raise leak(
                "All names of a module were gone through in a traced function.",
                "read the ones that are needed by their names",
            )
        return value

    def unpack(self, value: Any) -> Any:
        """A container at a known path whose numbers are lifted; others as they are."""
        path = self.path_of(value)
        self.iterated(value)
        if path is None:
            return value
        if contains_tensor(value) and self.state.snapshot(value) is None:
            return value
        if type(value) in (list, tuple, deque):
            self.capture(value, path)
            items = [
                v if self.state.is_new(value, i, v) else self._part(v, path.then("item", i))
                for i, v in enumerate(value)
            ]
            return self._copied(items if type(value) is list else type(value)(items), path)
        if type(value) in (dict, OrderedDict, MappingProxyType):
            self.capture(value, path)
            items = {
                k: v if self.state.is_new(value, k, v) else self._part(v, path.then("item", k))
                for k, v in value.items()
            }
            return self._copied(OrderedDict(items) if type(value) is OrderedDict else items, path)
        if isinstance(value, CONTAINERS):
            self.capture(value, path, True)
        return value

    def _copied(self, copy: Any, path: Path) -> Any:
        if type(copy) is not tuple:
            self.copies.append((copy, _rows(copy), path))
        return copy

    def refuse_writes(self) -> None:
        """Raise if the function has written to a container from outside, in a helper, say.

        Raises
        ------
        CaptureMutationError
            What was written to was its copy with lifted numbers.
        """
        for copy, before, path in self.copies:
            now = _rows(copy)
            if len(now) != len(before) or any(map(operator.is_not, now, before)):
                raise leak(
                    f"The function changed {path} outside of it.",
                    "use a local copy, and return it",
                    errors.CaptureMutationError,
                )

    def _part(self, value: Any, path: Path) -> Any:
        """An item that is handed on. A container in it counts whole, or its arrays are lifted."""
        if not isinstance(value, CONTAINERS):
            return self.capture(value, path)
        if not holds_arrays(value):
            return self.capture(value, path, True)
        return self.unpack(self.capture(value, path))

    def guard_free_variables(self, function: FunctionType) -> None:
        """A user's function runs where its loads can't be seen: all that it names counts."""
        if MONITOR in function.__code__.co_freevars:
            return  # it is seen already
        for cell in function.__closure__ or ():
            self.guard_path(Path("cell", cell))
        table = globals_of(function)
        for name in function.__code__.co_names:
            if name in table:
                self.guard_path(Path("globals", table, (("name", name),)))

    def guard_path(self, path: Path) -> None:
        """Everything that is found at a path counts."""
        value = path.read(None, [])
        fixed = isinstance(value, ModuleType) or value is MISSING
        if not fixed and not contains_tensor(value):
            self.guards.add_contents((*path.key(), "all"), path, value)

    def guard_contents(self, value: Any) -> None:
        """An object is used by code that is not seen: everything in it counts."""
        path = self.path_of(value)
        if path is not None:
            self.guards.add_contents(("contents", id(value)), path, value)


def _rows(container: Any) -> list[Any]:
    """What a container holds, row by row."""
    if isinstance(container, dict):
        return [part for row in container.items() for part in row]
    return list(container)


def _is_unchanged(known: Any, value: Any) -> bool:
    """Whether a path leads to what it led to when it was first read."""
    if isinstance(value, np.ndarray):
        return known is value or bool(np.may_share_memory(known, value))
    return known is value or repr(known) == repr(value)


def _last_name(path: Path) -> str:
    for kind, key in reversed(path.steps):
        if kind in ("name", "cell", "attr") or (kind == "item" and isinstance(key, str)):
            return str(key)
    return ""
