"""What a traced function does when it is called, differentiated, pulled back or pushed forward.

Loaded at the first call of a traced function, so that ``import tracer`` stays light.

>>> value_and_grad(function, (w, x), {}, (0, 1), False)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import errors, settings, trees
from tracer.function import self_check
from tracer.function.argnums import Pullback, Selection, fitted, flat_tangents, tangent_tree
from tracer.function.dispatch import (
    dispatch,
    is_flat,
    is_simple,
    nested_or_dispatch,
    prepare,
    remember,
    trace_again,
)
from tracer.function.signature import bind, flat_call
from tracer.function.specialization import Leaf
from tracer.function.traced import TracedFunction
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.spec import ArraySpec
from tracer.recording.captures.containers import is_shared
from tracer.recording.random.streams import draws, streams_of
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.views import overlap
from tracer.recording.trace import OverlappingWrite, Trace, private_copy
from tracer.transforms.partition import partition


def call(function: TracedFunction, args: tuple, kwargs: dict[str, Any]) -> Any:
    """``f(*args)``: inside another trace the plain function is traced along."""
    if ACTIVE.get() is not None:
        return function.__tracer_function__(*args, **kwargs)
    flat = flat_call("forward", args) if not kwargs and is_simple(function) else None
    known = function.cache.flat.get(flat[0]) if flat is not None else None
    if flat is not None and known is not None and known[1] is settings.current():
        leaf, _, run_program, one = known
        inputs = leaf.inputs(function.__tracer_function__, flat[1])
        if inputs is not None:
            try:
                values = run_program(*inputs)
                return values[0] if one else leaf.trace.outputs(values)
            except Exception:  # another branch, or an error that user code may catch
                pass
    call_, names = prepare(function, args, kwargs)

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
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
        acts = leaf.writes or changes or leaf.makes
        plain = not (acts or leaf.trace.formatted or leaf.interpreted)
        if flat is not None and plain and is_flat(call_, args, flat[1]):
            trace = leaf.trace
            one = trace.structure is trees.LEAF and not trace.fixed and not trace.locked
            remember(
                function, flat[0], (leaf, settings.current(), leaf.program("forward").run, one)
            )
        return result

    try:
        return dispatch(function, call_, names, run)
    except OverlappingWrite:
        return function.__tracer_function__(*args, **kwargs)


def _outputs(leaf: Leaf, inputs: list[Any]) -> Any:
    values: Any = leaf.once((), inputs)
    if values is None:
        values = leaf.program("places" if leaf.trace.whole else "forward").run(*inputs)
    return leaf.trace.outputs(leaf.trace.aliased(values, inputs))


def _changed(leaf: Leaf, inputs: list[Any], given: Any, function: Any, leaves: list[Any]) -> Any:
    """The result, after the caller's dicts, lists and objects have been changed."""
    values = leaf.program("changes").run(*inputs)
    assert leaf.trace.changes is not None
    values = leaf.trace.aliased(values, inputs)
    result = leaf.trace.changes.carry_out(given, values, function, leaves)
    if leaf.trace.changes.result is None:
        return leaf.trace.outputs(values[: len(leaf.trace.graph.outputs)])
    return result


