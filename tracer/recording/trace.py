"""One trace: the user's function run once on Tensors, giving a graph and what it captured.

>>> trace = trace_function(f, leaves, structure, names)
>>> trace.graph
<CalcGraph loss(w, x): 12 nodes>
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.graph.calcgraph import CalcGraph
from tracer.ops.seeds import rewind
from tracer.python.attributes import own
from tracer.python.unwrap import innermost
from tracer.recording.arguments import (
    is_dynamic,
    layout_of,
    private_copy,
    refuse_coroutine,
    refuse_generators,
)
from tracer.recording.captures.captures import Captures
from tracer.recording.captures.containers import Containers
from tracer.recording.captures.guards import ValueGuard
from tracer.recording.captures.paths import Path
from tracer.recording.captures.state import Since
from tracer.recording.hooks.call_sites import substitute
from tracer.recording.kept_values import KeptValues, can_be_kept
from tracer.recording.recorder.errstate import report
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.session import contained, recording
from tracer.recording.source.frames import run_user_function
from tracer.recording.source.locator import Remembered
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.leaks import refuse_untraced
from tracer.recording.tensor.tensor import TracedTensor, alive
from tracer.recording.tensor.views import overlap
from tracer.recording.watch.instrument import instrumented
from tracer.recording.writeback.aliases import Alias, aliases_of, with_places
from tracer.recording.writeback.changes import Changes
from tracer.recording.writeback.writer import Parts, Writer, written_down

Static = tuple[int, Any]
WRITEABLE = 0x400  # NPY_ARRAY_WRITEABLE


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
    conditions : tuple of Condition
        What must hold of static captures.
    outer : tuple of TracedTensor
        Tensors of an enclosing trace that the function used, the last inputs.
    structure : TreeDef
        Of the result.
    fixed : tuple of (position, value)
        Leaves of the result that are no arrays.
    seen : list
        The values of the outputs while tracing, until the first call is over.
    kept : list of Kept
        What the nodes' values were while tracing, for a call that no program will serve again.
    aliases : tuple of Alias
        Outputs that are a written argument, or views of one.
    whole : CalcGraph or None
        The graph whose outputs end with the traced indices of such views, if there are any.
    changes : Changes or None
        What becomes of dicts, lists and objects among the arguments.
    formatted : bool
        Whether text was made of a traced value: such calls are checked now and then.
    locked : tuple of int
        Outputs that the function has made read-only.
    """

    graph: CalcGraph
    dynamic: tuple[int, ...]
    captures: tuple[Path, ...]
    conditions: tuple[ValueGuard, ...]
    outer: tuple[TracedTensor, ...]
    structure: Any
    fixed: tuple[Static, ...]
    formatted: bool = False
    seen: list[Any] = field(default_factory=list)
    kept: list[KeptValues] = field(default_factory=list)
    aliases: tuple[Alias, ...] = ()
    whole: CalcGraph | None = None
    changes: Changes | None = None
    layouts: tuple[Any, ...] = ()
    locked: tuple[int, ...] = ()

    def outputs(self, values: Sequence[Any]) -> Any:
        """The user's result from the values of the graph's outputs."""
        leaves = list(values)
        for number in self.locked:
            if type(leaves[number]) is np.ndarray:
                leaves[number].flags.writeable = False
        for position, value in self.fixed:
            leaves.insert(position, value)
        return trees.unflatten(self.structure, leaves)

    def aliased(self, values: Sequence[Any], inputs: Sequence[Any]) -> Sequence[Any]:
        """Written arguments among the outputs become the caller's own arrays again.

        ``values`` are the outputs of ``whole`` where there is one.
        """
        if not self.aliases:
            return values
        found = list(values)
        if self.whole is not None:
            del found[self.whole.roles["value"] :]
        for alias in self.aliases:
            if alias.output < len(found):  # else it is put into an argument
                found[alias.output] = alias.view(inputs, values)
        return found


class OverlappingWrite(errors.ArgumentWrite):
    """What a trace raised may be due to its copies of arguments, which share no memory."""


