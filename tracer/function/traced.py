"""TracedFunction: what ``trace`` returns. It has a signature, a cache, and dispatches calls.

>>> f = TracedFunction(loss)
>>> f(w, x)                       # runs the compiled program
>>> print(f.source(w, x))
"""

from __future__ import annotations

import copy
import functools
import logging
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload
from weakref import ref

from tracer import settings
from tracer.python.attributes import Traced, innermost, own
from tracer.python.locks import loaded, own_lock
from tracer.python.tracebacks import BOUNDARY, clean
from tracer.recording.source.locator import is_library

if TYPE_CHECKING:
    from tracer.function.specialization import Leaf
    from tracer.graph.calcgraph import CalcGraph

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
logger = logging.getLogger("tracer")


class TracedFunction(Traced, Generic[P, R]):
    """A function whose calls run compiled programs; made by `trace`.

    Parameters
    ----------
    function : callable
    static : tuple of str
        Arguments by name that are static although they are numbers: each value has its program.
    check : bool or None
        Compare with the plain function now and then; None takes the setting.
    backend : str or None
    """

    __name__: str
    # slots, so that functools.wraps of a user's decorator does not copy what is in them
    __slots__ = (
        "__dict__",
        "__tracer_function__",
        "__weakref__",
        "backend",
        "cache",
        "check",
        "static",
    )

    def __init__(
        self,
        function: Callable[P, R],
        static: Sequence[str] = (),
        check: bool | None = None,
        backend: str | None = None,
    ):
        look_like(self, function)
        self.__tracer_function__ = function
        self.static = (static,) if isinstance(static, str) else tuple(static)
        self.check = check
        self.backend = backend
        self.cache = shared_cache(function, self.static)

    # -- Python's protocols ----------------------------------------------------------------
    @overload
    def __get__(self, instance: None, owner: Any = None) -> TracedFunction[P, R]: ...
    @overload
    def __get__(
        self: TracedFunction[Concatenate[Any, Q], R], instance: object, owner: Any = None
    ) -> TracedFunction[Q, R]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else TracedMethod(self, instance)

    def __reduce__(self):
        if self._is_global():
            return self.__qualname__
        return _rebuild, (self.__tracer_function__, self.static, self.check, self.backend)

    def _is_global(self) -> bool:
        """Whether the decorated function's own name leads here."""
        found: Any = sys.modules.get(own(self, "__module__") or "")
        for name in own(self, "__qualname__", "<").split("."):
            found = getattr(found, name, None)
        return found is self

    def __copy__(self) -> TracedFunction[P, R]:
        return TracedFunction(self.__tracer_function__, self.static, self.check, self.backend)

    def __deepcopy__(self, memo: Any) -> TracedFunction[P, R]:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"<traced {getattr(self, '__qualname__', 'function')}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return loaded("tracer.function.run").call(self, args, kwargs)
        except BaseException as error:
            clean(error)
            raise

    # -- looking at it ---------------------------------------------------------------------
    def graph(self, *args: Any, argnums: Any = 0, mode: str = "vjp", **kwargs: Any) -> CalcGraph:
        """The CalcGraph of a call.

        Parameters
        ----------
        *args, **kwargs
            As for the call itself.
        argnums : int, str, or a tuple of them
            What to differentiate with respect to.
        mode : {"vjp", "forward", "jvp"}
            The joint graph of values and gradients, the forward graph, or the tangent's.

        Returns
        -------
        CalcGraph
        """
        from tracer.function import inspection

        with BOUNDARY:
            return inspection.graph_of(self, args, kwargs, argnums, mode)

    def source(
        self, *args: Any, argnums: Any = 0, mode: str = "vjp", form: str = "readable", **kwargs: Any
    ) -> str:
        """The generated Python source for a call: a module that needs only NumPy.

        Parameters are those of `graph`; ``form`` is ``"readable"``.

        Returns
        -------
        str
        """
        from tracer.function import inspection

        with BOUNDARY:
            return inspection.source_of(self, args, kwargs, argnums, mode, form)

    def save(self, path: Any, *args: Any, argnums: Any = 0, **kwargs: Any) -> None:
        """Write `source` as a module that checks its inputs and needs only NumPy.

        Parameters
        ----------
        path : str or os.PathLike
            Of the ``.py`` file.
        """
        from tracer.function import inspection

        with BOUNDARY:
            inspection.save(self, path, args, kwargs, argnums)

    def explain(self) -> str:
        """What was compiled and why: signatures, branches, captures, guards."""
        from tracer.function import inspection

        return inspection.explain(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        leaf = self.cache.latest()
        if leaf is None:
            return {"text/plain": repr(self)}
        return leaf.trace.graph._repr_mimebundle_(include, exclude)


_NONE = object()


def look_like(wrapper: Any, function: Any) -> None:
    """`functools.update_wrapper`, for objects too whose ``__getattr__`` raises what it likes."""
    for name in functools.WRAPPER_ASSIGNMENTS:
        if (value := own(function, name, _NONE)) is not _NONE:
            setattr(wrapper, name, value)
    wrapper.__dict__.update(own(function, "__dict__", {}))
    wrapper.__dict__.pop("__signature__", None)  # it is found behind __wrapped__, as arguments are
    wrapper.__wrapped__ = function


_set = object.__setattr__


class _OfFunction(str):
    """A text of a class, which its instances have of their function's."""

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return str(self) if instance is None else getattr(instance.__func__, self.name)


class TracedMethod(TracedFunction[P, R]):
    """What ``model.energy`` is where ``energy`` is traced: the function with its first argument.

    It stands to a TracedFunction as a method stands to a function. Calls are calls of the function;
    ``source``, ``graph``, ``save`` and transforms take and count the arguments after the first.

    Parameters
    ----------
    function : TracedFunction
    instance : object
        The first argument.
    """

    __slots__ = ("__func__", "__self__")

    def __init__(self, function: TracedFunction, instance: Any):
        _set(self, "__func__", function)
        _set(self, "__self__", instance)
        _set(self, "__tracer_function__", MethodType(function.__tracer_function__, instance))

    # what a TracedFunction keeps in slots is the function's
    __wrapped__ = property(lambda self: self.__tracer_function__)
    cache = property(lambda self: self.__func__.cache)
    static = property(lambda self: self.__func__.static)
    check = property(lambda self: self.__func__.check)
    backend = property(lambda self: self.__func__.backend)
    __dict__ = property(lambda self: self.__func__.__dict__)
    __doc__ = _OfFunction(__doc__)
    __module__ = _OfFunction(__module__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name!r} can't be set on a bound method, set it on the function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return loaded("tracer.function.run").call(self.__func__, (self.__self__, *args), kwargs)
        except BaseException as error:
            clean(error)
            raise

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self  # it is bound already

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TracedMethod):
            return NotImplemented
        return self.__self__ is other.__self__ and bool(self.__func__ == other.__func__)

    def __hash__(self) -> int:
        return hash((id(self.__self__), self.__func__))

    def __reduce__(self):
        return getattr, (self.__self__, self.__func__.__name__)

    def __copy__(self) -> TracedMethod[P, R]:
        return type(self)(self.__func__, self.__self__)

    def __deepcopy__(self, memo: Any) -> TracedMethod[P, R]:
        return type(self)(self.__func__, copy.deepcopy(self.__self__, memo))

    def __repr__(self) -> str:
        return f"<traced method {getattr(self, '__qualname__', 'function')} of {self.__self__!r}>"


