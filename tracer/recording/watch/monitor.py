"""What the code of an instrumented function calls, load by load: its Monitor.

>>> monitor.name(W, "W"), monitor.attr(model, "rate"), monitor.binary("mul", w, x)
"""

from __future__ import annotations

import builtins
import functools
import os
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from contextvars import ContextVar
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from tracer.ops.stand_ins import is_stand_in, original_of
from tracer.python.attributes import is_traced, own
from tracer.recording.captures.captures import CONTAINERS, Captures
from tracer.recording.captures.fingerprints import globals_of, is_users_class
from tracer.recording.captures.paths import MONITOR, Path, is_library_module
from tracer.recording.hooks.call_sites import loaded, substitute
from tracer.recording.hooks.foreign_calls import outside
from tracer.recording.hooks.namespaces import hooked
from tracer.recording.recorder.fast_path import NO_FAST_PATH, item_at_work, operation
from tracer.recording.tensor.tensor import TracedScalar, TracedTensor
from tracer.recording.tensor.text import (
    as_text,
    made_of,
    made_since,
    sources_in,
    text_method,
    text_of,
    texts_made,
)
from tracer.recording.watch import builtin_calls, imports, operators, protocols
from tracer.recording.watch.answers import known_table
from tracer.recording.watch.context_variables import READERS, asked, referent, variable
from tracer.recording.watch.keys import contains, is_key, settled_key
from tracer.recording.watch.members import (
    holds_data,
    is_library_class,
    names_beside,
    of_class,
    read,
    was_written,
)
from tracer.recording.watch.reflection import environment
from tracer.recording.watch.stores import (
    Attributes,
    augmented,
    method_that_writes,
    moved,
    written_to,
)
from tracer.recording.watch.stores import called as called_to_write

OF_FUNCTIONS = ("__dict__", "__closure__", "__name__", "__qualname__", "__doc__", "__module__")


