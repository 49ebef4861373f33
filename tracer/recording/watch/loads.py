"""Loads of the user's code: global and closure variables, attributes, items, arguments.

>>> load_attribute(monitor, model, "rate")  # lifted, guarded, or as it is
<Tensor rate: float64 ()>
"""

from __future__ import annotations

import builtins
import functools
import os
import types
from collections import OrderedDict, defaultdict, deque
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tracer.ops.stand_ins import original_of
from tracer.python.attributes import is_traced, own
from tracer.recording.captures.captures import CONTAINERS
from tracer.recording.captures.paths import Path, is_library_module
from tracer.recording.hooks.call_sites import substitute, substitute_loaded
from tracer.recording.hooks.foreign_calls import foreign_call
from tracer.recording.hooks.namespaces import hooked
from tracer.recording.recorder.fast_path import NO_FAST_PATH, item_at_work
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.watch import imports, protocols
from tracer.recording.watch.context_variables import environment
from tracer.recording.watch.interface import ActiveMonitor
from tracer.recording.watch.keys import concrete_key, is_key
from tracer.recording.watch.members import (
    class_attribute,
    is_written,
    numpy_namespace,
    read_attribute,
)
from tracer.recording.watch.reflection import GETTERS, module_table
from tracer.recording.watch.stores import method_that_writes, moved_row

OF_FUNCTIONS = ("__dict__", "__closure__", "__name__", "__qualname__", "__doc__", "__module__")


# -- variables ------------------------------------------------------------------------------------
def load_name(monitor: ActiveMonitor, value: Any, name: str, deep: bool = True) -> Any:
    """A global or closure variable; not ``deep`` where only an item or attribute is read."""
    if isinstance(value, TracedTensor):
        return value
    known = monitor.builtin_loads.get(name)
    if known is not None and known[0] is value:
        return known[1]
    if is_library_module(value):
        return value if name == "np" else monitor.captures.capture(value, monitor.variable(name))
    if monitor.captures.state.is_assigned(*monitor.place(name)):
        return hooked(substitute_loaded(value))
    stand_in = _variable(monitor, value, name, deep)
    if type(value) in (BuiltinFunctionType, type) and vars(builtins).get(name) is value:
        monitor.builtin_loads[name] = (value, stand_in)
    return stand_in


def _variable(monitor: ActiveMonitor, value: Any, name: str, deep: bool) -> Any:
    taken = monitor.captures.capture(value, monitor.variable(name), deep, not deep)
    hook = numpy_namespace(value).get(own(value, "__name__", ""))
    if hook is not None and original_of(hook) is value:
        return hook  # bound by `from numpy import zeros` before the trace
    return hooked(substitute_loaded(taken))


# -- attributes -----------------------------------------------------------------------------------
def load_attribute(monitor: ActiveMonitor, owner: Any, name: str, deep: bool = True) -> Any:
    """``owner.name``."""
    if type(owner) is ModuleType:
        load = monitor.module_loads.get(name)
        if load is not None and load[0] is owner and vars(owner).get(name) is load[1]:
            return load[2]
    if isinstance(owner, FunctionType):
        owner = vars(owner).get("__tracer_plain_function__", owner)
    standard = is_library_module(owner) and name in vars(owner)
    if standard and imports.is_standard(owner, name):
        value = vars(owner)[name]
        monitor.module_loads[name] = (owner, value, stand_in := substitute_loaded(value))
        return stand_in
    try:
        value = read_attribute(monitor, owner, name)
    except AttributeError:
        _guard_absent_attribute(monitor, owner, name)
        raise
    if isinstance(owner, TracedTensor) or (is_library_module(owner) and not standard):
        return substitute_loaded(value)
    if isinstance(owner, FunctionType) and name == "__globals__":
        return module_table(monitor, value)
    if is_written(monitor, owner, name, value):
        return substitute_loaded(value)
    if isinstance(owner, FunctionType) and name not in (*vars(owner), *OF_FUNCTIONS):
        return substitute_loaded(value)
    if isinstance(owner, ModuleType):
        return _module_attribute(monitor, owner, name, value, deep)
    path = monitor.captures.path_of(owner)
    if path is not None and isinstance(value, types.BuiltinMethodType):
        return _builtin_method(monitor, owner, name, value, path)
    if path is None:
        return class_attribute(monitor, owner, name, value, deep)
    return monitor.captures.capture(value, path.then("attr", name), deep, not deep)


