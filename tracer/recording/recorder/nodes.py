"""What a trace has written down so far: nodes, and the Tensors that stand for them.

>>> record = NodeRecord("f")
>>> x = record.argument(np.ones(3), "x")
>>> record.node_of(x)
<x: input>
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.calcgraph import Guard
from tracer.graph.node import Node, Params, Ref
from tracer.graph.op import Op
from tracer.graph.origin import Origin
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.python.attributes import plain_array
from tracer.recording.random.streams import STREAMS, Streams
from tracer.recording.random.traced_stream import TracedStream, stream_argument
from tracer.recording.recorder.errstate import TRACING, filtered_modes
from tracer.recording.recorder.specs import inferred_specs, spec_of
from tracer.recording.source.frames import user_frame
from tracer.recording.source.locator import CallSite, Locator
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.scalar import TracedScalar
from tracer.recording.tensor.tensor import TracedTensor, new_tensor
from tracer.recording.tensor.views import Buffer, ViewStep


class NodeRecord:
    """Nodes in order, guards, written arguments and captures of one trace.

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
        self.weak_ints = False  # whether Python ints are inputs: a text of one is a read of it
        self.reads_sizes = False  # whether sizes that depend on values are parts of the program
        self.formatted = False  # whether text was made of a traced value
        self.texts: list[Any] = []  # what such texts depend on
        self.settled: set[Any] = set()  # those that are guarded
        self.closed = False
        self.captures: Any = None  # set by whoever opens the trace
        self.enclosing: Any = None  # the recorder of the trace around this one
        self.streams = Streams()
        self.base_errstate = np.geterr()
        self.base_errstate_object = self._errstate_object()
        self.quiet = TRACING.of(self.base_errstate_object)
        self.base_filters = warnings.filters
        self.kept: list[TracedTensor] | None = None  # every Tensor, if their values will be used
        self.warned: list[tuple[str, type[Warning], Any]] = []  # said by the program, not here

    # -- Tensors -----------------------------------------------------------------------------
    def argument(self, value: Any, name: str, capture: str = "", shared: bool = False) -> Any:
        """A run-time input. ``value`` must be the trace's own copy where it may be written to."""
        if isinstance(value, (*STREAMS, TracedStream)):
            return stream_argument(self, value, name)
        spec = spec_of(value)
        node = Node(registry.INPUT, (), Params(), (spec,), None, name)
        self.inputs.append(node)
        if not isinstance(value, np.ndarray):
            return self.scalar(node, value)
        buffer = Buffer(node, value, None if capture else node, capture)
        self.arguments.append(buffer)
        return self.array(node, value, buffer)

    def array(
        self,
        node: Node,
        value: np.ndarray,
        buffer: Buffer | None = None,
        steps: tuple[ViewStep, ...] = (),
        known: bool = False,
    ) -> TracedTensor:
        if buffer is None:
            buffer = Buffer(node, value)
        return new_tensor(TracedTensor, self, node, value, buffer, steps, known, known)

    def scalar(self, node: Node, value: Any, known: bool = False) -> TracedTensor:
        return new_tensor(TracedScalar, self, node, value, None, (), known, known)

    def constant(self, value: Any, label: str = "") -> Any:
        """A value from outside that no path leads to; the same object gives the same node."""
        value = plain_array(value)
        found = self.known_values.get(id(value))
        if found is not None:
            return found[1]
        node = Node(
            registry.CONSTANT, (), Params((Ref(value, label),)), (spec_of(value),), None, label
        )
        self.nodes.append(node)
        if isinstance(value, np.ndarray):
            tensor = self.array(node, value, Buffer(node, value, None, label or "a constant"))
            tensor._known = tensor._captured = True
        else:
            tensor = self.scalar(node, value, True)
        self.known_values[id(value)] = (value, tensor)
        return tensor

    def tensor(self, value: Any) -> Any:
        """Any value as a Tensor of this trace."""
        if isinstance(value, TracedTensor):
            return value
        return self.constant(np.asarray(value) if isinstance(value, (list, tuple)) else value)

    def node_of(self, tensor: TracedTensor) -> Node:
        """The node of a Tensor as its memory is now."""
        if tensor._recorder is not self:
            tensor = self.from_outer(tensor)
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

    def from_outer(self, tensor: TracedTensor) -> TracedTensor:
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

    # -- nodes -------------------------------------------------------------------------------
    def add(
        self,
        op: Op,
        inputs: tuple[Node, ...],
        params: Params,
        specs: tuple[ArraySpec, ...],
        name: str = "",
        spelling: str = "",
        origin: Origin | None = None,
    ) -> Node:
        if origin is None:
            origin = self.where()
        node = Node(op, inputs, params, specs, origin, name, spelling, self.context())
        self.nodes.append(node)
        return node

    def context(self) -> tuple | None:
        """The errstate in force, and what warning filters of the user's make of it."""
        filtered = warnings.filters is not self.base_filters
        if self._errstate_object() is self.base_errstate_object and not filtered:
            return None
        now: Any = np.geterr()
        if filtered and (frame := user_frame()) is not None:
            now = filtered_modes(now, frame.f_globals.get("__name__", ""), frame.f_lineno)
        if now == self.base_errstate:
            return None
        return tuple(sorted(now.items()))

    @staticmethod
    def _errstate_object() -> Any:
        return np._core.umath._extobj_contextvar.get()  # type: ignore[attr-defined]

    def place(self) -> CallSite | None:
        """Where in the user's code it is now."""
        return self.locator.locate(user_frame())

    def where(self) -> Origin | None:
        """The user's line that runs now."""
        place = self.locator.locate(user_frame())
        return place.origin if place is not None else None
