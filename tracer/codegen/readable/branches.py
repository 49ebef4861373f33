"""Several outcomes of a function's conditions as one source with ``if`` and ``else``.

>>> print(write_branches("", [above, below]))     # two leaves of one guard trie
def value_and_grad(r):
    size = np.abs(r)
    if size.max() > 1.0:
        ...
    else:
        ...
"""

from __future__ import annotations

from collections.abc import Sequence

from tracer.codegen.draft import Draft, derived_nodes
from tracer.codegen.graph_names import names_for
from tracer.codegen.line_folding import STEP
from tracer.codegen.readable.definitions import define
from tracer.codegen.readable.function_writer import FunctionWriter
from tracer.codegen.readable.guards import miss, test_of
from tracer.codegen.readable.schedule import schedule
from tracer.codegen.readable.source import ModuleSource
from tracer.errors import TracerError
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node


def write_branches(header: str, leaves: Sequence[CalcGraph], name: str = "") -> str:
    """One readable source for the programs of one signature.

    Parameters
    ----------
    header : str
        The module's docstring.
    leaves : sequence of CalcGraph
        Each with its guards and their outcomes, in the order in which they are asked. The guards of
        any two agree up to one that has another outcome.
    name : str
        Of the function; by default what the graphs compute.

    Raises
    ------
    TracerError
        If a leaf writes to its arguments or expects an exception.
    """
    leaves = list(leaves)
    if any(leaf.effects or any(g.kind != "equals" for g in leaf.guards) for leaf in leaves):
        raise TracerError("Only conditions on values can be written as one function.")
    tree = _GuardTree(header, leaves)
    gradient = leaves[0].roles.get("gradient")
    return tree.write(name or ("value_and_grad" if gradient else "forward"))


class _GuardTree:
    """Writes the common part of the leaves, the condition that parts them, and each branch."""

    def __init__(self, header: str, leaves: list[CalcGraph]):
        self.inputs = leaves[0].inputs
        self.shared: dict[tuple, Node] = {}
        self.leaves = [self._shared(leaf) for leaf in leaves]
        union = CalcGraph(
            self.inputs,
            dict.fromkeys(n for leaf in self.leaves for n in leaf.order),
            self.leaves[0].outputs,
            title=leaves[0].title,
            roles=leaves[0].roles,
            records=[record for leaf in leaves for record in leaf.records],
        )
        self.text = ModuleSource(names_for(union), header, saved=True)
        self.derived = set.intersection(
            *[derived_nodes(leaf) | (set(union.order) - set(leaf.order)) for leaf in self.leaves]
        )

    def _shared(self, leaf: CalcGraph) -> CalcGraph:
        """The leaf on nodes that it has in common with the other leaves."""
        here: dict[Node, Node] = dict(zip(leaf.inputs, self.inputs, strict=True))
        draws = 0
        for node in leaf.order:
            if node in here:
                continue
            operands = tuple([here[operand] for operand in node.inputs])
            draws += not node.op.is_pure
            key = (
                node.op.name,
                node.params.key(),
                operands,
                node.specs,
                node.spelling,
                node.context,
                draws if not node.op.is_pure else 0,
                tuple([r.key() for r in node.regions]),
            )
            new = node if operands == node.inputs else node.replace(inputs=operands)
            here[node] = self.shared.setdefault(key, new)
        return leaf.replace(
            inputs=self.inputs,
            order=dict.fromkeys([here[node] for node in leaf.order]),
            outputs=[here[node] for node in leaf.outputs],
            guards=[type(g)(here[g.node], g.outcome, g.kind, g.origin) for g in leaf.guards],
            records=(),
        )

    def write(self, name: str) -> str:
        for node in self.inputs:
            self.text.names.give(node)
        arguments = ", ".join([self.text.names[node] for node in self.inputs])
        lines = [f"def {name}({arguments}):", *self._branch(self.leaves, 0, set(self.inputs), STEP)]
        self.text.extra = lines
        definitions, arrays = define(self.text.constants)
        if arrays:
            raise TracerError("A function with large constants can't be written as one source.")
        return self.text.source(definitions)

    def _branch(
        self, leaves: list[CalcGraph], depth: int, done: set[Node], indent: str
    ) -> list[str]:
        leaf = leaves[0]
        if depth == len(leaf.guards):
            for node, first in zip(leaf.outputs, self.leaves[0].outputs, strict=True):
                if self.text.names.get(node) is None:
                    self.text.names.alike(node, first)
            return self._segment(leaf, leaf.outputs, done, indent, True)[0]
        guard = leaf.guards[depth]
        lines, draft = self._segment(leaf, [guard.node], done, indent, False)
        done = done | set(draft)
        text = self._writer.lookup(guard.node)
        outcomes = dict.fromkeys([leaf.guards[depth].outcome for leaf in leaves])
        ordered = sorted(outcomes, key=lambda outcome: outcome is not True and outcome != 1)
        complete = guard.node.dtype.kind == "b" and len(ordered) == 2
        for number, outcome in enumerate(ordered):
            branch = [leaf for leaf in leaves if leaf.guards[depth].outcome == outcome]
            test = test_of(text, guard.node, outcome, self.text.constants)
            word = f"{'elif' if number else 'if'} {test}:"
            if complete and number:
                word = "else:"
            lines += [indent + word, *self._branch(branch, depth + 1, done, indent + STEP)]
        if not complete:
            lines += [
                f"{indent}else:",
                f"{indent}{STEP}{miss(depth, 'None', guard, self.text.constants)}",
            ]
        return lines

    def _segment(
        self, leaf: CalcGraph, wanted: Sequence[Node], done: set[Node], indent: str, last: bool
    ) -> tuple[list[str], list[Node]]:
        """The statements that ``wanted`` needs beyond what is ``done``."""
        needed = set(wanted)
        for node in reversed(leaf.order):
            if node in needed and node not in done:
                needed.update(node.inputs)
        order = [node for node in leaf.order if node in needed and node not in done]
        users: dict[Node, int] = {}
        for other in self.leaves:
            for node in other.order:
                if node not in needed or node in done:
                    for operand in node.inputs:
                        users[operand] = users.get(operand, 0) + 1
        outside = [n for n in order if not last and (users.get(n) or n in leaf.outputs)]
        guards = [] if last else [(0, leaf.guards[[g.node for g in leaf.guards].index(wanted[0])])]
        draft = Draft(
            sorted(done, key=lambda n: self.text.names.get(n) or ""),
            order,
            leaf.outputs if last else outside,
            guards,
            derived=self.derived,
        )
        function = FunctionWriter(
            "", schedule(draft), self.text.constants, unwrap=True, indent=indent
        )
        function.writes_guards = False
        function.write_body()
        if last:
            function.write_return()
        self._writer = function
        return function.lines, [n for n in order if self.text.names.get(n) is not None]
