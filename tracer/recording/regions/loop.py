"""Loops as nodes: what their bodies capture is made an operand.

>>> record_for(recorder, 0, 10, lambda i, x: w @ x, x)        # w and x are Tensors
(Traced(array([...])),)

Each ``record_…`` gives its result in a tuple, or None where the bodies can't be graphs of their
own: they ask for a traced value, write to an array outside, or raise for the values at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    as_kind,
    conversion,
    converted,
    joined,
    leaf_names,
    parameter_names,
    trace_body,
    with_inputs,
)
from tracer.recording.regions.emit import Given, emit, on_common_inputs
from tracer.recording.regions.hoist import hoist
from tracer.recording.tensor.tensor import TracedTensor

ROUNDS = 4  # of widening the kinds of a carry: weak int, weak float, scalar


def record_for(recorder: Recorder, lower: Any, upper: Any, body_fn: Any, init: Any) -> tuple | None:
    """``fori_loop`` as one ``loop`` node."""
    names = parameter_names(body_fn, 2)

    def build(i: Any, carry: Any, elements: list[Any]) -> tuple:
        return i, carry

    return _guarded(
        lambda: _record(
            recorder, "fori_loop", body_fn, build, init, names[1], names[0] or "i", lower, upper
        )
    )


def record_scan(
    recorder: Recorder, f: Any, init: Any, xs: Any, length: int, reverse: bool
) -> tuple | None:
    """``scan`` as one ``loop`` node."""
    leaves, structure = trees.flatten(xs)
    names = parameter_names(f, 2)

    def build(i: Any, carry: Any, elements: list[Any]) -> tuple:
        return carry, trees.unflatten(structure, elements)

    return _guarded(
        lambda: _record(
            recorder,
            "scan",
            f,
            build,
            init,
            names[0],
            "i",
            0,
            length,
            leaves,
            leaf_names(xs, names[1]),
            reverse,
        )
    )


def record_while(recorder: Recorder, cond_fn: Any, body_fn: Any, init: Any) -> tuple | None:
    """``while_loop`` as one ``loop`` node."""
    names = parameter_names(body_fn, 1)

    def build(i: Any, carry: Any, elements: list[Any]) -> tuple:
        return (carry,)

    return _guarded(
        lambda: _record(
            recorder, "while_loop", body_fn, build, init, names[0], "i", 0, None, condition=cond_fn
        )
    )


def _guarded(record: Callable[[], Any]) -> tuple | None:
    try:
        return record()
    except NoRegion:
        return None


def _record(
    recorder: Recorder,
    name: str,
    function: Any,
    build: Callable[..., tuple],
    init: Any,
    carry_name: str,
    index_name: str,
    start: Any,
    stop: Any,
    xs: Sequence[Any] = (),
    element_names: Sequence[str] = (),
    reverse: bool = False,
    condition: Any = None,
) -> tuple:
    leaves, structure = trees.flatten(init)
    if not all(isinstance(leaf, NUMBERS) for leaf in (*leaves, *xs)):
        raise NoRegion
    start, stop = _bound(start), _bound(stop) if stop is not None else None
    carry = [recorder.tensor(leaf) for leaf in leaves]
    sequences = [recorder.tensor(leaf) for leaf in xs]
    labels = leaf_names(init, carry_name)
    values = [tensor._value for tensor in carry]
    held = 1 + len(values)
    elements = [_element(tensor, reverse) for tensor in sequences]
    names = [index_name, *labels, *element_names]

    def arranged(fresh: list[Any]) -> tuple:
        return build(fresh[0], trees.unflatten(structure, fresh[1:held]), fresh[held:])

    for _ in range(ROUNDS):
        examples = [int(getattr(start, "_value", start)), *values, *elements]
        root = labels[0] if len(labels) == 1 else ""
        body = trace_body(recorder, function, arranged, examples, names, range(1, held), root)
        _check_structure(name, body.structure, structure, recorder)
        after = body.specs()
        wanted = _fitted(name, init, values, after[: len(values)], recorder)
        if [spec_of(v) for v in values] == wanted:
            break
        values = [as_kind(v, spec) for v, spec in zip(values, wanted, strict=True)]
    else:
        raise NoRegion
    body.graph = converted(body.graph, [*wanted, *after[len(values) :]])
    bodies = [body]
    if condition is not None:
        bodies.append(_condition(recorder, condition, structure, values, labels))
    nodes = [_carried(recorder, tensor, spec) for tensor, spec in zip(carry, wanted, strict=True)]
    made = structure if name != "scan" else body.structure
    pairs = [(node, Given(value, t)) for node, value, t in zip(nodes, values, carry, strict=True)]
    same = _unchanged(bodies, carry)
    pairs = [pair for k, pair in enumerate(pairs) if k not in same]
    if type(start) is int and type(stop) is int and start < stop:
        hoist(recorder, body, 1 + len(pairs) + len(sequences))
    places = [k for k in range(made.leaves) if k not in same]
    results = (
        dict(
            zip(
                places,
                _assemble(recorder, bodies, pairs, sequences, start, stop, reverse, made, places),
                strict=True,
            )
        )
        if places
        else {}
    )
    results |= {k: _own(recorder, carry[k]) for k in same}
    return (trees.unflatten(made, [results[k] for k in range(made.leaves)]),)


def _unchanged(bodies: list[Body], carry: list[TracedTensor]) -> list[int]:
    """Which carries every iteration hands on as they are: they are taken for captured values."""
    graph = bodies[0].graph
    inputs = graph.inputs[1 : 1 + len(carry)]
    same = [k for k, node in enumerate(inputs) if graph.outputs[k] is node]
    if len(same) == len(carry) and len(bodies) > 1:
        return []
    for body in bodies:
        index, *given = body.graph.inputs
        kept = [n for k, n in enumerate(given) if k not in same]
        body.graph = with_inputs(body.graph, [index, *kept, *[given[k] for k in same]])
        body.captured = [*body.captured, *[carry[k] for k in same]]
    outputs = [n for k, n in enumerate(graph.outputs) if k not in same]
    bodies[0].graph = bodies[0].graph.replace(outputs=outputs, roles={"value": len(outputs)})
    return same


def _own(recorder: Recorder, tensor: TracedTensor) -> TracedTensor:
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


def _fitted(
    name: str, init: Any, values: list[Any], after: list[ArraySpec], recorder: Recorder
) -> list[ArraySpec]:
    """What the carry is from the first iteration on.

    Raises
    ------
    CarryMismatch
    """
    wanted = []
    for value, spec, path in zip(values, after, trees.paths(init, "carry"), strict=True):
        found = joined(spec_of(value), spec)
        if found is None:
            raise CarryMismatch(
                f"{name}: {path} is {spec_of(value)!r} before an iteration and {spec!r} after it.",
                recorder.where(),
                "return what has the shape and dtype of init, or give init that dtype: "
                "x.astype(float)",
            )
        wanted.append(found)
    return wanted


def _condition(
    recorder: Recorder, function: Any, structure: Any, values: list[Any], labels: list[str]
) -> Body:
    def build(fresh: list[Any]) -> tuple:
        return (trees.unflatten(structure, fresh[1:]),)

    body = trace_body(recorder, function, build, [0, *values], ["i", *labels])
    if len(body.graph.outputs) != 1 or body.specs()[0].shape != ():
        raise NoRegion
    return body


def _assemble(
    recorder: Recorder,
    bodies: list[Body],
    carry: list[tuple[Node, Any]],
    sequences: list[TracedTensor],
    start: Any,
    stop: Any,
    reverse: bool,
    structure: Any,
    places: list[int],
) -> list[Any]:
    """Append the ``loop`` node; its results."""
    counts = [1 + len(carry) + len(sequences), 1 + len(carry)][: len(bodies)]
    regions, captured = on_common_inputs(recorder, bodies, counts, 1)
    ends = [recorder.node_of(b) if isinstance(b, TracedTensor) else b for b in (start, stop)]
    inputs, params = loop_parts(
        list(captured),
        [node for node, _ in carry],
        [recorder.node_of(t) for t in sequences],
        ends[0],
        ends[1],
        reverse,
    )
    length = _length(start, stop, sequences)
    made = bodies[0].specs()
    rows = [stacked_spec(spec, length) for spec in made[len(carry) :]]
    specs = (*made[: len(carry)], *rows)
    node = Node(registry.LOOP, inputs, params, specs, regions=regions)
    bounds = [b for b in (start, stop) if isinstance(b, TracedTensor)]
    operands = [*captured.values(), *[value for _, value in carry], *sequences, *bounds]
    return emit(recorder, node, operands, structure, places)


def _length(start: Any, stop: Any, sequences: list[TracedTensor]) -> Size:
    for tensor in sequences:
        return tensor._node.specs[0].shape[0]
    if type(start) is int and type(stop) is int:
        return max(stop - start, 0)
    return Dim("iterations", 0)


def _carried(recorder: Recorder, tensor: TracedTensor, spec: ArraySpec) -> Node:
    """The node of a first carry, as the kind that it has from then on."""
    node = recorder.node_of(tensor)
    if node.specs[0] == spec:
        return node
    made = conversion(node, spec)
    recorder.nodes.append(made)
    return made
