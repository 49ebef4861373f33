"""Run-time sizes: which results have them, and what broadcasting says about two of them.

>>> picked = x[x > 0]  # its node's spec is float64[n], n a Dim; reading n guards it
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.calcgraph import Guard
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.op import Op
from tracer.graph.origin import Origin
from tracer.graph.spec import WEAK_SPECS, ArraySpec, Dim, array_spec
from tracer.ops import registry
from tracer.recording.recorder.specs import depends_on_data, inferred_specs, spec_of
from tracer.recording.tensor.interface import ActiveRecorder


def result_specs(
    recorder: ActiveRecorder,
    op: Op,
    params: Params,
    inputs: tuple[Node, ...],
    results: list[Any],
    spelling: str,
    origin: Origin | None,
) -> tuple[ArraySpec, ...]:
    seen = tuple([spec_of(value) for value in results])
    free = [size for node in inputs for size in node.specs[0].shape if type(size) is not int]
    if not free and not depends_on_data(op, params, inputs):
        return seen
    try:
        inferred = inferred_specs(op, params, inputs, spelling)
    except (errors.TracerError, TypeError, ValueError, IndexError, NotImplementedError):
        inferred = ()
    if len(inferred) != len(seen):
        for tensor_node in inputs:
            fix_sizes(recorder, tensor_node, origin)
        return seen
    label = origin.expression if origin is not None else op.name
    fresh: dict[Any, Dim] = {size: size for size in free}
    specs = []
    for got, guess in zip(seen, inferred, strict=True):
        shape: list[Any] = []
        for axis, (size, guessed) in enumerate(zip(got.shape, guess.shape, strict=True)):
            if type(guessed) is int:
                shape.append(size)
            else:
                dim = fresh.setdefault(guessed, Dim(f"{label} axis {axis}", size))
                shape.append(dim)
        specs.append(ArraySpec(tuple(shape), got.dtype, got.kind))
    _relate(recorder, op, inputs)
    return tuple(specs)


def in_seen_size(recorder: ActiveRecorder, node: Node) -> Node:
    """A result in the size that it has in this trace, if the program holds for that one."""
    spec = node.specs[0]
    if not recorder.reads_sizes or spec.is_static:
        return node
    fix_sizes(recorder, node, node.origin)
    shape = spec.seen_shape
    return recorder.add(
        registry.op_of(np.reshape),
        (node,),
        Params((HOLES[0], shape)),
        (array_spec(shape, spec.dtype),),
        node.name,
        "",
        node.origin,
    )


def _relate(recorder: ActiveRecorder, op: Op, inputs: tuple[Node, ...]) -> None:
    """Broadcasting of a run-time size with another size holds only while both stay related."""
    if op.schema.kind != "elementwise":  # in a product NumPy itself refuses other sizes
        return
    axes: dict[int, tuple[Node, int, Any]] = {}
    for node in inputs:
        shape = node.specs[0].shape
        for axis, size in enumerate(shape):
            place = len(shape) - axis
            if type(size) is int and size == 1:
                continue
            other = axes.setdefault(place, (node, axis, size))
            if other[2] is size or other[2] == size:
                continue
            if _seen(other[2]) == _seen(size):
                _same_size(recorder, other[0], other[1], node, axis)
            elif _seen(size) == 1:  # it is stretched, and must be so again
                _guard_size(recorder, node, axis, 1, node.origin)
            else:
                _guard_size(recorder, other[0], other[1], 1, node.origin)
                axes[place] = (node, axis, size)


def _same_size(recorder: ActiveRecorder, a: Node, axis_a: int, b: Node, axis_b: int) -> None:
    params = Params((HOLES[0], HOLES[1], axis_a, axis_b))
    node = recorder.add(registry.SAME_SIZE, (a, b), params, (WEAK_SPECS[bool],))
    recorder.guards.append(Guard(node, True, "equals", node.origin))


def fix_sizes(recorder: ActiveRecorder, node: Node, origin: Origin | None) -> None:
    for axis, size in enumerate(node.specs[0].shape):
        if type(size) is not int:
            _guard_size(recorder, node, axis, size.seen, origin)


def _guard_size(
    recorder: ActiveRecorder, node: Node, axis: int, seen: int, origin: Origin | None
) -> None:
    params = Params((HOLES[0], axis))
    size = recorder.add(registry.SIZE_OF, (node,), params, (WEAK_SPECS[int],), "", "", origin)
    recorder.guards.append(Guard(size, seen, "equals", origin))


def _seen(size: Any) -> int:
    return size if type(size) is int else size.seen
