"""The text of one module: its header, imports, constants and functions.

>>> text = Text(names_for(joint), "Value and gradient of loss(x).")
>>> text.add("value_and_grad", draft_of(joint), returns="value")
>>> print(text.source())
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tracer.codegen.literals import Constants
from tracer.codegen.namespace import Namespace, cotangent_noun
from tracer.codegen.readable import loops  # noqa: F401 - the emitter learns loops, branches
from tracer.codegen.readable.comments import harmless
from tracer.codegen.readable.constant_names import written_names
from tracer.codegen.readable.draft import Draft
from tracer.codegen.readable.function_writer import FunctionWriter
from tracer.codegen.readable.schedule import schedule
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.reach import needed

if TYPE_CHECKING:
    from tracer.transforms.partition import Partition

NEAR = 100  # nodes that are looked at for the argument that a gradient belongs to


class ModuleSource:
    """Functions of one module, in order, with the line of every node.

    Parameters
    ----------
    names : Namespace
        Shared by all functions, so that a value has one name everywhere.
    header : str
        The module's docstring, or ``""``.
    misses : str
        ``"live"``: a guard that does not hold raises GuardMiss; ``"saved"``: an error for people.
    """

    def __init__(self, names: Namespace, header: str = "", misses: str = "live"):
        self.names = names
        self.constants = Constants(names, spelled=misses == "saved")
        self.header = header
        self.misses = misses
        self.extra: list[str] = []
        self.functions: list[tuple[FunctionWriter, dict[Node, Node]]] = []
        self.lines: dict[Node, int] = {}
        names.claim("forward", "backward", "value_and_grad", "CONSTANTS")

    def add(
        self, name: str, draft: Draft, stand_for: dict[Node, Node] | None = None, **options: Any
    ) -> FunctionWriter:
        """Write one more function; lines are kept for what ``stand_for`` maps its nodes to."""
        function = FunctionWriter(
            name, schedule(draft), self.names, self.constants, misses=self.misses, **options
        )
        function.write()
        function.forget()
        self.functions.append((function, stand_for or {}))
        return function

    def source(self, definitions: Iterable[str] = ()) -> str:
        """The whole text; ``definitions`` are lines that make the constants."""
        lines = docstring(self.header)
        definitions = list(definitions)
        modules = set().union(*[function.speller.modules for function, _ in self.functions])
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


def names_for(graph: CalcGraph) -> Namespace:
    """An empty Namespace that keeps the users' names of a graph for their nodes."""
    wanted = dict.fromkeys([node.name for node in graph.order if node.name])
    suggested: dict[Node, str] = {}
    for record in graph.records:
        operand = record.node.inputs[record.slot]
        if record.backward and not operand.name:
            suggested.setdefault(record.backward[-1], cotangent_noun(operand))
    function = graph.title.partition("(")[0].rpartition(".")[2]
    values = graph.outputs[: graph.roles.get("value", 0)]
    if len(values) == 1 and not values[0].name and function.isidentifier():
        suggested[values[0]] = function
        suggested |= {node: f"g_{function}" for node in graph.inputs if node.name == "g_out"}
    written = written_names(graph, derived_nodes(graph))
    suggested |= {node: name for node, name in written.items() if name not in wanted}
    return Namespace(wanted, suggested, cotangents_of(graph))


def cotangents_of(graph: CalcGraph) -> dict[Node, Node]:
    """Which named value each node called ``g_…`` is the cotangent of."""
    found: dict[Node, Node] = {}
    shares: dict[Node, Node] = {}  # what one use of an argument adds to its gradient
    known: dict[Node, Node] = {}  # a value → what a pullback of one of its uses made
    for record in graph.records:
        value, operand = record.node, record.node.inputs[record.slot]
        # a sum hands its cotangent on as it is
        share = record.backward[-1] if record.backward else known.get(value)
        if share is not None:
            known.setdefault(operand, share)
            if operand.name and share.name == f"g_{operand.name}":
                found.setdefault(share, operand)
            if operand.op.name == "input":
                shares[share] = operand
        for made in record.backward if value.name else ():
            for source in made.inputs:
                if source.name == f"g_{value.name}":
                    found.setdefault(source, value)
    for output in graph.outputs[graph.roles.get("value", 0) :]:
        near = [output]
        for node in near:
            argument = shares.get(node)
            if argument is not None and output.name == f"g_{argument.name}":
                found[output] = argument
                break
            near += node.inputs if len(near) < NEAR else ()
    return found


def derived_nodes(graph: CalcGraph) -> set[Node]:
    """The nodes that a transform added: those that no value, guard or effect needs."""
    values = graph.roles.get("value", 0)
    if values == len(graph.outputs):
        return set()
    own = set(graph.outputs[:values])
    own.update(guard.node for guard in graph.guards)
    own.update(effect.value for effect in graph.effects)
    own = needed(graph.order, own)
    return {node for node in graph.order if node not in own}


def draft_of(graph: CalcGraph) -> Draft:
    """A function for a whole graph."""
    return Draft(
        graph.inputs,
        graph.order,
        graph.outputs,
        enumerate(graph.guards),
        graph.effects,
        derived_nodes(graph),
    )


def add_forward(text: ModuleSource, parts: Partition, **options: Any) -> None:
    """``forward(...) -> (outputs, residuals)``."""
    graph = parts.forward
    draft = Draft(graph.inputs, graph.order, graph.outputs, enumerate(graph.guards), graph.effects)
    text.add("forward", draft, residuals=len(parts.residuals), **options)


def add_backward(text: ModuleSource, parts: Partition, **options: Any) -> None:
    """``backward(residuals, g_out) -> gradients``; values are called as in ``forward``."""
    graph, joint_node = parts.backward, parts.stand_ins | parts.copies
    for node, original in joint_node.items():
        text.names.alike(node, original)
    saved = graph.inputs[: len(parts.residuals)]
    seeds = graph.inputs[len(parts.residuals) :]
    order = [node for node in graph.order if node not in set(saved)]
    draft = Draft(seeds, order, graph.outputs, derived=set(graph.order))
    text.add("backward", draft, joint_node, saved=saved, **options)
