"""Jacobians, Hessians and Hessian-vector products of traced functions: trees of blocks.

>>> jacobian(function, (x,), {}, argnums=0, mode=None)

The programs are those of `tracer.transforms.jacobian`; here their inputs are selected, and the
blocks are put into the trees of the results and of the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.function.argnums import Selection, fitted, flat_tangents, tangent_tree
from tracer.function.dispatch import nested_or_dispatch, prepare
from tracer.function.run import execute, halves_inside, owned, pair_inside
from tracer.function.specialization import Leaf
from tracer.function.traced import TracedFunction
from tracer.recording.random.streams import draws
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.trace import Trace
from tracer.transforms.jacobian import better_mode


def jacobian(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any], argnums: Any, mode: str | None
) -> Any:
    """``jacobian(function, argnums, mode)(*args, **kwargs)``."""
    call_, names = prepare(function, args, kwargs)
    selected = Selection(function, call_, names, argnums, "jacobian")

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        wrt = selected.wrt(leaf.trace)
        way = better_mode(leaf.trace.graph, wrt, mode)
        blocks = execute(leaf, f"jacobian_{way}", wrt, inputs)
        specs = [leaf.trace.graph.inputs[place].specs[0] for place in wrt]
        rows = _rows(leaf.trace, blocks, specs)
        return _of_outputs(leaf.trace, [selected.tree(row) for row in rows])

    return nested_or_dispatch(function, call_, names, run)


def hessian(function: TracedFunction, args: tuple, kwargs: dict[str, Any], argnums: Any) -> Any:
    """``hessian(function, argnums)(*args, **kwargs)``."""
    call_, names = prepare(function, args, kwargs)
    selected = Selection(function, call_, names, argnums, "hessian")

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        wrt = selected.wrt(leaf.trace)
        specs = [leaf.trace.graph.inputs[place].specs[0] for place in wrt]
        blocks = list(execute(leaf, "hessian", wrt, inputs))
        pairs = [
            np.zeros(first.seen_shape + second.seen_shape, first.dtype)
            for first in specs
            for second in specs
        ]
        found = []
        for row in _rows(leaf.trace, blocks, specs, pairs):
            inner = [selected.tree(row[k : k + len(specs)]) for k in range(0, len(row), len(specs))]
            found.append(selected.tree(inner))
        return _of_outputs(leaf.trace, found)

    return nested_or_dispatch(function, call_, names, run)


def hvp(function: TracedFunction, primals: tuple, tangents: tuple) -> tuple:
    """Hessian times vector: one tree per primal."""
    flat, _ = flat_tangents(primals, tangents)
    call_, names = prepare(function, primals, {})
    selected = Selection(function, call_, names, tuple(range(len(primals))), "hvp")

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        wrt = selected.wrt(leaf.trace)
        one_number(leaf.trace, "hvp")
        specs = [leaf.trace.graph.inputs[place].specs[0] for place in wrt]
        given = [fitted(t, spec, "tangent") for t, spec in zip(flat, specs, strict=True)]
        if not leaf.trace.graph.outputs or not leaf.trace.graph.outputs[0].specs[0].is_inexact:
            return selected.tree([np.zeros_like(value) for value in given])
        return selected.tree(execute(leaf, "hvp", wrt, [*inputs, *given]))

    return nested_or_dispatch(function, call_, names, run)


def elementwise(function: TracedFunction, args: tuple, kwargs: dict[str, Any], argnums: Any) -> Any:
    """``elementwise_grad(function, argnums)(*args, **kwargs)``: cotangents of ones."""
    call_, names = prepare(function, args, kwargs)
    selected = Selection(function, call_, names, argnums, "elementwise_grad")

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        return selected.tree(execute(leaf, "elementwise", selected.wrt(leaf.trace), inputs))

    return nested_or_dispatch(function, call_, names, run)


def linearize(function: TracedFunction, primals: tuple) -> tuple[Any, Callable[..., Any]]:
    """``linearize(function, *primals)``."""
    call_, names = prepare(function, primals, {})
    selected = Selection(function, call_, names, tuple(range(len(primals))), "linearize")

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        trace = leaf.trace
        wrt = selected.wrt(trace)
        count = len(trace.graph.outputs)
        specs = [trace.graph.inputs[place].specs[0] for place in wrt]
        recorder = ACTIVE.get()
        if recorder is None:
            first, second = leaf.linear(wrt)
            results = first.run(*inputs)
            values = results[:count]
            saved = owned(results[count:], inputs, values)
        else:
            inside = pair_inside if draws(trace.graph) else halves_inside
            values, apply = inside(leaf, "jvp", wrt, inputs)

        def linear(*tangents: Any) -> Any:
            flat, _ = flat_tangents(primals, tangents)
            given = [fitted(t, spec, "tangent") for t, spec in zip(flat, specs, strict=True)]
            pushed = second.run(*saved, *given) if recorder is None else apply(given)
            return tangent_tree(trace, [*values, *pushed])

        return trace.outputs(values), linear

    return nested_or_dispatch(function, call_, names, run)


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
    for position, value in trace.fixed:
        shape = np.shape(value) if isinstance(value, (int, float, complex, np.ndarray)) else ()
        rows.insert(position, [_of_shape(zero, shape) for zero in zeros])
    return rows


def _of_shape(zero: np.ndarray, shape: tuple) -> Any:
    return np.zeros((*shape, *zero.shape), zero.dtype)[()]


def _of_outputs(trace: Trace, found: list[Any]) -> Any:
    return trees.unflatten(trace.structure, found)
