"""Which names a function, a lambda, a class or a comprehension binds itself.

>>> is_local("scale", [scope_of(function), scope_of(method)])  # a method: not what its class binds
False
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Code that sees what the class around it binds: its body, the iterables of comprehensions there.
IN_PLACE = frozenset({ast.ClassDef, *COMPREHENSIONS})


@dataclass(frozen=True, slots=True)
class NameScope:
    """What a piece of code binds, and what it declares global."""

    kind: type
    names: frozenset[str]
    globals: frozenset[str]


def scope_of(node: Any, mangled: Callable[[str], str]) -> NameScope:
    """The scope of a definition; ``mangled`` gives private names of classes their prefix."""
    names, global_names = bound(node)
    return NameScope(
        type(node), frozenset(map(mangled, names)), frozenset(map(mangled, global_names))
    )


def is_local(name: str, scopes: Sequence[NameScope]) -> bool:
    """Whether the outermost scope or one in it binds a name that the innermost one reads."""
    around: type = ast.ClassDef
    for scope in reversed(scopes):
        if name in scope.globals:
            return False
        if name in scope.names and (scope.kind is not ast.ClassDef or around in IN_PLACE):
            return True
        around = scope.kind
    return False


def bound(scope: Any) -> tuple[set[str], set[str]]:
    """Names that this function, lambda, class or comprehension binds; those it says are global."""
    names: set[str] = set()
    outside: set[str] = set()
    global_names: set[str] = set()
    arguments = getattr(scope, "args", None)
    if isinstance(arguments, ast.arguments):
        names |= {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)}
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            outside |= set(node.names)
            global_names |= set(node.names) if isinstance(node, ast.Global) else set()
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
        if isinstance(node, COMPREHENSIONS):  # its variables are its own, but for those of `:=`
            walruses = [part for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
            names |= {walrus.target.id for walrus in walruses}
            continue
        pending.extend(ast.iter_child_nodes(node))
    return names - outside, global_names
