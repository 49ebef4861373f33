"""Calls: NumPy runs on the concrete values of the Tensors, and the call becomes a node.

>>> recorder.call(op_of(np.add), (x, 1.0), {}, "operator")
TracedTensor of add
"""

from __future__ import annotations

import operator as python
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.calcgraph import Guard
from tracer.graph.node import HOLES, POSITIONAL, Params, hole, map_structure
from tracer.graph.op import Op
from tracer.ops import registry
from tracer.ops.normalise import array_parameters
from tracer.recording.recorder import fast_path
from tracer.recording.recorder.memory_layout import as_laid_out
from tracer.recording.recorder.results import Call, compute, guard_raises, record
from tracer.recording.source.frames import BY_TENSOR
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.leaks import NESTED, contains_tensor
from tracer.recording.tensor.tensor import NO_FAST_PATH, TracedTensor


def operator(recorder: ActiveRecorder, op: Op, operands: tuple[Any, ...]) -> Any:
    """A Python operator; NotImplemented for a partner that is no number."""
    if op.schema.kind == "elementwise":
        found = fast_path.elementwise(recorder, op, operands, "operator")
        if found is not NO_FAST_PATH:
            return found
    for operand in operands:
        if not isinstance(operand, (np.ndarray, np.generic, int, float, complex)):
            if isinstance(operand, (list, tuple, range)):
                repeated = op.name == "multiply" and not isinstance(operand, range)
                if repeated and (times := _repetitions(recorder, operands)) is not None:
                    return python.mul(operand, times)
                operands = tuple(
                    [
                        recorder.as_array(o) if isinstance(o, (list, tuple, range)) else o
                        for o in operands
                    ]
                )
                break
            return NotImplemented
        if type(operand) is np.ndarray and operand.dtype == object and not operand.shape:
            # What NumPy made of a partner that is no number, a Polynomial: Python decides.
            return op.operator(*[_inside(o) for o in operands])
    return recorder.call(op, operands, {}, "operator")


def _repetitions(recorder: ActiveRecorder, operands: tuple[Any, ...]) -> int | None:
    """How often ``[a, b] * n`` repeats a list, where ``n`` is an integer of NumPy's."""
    for operand in operands:
        if isinstance(operand, TracedTensor):
            spec = operand._node.specs[0]
            if spec.kind == "scalar" and spec.dtype.kind in "iu":
                return python.index(operand)
    return None


def as_array(recorder: ActiveRecorder, data: Any) -> Any:
    """``np.array`` of nested lists that hold Tensors, as a node."""
    if not contains_tensor(data):
        return np.array(data)
    return recorder.call(registry.op_of(np.array), (data,), {}, "")


def gathered(
    recorder: ActiveRecorder, function: Any, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any]]:
    """Lists where NumPy takes one array become arrays, as NumPy would make them."""
    nested = any([type(a) in (list, tuple) for a in args])
    if not nested and not any([type(a) in (list, tuple) for a in kwargs.values()]):
        return args, kwargs
    names = array_parameters(function)
    several = next((name for name in names if name[0] == "*"), "")
    first = names.index(several) if several else len(names)
    placed = [
        _from_list(recorder, names[k] if k < first else several, a) for k, a in enumerate(args)
    ]
    return tuple(placed), {k: _from_list(recorder, k, v) for k, v in kwargs.items()}


def _from_list(recorder: ActiveRecorder, name: str, argument: Any) -> Any:
    if type(argument) not in (list, tuple):
        return argument
    if name in ONE_ARRAY or (name in EITHER and contains_tensor(argument)):
        return recorder.as_array(argument)
    return argument


