"""Jacobians, Hessians and Hessian-vector products of traced functions: trees of blocks.

>>> jacobian(function, (x,), {}, argnums=0, mode=None)

The programs are those of `tracer.transforms.jacobian`; here their inputs are selected, and the
blocks are put into the trees of the results and of the arguments.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.function import self_check
from tracer.function.argnums import Pullback, Selection, fitted, flat_tangents, tangent_tree
from tracer.function.dispatch import call_of, enter_flat_call, nested_or_dispatch, trace_again
from tracer.function.run import execute, nested_halves, nested_partition
from tracer.function.specialization import Specialization
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.spec import ArraySpec
from tracer.python.attributes import Traced
from tracer.recording.arguments import private_copy
from tracer.recording.random.streams import draws, streams_of
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.trace import Trace
from tracer.transforms.jacobian import better_mode


def jacobian(
    function: Traced, args: tuple, kwargs: dict[str, Any], argnums: Any, mode: str | None
) -> Any:
    """``jacobian(function, argnums, mode)(*args, **kwargs)``."""
    call = call_of(function, args, kwargs)
    selected = Selection(function, call, argnums, "jacobian")

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        wrt = selected.wrt(specialization.trace)
        way = better_mode(specialization.trace.graph, wrt, mode)
        blocks = execute(specialization, f"jacobian_{way}", wrt, inputs)
        specs = [specialization.trace.graph.inputs[place].specs[0] for place in wrt]
        rows = _rows(specialization.trace, blocks, specs)
        return trees.unflatten(specialization.trace.structure, [selected.tree(row) for row in rows])

    return nested_or_dispatch(function, call, run)


def hessian(function: Traced, args: tuple, kwargs: dict[str, Any], argnums: Any) -> Any:
    """``hessian(function, argnums)(*args, **kwargs)``."""
    call = call_of(function, args, kwargs)
    selected = Selection(function, call, argnums, "hessian")

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        wrt = selected.wrt(specialization.trace)
        specs = [specialization.trace.graph.inputs[place].specs[0] for place in wrt]
        blocks = list(execute(specialization, "hessian", wrt, inputs))
        pairs = [
            np.zeros(first.seen_shape + second.seen_shape, first.dtype)
            for first in specs
            for second in specs
        ]
        found = []
        for row in _rows(specialization.trace, blocks, specs, pairs):
            inner = [selected.tree(row[k : k + len(specs)]) for k in range(0, len(row), len(specs))]
            found.append(selected.tree(inner))
        return trees.unflatten(specialization.trace.structure, found)

    return nested_or_dispatch(function, call, run)


def hvp(function: Traced, primals: tuple, tangents: tuple) -> tuple:
    """Hessian times vector: one tree per primal."""
    flat, _ = flat_tangents(primals, tangents)
    call = call_of(function, primals, {})
    selected = Selection(function, call, tuple(range(len(primals))), "hvp")

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        wrt = selected.wrt(specialization.trace)
        one_number(specialization.trace, "hvp")
        specs = [specialization.trace.graph.inputs[place].specs[0] for place in wrt]
        given = [fitted(t, spec, "tangent") for t, spec in zip(flat, specs, strict=True)]
        if (
            not specialization.trace.graph.outputs
            or not specialization.trace.graph.outputs[0].specs[0].is_inexact
        ):
            return selected.tree([np.zeros_like(value) for value in given])
        return selected.tree(execute(specialization, "hvp", wrt, [*inputs, *given]))

    return nested_or_dispatch(function, call, run)


def elementwise(function: Traced, args: tuple, kwargs: dict[str, Any], argnums: Any) -> Any:
    """``elementwise_grad(function, argnums)(*args, **kwargs)``: cotangents of ones."""
    call = call_of(function, args, kwargs)
    selected = Selection(function, call, argnums, "elementwise_grad")

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        return selected.tree(
            execute(specialization, "elementwise", selected.wrt(specialization.trace), inputs)
        )

    return nested_or_dispatch(function, call, run)


def linearize(function: Traced, primals: tuple) -> tuple[Any, Callable[..., Any]]:
    """``linearize(function, *primals)``."""
    call = call_of(function, primals, {})
    selected = Selection(function, call, tuple(range(len(primals))), "linearize")

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        trace = specialization.trace
        wrt = selected.wrt(trace)
        specs = [trace.graph.inputs[place].specs[0] for place in wrt]
        values, push = _linear_part(specialization, "jvp", wrt, inputs)

        def linear(*tangents: Any) -> Any:
            flat, _ = flat_tangents(primals, tangents)
            given = [fitted(t, spec, "tangent") for t, spec in zip(flat, specs, strict=True)]
            return tangent_tree(trace, [*values, *push(given)])

        return trace.outputs(values), linear

    return nested_or_dispatch(function, call, run)


def one_number(trace: Trace, what: str) -> None:
    """Refuse a function of several values, or of an array.

    Raises
    ------
    NonScalarOutput
    """
    outputs = trace.graph.outputs
    shapes = [output.specs[0].seen_shape for output in outputs]
    if trace.structure.leaves != 1 or any(shapes):
        shown = f"shape {shapes[0]}" if trace.structure.leaves == 1 else "several values"
        raise errors.NonScalarOutput(
            f"{what} needs a function that returns one number; this one returned {shown}.",
            outputs[0].origin if outputs else None,
            "reduce the result, e.g. with .sum(), or use jvp of a jacobian",
        )


def _rows(
    trace: Trace, blocks: Sequence[Any], specs: Sequence[Any], pairs: Sequence[Any] | None = None
) -> list[list[Any]]:
    """The blocks of each output; integers and constants have zeros."""
    zeros = pairs
    if zeros is None:
        zeros = [np.zeros(spec.seen_shape, spec.dtype) for spec in specs]
    left = iter(blocks)
    rows = []
    for output in trace.graph.outputs:
        spec = output.specs[0]
        if spec.is_inexact:
            rows.append([next(left) for _ in zeros])
        else:
            rows.append([_of_shape(zero, spec.seen_shape) for zero in zeros])
    for position, value in trace.static_results:
        shape = np.shape(value) if isinstance(value, (int, float, complex, np.ndarray)) else ()
        rows.insert(position, [_of_shape(zero, shape) for zero in zeros])
    return rows


def _of_shape(zero: np.ndarray, shape: tuple) -> Any:
    return np.zeros((*shape, *zero.shape), zero.dtype)[()]


def value_and_grad(
    function: Traced, args: tuple, kwargs: dict[str, Any], argnums: Any, has_aux: bool
) -> Any:
    """``(value, gradient)``; with ``has_aux``, ``((value, aux), gradient)``."""
    call = call_of(function, args, kwargs)
    selected = Selection(function, call, argnums)

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        trace = specialization.trace
        kind = _scalar_kind(trace, has_aux)
        finish = _value_and_tree(trace, selected)

        def differentiate(inputs: list[Any] = inputs) -> Any:
            return finish(_gradients(specialization, kind, selected.wrt(trace), inputs))

        def retraced(args: tuple, kwargs: dict[str, Any]) -> Any:
            """The value and gradient of a trace made for this call, without any rewriting."""
            again, inputs = trace_again(function, args, kwargs)
            results = _gradients(again, kind, selected.wrt(again.trace), inputs)
            return _value_and_tree(again.trace, selected)(results)

        if ACTIVE.get() is not None:
            return differentiate()
        if self_check.is_due(specialization, function.check):
            copies = [private_copy(value) for value in inputs]
            return self_check.compare(
                specialization,
                function.__tracer_function__,
                (args, kwargs),
                differentiate,
                retraced,
                streams_of(trace.graph, inputs),
                functools.partial(differentiate, copies) if trace.kept_values else None,
            )
        results = differentiate()
        if kind == "value_and_grad" and not kwargs and type(argnums) is not list:
            what = type(argnums), argnums, has_aux
            program = specialization, kind, selected.wrt(trace)
            enter_flat_call(function, what, args, call, program, finish)
        return results

    return nested_or_dispatch(function, call, run)


def _value_and_tree(trace: Trace, selected: Selection) -> Callable[[Sequence[Any]], Any]:
    """Makes the value and the tree of gradients of a program's results; holds no arguments."""
    count = len(trace.graph.outputs)
    is_number = trace.structure is trees.LEAF and not trace.static_results
    if is_number and selected.is_leaf:
        return tuple

    def finish(results: Sequence[Any]) -> Any:
        value = results[0] if is_number else trace.outputs(results[:count])
        return value, selected.tree(results[count:])

    return finish


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
    fixed = {position for position, _ in trace.static_results}
    outputs = trace.graph.outputs
    plain = dict(trace.static_results).get(shown, 0.0) if type(shown) is int else None
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


