"""One trace: the user's function run once on Tensors, giving a graph and what it captured.

>>> trace = trace_function(f, FlatArguments(leaves, structure, names))
>>> trace.graph
<CalcGraph loss(w, x): 12 nodes>
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.graph.calcgraph import CalcGraph
from tracer.ops.seeds import rewind
from tracer.python.attributes import own
from tracer.python.unwrap import innermost
from tracer.recording.arguments import (
    FlatArguments,
    input_tensors,
    layout_of,
    readonly_outputs,
    refuse_coroutine,
    refuse_generators,
)
from tracer.recording.captures.captures import Captures
from tracer.recording.captures.containers import Containers
from tracer.recording.captures.guards import CaptureGuard
from tracer.recording.captures.paths import Path
from tracer.recording.captures.state import Savepoint
from tracer.recording.hooks.call_sites import substitute
from tracer.recording.kept_values import KeptValues, can_keep_values
from tracer.recording.recorder.errstate import report
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.session import contained, recording
from tracer.recording.source.frames import run_user_function
from tracer.recording.source.locator import Remembered
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.leaks import refuse_untraced
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import overlap
from tracer.recording.watch.instrument import instrumented
from tracer.recording.writeback.aliases import Alias, aliases_of, with_operands
from tracer.recording.writeback.changes import Changes
from tracer.recording.writeback.settle import settle
from tracer.recording.writeback.writer import Parts, Writer, record_changes

Static = tuple[int, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A forward graph and how to feed it.

    Attributes
    ----------
    graph : CalcGraph
        Its inputs are the dynamic leaves in order, then the captures.
    dynamic : tuple of int
        Which leaves of the arguments are inputs.
    captures : tuple of Path
        Where to read the other inputs.
    capture_guards : tuple of CaptureGuard
        What must hold of static captures.
    outer : tuple of TracedTensor
        Tensors of an enclosing trace that the function used, the last inputs.
    structure : TreeDef
        Of the result.
    static_results : tuple of (position, value)
        Leaves of the result that are no arrays.
    traced_values : list
        The values of the outputs while tracing, until the first call is over.
    kept_values : list of KeptValues
        What the nodes' values were while tracing, for a call that no program will serve again.
    aliases : tuple of Alias
        Outputs that are a written argument, or views of one.
    alias_graph : CalcGraph or None
        The graph whose outputs end with the traced indices of such views, if there are any.
    changes : Changes or None
        What becomes of dicts, lists and objects among the arguments.
    formatted : bool
        Whether text was made of a traced value: such calls are checked now and then.
    readonly : tuple of int
        Outputs that the function has made read-only.
    """

    graph: CalcGraph
    dynamic: tuple[int, ...]
    captures: tuple[Path, ...]
    capture_guards: tuple[CaptureGuard, ...]
    outer: tuple[TracedTensor, ...]
    structure: Any
    static_results: tuple[Static, ...]
    formatted: bool = False
    traced_values: list[Any] = field(default_factory=list)
    kept_values: list[KeptValues] = field(default_factory=list)
    aliases: tuple[Alias, ...] = ()
    alias_graph: CalcGraph | None = None
    changes: Changes | None = None
    layouts: tuple[Any, ...] = ()
    readonly: tuple[int, ...] = ()

    def outputs(self, values: Sequence[Any]) -> Any:
        """The user's result from the values of the graph's outputs."""
        leaves = list(values)
        for number in self.readonly:
            if type(leaves[number]) is np.ndarray:
                leaves[number].flags.writeable = False
        for position, value in self.static_results:
            leaves.insert(position, value)
        return trees.unflatten(self.structure, leaves)

    def with_aliases(self, values: Sequence[Any], inputs: Sequence[Any]) -> Sequence[Any]:
        """Written arguments among the outputs become the caller's own arrays again.

        ``values`` are the outputs of ``alias_graph`` where there is one.
        """
        if not self.aliases:
            return values
        found = list(values)
        if self.alias_graph is not None:
            del found[self.alias_graph.roles["value"] :]
        for alias in self.aliases:
            if alias.output < len(found):  # else it is put into an argument
                found[alias.output] = alias.view(inputs, values)
        return found


