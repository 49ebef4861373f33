"""Locks that a forked child finds open.

A child has none of its parent's other threads: a lock that one of them held would stay held.

>>> lock = own_lock()
>>> with lock:
...     table[key] = value
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

_OPENED: weakref.WeakSet[Any] = weakref.WeakSet()
_AWAITED: list[Any] = []  # in the order in which a thread may take them


def own_lock() -> Any:
    """A lock that the same thread may take again.

    What it guards must hold whenever another thread may look at it: the child of a fork goes on
    from there.
    """
    lock = threading.RLock()
    _OPENED.add(lock)
    return lock


def fork_lock() -> Any:
    """A lock that a fork waits for: what it guards is whole in the child."""
    lock = threading.RLock()
    _AWAITED.append(lock)
    return lock


# Held around imports at the first call: a child can't wait for a thread of its parent's.
IMPORTING = fork_lock()


def _before_fork() -> None:
    for lock in _AWAITED:
        lock.acquire()


def _in_parent() -> None:
    for lock in _AWAITED:
        lock.release()


def _in_child() -> None:
    _in_parent()
    for lock in list(_OPENED):
        lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
