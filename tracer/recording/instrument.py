"""The user's function compiled once more, so that what it reads from outside can be seen.

Every global, closure, attribute and item that the code loads passes through a Monitor, which lifts
arrays and floats to inputs of the program and guards the rest. Positions stay those of the user's
file; cells and globals are the user's own.

>>> seen = instrument(function, monitor)

A function without source (``python -c``, ``exec``) runs as it was compiled, over globals that tell
the Monitor of each load; only what it reads through attributes stays unseen there.
"""

from __future__ import annotations

import ast
import copy
import dis
import functools
import inspect
import os
import random
import types
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from tracer.recording.active import leak
from tracer.recording.captures import Captures, Path, is_library_module
from tracer.recording.tensor import TracedTensor
from tracer.recording.whereabouts import is_library, source_file

MONITOR = "__calcgraph_monitor__"


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
        self.globals = function.__globals__
        self.free = frozenset(function.__code__.co_freevars)
        self.path = path

    def name(self, value: Any, name: str, deep: bool = True) -> Any:
        """A global or closure variable; not ``deep`` where only an item or attribute is read."""
        if isinstance(value, TracedTensor):
            return value
        if is_library_module(value):
            return value
        hook = vars(np).get(getattr(value, "__name__", "")) if callable(value) else None
        if hook is not None and getattr(hook, "__tracer_original__", None) is value:
            return hook  # bound by `from numpy import zeros` before the trace
        if name in self.free:
            return self.captures.take(
                value, self.path.then("cell", name) if self.path else None, deep
            )
        return self.captures.take(value, Path("globals", self.globals, (("name", name),)), deep)

    def attr(self, owner: Any, name: str, deep: bool = True) -> Any:
        """``owner.name``."""
        value = getattr(owner, name)
        if isinstance(owner, (TracedTensor, types.FunctionType)) or is_library_module(owner):
            return value
        if isinstance(owner, types.ModuleType):
            return self.captures.take(value, Path("globals", vars(owner), (("name", name),)), deep)
        path = self.captures.path_of(owner)
        if path is not None and isinstance(value, types.BuiltinMethodType):
            return self._method_of(owner, name, value, path)
        if path is None:
            return value
        return self.captures.take(value, path.then("attr", name), deep)

    def _method_of(self, owner: Any, name: str, method: Any, path: Path) -> Any:
        """A container's own method: what it gives is captured as if it were read by key."""
        if type(owner) is dict and name in ("items", "values", "get", "copy"):
            return getattr(self.captures.unpack(owner), name)
        if type(owner) in (dict, list, tuple) and name not in ("keys", "append"):
            self.captures.take(owner, path, True)
        return method

    def item(self, owner: Any, key: Any, deep: bool = True) -> Any:
        """``owner[key]``."""
        value = owner[key]
        if not isinstance(owner, np.ndarray) and type(key) in (str, int, bool):
            path = self.captures.path_of(owner)
            if path is not None:
                return self.captures.take(value, path.then("item", key), deep)
        return value

    def values(self, value: Any) -> Any:
        """What is iterated over, or handed on as an argument."""
        if type(value) in (list, tuple, dict):
            return self.captures.unpack(value)
        if isinstance(value, (FunctionType, MethodType)) or hasattr(value, "__tracer_function__"):
            return self.callee(value)
        return value

    def callee(self, function: Any) -> Any:
        """What is called: user functions run instrumented, too."""
        return self._getattr if function is getattr else instrumented(function, self.captures)

    def _getattr(self, owner: Any, name: str, *default: Any) -> Any:
        """The builtin, seen."""
        return self.attr(owner, name) if hasattr(owner, name) else getattr(owner, name, *default)