def value_and_grad(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any], argnums: Any, has_aux: bool
) -> Any:
    """``(value, gradient)``; with ``has_aux``, ``((value, aux), gradient)``."""
    flat = None
    if not kwargs and ACTIVE.get() is None and is_simple(function) and type(argnums) is not list:
        flat = flat_call((type(argnums), argnums, has_aux), args)
        known = function.cache.flat.get(flat[0]) if flat is not None else None
        if flat is not None and known is not None and known[1] is settings.current():
            leaf, _, run_program, finish = known
            inputs = leaf.inputs(function.__tracer_function__, flat[1])
            if inputs is not None:
                try:
                    return finish(run_program(*inputs))
                except Exception:  # another branch, or an error that user code may catch
                    pass
    call_, names = prepare(function, args, kwargs)
    selected = Selection(function, call_, names, argnums)

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        trace = leaf.trace
        kind = _scalar_kind(trace, has_aux)
        count = len(trace.graph.outputs)

        one = trace.structure is trees.LEAF and not trace.fixed

        def finish(results: Sequence[Any]) -> Any:
            value = results[0] if one else trace.outputs(results[:count])
            return value, selected.tree(results[count:])

        def differentiate() -> Any:
            wrt = selected.wrt(trace)
            results = finish(_run(leaf, kind, wrt, inputs))
            plain = kind == "value_and_grad" and not (
                trace.formatted or leaf.interpreted or leaf.makes or trace.changes
            )
            if flat is not None and plain and is_flat(call_, args, flat[1]):
                program = leaf.program(kind, wrt)
                remember(function, flat[0], (leaf, settings.current(), program.run, finish))
            return results

        def anew(args: tuple, kwargs: dict[str, Any]) -> Any:
            """The value and gradient of a trace made for this call, without any rewriting."""
            again, inputs = trace_again(function, args, kwargs)
            results = _run(again, kind, selected.wrt(again.trace), inputs)
            return again.trace.outputs(results[:count]), selected.tree(results[count:])

        if ACTIVE.get() is None and self_check.is_due(leaf, function.check):
            taped, copies = bool(trace.kept), [private_copy(value) for value in inputs]

            def interpreted() -> Any:
                return finish(_run(leaf, kind, selected.wrt(trace), copies))

            return self_check.compare(
                leaf,
                function.__tracer_function__,
                (args, kwargs),
                differentiate,
                anew,
                streams_of(trace.graph, inputs),
                interpreted if taped else None,
            )
        return differentiate()

    return nested_or_dispatch(function, call_, names, run)


def _scalar_kind(trace: Trace, has_aux: bool) -> str:
    """Check that there is one scalar to differentiate."""
    shown = trees.unflatten(trace.structure, list(range(trace.structure.leaves)))
    if has_aux:
        if not isinstance(shown, tuple) or len(shown) != 2:
            raise errors.NonScalarOutput(
                "has_aux=True needs a function that returns (value, aux).",
                None,
                "return a pair, or leave out has_aux",
            )
        shown = shown[0]
    fixed = {position for position, _ in trace.fixed}
    outputs = trace.graph.outputs
    plain = dict(trace.fixed).get(shown, 0.0) if type(shown) is int else None
    if shown is None or not isinstance(plain, (int, float, complex, np.generic, np.ndarray)):
        what = "None" if shown is None else type(plain).__name__ if plain is not None else ""
        raise errors.NonScalarOutput(
            f"grad needs a function that returns one number; this one returned "
            f"{what or 'several values'}.",
            None,
            "return the number to differentiate, or use vjp or jacobian",
        )
    if type(shown) is not int or (shown not in fixed and not _is_one(outputs[0].specs[0])):
        what = f"shape {outputs[0].specs[0].seen_shape}" if type(shown) is int else "several values"
        raise errors.NonScalarOutput(
            f"grad needs a function that returns one number; this one returned {what}.",
            outputs[0].origin if outputs else None,
            "reduce the result, e.g. with .sum(), or use vjp or jacobian",
        )
    if shown in fixed or outputs[0].specs[0].dtype.kind not in "f":
        if shown not in fixed and outputs[0].specs[0].dtype.kind == "c":
            raise errors.NonScalarOutput(
                "grad needs a real value; this function returned a complex one.",
                outputs[0].origin,
                "take .real, .imag or abs() of it",
            )
        return "zero"
    return "value_and_grad" if len(outputs) == 1 and not outputs[0].specs[0].shape else "aux"


def _is_one(spec: ArraySpec) -> bool:
    """Whether this is one number, be it in an array."""
    return spec.is_static and math.prod(spec.seen_shape) == 1


def _run(leaf: Leaf, kind: str, wrt: tuple[int, ...], inputs: list[Any]) -> list[Any]:
    graph = leaf.trace.graph
    if kind == "zero":
        values: Any = leaf.once((), inputs)
        values = execute(leaf, "forward", (), inputs) if values is None else values
        return [*values, *[np.zeros_like(inputs[k])[()] for k in wrt]]
    spec = graph.outputs[0].specs[0]
    found = leaf.once(wrt, inputs, [np.ones(spec.seen_shape, spec.dtype)[()]])
    if found is not None:
        return found
    if kind == "aux":
        seeds = aux_seeds(leaf.graph("vjp", wrt), len(leaf.trace.graph.inputs))
        return list(execute(leaf, "vjp", wrt, [*inputs, *seeds]))
    return list(execute(leaf, kind, wrt, inputs))


