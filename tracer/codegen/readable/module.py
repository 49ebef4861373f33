"""The readable form as a module: ``forward``, ``backward``, and ``value_and_grad`` on top.

>>> arguments = Arguments(("params", "x"), ("params['w']", "x"), gradients={"w": 0})
>>> print(write_module(header("loss(params, x)", "params", "model.py:8", "x: f64[3]"), joint, parts,
...                    arguments))
"""

from __future__ import annotations

import numpy as np

from tracer.codegen.draft import draft_of
from tracer.codegen.graph_names import names_for
from tracer.codegen.readable.definitions import define
from tracer.codegen.readable.source import ModuleSource, add_backward, add_forward
from tracer.codegen.readable.wrapper import CHECK, Arguments, wrapper
from tracer.errors import TracerError
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.transforms.partition import Partition


def header(call: str, wrt: str, place: str, arguments: str, version: str = "0.1") -> str:
    """The docstring of a module: what it computes, and from what it was made."""
    what = f"Value and gradient of {call} with respect to {wrt}." if wrt else f"Value of {call}."
    return (
        f"{what}\n\nMade by calcgraph {version} from {place} for\n    {arguments}.\n"
        "Plain NumPy: read it, edit it, ship it.\n"
    )


def write_module(
    header: str,
    joint: CalcGraph,
    parts: Partition | None = None,
    arguments: Arguments | None = None,
) -> str:
    """The readable source of a joint graph.

    Parameters
    ----------
    header : str
        The module's docstring.
    joint : CalcGraph
    parts : Partition or None
        None writes one function ``value_and_grad`` (or ``forward``, if there is no gradient).
    arguments : Arguments or None
        Adds a ``value_and_grad`` that takes and returns the user's own structure.
    """
    return module_text(header, joint, parts, arguments)[0]


def graph_text(graph: CalcGraph, name: str, header: str) -> str:
    """One function for a whole graph, with the constants that it reads above it."""
    text = ModuleSource(names_for(graph), header, saved=True)
    text.add(name, draft_of(graph))
    try:
        definitions = define(text.constants)[0]
    except TracerError:  # of what only the live program has: its steps can be read all the same
        definitions = []
    return text.source(definitions)


def module_text(
    header: str,
    joint: CalcGraph,
    parts: Partition | None,
    arguments: Arguments | None,
    checked: bool = False,
) -> tuple[str, dict[str, np.ndarray], dict[Node, int]]:
    """The source, the arrays that it reads from the ``.npz`` beside it, and each node's line."""
    text = ModuleSource(names_for(joint), header, saved=True)
    text.names.claim("check")
    if parts is None:
        name = "value_and_grad" if joint.roles.get("gradient") else "forward"
        text.add(name, draft_of(joint), unwrap=True)
    else:
        add_forward(text, parts, unwrap=True)
        add_backward(text, parts, unwrap=True)
        if arguments is not None:
            text.extra = wrapper(text, parts, arguments, checked)
    definitions, arrays = define(text.constants)
    if checked and text.extra:
        definitions = [*definitions, "", "", *CHECK]
    source = text.source(definitions)
    return source, arrays, text.lines
