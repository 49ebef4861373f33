"""The short way from an operator on Tensors and Python numbers to its node.

>>> quick(recorder, op_of(np.multiply), (x, 2.0), "operator")
TracedTensor of multiply

Most of what a scalar loop does are operators and ufuncs on Tensors of one trace whose memory
nobody has written to. For these no list is looked into and nothing can be a view, a run-time size
or a result of several parts; whatever is not so plain goes the general way of ``Calls.call``.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from tracer.graph.node import HOLES, POSITIONAL, Node, Params
from tracer.graph.op import Op
from tracer.graph.spec import WEAK_SPECS, ArraySpec, array_spec, scalar_spec
from tracer.recording.active import COMPUTING
from tracer.recording.floating import ERRSTATE, TRACING
from tracer.recording.layout import BLAS
from tracer.recording.poison import shell
from tracer.recording.tensor import TracedScalar, TracedTensor
from tracer.recording.whereabouts import Unpacked, user_frame

UNUSUAL = object()  # the general way is to be gone
FIRST, SECOND = HOLES[:2]
NATIVE = (np.ufunc, type(operator.add))
SHELL = shell(())
FLOAT64 = scalar_spec(np.dtype(np.float64))
PYTHONS = frozenset({int, float, complex, bool})


def quick(recorder: Any, op: Op, args: tuple[Any, ...], spelling: str) -> Any:
    """The Tensor of ``op(*args)``, or UNUSUAL; raises what NumPy raises."""
    count = len(args)
    if count == 2:
        left, right = args
        if type(left) is TracedScalar or type(left) is TracedTensor:
            if type(right) is TracedScalar or type(right) is TracedTensor:
                tensors, params = args, POSITIONAL[2]
            elif type(right) in PYTHONS:
                tensors, params = (left,), Params.of(FIRST, right)
            else:
                return UNUSUAL
        elif type(left) in PYTHONS and (type(right) is TracedScalar or type(right) is TracedTensor):
            tensors, params = (right,), Params.of(left, FIRST)
        else:
            return UNUSUAL
    elif count == 1 and (type(args[0]) is TracedScalar or type(args[0]) is TracedTensor):
        tensors, params = args, POSITIONAL[1]
    else:
        return UNUSUAL
    known = captured = True
    for tensor in tensors:
        buffer = tensor._buffer
        if tensor._recorder is not recorder or (
            buffer is not None
            and (
                tensor._version != buffer.version
                or not tensor._node.specs[0].is_static
                or (buffer.version and op.name in BLAS)
            )
        ):
            return UNUSUAL
        known = known and tensor._known
        captured = captured and tensor._captured
    place = recorder.locator.locate(user_frame(4))
    if params is POSITIONAL[2]:
        inputs: tuple[Node, ...] = (left._node, right._node)
        values = [left._value, right._value]
        operands = values
    else:
        tensor = tensors[0]
        inputs = (tensor._node,)
        values = [tensor._value]
        operands = [tensor._value if a is tensor else a for a in args] if count == 2 else values
    try:
        result = _computed(recorder, op, operands, values, spelling)
    except Exception as error:
        recorder._must_raise(op, params, tensors, spelling, error)
        raise
    spec = _spec(result, values)
    if spec is None:
        return recorder._record(
            op, params, inputs, tensors, values, result, spelling, place, known and op.is_pure
        )
    name = ""
    origin = None
    if place is not None:
        origin = place.origin
        target = place.target
        if type(target) is str:
            name = target
        elif type(target) is Unpacked and count == 2:
            name = target.at(args[1])
    context = None
    if (
        warnings.filters is not recorder.base_filters
        or ERRSTATE.get() is not recorder.base_errstate_object
    ):
        context = recorder._context()
    node = Node(op, inputs, params, (spec,), origin, name, spelling, context)
    recorder.nodes.append(node)
    if spec.kind == "array":
        made = recorder.array(node, result, None, (), known)
        made._captured = captured
        return made
    scalar: Any = SHELL.view(TracedScalar)
    scalar._value = result
    scalar._recorder = recorder
    scalar._node = node
    scalar._buffer = None
    scalar._steps = ()
    scalar._version = 0
    scalar._known = known
    scalar._captured = captured
    if recorder.kept is not None:
        recorder.kept.append(scalar)
    return scalar


def _computed(recorder: Any, op: Op, operands: Any, values: list[Any], spelling: str) -> Any:
    """What an operator or ufunc gives; being C code, it never asks for the recorder at work."""
    function = op.operator if spelling == "operator" else op.evaluate
    if function is None or type(function) not in NATIVE:
        return recorder.computed(op, operands, {}, values, spelling)
    computing = COMPUTING.set(recorder)
    errstate = ERRSTATE.set(TRACING.of(ERRSTATE.get()))
    try:
        return function(*operands)
    except ValueError:
        pass  # of shapes, mostly: told below
    finally:
        ERRSTATE.reset(errstate)
        COMPUTING.reset(computing)
    return recorder.computed(op, operands, {}, values, spelling)


def _spec(result: Any, values: list[Any]) -> ArraySpec | None:
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
