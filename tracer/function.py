"""TracedFunction: what ``trace`` returns. It has a signature, a cache, and dispatches calls.

>>> f = TracedFunction(loss)
>>> f(w, x)                       # runs the compiled program
>>> print(f.source(w, x))
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

import numpy as np

from tracer import errors, settings, trees
from tracer.recording.captures import fingerprint
from tracer.recording.whereabouts import is_library
from tracer.tracebacks import BOUNDARY, clean

if TYPE_CHECKING:
    from tracer.graph.calcgraph import CalcGraph
    from tracer.leaf import Leaf

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger("tracer")


class Call:
    """The arguments of one call, flat, with the key that says which program fits them.

    ``weak`` counts ints that are inputs since they have varied; ``plain`` is then the same call
    with all ints in its key.
    """

    __slots__ = ("key", "leaves", "plain", "static", "structure", "weak")

    def __init__(
        self, leaves: list[Any], structure: Any, key: tuple, static: frozenset[int] = frozenset(),
        weak: frozenset[int] = frozenset(), plain: Call | None = None,
    ):  # fmt: skip
        self.leaves = leaves
        self.structure = structure
        self.key = key
        self.static = static
        self.weak = weak
        self.plain = plain


class TracedFunction(Generic[P, R]):
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

    def __init__(
        self, function: Callable[P, R], static: Sequence[str] = (), check: bool | None = None,
        backend: str | None = None,
    ):  # fmt: skip
        functools.update_wrapper(self, function)
        self.__tracer_function__ = function
        self.static = (static,) if isinstance(static, str) else tuple(static)
        self.check = check
        self.backend = backend
        self.cache = shared_cache(function, self.static)

    # -- Python's protocols ----------------------------------------------------------------
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self):
        if self._is_global():
            return self.__qualname__
        return _rebuild, (self.__tracer_function__, self.static, self.check, self.backend)

    def _is_global(self) -> bool:
        """Whether the decorated function's own name leads here."""
        found: Any = sys.modules.get(getattr(self, "__module__", None) or "")
        for name in getattr(self, "__qualname__", "<").split("."):
            found = getattr(found, name, None)
        return found is self

    def __copy__(self) -> TracedFunction[P, R]:
        return TracedFunction(self.__tracer_function__, self.static, self.check, self.backend)

    def __deepcopy__(self, memo: Any) -> TracedFunction[P, R]:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"<traced {getattr(self, '__qualname__', 'function')}>"

    def __tracer_inline__(self, recorder: Any) -> Any:
        return self.__tracer_function__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        from tracer import engine

        try:
            return engine.call(self, args, kwargs)
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
        from tracer import describe

        with BOUNDARY:
            return describe.graph_of(self, args, kwargs, argnums, mode)

    def source(
        self, *args: Any, argnums: Any = 0, mode: str = "vjp", form: str = "readable", **kwargs: Any
    ) -> str:
        """The generated Python source for a call: a module that needs only NumPy.

        Parameters are those of `graph`; ``form`` is ``"readable"``.

        Returns
        -------
        str
        """
        from tracer import describe

        with BOUNDARY:
            return describe.source_of(self, args, kwargs, argnums, mode, form)

    def save(self, path: Any, *args: Any, argnums: Any = 0, **kwargs: Any) -> None:
        """Write `source` as a module that checks its inputs and needs only NumPy.

        Parameters
        ----------
        path : str or os.PathLike
            Of the ``.py`` file.
        """
        from tracer import describe

        with BOUNDARY:
            describe.save(self, path, args, kwargs, argnums)

    def explain(self) -> str:
        """What was compiled and why: signatures, branches, captures, guards."""
        from tracer import describe

        return describe.explain(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        leaf = self.cache.latest()
        if leaf is None:
            return {"text/plain": repr(self)}
        return leaf.trace.graph._repr_mimebundle_(include, exclude)


def _rebuild(function: Any, static: Any, check: Any, backend: Any) -> TracedFunction:
    return TracedFunction(function, static, check, backend)


class Cache:
    """Programs of one function by signature: least recently used ones go first."""

    def __init__(self) -> None:
        self.entries: OrderedDict[tuple, list[Leaf]] = OrderedDict()
        self.flat: dict[tuple, tuple] = {}  # plain arrays by position: straight to the program
        self.newest: list[Leaf] = []
        self.lock = threading.RLock()
        self.reasons: list[str] = []
        self.ints: OrderedDict[tuple, Any] = OrderedDict()  # which ints of a signature vary
        self.full = False  # whether a signature has met its limit of branches

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

    def add(self, key: tuple, leaf: Leaf, reason: str) -> None:
        with self.lock:
            self.entries.setdefault(key, []).insert(0, leaf)
            self.entries.move_to_end(key)
            while len(self.entries) > settings.current().cache_size:
                self.entries.popitem(last=False)
                self.flat.clear()
            self.reasons.append(reason)
            del self.reasons[:-50]

    def latest(self) -> Leaf | None:
        for leaves in reversed(self.entries.values()):
            if leaves:
                return leaves[0]
        return None


# Functions with one code object share programs: `grad(lambda w: loss(w, batch))` in a loop is free.
_CACHES: OrderedDict[tuple, tuple[Any, Cache]] = OrderedDict()
_CACHES_LOCK = threading.Lock()
CACHES_LIMIT = 1_000


def shared_cache(function: Any, static: tuple[str, ...]) -> Cache:
    """The cache of a function's code object.

    What a library's function captures is not looked into, so it has a cache of its own.
    """
    plain, recipe = _recipe(_innermost(function))
    code = getattr(plain, "__code__", None)
    shared = code is not None and not is_library(code.co_filename)
    anchor: Any = code if shared else plain
    table = getattr(plain, "__globals__", None)
    key = (id(anchor), id(table), static, *recipe)
    with _CACHES_LOCK:
        found = _CACHES.get(key)
        if found is None or found[0] is not anchor:
            found = _CACHES[key] = (anchor, Cache())
            while len(_CACHES) > CACHES_LIMIT:
                _CACHES.popitem(last=False)
        else:
            _CACHES.move_to_end(key)
        return found[1]


def _recipe(plain: Any) -> tuple[Any, list[Any]]:
    """The user's function in ``vmap(grad(loss))``, and what was made of it, in a form to compare.

    Two such results of one function share programs, however often they are made.
    """
    made: list[Any] = []
    while isinstance(plain, FunctionType) and is_library(plain.__code__.co_filename):
        step = getattr(plain, "__tracer_recipe__", None)
        if step is None or step[0] is not plain.__code__:  # one that was copied does not count
            break
        made.append(step)
        plain = _innermost(plain.__wrapped__)  # type: ignore[attr-defined]
    return plain, made


def users_function(function: Any) -> Any:
    """The user's own function inside methods, traced functions and results of ``vmap``."""
    return _recipe(_innermost(function))[0]


def _innermost(function: Any) -> Any:
    while True:
        if isinstance(function, MethodType):
            function = function.__func__
        elif isinstance(function, TracedFunction):
            function = function.__tracer_function__
        else:
            return function


def as_traced(function: Any) -> TracedFunction:
    """A TracedFunction for any callable (a traced method keeps its instance)."""
    if isinstance(function, TracedFunction):
        return function
    if isinstance(function, MethodType) and isinstance(function.__func__, TracedFunction):
        inner = function.__func__
        return TracedFunction(
            MethodType(inner.__tracer_function__, function.__self__), inner.static, inner.check
        )
    if not callable(function):
        raise TypeError(f"{function!r} is not callable")
    return TracedFunction(function)


STATE = ("__defaults__", "__kwdefaults__", "__code__")


@functools.lru_cache(maxsize=4096)
def _signature(function: Any, state: tuple) -> inspect.Signature | None:
    plain = inspect.unwrap(function)
    if isinstance(plain, np.ufunc):  # its keywords (out, where, dtype …) are no arguments
        names = ["x"] if plain.nin == 1 else [f"x{k + 1}" for k in range(plain.nin)]
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def signature_of(function: Any) -> inspect.Signature | None:
    """The signature of a callable, remembered; None if it has none."""
    plain = _innermost(function)
    # Defaults and code may be replaced while the function stays the same object.
    state = tuple([id(getattr(plain, name, None)) for name in STATE])
    try:
        return _signature(function, state)
    except TypeError:  # an unhashable callable object
        try:
            return inspect.signature(function)
        except (TypeError, ValueError):
            return None


def bind(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any]]:
    """Arguments with defaults filled in and keywords made positional where they can be."""
    signature = signature_of(function.__tracer_function__)
    if signature is None or getattr(function, "__tracer_unbound__", False):
        return args, kwargs
    parameters = signature.parameters
    if not kwargs and len(args) == len(parameters) and not any(
        p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.KEYWORD_ONLY) for p in parameters.values()
    ):  # fmt: skip
        return args, kwargs
    bound = signature.bind(*args, **kwargs)
    if isinstance(_innermost(function), (FunctionType, functools.partial)):
        bound.apply_defaults()  # NumPy's own functions know their defaults
    return bound.args, bound.kwargs


