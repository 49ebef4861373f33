"""The bodies of loops and branches: a user's function as a closed graph, with what it captures.

>>> body = trace_body(recorder, step, arranged, [0, np.ones(3)], ["i", "x"], range(1, 2))
>>> body.graph, body.captured
(<CalcGraph step: 4 nodes>, [Traced(array([...]))])
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import trees
from tracer.errors import BranchMismatch, CarryMismatch
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import HOLES, Node, Params, is_pure
from tracer.graph.rebuild import Rebuild
from tracer.graph.spec import ArraySpec, scalar_spec
from tracer.ops import registry
from tracer.recording.captures.state import Savepoint
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.session import recording
from tracer.recording.source.frames import run_user_function
from tracer.recording.tensor.tensor import TracedTensor

NUMBERS = (np.ndarray, np.generic, bool, int, float, complex)


class NoRegion(Exception):
    """A body that can't be a graph of its own: it is run as Python."""


class Body:
    """A function of the user's as a closed graph.

    Attributes
    ----------
    graph : CalcGraph
        Its inputs are the examples', then one for each captured Tensor.
    captured : list of TracedTensor
        Of the enclosing traces.
    structure : TreeDef
        Of the result.
    """

    def __init__(self, graph: CalcGraph, captured: list[TracedTensor], structure: Any):
        self.graph = graph
        self.captured = captured
        self.structure = structure

    def specs(self) -> list[ArraySpec]:
        return [output.specs[0] for output in self.graph.outputs]


def trace_body(
    recorder: Recorder,
    function: Callable[..., Any],
    build: Callable[[list[Any]], tuple],
    examples: Sequence[Any],
    names: Sequence[str],
    carry: range = range(0),
    root: str = "",
) -> Body:
    """Run ``function(*build(tensors))`` once on Tensors of a recorder of its own.

    Parameters
    ----------
    build : callable
        From the Tensors of the examples to the arguments.
    examples, names
        A value and a name for each input.
    carry : range
        Which inputs are a loop's carry: as many first results take their place.
    root : str
        What the function's result is called.

    Raises
    ------
    NoRegion
    """
    label = getattr(function, "__name__", "body")
    inner = Recorder(root, "body" if label == "<lambda>" else label)
    inner.captures = recorder.captures
    inner.enclosing = recorder
    fresh = [
        inner.argument(v.copy() if isinstance(v, np.ndarray) else v, name)
        for v, name in zip(examples, names, strict=True)
    ]
    savepoint = Savepoint(inner.captures.state) if inner.captures is not None else None
    try:
        with recording(inner):
            if inner.captures is not None:
                function = inner.captures.instrumented(function)
            result = run_user_function(function, build(fresh), {})
            leaves, structure = trees.flatten(result)
            if not all(isinstance(leaf, NUMBERS) for leaf in leaves):
                raise NoRegion
            carried = [fresh[k] for k in carry]
            count = len(carry) or len(leaves)
            outputs = _unaliased(inner, [inner.tensor(leaf) for leaf in leaves], carried, count)
            graph = inner.graph(outputs)
        if savepoint is not None and savepoint.changed():
            raise NoRegion
    except (CarryMismatch, BranchMismatch):
        raise
    except Exception as error:
        if savepoint is not None:
            savepoint.roll_back()
        raise NoRegion from error
    draws = not all(map(is_pure, graph.order))
    if draws or graph.guards or not all(spec.is_static for o in graph.outputs for spec in o.specs):
        raise NoRegion
    captured = [entry[0] for entry in inner.outer.values()]
    return Body(graph.replace(effects=()), captured, structure)


def _unaliased(
    inner: Recorder, tensors: list[TracedTensor], carried: list[Any], count: int
) -> list[TracedTensor]:
    """The results, of which the first ``count`` share no memory with what came in or each other.

    A carry may be handed on as it is; rows are copied by whoever stacks them.
    """
    buffers: list[Any] = []
    outputs = []
    for place, tensor in enumerate(tensors):
        buffer = tensor._buffer
        if place < count and buffer is not None:
            unchanged = any(tensor is one for one in carried)
            if not (unchanged or _is_own(inner, tensor)) or any(buffer is b for b in buffers):
                tensor = inner.call(registry.op_of(np.copy), (tensor,), {}, "method")
            buffers.append(buffer)
        outputs.append(tensor)
    return outputs


