"""Results of calls: computed on concrete values, written down as nodes, wrapped as Tensors.

>>> result = run(recorder, op, params, tensors, values, "")
>>> record(recorder, Call(op, params, tensors, values, inputs, "", place, known=False), result)
TracedTensor of add

The fast path and the general way of `calls` differ in how they split a call into a template and
its operands; what becomes of it is here for both.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.calcgraph import Guard
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.op import Op
from tracer.graph.spec import WEAK_SPECS, ArraySpec, array_spec, scalar_spec
from tracer.ops import registry
from tracer.recording.recorder.errstate import ERRSTATE, TRACING
from tracer.recording.recorder.sizes import in_seen_size, result_specs
from tracer.recording.recorder.specs import ABOUT_TYPES, is_shape_error
from tracer.recording.source.locator import CallSite, Unpacked
from tracer.recording.tensor.active import ACTIVE, COMPUTING
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.leaks import NUMBERS
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import ViewStep, same_memory

GETITEM = registry.GETITEM
NATIVE = (np.ufunc, type(operator.add))
FLOAT64 = scalar_spec(np.dtype(np.float64))


@dataclass(slots=True)
class Call:
    """A call as it was split, run at a place of the user's code."""

    op: Op
    params: Params
    tensors: Sequence[TracedTensor]
    values: Sequence[Any]  # of the Tensors
    inputs: tuple[Node, ...]
    spelling: str
    place: CallSite | None
    known: bool  # whether it depends on no run-time input


# -- computed ------------------------------------------------------------------------------------
def compute(
    recorder: ActiveRecorder, op: Op, params: Params, values: Sequence[Any], spelling: str
) -> Any:
    """What NumPy gives for operands with these values."""
    args, kwargs = params.fill(values)
    function = op.operator if spelling == "operator" and op.operator is not None else op.evaluate
    token = ACTIVE.set(None)
    computing = COMPUTING.set(recorder)
    errstate = ERRSTATE.set(TRACING.of(ERRSTATE.get()))
    try:
        return function(*args, **kwargs)
    except ValueError as error:
        if type(error) is ValueError and is_shape_error(error):
            raise errors.UserShapeError(
                f"NumPy refused the shapes in {op.name}: {error}",
                recorder.where(),
                "check the shapes: " + ", ".join(str(np.shape(v)) for v in values),
            ) from error
        raise
    finally:
        ERRSTATE.reset(errstate)
        COMPUTING.reset(computing)
        ACTIVE.reset(token)


def compute_numbers(
    recorder: ActiveRecorder,
    op: Op,
    params: Params,
    values: Sequence[Any],
    operands: Sequence[Any],
    spelling: str,
) -> Any:
    """The same for numbers and arrays alone: C code, which asks for no recorder at work."""
    function = op.operator if spelling == "operator" else op.evaluate
    if type(function) not in NATIVE:
        return compute(recorder, op, params, values, spelling)
    errstate = ERRSTATE.get()
    is_base = errstate is recorder.base_errstate_object
    ERRSTATE.set(recorder.quiet if is_base else TRACING.of(errstate))
    try:
        return function(*operands)
    except ValueError:
        pass  # of shapes, mostly: told below
    finally:
        ERRSTATE.set(errstate)
    return compute(recorder, op, params, values, spelling)


def guard_raises(
    recorder: ActiveRecorder,
    op: Op,
    params: Params,
    tensors: Sequence[TracedTensor],
    spelling: str,
    error: Exception,
) -> None:
    """If user code catches the error, the program holds only while the op raises."""
    kind = ValueError if isinstance(error, errors.UserShapeError) else type(error)
    if isinstance(error, errors.TracerError) and kind is not ValueError:
        return
    inputs = tuple([recorder.node_of(t) for t in tensors])
    node = recorder.add(op, inputs, params, (WEAK_SPECS[bool],), "", spelling)
    if kind is RuntimeWarning and "raise" in dict(node.context or ()).values():
        kind = FloatingPointError  # what the user's warning filter became in the program
    recorder.guards.append(Guard(node, kind, "raises", node.origin))