@contained
def trace_function(
    function: Callable[..., Any],
    leaves: Sequence[Any],
    structure: Any,
    names: Sequence[str],
    title: str = "",
    static: frozenset[int] = frozenset(),
    weak: frozenset[int] = frozenset(),
    reads_sizes: bool = False,
    keeps: bool = False,
) -> Trace:
    """Run ``function`` once on Tensors.

    Parameters
    ----------
    leaves, structure, names
        Of ``(args, kwargs)``: flat values, their tree, and a name for each leaf.
    static
        Numbers of the leaves that are no inputs although they could be.
    weak
        Numbers of Python ints that are inputs: they have had several values.
    reads_sizes
        Make sizes that depend on values, as of ``x[x > 0]``, parts of the program.
    keeps
        Keep the values of all nodes, where the call needs nothing else.

    Raises
    ------
    TracerError
        For everything that can't be traced soundly, with the user's line.
    """

    def once() -> Trace:
        return _traced(function, leaves, structure, names, title, static, weak, reads_sizes, keeps)

    try:
        return once()
    except CounterFailed:  # an int that counts is asked for what only an int can tell
        return once()


class CounterFailed(Exception):
    """A trace with counters among its inputs has failed: they must be parts of the program."""


def _traced(
    function: Callable[..., Any],
    leaves: Sequence[Any],
    structure: Any,
    names: Sequence[str],
    title: str,
    static: frozenset[int],
    weak: frozenset[int],
    reads_sizes: bool,
    keeps: bool,
) -> Trace:
    """`trace_function`, in one attempt."""
    plain = innermost(function)
    refuse_generators(plain)
    recorder = _opened(function, plain, title)
    recorder.reads_sizes |= reads_sizes
    if keeps:
        recorder.kept, recorder.locator = [], Remembered(recorder.name)
    recorder.weak_ints = bool(weak)
    captures = recorder.captures
    placed, dynamic = _placed(recorder, leaves, names, static, weak)
    args, kwargs = trees.unflatten(structure, placed)
    captures.identities.given.append((args, kwargs))
    given = Containers((args, kwargs), placed)
    since = Since(captures.state) if recorder.enclosing is not None else None
    try:
        with recording(recorder):
            result = run_user_function(substitute(instrumented(function, captures)), args, kwargs)
            refuse_coroutine(result)
            flat, out_structure = trees.flatten(result)
            refuse_untraced(flat)
            Writer.refuse_keys(keys_of(out_structure))
            captures.refuse_written()
            if since is not None:
                since.refuse()
            outputs, fixed = _outputs(recorder, flat)
            everything, parts = written_down(given, result, outputs, captures)
            graph = recorder.graph(everything)
            recorder.streams.refuse_unseen()
    except errors.TracerError as error:
        if recorder.enclosing is None and captures.state.gives_up():
            raise CounterFailed from error
        raise
    except RecursionError as error:
        raise errors.RecursiveTrace(
            f"{recorder.name} called itself without end while it was traced.",
            recorder.where(),
            "make the recursion end on a value that does not depend on traced data",
        ) from error
    except Exception as error:
        if recorder.wrote() and overlap([leaves[number] for number in dynamic]):
            raise OverlappingWrite(
                "The function writes to one of two arguments that share memory.",
                recorder.where(),
                "pass a copy of one of them",
            ) from error
        failed = isinstance(error, (AttributeError, TypeError))
        if failed and recorder.enclosing is None and captures.state.gives_up():
            raise CounterFailed from error
        _give_up(recorder)
        if recorder.enclosing is None and not weak:  # it happened, as in plain code
            captures.state.settle()
            captures.state.forget()
        raise
    finally:
        given.put_back()
        if recorder.enclosing is None:
            captures.state.put_back()
    own = captures if recorder.enclosing is None else Captures(recorder)
    seen = [tensor._value for tensor in outputs]
    found = _arranged(graph, recorder, own, dynamic, out_structure, fixed, seen)
    found = replace(found, locked=_locked(recorder, outputs, leaves, dynamic))
    aliases, places = aliases_of(everything, recorder.inputs[: len(dynamic)], found.graph)
    found = replace(found, aliases=aliases, whole=with_places(found.graph, places))
    if parts is not None:
        found = _with_changes(found, parts, len(outputs))
    if recorder.kept is not None and can_be_kept(recorder, found.graph):
        found.kept.append(KeptValues(recorder, recorder.kept))
    recorder.forget()
    return found


