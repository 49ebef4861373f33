"""What the user calls the arrays that no argument and no path leads to: ``i`` in ``x[i]``.

>>> i, j = np.triu_indices(4, 1)
>>> written_names(trace(lambda x: x[i] * x[j]).graph(np.ones(4)))
{<constant>: 'i', <constant>: 'j'}
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Hole, Node, Ref
from tracer.ops import registry

LONGEST = 400  # characters of an expression that is read


def written_names(graph: CalcGraph, derived: Container[Node] = ()) -> dict[Node, str]:
    """For each unnamed constant array the name that stands at its place in a user's expression.

    ``derived`` nodes have the expression of another node, and are not read.
    """
    names: dict[Node, str] = {}
    for node in graph.order:
        if node in derived:
            continue
        unnamed = [o for o in node.inputs if o not in names and _is_unnamed(o)]
        if not unnamed or node.origin is None or len(node.origin.expression) > LONGEST:
            continue
        for argument, written in _pairs(node, node.origin.expression):
            if type(argument) is Hole and isinstance(written, ast.Name):
                operand = node.inputs[argument.slot]
                if operand in unnamed:
                    names.setdefault(operand, written.id)
    return names


def _is_unnamed(node: Node) -> bool:
    if node.op is not registry.CONSTANT or node.name:
        return False
    (ref,) = node.params.args
    return type(ref) is Ref and not ref.label and isinstance(ref.value, np.ndarray)


def _pairs(node: Node, expression: str) -> Iterable[tuple[Any, ast.expr]]:
    """The arguments of an op, each with what the user wrote there."""
    try:
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    args = node.params.args
    if isinstance(tree, ast.Subscript) and node.op.name in ("getitem", "setitem"):
        return _index_pairs(args[1 if node.op.name == "getitem" else 2], tree.slice)
    if isinstance(tree, ast.BinOp) and len(args) == 2:
        return zip(args, (tree.left, tree.right), strict=True)
    if isinstance(tree, ast.Compare) and len(args) == 2 and len(tree.ops) == 1:
        return zip(args, (tree.left, *tree.comparators), strict=True)
    if isinstance(tree, ast.Call) and _is_numpy(tree.func):
        given = node.params.kwargs
        named = [(given[word.arg], word.value) for word in tree.keywords if word.arg in given]
        return [*zip(args, tree.args, strict=False), *named]
    return ()


def _is_numpy(function: ast.expr) -> bool:
    """``np.f(…)``, whose first argument is the op's; of a method it is what stands before."""
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in ("np", "numpy", "scipy", "special")


def _index_pairs(index: Any, written: ast.expr) -> list[tuple[Any, ast.expr]]:
    if type(index) is tuple and isinstance(written, ast.Tuple):
        return list(zip(index, written.elts, strict=False))
    return [(index, written)]
