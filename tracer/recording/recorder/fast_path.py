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

from tracer.graph.node import HOLES, POSITIONAL, Node, Params, hole
from tracer.graph.op import Op
from tracer.graph.spec import WEAK_SPECS, ArraySpec, array_spec, scalar_spec
from tracer.ops import registry
from tracer.ops.stand_ins import original_of
from tracer.recording.recorder.errstate import ERRSTATE, TRACING
from tracer.recording.recorder.memory_layout import BLAS, VECTORISED
from tracer.recording.source.locator import Unpacked
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.poison import shell
from tracer.recording.tensor.tensor import NO_FAST_PATH, TracedScalar, TracedTensor, is_basic
from tracer.recording.tensor.views import ViewStep

BY_LAYOUT = BLAS | VECTORISED  # what is written may lie otherwise in the program
FIRST, SECOND = HOLES[:2]
NATIVE = (np.ufunc, type(operator.add))
SHELL = shell(())
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
FLOAT64 = scalar_spec(np.dtype(np.float64))
ONE_FLOAT64 = (FLOAT64,)
PYTHONS = frozenset({int, float, complex, bool})
GETITEM, SETITEM = registry.GETITEM, registry.SETITEM
MANY = 1_000  # joined arrays for which no template is kept


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
    return quick(recorder, op, (left, right), "operator")


def quick(recorder: Any, op: Op, args: tuple[Any, ...], spelling: str) -> Any:
    """The Tensor of ``op(*args)``, or NO_FAST_PATH; raises what NumPy raises."""
    count = len(args)
    if count == 2:
        left, right = args
        if type(left) is TracedScalar or type(left) is TracedTensor:
            if type(right) is TracedScalar or type(right) is TracedTensor:
                tensors, params = args, POSITIONAL[2]
            elif type(right) in PYTHONS:
                tensors, params = (left,), Params.of(FIRST, right)
            else:
                return NO_FAST_PATH
        elif type(left) in PYTHONS and (type(right) is TracedScalar or type(right) is TracedTensor):
            tensors, params = (right,), Params.of(left, FIRST)
        else:
            return NO_FAST_PATH
    elif count == 1 and (type(args[0]) is TracedScalar or type(args[0]) is TracedTensor):
        tensors, params = args, POSITIONAL[1]
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
        if not tensor._known:
            known = False
        if not tensor._captured:
            captured = False
    place = recorder.locator.running(4)
    if params is POSITIONAL[2]:
        inputs: tuple[Node, ...] = (left._node, right._node)
        operands = values = [left._value, right._value]
    else:
        tensor = tensors[0]
        inputs = (tensor._node,)
        operands = values = [tensor._value]
        if count == 2:
            operands = [values[0], right] if tensor is left else [left, values[0]]
    errstate = ERRSTATE.get()
    same_errstate = errstate is recorder.base_errstate_object
    try:
        function = op.operator if spelling == "operator" else op.evaluate
        if same_errstate and type(function) in NATIVE:
            ERRSTATE.set(recorder.quiet)
            try:
                result = function(*operands)
            except ValueError:  # of shapes, mostly: told there
                ERRSTATE.set(errstate)
                result = recorder.computed(op, operands, {}, values, spelling)
            finally:
                ERRSTATE.set(errstate)
        else:
            result = _computed(recorder, op, operands, values, spelling)
    except Exception as error:
        recorder._must_raise(op, params, tensors, spelling, error)
        raise
    is_array = type(result) is np.ndarray
    if type(result) is np.float64:
        specs = ONE_FLOAT64
    else:
        spec = _spec(result, values)
        if spec is None:
            return recorder._record(
                op, params, inputs, tensors, values, result, spelling, place, known and op.is_pure
            )
        specs = (spec,)
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
    if not same_errstate or warnings.filters is not recorder.base_filters:
        context = recorder._context()
    node = Node(op, inputs, params, specs, origin, name, spelling, context)
    recorder.nodes.append(node)
    if is_array:
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


def ufunc(recorder: Any, called: np.ufunc, args: tuple[Any, ...]) -> Any:
    """The Tensor of ``called(*args)``, or NO_FAST_PATH."""
    op = registry.op_of(called)
    if op.schema.kind != "elementwise" or len(args) != called.nin:
        return NO_FAST_PATH
    return quick(recorder, op, args, "")


def looked_up(tensor: Any, index: Any) -> Any:
    """The Tensor of ``tensor[index]`` in the trace at work, or NO_FAST_PATH."""
    recorder = tensor._recorder
    return look(recorder, tensor, index) if ACTIVE.get() is recorder else NO_FAST_PATH


