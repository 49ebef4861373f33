"""The programs of one function, shared by all wrappers around it.

>>> shared_cache(loss, ()) is shared_cache(loss, ())
True"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any
from weakref import ref

from tracer import settings
from tracer.python.attributes import own
from tracer.python.locks import own_lock
from tracer.python.unwrap import innermost
from tracer.recording.source.libraries import is_library

if TYPE_CHECKING:
    from tracer.function.specialization import Specialization


PATIENCE = 8  # calls that try all programs of a signature in vain before most stop trying
RETRY = 32  # every so many calls after that, one tries again
REASONS = 50  # so many are remembered
# Functions with one code object share programs: `grad(lambda w: loss(w, batch))` in a loop is free.
# Any other callable has programs of its own, which go with it: it may hold data.
_CACHES: OrderedDict[tuple, tuple[Callable[[], Any], Cache]] = OrderedDict()
_CACHES_LOCK = own_lock()
CACHES_LIMIT = 1_000


class Cache:
    """Programs of one function by signature: least recently used ones go first."""

    def __init__(self) -> None:
        self.entries: OrderedDict[tuple, list[Specialization]] = OrderedDict()
        self.flat: dict[tuple, tuple] = {}  # plain arrays by position: straight to the program
        self.last_used: list[Specialization] = []
        self.lock = own_lock()
        self.reasons: list[str] = []
        self.ints: OrderedDict[tuple, Any] = OrderedDict()  # which ints of a signature vary
        self.full = False  # whether a signature has met its limit of branches
        self.sized: set[tuple] = set()  # signatures whose programs hold for one size of each value
        self.misses: dict[tuple, int] = {}  # calls in a row that no program of many served

    def specializations(self, key: tuple) -> list[Specialization]:
        """The ways through the branches of one signature, the last used first."""
        found = self.entries.get(key)
        if found is None:
            return []
        if found is not self.last_used:
            try:
                self.entries.move_to_end(key)
            except KeyError:  # another thread dropped it
                pass
            self.last_used = found
        return found

    def count_miss(self, key: tuple) -> None:
        """A call met more branches than programs are kept for, and all of them missed."""
        with self.lock:
            if len(self.misses) > settings.current().cache_size:
                self.misses.clear()
            self.misses[key] = self.misses.get(key, 0) + 1
            if self.misses[key] == PATIENCE:
                self.flat.clear()

    def skips_search(self, key: tuple) -> bool:
        """Whether to try all programs of a signature would be in vain, as it was for long."""
        count = self.misses.get(key, 0)
        return count >= PATIENCE and count % RETRY != 0

    def add(self, key: tuple, specialization: Specialization, reason: str) -> None:
        with self.lock:
            self.entries.setdefault(key, []).insert(0, specialization)
            self.entries.move_to_end(key)
            while len(self.entries) > settings.current().cache_size:
                dropped, _ = self.entries.popitem(last=False)
                self.sized.discard(dropped)
                self.flat.clear()
            self.note(reason)

    def discard(self, key: tuple, specialization: Specialization) -> None:
        """Drop a program that failed on the values it was traced with."""
        with self.lock:
            self.flat.clear()
            others = self.entries.get(key, [])
            if specialization in others:
                others.remove(specialization)
            if not others:
                self.entries.pop(key, None)

    def move_to_front(self, key: tuple, specialization: Specialization) -> None:
        with self.lock:
            others = self.entries.get(key, [])
            if specialization in others:
                others.remove(specialization)
                others.insert(0, specialization)

    def note(self, reason: str) -> None:
        """Remember why a program was made, for `explain`."""
        with self.lock:
            self.reasons.append(reason)
            del self.reasons[:-REASONS]

    @contextmanager
    def sizing(self, key: tuple) -> Iterator[None]:
        """Make programs of a signature for one size of each value, from now on if it succeeds.

        The mark goes with the last of these programs: a later one may do without.
        """
        with self.lock:
            self.sized.add(key)
        made = False
        try:
            yield
            made = True
        finally:
            with self.lock:
                if not made or key not in self.entries:
                    self.sized.discard(key)

    def latest(self) -> Specialization | None:
        for specializations in reversed(self.entries.values()):
            if specializations:
                return specializations[0]
        return None


def shared_cache(function: Any, static: tuple[str, ...]) -> Cache:
    """The cache of a function's code object.

    What a library's function captures is not looked into, so it has a cache of its own.
    """
    plain, recipe = _recipe(innermost(function))
    code = own(plain, "__code__")
    shared = code is not None and not is_library(code.co_filename)
    anchor: Any = code if shared else plain
    table = own(plain, "__globals__")
    key = (id(anchor), id(table), static, *recipe)
    with _CACHES_LOCK:
        found = _CACHES.get(key)
        if found is None or found[0]() is not anchor:
            found = _CACHES[key] = (_reference(anchor, key, shared), Cache())
            while len(_CACHES) > CACHES_LIMIT:
                _CACHES.popitem(last=False)
        else:
            _CACHES.move_to_end(key)
        return found[1]


def _reference(anchor: Any, key: tuple, strongly: bool) -> Callable[[], Any]:
    """A reference to what programs belong to."""
    try:
        return (lambda: anchor) if strongly else ref(anchor, lambda gone: _forget(key, gone))
    except TypeError:  # an object with slots
        return lambda: anchor


def _forget(key: tuple, gone: Any) -> None:
    """Forget the programs of a callable that is gone; called in the middle of anything."""
    found = _CACHES.get(key)
    if found is not None and found[0] is gone:
        _CACHES.pop(key, None)


def _recipe(plain: Any) -> tuple[Any, list[Any]]:
    """The user's function in ``vmap(grad(loss))``, and what was made of it, in a form to compare.

    Two such results of one function share programs, however often they are made.
    """
    made: list[Any] = []
    while isinstance(plain, FunctionType) and is_library(plain.__code__.co_filename):
        step = own(plain, "__tracer_recipe__")
        if step is not None and step[0] is not plain.__code__:
            step = None  # of a function that it wraps
        if step is None or step[0] is not plain.__code__:  # one that was copied does not count
            break
        made.append(step)
        plain = innermost(plain.__wrapped__)  # type: ignore[attr-defined]
    return plain, made


def users_function(function: Any) -> Any:
    """The user's own function inside methods, traced functions and results of ``vmap``."""
    return _recipe(innermost(function))[0]
