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
from tracer.dispatch import leaf_names
from tracer.function import Call, TracedFunction, argument_names
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import GuardMiss, evaluate
from tracer.recording.active import ACTIVE
from tracer.recording.instrument import instrumented
from tracer.recording.replay import replay
from tracer.recording.tensor import TracedTensor
from tracer.recording.trace import Trace, trace_function
from tracer.transforms.batch import batch
from tracer.transforms.batching.lanes import Unbatchable
from tracer.transforms.partition import is_pure
from tracer.transforms.reverse import needed

Axis = int | None
NUMBERS = (bool, int, float, complex, np.generic, np.ndarray)


class Same:
    """A result that is one value for all examples, and depends on no argument."""

    def __init__(self, value: Any):
        self.value = value


def call(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any], in_axes: Any, out_axes: Any
) -> Any:
    """``vmap(function, in_axes, out_axes)(*args, **kwargs)``, recorded in the trace at work."""
    leaves, structure = trees.flatten((args, kwargs))
    names = argument_names(function, args, kwargs)
    axes = axes_of_call(in_axes, args, kwargs, names)
    size = batch_size(leaves, axes, leaf_paths(args, kwargs, names))
    stacks = [_front(leaf, axis) for leaf, axis in zip(leaves, axes, strict=True)]
    static = _static(function, args, kwargs, names)
    examples = [
        leaf if axis is None else _example(stack, size)
        for leaf, stack, axis in zip(leaves, stacks, axes, strict=True)
    ]
    labels = leaf_names(Call(examples, structure, ()), names)
    name = getattr(function, "__name__", "f")
    trace = trace_function(function.__tracer_function__, examples, structure, labels, name, static)
    results = _at_once(trace, stacks, axes, size, out_axes)
    if results is None:
        results = _in_turn(function, trace, stacks, axes, structure, size)
    else:
        left, fixed = iter(results), dict(trace.fixed)
        results = [
            Same(fixed[position]) if position in fixed else next(left)
            for position in range(trace.structure.leaves)
        ]
    return _outputs(trace, results, out_axes, size)


# -- axes ---------------------------------------------------------------------------------------
def axes_of_call(in_axes: Any, args: tuple, kwargs: dict[str, Any], names: list[str]) -> list[Axis]:
    """The mapped axis of each leaf; None where all examples share it.

    Keyword arguments are mapped over axis 0, as far as they are arrays.
    """
    if isinstance(in_axes, (tuple, list)) and len(in_axes) != len(args):
        raise errors.BatchError(
            f"vmap: in_axes has {len(in_axes)} entries for {len(args)} positional arguments.",
            None, "give one entry per positional argument, or one int for all",
        )  # fmt: skip
    entries = in_axes if isinstance(in_axes, (tuple, list)) else [in_axes] * len(args)
    found: list[Axis] = []
    for entry, value, name in zip(entries, args, names, strict=False):
        found += spread(entry, value, f"in_axes of {name}")
    for leaf in trees.flatten(kwargs)[0]:
        found.append(0 if isinstance(leaf, np.ndarray) and np.ndim(_value(leaf)) else None)
    leaves = trees.flatten((args, kwargs))[0]
    return [axis if _is_numeric(leaf) else None for axis, leaf in zip(found, leaves, strict=True)]


def spread(prefix: Any, tree: Any, what: str) -> list[Axis]:
    """An axis for each leaf of ``tree`` from a tree of axes that may end above the leaves.

    Raises
    ------
    BatchError
        If the two do not fit.
    """
    leaves, structure = trees.flatten(tree)
    if prefix is None or isinstance(prefix, (int, np.integer)):
        if isinstance(prefix, bool):
            raise TypeError(f"vmap: {what} is {prefix!r}, not an int or None")
        return [prefix if prefix is None else int(prefix)] * len(leaves)
    if not isinstance(prefix, (tuple, list, dict)) and not hasattr(prefix, "__dataclass_fields__"):
        raise TypeError(f"vmap: {what} is a {type(prefix).__name__}, not an int, None or a tree")
    own, parts = _children(prefix), _children(tree)
    if own is None or parts is None or own.keys() != parts.keys():
        raise errors.BatchError(
            f"vmap: {what} is {prefix!r}, which does not fit the structure {structure}.", None,
            "give an int, None, or a tree of them that is a prefix of the argument's tree",
        )  # fmt: skip
    return [axis for key, part in parts.items() for axis in spread(own[key], part, what)]


def _children(tree: Any) -> dict[Any, Any] | None:
    """The parts of a container by key or position; None for a leaf."""
    if isinstance(tree, dict):
        return dict(tree)
    if isinstance(tree, (tuple, list)):
        return dict(enumerate(tree))
    if hasattr(tree, "__dataclass_fields__") and not isinstance(tree, type):
        return {name: getattr(tree, name) for name in tree.__dataclass_fields__}
    return None