def instrumented(function: Any, captures: Captures) -> Any:
    """A callable of the user's that tells of its loads; everything else as it is.

    Raises
    ------
    LeakError
        For a source of random numbers.
    """
    refuse_randomness(function)
    path = captures.path_of(function)
    if isinstance(function, MethodType):
        plain = function.__func__
        if path is not None:
            captures.know(function.__self__, path.then("attr", "__self__"))
        if hasattr(plain, "__tracer_function__"):
            plain = plain.__tracer_function__
        if not _is_watchable(plain):
            return function
        seen = instrument(plain, Monitor(captures, plain, path))
        return MethodType(seen, function.__self__)
    if hasattr(function, "__tracer_function__"):
        if path is not None:
            path = path.then("attr", "__tracer_function__")
            captures.know(function.__tracer_function__, path)
        return instrumented(function.__tracer_function__, captures)
    if isinstance(function, functools.partial):
        return _partial(function, path, captures)
    if isinstance(function, FunctionType):
        if not _is_watchable(function):
            _know_wrapped(function, path, captures)
            return function
        return instrument(function, Monitor(captures, function, path))
    call = vars(type(function)).get("__call__")
    if isinstance(call, FunctionType) and _is_watchable(call):
        return MethodType(instrument(call, Monitor(captures, call, None)), function)
    return function


def _is_watchable(function: Any) -> bool:
    return (
        isinstance(function, FunctionType)
        and MONITOR not in function.__code__.co_freevars
        and not is_library(function.__code__.co_filename)
    )


def _know_wrapped(function: FunctionType, path: Path | None, captures: Captures) -> None:
    """``g = grad(loss)``: the way to ``loss`` leads through ``g``."""
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None and path is not None:
        inner = path.then("attr", "__wrapped__")
        captures.know(wrapped, inner)
        captures.take(wrapped, inner)


def _partial(function: Any, path: Path | None, captures: Captures) -> Any:
    if path is None:
        return functools.partial(
            instrumented(function.func, captures), *function.args, **function.keywords
        )
    captures.take(function.func, path.then("attr", "func"))
    at, named = path.then("attr", "args"), path.then("attr", "keywords")
    args = [captures.take(v, at.then("item", k)) for k, v in enumerate(function.args)]
    keywords = {k: captures.take(v, named.then("item", k)) for k, v in function.keywords.items()}
    return functools.partial(instrumented(function.func, captures), *args, **keywords)


RANDOM_SOURCES = (np.random.Generator, np.random.RandomState, random.Random, np.random.BitGenerator)


def refuse_randomness(function: Any) -> None:
    """A number drawn while tracing would be the same in every call.

    Raises
    ------
    LeakError
        For methods of random generators, ``random`` and ``os.urandom``.
    """
    owner = getattr(function, "__self__", None)
    if isinstance(owner, RANDOM_SOURCES) or function is os.urandom:
        raise leak(
            f"{getattr(function, '__name__', 'It')}() draws random numbers in a traced function.",
            "draw them outside and pass them as an argument",
        )


_CODES: dict[int, tuple[CodeType, CodeType | None]] = {}


def instrument(function: FunctionType, monitor: Monitor) -> FunctionType:
    """The function with its loads going through ``monitor``."""
    code = _instrumented_code(function)
    if code is None:
        return watch(function, monitor)
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells[MONITOR] = types.CellType(monitor)
    closure = tuple([cells[name] for name in code.co_freevars])
    seen = FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, closure
    )
    seen.__kwdefaults__ = function.__kwdefaults__
    seen.__qualname__ = function.__qualname__
    return seen


class WatchedGlobals(dict[str, Any]):
    """The globals of a function without source: each load goes through a Monitor."""

    def __init__(self, table: dict[str, Any], monitor: Monitor):
        super().__init__(table)
        self.monitor = monitor

    def __getitem__(self, name: str) -> Any:
        value = self.monitor.name(self.monitor.globals[name], name)
        return self.monitor.callee(value) if callable(value) else value


def watch(function: FunctionType, monitor: Monitor) -> FunctionType:
    """A function without source, with its globals and closure variables seen as they are loaded.

    Raises
    ------
    LeakError
        If it assigns to globals or outer variables, which needs its source.
    """
    code = function.__code__
    stores = {i.argval for i in dis.get_instructions(code) if i.opname in STORES}
    written = stores & {*code.co_freevars, *code.co_names}
    if written:
        raise leak(
            f"{function.__name__} assigns to {sorted(written)[0]} outside of it and has no source.",
            "define it in a file, or return the value",
        )
    cells = tuple([
        types.CellType(monitor.name(cell.cell_contents, name)) if _is_number(cell) else cell
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
    ])  # fmt: skip
    seen = FunctionType(
        code.replace(co_name=code.co_name), WatchedGlobals(function.__globals__, monitor),
        function.__name__, function.__defaults__, cells,
    )  # fmt: skip
    seen.__kwdefaults__ = function.__kwdefaults__
    return seen


STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})


def _is_number(cell: types.CellType) -> bool:
    try:
        return isinstance(cell.cell_contents, (float, complex, np.generic, np.ndarray, int, str))
    except ValueError:  # an empty cell
        return False


def _instrumented_code(function: FunctionType) -> CodeType | None:
    code = function.__code__
    known = _CODES.get(id(code))
    if known is not None and known[0] is code:
        return known[1]
    if len(_CODES) > 5_000:
        _CODES.clear()
    made = _compile(code)
    _CODES[id(code)] = (code, made)
    return made


def _compile(code: CodeType) -> CodeType | None:
    if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return None
    tree = source_file(code.co_filename).tree
    definition = _find(tree, code) if tree is not None else None
    if definition is None:
        return None
    class_name = _class_of(code)
    free = [name for name in code.co_freevars if name != "__class__"]
    body = _Loads(class_name, code).instrument(definition)
    arguments = ast.arguments(
        posonlyargs=[], args=[ast.arg(arg=name) for name in (MONITOR, *free, "__class__")],
        kwonlyargs=[], kw_defaults=[], defaults=[],
    )  # fmt: skip
    factory = ast.FunctionDef(
        name="__calcgraph_factory__", args=arguments, body=[body], decorator_list=[], returns=None
    )
    if "type_params" in ast.FunctionDef._fields:
        factory.type_params = []  # type: ignore[attr-defined]
    module = ast.Module(body=[factory], type_ignores=[])
    ast.copy_location(factory, definition)
    ast.fix_missing_locations(module)
    flags = code.co_flags & 0x1FF0000  # the file's __future__ imports
    try:
        made = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    inner = _inner(made, code)
    if inner is None or not set(inner.co_freevars) <= {MONITOR, *code.co_freevars}:
        return None
    if inner.co_varnames[: inner.co_argcount] != code.co_varnames[: code.co_argcount]:
        return None
    return inner.replace(co_name=code.co_name, co_qualname=code.co_qualname)


def _inner(made: CodeType, wanted: CodeType) -> CodeType | None:
    factory = next(c for c in made.co_consts if isinstance(c, CodeType))
    for constant in factory.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == wanted.co_name:
            return constant
    return None


def _find(tree: ast.Module, code: CodeType) -> Any:
    """The definition that this code was compiled from."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            if first == code.co_firstlineno:
                found.append(node)
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            if node.lineno == code.co_firstlineno and _same_span(node, code):
                found.append(node)
    return found[0] if len(found) == 1 else None


def _same_span(node: ast.Lambda, code: CodeType) -> bool:
    """Several lambdas may start on one line: the body's positions tell which one this is."""
    spans = [p for p in code.co_positions() if p[0] is not None and p[2] is not None]
    start = (node.body.lineno, node.body.col_offset)
    end = (node.body.end_lineno, node.body.end_col_offset)
    inside = [(p[0], p[2]) >= start and (p[1], p[3]) <= end for p in spans[1:] if p[2] or p[3]]
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    return all(inside) and tuple(names) == code.co_varnames[: code.co_argcount]


def _class_of(code: CodeType) -> str:
    parts = code.co_qualname.split(".")
    if len(parts) > 1 and parts[-2] != "<locals>":
        return parts[-2].lstrip("_")
    return ""


