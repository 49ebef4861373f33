"""Loops as nodes: what their bodies capture is made an operand.

>>> record_for(recorder, 0, 10, lambda i, x: w @ x, x)        # w and x are Tensors
(Traced(array([...])),)

Each ``record_…`` gives its result in a tuple, or None where the bodies can't be graphs of their
own: they ask for a traced value, write to an array outside, or raise for the values at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracer import trees
from tracer.errors import CarryMismatch
from tracer.graph.control import loop_parts, stacked_spec
from tracer.graph.node import Node
from tracer.graph.spec import ArraySpec, Dim, Size, spec_of
from tracer.ops import registry
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.regions.body import (
    NUMBERS,
    Body,
    NoRegion,
    cast,
    common_spec,
    conversion,
    converted,
    leaf_names,
    parameter_names,
    trace_body,
    with_inputs,
)
from tracer.recording.regions.emit import Operand, emit, on_common_inputs
from tracer.recording.regions.hoist import hoist
from tracer.recording.tensor.tensor import TracedTensor

ROUNDS = 4  # of widening the kinds of a carry: weak int, weak float, scalar


@dataclass(frozen=True, slots=True, eq=False)
class LoopCall:
    """What the user has asked for.

    Attributes
    ----------
    name : str
        ``"fori_loop"``, ``"scan"`` or ``"while_loop"``.
    function : callable
        The body.
    arguments : callable
        From the index, the carry and the elements of an iteration to the body's arguments.
    names : tuple of str
        Of the index and of the carry.
    stop
        None where ``condition`` decides.
    """

    name: str
    function: Callable[..., Any]
    arguments: Callable[[Any, Any, list[Any]], tuple]
    init: Any
    names: tuple[str, str]
    start: Any = 0
    stop: Any = None
    xs: Sequence[Any] = ()
    element_names: Sequence[str] = ()
    reverse: bool = False
    condition: Callable[..., Any] | None = None


def record_for(recorder: Recorder, lower: Any, upper: Any, body_fn: Any, init: Any) -> tuple | None:
    """``fori_loop`` as one ``loop`` node."""
    index, carry = parameter_names(body_fn, 2)
    names = index or "i", carry
    call = LoopCall("fori_loop", body_fn, lambda i, c, _: (i, c), init, names, lower, upper)
    return _record(recorder, call)


def record_scan(
    recorder: Recorder, f: Any, init: Any, xs: Any, length: int, reverse: bool
) -> tuple | None:
    """``scan`` as one ``loop`` node."""
    leaves, structure = trees.flatten(xs)
    carry, element = parameter_names(f, 2)

    def arguments(i: Any, carry: Any, elements: list[Any]) -> tuple:
        return carry, trees.unflatten(structure, elements)

    call = LoopCall("scan", f, arguments, init, ("i", carry), 0, length)
    call = replace(call, xs=leaves, element_names=leaf_names(xs, element), reverse=reverse)
    return _record(recorder, call)


def record_while(recorder: Recorder, cond_fn: Any, body_fn: Any, init: Any) -> tuple | None:
    """``while_loop`` as one ``loop`` node."""
    names = "i", *parameter_names(body_fn, 1)
    call = LoopCall("while_loop", body_fn, lambda i, c, _: (c,), init, names, condition=cond_fn)
    return _record(recorder, call)


def _record(recorder: Recorder, call: LoopCall) -> tuple | None:
    try:
        return (_recorded(recorder, call),)
    except NoRegion:
        return None


def _recorded(recorder: Recorder, call: LoopCall) -> Any:
    leaves, structure = trees.flatten(call.init)
    if not all(isinstance(leaf, NUMBERS) for leaf in (*leaves, *call.xs)):
        raise NoRegion
    stop = _bound(call.stop) if call.stop is not None else None
    call = replace(call, start=_bound(call.start), stop=stop)
    carry = [recorder.tensor(leaf) for leaf in leaves]
    sequences = [recorder.tensor(leaf) for leaf in call.xs]
    body, values = _body(recorder, call, [t._value for t in carry], sequences)
    made = body.structure if call.name == "scan" else structure
    bodies = [body]
    if call.condition is not None:
        bodies.append(_condition(recorder, call, structure, values))
    nodes = [
        _initial_node(recorder, tensor, spec_of(value))
        for tensor, value in zip(carry, values, strict=True)
    ]
    pairs = [(node, Operand(value, t)) for node, value, t in zip(nodes, values, carry, strict=True)]
    invariant = _invariant_carries(bodies, carry)
    pairs = [pair for k, pair in enumerate(pairs) if k not in invariant]
    if type(call.start) is int and type(stop) is int and call.start < stop:
        hoist(recorder, body, 1 + len(pairs) + len(sequences))
    places = [k for k in range(made.leaves) if k not in invariant]
    results = {}
    if places:
        emitted = _emit(recorder, call, bodies, pairs, sequences, made, places)
        results = dict(zip(places, emitted, strict=True))
    results |= {k: _copied(recorder, carry[k]) for k in invariant}
    return trees.unflatten(made, [results[k] for k in range(made.leaves)])


def _body(
    recorder: Recorder, call: LoopCall, values: list[Any], sequences: list[TracedTensor]
) -> tuple[Body, list[Any]]:
    """The body, and the first carry as the kinds of number that it keeps."""
    structure, first = trees.flatten(call.init)[1], 1 + len(values)
    labels = leaf_names(call.init, call.names[1])
    elements = [_element(tensor, call.reverse) for tensor in sequences]
    names = [call.names[0], *labels, *call.element_names]
    root = labels[0] if len(labels) == 1 else ""

    def arguments(fresh: list[Any]) -> tuple:
        carry = trees.unflatten(structure, fresh[1:first])
        return call.arguments(fresh[0], carry, fresh[first:])

    for _ in range(ROUNDS):
        examples = [int(getattr(call.start, "_value", call.start)), *values, *elements]
        body = trace_body(
            recorder, call.function, arguments, examples, names, range(1, first), root
        )
        _check_structure(call.name, body.structure, structure, recorder)
        after = body.specs()
        wanted = _carry_specs(call, values, after[: len(values)], recorder)
        if [spec_of(v) for v in values] == wanted:
            body.graph = converted(body.graph, [*wanted, *after[len(values) :]])
            return body, values
        values = [cast(v, spec) for v, spec in zip(values, wanted, strict=True)]
    raise NoRegion


def _invariant_carries(bodies: list[Body], carry: list[TracedTensor]) -> list[int]:
    """Which carries every iteration hands on as they are: they are taken for captured values."""
    graph = bodies[0].graph
    inputs = graph.inputs[1 : 1 + len(carry)]
    invariant = [k for k, node in enumerate(inputs) if graph.outputs[k] is node]
    if len(invariant) == len(carry) and len(bodies) > 1:
        return []
    for body in bodies:
        index, *given = body.graph.inputs
        changing = [n for k, n in enumerate(given) if k not in invariant]
        body.graph = with_inputs(body.graph, [index, *changing, *[given[k] for k in invariant]])
        body.captured = [*body.captured, *[carry[k] for k in invariant]]
    outputs = [n for k, n in enumerate(graph.outputs) if k not in invariant]
    bodies[0].graph = bodies[0].graph.replace(outputs=outputs, roles={"value": len(outputs)})
    return invariant


def _copied(recorder: Recorder, tensor: TracedTensor) -> TracedTensor:
    """A value that went through a loop unchanged; its memory is the caller's own."""
    if not isinstance(tensor._value, np.ndarray):
        return tensor
    return recorder.call(registry.op_of(np.copy), (tensor,), {}, "method")


