"""Keys and membership: ``owner[key]`` of what the trace knows, ``item in container``.

>>> concrete_key(table, n)  # a traced number as a key: the number that it is, guarded
3
"""

from __future__ import annotations

import operator
import os
import types
from collections import deque
from typing import Any

import numpy as np

from tracer.recording.random.traced_stream import TracedStream
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.text import TracedText
from tracer.recording.watch.context_variables import environment
from tracer.recording.watch.interface import ActiveMonitor
from tracer.recording.watch.protocols import call_special, guard_methods


def is_key(value: Any) -> bool:
    """Whether a value may be a step of a path: it is hashed by its value or by its identity."""
    kind = type(value)
    plain = kind in (str, int, bool, bytes, float) or issubclass(kind, np.number)
    return plain or kind.__hash__ is object.__hash__


def concrete_key(owner: Any, key: Any) -> Any:
    """The plain key that a text or number of the trace stands for, and is guarded to be."""
    if isinstance(key, TracedText):
        return key.settled()
    if not isinstance(key, TracedTensor) or isinstance(key, TracedStream):
        return key
    if isinstance(owner, (dict, types.MappingProxyType)):
        hash(key)
        return key._value
    return operator.index(key) if isinstance(owner, (list, tuple, deque)) else key


def contains(monitor: ActiveMonitor, item: Any, container: Any) -> Any:
    """``item in container``."""
    if container is os.environ:
        return environment(monitor, "__contains__", item)
    item = concrete_key(container, item) if isinstance(item, TracedText) else item
    answer = call_special(monitor.captures, container, "__contains__", item)
    if answer is not NotImplemented:
        return bool(answer)
    if isinstance(item, TracedTensor) and isinstance(container, (list, tuple, deque)):
        return monitor.captures.identities.contains(item, monitor.iterated(container))
    monitor.hashed(item)
    path = monitor.captures.path_of(container)
    if path is None or not is_key(item):
        if path is not None:
            monitor.captures.guard_contents(container)
        guard_methods(monitor.captures, (item, container))
        return item in monitor.iterated(container)
    member = item in container
    monitor.captures.guards.add_value(path.then("contains", item), member)
    return member
