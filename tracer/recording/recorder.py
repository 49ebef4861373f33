"""The Recorder: runs NumPy on the concrete values of Tensors and writes down each call as a node.

>>> recorder = Recorder("f")
>>> x = recorder.argument(np.ones(3), "x")
>>> with recorder.recording():
...     y = np.sum(x * 2)
>>> recorder.graph([y])
<CalcGraph f: 3 nodes>
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.node import HOLES, POSITIONAL, Node, Params, Ref, hole, map_structure
from tracer.graph.op import Op
from tracer.graph.origin import Origin
from tracer.graph.spec import WEAK_SPECS, ArraySpec, Dim, array_spec, scalar_spec
from tracer.ops import registry
from tracer.ops.indexing import DATA_DEPENDENT
from tracer.ops.infer import infer
from tracer.ops.normalise import normalise
from tracer.recording import active
from tracer.recording.active import ACTIVE, leak
from tracer.recording.buffers import Buffer, Step, flat_positions, same_memory
from tracer.recording.poison import shell
from tracer.recording.tensor import TracedScalar, TracedTensor
from tracer.recording.whereabouts import Locator, Place, user_frame


class Recorder:
    """One trace: nodes in order, guards, written arguments and captures.

    Parameters
    ----------
    name : str
        Of the traced function.
    title : str
        What the graph computes: ``"loss(params, x)"``.
    """

    def __init__(self, name: str = "f", title: str = ""):
        self.name = name
        self.title = title or name
        self.inputs: list[Node] = []
        self.nodes: list[Node] = []
        self.guards: list[Guard] = []
        self.guarded: set[Node] = set()
        self.known_values: dict[int, tuple[Any, TracedTensor]] = {}
        self.outer: dict[int, tuple[TracedTensor, TracedTensor, Node]] = {}
        self.arguments: list[Buffer] = []
        self.locator = Locator(name)
        self.leaked: errors.LeakError | None = None
        self.closed = False
        self.captures: Any = None  # set by whoever opens the trace
        self.base_errstate = np.geterr()
        self.base_errstate_object = self._errstate_object()

    # -- opening and closing ---------------------------------------------------------------
    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Make this the recorder at work; raises the first leak at the end."""
        from tracer.recording.hooks import HOOKS

        token = ACTIVE.set(self)
        try:
            with HOOKS:
                yield self
        except errors.LeakError:
            raise
        except Exception:
            if self.leaked is not None:
                raise self.leaked from None
            raise
        finally:
            ACTIVE.reset(token)
            self.closed = True
        if self.leaked is not None:
            raise self.leaked

    def graph(self, outputs: Sequence[TracedTensor]) -> CalcGraph:
        """The forward CalcGraph of what was recorded."""
        effects = [
            Effect("write", buffer.target, buffer.node)
            for buffer in self.arguments
            if buffer.version and buffer.target is not None
        ]
        nodes = [*self.inputs, *[node for node in self.nodes if node.op is not registry.INPUT]]
        return CalcGraph(
            self.inputs, nodes, [self.node_of(t) for t in outputs], self.guards, effects,
            title=self.title,
        )  # fmt: skip

    # -- making Tensors --------------------------------------------------------------------
    def argument(self, value: Any, name: str, capture: str = "", shared: bool = False) -> Any:
        """A run-time input. ``value`` must be the trace's own copy where it may be written to."""
        spec = _spec(value)
        node = Node(registry.INPUT, (), Params(), (spec,), None, name)
        self.inputs.append(node)
        if not isinstance(value, np.ndarray):
            return self.scalar(node, value)
        buffer = Buffer(node, value, None if capture else node, capture)
        self.arguments.append(buffer)
        return self.array(node, value, buffer)

    def array(
        self, node: Node, value: np.ndarray, buffer: Buffer | None = None,
        steps: tuple[Step, ...] = (), known: bool = False,
    ) -> TracedTensor:  # fmt: skip
        tensor = shell(value.shape).view(TracedTensor)
        tensor._value = value
        tensor._recorder = self
        tensor._node = node
        tensor._buffer = buffer if buffer is not None else Buffer(node, value)
        tensor._steps = steps
        tensor._version = tensor._buffer.version
        tensor._known = tensor._captured = known
        return tensor

    def scalar(self, node: Node, value: Any, known: bool = False) -> TracedTensor:
        tensor = shell(()).view(TracedScalar)
        tensor._value = value
        tensor._recorder = self
        tensor._node = node
        tensor._buffer = None
        tensor._steps = ()
        tensor._version = 0
        tensor._known = tensor._captured = known
        return tensor

    def constant(self, value: Any, label: str = "") -> Any:
        """A value from outside that no path leads to; the same object gives the same node."""
        value = getattr(value, "__tracer_plain__", value)  # an eager Tensor is the array it is
        found = self.known_values.get(id(value))
        if found is not None:
            return found[1]
        node = Node(
            registry.CONSTANT, (), Params((Ref(value, label),)), (_spec(value),), None, label
        )
        self.nodes.append(node)
        if isinstance(value, np.ndarray):
            tensor = self.array(node, value, Buffer(node, value, None, label or "a constant"))
            tensor._known = tensor._captured = True
        else:
            tensor = self.scalar(node, value, True)
        self.known_values[id(value)] = (value, tensor)
        return tensor

    def node_of(self, tensor: TracedTensor) -> Node:
        """The node of a Tensor as its memory is now."""
        if tensor._recorder is not self:
            tensor = self._from_outer(tensor)
        buffer = tensor._buffer
        if buffer is None or tensor._version == buffer.version:
            return tensor._node
        node = buffer.node
        value: Any = buffer.value
        for step in tensor._steps:
            spec = tensor._node.specs if step is tensor._steps[-1] else None
            if spec is None:
                value = step.values(value) if not step.inputs[1:] else value
                sources = (*step.inputs[: step.slot], node, *step.inputs[step.slot + 1 :])
                spec = inferred_specs(step.op, step.params, sources, step.spelling)
            node = step.apply(self, node, spec)
        tensor._node = node
        tensor._version = buffer.version
        return node

    def _from_outer(self, tensor: TracedTensor) -> TracedTensor:
        if tensor._recorder.closed:
            raise leak(
                "A traced array of an earlier trace was used.", "return it instead of storing it"
            )
        found = self.outer.get(id(tensor))
        if found is None:
            value = tensor._value
            name = tensor._node.name
            inner = self.argument(value, name, capture=name or "an outer array")
            found = self.outer[id(tensor)] = (tensor, inner, inner._node)
        return found[1]

    # -- nodes -----------------------------------------------------------------------------
    def add(
        self, op: Op, inputs: tuple[Node, ...], params: Params, specs: tuple[ArraySpec, ...],
        name: str = "", spelling: str = "", origin: Origin | None = None,
    ) -> Node:  # fmt: skip
        if origin is None:
            place = self.locator.locate(user_frame(2))
            origin = place.origin if place is not None else None
        node = Node(op, inputs, params, specs, origin, name, spelling, self._context())
        self.nodes.append(node)
        return node

    def _context(self) -> tuple | None:
        if self._errstate_object() is self.base_errstate_object:
            return None
        now = np.geterr()
        if now == self.base_errstate:
            return None
        return tuple(sorted(now.items()))

    @staticmethod
    def _errstate_object() -> Any:
        return np._core.umath._extobj_contextvar.get()  # type: ignore[attr-defined]

    def place(self, depth: int = 2) -> Place | None:
        return self.locator.locate(user_frame(depth))

    def where(self) -> Origin | None:
        """The user's line that runs now."""
        place = self.locator.locate(user_frame(2))
        return place.origin if place is not None else None

    # -- calls -----------------------------------------------------------------------------
    def operator(self, op: Op, operands: tuple[Any, ...]) -> Any:
        """A Python operator; NotImplemented for a partner that is no number."""
        for operand in operands:
            if not isinstance(operand, (np.ndarray, np.generic, int, float, complex)):
                if isinstance(operand, (list, tuple)):
                    operands = tuple([
                        self.as_array(o) if isinstance(o, (list, tuple)) else o for o in operands
                    ])  # fmt: skip
                    break
                return NotImplemented
        return self.call(op, operands, {}, "operator")

    def as_array(self, data: Any) -> Any:
        """``np.array`` of nested lists that hold Tensors, as a node."""
        if not contains_tensor(data):
            return np.array(data)
        return self.call(registry.op_of(np.array), (data,), {}, "")

    def ufunc(self, ufunc: Any, method: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        if method == "at":
            return self._at(ufunc, *args)
        out = kwargs.pop("out", None)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        op, args, kwargs = normalise(function, args, kwargs)
        if out is None or all(o is None for o in out):
            return self.call(op, args, kwargs, "")
        return self.into(op, args, kwargs, out)

    def function(
        self, function: Any, args: tuple, kwargs: dict[str, Any], spelling: str = ""
    ) -> Any:
        from tracer.recording.functions import SPECIAL

        special = SPECIAL.get(function)
        if special is not None:
            return special(self, *args, **kwargs)
        out = kwargs.get("out")
        if out is not None:
            kwargs = {key: value for key, value in kwargs.items() if key != "out"}
        op, args, kwargs = normalise(function, args, kwargs)
        if "out" in kwargs:
            out = kwargs.pop("out")
        if op.schema.kind in ("reduction", "elementwise"):
            args = tuple([self._gathered(a) for a in args])
        if out is not None:
            return self.into(op, args, kwargs, out if isinstance(out, tuple) else (out,))
        return self.call(op, args, kwargs, spelling)

    def _gathered(self, argument: Any) -> Any:
        """A list of Tensors where NumPy expects one array."""
        if type(argument) in (list, tuple) and contains_tensor(argument):
            return self.as_array(argument)
        return argument

    def call(self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], spelling: str) -> Any:
        """Run the op on the concrete values and write it down."""
        tensors: list[TracedTensor] = []
        params, values = self._template(args, kwargs, tensors)
        place = self.place(3)
        try:
            result = self._compute(op, params, values, spelling)
        except Exception as error:
            self._must_raise(op, params, tensors, spelling, error)
            raise
        inputs = tuple([self.node_of(t) for t in tensors])
        known = all([t._known for t in tensors]) and op.is_pure
        made = self._record(op, params, inputs, tensors, values, result, spelling, place, known)
        if not known and all([t._captured for t in tensors]):
            for tensor in made if isinstance(made, (tuple, list)) else (made,):
                if isinstance(tensor, TracedTensor):
                    tensor._captured = True
        return made

    def _must_raise(
        self, op: Op, params: Params, tensors: list[TracedTensor], spelling: str, error: Exception
    ) -> None:
        """If user code catches the error, the program holds only while the op raises."""
        kind = ValueError if isinstance(error, errors.UserShapeError) else type(error)
        if isinstance(error, errors.TracerError) and kind is not ValueError:
            return
        inputs = tuple([self.node_of(t) for t in tensors])
        node = self.add(op, inputs, params, (WEAK_SPECS[bool],), "", spelling)
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
            if len(placed) == len(values) and len(placed) < 9 and all(
                p is HOLES[i] for i, p in enumerate(placed)
            ):  # fmt: skip
                return POSITIONAL[len(placed)], values
            return Params(placed), values
        filled = [map_structure(place, a) for a in args]
        named = {key: map_structure(place, value) for key, value in kwargs.items()}
        return Params(filled, named), values

    def _compute(self, op: Op, params: Params, values: list[Any], spelling: str) -> Any:
        args, kwargs = params.fill(values)
        function = (
            op.operator if spelling == "operator" and op.operator is not None else op.evaluate
        )
        token = ACTIVE.set(None)
        computing = active.COMPUTING.set(self)
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            if type(error) is ValueError and _is_shape_error(error):
                raise errors.UserShapeError(
                    f"NumPy refused the shapes in {op.name}: {error}", self.where(),
                    "check the shapes: " + ", ".join(str(np.shape(v)) for v in values),
                ) from error  # fmt: skip
            raise
        finally:
            active.COMPUTING.reset(computing)
            ACTIVE.reset(token)

    def _record(
        self, op: Op, params: Params, inputs: tuple[Node, ...], tensors: list[TracedTensor],
        values: list[Any], result: Any, spelling: str, place: Place | None, known: bool,
    ) -> Any:  # fmt: skip
        origin = place.origin if place is not None else None
        target = place.target if place is not None else ""
        several = isinstance(result, (tuple, list))
        results = list(result) if several else [result]
        if not all(isinstance(r, NUMBERS) for r in results):
            if several or not results:
                raise errors.MissingRule(
                    f"np.{op.name} returned {type(result).__name__} of things that are no arrays.",
                    origin, "call it outside the traced function",
                )  # fmt: skip
            return self._plain(op, result, inputs, known, origin)
        specs = self._specs(op, params, inputs, results, spelling, origin)
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
            return self._wrap(node, op, params, inputs, tensors, result, spelling, known)
        outs = []
        for k, value in enumerate(results):
            name = names[k] if k < len(names) else ""
            item_node = Node(
                registry.ITEM, (node,), Params((HOLES[0], k)), (specs[k],), origin, name
            )
            self.nodes.append(item_node)
            outs.append(
                self._wrap(item_node, op, params, inputs, tensors, value, spelling, known, k)
            )
        if isinstance(result, list):
            return outs
        return type(result)(*outs) if hasattr(result, "_fields") else tuple(outs)

    def _wrap(
        self, node: Node, op: Op, params: Params, inputs: tuple[Node, ...],
        tensors: list[TracedTensor], value: Any, spelling: str, known: bool, item: int = -1,
    ) -> TracedTensor:  # fmt: skip
        if not isinstance(value, np.ndarray):
            return self.scalar(node, value, known)
        if value.base is None and not any(value is t._value for t in tensors):
            return self.array(node, value, None, (), known)
        for slot, tensor in enumerate(tensors):
            buffer = tensor._buffer
            if buffer is None or not same_memory(value, buffer.value):
                continue
            if value is tensor._value and item < 0:
                if self.nodes[-1] is node:
                    self.nodes.pop()
                return tensor
            step = Step(op, params, inputs, slot, spelling, np.shape(tensor._value))
            steps = (*tensor._steps, step)
            if item >= 0:
                steps += (Step(registry.ITEM, Params((HOLES[0], item)), (node,), 0, "", ()),)
            return self.array(node, value, buffer, steps, known)
        return self.array(node, value, None, (), known)

    def _specs(
        self, op: Op, params: Params, inputs: tuple[Node, ...], results: list[Any], spelling: str,
        origin: Origin | None,
    ) -> tuple[ArraySpec, ...]:  # fmt: skip
        seen = tuple([_spec(value) for value in results])
        free = [size for node in inputs for size in node.specs[0].shape if type(size) is not int]
        if not free and not depends_on_data(op, params, inputs):
            return seen
        try:
            inferred = inferred_specs(op, params, inputs, spelling)
        except (errors.TracerError, TypeError, ValueError, IndexError, NotImplementedError):
            inferred = ()
        if len(inferred) != len(seen):
            for tensor_node in inputs:
                self._fix_sizes(tensor_node, origin)
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
        self._relate(op, inputs)
        return tuple(specs)

    def _relate(self, op: Op, inputs: tuple[Node, ...]) -> None:
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
                if other[2] is not size and other[2] != size:
                    self._same_size(other[0], other[1], node, axis)

    def _same_size(self, a: Node, axis_a: int, b: Node, axis_b: int) -> None:
        params = Params((HOLES[0], HOLES[1], axis_a, axis_b))
        node = self.add(registry.SAME_SIZE, (a, b), params, (WEAK_SPECS[bool],))
        self.guards.append(Guard(node, True, "equals", node.origin))

    def _fix_sizes(self, node: Node, origin: Origin | None) -> None:
        for axis, size in enumerate(node.specs[0].shape):
            if type(size) is not int:
                self._guard_size(node, axis, size.seen, origin)

    def _guard_size(self, node: Node, axis: int, seen: int, origin: Origin | None) -> None:
        params = Params((HOLES[0], axis))
        size = self.add(registry.SIZE_OF, (node,), params, (WEAK_SPECS[int],), "", "", origin)
        self.guards.append(Guard(size, seen, "equals", origin))

    def _plain(
        self, op: Op, result: Any, inputs: tuple[Node, ...], known: bool, origin: Origin | None
    ) -> Any:
        """A function that answers about shapes and dtypes gives a plain answer."""
        from tracer.recording.functions import ABOUT_TYPES

        if op.name in ABOUT_TYPES or known:
            return result
        raise errors.MissingRule(
            f"np.{op.name} returned a {type(result).__name__}, which can't be traced.", origin,
            "call it outside the traced function",
        )  # fmt: skip

    # -- writing ---------------------------------------------------------------------------
    def write(self, target: TracedTensor, index: Any, value: Any) -> None:
        """``target[index] = value``: a new version of the memory that ``target`` looks at."""
        if isinstance(value, (list, tuple)):
            value = self.as_array(value)
        self._refuse_capture(target)
        old = self.node_of(target)
        tensors: list[TracedTensor] = []
        params, values = self._template((value, index), {}, tensors)
        (concrete, concrete_index), _ = params.fill(values)
        if isinstance(value, TracedTensor) and value._buffer is target._buffer and (
            _is_region(concrete, target._value, concrete_index)
        ):  # fmt: skip
            return  # `x[1:3] *= y` ends by storing the view that it has already changed
        target._value[concrete_index] = concrete
        inputs = (old, *[self.node_of(t) for t in tensors])
        shifted = map_structure(_shift, params.args)
        place = self.place(3)
        origin = place.origin if place is not None else None
        name = place.target if place is not None and isinstance(place.target, str) else ""
        node = Node(
            registry.SETITEM, inputs, Params((HOLES[0], *shifted)), old.specs, origin,
            name or old.name, "", self._context(),
        )  # fmt: skip
        self.nodes.append(node)
        self.replace(target, node, all([t._known for t in tensors]))

    def replace(self, target: TracedTensor, node: Node, known: bool = False) -> None:
        """The memory that ``target`` looks at now holds ``node``."""
        buffer = target._buffer
        assert buffer is not None
        target._known = target._known and known
        target._captured = target._known
        buffer.node = self._put_back(target, node)
        buffer.version += 1
        target._node = node
        target._version = buffer.version

    def _put_back(self, target: TracedTensor, node: Node) -> Node:
        """The whole of a buffer after one view of it became ``node``."""
        buffer = target._buffer
        assert buffer is not None
        steps = target._steps
        if not steps:
            return node
        if all(step.op is registry.GETITEM for step in steps):
            return self._put_back_items(buffer, steps, node)
        return self._put_back_flat(buffer, steps, node)

    def _put_back_items(self, buffer: Buffer, steps: tuple[Step, ...], node: Node) -> Node:
        sources = [buffer.node]
        for step in steps[:-1]:
            specs = inferred_specs(step.op, step.params, (sources[-1], *step.inputs[1:]), "")
            sources.append(step.apply(self, sources[-1], specs))
        for step, source in zip(reversed(steps), reversed(sources), strict=True):
            index = step.params.args[1]
            params = Params((HOLES[0], HOLES[1], index))
            node = self.add(
                registry.SETITEM, (source, node, *step.inputs[1:]), self._renumber(params, step),
                source.specs, source.name,
            )  # fmt: skip
        return node

    @staticmethod
    def _renumber(params: Params, step: Step) -> Params:
        """Index operands of the view step follow the written value."""
        if len(step.inputs) == 1:
            return params
        index = map_structure(
            lambda h: hole(h.slot + 1) if isinstance(h, type(HOLES[0])) else h, params.args[2]
        )
        return Params((HOLES[0], HOLES[1], index))

    def _put_back_flat(self, buffer: Buffer, steps: tuple[Step, ...], node: Node) -> Node:
        """Any chain of views: write through the flat positions of its elements."""
        base = buffer.node
        shape = buffer.value.shape
        if (
            any(step.op.name in ("real", "imag") for step in steps)
            and buffer.value.dtype.kind == "c"
        ):
            return self._put_back_part(buffer, steps, node)
        if any(step.op is registry.ITEM for step in steps):
            steps = _without_items(steps)
        positions = flat_positions(shape, steps)
        reshape = registry.op_of(np.reshape)
        flat_spec = array_spec((buffer.value.size,), buffer.value.dtype)
        flat = self.add(reshape, (base,), Params((HOLES[0], (-1,))), (flat_spec,))
        index = self.constant(positions)._node
        flat = self.add(
            registry.SETITEM,
            (flat, node, index),
            Params((HOLES[0], HOLES[1], HOLES[2])),
            (flat_spec,),
        )
        return self.add(reshape, (flat,), Params((HOLES[0], shape)), base.specs, base.name)

    def _put_back_part(self, buffer: Buffer, steps: tuple[Step, ...], node: Node) -> Node:
        """A write to ``z.real`` or ``z.imag`` (of a view or with views of it)."""
        at = next(i for i, step in enumerate(steps) if step.op.name in ("real", "imag"))
        part = steps[at].op.name
        source = self.array(buffer.node, buffer.value, buffer)
        for step in steps[:at]:
            source = self.array(
                step.apply(self, source._node, (_spec(step.values(source._value)),)),
                step.values(source._value), buffer, (*source._steps, step),
            )  # fmt: skip
        whole = source._node
        real, imag = np.real, np.imag
        real_spec = inferred_specs(registry.op_of(real), POSITIONAL[1], (whole,), "")
        parts = {
            "real": self.add(registry.op_of(real), (whole,), POSITIONAL[1], real_spec),
            "imag": self.add(registry.op_of(imag), (whole,), POSITIONAL[1], real_spec),
        }
        inner = Buffer(parts[part], getattr(source._value, part))
        parts[part] = self._put_back(self.array(node, inner.value, inner, steps[at + 1 :]), node)
        times, scale = registry.op_of(np.multiply), Params((HOLES[0], 1j))
        specs = inferred_specs(times, scale, (parts["imag"],), "operator")
        scaled = self.add(times, (parts["imag"],), scale, specs, "", "operator")
        joined = self.add(
            registry.op_of(np.add),
            (parts["real"], scaled),
            POSITIONAL[2],
            whole.specs,
            "",
            "operator",
        )
        return self._put_back(source, joined)

    def _refuse_capture(self, target: TracedTensor) -> None:
        buffer = target._buffer
        if target._recorder is not self:
            raise leak(
                "An inner trace wrote to an array of the outer one.",
                "copy it first: x = x.copy()", errors.CaptureMutationError,
            )  # fmt: skip
        if buffer is None:
            raise TypeError("a scalar does not support item assignment")
        if not target._value.flags.writeable:
            raise ValueError("assignment destination is read-only")
        if buffer.capture:
            raise leak(
                f"The function wrote to {buffer.capture}, an array made outside of it.",
                "copy it first, or pass it as an argument", errors.CaptureMutationError,
            )  # fmt: skip

    def in_place(self, op: Op, target: TracedTensor, other: Any) -> Any:
        """``target += other``: for scalars a new value, for arrays a new version."""
        if target._buffer is None:
            return self.operator(op, (target, other))
        if op.name == "pow":
            result = self.operator(op, (target, other))
            self._check_cast(result, target)
            self.assign(target, result)
            return target
        if isinstance(other, (list, tuple)):
            other = self.as_array(other)
        return self.into(op, (target, other), {}, (target,), "operator")

    def _check_cast(self, result: Any, target: TracedTensor) -> None:
        if not np.can_cast(result.dtype, target.dtype, "same_kind"):
            np.add(
                np.empty(0, target.dtype), np.empty(0, result.dtype), out=np.empty(0, target.dtype)
            )

    def into(
        self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], outs: Sequence[Any],
        spelling: str = "",
    ) -> Any:  # fmt: skip
        """An op with ``out=``: a fresh result, written into what the user gave."""
        for out in outs:
            if out is not None and not isinstance(out, TracedTensor):
                raise leak(
                    "A traced result was written into an array made outside the trace.",
                    "make it inside the traced function, e.g. out = np.zeros(n)",
                    errors.CaptureMutationError,
                )  # fmt: skip
        where = True
        if op.schema.kind == "elementwise":
            where = kwargs.pop("where", True)
        elif op.name in SUMS and kwargs.get("dtype") is None and outs[0] is not None:
            kwargs["dtype"] = outs[0].dtype  # a sum with out= calculates in the dtype of out
        results = self.call(op, args, kwargs, spelling)
        many = isinstance(results, tuple)
        for out, result in zip(outs, results if many else (results,), strict=False):
            if out is None:
                continue
            if np.shape(out._value) != np.broadcast_shapes(np.shape(out._value), result.shape):
                raise ValueError(
                    f"non-broadcastable output operand with shape {np.shape(out._value)} "
                    f"doesn't match the broadcast shape {result.shape}"
                )
            self._check_cast(result, out)
            self.assign(out, result if where is True else np.where(where, result, out))
        return tuple(outs) if many else outs[0]

    def assign(self, target: TracedTensor, value: Any) -> None:
        """All of ``target`` takes ``value``, broadcast and cast as an in-place op would."""
        self._refuse_capture(target)
        spec = target._node.specs[0]
        target._value[...] = value._value
        node = self.node_of(value)
        if node.specs[0].shape != spec.shape or node.specs[0].kind != spec.kind:
            params = Params((HOLES[0], HOLES[1], Ellipsis))
            node = self.add(
                registry.SETITEM, (self.node_of(target), node), params, (spec,), target._node.name
            )
        elif node.specs[0].dtype != spec.dtype:
            params = Params((HOLES[0], spec.dtype))
            node = self.add(registry.ASTYPE, (node,), params, (spec,), target._node.name)
        self.replace(target, node, value._known)

    def _at(self, ufunc: Any, target: Any, index: Any, *values: Any) -> None:
        if not isinstance(target, TracedTensor):
            raise leak(
                f"{ufunc.__name__}.at wrote a traced value into an array from outside the trace.",
                "make it inside the traced function", errors.CaptureMutationError,
            )  # fmt: skip
        if ufunc in (np.add, np.subtract):
            self._refuse_capture(target)
            value = values[0] if ufunc is np.add else -self.tensor(values[0])
            result = self.call(registry.SCATTER_ADD, (target, value, index), {}, "")
            self.assign(target, result)
            return
        raise leak(f"np.{ufunc.__name__}.at is not traced.", "loop over the indices instead")

    def tensor(self, value: Any) -> Any:
        """Any value as a Tensor of this trace."""
        if isinstance(value, TracedTensor):
            return value
        return self.constant(np.asarray(value) if isinstance(value, (list, tuple)) else value)

    # -- what reads a value ----------------------------------------------------------------
    def branch(self, tensor: TracedTensor) -> bool:
        """``if tensor``: the outcome becomes a guard."""
        outcome = bool(tensor._value)
        self._guard(tensor, outcome)
        return outcome

    def _guard(self, tensor: TracedTensor, outcome: Any) -> None:
        if tensor._known:
            return
        node = self.node_of(tensor)
        if node.specs[0].dtype.kind not in "b" or np.ndim(tensor._value):
            if type(outcome) is bool:
                inner = self.call(registry.op_of(np.not_equal), (tensor, 0), {}, "operator")
                node = self.node_of(inner)
                if np.ndim(inner._value):
                    node = self.node_of(np.all(inner))
        if node in self.guarded:
            return
        self.guarded.add(node)
        place = self.place(3)
        self.guards.append(Guard(node, outcome, "equals", place.origin if place else None))

    def read_integer(self, tensor: TracedTensor, outcome: int) -> int:
        """``int(tensor)``, ``range(tensor)``: the outcome becomes a guard."""
        if tensor._known:
            return outcome
        dtype = tensor._node.specs[0].dtype
        if dtype.kind in "fc":
            whole = self.call(registry.op_of(np.trunc), (tensor,), {}, "")
            node = self.node_of(whole)
        else:
            node = self.node_of(tensor)
        if node not in self.guarded:
            self.guarded.add(node)
            place = self.place(3)
            self.guards.append(Guard(node, outcome, "equals", place.origin if place else None))
        return outcome

    def read_number(self, tensor: TracedTensor, kind: Any) -> Any:
        if tensor._known:
            return kind(tensor._value)
        if tensor._node.specs[0].dtype.kind in "biu":
            return kind(self.read_integer(tensor, int(tensor._value)))
        if tensor._captured:
            number = kind(tensor._value)
            self._guard(tensor, number)
            return number
        raise leak(
            f"{kind.__name__}() of a traced value would drop its gradient.",
            "use the NumPy function (np.sqrt for math.sqrt), or leave the conversion out",
            errors.ConversionError,
        )  # fmt: skip

    def read_shape(self, tensor: TracedTensor) -> None:
        """A run-time size was read: from here on the program holds for that size only."""
        node = tensor._node
        if node in self.guarded:
            return
        self.guarded.add(node)
        place = self.place(3)
        self._fix_sizes(node, place.origin if place is not None else None)


