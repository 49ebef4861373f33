"""Writes: ``x[i] = v``, ``+=``, ``out=`` and ``ufunc.at`` make a new version of a buffer.

>>> recorder.write(view, index, 0.0)  # every other view of the same memory sees it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.node import HOLES, POSITIONAL, Node, Params, hole, map_structure
from tracer.graph.op import Op
from tracer.graph.spec import array_spec
from tracer.ops import registry
from tracer.recording.recorder.calls import Calls
from tracer.recording.recorder.fast_path import put
from tracer.recording.recorder.memory_layout import as_written
from tracer.recording.recorder.out_arguments import (
    KEPT_IN_OUT,
    SUMMED_IN_OUT,
    seen_operands,
    sources,
)
from tracer.recording.recorder.specs import inferred_specs, spec_of
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import Buffer, ViewStep, flat_positions


class Writes(Calls):
    """Calls that change memory: views write through to the base they look at."""

    def write(self, target: TracedTensor, index: Any, value: Any) -> None:
        """``target[index] = value``: a new version of the memory that ``target`` looks at."""
        rows = map_structure(_concrete, value) if isinstance(value, (list, tuple)) else None
        if rows is not None:
            value = self.as_array(value)
        self._refuse_capture(target)
        if put(self, target, index, value):
            return
        old = self.node_of(target)
        tensors: list[TracedTensor] = []
        params, values = self._template((value, index), {}, tensors)
        (concrete, concrete_index), _ = params.fill(values)
        if (
            isinstance(value, TracedTensor)
            and value._buffer is target._buffer
            and (
                _is_region(concrete, target._value, concrete_index)
                and _stays_region(value, target, params, tensors)
            )
        ):
            return  # `x[1:3] *= y` ends by storing the view that it has already changed
        shifted = map_structure(_shift, params.args)
        try:
            target._value[concrete_index] = concrete if rows is None else rows
        except Exception as error:
            self._must_raise(
                registry.SETITEM, Params((HOLES[0], *shifted)), [target, *tensors], "", error
            )
            raise
        inputs = (old, *[self.node_of(t) for t in tensors])
        place = self.place(3)
        origin = place.origin if place is not None else None
        name = place.target if place is not None and isinstance(place.target, str) else ""
        node = Node(
            registry.SETITEM,
            inputs,
            Params((HOLES[0], *shifted)),
            old.specs,
            origin,
            name or old.name,
            "",
            self._context(),
        )
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
        for at in range(len(steps) - 1, -1, -1):
            if steps[at].picks:
                return self._put_back_picked(target, at, node)
        return self._put_back_flat(buffer, steps, node)

    def _put_back_picked(self, target: TracedTensor, at: int, node: Node) -> Node:
        """A write to a view of ``x[i]``, where ``i`` is a traced number: first to ``x[i]``."""
        buffer, steps = target._buffer, target._steps
        assert buffer is not None
        sources = [buffer.node]
        for step in steps[: at + 1]:
            inputs = (*step.inputs[: step.slot], sources[-1], *step.inputs[step.slot + 1 :])
            specs = inferred_specs(step.op, step.params, inputs, step.spelling)
            sources.append(step.apply(self, sources[-1], specs))
        before, picked = [
            Buffer(source, np.empty(source.spec.seen_shape, source.dtype))
            for source in sources[-2:]
        ]
        if at + 1 < len(steps):
            part = self.array(node, target._value, picked, steps[at + 1 :])
            node = self._put_back(part, node)
        node = self._put_back_items(before, steps[at : at + 1], node)
        return self._put_back(self.array(node, before.value, buffer, steps[:at]), node)

    def _put_back_items(self, buffer: Buffer, steps: tuple[ViewStep, ...], node: Node) -> Node:
        sources = [buffer.node]
        for step in steps[:-1]:
            specs = inferred_specs(step.op, step.params, (sources[-1], *step.inputs[1:]), "")
            sources.append(step.apply(self, sources[-1], specs))
        for step, source in zip(reversed(steps), reversed(sources), strict=True):
            index = step.params.args[1]
            params = Params((HOLES[0], HOLES[1], index))
            node = self.add(
                registry.SETITEM,
                (source, node, *step.inputs[1:]),
                self._renumber(params, step),
                source.specs,
                source.name,
            )
        return node

    @staticmethod
    def _renumber(params: Params, step: ViewStep) -> Params:
        """Index operands of the view step follow the written value."""
        if len(step.inputs) == 1:
            return params
        index = map_structure(
            lambda h: hole(h.slot + 1) if isinstance(h, type(HOLES[0])) else h, params.args[2]
        )
        return Params((HOLES[0], HOLES[1], index))

    def _put_back_flat(self, buffer: Buffer, steps: tuple[ViewStep, ...], node: Node) -> Node:
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
        whole = self.add(reshape, (flat,), Params((HOLES[0], shape)), base.specs, base.name)
        if buffer.value.flags.c_contiguous:
            return whole
        everywhere = Params((HOLES[0], HOLES[1], Ellipsis))  # in the base's own layout
        return self.add(registry.SETITEM, (base, whole), everywhere, base.specs, base.name)

    def _put_back_part(self, buffer: Buffer, steps: tuple[ViewStep, ...], node: Node) -> Node:
        """A write to ``z.real`` or ``z.imag`` (of a view or with views of it)."""
        at = next(i for i, step in enumerate(steps) if step.op.name in ("real", "imag"))
        part = steps[at].op.name
        source = self.array(buffer.node, buffer.value, buffer)
        for step in steps[:at]:
            source = self.array(
                step.apply(self, source._node, (spec_of(step.values(source._value)),)),
                step.values(source._value),
                buffer,
                (*source._steps, step),
            )
        whole = source._node
        real, imag = np.real, np.imag
        real_spec = inferred_specs(registry.op_of(real), POSITIONAL[1], (whole,), "")
        parts = {
            "real": self.add(registry.op_of(real), (whole,), POSITIONAL[1], real_spec),
            "imag": self.add(registry.op_of(imag), (whole,), POSITIONAL[1], real_spec),
        }
        inner = Buffer(parts[part], getattr(source._value, part))
        parts[part] = self._put_back(self.array(node, inner.value, inner, steps[at + 1 :]), node)
        inner.version += 1  # it stood for the steps alone
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
                "copy it first: x = x.copy()",
                errors.CaptureMutationError,
            )
        if buffer is None:
            raise TypeError("a scalar does not support item assignment")
        if not target._value.flags.writeable:
            raise ValueError("assignment destination is read-only")
        if buffer.capture:
            raise leak(
                f"The function wrote to {buffer.capture}, an array made outside of it.",
                "copy it first, or pass it as an argument",
                errors.CaptureMutationError,
            )

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
        self,
        op: Op,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        outs: Sequence[Any],
        spelling: str = "",
    ) -> Any:
        """An op with ``out=``: a fresh result, written into what the user gave."""
        for out in outs:
            if out is not None and not isinstance(out, TracedTensor):
                raise leak(
                    "A traced result was written into an array made outside the trace.",
                    "make it inside the traced function, e.g. out = np.zeros(n)",
                    errors.CaptureMutationError,
                )
        if op.name.endswith(RUNNING) and _in_another_shape(op, args[0], outs[0], kwargs):
            return self._running_elsewhere(op, args, kwargs, outs[0])
        if op.name in JOINING and any([_overlaps(part, outs[0]) for part in args]):
            if op.name == "concatenate" and kwargs.get("axis", 0) is not None:
                return self._join_in_turn(op, args, kwargs, outs)
            raise leak(
                "Parts of an array were joined in the array itself, one after the other.",
                "leave out=, or copy the parts first",
            )
        given, where = kwargs, True
        if op.schema.kind == "elementwise":
            where = kwargs.get("where", True)
            kwargs = {name: value for name, value in kwargs.items() if name != "where"}
            args = args if where is True else seen_operands(op, args, where)
            args = as_written(op, args, outs[0])
        elif op.name in SUMS and kwargs.get("dtype") is None and outs[0] is not None:
            # A sum widens to its out.
            kwargs = {**kwargs, "dtype": np.result_type(args[0].dtype, outs[0].dtype)}
        elif (
            op.name == "einsum"
            and outs[0] is not None
            and not (
                kwargs.get("dtype") is not None or kwargs.get("optimize")  # which leaves it to BLAS
            )
        ):
            usual = np.result_type(*[np.asarray(_concrete(a)).dtype for a in args[1:]])
            wide = np.result_type(usual, outs[0].dtype)
            kwargs = kwargs if wide == usual else {**kwargs, "dtype": wide}
        results = self._into_dtype(op, args, kwargs, outs[0])
        kept = results is not None
        if results is None:
            results = self.call(op, args, kwargs, spelling)
        many = isinstance(results, tuple)
        pairs = zip(outs, results if many else (results,), strict=False)
        if kept or any([out is not None and _differs(out, result) for out, result in pairs]):
            self._try_out(op, args, given, outs)
        for out, result in zip(outs, results if many else (results,), strict=False):
            if out is None:
                continue
            if np.shape(out._value) != np.broadcast_shapes(np.shape(out._value), result.shape):
                raise ValueError(
                    f"non-broadcastable output operand with shape {np.shape(out._value)} "
                    f"doesn't match the broadcast shape {result.shape}"
                )
            self.assign(out, result if where is True else np.where(where, result, out))
        if not many:
            return outs[0]
        shape = np.broadcast_shapes(*[np.shape(out._value) for out in outs if out is not None])
        return tuple(
            [
                out
                if out is not None
                else result
                if np.shape(result) == shape
                else np.broadcast_to(result, shape).copy()
                for out, result in zip(outs, results, strict=True)
            ]
        )

    def _join_in_turn(
        self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], outs: Sequence[Any]
    ) -> Any:
        """Arrays joined in one that some of them are parts of: each copied before the next."""
        self._try_out(op, args, kwargs, outs)
        out, start = outs[0], 0
        axis = kwargs.get("axis", args[1] if len(args) > 1 else 0) % out.ndim
        for part in args[0]:
            stop = start + np.shape(part)[axis]
            out[(*[slice(None)] * axis, slice(start, stop))] = part
            start = stop
        return out

    def _running_elsewhere(
        self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], out: TracedTensor
    ) -> TracedTensor:
        """A running sum written into another shape: NumPy fills what it fills, or refuses."""
        if op.name in SUMMED_IN_OUT and kwargs.get("dtype") is None:
            kwargs = {**kwargs, "dtype": np.result_type(args[0].dtype, out.dtype)}
        token = ACTIVE.set(None)
        try:
            picked = sources(op, args[0]._value, out._value, (*args[1:],), kwargs)
        finally:
            ACTIVE.reset(token)
        if picked is None:
            raise leak(
                "A running sum was written into an array of another shape.",
                "write it into one of its own shape, and copy the operand if that is a part of it",
            )
        result = np.ravel(self.call(op, args, kwargs, "")).astype(out.dtype)
        self.assign(out, np.concatenate([np.ravel(out), result])[picked])
        return out

    @staticmethod
    def _into_dtype(
        op: Op, args: Sequence[Any], kwargs: dict[str, Any], out: TracedTensor | None
    ) -> Any:
        """A statistic whose sum is kept in an ``out`` of another dtype; None for all others."""
        steps = KEPT_IN_OUT.get(op.name)
        if steps is None or out is None or not isinstance(args[0], np.ndarray):
            return None
        x = args[0].dtype
        usual = x if op.name in ("mean", "nanmean", "ptp") else x.type(0).real.dtype
        usual = np.dtype(float) if x.kind in "biu" and op.name != "ptp" else usual
        halved = op.name == "mean" and x == np.float16  # its sum is float32 else
        return None if usual == out.dtype and not halved else steps(*args, out=out.dtype, **kwargs)

    def _try_out(
        self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], outs: Sequence[Any]
    ) -> None:
        """NumPy itself on copies: what it refuses to write where is its own affair."""
        args, kwargs = map_structure(_concrete, (tuple(args), kwargs))
        copies = tuple([None if o is None else o._value.copy(order="K") for o in outs])
        token = ACTIVE.set(None)
        try:
            op.evaluate(*args, **kwargs, out=copies if len(copies) > 1 else copies[0])
        finally:
            ACTIVE.reset(token)

    def assign(self, target: TracedTensor, value: Any) -> None:
        """All of ``target`` takes ``value``, broadcast and cast as an in-place op would."""
        self._refuse_capture(target)
        spec = target._node.specs[0]
        target._value[...] = value._value
        node = self.node_of(value)
        fits = node.specs[0].shape == spec.shape and node.specs[0].kind == spec.kind
        if not fits or not _laid_out_alike(value._value, target._value):
            params = Params((HOLES[0], HOLES[1], Ellipsis))
            node = self.add(
                registry.SETITEM, (self.node_of(target), node), params, (spec,), target._node.name
            )
        elif node.specs[0].dtype != spec.dtype:
            params = Params((HOLES[0], spec.dtype))
            node = self.add(registry.ASTYPE, (node,), params, (spec,), target._node.name)
        self.replace(target, node, value._known)


RUNNING = ("cumsum", "cumprod", ".accumulate")
JOINING = frozenset("concatenate stack vstack hstack dstack column_stack".split())
SUMS = frozenset("sum prod cumsum cumprod nansum nanprod add.reduce multiply.reduce".split())


def _overlaps(part: Any, out: Any) -> bool:
    """Whether a Tensor, or one in a list, shares memory with ``out``."""
    if isinstance(part, (list, tuple)):
        return any([_overlaps(one, out) for one in part])
    both = isinstance(part, TracedTensor) and isinstance(out, TracedTensor)
    return both and np.ndim(part._value) > 0 and np.shares_memory(part._value, out._value)


def _in_another_shape(op: Op, source: Any, out: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a running sum goes into an array whose shape is not that of the result."""
    if out is None or not isinstance(source, TracedTensor):
        return False
    flat = kwargs.get("axis") is None and not op.name.endswith(".accumulate")
    shape = (np.size(source._value),) if flat else np.shape(source._value)
    return out._value.shape != shape and bool(np.ndim(source._value))