def _gradients(
    specialization: Specialization, kind: str, wrt: tuple[int, ...], inputs: list[Any]
) -> list[Any]:
    graph = specialization.trace.graph
    if kind == "zero":
        values: Any = specialization.from_trace_values((), inputs)
        values = execute(specialization, "forward", (), inputs) if values is None else values
        return [*values, *[np.zeros_like(inputs[k])[()] for k in wrt]]
    spec = graph.outputs[0].specs[0]
    found = specialization.from_trace_values(
        wrt, inputs, [np.ones(spec.seen_shape, spec.dtype)[()]]
    )
    if found is not None:
        return found
    if kind == "aux":
        seeds = aux_seeds(specialization.graph("vjp", wrt), len(specialization.trace.graph.inputs))
        return list(execute(specialization, "vjp", wrt, [*inputs, *seeds]))
    return list(execute(specialization, kind, wrt, inputs))


def aux_seeds(graph: CalcGraph, inputs: int) -> list[Any]:
    """One for the value, zeros for everything beside it."""
    seeds = []
    for number, node in enumerate(graph.inputs[inputs:]):
        spec = node.specs[0]
        one = np.ones if number == 0 else np.zeros
        seeds.append(one(spec.seen_shape, spec.dtype)[()])
    return seeds


def vjp(function: Traced, primals: tuple) -> tuple[Any, Callable[[Any], tuple]]:
    """``(out, pullback)``."""
    call = call_of(function, primals, {})
    selected = Selection(function, call, tuple(range(len(primals))), "vjp")

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        trace = specialization.trace
        values, pull = _linear_part(specialization, "vjp", selected.wrt(trace), inputs)
        return trace.outputs(values), Pullback(trace, selected, pull)

    return nested_or_dispatch(function, call, run)