def look(recorder: Any, tensor: Any, index: Any, depth: int = 4) -> Any:
    """The Tensor of ``tensor[index]`` for integers and slices, or NO_FAST_PATH.

    The user's code is at least ``depth`` frames up.
    """
    if type(tensor) is not TracedTensor or tensor._recorder is not recorder:
        return NO_FAST_PATH
    source, buffer = tensor._node, tensor._buffer
    if tensor._version != buffer.version or not source.specs[0].is_static:
        return NO_FAST_PATH
    params = _place_of(index)
    if params is None:
        return NO_FAST_PATH
    value = tensor._value
    place = recorder.locator.running(depth)
    try:
        result = value[index]
    except Exception as error:
        recorder._must_raise(GETITEM, params, (tensor,), "", error)
        raise
    name = ""
    if place is not None:
        target = place.target
        if type(target) is str:
            name = target
        elif type(target) is Unpacked:
            name = target.at(index)
    inputs = (source,)
    if type(result) is not np.ndarray:
        spec = scalar_spec(result.dtype)
        node = _noted(recorder, GETITEM, inputs, params, spec, place, name)
        made = recorder.scalar(node, result, tensor._known)
    elif result.size:
        spec = array_spec(result.shape, result.dtype)
        node = _noted(recorder, GETITEM, inputs, params, spec, place, name)
        step = ViewStep(GETITEM, params, inputs, 0, "", value.shape)
        made = recorder.array(node, result, buffer, (*tensor._steps, step), tensor._known)
    else:
        return NO_FAST_PATH
    made._captured = tensor._captured
    return made


def _place_of(index: Any) -> Params | None:
    """``x[index]`` as a template, the same one for the same place; None where it is not plain."""
    kind = type(index)
    if kind is int:
        found = _PLACES.get(index)
    elif is_basic(index):
        if kind is not slice:
            return Params.of(FIRST, index)
        found = _PLACES.get((index.start, index.stop, index.step))
    else:
        return None
    if found is None:
        found = Params.of(FIRST, index)
        if len(_PLACES) < MANY:
            key = index if kind is int else (index.start, index.stop, index.step)
            _PLACES[key] = found
    return found


_PLACES: dict[Any, Params] = {}


def put(recorder: Any, target: Any, index: Any, value: Any) -> bool:
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
    place = recorder.locator.running(4)
    try:
        target._value[index] = number
    except IndexError:
        return False
    name = place.target if place is not None and type(place.target) is str else ""
    node = _noted(recorder, SETITEM, inputs, params, old.specs[0], place, name or old.name)
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


def function(recorder: Any, called: Any, args: tuple[Any, ...], spelling: str = "") -> Any:
    """The Tensor of a sum of an array or of several that are joined, or NO_FAST_PATH."""
    op = REDUCING.get(called)
    if op is not None:
        if any([type(argument) is not TracedTensor for argument in args]):
            return NO_FAST_PATH
        return quick(recorder, op, args, spelling)
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
    place = recorder.locator.running(4)
    try:
        result = recorder.computed(op, (values,), {}, values, "")
    except Exception as error:
        recorder._must_raise(op, params, items, "", error)
        raise
    if not values or type(result) is not np.ndarray or result.base is not None:
        return recorder._record(
            op, params, inputs, list(items), values, result, "", place, known and op.is_pure
        )
    name = place.target if place is not None and type(place.target) is str else ""
    spec = array_spec(result.shape, result.dtype)
    node = _noted(recorder, op, inputs, params, spec, place, name)
    made = recorder.array(node, result, None, (), known)
    made._captured = captured
    return made


def _chosen(recorder: Any, args: tuple[Any, ...]) -> Any:
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
    place = recorder.locator.running(4)
    operands, _ = params.fill(values)
    try:
        result = recorder.computed(CHOOSING, operands, {}, values, "")
    except Exception as error:
        recorder._must_raise(CHOOSING, params, tensors, "", error)
        raise
    name = place.target if place is not None and type(place.target) is str else ""
    spec = array_spec(result.shape, result.dtype)
    node = _noted(recorder, CHOOSING, inputs, params, spec, place, name)
    made = recorder.array(node, result, None, (), known)
    made._captured = captured
    return made


def _is_current(recorder: Any, tensor: Any) -> bool:
    """Whether an array is this trace's, and its node that of its memory as it is now."""
    return (
        tensor._recorder is recorder
        and tensor._version == tensor._buffer.version
        and tensor._node.specs[0].is_static
    )


def _noted(
    recorder: Any,
    op: Op,
    inputs: tuple[Node, ...],
    params: Params,
    spec: ArraySpec,
    place: Any,
    name: str,
) -> Node:
    """A new node, written down."""
    context = None
    if (
        warnings.filters is not recorder.base_filters
        or ERRSTATE.get() is not recorder.base_errstate_object
    ):
        context = recorder._context()
    origin = None if place is None else place.origin
    node = Node(op, inputs, params, (spec,), origin, name, "", context)
    recorder.nodes.append(node)
    return node


def _computed(recorder: Any, op: Op, operands: Any, values: list[Any], spelling: str) -> Any:
    """What an operator or ufunc gives; being C code, it never asks for the recorder at work."""
    function = op.operator if spelling == "operator" else op.evaluate
    if function is None or type(function) not in NATIVE:
        return recorder.computed(op, operands, {}, values, spelling)
    errstate = ERRSTATE.get()
    quiet = recorder.quiet if errstate is recorder.base_errstate_object else TRACING.of(errstate)
    ERRSTATE.set(quiet)
    try:
        return function(*operands)
    except ValueError:
        pass  # of shapes, mostly: told below
    finally:
        ERRSTATE.set(errstate)
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