# -- written down --------------------------------------------------------------------------------
def write_down(
    recorder: ActiveRecorder,
    op: Op,
    inputs: tuple[Node, ...],
    params: Params,
    specs: tuple[ArraySpec, ...],
    spelling: str,
    place: CallSite | None,
    name: str = "",
) -> Node:
    """A new node, called as the user calls it, or by ``name``."""
    context = origin = None
    if place is not None:
        origin, target = place.origin, place.target
        if type(target) is str:
            name = target or name
        elif op is GETITEM and type(target) is Unpacked:
            name = target.at(params.args[1]) or name
    if (
        warnings.filters is not recorder.base_filters
        or ERRSTATE.get() is not recorder.base_errstate_object
    ):
        context = recorder.context()
    node = Node(op, inputs, params, specs, origin, name, spelling, context)
    recorder.nodes.append(node)
    return node


def fresh_spec(result: Any, values: Sequence[Any]) -> ArraySpec | None:
    """What a fresh result looks like; None for a view, an operand itself, and no number."""
    kind = type(result)
    if kind is np.float64:
        return FLOAT64
    if kind is np.ndarray:
        if result.base is not None or any([result is value for value in values]):
            return None
        return array_spec(result.shape, result.dtype)
    weak = WEAK_SPECS.get(kind)
    if weak is not None:
        return weak
    return scalar_spec(result.dtype) if isinstance(result, np.generic) else None


def record(recorder: ActiveRecorder, call: Call, result: Any) -> Any:
    """The Tensors of a call's result, be it a view, of several parts or of run-time size."""
    op, place = call.op, call.place
    origin = place.origin if place is not None else None
    several = isinstance(result, (tuple, list))
    results = list(result) if several else [result]
    if not call.tensors and isinstance(result, np.ndarray) and result.dtype.kind not in "biufc":
        return result  # a container of things that are no numbers
    if not all(isinstance(r, NUMBERS) for r in results):
        if several or not results:
            raise errors.MissingRule(
                f"np.{op.name} returned {type(result).__name__} of things that are no arrays.",
                origin,
                "call it outside the traced function",
            )
        if op.name in ABOUT_TYPES or call.known:  # about shapes and dtypes: a plain answer
            return result
        raise errors.MissingRule(
            f"np.{op.name} returned a {type(result).__name__}, which can't be traced.",
            origin,
            "call it outside the traced function",
        )
    specs = result_specs(recorder, op, call.params, call.inputs, results, call.spelling, origin)
    if not several:
        node = write_down(recorder, op, call.inputs, call.params, specs, call.spelling, place)
        return _wrapped(recorder, call, in_seen_size(recorder, node), result)
    node = Node(op, call.inputs, call.params, specs, origin, "", call.spelling, recorder.context())
    recorder.nodes.append(node)
    target: Any = place.target if place is not None else ""
    names: Sequence[str] = target if isinstance(target, tuple) else ()
    outs = []
    for k, value in enumerate(results):
        name = names[k] if k < len(names) else ""
        part = Node(registry.ITEM, (node,), Params((HOLES[0], k)), (specs[k],), origin, name)
        recorder.nodes.append(part)
        outs.append(_wrapped(recorder, call, in_seen_size(recorder, part), value, k))
    if isinstance(result, list):
        return outs
    return type(result)(*outs) if hasattr(result, "_fields") else tuple(outs)


def _wrapped(
    recorder: ActiveRecorder, call: Call, node: Node, value: Any, item: int = -1
) -> TracedTensor:
    """The Tensor of a result, or of one in several: of new memory, or of an operand's."""
    if not isinstance(value, np.ndarray):
        return recorder.scalar(node, value, call.known)
    if value.base is None and not any(value is t._value for t in call.tensors):
        return recorder.array(node, value, None, (), call.known)
    params = call.params
    own = params.args[item] if item >= 0 and call.op.name == "broadcast_arrays" else None
    for slot, tensor in enumerate(call.tensors):
        if own is not None and own is not HOLES[slot]:
            continue  # each result is a view of its own operand
        buffer = tensor._buffer
        if buffer is None or not same_memory(value, buffer.value):
            continue
        if value is tensor._value and item < 0:
            if recorder.nodes[-1] is node:
                recorder.nodes.pop()
            return tensor
        shape = np.shape(tensor._value)
        step = ViewStep(call.op, params, call.inputs, slot, call.spelling, shape)
        steps = (*tensor._steps, step)
        if item >= 0:
            steps += (ViewStep(registry.ITEM, Params((HOLES[0], item)), (node,), 0, "", ()),)
        return recorder.array(node, value, buffer, steps, call.known)
    return recorder.array(node, value, None, (), call.known)