def aux_seeds(graph: CalcGraph, inputs: int) -> list[Any]:
    """One for the value, zeros for everything beside it."""
    seeds = []
    for number, node in enumerate(graph.inputs[inputs:]):
        spec = node.specs[0]
        one = np.ones if number == 0 else np.zeros
        seeds.append(one(spec.seen_shape, spec.dtype)[()])
    return seeds


def execute(leaf: Leaf, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]) -> Sequence[Any]:
    """Run a program; inside another trace its nodes are recorded there."""
    recorder = ACTIVE.get()
    if recorder is not None:
        from tracer.recording.regions.replay import replay

        return replay(recorder, leaf.recordable(kind, wrt), inputs)
    return leaf.program(kind, wrt).run(*inputs)


def pair_inside(
    leaf: Leaf, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]
) -> tuple[Sequence[Any], Callable[[list[Any]], Sequence[Any]]]:
    """Values and linear part inside another trace: random numbers are drawn once, and kept."""
    from tracer.recording.regions.replay import replay

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
    leaf: Leaf, kind: str, wrt: tuple[int, ...], inputs: Sequence[Any]
) -> tuple[Sequence[Any], Callable[[list[Any]], Sequence[Any]]]:
    """Values inside another trace, and what records the linear part there when it is called."""
    from tracer.recording.regions.replay import replay

    recorder, count = ACTIVE.get(), len(leaf.trace.graph.outputs)
    assert recorder is not None
    graph = leaf.recordable(kind, wrt)  # made here, where an error of it still has a remedy

    def apply(given: list[Any]) -> Sequence[Any]:
        return replay(ACTIVE.get() or recorder, graph, [*inputs, *given])[count:]

    return replay(recorder, leaf.trace.graph, inputs), apply


def vjp(function: TracedFunction, primals: tuple) -> tuple[Any, Callable[[Any], tuple]]:
    """``(out, pullback)``."""
    call_, names = prepare(function, primals, {})
    selected = Selection(function, call_, names, tuple(range(len(primals))), "vjp")

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        trace = leaf.trace
        wrt = selected.wrt(trace)
        count = len(trace.graph.outputs)
        if ACTIVE.get() is not None and draws(trace.graph):
            values, pull = pair_inside(leaf, "vjp", wrt, inputs)
        elif ACTIVE.get() is not None:
            values, pull = halves_inside(leaf, "vjp", wrt, inputs)
        else:
            first, second = leaf.pair(wrt)
            results = first.run(*inputs)
            values, residuals = results[:count], owned(results[count:], inputs, results[:count])

            def pull(seeds: list[Any]) -> Sequence[Any]:
                return second.run(*residuals, *seeds)

        return trace.outputs(values), Pullback(trace, selected, pull, values)

    return nested_or_dispatch(function, call_, names, run)


def owned(residuals: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """Residuals that the caller could change later are copied."""
    visible = [v for v in (*inputs, *outputs) if isinstance(v, np.ndarray)]
    return [
        r.copy()
        if isinstance(r, np.ndarray) and any(np.may_share_memory(r, v) for v in visible)
        else r
        for r in residuals
    ]


def jvp(function: TracedFunction, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """``(out, tangent_out)``."""
    flat, still = flat_tangents(primals, tangents)
    call_, names = prepare(function, primals, {})
    every = tuple(range(len(primals)))
    selected = Selection(function, call_, names, every, "jvp", still)

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        trace = leaf.trace
        wrt = selected.wrt(trace)
        specs = [trace.graph.inputs[k].specs[0] for k in wrt]
        given = [fitted(t, spec, "tangent") for t, spec in zip(flat, specs, strict=True)]
        results = execute(leaf, "jvp", wrt, [*inputs, *given])
        return trace.outputs(results[: len(trace.graph.outputs)]), tangent_tree(trace, results)

    return nested_or_dispatch(function, call_, names, run)