def leaf_paths(args: tuple, kwargs: dict[str, Any], names: Sequence[str]) -> list[str]:
    """How a person would write each leaf of the arguments."""
    found: list[str] = []
    for name, value in zip(names, [*args, *kwargs.values()], strict=True):
        found += trees.paths(value, name)
    return found


def batch_size(leaves: Sequence[Any], axes: Sequence[Axis], paths: Sequence[str]) -> int:
    """The one length of all mapped axes.

    Raises
    ------
    BatchError
        If there is none, or more than one.
    """
    sizes: dict[str, int] = {}
    for leaf, axis, path in zip(leaves, axes, paths, strict=True):
        if axis is None:
            continue
        shape = leaf.shape if isinstance(leaf, TracedTensor) else np.shape(leaf)
        if not -len(shape) <= axis < len(shape):
            what = f"has shape {shape}" if shape else "is a number"
            raise errors.BatchError(
                f"vmap: {path} is to be mapped over axis {axis}, but {what}.", None,
                "say None in in_axes for arguments that all examples share",
            )  # fmt: skip
        sizes[path] = shape[axis]
    if not sizes:
        raise errors.BatchError(
            "vmap: no argument is mapped, so the number of examples is unknown.", None,
            "at least one entry of in_axes must be an axis of an array",
        )  # fmt: skip
    if len(set(sizes.values())) > 1:
        told = ", ".join([f"{path} has {size}" for path, size in sizes.items()])
        raise errors.BatchError(
            f"vmap: the mapped axes have different lengths: {told}.", None,
            "map axes of one length, or say None in in_axes for what all examples share",
        )  # fmt: skip
    return next(iter(sizes.values()))


# -- arguments ----------------------------------------------------------------------------------
def _value(leaf: Any) -> Any:
    return leaf._value if isinstance(leaf, TracedTensor) else leaf


def _is_numeric(leaf: Any) -> bool:
    """Whether a leaf is an array or a number; strings, flags and functions are never mapped."""
    return isinstance(leaf, (np.ndarray, np.generic, int, float, complex)) and (
        not isinstance(leaf, bool)
    )


def _front(leaf: Any, axis: Axis) -> Any:
    """The batch of a mapped leaf, its mapped axis first."""
    if axis is None:
        return leaf
    array = getattr(leaf, "__tracer_plain__", leaf)
    return array if axis in (0, -array.ndim) else np.moveaxis(array, axis, 0)


def _example(stack: Any, size: int) -> Any:
    """The first example; ones of its shape if there is none."""
    value = _value(stack)
    return value[0] if size else np.ones(value.shape[1:], value.dtype)[()]


def _static(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any], names: Sequence[str]
) -> frozenset[int]:
    """Numbers of the leaves that the function was told to take as they are."""
    if not function.static:
        return frozenset()
    numbered, structure = trees.flatten((args, kwargs))
    opened, named = trees.unflatten(structure, list(range(len(numbered))))
    found: set[int] = set()
    for name, value in zip(names, [*opened, *named.values()], strict=True):
        if name in function.static:
            found.update(trees.flatten(value)[0])
    return frozenset(found)


# -- running ------------------------------------------------------------------------------------
def _at_once(
    trace: Trace, stacks: Sequence[Any], axes: Sequence[Axis], size: int, out_axes: Any
) -> list[Any] | None:
    """Each output's batch (or the one value that all examples share, where that is asked for).

    None if the examples differ in more than their numbers.
    """
    recorder = ACTIVE.get()
    assert recorder is not None
    if not all(is_pure(node) for node in trace.graph.order):
        return None  # each example draws its own random numbers
    mapped = [axes[number] is not None for number in trace.dynamic]
    inputs = [*[stacks[number] for number in trace.dynamic], *trace.outer]
    mapped += [False] * len(trace.outer)
    wanted = [axis is not None for axis in _axes_of_outputs(trace, out_axes)]
    try:
        graph, carried = batch(trace.graph, mapped, size, wanted)
    except Unbatchable:
        return None
    if graph.guards and not _holds(graph, inputs):
        return None
    for flag, want, output in zip(carried, wanted, trace.graph.outputs, strict=True):
        if flag and not want:
            raise errors.BatchError(
                "vmap: out_axes is None for a result that differs between the examples.",
                output.origin, "give the axis of the batch in the result, 0 for the first",
            )  # fmt: skip
    try:
        return replay(recorder, graph, inputs)
    except errors.TracerError as error:
        if not isinstance(error, ValueError):
            raise
        return None
    except Exception:  # one example's own: it is raised again, or caught, when its turn comes
        return None