def _laid_out_alike(value: Any, target: np.ndarray) -> bool:
    """Whether a new array can stand for the written one: sums and products go by the layout."""
    if target.ndim < 2:
        return True
    order = "C" if target.flags.c_contiguous else "F" if target.flags.f_contiguous else ""
    return order == "" or bool(value.flags[f"{order}_CONTIGUOUS"])


def _concrete(leaf: Any) -> Any:
    return leaf._value if isinstance(leaf, TracedTensor) else leaf


def _differs(out: TracedTensor, result: Any) -> bool:
    """Whether writing the result into ``out`` takes a cast, a broadcast or another layout."""
    value = out._value
    return (
        value.dtype != result.dtype or value.shape != result.shape or not value.flags.c_contiguous
    )


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


def _stays_region(
    value: TracedTensor, target: TracedTensor, params: Params, tensors: Sequence[TracedTensor]
) -> bool:
    """Whether ``value`` is ``target[index]`` in every call: no traced place decides on it."""
    steps, common = value._steps, 0
    for one, other in zip(steps, target._steps, strict=False):
        if one is not other:
            break
        common += 1
    if all([t._known for t in tensors if t is not value]) and not any(
        [step.picks and not step.is_known for step in (*steps[common:], *target._steps[common:])]
    ):
        return True
    return (
        len(steps) == len(target._steps) + 1 == common + 1
        and steps[-1].op is registry.GETITEM
        and steps[-1].params.args[1] == params.args[1]
        and steps[-1].inputs[1:] == tuple([t._node for t in tensors if t is not value])
    )


def _shift(leaf: Any) -> Any:
    return hole(leaf.slot + 1) if isinstance(leaf, type(HOLES[0])) else leaf


def _without_items(steps: tuple[ViewStep, ...]) -> tuple[ViewStep, ...]:
    """A split followed by an item, as one step that gives the item."""
    merged: list[ViewStep] = []
    for step in steps:
        if step.op is not registry.ITEM:
            merged.append(step)
            continue
        source = merged.pop()
        position = step.params.args[1]
        evaluate = source.op.evaluate
        op = Op(
            f"{source.op.name}[{position}]",
            source.op.schema,
            lambda *a, _f=evaluate, _k=position, **k: _f(*a, **k)[_k],
        )
        merged.append(
            ViewStep(op, source.params, source.inputs, source.slot, "", source.source_shape)
        )
    return tuple(merged)
