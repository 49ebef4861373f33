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
from tracer.graph.node import HOLES, POSITIONAL, Node, Params, hole, map_structure
from tracer.graph.op import Op
from tracer.graph.origin import Origin
from tracer.graph.spec import WEAK_SPECS
from tracer.ops import registry
from tracer.ops.normalise import array_parameters
from tracer.recording.recorder.errstate import ERRSTATE, TRACING
from tracer.recording.recorder.fast_path import NO_FAST_PATH, look, quick
from tracer.recording.recorder.memory_layout import as_laid_out
from tracer.recording.recorder.nodes import Notes
from tracer.recording.recorder.sizes import Sizes
from tracer.recording.recorder.specs import is_shape_error
from tracer.recording.source.locator import CallSite, Unpacked
from tracer.recording.tensor import active
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.leaks import NESTED, NUMBERS, contains_tensor
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import ViewStep, same_memory


class Calls(Sizes):
    """Notes that can run NumPy functions, ufuncs and operators."""

    look = look

    def operator(self, op: Op, operands: tuple[Any, ...]) -> Any:
        """A Python operator; NotImplemented for a partner that is no number."""
        if op.schema.kind == "elementwise":
            found = quick(self, op, operands, "operator")
            if found is not NO_FAST_PATH:
                return found
        for operand in operands:
            if not isinstance(operand, (np.ndarray, np.generic, int, float, complex)):
                if isinstance(operand, (list, tuple, range)):
                    repeated = op.name == "multiply" and not isinstance(operand, range)
                    if repeated and (times := self._times(operands)) is not None:
                        return python.mul(operand, times)
                    operands = tuple(
                        [
                            self.as_array(o) if isinstance(o, (list, tuple, range)) else o
                            for o in operands
                        ]
                    )
                    break
                return NotImplemented
            if type(operand) is np.ndarray and operand.dtype == object and not operand.shape:
                # What NumPy made of a partner that is no number, a Polynomial: Python decides.
                return op.operator(*[_inside(o) for o in operands])
        return self.call(op, operands, {}, "operator")

    def _times(self, operands: tuple[Any, ...]) -> int | None:
        """How often ``[a, b] * n`` repeats a list, where ``n`` is an integer of NumPy's."""
        for operand in operands:
            if isinstance(operand, TracedTensor):
                spec = operand._node.specs[0]
                if spec.kind == "scalar" and spec.dtype.kind in "iu":
                    return python.index(operand)
        return None

    def as_array(self, data: Any) -> Any:
        """``np.array`` of nested lists that hold Tensors, as a node."""
        if not contains_tensor(data):
            return np.array(data)
        return self.call(registry.op_of(np.array), (data,), {}, "")

    def gathered(
        self, function: Any, args: tuple, kwargs: dict[str, Any]
    ) -> tuple[tuple, dict[str, Any]]:
        """Lists where NumPy takes one array become arrays, as NumPy would make them."""
        nested = any([type(a) in (list, tuple) for a in args])
        if not nested and not any([type(a) in (list, tuple) for a in kwargs.values()]):
            return args, kwargs
        names = array_parameters(function)
        several = next((name for name in names if name[0] == "*"), "")
        first = names.index(several) if several else len(names)
        placed = [
            self._from_list(names[k] if k < first else several, a) for k, a in enumerate(args)
        ]
        return tuple(placed), {k: self._from_list(k, v) for k, v in kwargs.items()}

    def _from_list(self, name: str, argument: Any) -> Any:
        if type(argument) not in (list, tuple):
            return argument
        if name in ONE_ARRAY or (name in EITHER and contains_tensor(argument)):
            return self.as_array(argument)
        return argument

    def call(self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], spelling: str) -> Any:
        """Run the op on the concrete values and write it down."""
        if op is registry.GETITEM:
            found = look(self, args[0], args[1])
            if found is not NO_FAST_PATH:
                return found
        elif not kwargs and op.schema.kind == "elementwise" and op.name not in DTYPE_BY_VALUE:
            found = quick(self, op, tuple(args), spelling)
            if found is not NO_FAST_PATH:
                return found
        tensors: list[TracedTensor] = []
        params, values = self._template(args, kwargs, tensors)
        place = self.place(3)
        try:
            result = self._compute(op, params, values, spelling)
        except Exception as error:
            self._must_raise(op, params, tensors, spelling, error)
            raise
        inputs = tuple([self.node_of(t) for t in as_laid_out(self, op, tensors)])
        known = all([t._known for t in tensors]) and op.is_pure
        made = self._record(op, params, inputs, tensors, values, result, spelling, place, known)
        if not known and op.name in DTYPE_BY_VALUE:
            self._guard_dtypes(made)
        if not known and all([t._captured for t in tensors]):
            for tensor in made if isinstance(made, (tuple, list)) else (made,):
                if isinstance(tensor, TracedTensor):
                    tensor._captured = True
        return made

    def _guard_dtypes(self, made: Any) -> None:
        """Other values give another dtype: the program holds for this one."""
        for tensor in made if isinstance(made, (tuple, list)) else (made,):
            node = tensor._node
            if node.specs[0].kind != "weak":
                self.guards.append(Guard(node, node.specs[0].dtype, "dtype", node.origin))

    def _must_raise(
        self,
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
        inputs = tuple([self.node_of(t) for t in tensors])
        node = self.add(op, inputs, params, (WEAK_SPECS[bool],), "", spelling)
        if kind is RuntimeWarning and "raise" in dict(node.context or ()).values():
            kind = FloatingPointError  # what the user's warning filter became in the program
        self.guards.append(Guard(node, kind, "raises", node.origin))

    def _template(
        self, args: Sequence[Any], kwargs: dict[str, Any], tensors: list[TracedTensor]
    ) -> tuple[Params, list[Any]]:
        values: list[Any] = []

        def place(leaf: Any) -> Any:
            if isinstance(leaf, TracedTensor):
                if leaf._recorder is not self:
                    leaf = self._from_outer(leaf)
            elif isinstance(leaf, (np.ndarray, np.generic)):
                refuse_type(leaf, self)
                leaf = self.constant(leaf)
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

    def _compute(self, op: Op, params: Params, values: list[Any], spelling: str) -> Any:
        args, kwargs = params.fill(values)
        return self.computed(op, args, kwargs, values, spelling)

    def computed(
        self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], values: list[Any], spelling: str
    ) -> Any:
        """What NumPy gives; ``values`` are the operands, for its error."""
        function = (
            op.operator if spelling == "operator" and op.operator is not None else op.evaluate
        )
        token = ACTIVE.set(None)
        computing = active.COMPUTING.set(self)
        errstate = ERRSTATE.set(TRACING.of(ERRSTATE.get()))
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            if type(error) is ValueError and is_shape_error(error):
                raise errors.UserShapeError(
                    f"NumPy refused the shapes in {op.name}: {error}",
                    self.where(),
                    "check the shapes: " + ", ".join(str(np.shape(v)) for v in values),
                ) from error
            raise
        finally:
            ERRSTATE.reset(errstate)
            active.COMPUTING.reset(computing)
            ACTIVE.reset(token)

    def _record(
        self,
        op: Op,
        params: Params,
        inputs: tuple[Node, ...],
        tensors: list[TracedTensor],
        values: list[Any],
        result: Any,
        spelling: str,
        place: CallSite | None,
        known: bool,
    ) -> Any:
        origin = place.origin if place is not None else None
        target = place.target if place is not None else ""
        several = isinstance(result, (tuple, list))
        results = list(result) if several else [result]
        if not tensors and isinstance(result, np.ndarray) and result.dtype.kind not in "biufc":
            return result  # a container of things that are no numbers
        if not all(isinstance(r, NUMBERS) for r in results):
            if several or not results:
                raise errors.MissingRule(
                    f"np.{op.name} returned {type(result).__name__} of things that are no arrays.",
                    origin,
                    "call it outside the traced function",
                )
            return self._plain(op, result, inputs, known, origin)
        specs = self._specs(op, params, inputs, results, spelling, origin)
        if type(target) is Unpacked and op is registry.GETITEM:
            target = target.at(params.args[1])
        if several and isinstance(target, str):
            names: Sequence[str] = [""] * len(results)
        else:
            names = target if several else (target if isinstance(target, str) else "",)
        node = Node(
            op,
            inputs,
            params,
            specs,
            origin,
            "" if several else names[0],
            spelling,
            self._context(),
        )
        self.nodes.append(node)
        if not several:
            node = self._sized(node)
            return self._wrap(node, op, params, inputs, tensors, result, spelling, known)
        outs = []
        for k, value in enumerate(results):
            name = names[k] if k < len(names) else ""
            item_node = Node(
                registry.ITEM, (node,), Params((HOLES[0], k)), (specs[k],), origin, name
            )
            self.nodes.append(item_node)
            item_node = self._sized(item_node)
            outs.append(
                self._wrap(item_node, op, params, inputs, tensors, value, spelling, known, k)
            )
        if isinstance(result, list):
            return outs
        return type(result)(*outs) if hasattr(result, "_fields") else tuple(outs)

    def _wrap(
        self,
        node: Node,
        op: Op,
        params: Params,
        inputs: tuple[Node, ...],
        tensors: list[TracedTensor],
        value: Any,
        spelling: str,
        known: bool,
        item: int = -1,
    ) -> TracedTensor:
        if not isinstance(value, np.ndarray):
            return self.scalar(node, value, known)
        if value.base is None and not any(value is t._value for t in tensors):
            return self.array(node, value, None, (), known)
        own = params.args[item] if item >= 0 and op.name == "broadcast_arrays" else None
        for slot, tensor in enumerate(tensors):
            if own is not None and own is not HOLES[slot]:
                continue  # each result is a view of its own operand
            buffer = tensor._buffer
            if buffer is None or not same_memory(value, buffer.value):
                continue
            if value is tensor._value and item < 0:
                if self.nodes[-1] is node:
                    self.nodes.pop()
                return tensor
            step = ViewStep(op, params, inputs, slot, spelling, np.shape(tensor._value))
            steps = (*tensor._steps, step)
            if item >= 0:
                steps += (ViewStep(registry.ITEM, Params((HOLES[0], item)), (node,), 0, "", ()),)
            return self.array(node, value, buffer, steps, known)
        return self.array(node, value, None, (), known)

    def _plain(
        self, op: Op, result: Any, inputs: tuple[Node, ...], known: bool, origin: Origin | None
    ) -> Any:
        """A function that answers about shapes and dtypes gives a plain answer."""
        from tracer.recording.recorder.specs import ABOUT_TYPES

        if op.name in ABOUT_TYPES or known:
            return result
        raise errors.MissingRule(
            f"np.{op.name} returned a {type(result).__name__}, which can't be traced.",
            origin,
            "call it outside the traced function",
        )


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


def refuse_type(value: Any, recorder: Notes | None = None) -> None:
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
