"""Programs: graphs compiled to Python functions, whose source every tool can show.

>>> program = compile_graph(graph)
>>> program.run(np.ones(3))
(np.float64(3.0),)
>>> print(program.source)
"""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracer.codegen.literals import Constants
from tracer.codegen.namespace import Namespace
from tracer.codegen.readable.emit import Function
from tracer.codegen.readable.schedule import Draft, schedule
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import GuardMiss
from tracer.graph.node import Node

_numbers = itertools.count(1)


class Program:
    """A compiled function.

    Attributes
    ----------
    run : callable
        Takes the flat inputs, returns a tuple of the outputs.
    source : str
        Its text, with a header that imports NumPy.
    lines : dict of Node to int
        The line of ``source`` on which each node is computed.
    filename : str
        Under which tracebacks, ``pdb`` and ``inspect.getsource`` know the text.
    """

    def __init__(
        self, name: str, source: str, lines: Mapping[Node, int], values: dict[str, Any], label: str = ""
    ):
        self.name = name
        self.source = source
        self.lines = dict(lines)
        self.filename = f"calcgraph-generated/{label or name}_{next(_numbers)}.py"
        self.run: Callable[..., Any] = self._compile(values)

    def _compile(self, values: dict[str, Any]) -> Callable[..., Any]:
        scope = {
            "__name__": self.filename, "__loader__": _Loader(self), "np": np,
            "GuardMiss": GuardMiss, **values,
        }  # fmt: skip
        exec(compile(self.source, self.filename, "exec"), scope)
        linecache.lazycache(self.filename, scope)
        return scope[self.name]

    def __call__(self, *inputs: Any) -> Any:
        return self.run(*inputs)

    def __repr__(self) -> str:
        return f"<Program {self.name}: {self.source.count(chr(10))} lines>"


class _Loader:
    """Gives the text to linecache, also after its cache was cleared."""

    def __init__(self, program: Program):
        self.program = program

    def get_source(self, name: str) -> str:
        return self.program.source


def names_for(graph: CalcGraph) -> Namespace:
    """An empty Namespace that keeps the users' names of a graph for their nodes."""
    return Namespace(dict.fromkeys([node.name for node in graph.order if node.name]))


def derived_nodes(graph: CalcGraph) -> set[Node]:
    """The nodes that a transform added: those that no value, guard or effect needs."""
    values = graph.roles.get("value", len(graph.outputs))
    if values >= len(graph.outputs):
        return set()
    own = set(graph.outputs[:values])
    own.update(guard.node for guard in graph.guards)
    own.update(effect.value for effect in graph.effects)
    for node in reversed(graph.order):
        if node in own:
            own.update(node.inputs)
    return {node for node in graph.order if node not in own}


def compile_graph(graph: CalcGraph, name: str = "forward", header: str = "") -> Program:
    """Compile a graph to a Program.

    Parameters
    ----------
    graph : CalcGraph
        Any graph: forward, joint, JVP.
    name : str
        Of the function.
    header : str
        Docstring of the text, or ``""``.

    Returns
    -------
    Program
        ``run(*flat_inputs)`` returns a tuple of the outputs and raises
        ``GuardMiss(position, outcome)`` when a guard does not hold.
    """
    names = names_for(graph)
    constants = Constants(names)
    draft = schedule(
        Draft(
            graph.inputs, graph.order, graph.outputs, enumerate(graph.guards), graph.effects,
            derived_nodes(graph),
        )
    )  # fmt: skip
    function = Function(name, draft, names, constants)
    function.write()
    return assemble(name, header, [function], constants)


def assemble(
    name: str, header: str, functions: Sequence[Function], constants: Constants
) -> Program:
    """One Program from the functions of one text; ``run`` is the function called ``name``."""
    lines = [f'"""{header}"""'] if header else []
    lines = "\n".join(lines).split("\n") if lines else []
    lines.append("import numpy as np")
    if any(function.speller.special for function in functions):
        lines.append("from scipy import special")
    line_of: dict[Node, int] = {}
    for function in functions:
        lines += ["", ""]
        line_of |= {node: line + len(lines) for node, line in function.line_of.items()}
        lines += function.lines
    return Program(name, "\n".join(lines) + "\n", line_of, constants.values)
