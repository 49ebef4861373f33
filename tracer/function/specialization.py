"""One way through a function's branches: its trace, and the programs made of it.

>>> specialization.program("value_and_grad", (0, 1)).run(w, x)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from tracer import errors
from tracer.codegen.program import Program, compile_graph
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import evaluate
from tracer.passes.pipeline import optimise
from tracer.passes.sums_by_blas import sums_as_products
from tracer.python.locks import own_lock
from tracer.recording.arguments import layout_of
from tracer.recording.captures.guard_cache import with_identity_cache
from tracer.recording.captures.paths import MISSING
from tracer.recording.kept_values import KeptValues
from tracer.recording.random.streams import STREAMS, makes, transactional
from tracer.recording.recorder.errstate import PROGRAMS, with_user_warnings
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.trace import Trace
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.jacobian import gradient_graph, hessian_graph, hvp_graph, jacobian_graph
from tracer.transforms.partition import Partition, partition
from tracer.transforms.regions.lower import lower, without_recompute
from tracer.transforms.reverse.joint_graph import reverse
from tracer.transforms.reverse.tape import NotKept, Tape

# What is made of a function's graph, by the name of the program.
TRANSFORMS: dict[str, Callable[[CalcGraph, tuple[int, ...]], CalcGraph]] = {
    "forward": lambda graph, wrt: graph,
    "changes": lambda graph, wrt: graph,  # with what is put into the caller's containers
    "state": lambda graph, wrt: graph,  # only what is put into objects from outside
    "places": lambda graph, wrt: graph,  # with the indices of views of written arguments
    "value_and_grad": lambda graph, wrt: reverse(graph, wrt, "ones"),
    "vjp": reverse,
    "jvp": forward,
    "jacobian_reverse": lambda graph, wrt: jacobian_graph(graph, wrt, "reverse"),
    "jacobian_forward": lambda graph, wrt: jacobian_graph(graph, wrt, "forward"),
    "hessian": hessian_graph,
    "hvp": hvp_graph,
    "elementwise": gradient_graph,
}


WRITING = own_lock()


class Interpreted:
    """Stands in for a Program: runs the graph node by node, without compiling it."""

    def __init__(self, graph: CalcGraph):
        self.graph = graph

    def run(self, *inputs: Any) -> tuple:
        return tuple(with_user_warnings(transactional(self._values, self.graph))(*inputs))

    def _values(self, *inputs: Any) -> list[Any]:
        return evaluate(self.graph, inputs)


class Specialization:
    """One way through a function's branches: its trace, and the programs made of it.

    ``interpreted`` ones are run once and forgotten, so that nothing is optimised or compiled.
    """

    def __init__(self, trace: Trace, numerics: str, interpreted: bool = False):
        self.interpreted = interpreted
        self.trace = trace
        self.changes = trace.changes
        # calls that read and write what several threads may share take turns
        self.turn: Any = WRITING if trace.changes is not None else nullcontext()
        self.numerics = numerics
        self.programs: dict[tuple, Any] = {}
        self.graphs: dict[tuple, Any] = {}
        self.lock = own_lock()
        self.calls = 0  # counted while calls are checked
        self.capture_guards = [with_identity_cache(guard) for guard in trace.capture_guards]
        self.dynamic = trace.dynamic
        captured = trace.graph.inputs[len(trace.dynamic) :]
        self.captures = [
            (path, node.specs[0], layout)
            for path, node, layout in zip(trace.captures, captured, trace.layouts, strict=False)
        ]
        self.writes = any(effect.kind == "write" for effect in trace.graph.effects)
        acts = self.writes or trace.changes is not None or makes(trace.graph)
        self.is_pure = not (acts or trace.formatted or interpreted)

    def graph(self, kind: str, wrt: tuple[int, ...] = ()) -> CalcGraph:
        """The optimised graph; ``kind`` is a key of `TRANSFORMS`."""
        found = self.graphs.get((kind, wrt))
        if found is None:
            found = self.graphs[kind, wrt] = self._make_graph(kind, wrt)
        return found

    def _make_graph(self, kind: str, wrt: tuple[int, ...]) -> CalcGraph:
        if self.interpreted and kind in ("value_and_grad", "vjp"):
            seed = "ones" if kind == "value_and_grad" else "input"
            return lower(reverse(self.trace.graph, wrt, seed, recorded=False))
        if self.interpreted:
            return self._transformed(kind, wrt)
        numerics = "exact" if kind in ("forward", "changes", "state", "places") else self.numerics
        return without_recompute(optimise(self._transformed(kind, wrt), numerics=numerics))

    def _transformed(self, kind: str, wrt: tuple[int, ...]) -> CalcGraph:
        return lower(self.recordable(kind, wrt))

    def recordable(self, kind: str, wrt: tuple[int, ...] = ()) -> CalcGraph:
        """The graph as it may be differentiated further: with calls, custom rules and stops."""
        trace = self.trace
        whole = trace.graph
        if trace.changes is not None and kind in ("changes", "state"):
            whole = trace.changes.graph
        if trace.changes is not None and kind == "state":
            written = [whole.outputs[number] for number in trace.changes.written_outputs()]
            whole = whole.replace(outputs=written, roles={"value": len(written)})
        if trace.alias_graph is not None and kind == "places":
            whole = trace.alias_graph
        return TRANSFORMS[kind](whole, wrt)

    def partition(self, wrt: tuple[int, ...]) -> Partition:
        found = self.graphs.get(("partition", wrt))
        if found is None:
            found = self.graphs["partition", wrt] = partition(self.graph("vjp", wrt))
        return found

    def program(self, kind: str, wrt: tuple[int, ...] = ()) -> Program | Interpreted:
        """The compiled program; other threads wait for the one that compiles."""
        if self.interpreted:
            return Interpreted(self.graph(kind, wrt))
        found = self.programs.get((kind, wrt))
        if found is None:
            with self.lock:
                found = self.programs.get((kind, wrt))
                if found is None:
                    found = self.programs[kind, wrt] = self._compiled(self.graph(kind, wrt), kind)
        return found

    def halves(self, kind: str, wrt: tuple[int, ...]) -> tuple[Any, Any]:
        """Forward program (outputs, then residuals), and one of residuals and cotangents.

        With ``kind`` ``"jvp"`` the second takes tangents.
        """
        key, second = ("pair", "backward") if kind == "vjp" else ("linear", "linear")
        found = self.programs.get((key, wrt))
        if found is None:
            with self.lock:
                parts = self.partition(wrt) if kind == "vjp" else self._linear_partition(wrt)
                if self.interpreted:
                    return Interpreted(parts.forward), Interpreted(parts.backward)
                found = (
                    self._compiled(parts.forward, "forward"),
                    self._compiled(parts.backward, second),
                )
                self.programs[key, wrt] = found
        return found

    def _linear_partition(self, wrt: tuple[int, ...]) -> Partition:
        graph, count = self.graph("jvp", wrt), len(self.trace.graph.outputs)
        roles = {"value": count, "gradient": len(graph.outputs) - count}
        tangents = graph.inputs[len(self.trace.graph.inputs) :]
        return partition(graph.replace(roles=roles), tangents)

    def from_trace_values(
        self, wrt: tuple[int, ...], inputs: Sequence[Any], seeds: Sequence[Any] = ()
    ) -> list[Any] | None:
        """Outputs and gradients from the values of the trace, for the call that it was made for.

        ``seeds`` are the cotangents of the first outputs. None if the values were not kept.
        """
        if not self.trace.kept_values:
            return None
        kept, graph = self.trace.kept_values.pop(), self.trace.alias_graph or self.trace.graph
        try:
            return with_user_warnings(_replayed)(graph, kept, inputs, wrt, seeds)
        except NotKept:
            return None

    def _compiled(self, graph: CalcGraph, name: str) -> Program:
        if name != "forward" and self.numerics == "fast":
            graph = sums_as_products(graph)
        return _compiled(graph, name)

    def inputs(self, function: Any, leaves: list[Any]) -> list[Any] | None:
        """The run-time inputs, captures read anew; None if a static capture has changed."""
        for holds in self.capture_guards:
            if not holds(function, leaves):
                return None
        if self.changes is not None and not self.changes.holds(function, leaves):
            return None
        values = list(map(leaves.__getitem__, self.dynamic))
        for path, spec, layout in self.captures:
            value = path.read(function, leaves)
            if value is MISSING or not _fits(value, spec) or layout_of(value) != layout:
                return None
            values.append(value)
        values += self.trace.outer
        return values

    def takes_leaves(self, count: int) -> bool:
        """Whether `inputs` are all leaves as they are, in every call."""
        others = (
            self.capture_guards or self.captures or self.changes is not None or self.trace.outer
        )
        return not others and self.dynamic == tuple(range(count))

    def changed(self, function: Any, leaves: list[Any]) -> errors.CaptureMutationError:
        """What the function has changed of what it reads from outside, as an error."""
        trace = self.trace
        paths = [c.path for c in trace.capture_guards if not c.holds(function, leaves)]
        nodes = trace.graph.inputs[len(trace.dynamic) :]
        for path, node in zip(trace.captures, nodes, strict=False):
            if not _fits(path.read(function, leaves), node.specs[0]):
                paths.append(path)
        names = sorted({str(path) for path in paths} - {""})
        what = ", ".join(names) if names else "something"
        return errors.CaptureMutationError(
            f"The function changed {what} outside of it; it would happen while tracing and never "
            "again.",
            None,
            "use a local variable, and return it",
        )


def _replayed(
    graph: CalcGraph,
    kept: KeptValues,
    inputs: Sequence[Any],
    wrt: tuple[int, ...],
    seeds: Sequence[Any],
) -> list[Any]:
    """The end of a call whose trace has computed all values: gradients, then what it changes."""
    values = kept.values
    values.update(zip(graph.inputs, inputs, strict=True))
    tape = Tape(graph, values)
    gradients = tape.gradients(wrt, zip(graph.outputs, seeds, strict=False)) if wrt else []
    outputs = [tape.value(node) for node in graph.outputs]
    if not kept.hidden.isdisjoint(graph.outputs):  # views of arguments: of the caller's own
        own = {node: value for node, value in values.items() if node not in kept.hidden}
        own.update(zip(graph.inputs, inputs, strict=True))
        outputs = [Tape(graph, own).value(node) for node in graph.outputs]
    writes = [effect for effect in graph.effects if effect.kind == "write"]
    fresh = [np.copy(tape.value(effect.value)) for effect in writes]
    for effect, value in zip(writes, fresh, strict=True):
        values[effect.target][...] = value
    kept.streams.commit()
    return [*outputs, *gradients]


def _compiled(graph: CalcGraph, name: str) -> Program:
    program = compile_graph(graph, name)
    program.run = with_user_warnings(transactional(program.run, graph))
    PROGRAMS[program.filename] = program
    return program


def _fits(value: Any, spec: Any) -> bool:
    if type(value) is np.ndarray:
        return bool(
            spec.kind == "array" and value.shape == spec.shape and value.dtype == spec.dtype
        )
    if isinstance(value, TracedTensor) and value._recorder.closed:
        return False  # the function has put it there
    if isinstance(value, (np.ndarray, np.generic)):
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return bool(value.shape == spec.shape and value.dtype == spec.dtype and kind == spec.kind)
    if spec.kind == "object":
        return isinstance(value, STREAMS)
    return (
        spec.kind == "weak"
        and isinstance(value, (bool, int, float, complex))
        and (np.dtype(type(value)) == spec.dtype)
    )