def _locked(
    recorder: Recorder,
    outputs: Sequence[TracedTensor],
    leaves: Sequence[Any],
    dynamic: Sequence[int],
) -> tuple[int, ...]:
    """Numbers of the outputs that were made read-only, or are views of such.

    Raises
    ------
    LeakError
        If an argument was locked or unlocked, which the caller would see.
    """
    for number, node in zip(dynamic, recorder.inputs, strict=False):
        own = next((b.value for b in recorder.arguments if b.target is node), None)
        given = leaves[number]
        if (
            own is not None
            and isinstance(given, np.ndarray)
            and (not isinstance(given, TracedTensor) and _is_writeable(own) != _is_writeable(given))
        ):
            raise leak(
                f"The function locked or unlocked the memory of its argument {node.name}.",
                "copy it first",
            )
    outside = recorder.arguments
    return tuple(
        [
            number
            for number, tensor in enumerate(outputs)
            if isinstance(tensor._value, np.ndarray)
            and not _is_writeable(tensor._value)
            and tensor._buffer not in outside
        ]
    )


def _is_writeable(array: np.ndarray) -> bool:
    """Whether it may be written to, without NumPy's warning about broadcast arrays."""
    return bool(array.flags.num & WRITEABLE)


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
    captures.state.of_function(plain)
    captures.know(function, Path("function", None))
    captures.know(plain, Path("function", None))
    return recorder


def _placed(
    recorder: Recorder,
    leaves: Sequence[Any],
    names: Sequence[str],
    static: frozenset[int],
    weak: frozenset[int],
) -> tuple[list[Any], tuple[int, ...]]:
    """What the function gets for each leaf, and which leaves are inputs."""
    captures, outermost = recorder.captures, recorder.enclosing is None
    placed = []
    dynamic = []
    for number, leaf in enumerate(leaves):
        if number in static or not (number in weak or is_dynamic(leaf)):
            if outermost:
                captures.know(leaf, Path("leaf", number))
            placed.append(leaf)
            continue
        dynamic.append(number)
        value = leaf
        if isinstance(leaf, TracedTensor):
            alive(leaf)
            value = leaf._value
        tensor = recorder.argument(private_copy(value), names[number])
        path = Path("leaf", number) if outermost else None
        placed.append(captures.identities.arrive(tensor, leaf, path))
    return placed, tuple(dynamic)


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


def _give_up(recorder: Recorder) -> None:
    """The user's function has raised: its draws and warnings happened."""
    if recorder.enclosing is not None:
        recorder.enclosing.streams.lost |= recorder.streams.drew()
    recorder.streams.commit()
    report(recorder)


def _arranged(
    graph: CalcGraph,
    recorder: Recorder,
    captures: Captures,
    dynamic: tuple[int, ...],
    structure: Any,
    fixed: tuple[Static, ...],
    seen: list[Any],
) -> Trace:
    """Captures and outer Tensors were met in any order; the inputs list them in turn."""
    own = list(graph.inputs[: len(dynamic)])
    captured = [node for _, _, node in captures.lifted.values()]
    outer = list(recorder.outer.values())
    inputs = [*own, *captured, *[node for _, _, node in outer]]
    known = set(inputs)
    rest = [node for node in graph.order if node not in known]
    graph = graph.replace(inputs=inputs, order=[*inputs, *rest])
    lifted = tuple([path for path, _, _ in captures.lifted.values()])
    conditions = tuple(captures.conditions.values())
    return Trace(
        graph,
        dynamic,
        lifted,
        conditions,
        tuple([tensor for tensor, _, _ in outer]),
        structure,
        fixed,
        recorder.formatted,
        seen,
        layouts=tuple([layout_of(tensor._value) for _, tensor, _ in captures.lifted.values()]),
    )


def _with_changes(found: Trace, parts: Parts, count: int) -> Trace:
    """The trace whose graph gives the result alone; that of the changes gives all values."""
    everything = found.graph
    graph = everything.replace(outputs=everything.outputs[:count], roles={"value": count})
    return replace(found, graph=graph, changes=Changes(*parts, found.whole or everything))