def _guard_absent_attribute(monitor: ActiveMonitor, owner: Any, name: str) -> None:
    path = monitor.captures.path_of(owner)
    if isinstance(owner, ModuleType):
        imports.importing(monitor, owner.__name__, 0, (name,))
    elif path is not None and not hasattr(owner, name):
        monitor.captures.guards.add_value(path.then("has", name), False)


def _module_attribute(
    monitor: ActiveMonitor, module: ModuleType, name: str, value: Any, deep: bool
) -> Any:
    if name == "__dict__":
        return module_table(monitor, value)
    if name in vars(module):
        path = Path("globals", vars(module), (("name", name),))
    else:  # it comes from the module's __getattr__, or from its class
        path = Path("globals", module, (("attr", name),))
    return monitor.captures.capture(value, path, deep, not deep)


def _builtin_method(monitor: ActiveMonitor, owner: Any, name: str, method: Any, path: Path) -> Any:
    """A container's own method: what it gives is captured as if it were read by key."""
    writes = method_that_writes(monitor, owner, name)
    if writes is not None:
        return writes
    table = type(owner) in (dict, OrderedDict, types.MappingProxyType)
    if table and name == "get":
        return functools.partial(_get, monitor, owner)
    if table and name in ("items", "values", "copy"):
        return getattr(monitor.captures.unpack(owner), name)
    if isinstance(owner, CONTAINERS) and name != "append":
        monitor.captures.capture(owner, path, name != "keys")
    return method


# -- items ----------------------------------------------------------------------------------------
def _get(monitor: ActiveMonitor, owner: Any, key: Any, default: Any = None) -> Any:
    """``owner.get(key)``: one entry is read, not all of them."""
    if not is_key(key):
        return monitor.captures.unpack(owner).get(key, default)
    return monitor.item(owner, key) if monitor.contains(key, owner) else default


def load_item(monitor: ActiveMonitor, owner: Any, key: Any, deep: bool = True) -> Any:
    """``owner[key]``."""
    if type(owner) is TracedTensor and (type(key) is slice or type(key) is int):
        item = item_at_work(owner, key)
        return owner[key] if item is NO_FAST_PATH else item
    if owner is os.environ:
        return environment(monitor, "__getitem__", key)
    monitor.hashed(key)
    key = concrete_key(owner, key)
    if type(owner) not in protocols.PLAIN:
        answer = protocols.call_special(monitor.captures, owner, "__getitem__", key)
        if answer is not NotImplemented:
            return answer
    if type(owner) is defaultdict and is_key(key):
        monitor.contains(key, owner)  # a missing one is made
    try:
        value = owner[key]
    except (KeyError, IndexError):
        path = monitor.captures.path_of(owner)
        if path is not None:
            monitor.captures.guards.add_value(path.then("has item", key), False)
        raise
    if not isinstance(owner, np.ndarray) and is_key(key):
        path = monitor.captures.path_of(owner)
        if path is not None and monitor.captures.state.is_new(owner, key, value):
            return moved_row(monitor.captures, owner, value)
        if path is not None:
            return monitor.captures.capture(value, path.then("item", key), deep, not deep)
    return value


# -- arguments ------------------------------------------------------------------------------------
def load_values(monitor: ActiveMonitor, value: Any) -> Any:
    """What is iterated over, or handed on as an argument."""
    if type(value) in protocols.SIMPLE:
        return value
    captures = monitor.captures
    if type(value) in (list, tuple, dict, OrderedDict, deque, types.MappingProxyType):
        return value if captures.is_module_dict(value) else captures.unpack(value)
    if isinstance(value, CONTAINERS):
        captures.guard_contents(value)
    if type(value) in GETTERS:
        return functools.partial(GETTERS[type(value)], monitor, value)
    if isinstance(value, (FunctionType, MethodType)) or is_traced(value):
        return foreign_call(substitute(captures.instrumented(value)))
    return value