class TracedClassMethod(classmethod):
    """``@trace`` on ``@classmethod``: what it gives has ``source``, ``graph`` and the others."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        traced: Any = self.__func__
        return TracedMethod(traced, type(instance) if owner is None else owner)


def _rebuild(function: Any, static: Any, check: Any, backend: Any) -> TracedFunction:
    return TracedFunction(function, static, check, backend)


PATIENCE = 8  # calls that try all programs of a signature in vain before most stop trying
RETRY = 32  # every so many calls after that, one tries again
REASONS = 50  # so many are remembered


class Cache:
    """Programs of one function by signature: least recently used ones go first."""

    def __init__(self) -> None:
        self.entries: OrderedDict[tuple, list[Leaf]] = OrderedDict()
        self.flat: dict[tuple, tuple] = {}  # plain arrays by position: straight to the program
        self.newest: list[Leaf] = []
        self.lock = own_lock()
        self.reasons: list[str] = []
        self.ints: OrderedDict[tuple, Any] = OrderedDict()  # which ints of a signature vary
        self.full = False  # whether a signature has met its limit of branches
        self.sized: set[tuple] = set()  # signatures whose programs hold for one size of each value
        self.streaks: dict[tuple, int] = {}  # calls in a row that no program of many served

    def leaves(self, key: tuple) -> list[Leaf]:
        """The ways through the branches of one signature, the last used first."""
        found = self.entries.get(key)
        if found is None:
            return []
        if found is not self.newest:
            try:
                self.entries.move_to_end(key)
            except KeyError:  # another thread dropped it
                pass
            self.newest = found
        return found

    def count_miss(self, key: tuple) -> None:
        """A call met more branches than programs are kept for, and all of them missed."""
        with self.lock:
            if len(self.streaks) > settings.current().cache_size:
                self.streaks.clear()
            self.streaks[key] = self.streaks.get(key, 0) + 1
            if self.streaks[key] == PATIENCE:
                self.flat.clear()

    def is_hopeless(self, key: tuple) -> bool:
        """Whether to try all programs of a signature would be in vain, as it was for long."""
        streak = self.streaks.get(key, 0)
        return streak >= PATIENCE and streak % RETRY != 0

    def add(self, key: tuple, leaf: Leaf, reason: str) -> None:
        with self.lock:
            self.entries.setdefault(key, []).insert(0, leaf)
            self.entries.move_to_end(key)
            while len(self.entries) > settings.current().cache_size:
                dropped, _ = self.entries.popitem(last=False)
                self.sized.discard(dropped)
                self.flat.clear()
            self.note(reason)

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

    def latest(self) -> Leaf | None:
        for leaves in reversed(self.entries.values()):
            if leaves:
                return leaves[0]
        return None


# Functions with one code object share programs: `grad(lambda w: loss(w, batch))` in a loop is free.
# Any other callable has programs of its own, which go with it: it may hold data.
_CACHES: OrderedDict[tuple, tuple[Callable[[], Any], Cache]] = OrderedDict()
_CACHES_LOCK = own_lock()
CACHES_LIMIT = 1_000


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
            found = _CACHES[key] = (_held(anchor, key, shared), Cache())
            while len(_CACHES) > CACHES_LIMIT:
                _CACHES.popitem(last=False)
        else:
            _CACHES.move_to_end(key)
        return found[1]


def _held(anchor: Any, key: tuple, strongly: bool) -> Callable[[], Any]:
    """A reference to what programs belong to."""
    try:
        return (lambda: anchor) if strongly else ref(anchor, lambda gone: _drop(key, gone))
    except TypeError:  # an object with slots
        return lambda: anchor


def _drop(key: tuple, gone: Any) -> None:
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


def as_traced(function: Any) -> TracedFunction:
    """A TracedFunction for any callable (a traced method keeps its instance)."""
    if isinstance(function, TracedFunction):
        return function
    if isinstance(function, MethodType) and isinstance(function.__func__, TracedFunction):
        return TracedMethod(function.__func__, function.__self__)  # of a classmethod
    if not callable(function):
        raise TypeError(f"{function!r} is not callable")
    return TracedFunction(function)