class OverlappingWrite(errors.ArgumentWrite):
    """What a trace raised may be due to its copies of arguments, which share no memory."""


@contained
def trace_function(
    function: Callable[..., Any],
    arguments: FlatArguments,
    title: str = "",
    reads_sizes: bool = False,
    keeps: bool = False,
) -> Trace:
    """Run ``function`` once on Tensors.

    Parameters
    ----------
    reads_sizes
        Make sizes that depend on values, as of ``x[x > 0]``, parts of the program.
    keeps
        Keep the values of all nodes, where the call needs nothing else.

    Raises
    ------
    TracerError
        For everything that can't be traced soundly, with the user's line.
    """
    try:
        return _attempt(function, arguments, title, reads_sizes, keeps)
    except CounterFailed:  # an int that counts is asked for what only an int can tell
        return _attempt(function, arguments, title, reads_sizes, keeps)


class CounterFailed(Exception):
    """A trace with counters among its inputs has failed: they must be parts of the program."""


def _attempt(
    function: Callable[..., Any],
    arguments: FlatArguments,
    title: str,
    reads_sizes: bool,
    keeps: bool,
) -> Trace:
    plain = innermost(function)
    refuse_generators(plain)
    recorder = _opened(function, plain, title)
    recorder.reads_sizes |= reads_sizes
    if keeps:
        recorder.kept, recorder.locator = [], Remembered(recorder.name)
    recorder.weak_ints = bool(arguments.weak)
    placed, dynamic = input_tensors(recorder, arguments)
    args, kwargs = trees.unflatten(arguments.structure, placed)
    recorder.captures.identities.arguments.append((args, kwargs))
    given = Containers((args, kwargs), placed)
    try:
        run = _run(recorder, function, args, kwargs, given)
    except Exception as error:
        _translate(error, recorder, arguments, dynamic)
        raise
    finally:
        given.restore()
        if recorder.enclosing is None:
            recorder.captures.state.roll_back()
    readonly = readonly_outputs(recorder, run.outputs, arguments.leaves, dynamic)
    trace = _trace_of(recorder, run, dynamic, readonly)
    recorder.forget()
    return trace


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What came of a function that was run on Tensors.

    ``values`` are the outputs, then the Tensors that were put somewhere else; ``graph`` gives them.
    """

    graph: CalcGraph
    outputs: list[TracedTensor]
    static_results: tuple[Static, ...]
    structure: Any
    values: list[TracedTensor]
    parts: Parts | None


def _run(
    recorder: Recorder, function: Callable[..., Any], args: Any, kwargs: Any, given: Containers
) -> Run:
    captures = recorder.captures
    savepoint = Savepoint(captures.state) if recorder.enclosing is not None else None
    with recording(recorder):
        result = run_user_function(substitute(captures.instrumented(function)), args, kwargs)
        refuse_coroutine(result)
        flat, structure = trees.flatten(result)
        refuse_untraced(flat)
        Writer.refuse_keys(keys_of(structure))
        captures.refuse_writes()
        if savepoint is not None:
            savepoint.refuse_changes()
        outputs, fixed = _outputs(recorder, flat)
        values, parts = record_changes(given, result, outputs, captures)
        graph = recorder.graph(values)
        recorder.streams.refuse_unseen()
    return Run(graph, outputs, fixed, structure, values, parts)


def _translate(
    error: Exception, recorder: Recorder, arguments: FlatArguments, dynamic: tuple[int, ...]
) -> None:
    """Raise what an error in a trace means; one of the user's own is carried out, and stays."""
    outermost = recorder.enclosing is None
    ours = isinstance(error, errors.TracerError)
    if isinstance(error, RecursionError) and not ours:
        raise errors.RecursiveTrace(
            f"{recorder.name} called itself without end while it was traced.",
            recorder.where(),
            "make the recursion end on a value that does not depend on traced data",
        ) from error
    if not ours and recorder.wrote() and overlap([arguments.leaves[k] for k in dynamic]):
        raise OverlappingWrite(
            "The function writes to one of two arguments that share memory.",
            recorder.where(),
            "pass a copy of one of them",
        ) from error
    failed = ours or isinstance(error, (AttributeError, TypeError))
    if failed and outermost and recorder.captures.state.fix_counters():
        raise CounterFailed from error
    if ours:
        return
    _commit_effects(recorder)
    if outermost and not arguments.weak:  # it happened, as in plain code
        settle(recorder.captures)
        recorder.captures.state.release()