def _holds(graph: CalcGraph, inputs: Sequence[Any]) -> bool:
    """Whether all examples take the branches of the first."""
    ends = [guard.node for guard in graph.guards]
    kept = needed(graph.order, ends) | set(graph.inputs)
    order = [node for node in graph.order if node in kept]
    predicates = graph.replace(order=order, outputs=(), effects=(), roles={"value": 0})
    token = ACTIVE.set(None)
    try:
        evaluate(predicates, [_value(value) for value in inputs])
    except GuardMiss:
        return False
    except Exception:  # an example's own error is raised when its turn comes
        return False
    finally:
        ACTIVE.reset(token)
    return True


def _in_turn(
    function: TracedFunction, trace: Trace, stacks: Sequence[Any], axes: Sequence[Axis],
    structure: Any, size: int,
) -> list[Any]:  # fmt: skip
    """One example after the other, each along its own branches; their results stacked."""
    recorder = ACTIVE.get()
    assert recorder is not None
    plain = instrumented(function.__tracer_function__, recorder.captures)
    rows: list[list[Any]] = []
    for number in range(size):
        leaves = [
            leaf if axis is None else leaf[number] for leaf, axis in zip(stacks, axes, strict=True)
        ]
        args, kwargs = trees.unflatten(structure, leaves)
        found, shown = trees.flatten(plain(*args, **kwargs))
        if shown != trace.structure:
            raise errors.BatchError(
                f"vmap: one example gave {trace.structure}, another {shown}.", None,
                "return the same structure for every example",
            )  # fmt: skip
        rows.append(found)
    if not rows:
        specs = [output.specs[0] for output in trace.graph.outputs]
        empty = iter([np.zeros((0, *spec.seen_shape), spec.dtype) for spec in specs])
        fixed = dict(trace.fixed)
        count = trace.structure.leaves
        return [Same(fixed[k]) if k in fixed else next(empty) for k in range(count)]
    return [_stacked(column) for column in zip(*rows, strict=True)]


def _stacked(column: Sequence[Any]) -> Any:
    """One leaf of all examples' results as one array; what is no number must be the same."""
    if not all(isinstance(leaf, NUMBERS) for leaf in column):
        if any(leaf is not column[0] and leaf != column[0] for leaf in column):
            raise errors.BatchError(
                f"vmap: the examples gave {column[0]!r} and others, which are no numbers.", None,
                "return numbers and arrays",
            )  # fmt: skip
        return Same(column[0])
    shapes = {np.shape(_value(leaf)) for leaf in column}
    if len(shapes) > 1:
        raise errors.BatchError(
            f"vmap: the examples have results of different shapes: {sorted(shapes)[:4]}.", None,
            "use np.where instead of a mask, so that every example has a result of one size",
        )  # fmt: skip
    return np.stack(column)


# -- results ------------------------------------------------------------------------------------
def _axes_of_outputs(trace: Trace, out_axes: Any) -> list[Axis]:
    """The axis of the batch in each output of the graph."""
    tree = trees.unflatten(trace.structure, list(range(trace.structure.leaves)))
    every = spread(out_axes, tree, "out_axes")
    fixed = {position for position, _ in trace.fixed}
    return [axis for position, axis in enumerate(every) if position not in fixed]


def _outputs(trace: Trace, results: Sequence[Any], out_axes: Any, size: int) -> Any:
    """The results in the function's structure, the batch where it is wanted."""
    tree = trees.unflatten(trace.structure, list(range(trace.structure.leaves)))
    every = spread(out_axes, tree, "out_axes")
    leaves = [
        _repeated(result.value, axis, size) if type(result) is Same else _placed(result, axis)
        for result, axis in zip(results, every, strict=True)
    ]
    return trees.unflatten(trace.structure, leaves)


def _placed(result: Any, axis: Axis) -> Any:
    if axis is None or axis == 0:
        return result
    ndim = np.ndim(_value(result))
    if not -ndim <= axis < ndim:
        raise errors.BatchError(
            f"vmap: out_axes is {axis} for a result of {ndim} axes, the batch among them.", None,
            f"use an axis from {-ndim} to {ndim - 1}",
        )  # fmt: skip
    return np.moveaxis(result, 0, axis)


def _repeated(value: Any, axis: Axis, size: int) -> Any:
    """A result that depends on no argument: the same number for every example."""
    if axis is None or not isinstance(value, NUMBERS):
        return value
    array = np.asarray(value)
    return _placed(np.array(np.broadcast_to(array, (size, *array.shape))), axis)