def _bound(bound: Any) -> Any:
    """A bound of a loop: an int, or a traced integer."""
    if not isinstance(bound, TracedTensor):
        return int(bound.__index__())
    if bound._known:
        return int(bound._value)
    if np.ndim(bound._value) or np.asarray(bound._value).dtype.kind not in "iu":
        raise NoRegion
    return bound[()] if isinstance(bound._value, np.ndarray) else bound


def _element(tensor: TracedTensor, reverse: bool) -> Any:
    """What the first iteration sees of a sequence."""
    value = tensor._value
    if len(value):
        return value[-1 if reverse else 0]
    return np.zeros(value.shape[1:], value.dtype)[()]


def _check_structure(name: str, made: Any, structure: Any, recorder: Recorder) -> None:
    """The body must return a carry with the structure of the first one.

    Raises
    ------
    CarryMismatch
    """
    if name == "scan":
        if made.kind not in (tuple, list) or len(made.children) != 2:
            raise NoRegion
        made = made.children[0]
    if made != structure:
        raise CarryMismatch(
            f"{name}: the carry is {structure} before an iteration and {made} after it.",
            recorder.where(),
            "return what has the structure of init",
        )


def _carry_specs(
    call: LoopCall, values: list[Any], after: list[ArraySpec], recorder: Recorder
) -> list[ArraySpec]:
    """What the carry is from the first iteration on.

    Raises
    ------
    CarryMismatch
    """
    wanted = []
    for value, spec, path in zip(values, after, trees.paths(call.init, "carry"), strict=True):
        found = common_spec(spec_of(value), spec)
        if found is None:
            raise CarryMismatch(
                f"{call.name}: {path} is {spec_of(value)!r} before an iteration and {spec!r} "
                "after it.",
                recorder.where(),
                "return what has the shape and dtype of init, or give init that dtype: "
                "x.astype(float)",
            )
        wanted.append(found)
    return wanted