class Monitor:
    """Sees the loads of one instrumented function in one trace.

    Parameters
    ----------
    captures : Captures
    function : the function that is running
    path : Path or None
        Where the function itself was found; None if it was made during the trace.
    """

    def __init__(self, captures: Captures, function: FunctionType, path: Path | None):
        self.captures = captures
        self.globals = globals_of(function)
        self.cells = dict(
            zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        )
        self.path = path
        captures.state.assigns(function, self.variable)
        self.callees: dict[int, tuple[Any, Any]] = {}  # of NumPy's own functions
        self.named: dict[str, tuple[Any, Any]] = {}  # builtins, and what to use
        self.loads: dict[str, tuple[Any, Any, Any]] = {}  # of modules: module, value, what to use

    def know_defaults(self, function: FunctionType) -> None:
        """Containers and objects among the defaults are reached through the function."""
        for place in ("__defaults__", "__kwdefaults__"):
            held = getattr(function, place) or ()
            rows = held.items() if isinstance(held, dict) else enumerate(held)
            for key, value in rows if self.path is not None else ():
                path = self.path.then("attr", place).then("item", key)
                self.captures.know(value, path)

    def name(self, value: Any, name: str, deep: bool = True) -> Any:
        """A global or closure variable; not ``deep`` where only an item or attribute is read."""
        if isinstance(value, TracedTensor):
            return value
        known = self.named.get(name)
        if known is not None and known[0] is value:
            return known[1]
        if is_library_module(value):
            return value if name == "np" else self.captures.take(value, self.variable(name))
        if self.captures.state.is_assigned(*self.place(name)):
            return hooked(loaded(value))
        found = self._named(value, name, deep)
        if type(value) in (BuiltinFunctionType, type) and vars(builtins).get(name) is value:
            self.named[name] = (value, found)
        return found

    def _named(self, value: Any, name: str, deep: bool) -> Any:
        path = self.variable(name)
        taken = self.captures.take(value, path, deep, not deep)
        hook = names_beside(value).get(own(value, "__name__", ""))
        if hook is not None and original_of(hook) is value:
            return hook  # bound by `from numpy import zeros` before the trace
        return hooked(loaded(taken))

    def attr(self, owner: Any, name: str, deep: bool = True) -> Any:
        """``owner.name``."""
        if type(owner) is types.ModuleType:
            load = self.loads.get(name)
            if load is not None and load[0] is owner and vars(owner).get(name) is load[1]:
                return load[2]
        if isinstance(owner, types.FunctionType):
            owner = vars(owner).get("__tracer_plain_function__", owner)
        standard = is_library_module(owner) and name in vars(owner)
        if standard and imports.is_standard(owner, name):
            value = vars(owner)[name]
            self.loads[name] = (owner, value, found := loaded(value))
            return found
        try:
            value = read(self, owner, name)
        except AttributeError:
            known = self.captures.path_of(owner)
            if isinstance(owner, types.ModuleType):
                imports.importing(self, owner.__name__, 0, (name,))
            elif known is not None and not hasattr(owner, name):
                self.captures.condition(known.then("has", name), False)
            raise
        if isinstance(owner, TracedTensor) or (is_library_module(owner) and not standard):
            return loaded(value)
        if isinstance(owner, types.FunctionType) and name == "__globals__":
            return known_table(self, value)
        if was_written(self, owner, name, value):
            return loaded(value)
        if isinstance(owner, types.FunctionType) and name not in (*vars(owner), *OF_FUNCTIONS):
            return loaded(value)
        if isinstance(owner, types.ModuleType) and name == "__dict__":
            return known_table(self, value)
        if isinstance(owner, types.ModuleType):
            held = name in vars(owner)  # others come from a module's __getattr__, or its class
            path = Path("globals", vars(owner)) if held else Path("globals", owner)
            path = path.then("name" if held else "attr", name)
            return self.captures.take(value, path, deep, not deep)
        path = self.captures.path_of(owner)
        if path is not None and isinstance(value, types.BuiltinMethodType):
            return self._method_of(owner, name, value, path)
        if path is None:
            return of_class(self, owner, name, value, deep)
        return self.captures.take(value, path.then("attr", name), deep, not deep)

    def _method_of(self, owner: Any, name: str, method: Any, path: Path) -> Any:
        """A container's own method: what it gives is captured as if it were read by key."""
        writes = method_that_writes(self, owner, name)
        if writes is not None:
            return writes
        table = type(owner) in (dict, OrderedDict, types.MappingProxyType)
        if table and name == "get":
            return functools.partial(self._got, owner)
        if table and name in ("items", "values", "copy"):
            return getattr(self.captures.unpack(owner), name)
        if isinstance(owner, CONTAINERS) and name != "append":
            self.captures.take(owner, path, name != "keys")
        return method

    def _got(self, owner: Any, key: Any, default: Any = None) -> Any:
        """``owner.get(key)``: one entry is read, not all of them."""
        if not is_key(key):
            return self.captures.unpack(owner).get(key, default)
        return self.item(owner, key) if self.contains(key, owner) else default

    def item(self, owner: Any, key: Any, deep: bool = True) -> Any:
        """``owner[key]``."""
        if type(owner) is TracedTensor and (type(key) is slice or type(key) is int):
            found = item_at_work(owner, key)
            return owner[key] if found is NO_FAST_PATH else found
        if owner is os.environ:
            return environment(self, "__getitem__", key)
        self.hashed(key)
        key = settled_key(owner, key)
        if type(owner) not in protocols.PLAIN:
            answer = protocols.ask(self.captures, owner, "__getitem__", key)
            if answer is not NotImplemented:
                return answer
        if type(owner) is defaultdict and is_key(key):
            self.contains(key, owner)  # a missing one is made
        try:
            value = owner[key]
        except (KeyError, IndexError):
            known = self.captures.path_of(owner)
            if known is not None:
                self.captures.condition(known.then("has item", key), False)
            raise
        if not isinstance(owner, np.ndarray) and is_key(key):
            path = self.captures.path_of(owner)
            if path is not None and self.captures.state.is_new(owner, key, value):
                return moved(self.captures, owner, value)
            if path is not None:
                return self.captures.take(value, path.then("item", key), deep, not deep)
        return value

    def values(self, value: Any) -> Any:
        """What is iterated over, or handed on as an argument."""
        if type(value) in protocols.SIMPLE:
            return value
        if type(value) in (list, tuple, dict, OrderedDict, deque, types.MappingProxyType):
            return value if self.captures.is_module(value) else self.captures.unpack(value)
        if isinstance(value, CONTAINERS):
            self.captures.whole(value)
        if type(value) in imports.GETTERS:
            return functools.partial(imports.GETTERS[type(value)], self, value)
        if isinstance(value, (FunctionType, MethodType)) or is_traced(value):
            from tracer.recording.watch.instrument import instrumented

            return outside(substitute(instrumented(value, self.captures)))
        return value

    def decorator(self, function: Any) -> Any:
        """What is called without brackets: ``@function``."""
        users = protocols.users_method(function, "__call__") is not None
        if users or isinstance(function, (FunctionType, MethodType, functools.partial)):
            from tracer.recording.watch.instrument import instrumented

            return instrumented(function, self.captures)
        if isinstance(function, type) and is_users_class(function):
            return builtin_calls.constructor(self.captures, function)
        return function

    def callee(self, function: Any) -> Any:
        """What is called: user functions run instrumented, too."""
        known = self.callees.get(id(function))
        if known is not None and known[0] is function:
            return known[1]
        kind = type(function)
        if kind in (type, BuiltinFunctionType) and function in builtin_calls.GOING_THROUGH:
            return functools.partial(imports.going_through, self, self._callee(function))
        lasting = kind is np.ufunc or (
            kind is BuiltinFunctionType and function.__self__ is builtins  # abs, max …
        )
        if not lasting and not is_stand_in(function):
            return self._callee(function)
        known = self.callees[id(function)] = (function, self._callee(function))
        return known[1]

    def _callee(self, function: Any) -> Any:
        writes = called_to_write(self, function)
        if writes is not None:
            return writes
        if type(function) in imports.GETTERS:
            return functools.partial(imports.GETTERS[type(function)], self, function)
        if id(function) in READERS:
            return functools.partial(asked, self, function)
        if type(own(function, "__self__")) is str:
            return text_method(function)
        from tracer.recording.watch.instrument import instrumented

        watched = instrumented(function, self.captures)
        seen = outside(substitute(watched))
        if builtin_calls.goes_through(function):
            return builtin_calls.builtin(self, function, seen)
        if seen is not function or is_stand_in(function):
            return builtin_calls.builtin(self, function, seen) if watched is function else seen
        if isinstance(function, type) and not is_library_class(function):
            made = builtin_calls.constructor(self.captures, function)
            if made is not function or is_users_class(function):
                return made
        if isinstance(function, MethodType) and holds_data(function.__self__):
            protocols.unseen(self.captures, function.__self__)
        owner = own(function, "__self__")
        if owner is os.environ:
            return functools.partial(environment, self, function.__name__)
        if type(owner) is ContextVar:
            return variable(self, owner, function)
        if isinstance(function, weakref.ref):
            return functools.partial(referent, self, function)
        return builtin_calls.builtin(self, function)

    # -- what Python calls by itself -----------------------------------------------------------
    def binary(self, name: str, left: Any, right: Any) -> Any:
        """``left + right``."""
        found = operation(name, left, right)
        if found is not NO_FAST_PATH:
            return found
        return operators.binary(self, operators.BINARY, name, left, right)

    # -- what the function writes ---------------------------------------------------------------
    def attributes(self, owner: Any) -> Attributes:
        """``owner``, whose attributes are set by their names."""
        return Attributes(self, owner)

    def items(self, owner: Any) -> Any:
        """``owner``, whose items are about to be set."""
        return owner if isinstance(owner, TracedTensor) else written_to(self, owner)

    def augmented(self, name: str, kind: str, owner: Any, key: Any, value: Any) -> Any:
        """``owner.key += value``."""
        return augmented(self, name, kind, owner, key, value)

    def place(self, name: str) -> tuple[Any, str]:
        """Where a variable is kept: a cell, or a module's dict."""
        return (self.cells[name], "") if name in self.cells else (self.globals, name)

    def variable(self, name: str) -> Path:
        """Where a global or closure variable is found again."""
        if name not in self.cells:
            return Path("globals", self.globals, (("name", name),))
        if self.path is not None:
            return self.path.then("cell", name)
        return Path("cell", self.cells[name])

    def same(self, left: Any, right: Any) -> bool:
        """``left is right``."""
        return self.captures.identities.same(left, right)

    def local(self, names: Any) -> Any:
        """``locals()`` or ``dir()``, without this monitor."""
        if isinstance(names, list):
            return [name for name in names if name != MONITOR]
        return {name: value for name, value in names.items() if name != MONITOR}

    def hashed(self, key: Any) -> Any:
        """A key, or a member of a set: an object may count by its identity."""
        if type(key) not in protocols.PLAIN:
            self.captures.identities.looked_up(key)
        return key

    def compare(self, name: str, left: Any, right: Any) -> Any:
        """``left < right``."""
        if type(right) is not TracedScalar:  # a subclass is asked first
            found = operation(name, left, right)
            if found is not NO_FAST_PATH:
                return found
        return operators.binary(self, operators.COMPARISONS, name, left, right)

    def unary(self, name: str, operand: Any) -> Any:
        """``-operand``."""
        method = operators.UNARY[name][1]
        answer = protocols.ask(self.captures, operand, method)
        return operators.UNARY[name][0](operand) if answer is NotImplemented else answer

    def contains(self, item: Any, container: Any) -> Any:
        """``item in container``."""
        return contains(self, item, container)

    def truth(self, value: Any) -> Any:
        """``if value``."""
        return operators.truth(self, value)

    def operand(self, value: Any) -> Any:
        """``value and …``: its truth is noted, the value goes on."""
        operators.truth(self, value)
        return value

    def iterated(self, value: Any) -> Any:
        """``for item in value``."""
        return operators.iterated(self, self.captures.part_by_part(self.values(value)))

    def made_class(self, kind: Any) -> Any:
        """A class that the function defines: what is in it is no capture."""
        self.captures.classes.add(kind)
        return kind

    def counted(self, value: Any) -> Any:
        """``{*value}``: containers by all that is in them, the user's own iterators seen."""
        if isinstance(value, CONTAINERS):
            self.captures.whole(value)
            return value
        return operators.iterated(self, value)

    def importing(self, module: str, level: int, names: tuple[str, ...]) -> None:
        """``import module`` or ``from module import names`` comes next."""
        imports.importing(self, module, level, names)

    def imported(self, value: Any, module: str, level: int, name: str) -> Any:
        """``from module import name`` has bound ``value``."""
        return imports.imported(self, value, module, level, name)

    def spread(self, table: Any) -> Any:
        """``{**table}``."""
        return self.captures.part_by_part(self.values(table))

    def delegated(self, value: Any) -> Any:
        """``yield from value``: a generator is handed on as it is, to be sent to."""
        return value if isinstance(value, types.GeneratorType) else self.iterated(value)

    def entered(self, manager: Any) -> Any:
        """``with manager``."""
        return operators.entered(self, manager)

    def formatted(self, text: Any, values: Any) -> Any:
        """``text % values``: numbers as they are while tracing."""
        if isinstance(text, str):
            if isinstance(values, dict):
                named = {key: getattr(part, "_value", part) for key, part in values.items()}
                return made_of(
                    str(text) % named, sources_in([text, *map(as_text, values.values())])
                )
            parts = values if isinstance(values, tuple) else (values,)
            plain = tuple([getattr(part, "_value", part) for part in parts])
            made = str(text) % (plain if isinstance(values, tuple) else plain[0])
            if len(parts) == 1 and isinstance(parts[0], TracedTensor) and type(text) is str:
                return text_of(made, parts[0], "%", text)
            return made_of(made, sources_in([text, *map(as_text, parts)]))
        return self.binary("mod", text, values)

    def texts(self) -> int:
        """How many texts were made of traced values so far."""
        return texts_made()

    def joined(self, before: int, text: str) -> str:
        """``f"{a} {b}"``: it depends on the texts that were made for it."""
        return made_since(before, text)
