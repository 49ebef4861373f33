"""vmap: the function is traced on one example, and its graph becomes that of the whole batch.

>>> vmap(grad(loss), in_axes=(None, 0, 0))(w, xs, ys)        # one gradient per example

Runs inside the trace of the mapped function, whose nodes the batch's graph is recorded into: so it
is compiled, differentiated and mapped once more like any code. Where the examples take different
branches, or have results of different sizes, they are run one after the other: never wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.function.call_key import Call
from tracer.function.signature import argument_names
from tracer.function.trace_call import leaf_names
from tracer.function.vmap_axes import (
    Axis,
    axes_of_call,
    batch_size,
    broadcast_prefix,
    leaf_paths,
    value_of,
    with_batch_axis,
)
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import GuardMiss, evaluate
from tracer.graph.reach import needed
from tracer.python.attributes import Traced, plain_array
from tracer.recording.arguments import FlatArguments
from tracer.recording.regions.replay import replay
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.trace import Trace, trace_function
from tracer.recording.watch.instrument import instrumented
from tracer.transforms.batch.batch_graph import batch
from tracer.transforms.batch.batched import Unbatchable
from tracer.transforms.partition import is_pure

NUMBERS = (bool, int, float, complex, np.generic, np.ndarray)


class Shared:
    """A result that is one value for all examples, and depends on no argument."""

    def __init__(self, value: Any):
        self.value = value


class Examples:
    """The arguments of one call of a mapped function.

    Attributes
    ----------
    structure : TreeDef
        Of ``(args, kwargs)``.
    names : list of str
        Of the arguments.
    axes : list of int or None
        For each leaf, which axis counts the examples.
    stacks : list
        The leaves, each with that axis in front.
    size : int
    """

    def __init__(self, function: Traced, args: tuple, kwargs: dict[str, Any], in_axes: Any):
        leaves, self.structure = trees.flatten((args, kwargs))
        self.names = argument_names(function, args, kwargs)
        self.axes = axes_of_call(in_axes, args, kwargs, self.names)
        self.size = batch_size(leaves, self.axes, leaf_paths(args, kwargs, self.names))
        self.stacks = [
            _batch_first(leaf, axis) for leaf, axis in zip(leaves, self.axes, strict=True)
        ]

    def leaves(self, number: int) -> list[Any]:
        """The leaves of one example, as they are recorded."""
        return [
            leaf if axis is None else leaf[number]
            for leaf, axis in zip(self.stacks, self.axes, strict=True)
        ]

    def first(self) -> list[Any]:
        """Values to trace with: the first example, or ones if there is none."""
        return [
            leaf if axis is None else _first(value_of(leaf))
            for leaf, axis in zip(self.stacks, self.axes, strict=True)
        ]

    def static(self, function: Traced) -> frozenset[int]:
        """Numbers of the leaves that the function was told to take as they are."""
        args, kwargs = trees.unflatten(self.structure, list(range(len(self.stacks))))
        found: set[int] = set()
        for name, value in zip(self.names, [*args, *kwargs.values()], strict=True):
            if name in function.static:
                found.update(trees.flatten(value)[0])
        return frozenset(found)


def _batch_first(leaf: Any, axis: Axis) -> Any:
    if axis is None:
        return leaf
    array = plain_array(leaf)
    return array if axis in (0, -array.ndim) else np.moveaxis(array, axis, 0)


def _first(stack: np.ndarray) -> Any:
    return stack[0] if len(stack) else np.ones(stack.shape[1:], stack.dtype)[()]


def call(function: Traced, args: tuple, kwargs: dict[str, Any], in_axes: Any, out_axes: Any) -> Any:
    """``vmap(function, in_axes, out_axes)(*args, **kwargs)``, recorded in the trace at work.

    Outside of a trace it is what the compiled program is checked against: a loop of plain calls.
    """
    examples = Examples(function, args, kwargs, in_axes)
    recorder = ACTIVE.get()
    if recorder is None:
        results, structure = _plain(function.__tracer_function__, examples, out_axes)
    else:
        trace = _trace_of_one(function, examples)
        structure = trace.structure
        found = _vectorized(recorder, trace, examples, out_axes)
        if found is None:
            found = _sequential(recorder, function, trace, examples, out_axes)
        results = found
    every = _axes_of_results(structure, out_axes)
    leaves = [
        _result_leaf(result, axis, examples.size)
        for result, axis in zip(results, every, strict=True)
    ]
    return trees.unflatten(structure, leaves)


def _trace_of_one(function: Traced, examples: Examples) -> Trace:
    """The trace of one example."""
    leaves = examples.first()
    labels = leaf_names(Call(leaves, examples.structure, examples.names, ()))
    static = examples.static(function) if function.static else frozenset()
    name = getattr(function, "__name__", "f")
    plain = function.__tracer_function__
    return trace_function(plain, FlatArguments(leaves, examples.structure, labels, static), name)


# -- all at once --------------------------------------------------------------------------------
def _vectorized(
    recorder: ActiveRecorder, trace: Trace, examples: Examples, out_axes: Any
) -> list[Any] | None:
    """The flat results by the batched graph; None if examples differ in more than their numbers."""
    if not all(is_pure(node) for node in trace.graph.order):
        return None  # each example draws its own random numbers
    mapped = [examples.axes[number] is not None for number in trace.dynamic]
    mapped += [False] * len(trace.outer)
    inputs = [*[examples.stacks[number] for number in trace.dynamic], *trace.outer]
    fixed = dict(trace.static_results)
    every = _axes_of_results(trace.structure, out_axes)
    wanted = [axis is not None for k, axis in enumerate(every) if k not in fixed]
    try:
        graph, carried = batch(trace.graph, mapped, examples.size, wanted)
    except Unbatchable:
        return None
    if graph.guards and not _holds(graph, inputs):
        return None
    for flag, want, output in zip(carried, wanted, trace.graph.outputs, strict=True):
        if flag and not want:
            raise errors.BatchError(
                "vmap: out_axes is None for a result that differs between the examples.",
                output.origin,
                "give the axis of the batch in the result, 0 for the first",
            )
    try:
        left = iter(replay(recorder, graph, inputs))
    except errors.UserShapeError:
        return None
    except errors.TracerError:
        raise
    except Exception:  # one example's own: it is raised again, or caught, when its turn comes
        return None
    return [Shared(fixed[k]) if k in fixed else next(left) for k in range(len(every))]


def _holds(graph: CalcGraph, inputs: Sequence[Any]) -> bool:
    """Whether all examples take the branches of the first."""
    ends = [guard.node for guard in graph.guards]
    kept = needed(graph.order, ends) | set(graph.inputs)
    order = [node for node in graph.order if node in kept]
    predicates = graph.replace(order=order, outputs=(), effects=(), roles={"value": 0})
    token = ACTIVE.set(None)
    try:
        with np.errstate(all="ignore"):
            evaluate(predicates, [value_of(value) for value in inputs])
    except GuardMiss:
        return False
    except Exception:  # an example's own error is raised when its turn comes
        return False
    finally:
        ACTIVE.reset(token)
    return True


# -- one after the other ------------------------------------------------------------------------
def _sequential(
    recorder: ActiveRecorder, function: Traced, trace: Trace, examples: Examples, out_axes: Any
) -> list[Any]:
    """Each example along its own branches; their results stacked."""
    one = instrumented(function.__tracer_function__, recorder.captures)
    rows, _ = _rows(one, examples, trace.structure)
    if rows:
        return _columns(rows, trace.structure, out_axes)
    specs = [output.specs[0] for output in trace.graph.outputs]
    empty = iter([np.zeros((0, *spec.seen_shape), spec.dtype) for spec in specs])
    fixed = dict(trace.static_results)
    return [Shared(fixed[k]) if k in fixed else next(empty) for k in range(trace.structure.leaves)]


def _plain(one: Any, examples: Examples, out_axes: Any) -> tuple[list[Any], Any]:
    """The same by NumPy alone."""
    rows, structure = _rows(one, examples, None)
    if rows:
        return _columns(rows, structure, out_axes), structure
    args, kwargs = trees.unflatten(examples.structure, examples.first())
    found, structure = trees.flatten(one(*args, **kwargs))
    stacked = [_stacked([leaf]) for leaf in found]
    return [leaf if type(leaf) is Shared else leaf[:0] for leaf in stacked], structure


def _rows(one: Any, examples: Examples, structure: Any) -> tuple[list[list[Any]], Any]:
    """The flat results of each example, and their common structure."""
    rows = []
    for number in range(examples.size):
        args, kwargs = trees.unflatten(examples.structure, examples.leaves(number))
        found, shown = trees.flatten(one(*args, **kwargs))
        structure = structure or shown
        if shown != structure:
            raise errors.BatchError(
                f"vmap: one example gave {structure}, another {shown}.",
                None,
                "return the same structure for every example",
            )
        rows.append(found)
    return rows, structure


def _columns(rows: list[list[Any]], structure: Any, out_axes: Any) -> list[Any]:
    """The results of all examples, leaf by leaf."""
    every = _axes_of_results(structure, out_axes)
    return [
        _stacked(column) if axis is not None else _shared(column)
        for column, axis in zip(zip(*rows, strict=True), every, strict=True)
    ]


def _shared(column: Sequence[Any]) -> Any:
    """The one result of all examples."""
    stacked = _stacked(column)
    if type(stacked) is Shared or bool(np.all(stacked == stacked[:1])):
        return Shared(column[0])
    raise errors.BatchError(
        "vmap: out_axes is None for a result that differs between the examples.",
        None,
        "give the axis of the batch in the result, 0 for the first",
    )


def _stacked(column: Sequence[Any]) -> Any:
    """One leaf of all examples' results as one array; what is no number must be the same."""
    if not all(isinstance(leaf, NUMBERS) for leaf in column):
        if any(leaf is not column[0] and leaf != column[0] for leaf in column):
            raise errors.BatchError(
                f"vmap: the examples gave {column[0]!r} and others, which are no numbers.",
                None,
                "return numbers and arrays",
            )
        return Shared(column[0])
    shapes = {np.shape(value_of(leaf)) for leaf in column}
    if len(shapes) > 1:
        raise errors.BatchError(
            f"vmap: the examples have results of different shapes: {sorted(shapes)[:4]}.",
            None,
            "use np.where instead of a mask, so that every example has a result of one size",
        )
    return np.stack(column)


# -- results ------------------------------------------------------------------------------------
def _axes_of_results(structure: Any, out_axes: Any) -> list[Axis]:
    """Where the batch goes in each leaf of the result."""
    tree = trees.unflatten(structure, list(range(structure.leaves)))
    return broadcast_prefix(out_axes, tree, "out_axes")


def _result_leaf(result: Any, axis: Axis, size: int) -> Any:
    """A leaf of the result, with the batch in its place."""
    if type(result) is not Shared:
        return result if axis is None else with_batch_axis(result, axis)
    if axis is None or not isinstance(result.value, NUMBERS):
        return result.value
    array = np.asarray(result.value)
    return with_batch_axis(np.array(np.broadcast_to(array, (size, *array.shape))), axis)