def keys_of(structure: Any) -> list[Any]:
    """All keys of dicts in a tree."""
    found = list(structure.keys)
    for child in structure.children if structure.leaves else ():
        found += keys_of(child)
    return found


def _opened(function: Callable[..., Any], plain: Any, title: str) -> Recorder:
    """A recorder that knows the trace around it.

    What a nested trace reads from outside belongs to the outermost trace, as an input of it.
    """
    name = own(plain, "__name__", "f")
    name = "result" if not name.isidentifier() or name.startswith("_") else name
    recorder = Recorder(name, title or name)
    recorder.enclosing = enclosing = ACTIVE.get()
    if enclosing is not None:
        recorder.captures = enclosing.captures
        recorder.reads_sizes = enclosing.reads_sizes
        return recorder
    rewind()
    recorder.captures = captures = Captures(recorder)
    captures.instrument = instrumented
    captures.state.load_counters(plain)
    captures.add_path(function, Path("function", None))
    captures.add_path(plain, Path("function", None))
    return recorder


def _outputs(
    recorder: Recorder, flat: Sequence[Any]
) -> tuple[list[TracedTensor], tuple[Static, ...]]:
    """The leaves of the result: those of the program, and those that are fixed."""
    outputs, fixed = [], []
    for position, leaf in enumerate(flat):
        if isinstance(leaf, TracedTensor):
            recorder.node_of(leaf)
            outputs.append(leaf)
        else:
            fixed.append((position, leaf))
    return outputs, tuple(fixed)


def _commit_effects(recorder: Recorder) -> None:
    """The user's function has raised: its draws and warnings happened."""
    if recorder.enclosing is not None:
        recorder.enclosing.streams.lost |= recorder.streams.drew()
    recorder.streams.commit()
    report(recorder)


def _trace_of(
    recorder: Recorder, run: Run, dynamic: tuple[int, ...], readonly: tuple[int, ...]
) -> Trace:
    """Captures and outer Tensors were met in any order; the inputs list them in turn."""
    outermost, captures = recorder.enclosing is None, recorder.captures
    lifted = list(captures.lifted.values()) if outermost else []
    outer = list(recorder.outer.values())
    own = run.graph.inputs[: len(dynamic)]
    inputs = [*own, *[node for _, _, node in lifted], *[node for _, _, node in outer]]
    known = set(inputs)
    rest = [node for node in run.graph.order if node not in known]
    graph = run.graph.replace(inputs=inputs, order=[*inputs, *rest])
    aliases, places = aliases_of(run.values, recorder.inputs[: len(dynamic)], graph)
    extended, changes = with_operands(graph, places), None
    if run.parts is not None:
        count = len(run.outputs)
        changes = Changes(*run.parts, extended or graph)
        graph = graph.replace(outputs=graph.outputs[:count], roles={"value": count})
    kept = recorder.kept if recorder.kept is not None and can_keep_values(recorder, graph) else None
    return Trace(
        graph,
        dynamic,
        captures=tuple([path for path, _, _ in lifted]),
        capture_guards=tuple(captures.guards.values()) if outermost else (),
        outer=tuple([tensor for tensor, _, _ in outer]),
        structure=run.structure,
        static_results=run.static_results,
        formatted=recorder.formatted,
        traced_values=[tensor._value for tensor in run.outputs],
        kept_values=[] if kept is None else [KeptValues(recorder, kept)],
        aliases=aliases,
        alias_graph=extended,
        changes=changes,
        layouts=tuple([layout_of(tensor._value) for _, tensor, _ in lifted]),
        readonly=readonly,
    )
