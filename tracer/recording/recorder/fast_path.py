"""The fast path: calls on Tensors and Python numbers whose templates need no search.

>>> elementwise(recorder, op_of(np.multiply), (x, 2.0), "operator")
TracedTensor of multiply

Most of what a scalar loop does are operators and ufuncs on Tensors of one trace whose memory
nobody has written to. For these no list is looked into and nothing can be a view, a run-time size
or a result of several parts; whatever is not so plain goes the general way of `calls.call`. Both
compute and write down by the functions of `results`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.node import HOLES, POSITIONAL, Node, Params, hole
from tracer.graph.op import Op
from tracer.graph.spec import array_spec, scalar_spec
from tracer.ops import registry
from tracer.ops.stand_ins import original_of
from tracer.recording.recorder.memory_layout import BLAS, VECTORISED
from tracer.recording.recorder.results import (
    FLOAT64,
    Call,
    compute,
    compute_numbers,
    fresh_spec,
    guard_raises,
    record,
    write_down,
)
from tracer.recording.source.frames import BY_RECORDER
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.scalar import TracedScalar
from tracer.recording.tensor.tensor import NO_FAST_PATH, TracedTensor, is_basic, new_tensor
from tracer.recording.tensor.views import Buffer, ViewStep

BY_LAYOUT = BLAS | VECTORISED  # what is written may lie otherwise in the program
FIRST, SECOND = HOLES[:2]
# By the name of the special method.
OPERATORS = {
    name: registry.op_named(called)
    for name, called in {
        "add": "add",
        "sub": "subtract",
        "mul": "multiply",
        "truediv": "divide",
        "pow": "pow",
        "matmul": "matmul",
        "lt": "less",
        "le": "less_equal",
        "gt": "greater",
        "ge": "greater_equal",
    }.items()
}
REFLECTED = frozenset({"lt", "le", "gt", "ge"})  # 1 < x is x > 1 to Python
PYTHONS = frozenset({int, float, complex, bool})
GETITEM, SETITEM = registry.GETITEM, registry.SETITEM
MANY = 1_000  # so many joined arrays have no template that is kept


def operation(name: str, left: Any, right: Any) -> Any:
    """The Tensor of an operator on two operands by its Python name, or NO_FAST_PATH."""
    kind, op = type(left), OPERATORS.get(name)
    if kind is TracedScalar or kind is TracedTensor:
        recorder = left._recorder
    elif kind in PYTHONS and (type(right) is TracedScalar or type(right) is TracedTensor):
        if name in REFLECTED:
            return NO_FAST_PATH
        recorder = right._recorder
    else:
        return NO_FAST_PATH
    if op is None or ACTIVE.get() is not recorder:
        return NO_FAST_PATH
    return elementwise(recorder, op, (left, right), "operator")


def elementwise(recorder: ActiveRecorder, op: Op, args: tuple[Any, ...], spelling: str) -> Any:
    """The Tensor of ``op(*args)``, or NO_FAST_PATH; raises what NumPy raises."""
    left = args[0] if args else None
    traced = type(left) is TracedScalar or type(left) is TracedTensor
    tensors: tuple[Any, ...] = args
    if len(args) == 2:
        right = args[1]
        if type(right) is TracedScalar or type(right) is TracedTensor:
            if traced:
                params = POSITIONAL[2]
            elif type(left) in PYTHONS:
                tensors, params = (right,), Params.of(left, FIRST)
            else:
                return NO_FAST_PATH
        elif traced and type(right) in PYTHONS:
            tensors, params = (left,), Params.of(FIRST, right)
        else:
            return NO_FAST_PATH
    elif traced and len(args) == 1:
        params = POSITIONAL[1]
    else:
        return NO_FAST_PATH
    known = captured = True
    for tensor in tensors:
        if tensor._recorder is not recorder:
            return NO_FAST_PATH
        buffer = tensor._buffer
        if buffer is not None and (
            tensor._version != buffer.version
            or not tensor._node.specs[0].is_static
            or (buffer.version and op.name in BY_LAYOUT)
        ):
            return NO_FAST_PATH
        known = known and tensor._known
        captured = captured and tensor._captured
    place = recorder.locator.running(BY_RECORDER)
    first = tensors[0]
    if params is POSITIONAL[2]:
        inputs: tuple[Node, ...] = (first._node, right._node)
        operands = values = [first._value, right._value]
    else:
        inputs = (first._node,)
        operands = values = [first._value]
        if len(args) == 2:
            operands = [first._value, right] if first is left else [left, first._value]
    try:
        result = compute_numbers(recorder, op, params, values, operands, spelling)
    except Exception as error:
        guard_raises(recorder, op, params, tensors, spelling, error)
        raise
    spec = FLOAT64 if type(result) is np.float64 else fresh_spec(result, values)
    if spec is None:
        call = Call(op, params, tensors, values, inputs, spelling, place, known and op.is_pure)
        return record(recorder, call, result)
    node = write_down(recorder, op, inputs, params, (spec,), spelling, place)
    if type(result) is np.ndarray:
        buffer = Buffer(node, result)
        return new_tensor(TracedTensor, recorder, node, result, buffer, (), known, captured)
    return new_tensor(TracedScalar, recorder, node, result, None, (), known, captured)


def ufunc(recorder: ActiveRecorder, called: np.ufunc, args: tuple[Any, ...]) -> Any:
    """The Tensor of ``called(*args)``, or NO_FAST_PATH."""
    op = registry.op_of(called)
    if op.schema.kind != "elementwise" or len(args) != called.nin:
        return NO_FAST_PATH
    return elementwise(recorder, op, args, "")


def item_at_work(tensor: Any, index: Any) -> Any:
    """The Tensor of ``tensor[index]`` in the trace at work, or NO_FAST_PATH."""
    recorder = tensor._recorder
    return looked_up(recorder, tensor, index) if ACTIVE.get() is recorder else NO_FAST_PATH


def item(recorder: ActiveRecorder, tensor: Any, index: Any) -> Any:
    """The Tensor of ``tensor[index]``, as ``tensor`` asks the recorder for it."""
    return looked_up(recorder, tensor, index)


def looked_up(recorder: ActiveRecorder, tensor: Any, index: Any) -> Any:
    """The Tensor of ``tensor[index]`` for integers and slices, or NO_FAST_PATH."""
    if type(tensor) is not TracedTensor or tensor._recorder is not recorder:
        return NO_FAST_PATH
    source, buffer = tensor._node, tensor._buffer
    if tensor._version != buffer.version or not source.specs[0].is_static:
        return NO_FAST_PATH
    params = _item_params(index)
    if params is None:
        return NO_FAST_PATH
    value = tensor._value
    place = recorder.locator.running(BY_RECORDER)
    try:
        result = value[index]
    except Exception as error:
        guard_raises(recorder, GETITEM, params, (tensor,), "", error)
        raise
    inputs, known, captured = (source,), tensor._known, tensor._captured
    if type(result) is not np.ndarray:
        spec = scalar_spec(result.dtype)
        node = write_down(recorder, GETITEM, inputs, params, (spec,), "", place)
        return new_tensor(TracedScalar, recorder, node, result, None, (), known, captured)
    if not result.size:
        return NO_FAST_PATH
    spec = array_spec(result.shape, result.dtype)
    node = write_down(recorder, GETITEM, inputs, params, (spec,), "", place)
    steps = (*tensor._steps, ViewStep(GETITEM, params, inputs, 0, "", value.shape))
    return new_tensor(TracedTensor, recorder, node, result, buffer, steps, known, captured)


def _item_params(index: Any) -> Params | None:
    """``x[index]`` as a template, the same one for the same place; None where it is not plain."""
    kind = type(index)
    if kind is int:
        found = _ITEMS.get(index)
    elif is_basic(index):
        if kind is not slice:
            return Params.of(FIRST, index)
        found = _ITEMS.get((index.start, index.stop, index.step))
    else:
        return None
    if found is None:
        found = Params.of(FIRST, index)
        if len(_ITEMS) < MANY:
            key = index if kind is int else (index.start, index.stop, index.step)
            _ITEMS[key] = found
    return found


_ITEMS: dict[Any, Params] = {}


def put(recorder: ActiveRecorder, target: Any, index: Any, value: Any) -> bool:
    """``target[index] = value`` of a number, where integers and slices say where; whether done."""
    if target._steps or not _is_current(recorder, target) or not is_basic(index):
        return False
    old, known = target._node, True
    if type(value) is TracedScalar and value._recorder is recorder:
        params, inputs, number = Params.of(FIRST, SECOND, index), (old, value._node), value._value
        known = value._known
    elif type(value) in PYTHONS:
        params, inputs, number = Params.of(FIRST, value, index), (old,), value
    else:
        return False
    if type(number) not in (float, np.float64) or target._value.dtype != FLOAT64.dtype:
        return False  # NumPy may warn of a cast
    place = recorder.locator.running(BY_RECORDER)
    try:
        target._value[index] = number
    except IndexError:
        return False
    node = write_down(recorder, SETITEM, inputs, params, old.specs, "", place, old.name)
    recorder.replace(target, node, known)
    return True


JOINING = {
    original_of(function): registry.op_of(original_of(function))
    for function in (np.array, np.stack, np.concatenate, np.vstack, np.hstack, np.column_stack)
}
REDUCING = {
    original_of(function): registry.op_of(original_of(function))
    for function in (np.sum, np.mean, np.max, np.min, np.prod, np.dot)
}
WHERE = original_of(np.where)
CHOOSING = registry.op_of(WHERE)
SHORT = frozenset({*REDUCING, WHERE})  # what takes numbers and Tensors alone
_JOINED: dict[tuple[type, int], Params] = {}


def function(
    recorder: ActiveRecorder, called: Any, args: tuple[Any, ...], spelling: str = ""
) -> Any:
    """The Tensor of a sum of an array or of several that are joined, or NO_FAST_PATH."""
    op = REDUCING.get(called)
    if op is not None:
        if any([type(argument) is not TracedTensor for argument in args]):
            return NO_FAST_PATH
        return elementwise(recorder, op, args, spelling)
    if called is WHERE and len(args) == 3:
        return _chosen(recorder, args)
    op = JOINING.get(called)
    if op is None or len(args) != 1 or type(args[0]) not in (list, tuple):
        return NO_FAST_PATH
    items = args[0]
    known = captured = True
    for item in items:
        if type(item) is TracedTensor:
            if not _is_current(recorder, item):
                return NO_FAST_PATH
        elif type(item) is not TracedScalar or item._recorder is not recorder:
            return NO_FAST_PATH
        known = known and item._known
        captured = captured and item._captured
    kind = type(items), len(items)
    params = _JOINED.get(kind)
    if params is None:
        holes = [hole(slot) for slot in range(len(items))]
        params = Params((holes if type(items) is list else tuple(holes),))
        if len(items) < MANY:
            _JOINED[kind] = params
    inputs = tuple([item._node for item in items])
    values = [item._value for item in items]
    place = recorder.locator.running(BY_RECORDER)
    try:
        result = compute(recorder, op, params, values, "")
    except Exception as error:
        guard_raises(recorder, op, params, items, "", error)
        raise
    if not values or type(result) is not np.ndarray or result.base is not None:
        pure = known and op.is_pure
        return record(recorder, Call(op, params, items, values, inputs, "", place, pure), result)
    spec = array_spec(result.shape, result.dtype)
    node = write_down(recorder, op, inputs, params, (spec,), "", place)
    buffer = Buffer(node, result)
    return new_tensor(TracedTensor, recorder, node, result, buffer, (), known, captured)


def _chosen(recorder: ActiveRecorder, args: tuple[Any, ...]) -> Any:
    """The Tensor of ``np.where(condition, x, y)``, or NO_FAST_PATH."""
    tensors: list[Any] = []
    places: list[Any] = []
    known = captured = True
    for argument in args:
        kind = type(argument)
        if kind is TracedTensor or kind is TracedScalar:
            if argument._recorder is not recorder or (
                argument._buffer is not None and not _is_current(recorder, argument)
            ):
                return NO_FAST_PATH
            places.append(HOLES[len(tensors)])
            tensors.append(argument)
            known = known and argument._known
            captured = captured and argument._captured
        elif kind is float or kind is int:
            places.append(argument)
        else:
            return NO_FAST_PATH
    params = POSITIONAL[3] if len(tensors) == 3 else Params.of(*places)
    inputs = tuple([tensor._node for tensor in tensors])
    values = [tensor._value for tensor in tensors]
    place = recorder.locator.running(BY_RECORDER)
    try:
        result = compute(recorder, CHOOSING, params, values, "")
    except Exception as error:
        guard_raises(recorder, CHOOSING, params, tensors, "", error)
        raise
    spec = array_spec(result.shape, result.dtype)
    node = write_down(recorder, CHOOSING, inputs, params, (spec,), "", place)
    buffer = Buffer(node, result)
    return new_tensor(TracedTensor, recorder, node, result, buffer, (), known, captured)


def _is_current(recorder: ActiveRecorder, tensor: Any) -> bool:
    """Whether an array is this trace's, and its node that of its memory as it is now."""
    return (
        tensor._recorder is recorder
        and tensor._version == tensor._buffer.version
        and tensor._node.specs[0].is_static
    )
