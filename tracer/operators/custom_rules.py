"""The regions of custom derivatives: a rule recorded by itself, and the node that carries it.

>>> region, extras = rule_region(recorder, "log1pexp", backward, examples, names)
>>> results = emit_custom(recorder, "vjp", call, results, residuals, extras, region)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import trees
from tracer.errors import MissingRule, UserShapeError
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import HOLES, Node, Params, hole
from tracer.ops import registry
from tracer.recording.captures.captures import Captures
from tracer.recording.captures.paths import Path
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.session import recording
from tracer.recording.tensor.tensor import TracedTensor


class StaticNumbers(Captures):
    """For a rule that branches on numbers from outside: they are guarded, and no inputs.

    Shares all that it notes with the captures of the trace.
    """

    def __init__(self, captures: Captures):
        self.__dict__ = captures.__dict__

    def capture(self, value: Any, path: Path | None, deep: bool = False, part: bool = False) -> Any:
        if path is not None and isinstance(value, (float, complex, np.generic)):
            self.guards.add_value(path, value)
            return value
        return super().capture(value, path, deep, part)


class CustomCall:
    """The arguments of one call: which leaves are traced, and how to put others in their place."""

    def __init__(self, name: str, args: tuple, nondiff: Sequence[int]):
        self.name = name
        self.args = args
        self.fixed = [args[k] for k in nondiff]
        free = [arg for k, arg in enumerate(args) if k not in nondiff]
        opened = [trees.flatten(arg) for arg in free]
        self.leaves = [leaves for leaves, _ in opened]
        self.structures = [structure for _, structure in opened]
        flat = [leaf for leaves in self.leaves for leaf in leaves]
        self.places = [k for k, leaf in enumerate(flat) if isinstance(leaf, TracedTensor)]
        self.flat = flat
        self.operands: list[TracedTensor] = [flat[k] for k in self.places]

    def _build(self, flat: list[Any]) -> tuple:
        left = iter(flat)
        return tuple(
            [
                trees.unflatten(structure, [next(left) for _ in leaves])
                for structure, leaves in zip(self.structures, self.leaves, strict=True)
            ]
        )

    def with_operands(self, fresh: Sequence[Any]) -> tuple:
        flat = list(self.flat)
        for place, value in zip(self.places, fresh, strict=True):
            flat[place] = value
        return self._build(flat)

    def with_tangents(self, fresh: Sequence[Any]) -> tuple:
        left = iter(fresh)
        flat: list[Any] = [
            np.zeros(np.shape(leaf)) if is_array(leaf) else 0.0 for leaf in self.flat
        ]
        for place, tensor in zip(self.places, self.operands, strict=True):
            if is_inexact(tensor):
                flat[place] = next(left)
        return self._build(flat)

    def cotangents(self, given: Any, inner: Recorder) -> list[Any]:
        """What ``bwd`` returned, for each inexact operand."""
        if not isinstance(given, (tuple, list)) or len(given) != len(self.structures):
            raise UserShapeError(
                f"bwd of {self.name} must return a tuple of {len(self.structures)}.",
                inner.where(),
                "one cotangent per differentiable argument, None for zero",
            )
        flat: list[Any] = []
        for cotangent, structure, leaves in zip(given, self.structures, self.leaves, strict=True):
            if cotangent is None:
                flat += [None] * len(leaves)
                continue
            parts, found = trees.flatten(cotangent)
            if len(parts) != len(leaves):
                raise UserShapeError(
                    f"bwd of {self.name} returned {found} for {structure}.", inner.where()
                )
            flat += parts
        pairs = zip(self.places, self.operands, strict=True)
        return [
            broadcast_like(inner, flat[place], tensor)
            for place, tensor in pairs
            if is_inexact(tensor)
        ]


def is_array(leaf: Any) -> bool:
    return isinstance(leaf, (np.ndarray, np.generic))


def is_inexact(tensor: TracedTensor) -> bool:
    return tensor._node.specs[0].is_inexact


def ones_like(tensor: TracedTensor) -> Any:
    value = np.asarray(tensor._value)
    ones = np.ones(value.shape, value.dtype)
    return ones if isinstance(tensor._value, np.ndarray) else ones[()]


def broadcast_like(inner: Recorder, value: Any, like: TracedTensor) -> Any:
    """A derivative as a Tensor of the inner trace, in the shape of what it belongs to."""
    shape = np.shape(like._value)
    if value is None:
        value = np.zeros(shape, np.asarray(like._value).dtype)
    tensor = inner.tensor(value)
    got = np.shape(tensor._value)
    if got != shape:
        if got != ():
            raise UserShapeError(
                f"a custom derivative has shape {got}, its value has {shape}.", inner.where()
            )
        tensor = np.broadcast_to(tensor, shape)
    return tensor


def rule_region(
    recorder: Recorder,
    name: str,
    function: Callable[..., Any],
    examples: list[Any],
    names: list[str],
) -> tuple[CalcGraph, list[TracedTensor]]:
    """The region of a rule, and the outer Tensors that it captured (its last inputs)."""
    graph, extras = _region(recorder, name, function, examples, names, recorder.captures)
    if graph.guards and recorder.captures is not None:
        captures = StaticNumbers(recorder.captures)
        graph, extras = _region(recorder, name, function, examples, names, captures)
    if graph.guards:
        raise MissingRule(
            f"the rule of {name} branches on a traced value.",
            graph.guards[0].origin,
            "use np.where in it",
        )
    return graph, extras


def _region(
    recorder: Recorder,
    name: str,
    function: Callable[..., Any],
    examples: list[Any],
    names: list[str],
    captures: Captures | None,
) -> tuple[CalcGraph, list[TracedTensor]]:
    inner = Recorder(name, f"rule of {name}")
    inner.captures, inner.enclosing = captures, recorder
    fresh = [
        inner.argument(np.copy(value) if isinstance(value, np.ndarray) else value, label)
        for value, label in zip(examples, names, strict=True)
    ]
    with recording(inner):
        outputs = [inner.tensor(value) for value in function(inner, fresh)]
        graph = inner.graph(outputs)
    return graph, [entry[0] for entry in inner.outer.values()]


def emit_custom(
    recorder: Recorder,
    rule: str,
    call: CustomCall,
    results: list[TracedTensor],
    residuals: list[TracedTensor],
    extras: list[TracedTensor],
    region: CalcGraph,
) -> list[Any]:
    """Append the ``custom`` node; the results that carry the rule."""
    inputs = tuple([recorder.node_of(t) for t in (*call.operands, *results, *residuals, *extras)])
    specs = tuple([recorder.node_of(t).specs[0] for t in results])
    static = {
        "rule": rule,
        "name": call.name,
        "operands": len(call.operands),
        "outputs": len(results),
        "extras": len(extras),
    }
    params = Params([hole(slot) for slot in range(len(inputs))], static)
    node = recorder.add(registry.CUSTOM, inputs, params, specs)
    node.regions = (region,)
    if len(results) == 1:
        return [tensor_of(recorder, node, results[0]._value)]
    outputs = []
    for number, (result, spec) in enumerate(zip(results, specs, strict=True)):
        item = recorder.add(registry.ITEM, (node,), Params((HOLES[0], number)), (spec,))
        outputs.append(tensor_of(recorder, item, result._value))
    return outputs


def tensor_of(recorder: Recorder, node: Node, value: Any) -> TracedTensor:
    if isinstance(value, np.ndarray):
        return recorder.array(node, np.copy(value))
    return recorder.scalar(node, value)
