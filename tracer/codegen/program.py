"""Programs: graphs compiled to Python functions, whose source every tool can show.

>>> program = compile_graph(graph)
>>> program.run(np.ones(3))
(np.float64(3.0),)
>>> print(program.source)
"""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tracer.codegen.draft import draft_of
from tracer.codegen.graph_names import names_for
from tracer.codegen.readable.source import ModuleSource
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import GuardMiss
from tracer.graph.node import Node
from tracer.ops.random import MADE_BY
from tracer.ops.seeds import repeatable_numpy

LONG = 300  # lines
# The C library gives the memory of freed arrays back to the system and takes it anew, page by page,
# in the next call. One large block that was freed tells glibc to keep that much: calls on arrays of
# some 100 kB take half the time. The block is never touched, so it costs nothing.
np.empty(31 << 20, np.uint8)
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

    def __init__(self, name: str, source: str, lines: Mapping[Node, int], values: dict[str, Any]):
        self.name = name
        self.source = source
        self.lines = lines
        self.filename = f"calcgraph-generated/{name}_{next(_numbers)}.py"
        self.run: Callable[..., Any] = self._compile(values)

    def _compile(self, values: dict[str, Any]) -> Callable[..., Any]:
        scope = {
            "__name__": self.filename,
            "__loader__": _Loader(self.source),
            "np": np,
            "GuardMiss": GuardMiss,
            **values,
        }
        for part in _parts(self.source):
            exec(compile(part, self.filename, "exec"), scope)
        if any(node.op in MADE_BY for node in self.lines):
            scope["np"] = repeatable_numpy()
        linecache.lazycache(self.filename, scope)
        weakref.finalize(self, linecache.cache.pop, self.filename, None).atexit = False
        return scope[self.name]

    def __call__(self, *inputs: Any) -> Any:
        return self.run(*inputs)

    def __repr__(self) -> str:
        return f"<Program {self.name}: {self.source.count(chr(10))} lines>"


def _parts(source: str) -> Iterator[str]:
    """The text, or each function of a long one on its own lines: compiling needs memory."""
    if source.count("\n") <= LONG:
        yield source
        return
    line = 0
    for number, part in enumerate(source.split("\n\n\ndef ")):
        yield "\n" * line + ("def " if number else "") + part + "\n"
        line += part.count("\n") + 3


class _Loader:
    """Gives the text to linecache, also after its cache was cleared."""

    def __init__(self, source: str):  # the text alone: linecache must not keep the program alive
        self.source = source

    def get_source(self, name: str) -> str:
        return self.source


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
    text = ModuleSource(names_for(graph), header)
    text.add(name, draft_of(graph))
    return program_of(text, name)


def program_of(text: ModuleSource, name: str) -> Program:
    """The Program that runs one function of a text."""
    source = text.source()
    text.functions.clear()  # compiling a long text needs the memory
    return Program(name, source, text.lines, text.constants.values)
