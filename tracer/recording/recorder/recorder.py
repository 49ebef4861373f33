"""The Recorder: runs NumPy on the concrete values of Tensors and writes down each call as a node.

>>> recorder = Recorder("f")
>>> x = recorder.argument(np.ones(3), "x")
>>> with recording(recorder):
...     y = np.sum(x * 2)
>>> recorder.graph([y])
<CalcGraph f: 3 nodes>
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.graph.calcgraph import CalcGraph, Effect
from tracer.graph.node import Node
from tracer.ops import registry
from tracer.ops.normalise import normalise
from tracer.ops.stand_ins import original_of
from tracer.recording.recorder import calls, fast_path, reads, results, writes
from tracer.recording.recorder.decompositions import RAVEL, RESHAPE, in_known_order
from tracer.recording.recorder.functions import SPECIAL
from tracer.recording.recorder.nodes import NodeRecord
from tracer.recording.recorder.out_arguments import in_place, into
from tracer.recording.recorder.static_arguments import structured, with_static_integers
from tracer.recording.recorder.ufunc_at import scatter
from tracer.recording.source.locator import Locator
from tracer.recording.tensor.tensor import TracedTensor

UNREAD = -1  # the version of a view that is to be read from its base again


class Recorder(NodeRecord):
    """One trace, from its opening to its graph: the `ActiveRecorder` that Tensors ask.

    What is written down is the `NodeRecord`; each chapter of what may be asked is a module of
    functions of it, of which these are the entries.
    """

    operator, call, as_array = calls.operator, calls.call, calls.as_array
    template, compute = calls.template, results.compute
    item = fast_path.item
    write, replace, in_place = writes.write, writes.replace, in_place
    branch, read_shape = reads.branch, reads.read_shape
    read_integer, read_number = reads.read_integer, reads.read_number

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
            return scatter(self, ufunc, *args)
        out = kwargs.pop("out", None)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        args = tuple([self.as_array(a) if type(a) in (list, tuple) else a for a in args])
        op, args, kwargs = normalise(function, args, kwargs)
        if out is None or all(o is None for o in out):
            return self.call(op, args, kwargs, "")
        return into(self, op, args, kwargs, out)

    def function(
        self, function: Any, args: tuple, kwargs: dict[str, Any], spelling: str = ""
    ) -> Any:
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
        args, kwargs = structured(function, *calls.gathered(self, function, args, kwargs))
        if function is RAVEL or function is RESHAPE:
            args, kwargs = in_known_order(function, args, kwargs)
        op, args, kwargs = normalise(function, args, kwargs)
        if "out" in kwargs:
            out = kwargs.pop("out")
        if out is not None:
            return into(self, op, args, kwargs, out if isinstance(out, tuple) else (out,))
        return self.call(op, args, kwargs, spelling)
