"""What a traced function looks like: its graph, its source, a saved module, an explanation.

>>> print(source_of(loss, (w, x), {}, 0, "vjp", "readable"))
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.codegen.draft import derived_nodes
from tracer.codegen.readable.branches import write_branches
from tracer.codegen.readable.module import graph_text, header, module_text, write_module
from tracer.codegen.readable.wrapper import Arguments
from tracer.codegen.save import save_module
from tracer.function.argnums import Selection
from tracer.function.cache import users_function
from tracer.function.call_key import Call
from tracer.function.dispatch import call_of, dispatch
from tracer.function.specialization import Specialization
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.origin import Origin
from tracer.graph.spec import spec_of
from tracer.python.attributes import Traced, own
from tracer.recording.random.streams import put_back, states_of, streams_of

MOST_LINES = 20_000  # nodes of a graph whose lines are looked up for the picture
MODES = ("vjp", "forward", "jvp")


def specialization_of(
    function: Traced, args: tuple, kwargs: dict[str, Any]
) -> tuple[Specialization, Call]:
    """The program that a call would run (traced if need be), and the call."""
    call = call_of(function, args, kwargs)

    def run(specialization: Specialization, inputs: list[Any]) -> Specialization:
        if specialization.trace.graph.guards:  # only running tells whether this is the branch
            copies = [v.copy() if isinstance(v, np.ndarray) else v for v in inputs]
            states = states_of(streams_of(specialization.trace.graph, inputs))
            specialization.program("forward").run(*copies)
            put_back(states)  # looking draws nothing
        return specialization

    return dispatch(function, call, run), call


def _check(mode: str, form: str = "readable") -> None:
    if mode not in MODES:
        raise ValueError(f"mode is 'vjp', 'forward' or 'jvp', not {mode!r}")
    if form != "readable":
        raise errors.UnknownOption(
            f"form is 'readable', not {form!r}.", None, "leave it out: there is no other yet"
        )


def graph_of(
    function: Traced, args: tuple, kwargs: dict[str, Any], argnums: Any, mode: str
) -> CalcGraph:
    """The graph of a call, as `TracedFunction.graph` gives it."""
    _check(mode)
    specialization, call = specialization_of(function, args, kwargs)
    if mode == "forward":
        return specialization.graph("forward")
    selected = Selection(function, call, argnums, mode)
    wrt = selected.wrt(specialization.trace)
    if mode == "jvp":
        return specialization.graph("jvp", wrt)
    graph = specialization.graph("value_and_grad" if is_scalar(specialization) else "vjp", wrt)
    if "lines" not in graph.graph and len(graph.order) < MOST_LINES:
        header = _header(function, call, selected.label)
        graph.graph["lines"] = _lines(graph, specialization, wrt, header)
    return graph


def _lines(
    graph: CalcGraph, specialization: Specialization, wrt: tuple[int, ...], text: str
) -> dict[Node, tuple[int | None, int | None]]:
    """The lines of the generated module that compute each forward node and its cotangents."""
    joint, parts = specialization.graph("vjp", wrt), specialization.partition(wrt)
    line_of = module_text(text, joint, parts, None)[2]
    derived = derived_nodes(joint)
    # of nodes that a pass or the partition made anew: by the place in the user's code
    computed = _by_place(parts.forward.order, line_of)
    pulled = _by_place([*filter(derived.__contains__, joint.order), *parts.backward.order], line_of)
    joined = _numbered(joint.order)
    again = {place[:2] for place in joined.values() if place[2]}
    lowest: dict[tuple, int] = {}
    for record in joint.records:
        place = joined[record.node]
        known = [line_of[node] for node in record.backward if node in line_of]
        if not known and place[:2] not in again:
            known = pulled.get(place[:1], [])[-1:]
        lowest[place] = max([*known, lowest.get(place, 0)])
    return {
        node: (line_of.get(node) or computed.get(place, [None])[0], lowest.get(place) or None)
        for node, place in _numbered(graph.order).items()
        if node.origin is not None
    }


def _numbered(nodes: Iterable[Node]) -> dict[Node, tuple]:
    """For each node its place, its op and how many of that came before: one of a loop's steps."""
    count: dict[tuple, int] = {}
    found = {}
    for node in nodes:
        key = _place(node.origin), node.op.name
        found[node] = (*key, count.get(key, 0))
        count[key] = count.get(key, 0) + 1
    return found


def _by_place(nodes: Sequence[Node], line_of: dict[Node, int]) -> dict[tuple, list[int]]:
    """The lines of nodes, by number as above and by their place alone."""
    found: dict[tuple, list[int]] = {}
    for node, place in _numbered(nodes).items():
        if place[0] is not None and node in line_of:
            found.setdefault(place, []).append(line_of[node])
            found.setdefault(place[:1], []).append(line_of[node])
    return found


def _place(origin: Origin | None) -> tuple | None:
    """The same for all nodes of one expression in one call, whatever has been merged into them."""
    if origin is None:
        return None
    return origin.file, origin.line, origin.column, origin.end_column, id(origin.scope)


def is_scalar(specialization: Specialization) -> bool:
    """Whether the function returns one real number."""
    outputs = specialization.trace.graph.outputs
    return (
        len(outputs) == 1
        and outputs[0].specs[0].shape == ()
        and outputs[0].specs[0].dtype.kind == "f"
    )