class _Loads(ast.NodeTransformer):
    """Sends loads through the monitor."""

    def __init__(self, class_name: str, code: CodeType):
        self.class_name = class_name
        self.bound: list[frozenset[str]] = []

    def instrument(self, definition: Any) -> ast.stmt:
        definition = copy.deepcopy(definition)
        if isinstance(definition, ast.Lambda):
            self.bound.append(_bound(definition))
            definition.body = self.visit(definition.body)
            _empty_defaults(definition.args)
            return ast.copy_location(ast.Expr(definition), definition)
        definition.decorator_list = []
        definition.returns = None
        for argument in ast.walk(definition.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        _empty_defaults(definition.args)
        self.bound.append(_bound(definition))
        definition.body = [self.visit(statement) for statement in definition.body]
        return definition

    def _call(self, node: ast.AST, method: str, *arguments: ast.expr) -> ast.Call:
        monitor = ast.Name(id=MONITOR, ctx=ast.Load())
        function = ast.Attribute(value=monitor, attr=method, ctx=ast.Load())
        made = ast.Call(func=function, args=list(arguments), keywords=[])
        for part in (monitor, function, made):
            ast.copy_location(part, node)
        for argument in arguments:
            if not hasattr(argument, "lineno"):
                ast.copy_location(argument, node)
        return made

    def _mangled(self, name: str) -> str:
        if self.class_name and name.startswith("__") and not name.endswith("__"):
            return f"_{self.class_name}{name}"
        return name

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._mangled(node.id)
        if not isinstance(node.ctx, ast.Load) or node.id in ("super", "__class__", "locals"):
            return node
        if any(node.id in names for names in self.bound):
            return node
        return self._call(node, "name", node, ast.Constant(node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self._mangled(node.attr)
        node.value = self._shallow(self.visit(node.value))
        if not isinstance(node.ctx, ast.Load):
            return node
        return self._call(node, "attr", node.value, ast.Constant(node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or isinstance(node.slice, ast.Slice):
            return node
        node.value = self._shallow(node.value)
        if isinstance(node.slice, ast.Tuple) and any(
            isinstance(part, (ast.Slice, ast.Starred)) for part in node.slice.elts
        ):
            return node
        return self._call(node, "item", node.value, node.slice)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in ("super", "locals", "globals"):
            return node
        self.generic_visit(node)
        node.func = self._call(node.func, "callee", self._shallow(node.func))
        node.args = [self._handed(argument) for argument in node.args]
        for keyword in node.keywords:
            if keyword.arg is not None:
                keyword.value = self._handed(keyword.value)
        return node

    @staticmethod
    def _shallow(load: ast.expr) -> ast.expr:
        """A load of which only a part is read."""
        if isinstance(load, ast.Call) and isinstance(load.func, ast.Attribute):
            owner = load.func.value
            if isinstance(owner, ast.Name) and owner.id == MONITOR and load.func.attr in (
                "name", "attr", "item",
            ):  # fmt: skip
                flag = ast.copy_location(ast.Constant(False), load)
                load.args = (
                    [*load.args[:2], flag] if load.func.attr != "name" else [*load.args, flag]
                )
        return load

    def _handed(self, argument: ast.expr) -> ast.expr:
        if isinstance(argument, ast.Starred):
            argument.value = self._handed(argument.value)
            return argument
        if isinstance(argument, (ast.Name, ast.Call)):
            return self._call(argument, "values", self._shallow(argument))
        return argument

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._call(node.iter, "values", self._shallow(node.iter))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._call(node.iter, "values", self._shallow(node.iter))
        return node

    def _scoped(self, node: Any) -> ast.AST:
        self.bound.append(_bound(node))
        self.generic_visit(node)
        self.bound.pop()
        return node

    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = _scoped
    visit_GeneratorExp = visit_ClassDef = visit_AsyncFunctionDef = _scoped

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        return self._scoped(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.target = self.visit(node.target)
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def visit_match_case(self, node: Any) -> ast.AST:
        node.guard = self.visit(node.guard) if node.guard is not None else None
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # text made while tracing; its positions are unreliable before 3.12


def _empty_defaults(arguments: ast.arguments) -> None:
    """The real defaults are set on the function; the code only needs their number's absence."""
    arguments.defaults = []
    arguments.kw_defaults = [None for _ in arguments.kwonlyargs]


def _bound(scope: Any) -> frozenset[str]:
    """Names that this function, lambda, class or comprehension binds itself."""
    names: set[str] = set()
    outside: set[str] = set()
    arguments = getattr(scope, "args", None)
    if isinstance(arguments, ast.arguments):
        names |= {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)}
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            outside |= set(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
        if isinstance(node, ast.Lambda):
            continue
        pending.extend(ast.iter_child_nodes(node))
    return frozenset(names - outside)
