"""TracedFunction: what ``trace`` returns. It has a signature, a cache, and dispatches calls.

>>> f = TracedFunction(loss)
>>> f(w, x)                       # runs the compiled program
>>> print(f.source(w, x))
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from tracer.function.cache import shared_cache
from tracer.function.flat_calls import MISSED, serve
from tracer.python.attributes import Traced, is_traced, own
from tracer.python.locks import IMPORTING
from tracer.python.tracebacks import BOUNDARY, clean

if TYPE_CHECKING:
    from tracer.graph.calcgraph import CalcGraph

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")


@functools.cache
def _calls() -> Any:
    """What runs calls: loaded at the first, so that ``import tracer`` stays light."""
    with IMPORTING:
        from tracer.function import run
    return run


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
            if not kwargs and (result := serve(self, "forward", args)) is not MISSED:
                return result
            return _calls().evaluate_call(self, args, kwargs)
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
            return _calls().evaluate_call(self.__func__, (self.__self__, *args), kwargs)
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


def as_traced(function: Any) -> TracedFunction:
    """A TracedFunction for any callable (a traced method keeps its instance)."""
    if isinstance(function, TracedFunction):
        return function
    if isinstance(function, MethodType) and isinstance(function.__func__, TracedFunction):
        return TracedMethod(function.__func__, function.__self__)  # of a classmethod
    if not callable(function):
        raise TypeError(f"{function!r} is not callable")
    return TracedFunction(function)


# Decorators that @trace may stand on as well as under: what is in them is traced.
INSIDE: dict[type, Callable[[Any, Callable[[Any], Any]], Any]] = {
    staticmethod: lambda made, traced: staticmethod(traced(made.__func__)),
    classmethod: lambda made, traced: TracedClassMethod(traced(made.__func__)),
    property: lambda made, traced: property(traced(made.fget), made.fset, made.fdel, made.__doc__),
}


def decorated(function: Any, static: Any, check: Any, backend: Any) -> TracedFunction:
    """What ``@trace`` makes of a function, or of what another decorator made of it."""
    if type(function) in INSIDE:
        return INSIDE[type(function)](function, lambda f: decorated(f, static, check, backend))
    if not callable(function):
        raise TypeError(f"trace takes a function, not {function!r}")
    if isinstance(function, TracedFunction):  # of vmap, or traced already
        static = (*function.static, *((static,) if isinstance(static, str) else static))
        function = function.__tracer_function__
    return TracedFunction(function, static, check, backend)


def wraps(function: Any, *recipe: Any) -> Any:
    """Make a wrapper look like the function; ``recipe`` says what it does to it."""
    traced = is_traced(function)
    static = function.static if traced else ()

    def decorate(wrapper: Any) -> Any:
        look_like(wrapper, function.__tracer_function__ if traced else function)
        wrapper.__tracer_recipe__ = (wrapper.__code__, static, *[repr(part) for part in recipe])
        return wrapper

    return decorate