def _condition(recorder: Recorder, call: LoopCall, structure: Any, values: list[Any]) -> Body:
    def build(fresh: list[Any]) -> tuple:
        return (trees.unflatten(structure, fresh[1:]),)

    assert call.condition is not None
    names = ["i", *leaf_names(call.init, call.names[1])]
    body = trace_body(recorder, call.condition, build, [0, *values], names)
    if len(body.graph.outputs) != 1 or body.specs()[0].shape != ():
        raise NoRegion
    return body


def _emit(
    recorder: Recorder,
    call: LoopCall,
    bodies: list[Body],
    carry: list[tuple[Node, Any]],
    sequences: list[TracedTensor],
    structure: Any,
    places: list[int],
) -> list[Any]:
    """Append the ``loop`` node; its results."""
    counts = [1 + len(carry) + len(sequences), 1 + len(carry)][: len(bodies)]
    regions, captured = on_common_inputs(recorder, bodies, counts, 1)
    ends = [
        recorder.node_of(bound) if isinstance(bound, TracedTensor) else bound
        for bound in (call.start, call.stop)
    ]
    initial, elements = [node for node, _ in carry], [recorder.node_of(t) for t in sequences]
    inputs, params = loop_parts(list(captured), initial, elements, ends[0], ends[1], call.reverse)
    length = _length(call.start, call.stop, sequences)
    made = bodies[0].specs()
    rows = [stacked_spec(spec, length) for spec in made[len(carry) :]]
    node = Node(registry.LOOP, inputs, params, (*made[: len(carry)], *rows), regions=regions)
    bounds = [b for b in (call.start, call.stop) if isinstance(b, TracedTensor)]
    operands = [*captured.values(), *[value for _, value in carry], *sequences, *bounds]
    return emit(recorder, node, operands, structure, places)


def _length(start: Any, stop: Any, sequences: list[TracedTensor]) -> Size:
    for tensor in sequences:
        return tensor._node.specs[0].shape[0]
    if type(start) is int and type(stop) is int:
        return max(stop - start, 0)
    return Dim("iterations", 0)


def _initial_node(recorder: Recorder, tensor: TracedTensor, spec: ArraySpec) -> Node:
    """The node of a first carry, as the kind that it has from then on."""
    node = recorder.node_of(tensor)
    if node.specs[0] == spec:
        return node
    made = conversion(node, spec)
    recorder.nodes.append(made)
    return made