def call(
    recorder: ActiveRecorder, op: Op, args: Sequence[Any], kwargs: dict[str, Any], spelling: str
) -> Any:
    """Run the op on the concrete values and write it down."""
    if op is registry.GETITEM:
        found = fast_path.looked_up(recorder, args[0], args[1])
        if found is not NO_FAST_PATH:
            return found
    elif not kwargs and op.schema.kind == "elementwise" and op.name not in DTYPE_BY_VALUE:
        found = fast_path.elementwise(recorder, op, tuple(args), spelling)
        if found is not NO_FAST_PATH:
            return found
    tensors: list[TracedTensor] = []
    params, values = template(recorder, args, kwargs, tensors)
    place = recorder.locator.running(BY_TENSOR)
    try:
        result = compute(recorder, op, params, values, spelling)
    except Exception as error:
        guard_raises(recorder, op, params, tensors, spelling, error)
        raise
    inputs = tuple([recorder.node_of(t) for t in as_laid_out(recorder, op, tensors)])
    known = all([t._known for t in tensors]) and op.is_pure
    split = Call(op, params, tensors, values, inputs, spelling, place, known)
    made = record(recorder, split, result)
    if known:
        return made
    several = made if isinstance(made, (tuple, list)) else (made,)
    if op.name in DTYPE_BY_VALUE:
        _guard_dtypes(recorder, several)
    if all([t._captured for t in tensors]):
        for tensor in several:
            if isinstance(tensor, TracedTensor):
                tensor._captured = True
    return made


def _guard_dtypes(recorder: ActiveRecorder, made: Sequence[TracedTensor]) -> None:
    """Other values give another dtype: the program holds for this one."""
    for tensor in made:
        node = tensor._node
        if node.specs[0].kind != "weak":
            recorder.guards.append(Guard(node, node.specs[0].dtype, "dtype", node.origin))


def template(
    recorder: ActiveRecorder,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    tensors: list[TracedTensor],
) -> tuple[Params, list[Any]]:
    values: list[Any] = []

    def place(leaf: Any) -> Any:
        if isinstance(leaf, TracedTensor):
            if leaf._recorder is not recorder:
                leaf = recorder.from_outer(leaf)
        elif isinstance(leaf, (np.ndarray, np.generic)):
            refuse_type(leaf, recorder)
            leaf = recorder.constant(leaf)
        else:
            return leaf
        tensors.append(leaf)
        values.append(leaf._value)
        return hole(len(values) - 1)

    if not kwargs:
        placed = [map_structure(place, a) if isinstance(a, NESTED) else place(a) for a in args]
        if (
            len(placed) == len(values)
            and len(placed) < 9
            and all(p is HOLES[i] for i, p in enumerate(placed))
        ):
            return POSITIONAL[len(placed)], values
        return Params(placed), values
    filled = [map_structure(place, a) for a in args]
    named = {key: map_structure(place, value) for key, value in kwargs.items()}
    return Params(filled, named), values


# Parameters of NumPy's functions that take one array, by name.
ONE_ARRAY = frozenset(
    "a x x1 x2 y b m arr array ary A B condition weights where *operands *arys v filter".split()
)


# Those that are a list as often: an axis, sections, several arrays.
EITHER = frozenset(
    "a1 a2 a_max a_min ar ar1 ar2 aweights append base beta bins c constant_values d "
    "default element f fill_value filt fp fweights ind indices indices_or_sections initial max "
    "mean min nan neginf obj object_ p p1 p2 posinf prepend prototype q r repeats reps roots "
    "sample seq_of_zeros shift sorter start stop test_elements to_begin to_end u val values w xp z "
    "*args *xi *varargs".split()
)


def _inside(operand: Any) -> Any:
    return operand.item() if type(operand) is np.ndarray and operand.dtype == object else operand


# Functions whose results are real or complex as the values have it.
DTYPE_BY_VALUE = frozenset(
    "emath.sqrt emath.log emath.log2 emath.log10 emath.logn emath.power emath.arcsin emath.arccos "
    "emath.arctanh linalg.eig linalg.eigvals roots poly real_if_close".split()
)


def refuse_type(value: Any, recorder: ActiveRecorder | None = None) -> None:
    """Raise for arrays that hold no plain numbers.

    Raises
    ------
    UnsupportedType
        For masked, object, structured, string and date arrays, and ``np.matrix``.
    """
    if isinstance(value, (np.ma.MaskedArray, np.matrix)) or value.dtype.kind not in "biufc":
        what = f"A {type(value).__name__}"
        if type(value) is np.ndarray:
            what = f"An array of {value.dtype}"
        raise errors.UnsupportedType(
            f"{what} can't be traced.",
            recorder.where() if recorder is not None else None,
            "pass a plain ndarray of numbers",
        )
