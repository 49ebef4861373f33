"""What an object from outside of a trace holds, so that it can be seen to change and put back.

>>> held = Snapshot(model, path)
>>> model.calls += 1
>>> held.changed()
True
>>> held.roll_back()
"""

from __future__ import annotations

import types
from collections import OrderedDict, defaultdict, deque
from typing import Any

import numpy as np

from tracer.recording.captures.containers import ABSENT, OWN, copied, refill
from tracer.recording.captures.fingerprints import is_users_class
from tracer.recording.captures.paths import LIBRARY_MODULES, Path
from tracer.recording.tensor.tensor import TracedTensor

ROWS = (list, deque)
TABLES = (dict, OrderedDict, defaultdict)
# What holds nothing that a program can write to.
FIXED = (
    types.ModuleType,
    types.MethodType,
    types.BuiltinFunctionType,
    property,
    staticmethod,
    classmethod,
    np.generic,
    np.ndarray,
    np.ufunc,
    np.random.Generator,
    np.random.RandomState,
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    tuple,
    frozenset,
    type(None),
    range,
    slice,
    TracedTensor,
)


def kind_of(thing: Any) -> str:
    """How a thing is written to: ``"rows"``, ``"table"``, ``"own"`` or ``"attr"``; else empty."""
    kind = type(thing)
    if kind in TABLES:
        return "table"
    if kind in ROWS:
        return "rows"
    if isinstance(thing, FIXED):
        return ""
    if isinstance(thing, OWN):
        return "own"
    if isinstance(thing, type):
        return "attr" if is_users_class(thing) else ""
    if isinstance(thing, types.FunctionType):
        return "attr"
    root = kind.__module__.partition(".")[0]
    if root in ("tracer", "viz") or (root in LIBRARY_MODULES and not is_users_class(kind)):
        return ""
    return "attr" if kind.__dictoffset__ or slots_of(kind) else ""


def slots_of(kind: type) -> dict[str, Any]:
    """The slots of a class, by name."""
    return {
        name: member
        for base in reversed(kind.__mro__)
        if "__slots__" in vars(base)
        for name, member in vars(base).items()
        if isinstance(member, types.MemberDescriptorType)
    }


def dict_of(thing: Any) -> Any:
    """An object's own dict, without asking its class; empty if it has none."""
    if isinstance(thing, type):
        return vars(thing)
    try:
        return object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}


def attributes(thing: Any) -> dict[str, Any]:
    """What is set on an object itself."""
    found = dict(dict_of(thing))
    if isinstance(thing, type):
        return {name: held for name, held in found.items() if name not in HIDDEN}
    for name, member in slots_of(type(thing)).items():
        try:
            found[name] = member.__get__(thing)
        except AttributeError:
            continue
    return found


HIDDEN = ("__dict__", "__weakref__")  # made anew by the class at each access


def set_attribute(thing: Any, name: str, value: Any) -> None:
    """Set an attribute, past the class's own ``__setattr__``."""
    (type if isinstance(thing, type) else object).__setattr__(thing, name, value)


def delete_attribute(thing: Any, name: str) -> None:
    """Delete an attribute, past the class's own ``__delattr__``."""
    (type if isinstance(thing, type) else object).__delattr__(thing, name)


class Snapshot:
    """An object, the way to it, and what was in it when the trace met it.

    Attributes
    ----------
    kind : str
        Of `kind_of`.
    before
        A dict of attributes or items, or a list of rows.
    written : set
        Keys that were written to, be it with the same object.
    grown : list
        What was appended.
    """

    __slots__ = ("before", "grown", "kind", "path", "thing", "written")

    def __init__(self, thing: Any, path: Path):
        self.thing = thing
        self.path = path
        self.kind = kind_of(thing)
        self.before = self.now()
        self.written: set[Any] = set()
        self.grown: list[Any] = []

    def now(self) -> Any:
        """What is in it now."""
        if self.kind == "attr":
            return attributes(self.thing)
        if self.kind == "table":
            return dict(self.thing)
        return list(self.thing) if self.kind == "rows" else copied(self.thing)

    def changed(self) -> bool:
        """Whether it was written to."""
        return bool(self.written or self.grown) or not same_rows(self.before, self.now())

    def is_new(self, key: Any, value: Any) -> bool:
        """Whether what is read at a key was put there during the trace."""
        if key in self.written:
            return True
        if self.kind == "rows":
            return not (-len(self.before) <= key < len(self.before)) or (
                self.before[key] is not value
            )
        now = self.now_at(key)
        return now is not ABSENT and self.before.get(key, ABSENT) is not now

    def now_at(self, key: Any) -> Any:
        if self.kind == "table":
            return self.thing.get(key, ABSENT)
        if isinstance(self.thing, type) or not slots_of(type(self.thing)):
            return dict_of(self.thing).get(key, ABSENT)
        return attributes(self.thing).get(key, ABSENT)

    def added(self) -> list[Any] | None:
        """The rows that were appended, if nothing else was done."""
        now, count = self.now(), len(self.before)
        limit = getattr(self.thing, "maxlen", None)
        if limit is None:
            return now[count:] if not self.written and same_rows(self.before, now[:count]) else None
        full = [*self.before, *self.grown]
        whole = not self.written and same_rows(full[-limit:] if limit else [], now)
        return self.grown if whole else None

    def roll_back(self) -> None:
        """Undo what was done to it."""
        if self.changed():
            self.fill(self.before)

    def fill(self, rows: Any) -> None:
        """Make it hold these rows."""
        thing, now = self.thing, self.now()
        if self.kind == "rows":
            thing.clear()
            thing.extend(rows)
        elif self.kind == "own":
            refill(thing, rows)
        elif self.kind == "table":
            if list(now) != list(rows):
                thing.clear()
            for key, value in rows.items():
                if now.get(key, ABSENT) is not value or key not in thing:
                    thing[key] = value
        else:
            for name in now:
                if name not in rows or (name not in self.before and list(now) != list(rows)):
                    delete_attribute(thing, name)
            for name, value in rows.items():
                if now.get(name, ABSENT) is not value:
                    set_attribute(thing, name, value)


class VariableSnapshot:
    """A global or closure variable that a function assigns to, and what it was."""

    __slots__ = ("before", "name", "path", "place", "written")

    def __init__(self, place: Any, name: str, path: Path):
        self.place = place  # a module's dict or a cell
        self.name = name
        self.path = path
        self.before = self.now()
        self.written = False

    def now(self) -> Any:
        if isinstance(self.place, dict):
            return self.place.get(self.name, ABSENT)
        try:
            return self.place.cell_contents
        except ValueError:
            return ABSENT

    def changed(self) -> bool:
        return self.written or self.now() is not self.before

    def roll_back(self) -> None:
        if self.now() is not self.before:
            set_variable(self.place, self.name, self.before)


def set_variable(place: Any, name: str, value: Any) -> None:
    """Assign to a global or a closure's cell; ABSENT deletes it."""
    if isinstance(place, dict):
        if value is ABSENT:
            place.pop(name, None)
        else:
            place[name] = value
    elif value is ABSENT:
        del place.cell_contents
    else:
        place.cell_contents = value


def same_rows(before: Any, now: Any) -> bool:
    """Whether the same objects are there, in the same order."""
    if isinstance(now, (bytes, set)):
        return bool(now == before)
    if len(before) != len(now):
        return False
    if isinstance(now, dict):
        pairs = zip(before.items(), now.items(), strict=True)
        return all([k is l and v is w for (k, v), (l, w) in pairs])
    return all([v is w for v, w in zip(before, now, strict=True)])