def _linear_part(
    specialization: Specialization, kind: str, wrt: tuple[int, ...], inputs: list[Any]
) -> tuple[Sequence[Any], Callable[[list[Any]], Sequence[Any]]]:
    """Values, and the map of cotangents (``kind`` is ``"vjp"``) or of tangents (``"jvp"``)."""
    graph = specialization.trace.graph
    if ACTIVE.get() is not None:
        inside = nested_partition if draws(graph) else nested_halves
        return inside(specialization, kind, wrt, inputs)
    first, second = specialization.halves(kind, wrt)
    results, count = first.run(*inputs), len(graph.outputs)
    residuals = private_residuals(results[count:], inputs, results[:count])
    return results[:count], lambda given: second.run(*residuals, *given)


def private_residuals(
    residuals: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]
) -> list[Any]:
    """Residuals that the caller could change later are copied."""
    visible = [v for v in (*inputs, *outputs) if isinstance(v, np.ndarray)]
    return [
        r.copy()
        if isinstance(r, np.ndarray) and any(np.may_share_memory(r, v) for v in visible)
        else r
        for r in residuals
    ]


def jvp(function: Traced, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """``(out, tangent_out)``."""
    flat, fixed = flat_tangents(primals, tangents)
    call = call_of(function, primals, {})
    every = tuple(range(len(primals)))
    selected = Selection(function, call, every, "jvp", fixed)

    def run(specialization: Specialization, inputs: list[Any]) -> Any:
        trace = specialization.trace
        wrt = selected.wrt(trace)
        specs = [trace.graph.inputs[k].specs[0] for k in wrt]
        given = [fitted(t, spec, "tangent") for t, spec in zip(flat, specs, strict=True)]
        results = execute(specialization, "jvp", wrt, [*inputs, *given])
        return trace.outputs(results[: len(trace.graph.outputs)]), tangent_tree(trace, results)

    return nested_or_dispatch(function, call, run)
