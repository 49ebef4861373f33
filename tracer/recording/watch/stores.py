"""How a traced function's writes are seen: ``o.n = 3``, ``d["w"] = v``, ``log.append(v)``.

What is written goes to the object itself; the trace remembers which places were written to, so
that what is read there is no capture, and that the same object put there again is a change, too.
"""

from __future__ import annotations

import functools
import operator
import types
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracer.recording.captures.containers import ABSENT
from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.captures.snapshots import TABLES
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.watch import protocols
from tracer.recording.watch.interface import ActiveMonitor
from tracer.recording.watch.keys import concrete_key, is_key
from tracer.recording.watch.members import is_written, mro_lookup

if TYPE_CHECKING:
    from tracer.recording.captures.captures import Captures


READ: dict[str, Any] = {"attr": getattr, "item": operator.getitem}


class Attributes:
    """An object whose attributes are set, read and deleted by their names."""

    __slots__ = ("monitor", "owner")

    def __init__(self, monitor: ActiveMonitor, owner: Any):
        self.monitor = monitor
        self.owner = owner

    def __setitem__(self, name: str, value: Any) -> None:
        set_attribute(self.monitor, self.owner, name, value)

    def __getitem__(self, name: str) -> Any:
        return self.monitor.attr(self.owner, name)

    def __delitem__(self, name: str) -> None:
        _mark_written(self.monitor.captures, self.owner, name)
        delattr(self.owner, name)


def attributes(monitor: ActiveMonitor, owner: Any) -> Attributes:
    """``owner``, whose attributes are set by their names."""
    return Attributes(monitor, owner)


def set_attribute(monitor: ActiveMonitor, owner: Any, name: str, value: Any) -> None:
    """``owner.name = value``; what a property's or the class's own setter does is seen."""
    captures = monitor.captures
    if isinstance(owner, TracedTensor):
        return setattr(owner, name, value)
    if isinstance(owner, (type, types.ModuleType)):
        _mark_written(captures, owner, name)
        return setattr(owner, name, value)
    if protocols.users_method(owner, "__setattr__") is not None:
        protocols.call_special(captures, owner, "__setattr__", name, value)
        return None
    member = mro_lookup(type(owner), name)
    if isinstance(member, property) and isinstance(member.fset, types.FunctionType):
        captures.instrumented(types.MethodType(member.fset, owner))(value)
        return None
    if member is not MISSING and protocols.users_method(member, "__set__") is not None:
        protocols.call_special(captures, member, "__set__", owner, value)
        return None
    _mark_written(captures, owner, name)
    return setattr(owner, name, value)


def _mark_written(captures: Captures, owner: Any, key: Any) -> None:
    """Something is about to be put at an object's key."""
    state = captures.state
    if isinstance(owner, types.ModuleType):
        table = vars(owner)
        state.variable(table, key, Path("globals", table, (("name", key),))).written = True
        return
    if isinstance(owner, type) and owner not in captures.classes and state.snapshot(owner) is None:
        state.add(owner, Path("globals", owner))
    held = state.snapshot(owner)
    if held is not None:
        held.written.add(key)


class Items:
    """A dict or a list from outside whose items are set, read and deleted."""

    __slots__ = ("monitor", "owner")

    def __init__(self, monitor: ActiveMonitor, owner: Any):
        self.monitor = monitor
        self.owner = owner

    def __setitem__(self, key: Any, value: Any) -> None:
        set_item(self.monitor, self.owner, key, value)

    def __getitem__(self, key: Any) -> Any:
        return self.monitor.item(self.owner, key)

    def __delitem__(self, key: Any) -> None:
        monitor, owner = self.monitor, self.owner
        if type(owner) not in TABLES:
            monitor.captures.capture(owner, monitor.captures.path_of(owner), True)
        del owner[key]


def items(monitor: ActiveMonitor, owner: Any) -> Any:
    """``owner``, whose items are about to be set: wrapped if it is from outside, or special."""
    if isinstance(owner, TracedTensor):
        return owner
    if type(owner) in protocols.PLAIN and monitor.captures.state.snapshot(owner) is None:
        return owner
    if monitor.captures.state.snapshot(owner) is not None or (
        protocols.users_method(owner, "__setitem__") is not None
    ):
        return Items(monitor, owner)
    return owner


def set_item(monitor: ActiveMonitor, owner: Any, key: Any, value: Any) -> None:
    """``owner[key] = value``."""
    captures = monitor.captures
    held = captures.state.snapshot(owner)
    key = concrete_key(owner, key)
    if protocols.users_method(owner, "__setitem__") is not None:
        protocols.call_special(captures, owner, "__setitem__", key, value)
        return
    if held is not None and held.kind == "table" and is_key(key):
        held.written.add(key)
    elif held is not None and held.kind == "rows" and type(key) is int:
        captures.guard_initial(held.path, owner)
        held.written.add(key % len(owner) if owner else key)
    elif held is not None:
        captures.capture(owner, held.path, True)
    owner[key] = value