def argument_names(function: TracedFunction, args: tuple, kwargs: dict[str, Any]) -> list[str]:
    """The name of each positional argument, then of each keyword."""
    signature = signature_of(function.__tracer_function__)
    names: list[str] = []
    if signature is not None:
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                rest = len(args) - len(names)
                names += [f"{parameter.name}[{k}]" for k in range(rest)]
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(parameter.name)
    names = names[: len(args)]
    names += [f"x{k}" for k in range(len(names), len(args))]
    return names + list(kwargs)


class Same:
    """An object by identity, kept alive: the number of a lost one may come again."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any):
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def leaf_key(leaf: Any) -> Any:
    """What of one leaf selects a program: shape and dtype of arrays, type and value of the rest."""
    kind = type(leaf)
    if kind is np.ndarray:
        if not leaf.flags.carray:  # layout decides what is a view
            return leaf.shape, leaf.dtype, leaf.strides, leaf.flags.writeable
        return leaf.shape, leaf.dtype
    if kind is float or kind is complex:
        return kind
    if isinstance(leaf, np.ndarray):
        return kind, leaf.shape, leaf.dtype
    if isinstance(leaf, np.generic):
        return kind, leaf.dtype
    if kind in (int, bool, str, bytes, type(None)):
        return kind, leaf
    code = getattr(_innermost(leaf), "__code__", None)
    if code is not None:
        return kind, Same(code), fingerprint(leaf)  # its defaults are read by no path
    if isinstance(leaf, type) or callable(leaf):
        return kind, Same(leaf)
    try:
        hash(leaf)
    except TypeError:
        return kind, Same(leaf)
    if kind.__hash__ is object.__hash__:
        return (kind,)  # an object: what is read of it is captured by path
    return kind, leaf


def flat_call(what: Any, args: tuple) -> tuple[tuple, list[Any]] | None:
    """Key and leaves of the usual call: plain arrays, floats and dicts of them; None for others."""
    key: list[Any] = [what]
    leaves: list[Any] = []
    for value in args:
        if type(value) is dict:
            names = tuple(value)
            if not all([type(name) is str for name in names]):
                return None
            key.append(names)
            if not _flat_leaves(value.values(), key, leaves):
                return None
        elif not _flat_leaves((value,), key, leaves):
            return None
    return tuple(key), leaves


def _flat_leaves(values: Iterable[Any], key: list[Any], leaves: list[Any]) -> bool:
    for value in values:
        kind = type(value)
        if kind is np.ndarray:
            if not value.flags.carray:
                return False
            key.append(value.shape)
            key.append(value.dtype)
        elif kind is float:
            key.append(kind)
        else:
            return False
        leaves.append(value)
    return True


def check_argnums(argnums: Any, names: list[str], function: str) -> tuple[tuple[int, ...], bool]:
    """Positions of the arguments that ``argnums`` means, and whether it was one alone."""
    alone = not isinstance(argnums, (tuple, list))
    wanted = (argnums,) if alone else tuple(argnums)
    positions = []
    for entry in wanted:
        if isinstance(entry, str) and entry in names:
            positions.append(names.index(entry))
        elif isinstance(entry, (int, np.integer)) and not isinstance(entry, bool) and (
            -len(names) <= entry < len(names)
        ):  # fmt: skip
            positions.append(int(entry) % len(names))
        else:
            raise errors.ArgnumsError(
                f"argnums={argnums!r} names no argument of {function}({', '.join(names)}).", None,
                "use a position, a name, or a tuple of them",
            )  # fmt: skip
    if len(set(positions)) != len(positions):
        raise errors.ArgnumsError(
            f"argnums={argnums!r} names an argument twice.", None, "name each argument once"
        )
    return tuple(positions), alone


def flatten_call(args: tuple, kwargs: dict[str, Any]) -> Call:
    """The call as leaves and a key."""
    leaves, structure = trees.flatten((args, kwargs))
    leaves = [getattr(leaf, "__tracer_plain__", leaf) for leaf in leaves]  # of eager Tensors
    key = (structure, *[leaf_key(leaf) for leaf in leaves], *_aliases(leaves), settings.current())
    return Call(leaves, structure, key)


def with_static(call: Call, names: Sequence[str], static: Sequence[str]) -> Call:
    """The call with the named arguments' numbers taken out of its inputs, into its key.

    Raises
    ------
    ArgnumsError
        If the function has no such argument.
    """
    unknown = [name for name in static if name not in names]
    if unknown:
        raise errors.ArgnumsError(
            f"static={unknown[0]!r} names no argument of ({', '.join(names)}).", None,
            "use the names of arguments",
        )  # fmt: skip
    args, kwargs = trees.unflatten(call.structure, list(range(len(call.leaves))))
    numbers: set[int] = set()
    for name, value in zip(names, [*args, *kwargs.values()], strict=True):
        if name in static:
            numbers.update(trees.flatten(value)[0])
    values = [(number, exact_key(call.leaves[number])) for number in sorted(numbers)]
    return Call(call.leaves, call.structure, (*call.key, *values), frozenset(numbers))


def exact_key(leaf: Any) -> Any:
    """A value's type and every bit of it."""
    kind = type(leaf)
    if isinstance(leaf, (np.ndarray, np.generic)):
        return kind, leaf.dtype, leaf.shape, leaf.tobytes()
    if kind is float:
        return kind, leaf.hex()
    if kind is complex:
        return kind, leaf.real.hex(), leaf.imag.hex()
    return leaf_key(leaf)


def _aliases(leaves: list[Any]) -> list[Any]:
    """Which arrays are one object: ``f(a, a)`` is another program than ``f(a, b)``."""
    arrays = [(k, id(leaf)) for k, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]
    if len({identity for _, identity in arrays}) == len(arrays):
        return []
    first: dict[int, int] = {}
    return [("same", k, first[i]) for k, i in arrays if first.setdefault(i, k) != k]