def source_of(
    function: Traced,
    args: tuple,
    kwargs: dict[str, Any],
    argnums: Any,
    mode: str,
    form: str,
) -> str:
    """The generated source of a call, as `TracedFunction.source` gives it."""
    _check(mode, form)
    specialization, call = specialization_of(function, args, kwargs)
    if mode == "forward":
        return graph_text(specialization.graph("forward"), "forward", _header(function, call, ""))
    selected = Selection(function, call, argnums, mode)
    if mode == "jvp":
        graph = specialization.graph("jvp", selected.wrt(specialization.trace))
        return graph_text(graph, "jvp", _header(function, call, ""))
    branches = _branches(function, specialization, call, selected)
    if branches:
        return write_branches(_header(function, call, selected.label), branches)
    return write_module(**_module(function, specialization, call, selected))


def _branches(
    function: Traced, specialization: Specialization, call: Call, selected: Selection
) -> list[CalcGraph]:
    """The programs of all branches seen so far, if they can be written as one function."""
    specializations = [
        other
        for other in function.cache.specializations(call.key)
        if other.inputs(function.__tracer_function__, call.leaves) is not None
    ]
    graphs = []
    for other in specializations:
        guards = other.trace.graph.guards
        alike = len(other.trace.graph.inputs) == len(specialization.trace.graph.inputs)
        if not guards or not is_scalar(other) or not alike or other.trace.graph.effects:
            return []
        if any(guard.kind != "equals" for guard in guards):
            return []
        graphs.append(other.graph("value_and_grad", selected.wrt(other.trace)))
    return graphs if len(graphs) > 1 else []


def save(function: Traced, path: Any, args: tuple, kwargs: dict[str, Any], argnums: Any) -> None:
    """Write the module, as `TracedFunction.save` does."""
    specialization, call = specialization_of(function, args, kwargs)
    selected = Selection(function, call, argnums)
    save_module(os.fspath(path), **_module(function, specialization, call, selected))


def _module(
    function: Traced, specialization: Specialization, call: Call, selected: Selection
) -> dict[str, Any]:
    """What the module writer takes."""
    wrt = selected.wrt(specialization.trace)
    named = is_scalar(specialization)
    return {
        "header": _header(function, call, selected.label),
        "joint": specialization.graph("vjp", wrt),
        "parts": specialization.partition(wrt),
        "arguments": _arguments(function, specialization, call, selected) if named else None,
    }


def _header(function: Traced, call: Call, wrt: str) -> str:
    plain = users_function(function)
    name = getattr(function, "__name__", "f")
    code = own(plain, "__code__")
    place = f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}" if code else name
    args, kwargs = trees.unflatten(call.structure, [LeafSummary(leaf) for leaf in call.leaves])
    values = [*args, *kwargs.values()]
    described = [_described(n, value) for n, value in zip(call.names, values, strict=True)]
    return header(f"{name}({', '.join(call.names)})", wrt, place, ", ".join(described))


class LeafSummary:
    """A leaf as the header shows it: dtype and shape, or a static value's text."""

    def __init__(self, value: Any):
        self.value = value

    def __repr__(self) -> str:
        if isinstance(self.value, (np.ndarray, np.generic, float, complex)):
            return repr(spec_of(self.value)).removeprefix("scalar ").removeprefix("weak ")
        if isinstance(self.value, (int, str, bool)):
            return repr(self.value)
        return type(self.value).__name__


def _described(name: str, value: Any) -> str:
    text = repr(value)
    if isinstance(value, dict):
        inside = ", ".join([f"{key}: {item!r}" for key, item in sorted(value.items(), key=str)])
        return f"{name} {{{inside}}}"
    return f"{name}: {text}"


def _arguments(
    function: Traced, specialization: Specialization, call: Call, selected: Selection
) -> Arguments:
    """How the user's arguments become the flat inputs."""
    args, kwargs = trees.unflatten(call.structure, list(range(len(call.leaves))))
    # those of *args are called args[0], args[1] …; a parameter is called args_0
    names = [
        name if name.isidentifier() else re.sub(r"\W+", "_", name).strip("_") for name in call.names
    ]
    paths = [""] * len(call.leaves)
    for name, value in zip(names, [*args, *kwargs.values()], strict=True):
        for number, path in zip(trees.flatten(value)[0], trees.paths(value, name), strict=True):
            paths[number] = path
    trace = specialization.trace
    flat = [paths[number] for number in trace.dynamic]
    values = specialization.inputs(function.__tracer_function__, call.leaves) or []
    captures = {k: values[k] for k in range(len(flat), len(values))}
    flat += [""] * len(captures)
    tree = selected.tree(list(range(len(selected.numbers))))
    return Arguments(tuple(names), tuple(flat), tree, captures)


def explain(function: Traced) -> str:
    """What was compiled and why, as `TracedFunction.explain` gives it."""
    name = getattr(function, "__qualname__", "function")
    rows = [f"{name}: {len(function.cache.entries)} signatures"]
    for specializations in function.cache.entries.values():
        nodes = specializations[0].trace.graph.inputs if specializations else ()
        inputs = ", ".join([repr(node.specs[0]) for node in nodes])
        rows.append(f"  ({inputs}): {len(specializations)} program(s)")
        for specialization in specializations:
            rows += _explain_specialization(specialization)
    if function.cache.reasons:
        rows += ["  traced because:", *[f"    {reason}" for reason in function.cache.reasons]]
    return "\n".join(rows)


def _explain_specialization(specialization: Specialization) -> list[str]:
    graph = specialization.trace.graph
    kinds = ", ".join(sorted({kind for kind, _ in specialization.programs})) or "not compiled yet"
    rows = [f"    {len(graph.order)} nodes, {len(graph.guards)} guards; {kinds}"]
    rows += [f"      captured {path}" for path in specialization.trace.captures]
    for guard in graph.guards:
        text = guard.origin.statement if guard.origin else guard.node.op.name
        rows.append(f"      guard {text!r} is {guard.outcome}")
    return rows