def _is_own(inner: Recorder, tensor: TracedTensor) -> bool:
    """Whether the whole of an array was made in the body."""
    buffer = tensor._buffer
    assert buffer is not None
    made = tensor._node.op not in (registry.CONSTANT, registry.INPUT)
    given = any(buffer is argument for argument in inner.arguments)
    return tensor._recorder is inner and made and not tensor._steps and not given


# -- naming ---------------------------------------------------------------------------------------
def parameter_names(function: Any, count: int) -> list[str]:
    """What the user calls the parameters of a body."""
    try:
        found = [p.name for p in inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        found = []
    return [*found[:count], *[""] * (count - len(found))]


def leaf_names(tree: Any, root: str) -> list[str]:
    """A name for each leaf: ``carry[0]`` is ``carry_0``, ``carry['w']`` is ``w``."""
    names = []
    for path in trees.paths(tree, root):
        parts = path.replace("]", "").replace("'", "").replace("[", ".").split(".")
        names.append("_".join(parts[-2:]) if parts[-1].isdigit() else parts[-1])
    return names


# -- kinds ----------------------------------------------------------------------------------------
def common_spec(one: ArraySpec, other: ArraySpec) -> ArraySpec | None:
    """A spec that both values can have without a change of their number; None if there is none."""
    if one == other:
        return one
    if one.shape != other.shape:
        return None
    if one.kind == "weak" or other.kind == "weak":
        strong = other if one.kind == "weak" else one
        weak = one if one.kind == "weak" else other
        if strong.kind == "weak":
            return one if "bif c".index(one.dtype.kind) > "bif c".index(other.dtype.kind) else other
        if "biufc".index(weak.dtype.kind) > "biufc".index(strong.dtype.kind):
            return None
        return scalar_spec(strong.dtype)
    return scalar_spec(one.dtype) if one.dtype == other.dtype else None


def converted(graph: CalcGraph, wanted: Sequence[ArraySpec]) -> CalcGraph:
    """The graph with its outputs as these kinds of number."""
    outputs, added = [], []
    for output, spec in zip(graph.outputs, wanted, strict=True):
        if output.specs[0] != spec:
            output = conversion(output, spec)
            added.append(output)
        outputs.append(output)
    if not added:
        return graph
    return graph.replace(order=[*graph.order, *added], outputs=outputs)


def conversion(node: Node, spec: ArraySpec) -> Node:
    """A node that makes a number of ``spec``: a 0-d array's element, a stronger dtype."""
    if spec.kind == "weak":  # an int that becomes a float
        zero = {"f": 0.0, "c": 0j, "i": 0}[spec.dtype.kind]
        op = registry.op_named("add")
        return Node(op, (node,), Params((HOLES[0], zero)), (spec,), node.origin, "", "operator")
    if node.specs[0].kind == "array":
        return Node(registry.GETITEM, (node,), Params((HOLES[0], ())), (spec,), node.origin)
    params = Params((HOLES[0], spec.dtype))
    return Node(registry.ASTYPE, (node,), params, (spec,), node.origin, "", "method")


def cast(value: Any, spec: ArraySpec) -> Any:
    """A value as ``spec`` has it."""
    if spec.kind == "array":
        return value
    if spec.kind == "weak":
        return {"b": bool, "i": int, "f": float, "c": complex}[spec.dtype.kind](value)
    return spec.dtype.type(value)


def replaced(graph: CalcGraph, moved: dict[Node, Node]) -> CalcGraph:
    """The graph with some nodes read in place of others."""
    work = Rebuild(graph)
    work.moved.update(moved)
    for node in graph.order:
        if node not in moved:
            work.keep(node)
    return work.finish().replace(inputs=[i for i in graph.inputs if i not in moved])


# -- graphs ---------------------------------------------------------------------------------------
def input_like(node: Node) -> Node:
    """An input with the spec and name of a node."""
    return Node(registry.INPUT, (), Params(), node.specs, None, node.name)


def with_inputs(graph: CalcGraph, inputs: Sequence[Node]) -> CalcGraph:
    """The graph with these inputs, in this order; one that nothing reads may be left out."""
    own = {*inputs, *graph.inputs}
    rest = [node for node in graph.order if node not in own]
    return graph.replace(inputs=inputs, order=[*inputs, *rest])
