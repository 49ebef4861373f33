"""The text of one module: its header, imports, constants and functions.

>>> text = ModuleSource(names_for(joint), "Value and gradient of loss(x).")
>>> text.add("value_and_grad", draft_of(joint), unwrap=True)
>>> print(text.source())
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tracer.codegen.comments import harmless
from tracer.codegen.draft import Draft
from tracer.codegen.literals import Constants
from tracer.codegen.namespace import Namespace
from tracer.codegen.readable import conds, loops  # noqa: F401 - a writer learns of them
from tracer.codegen.readable.function_writer import FunctionWriter
from tracer.codegen.readable.schedule import schedule
from tracer.graph.node import Node

if TYPE_CHECKING:
    from tracer.transforms.partition import Partition


class ModuleSource:
    """Functions of one module, in order, with the line of every node.

    Parameters
    ----------
    names : Namespace
        Shared by all functions, so that a value has one name everywhere.
    header : str
        The module's docstring, or ``""``.
    saved : bool
        Whether it is for people, and not run as a Program.
    """

    def __init__(self, names: Namespace, header: str = "", saved: bool = False):
        self.names = names
        self.constants = Constants(names, saved)
        self.header = header
        self.extra: list[str] = []
        self.functions: list[tuple[FunctionWriter, dict[Node, Node]]] = []
        self.lines: dict[Node, int] = {}
        names.claim("forward", "backward", "value_and_grad", "CONSTANTS")

    def add(
        self, name: str, draft: Draft, stand_for: dict[Node, Node] | None = None, **options: Any
    ) -> FunctionWriter:
        """Write one more function; lines are kept for what ``stand_for`` maps its nodes to."""
        function = FunctionWriter(name, schedule(draft), self.constants, **options)
        function.write()
        function.forget()
        self.functions.append((function, stand_for or {}))
        return function

    def source(self, definitions: Iterable[str] = ()) -> str:
        """The whole text; ``definitions`` are lines that make the constants."""
        lines = docstring(self.header)
        definitions = list(definitions)
        modules = self.constants.modules
        standard = sorted(modules & {"math", "cmath"})
        if standard:
            lines += [*([""] if lines else []), *[f"import {name}" for name in standard]]
        if not self.header or self._names_numpy(definitions):
            lines += ["", "import numpy as np"] if lines else ["import numpy as np"]
        lines += [f"import {name}" for name in sorted(modules - {"special", *standard})]
        imports = [line for line in definitions if line.startswith("from ")]
        imports += ["from scipy import special"] if "special" in modules else []
        lines += sorted(set(imports))
        definitions = [line for line in definitions if not line.startswith("from ")]
        if definitions:  # functions bring their own blank lines
            lines += [*([""] if definitions[0] else []), *definitions]
        for function, stand_for in self.functions:
            for body in function.bodies:
                lines += ["", "", *body.lines]
            lines += ["", ""]
            self._place(function.line_of, len(lines), stand_for)
            lines += function.lines
        if self.extra:
            lines += ["", "", *self.extra]
        return "\n".join(lines) + "\n"

    def _place(self, line_of: dict[Node, int], offset: int, stand_for: dict[Node, Node]) -> None:
        """Enter the lines of a function that begins after ``offset`` lines."""
        if self.lines or stand_for:
            for node, line in line_of.items():
                self.lines.setdefault(stand_for.get(node, node), line + offset)
            return
        for node, line in line_of.items():
            line_of[node] = line + offset
        self.lines = line_of  # the same table: there may be very many nodes

    def _names_numpy(self, definitions: list[str]) -> bool:
        """Whether any line needs NumPy by name; quoted lines of the user do not count."""
        written = [*definitions, *self.extra]
        for function, _ in self.functions:
            written += [line for body in (*function.bodies, function) for line in body.lines]
        return any("np." in line.partition("# ")[0] for line in written)


def docstring(header: str) -> list[str]:
    """The lines of a docstring that nothing in the text can end."""
    if not header:
        return []
    lines = [harmless(line).rstrip() for line in header.strip().replace("\\", "/").split("\n")]
    lines = [line.replace('"""', "'''") for line in lines]
    if len(lines) == 1 and not lines[0].endswith('"'):
        return [f'"""{lines[0]}"""']
    return [f'"""{lines[0]}', *lines[1:], '"""']


def add_forward(text: ModuleSource, parts: Partition, **options: Any) -> None:
    """``forward(...) -> (outputs, residuals)``."""
    graph = parts.forward
    draft = Draft(graph.inputs, graph.order, graph.outputs, enumerate(graph.guards), graph.effects)
    text.add("forward", draft, residual_count=len(parts.residuals), **options)


def add_backward(text: ModuleSource, parts: Partition, **options: Any) -> None:
    """``backward(residuals, g_out) -> gradients``; values are called as in ``forward``."""
    graph, joint_node = parts.backward, parts.stand_ins | parts.copies
    for node, original in joint_node.items():
        text.names.alike(node, original)
    residuals = graph.inputs[: len(parts.residuals)]
    seeds = graph.inputs[len(parts.residuals) :]
    order = [node for node in graph.order if node not in set(residuals)]
    draft = Draft(seeds, order, graph.outputs, derived=set(graph.order))
    text.add("backward", draft, joint_node, residuals=residuals, **options)