def moved_row(captures: Captures, owner: Any, value: Any) -> Any:
    """What is read where the function has put it; a row that was moved counts as it was."""
    held = captures.state.snapshot(owner)
    if held is not None and held.kind == "rows" and not isinstance(value, TracedTensor):
        for number, other in enumerate(held.before):
            if other is value:
                place = held.path.then("item", number)
                captures.guard_initial(held.path, owner)
                return captures.capture(value, place)
    return value


# -- methods ---------------------------------------------------------------------------------------
def method_that_writes(monitor: ActiveMonitor, owner: Any, name: str) -> Callable[..., Any] | None:
    """What to call instead of a method of a captured container that writes to it."""
    if type(owner) in (list, deque) and name in ROW_METHODS:
        return functools.partial(ROW_METHODS[name], monitor, owner)
    if type(owner) in TABLES and name in TABLE_METHODS:
        return functools.partial(TABLE_METHODS[name], monitor, owner)
    return None


def extended(monitor: ActiveMonitor, rows: Any, items: Any) -> Any:
    """``rows.extend(items)``; the rows."""
    added = list(monitor.iterated(items))
    held = monitor.captures.state.snapshot(rows)
    if held is not None:
        held.grown += added
    rows.extend(added)
    return rows


def _append(monitor: ActiveMonitor, rows: Any, item: Any) -> None:
    extended(monitor, rows, [item])


def _extend(monitor: ActiveMonitor, rows: Any, items: Any) -> None:
    extended(monitor, rows, items)


def _update(monitor: ActiveMonitor, table: Any, *given: Any, **named: Any) -> None:
    rows: Any = dict()
    for argument in given:
        rows.update(monitor.values(argument))
    rows.update(named)
    for key, value in rows.items():
        set_item(monitor, table, key, value)


def _setdefault(monitor: ActiveMonitor, table: Any, key: Any, default: Any = None) -> Any:
    if monitor.contains(key, table):
        return monitor.item(table, key)
    set_item(monitor, table, key, default)
    return table[key]


def _pop(monitor: ActiveMonitor, table: Any, key: Any, *default: Any) -> Any:
    if not monitor.contains(key, table):
        return table.pop(key, *default)
    value = monitor.item(table, key)
    del table[key]
    return value


ROW_METHODS: dict[str, Callable[..., Any]] = {"append": _append, "extend": _extend}
TABLE_METHODS: dict[str, Callable[..., Any]] = {
    "update": _update,
    "setdefault": _setdefault,
    "pop": _pop,
    "__setitem__": set_item,
}


# -- builtins --------------------------------------------------------------------------------------
def writing_builtin(monitor: ActiveMonitor, function: Any) -> Callable[..., Any] | None:
    """What to call instead of ``setattr``, ``delattr`` and ``object.__setattr__``."""
    if function is setattr:
        return functools.partial(set_attribute, monitor)
    name = getattr(function, "__name__", "") if type(function) in WRAPPERS else ""
    if name not in ("__setattr__", "__delattr__"):
        return None

    def write(*args: Any) -> Any:
        owner = getattr(function, "__self__", ABSENT)
        owner, rest = (args[0], args[1:]) if owner is ABSENT else (owner, args)
        _mark_written(monitor.captures, owner, rest[0])
        return function(*args)

    return write


WRAPPERS = (types.WrapperDescriptorType, types.MethodWrapperType)


def augmented(
    monitor: ActiveMonitor, name: str, kind: str, owner: Any, key: Any, value: Any
) -> Any:
    """``owner.key += value``, of what may live outside of the function.

    An int that counts is an input of the program.
    """
    operate = getattr(operator, f"i{name}")
    state = monitor.captures.state
    now = owner if kind == "name" else READ[kind](owner, key)
    if type(now) is list and name == "add" and state.snapshot(now) is not None:
        return extended(monitor, now, value)
    if type(now) is not int:
        seen = monitor.name if kind == "name" else getattr(monitor, kind)
        return operate(seen(owner, key), value)
    if kind == "name":
        fresh, path = state.is_assigned(*monitor.place(key)), monitor.variable(key)
    else:
        known = monitor.captures.path_of(owner)
        written = (
            is_written(monitor, owner, key, now)
            if kind == "attr"
            else (state.is_new(owner, key, now))
        )
        fresh, path = known is None or written, known and known.then(kind, key)
    return operate(now if fresh or path is None else monitor.captures.lift_int(now, path), value)