SUMS = frozenset("sum prod mean cumsum cumprod nansum nanprod add.reduce multiply.reduce".split())
NESTED = (tuple, list, dict, slice)
NUMBERS = (np.ndarray, np.generic, bool, int, float, complex)


def _spec(value: Any) -> ArraySpec:
    if isinstance(value, np.ndarray):
        return array_spec(value.shape, value.dtype)
    if isinstance(value, np.generic):
        return scalar_spec(value.dtype)
    return WEAK_SPECS[type(value)]


def _is_region(value: Any, target: np.ndarray, index: Any) -> bool:
    """Whether ``value`` is the very memory that ``target[index]`` is."""
    region = target[index]
    return (
        isinstance(region, np.ndarray)
        and isinstance(value, np.ndarray)
        and (
            region.__array_interface__["data"] == value.__array_interface__["data"]
            and region.shape == value.shape
            and region.strides == value.strides
            and region.dtype == value.dtype
        )
    )


def _shift(leaf: Any) -> Any:
    return hole(leaf.slot + 1) if isinstance(leaf, type(HOLES[0])) else leaf


def _without_items(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """A split followed by an item, as one step that gives the item."""
    merged: list[Step] = []
    for step in steps:
        if step.op is not registry.ITEM:
            merged.append(step)
            continue
        source = merged.pop()
        position = step.params.args[1]
        evaluate = source.op.evaluate
        op = Op(
            f"{source.op.name}[{position}]", source.op.schema,
            lambda *a, _f=evaluate, _k=position, **k: _f(*a, **k)[_k],
        )  # fmt: skip
        merged.append(Step(op, source.params, source.inputs, source.slot, "", source.source_shape))
    return tuple(merged)


def inferred_specs(
    op: Op, params: Params, inputs: Sequence[Node], spelling: str
) -> tuple[ArraySpec, ...]:
    """Inference, which runs NumPy itself and must not be traced."""
    token = ACTIVE.set(None)
    try:
        return infer(op, params, tuple([node.specs[0] for node in inputs]), spelling)
    finally:
        ACTIVE.reset(token)


def depends_on_data(op: Op, params: Params, inputs: tuple[Node, ...]) -> bool:
    """Whether the result's shape is a matter of values: a mask among the indices, nonzero …"""
    if op is registry.GETITEM:
        return any([n.specs[0].dtype.kind == "b" for n in inputs[1:]])
    if op.name == "where":
        return len(params.args) == 1
    return op.name in DATA_DEPENDENT and len(inputs) > 0 and op.schema.kind != "creation"


def contains_tensor(tree: Any) -> bool:
    """Whether nested lists, tuples, dicts or slices hold a traced Tensor."""
    if isinstance(tree, TracedTensor):
        return True
    if type(tree) in (list, tuple):
        return any(contains_tensor(item) for item in tree)
    if type(tree) is dict:
        return any(contains_tensor(item) for item in tree.values())
    if type(tree) is slice:
        return contains_tensor((tree.start, tree.stop, tree.step))
    return False


def refuse_type(value: Any, recorder: Recorder | None = None) -> None:
    """Raise for arrays that hold no plain numbers.

    Raises
    ------
    UnsupportedType
        For masked, object, structured, string and date arrays, and ``np.matrix``.
    """
    if isinstance(value, (np.ma.MaskedArray, np.matrix)) or value.dtype.kind not in "biufc":
        what = type(value).__name__ if type(value) is not np.ndarray else f"array of {value.dtype}"
        raise errors.UnsupportedType(
            f"A {what} can't be traced.", recorder.where() if recorder is not None else None,
            "pass a plain ndarray of numbers",
        )  # fmt: skip


def _is_shape_error(error: ValueError) -> bool:
    text = str(error)
    return any(
        word in text
        for word in ("broadcast", "shape", "mismatch", "dimension", "aligned", "reshape")
    )


def run_user_function(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call the user's function; its frame's parent marks where a trace begins."""
    return function(*args, **kwargs)
