"""The printed form of a CalcGraph: one line per node, with the user's line; it reads back equal.

>>> print(print_graph(graph))
graph 'f(x, w)'
%0 x: f64[4,3] = input()
%1 w: f64[3,2] = input()
%2: f64[4,2] = matmul(%0, %1) as operator            # model.py:12
%3 hidden: f64[4,2] = tanh(%2)                       # model.py:12
return value %3
>>> read_graph(print_graph(graph), op_named, table_of(graph)).key() == graph.key()
True
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tracer.graph.literals import literal_text
from tracer.graph.node import Hole, Node, Ref, Region
from tracer.graph.spec import SHORT_DTYPES, ArraySpec, Dim
from tracer.python.attributes import own

COMMENT_COLUMN = 60


def print_graph(graph: Region) -> str:
    """The graph as text, without the values of its constants (see ``table_of``)."""
    return "\n".join(GraphPrinter(graph).lines()) + "\n"


def table_of(graph: Region) -> dict[str, Any]:
    """What the text refers to: constants, callables and exception classes by their label."""
    printer = GraphPrinter(graph)
    for _ in printer.lines():
        pass
    return {label: value for value, label in printer.labels.values()}


class GraphPrinter:
    """Writes one graph and its regions; holds the labels of what it refers to, and the Dims."""

    def __init__(self, graph: Region):
        self.graph = graph
        self.labels: dict[int, tuple[Any, str]] = {}  # id -> (value, label); values stay alive
        self.taken: set[str] = set()
        self.dims: dict[Dim, int] = {}

    def lines(self) -> Iterator[str]:
        body = list(self.body(self.graph, ""))  # finds the Dims, which are declared before
        yield f"graph {self.graph.title!r}"
        for dim, number in self.dims.items():
            yield f"dim ?{number} = {dim.label!r} seen {dim.seen}"
        yield from body

    def body(self, graph: Region, indent: str) -> Iterator[str]:
        numbers = {node: number for number, node in enumerate(graph.order)}
        for node in graph.order:
            yield from self.node(node, numbers, indent)
        for guard in graph.guards:
            outcome = self.value(guard.outcome)
            line = f"{indent}guard %{numbers[guard.node]} {guard.kind} {outcome}"
            yield commented(line, guard.origin)
        for effect in graph.effects:
            target, value = numbers[effect.target], numbers[effect.value]
            yield f"{indent}effect {effect.kind} %{target} = %{value}"
        parts, start = [], 0
        for role, count in graph.roles.items():
            outputs = graph.outputs[start : start + count]
            parts.append(" ".join([role, ", ".join([f"%{numbers[o]}" for o in outputs])]).rstrip())
            start += count
        yield f"{indent}return {'; '.join(parts)}"

    def node(self, node: Node, numbers: dict[Node, int], indent: str) -> Iterator[str]:
        head = f"{indent}%{numbers[node]}"
        if node.name:
            head += f" {node.name if node.name.isidentifier() else repr(node.name)}"
        specs = [self.spec(spec) for spec in node.specs]
        made = specs[0] if len(specs) == 1 else f"({', '.join(specs)})"
        line = f"{head}: {made} = {node.op.name}({self.arguments(node, numbers)})"
        if node.params.slots() != list(range(len(node.inputs))):
            line += f" on ({', '.join([f'%{numbers[i]}' for i in node.inputs])})"
        if node.spelling:
            line += f" as {node.spelling}"
        if node.context is not None:
            pairs = [f"{key}={self.value(value)}" for key, value in node.context]
            line += f" with ({', '.join(pairs)})"
        if not node.regions:
            yield commented(line, node.origin)
            return
        for count, region in enumerate(node.regions):
            opening = line if count == 0 else f"{indent}}} and"
            yield commented(f"{opening} {{ {region.title!r}", node.origin if count == 0 else None)
            yield from self.body(region, indent + "    ")
        yield f"{indent}}}"

    def arguments(self, node: Node, numbers: dict[Node, int]) -> str:
        """The template: holes as the operands they stand for, where slots are in order."""
        in_order = node.params.slots() == list(range(len(node.inputs)))
        operands = [f"%{numbers[i]}" for i in node.inputs] if in_order else None
        parts = [self.value(argument, operands) for argument in node.params.args]
        parts += [f"{k}={self.value(v, operands)}" for k, v in node.params.kwargs.items()]
        return ", ".join(parts)

    def spec(self, spec: ArraySpec) -> str:
        if spec.kind == "object":
            return "object"
        short = SHORT_DTYPES.get(spec.dtype.name, "") if spec.dtype.isnative else ""
        dtype = short or repr(spec.dtype.str)
        if spec.kind != "array":
            return f"{spec.kind} {dtype}"
        return f"{dtype}[{','.join([self.size(size) for size in spec.shape])}]"

    def size(self, size: int | Dim) -> str:
        if type(size) is Dim:
            return f"?{self.dims.setdefault(size, len(self.dims))}"
        return str(size)

    def value(self, value: Any, operands: list[str] | None = None) -> str:
        """One argument of a call, or an outcome, as text."""
        kind = type(value)
        if kind is Hole:
            return operands[value.slot] if operands is not None else f"@{value.slot}"
        if kind is Dim:
            return self.size(value)
        if kind is Ref:
            return "$" + self.label(value.value, value.label)
        if kind is tuple:
            inner = ", ".join([self.value(item, operands) for item in value])
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if kind is list:
            return f"[{', '.join([self.value(item, operands) for item in value])}]"
        if kind is dict:
            pairs = [f"{k!r}: {self.value(v, operands)}" for k, v in value.items()]
            return f"{{{', '.join(pairs)}}}"
        if kind is slice:
            parts = [self.value(i, operands) for i in (value.start, value.stop, value.step)]
            return f"slice({', '.join(parts)})"
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            inner = ", ".join([self.value(item, operands) for item in value])
            return f"&{self.label(kind, kind.__name__)}({inner})"
        return literal_text(value) or "&" + self.label(value, "")

    def label(self, value: Any, wish: str) -> str:
        """The one label of a value in the table."""
        known = self.labels.get(id(value))
        if known is not None:
            return known[1]
        wish = wish or own(value, "__name__", "") or ("c" if _is_array(value) else "value")
        wish = re.sub(r"\W", "_", wish)
        label, count = wish, 1
        while label in self.taken:
            count += 1
            label = f"{wish}_{count}"
        self.taken.add(label)
        self.labels[id(value)] = (value, label)
        return label


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def commented(line: str, origin: Any) -> str:
    """The line with the user's place behind it."""
    if origin is None:
        return line
    return f"{line.ljust(COMMENT_COLUMN)} # {' '.join(str(origin).split())}"
