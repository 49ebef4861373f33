"""What a traced function does when it is called, differentiated, pulled back or pushed forward.

Loaded at the first call of a traced function, so that ``import tracer`` stays light.

>>> value_and_grad(function, (w, x), {}, (0, 1), False)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from tracer import trees
from tracer.function import self_check
from tracer.function.dispatch import dispatch, enter_flat_call, prepare
from tracer.function.signature import bind
from tracer.function.specialization import Specialization
from tracer.python.attributes import Traced
from tracer.recording.captures.containers import is_shared
from tracer.recording.random.streams import streams_of
from tracer.recording.regions.replay import replay
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.views import overlap
from tracer.recording.trace import OverlappingWrite
from tracer.transforms.partition import partition


def call(function: Traced, args: tuple, kwargs: dict[str, Any]) -> Any:
    """``f(*args)``: inside another trace the plain function is traced along."""
    if ACTIVE.get() is not None:
        return function.__tracer_function__(*args, **kwargs)
    call_, names = prepare(function, args, kwargs)

    def run(leaf: Specialization, inputs: list[Any]) -> Any:
        changes = leaf.trace.changes is not None
        given = bind(function, args, kwargs) if changes else (args, kwargs)
        if (leaf.writes and overlap(inputs)) or (changes and is_shared(given)):
            return function.__tracer_function__(*args, **kwargs)

        def outputs() -> Any:
            if not changes:
                return _outputs(leaf, inputs)
            return _changed(leaf, inputs, given, function.__tracer_function__, call_.leaves)

        if self_check.is_due(leaf, function.check):
            leaf.trace.kept.clear()  # the interpreter is compared with them
            return self_check.compare(
                leaf,
                function.__tracer_function__,
                given,
                outputs,
                streams=streams_of(leaf.trace.graph, inputs),
            )
        result = outputs()
        if not kwargs:
            trace = leaf.trace
            one = trace.structure is trees.LEAF and not trace.fixed and not trace.locked
            finish = itemgetter(0) if one else trace.outputs
            enter_flat_call(function, "forward", args, call_, (leaf, "forward", ()), finish)
        return result

    try:
        return dispatch(function, call_, names, run)
    except OverlappingWrite:
        return function.__tracer_function__(*args, **kwargs)


def _outputs(leaf: Specialization, inputs: list[Any]) -> Any:
    values: Any = leaf.once((), inputs)
    if values is None:
        values = leaf.program("places" if leaf.trace.whole else "forward").run(*inputs)
    return leaf.trace.outputs(leaf.trace.aliased(values, inputs))


def _changed(
    leaf: Specialization, inputs: list[Any], given: Any, function: Any, leaves: list[Any]
) -> Any:
    """The result, after the caller's dicts, lists and objects have been changed."""
    values = leaf.program("changes").run(*inputs)
    assert leaf.trace.changes is not None
    values = leaf.trace.aliased(values, inputs)
    result = leaf.trace.changes.carry_out(given, values, function, leaves)
    if leaf.trace.changes.result is None:
        return leaf.trace.outputs(values[: len(leaf.trace.graph.outputs)])
    return result


def execute(
    leaf: Specialization, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]
) -> Sequence[Any]:
    """Run a program; inside another trace its nodes are recorded there."""
    recorder = ACTIVE.get()
    if recorder is not None:
        return replay(recorder, leaf.recordable(kind, wrt), inputs)
    return leaf.program(kind, wrt).run(*inputs)


def pair_inside(
    leaf: Specialization, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]
) -> tuple[Sequence[Any], Callable[[list[Any]], Sequence[Any]]]:
    """Values and linear part inside another trace: random numbers are drawn once, and kept."""
    recorder, count = ACTIVE.get(), len(leaf.trace.graph.outputs)
    assert recorder is not None
    graph = leaf.recordable(kind, wrt)
    roles = {"value": count, "gradient": len(graph.outputs) - count}
    given = graph.inputs[len(leaf.trace.graph.inputs) :]
    parts = partition(graph.replace(roles=roles), given)
    results = replay(recorder, parts.forward, inputs)

    def apply(given: list[Any]) -> Sequence[Any]:
        return replay(ACTIVE.get() or recorder, parts.backward, [*results[count:], *given])

    return results[:count], apply


def halves_inside(
    leaf: Specialization, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]
) -> tuple[Sequence[Any], Callable[[list[Any]], Sequence[Any]]]:
    """Values inside another trace, and what records the linear part there when it is called."""
    recorder, count = ACTIVE.get(), len(leaf.trace.graph.outputs)
    assert recorder is not None
    graph = leaf.recordable(kind, wrt)  # made here, where an error of it still has a remedy

    def apply(given: list[Any]) -> Sequence[Any]:
        return replay(ACTIVE.get() or recorder, graph, [*inputs, *given])[count:]

    return replay(recorder, leaf.trace.graph, inputs), apply
