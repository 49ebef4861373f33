"""What a traced function does when it is called, and how its programs run inside other traces.

Loaded at the first call of a traced function, so that ``import tracer`` stays light.

>>> evaluate_call(function, (w, x), {})
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from tracer import trees
from tracer.function import self_check
from tracer.function.dispatch import call_of, dispatch, enter_flat_call
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


def evaluate_call(function: Traced, args: tuple, kwargs: dict[str, Any]) -> Any:
    """``f(*args)``: inside another trace the plain function is traced along."""
    if ACTIVE.get() is not None:
        return function.__tracer_function__(*args, **kwargs)
    call = call_of(function, args, kwargs)

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        changes = specialization.trace.changes is not None
        given = bind(function, args, kwargs)[:2] if changes else (args, kwargs)
        if (specialization.writes and overlap(inputs)) or (changes and is_shared(given)):
            return function.__tracer_function__(*args, **kwargs)

        def outputs() -> Any:
            if not changes:
                return _outputs(specialization, inputs)
            return _changed(
                specialization, inputs, given, function.__tracer_function__, call.leaves
            )

        if self_check.is_due(specialization, function.check):
            specialization.trace.kept_values.clear()  # the interpreter is compared with them
            return self_check.compare(
                specialization,
                function.__tracer_function__,
                given,
                outputs,
                streams=streams_of(specialization.trace.graph, inputs),
            )
        result = outputs()
        if not kwargs:
            trace = specialization.trace
            one = trace.structure is trees.LEAF and not trace.static_results and not trace.readonly
            finish = itemgetter(0) if one else trace.outputs
            enter_flat_call(
                function, "forward", args, call, (specialization, "forward", ()), finish
            )
        return result

    try:
        return dispatch(function, call, run)
    except OverlappingWrite:
        return function.__tracer_function__(*args, **kwargs)


def _outputs(specialization: Specialization, inputs: list[Any]) -> Any:
    values: Any = specialization.from_trace_values((), inputs)
    if values is None:
        values = specialization.program(
            "places" if specialization.trace.alias_graph else "forward"
        ).run(*inputs)
    return specialization.trace.outputs(specialization.trace.with_aliases(values, inputs))


def _changed(
    specialization: Specialization, inputs: list[Any], given: Any, function: Any, leaves: list[Any]
) -> Any:
    """The result, after the caller's dicts, lists and objects have been changed."""
    values = specialization.program("changes").run(*inputs)
    assert specialization.trace.changes is not None
    values = specialization.trace.with_aliases(values, inputs)
    result = specialization.trace.changes.apply(given, values, function, leaves)
    if specialization.trace.changes.result is None:
        return specialization.trace.outputs(values[: len(specialization.trace.graph.outputs)])
    return result


def execute(
    specialization: Specialization, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]
) -> Sequence[Any]:
    """Run a program; inside another trace its nodes are recorded there."""
    recorder = ACTIVE.get()
    if recorder is not None:
        return replay(recorder, specialization.recordable(kind, wrt), inputs)
    return specialization.program(kind, wrt).run(*inputs)


def nested_partition(
    specialization: Specialization, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]
) -> tuple[Sequence[Any], Callable[[list[Any]], Sequence[Any]]]:
    """Values and linear part inside another trace: random numbers are drawn once, and kept."""
    recorder, count = ACTIVE.get(), len(specialization.trace.graph.outputs)
    assert recorder is not None
    graph = specialization.recordable(kind, wrt)
    roles = {"value": count, "gradient": len(graph.outputs) - count}
    given = graph.inputs[len(specialization.trace.graph.inputs) :]
    parts = partition(graph.replace(roles=roles), given)
    results = replay(recorder, parts.forward, inputs)

    def apply(given: list[Any]) -> Sequence[Any]:
        return replay(ACTIVE.get() or recorder, parts.backward, [*results[count:], *given])

    return results[:count], apply


def nested_halves(
    specialization: Specialization, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]
) -> tuple[Sequence[Any], Callable[[list[Any]], Sequence[Any]]]:
    """Values inside another trace, and what records the linear part there when it is called."""
    recorder, count = ACTIVE.get(), len(specialization.trace.graph.outputs)
    assert recorder is not None
    graph = specialization.recordable(
        kind, wrt
    )  # made here, where an error of it still has a remedy

    def apply(given: list[Any]) -> Sequence[Any]:
        return replay(ACTIVE.get() or recorder, graph, [*inputs, *given])[count:]

    return replay(recorder, specialization.trace.graph, inputs), apply
