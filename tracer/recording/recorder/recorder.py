"""The Recorder: runs NumPy on the concrete values of Tensors and writes down each call as a node.

>>> recorder = Recorder("f")
>>> x = recorder.argument(np.ones(3), "x")
>>> with recording(recorder):
...     y = np.sum(x * 2)
>>> recorder.graph([y])
<CalcGraph f: 3 nodes>
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.node import Node
from tracer.ops import registry
from tracer.ops.normalise import normalise
from tracer.ops.stand_ins import original_of
from tracer.recording.recorder import fast_path
from tracer.recording.recorder.decompositions import RAVEL, RESHAPE, in_known_order
from tracer.recording.recorder.static_arguments import structured, with_static_integers
from tracer.recording.recorder.writes import Writes
from tracer.recording.source.locator import Locator
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.tensor import TracedTensor

BOOLS = frozenset({bool, np.bool_})


UNREAD = -1  # the version of a view that is to be read from its base again


class Recorder(Writes):
    """One trace, from its opening to its graph: what NumPy hands over, and what reads a value.

    ``weak_ints`` says that Python ints are among its inputs: a text of one is a read of it.
    """

    weak_ints = False

    def graph(self, outputs: Sequence[TracedTensor]) -> CalcGraph:
        """The forward CalcGraph of what was recorded."""
        effects = [
            Effect("write", buffer.target, buffer.node)
            for buffer in self.arguments
            if buffer.version and buffer.target is not None
        ]
        ends = self._ends(outputs)
        nodes = [*self.inputs, *[node for node in self.nodes if node.op is not registry.INPUT]]
        return CalcGraph(self.inputs, nodes, ends, self.guards, effects, title=self.title)

    def _ends(self, outputs: Sequence[TracedTensor]) -> list[Node]:
        """The nodes of the results; those that share written memory are all views of the whole."""
        looking: dict[Any, list[TracedTensor]] = {}
        for tensor in outputs:
            looking.setdefault(tensor._buffer, []).append(tensor)
        for buffer, tensors in looking.items():
            alone = all([tensor is tensors[0] for tensor in tensors])
            if alone or buffer is None or not buffer.version:
                continue
            for tensor in tensors:
                if tensor._steps and tensor._recorder is self:
                    tensor._version = UNREAD
        found = []
        for tensor in outputs:
            last, count = tensor._node, len(self.nodes)
            found.append(self.node_of(tensor))
            for node in self.nodes[count:]:  # the user's function has returned
                node.origin = last.origin
        return found

    def wrote(self) -> bool:
        """Whether an argument has been written to."""
        return any([buffer.version and buffer.target is not None for buffer in self.arguments])

    def forget(self) -> None:
        """Let go of what only the trace needed: Tensors and their recorder hold each other."""
        self.nodes, self.guarded, self.known_values, self.kept = [], set(), {}, None
        self.locator, self.arguments = Locator(self.name), []
        if self.enclosing is None and self.captures is not None:
            self.captures.release()

    # -- what NumPy hands over ---------------------------------------------------------------
    def ufunc(self, ufunc: Any, method: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        if method == "__call__" and not kwargs:
            found = fast_path.ufunc(self, ufunc, args)
            if found is not fast_path.NO_FAST_PATH:
                return found
        if method == "at":
            from tracer.recording.recorder.ufunc_at import scatter

            return scatter(self, ufunc, *args)
        out = kwargs.pop("out", None)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        args = tuple([self.as_array(a) if type(a) in (list, tuple) else a for a in args])
        op, args, kwargs = normalise(function, args, kwargs)
        if out is None or all(o is None for o in out):
            return self.call(op, args, kwargs, "")
        return self.into(op, args, kwargs, out)

    def function(
        self, function: Any, args: tuple, kwargs: dict[str, Any], spelling: str = ""
    ) -> Any:
        from tracer.recording.recorder.functions import SPECIAL

        if not kwargs:
            found = fast_path.function(self, function, args, spelling)
            if found is not fast_path.NO_FAST_PATH:
                return found
        special = SPECIAL.get(function)
        if special is not None:
            return special(self, *args, **kwargs)
        return self.plain_call(function, args, kwargs, spelling)

    def plain_call(
        self, function: Any, args: tuple, kwargs: dict[str, Any], spelling: str = ""
    ) -> Any:
        """The call as a node of its own."""
        function = original_of(function)
        out = kwargs.get("out")
        if out is not None:
            kwargs = {key: value for key, value in kwargs.items() if key != "out"}
        args, kwargs = with_static_integers(self, function, args, kwargs)
        args, kwargs = structured(function, *self.gathered(function, args, kwargs))
        if function is RAVEL or function is RESHAPE:
            args, kwargs = in_known_order(function, args, kwargs)
        op, args, kwargs = normalise(function, args, kwargs)
        if "out" in kwargs:
            out = kwargs.pop("out")
        if out is not None:
            return self.into(op, args, kwargs, out if isinstance(out, tuple) else (out,))
        return self.call(op, args, kwargs, spelling)

    # -- what reads a value ------------------------------------------------------------------
    def branch(self, tensor: TracedTensor) -> bool:
        """``if tensor``: the outcome becomes a guard."""
        outcome = bool(tensor._value)
        if type(tensor._value) in BOOLS and tensor._recorder is self and self.kept is not None:
            node = tensor._node  # seen by none but a program for this one call
            if not tensor._known and node not in self.guarded:
                self.guarded.add(node)
                self.guards.append(Guard(node, outcome, "equals", node.origin))
            return outcome
        self._guard(tensor, outcome)
        return outcome

    def _guard(self, tensor: TracedTensor, outcome: Any) -> None:
        if tensor._known:
            return
        node = self.node_of(tensor)
        spec = node.specs[0]
        if spec.dtype.kind != "b" or spec.shape:
            if type(outcome) is bool:
                inner = self.call(registry.op_of(np.not_equal), (tensor, 0), {}, "operator")
                node = self.node_of(inner)
                if node.specs[0].shape:
                    node = self.node_of(np.all(inner))
        if node in self.guarded:
            return
        self.guarded.add(node)
        place = self.locator.running(3)
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
            "calculate with the number itself, or take this step outside the traced function",
            errors.ConversionError,
        )

    def read_shape(self, tensor: TracedTensor) -> None:
        """A run-time size was read: from here on the program holds for that size only."""
        node = tensor._node
        if node in self.guarded:
            return
        self.guarded.add(node)
        place = self.place(3)
        self._fix_sizes(node, place.origin if place is not None else None)


def run_user_function(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call the user's function; its frame's parent marks where a trace begins."""
    return function(*args, **kwargs)
