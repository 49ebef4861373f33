"""The dicts, lists and dataclasses that a trace hands to the function, and what was in them.

>>> given = Containers((args, kwargs), leaves)
>>> args[0]["w"] = 2.0
>>> given.changed()  # their numbers, counted as `trees.containers` does
[1]
"""

from __future__ import annotations

import array
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from tracer import trees
from tracer.python.attributes import own

TABLES = (dict, OrderedDict, defaultdict)
# Containers that are leaves of a tree, if it is not a plain dict or list.
OWN = (dict, list, set, deque, bytearray, array.array, UserDict, UserList)
ABSENT = object()


class Containers:
    """The containers that a trace hands to the function, and what was in them before.

    ``own`` are those that are no trees: sets, deques, subclasses of dict …. The function is given
    the caller's own ones, so they are put back as they were.
    """

    def __init__(self, arguments: Any, leaves: Sequence[Any]):
        self.all = list(trees.containers(arguments))
        self.before = [items_of(container) for container in self.all]
        self.leaves = leaves
        self.own = [(leaf, copied(leaf)) for leaf in leaves if isinstance(leaf, OWN)]

    def restore(self) -> Any:
        """Undo what was done to the caller's own containers; the first that was changed."""
        first = None
        for container, before in self.own:
            now = copied(container)
            if type(now) is not type(before) or not _same_items(now, before):
                first = container if first is None else first
                refill(container, before)
        return first

    def changed(self) -> list[int]:
        """The numbers of containers that hold something else, or in another order."""
        return [
            number
            for number, (container, before) in enumerate(zip(self.all, self.before, strict=True))
            if not _same(before, items_of(container))
        ]


def is_shared(arguments: Any) -> bool:
    """Whether one dict, list or object stands at two places of the arguments."""
    found = [id(c) for c in trees.containers(arguments) if not isinstance(c, tuple)]
    return len(set(found)) < len(found)


def copied(container: Any) -> Any:
    """What is in a container that is no tree."""
    if isinstance(container, (UserDict, UserList)):
        return copied(container.data)
    if isinstance(container, dict):
        return dict(container)
    if isinstance(container, (bytearray, array.array)):
        return bytes(container)
    return set(container) if isinstance(container, set) else list(container)


def _same_items(now: Any, before: Any) -> bool:
    if isinstance(now, (bytes, set)):
        return bool(now == before)
    return _same(before, now)


def refill(container: Any, before: Any) -> None:
    if isinstance(container, (UserDict, UserList)):
        refill(container.data, before)
    elif isinstance(container, dict):
        dict.clear(container)
        dict.update(container, before)
    elif isinstance(container, array.array):
        del container[:]
        container.frombytes(before)
    elif isinstance(container, deque):
        container.clear()
        container.extend(before)
    elif isinstance(container, set):
        container.clear()
        container.update(before)
    else:
        container[:] = before


def items_of(container: Any) -> dict[Any, Any] | tuple[Any, ...]:
    """What is in a container, by its keys or fields, or in order."""
    kind = type(container)
    if kind in TABLES:
        return dict(container)
    if is_dataclass(kind):
        found = dict(own(container, "__dict__", ()))
        for name in field_names(kind):
            held = getattr(container, name, ABSENT)
            if held is not ABSENT:
                found[name] = held
        return found
    parts = trees.opened(container)
    assert parts is not None
    return tuple(parts[1])


def field_names(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]


def _same(before: Any, now: Any) -> bool:
    if len(before) != len(now):
        return False
    if isinstance(now, dict):
        pairs = zip(before.items(), now.items(), strict=True)
        return all([k is l and v is w for (k, v), (l, w) in pairs])
    return all([v is w for v, w in zip(before, now, strict=True)])
