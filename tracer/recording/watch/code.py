"""The watched code of a function: compiled once from its own source, positions unchanged.

>>> watched_code(function)
<code object loss at ...>
"""

from __future__ import annotations

import ast
import inspect
from types import CodeType, FunctionType
from typing import Any

from tracer.recording.captures.paths import MONITOR
from tracer.recording.source.libraries import is_users
from tracer.recording.source.locator import AST_LOCK, source_file
from tracer.recording.watch.rewrite import Instrumenter

FUNCTION = "__calcgraph_function__"
_CODES: dict[int, tuple[CodeType, CodeType | None]] = {}


def watched_code(function: FunctionType) -> CodeType | None:
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
    body = Instrumenter(class_name, code).instrument(definition)
    if isinstance(body, ast.FunctionDef):
        body.name = FUNCTION  # its own name, read inside, is the user's global or cell
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(arg=name) for name in (MONITOR, *free, "__class__")],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
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
        with AST_LOCK:
            made = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    inner = _inner(made)
    if inner is None or not set(inner.co_freevars) <= {MONITOR, *code.co_freevars}:
        return None
    if inner.co_varnames[: inner.co_argcount] != code.co_varnames[: code.co_argcount]:
        return None
    return inner.replace(co_name=code.co_name, co_qualname=code.co_qualname)


def _inner(made: CodeType) -> CodeType | None:
    factory = next(c for c in made.co_consts if isinstance(c, CodeType))
    for constant in factory.co_consts:
        if isinstance(constant, CodeType) and constant.co_name in (FUNCTION, "<lambda>"):
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


def is_watchable(function: Any) -> bool:
    """Whether a function is the user's own, and not seen already."""
    return (
        isinstance(function, FunctionType)
        and MONITOR not in function.__code__.co_freevars
        and is_users(function.__code__.co_filename)
    )
