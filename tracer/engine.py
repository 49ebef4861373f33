"""From a call to its program: trace, transform, optimise, compile, dispatch over branches.

Loaded at the first call of a traced function, so that ``import tracer`` stays light.

>>> leaf = find_leaf(function, call)
>>> leaf.program("value_and_grad", (0, 1)).run(w, x)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import checking, errors, settings, trees
from tracer.codegen.program import Program, compile_graph
from tracer.function import (
    Call,
    TracedFunction,
    argument_names,
    bind,
    check_argnums,
    flat_call,
    flatten_call,
    logger,
    with_static,
)  # fmt: skip
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import GuardMiss, evaluate
from tracer.passes.pipeline import optimise
from tracer.recording.active import ACTIVE
from tracer.recording.captures import MISSING
from tracer.recording.tensor import TracedTensor
from tracer.recording.trace import Trace, trace_function
from tracer.rules.declare import load_rules
from tracer.transforms.forward import forward
from tracer.transforms.partition import Partition, partition
from tracer.transforms.regions import lower
from tracer.transforms.reverse import reverse

load_rules()


class Interpreted:
    """Stands in for a Program: runs the graph node by node, without compiling it."""

    def __init__(self, graph: CalcGraph):
        self.graph = graph

    def run(self, *inputs: Any) -> tuple:
        return tuple(evaluate(self.graph, inputs))


class Leaf:
    """One way through a function's branches: its trace, and the programs made of it.

    ``interpreted`` leaves are run once and forgotten, so that nothing is optimised or compiled.
    """

    def __init__(self, trace: Trace, numerics: str, interpreted: bool = False):
        self.interpreted = interpreted
        self.trace = trace
        self.numerics = numerics
        self.programs: dict[tuple, Any] = {}
        self.graphs: dict[tuple, Any] = {}
        self.lock = threading.Lock()
        self.calls = 0  # counted while calls are checked
        self.writes = any(effect.kind == "write" for effect in trace.graph.effects)

    def graph(self, kind: str, wrt: tuple[int, ...] = ()) -> CalcGraph:
        """The optimised graph: ``forward``, ``value_and_grad``, ``vjp`` or ``jvp``."""
        found = self.graphs.get((kind, wrt))
        if found is None:
            found = self.graphs[kind, wrt] = self._make_graph(kind, wrt)
        return found

    def _make_graph(self, kind: str, wrt: tuple[int, ...]) -> CalcGraph:
        base = self.trace.graph
        numerics = self.numerics
        if kind == "forward":
            made, numerics = lower(base), "exact"
        elif kind == "jvp":
            made = lower(forward(base, wrt))
        else:
            made = lower(reverse(base, wrt, "ones" if kind == "value_and_grad" else "input"))
        return made if self.interpreted else optimise(made, numerics=numerics)

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
                    found = self.programs[kind, wrt] = compile_graph(self.graph(kind, wrt), kind)
        return found

    def pair(self, wrt: tuple[int, ...]) -> tuple[Any, Any]:
        """Forward program (outputs, then residuals) and backward program (residuals, seeds)."""
        if self.interpreted:
            parts = self.partition(wrt)
            return Interpreted(parts.forward), Interpreted(parts.backward)
        found = self.programs.get(("pair", wrt))
        if found is None:
            with self.lock:
                parts = self.partition(wrt)
                found = (
                    compile_graph(parts.forward, "forward"),
                    compile_graph(parts.backward, "backward"),
                )
                self.programs["pair", wrt] = found
        return found

    def inputs(self, function: Any, leaves: list[Any]) -> list[Any] | None:
        """The run-time inputs, captures read anew; None if a static capture has changed."""
        trace = self.trace
        for condition in trace.conditions:
            if not condition.holds(function, leaves):
                return None
        values = [leaves[number] for number in trace.dynamic]
        for path, node in zip(trace.captures, trace.graph.inputs[len(values) :], strict=False):
            value = path.read(function, leaves)
            if value is MISSING or not _fits(value, node.specs[0]):
                return None
            values.append(value)
        values += trace.outer
        return values


def _fits(value: Any, spec: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return bool(value.shape == spec.shape and value.dtype == spec.dtype and kind == spec.kind)
    return (
        spec.kind == "weak"
        and isinstance(value, (bool, int, float, complex))
        and (np.dtype(type(value)) == spec.dtype)
    )


# -- dispatch -----------------------------------------------------------------------------------
def prepare(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any]
) -> tuple[Call, list[str]]:
    """The flat call and the names of its leaves' arguments."""
    args, kwargs = bind(function, args, kwargs)
    names = argument_names(function, args, kwargs)
    call_ = flatten_call(args, kwargs)
    return (with_static(call_, names, function.static) if function.static else call_), names


def leaf_names(call: Call, names: Sequence[str]) -> list[str]:
    """A name for each leaf: the last part of its path."""
    args, kwargs = trees.unflatten(call.structure, list(range(len(call.leaves))))
    found = [""] * len(call.leaves)
    for name, value in zip(names, [*args, *kwargs.values()], strict=True):
        for number, path in zip(trees.flatten(value)[0], trees.paths(value, name), strict=True):
            found[number] = _last_part(path)
    return found


def _last_part(path: str) -> str:
    text = path.replace("]", "").replace("'", "").replace('"', "")
    for mark in "[.":
        text = text.replace(mark, "\0")
    parts = [part for part in text.split("\0") if part]
    if len(parts) > 1 and parts[-1].isdigit():
        return "_".join(parts[-2:])
    return parts[-1] if parts else "x"


def make_leaf(
    function: TracedFunction, call: Call, names: Sequence[str], reason: str, keep: bool = True
) -> Leaf:
    """Trace the function for this call and remember the program, unless there are too many."""
    title = f"{getattr(function, '__name__', 'f')}({', '.join(names)})"
    trace = trace_function(
        function.__tracer_function__,
        call.leaves,
        call.structure,
        leaf_names(call, names),
        title,
        call.static,
    )
    leaf = Leaf(trace, settings.current().numerics, interpreted=not keep)
    if keep:
        function.cache.add(call.key, leaf, f"{title}: {reason}")
    elif not function.cache.full:
        function.cache.full = True
        logger.warning(
            "%s took more than %d ways through its branches: further ones are interpreted",
            title, settings.current().max_branches,
        )  # fmt: skip
    level = 30 if settings.current().log_retraces else 20
    logger.log(level, "traced %s: %s", title, reason)
    return leaf


def dispatch(
    function: TracedFunction, call: Call, names: Sequence[str],
    run: Callable[[Leaf, list[Any]], Any],
) -> Any:  # fmt: skip
    """Run the leaf whose guards hold, the last used first; trace a new one if none does."""
    plain = function.__tracer_function__
    leaves = function.cache.leaves(call.key)
    reason = "first call" if not function.cache.entries else "new signature"
    missed = 0
    for position, leaf in enumerate(list(leaves)):
        inputs = leaf.inputs(plain, call.leaves)
        if inputs is None:
            reason = "a captured value changed"
            continue
        try:
            result = run(leaf, inputs)
        except GuardMiss as miss:
            reason = f"another branch (guard {miss.position})"
            missed += 1
            continue
        except errors.TracerError:
            raise
        except Exception as error:  # the user's code may catch it: a trace of it tells
            reason = f"a value that raises {type(error).__name__}"
            continue
        if position and leaves[0] is not leaf:
            _move_to_front(function, leaves, leaf)
        return result
    limit = settings.current().max_branches
    leaf = make_leaf(function, call, names, reason, keep=missed < limit)
    if len(leaves) > limit:  # programs for captured values that are gone
        with function.cache.lock:
            del leaves[limit:]
    inputs = leaf.inputs(plain, call.leaves)
    if inputs is None:
        _forget(function, call, leaf)
        raise errors.CheckFailed(
            "A captured value changed while the function was traced.", None,
            "don't change globals or attributes inside a traced function",
        )  # fmt: skip
    try:
        return run(leaf, inputs)
    except Exception:
        _forget(function, call, leaf)
        raise


def _forget(function: TracedFunction, call: Call, leaf: Leaf) -> None:
    """A program that failed on the values it was traced with is of no use."""
    with function.cache.lock:
        function.cache.flat.clear()
        leaves = function.cache.entries.get(call.key, [])
        if leaf in leaves:
            leaves.remove(leaf)
        if not leaves:
            function.cache.entries.pop(call.key, None)


def _move_to_front(function: TracedFunction, leaves: list[Leaf], leaf: Leaf) -> None:
    with function.cache.lock:
        if leaf in leaves:
            leaves.remove(leaf)
            leaves.insert(0, leaf)


# -- calls ----------------------------------------------------------------------------------------
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
        if leaf.writes and overlap(inputs):
            return function.__tracer_function__(*args, **kwargs)
        if checking.is_due(leaf, function.check):
            return checking.compare(
                function.__name__, function.__tracer_function__, (args, kwargs),
                lambda: leaf.trace.outputs(leaf.program("forward").run(*inputs)),
            )  # fmt: skip
        result = leaf.trace.outputs(leaf.program("forward").run(*inputs))
        if flat is not None and not leaf.writes and is_flat(call_, args, flat[1]):
            one = leaf.trace.structure is trees.LEAF and not leaf.trace.fixed
            remember(
                function, flat[0], (leaf, settings.current(), leaf.program("forward").run, one)
            )
        return result

    return dispatch(function, call_, names, run)


def is_simple(function: TracedFunction) -> bool:
    """Whether calls of plain arrays may go straight to their program."""
    checked = settings.current().check if function.check is None else function.check
    return not function.static and not checked


def is_flat(call_: Call, args: tuple, leaves: Sequence[Any]) -> bool:
    """Whether these are the call's leaves, in order, and no default is among its arguments."""
    positional, named = call_.structure.children
    if len(positional.children) != len(args) or named.keys or len(leaves) != len(call_.leaves):
        return False
    return all([one is other for one, other in zip(leaves, call_.leaves, strict=True)])


def remember(function: TracedFunction, key: tuple, entry: tuple) -> None:
    """The program that a row of plain arrays ran."""
    flat = function.cache.flat
    if len(flat) > settings.current().cache_size:
        flat.clear()
    flat[key] = entry


def overlap(inputs: Sequence[Any]) -> bool:
    """Whether arrays among the inputs share memory: a write to one would show in the other."""
    arrays = [value for value in inputs if isinstance(value, np.ndarray)]
    return any(
        np.may_share_memory(array, other) and np.shares_memory(array, other)
        for number, array in enumerate(arrays)
        for other in arrays[:number]
    )


def refuse_writes(trace: Trace) -> None:
    """A derivative with respect to what is overwritten is ambiguous."""
    for effect in trace.graph.effects:
        if effect.kind == "write":
            name = effect.target.name or "x"
            raise errors.ArgumentWrite(
                f"The function writes to its argument {name}, so it has no derivative.",
                effect.value.origin, f"copy it first: {name} = {name}.copy()",
            )  # fmt: skip


class Selection:
    """The inputs that ``argnums`` means, and how to give gradients the arguments' shape."""

    def __init__(
        self, function: TracedFunction, call_: Call, names: Sequence[str], argnums: Any,
        what: str = "grad",
    ):  # fmt: skip
        self.positions, self.alone = check_argnums(
            argnums, list(names), getattr(function, "__name__", "f")
        )
        args, kwargs = trees.unflatten(call_.structure, list(range(len(call_.leaves))))
        every = [*args, *kwargs.values()]
        self.structures = []
        self.numbers: list[int] = []
        for position in self.positions:
            numbers, structure = trees.flatten(every[position])
            self.structures.append(structure)
            self.numbers += numbers
        for number in self.numbers:
            if number in call_.static:
                raise errors.ArgnumsError(
                    "A static argument has no derivative.",
                    None,
                    "leave it out of static or argnums",
                )
            _refuse_integers(call_.leaves[number], what, names, self.positions)

    def wrt(self, trace: Trace) -> tuple[int, ...]:
        """Positions among the graph's inputs."""
        refuse_writes(trace)
        places = {number: place for place, number in enumerate(trace.dynamic)}
        return tuple([places[number] for number in self.numbers])

    def tree(self, gradients: Sequence[Any]) -> Any:
        """Gradients in the shape of the arguments: one, or a tuple."""
        rest = list(gradients)
        results = []
        for structure in self.structures:
            results.append(trees.unflatten(structure, rest[: structure.leaves]))
            del rest[: structure.leaves]
        return results[0] if self.alone else tuple(results)


def _refuse_integers(leaf: Any, what: str, names: Sequence[str], positions: Sequence[int]) -> None:
    if isinstance(leaf, (float, complex)) or (
        isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "fc"
    ):
        return
    label = ", ".join([names[p] for p in positions])
    kind = str(leaf.dtype) if isinstance(leaf, (np.ndarray, np.generic)) else type(leaf).__name__
    raise errors.IntegerArgument(
        f"{what} with respect to {label}: a value of type {kind} has no derivative.", None,
        "cast it to floating point first: x.astype(float), or float(x)",
    )  # fmt: skip


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

        def finish(results: Sequence[Any]) -> Any:
            return trace.outputs(results[:count]), selected.tree(results[count:])

        def differentiate() -> Any:
            wrt = selected.wrt(trace)
            results = finish(_run(leaf, kind, wrt, inputs))
            if flat is not None and kind == "value_and_grad" and is_flat(call_, args, flat[1]):
                program = leaf.program(kind, wrt)
                remember(function, flat[0], (leaf, settings.current(), program.run, finish))
            return results

        if ACTIVE.get() is None and checking.is_due(leaf, function.check):
            return checking.compare(
                function.__name__, function.__tracer_function__, (args, kwargs), differentiate,
                lambda result: result[0], exact=leaf.numerics == "exact",
            )  # fmt: skip
        return differentiate()

    return _nested_or_dispatch(function, call_, names, run)


def _scalar_kind(trace: Trace, has_aux: bool) -> str:
    """Check that there is one scalar to differentiate."""
    shown = trees.unflatten(trace.structure, list(range(trace.structure.leaves)))
    if has_aux:
        if not isinstance(shown, tuple) or len(shown) != 2:
            raise errors.NonScalarOutput(
                "has_aux=True needs a function that returns (value, aux).", None,
                "return a pair, or leave out has_aux",
            )  # fmt: skip
        shown = shown[0]
    fixed = {position for position, _ in trace.fixed}
    outputs = trace.graph.outputs
    if type(shown) is not int or (shown not in fixed and outputs[0].specs[0].shape != ()):
        what = f"shape {outputs[0].specs[0].seen_shape}" if type(shown) is int else "several values"
        raise errors.NonScalarOutput(
            f"grad needs a function that returns one number; this one returned {what}.",
            outputs[0].origin if outputs else None,
            "reduce the result, e.g. with .sum(), or use vjp or jacobian",
        )  # fmt: skip
    if shown in fixed or outputs[0].specs[0].dtype.kind not in "f":
        if shown not in fixed and outputs[0].specs[0].dtype.kind == "c":
            raise errors.NonScalarOutput(
                "grad needs a real value; this function returned a complex one.",
                outputs[0].origin, "take .real, .imag or abs() of it",
            )  # fmt: skip
        return "zero"
    return "aux" if len(outputs) > 1 else "value_and_grad"


def _run(leaf: Leaf, kind: str, wrt: tuple[int, ...], inputs: list[Any]) -> list[Any]:
    if kind == "zero":
        values = execute(leaf, "forward", (), inputs)
        return [*values, *[np.zeros_like(inputs[k])[()] for k in wrt]]
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
        from tracer.recording.replay import replay

        return replay(recorder, leaf.graph(kind, wrt), inputs)
    return leaf.program(kind, wrt).run(*inputs)


def _nested_or_dispatch(
    function: TracedFunction, call_: Call, names: Sequence[str], run: Any
) -> Any:
    if ACTIVE.get() is None:
        return dispatch(function, call_, names, run)
    title = getattr(function, "__name__", "f")
    trace = trace_function(
        function.__tracer_function__,
        call_.leaves,
        call_.structure,
        leaf_names(call_, names),
        title,
        call_.static,
    )
    leaf = Leaf(trace, "exact")
    inputs = leaf.inputs(function.__tracer_function__, call_.leaves)
    if inputs is None:
        raise errors.CheckFailed("A captured value changed during the trace.", None, "")
    return run(leaf, inputs)


def vjp(function: TracedFunction, primals: tuple) -> tuple[Any, Callable[[Any], tuple]]:
    """``(out, pullback)``."""
    call_, names = prepare(function, primals, {})
    selected = Selection(function, call_, names, tuple(range(len(primals))), "vjp")

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        trace = leaf.trace
        wrt = selected.wrt(trace)
        count = len(trace.graph.outputs)
        if ACTIVE.get() is not None:
            values = execute(leaf, "forward", (), inputs)

            def pull(seeds: list[Any]) -> Sequence[Any]:
                return execute(leaf, "vjp", wrt, [*inputs, *seeds])[count:]
        else:
            first, second = leaf.pair(wrt)
            results = first.run(*inputs)
            values, residuals = results[:count], _owned(results[count:], inputs, results[:count])

            def pull(seeds: list[Any]) -> Sequence[Any]:
                return second.run(*residuals, *seeds)

        return trace.outputs(values), Pullback(trace, selected, pull, values)

    return _nested_or_dispatch(function, call_, names, run)


def _owned(residuals: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """Residuals that the caller could change later are copied."""
    visible = [v for v in (*inputs, *outputs) if isinstance(v, np.ndarray)]
    return [
        r.copy() if isinstance(r, np.ndarray) and any(np.may_share_memory(r, v) for v in visible)
        else r
        for r in residuals
    ]  # fmt: skip


class Pullback:
    """Takes a cotangent of the output to a tuple of cotangents, one per primal; reusable."""

    def __init__(self, trace: Trace, selected: Selection, pull: Any, values: Sequence[Any]):
        self._trace = trace
        self._selected = selected
        self._pull = pull
        self._dtypes = [node.specs[0] for node in trace.graph.outputs]

    def __call__(self, cotangent: Any) -> tuple:
        leaves, structure = trees.flatten(cotangent)
        if structure != self._trace.structure:
            raise errors.ArgnumsError(
                f"The cotangent has the structure {structure}, the output {self._trace.structure}.",
                None, "pass a cotangent with the structure of the output",
            )  # fmt: skip
        fixed = {position for position, _ in self._trace.fixed}
        given = [leaf for position, leaf in enumerate(leaves) if position not in fixed]
        seeds = []
        for leaf, spec in zip(given, self._dtypes, strict=True):
            if spec.dtype.kind in "fc":
                seeds.append(fitted(leaf, spec, "cotangent"))
        return tuple(self._selected.tree(self._pull(seeds)))


def fitted(value: Any, spec: Any, what: str) -> Any:
    """A cotangent or tangent with the dtype and shape of its primal."""
    if isinstance(value, TracedTensor):
        return value if value.dtype == spec.dtype else value.astype(spec.dtype)
    array = np.asarray(value)
    if array.shape != spec.seen_shape and spec.is_static:
        raise errors.UserShapeError(
            f"A {what} of shape {array.shape} was given for a value of shape {spec.shape}.", None,
            f"pass a {what} of the value's shape",
        )  # fmt: skip
    if not np.can_cast(array.dtype, spec.dtype, "same_kind"):
        raise errors.IntegerArgument(
            f"A {what} of dtype {array.dtype} was given for a value of dtype {spec.dtype}.", None,
            "cast it first",
        )  # fmt: skip
    array = array.astype(spec.dtype, copy=False)
    return array if spec.kind == "array" else array[()]


def jvp(function: TracedFunction, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """``(out, tangent_out)``."""
    if len(primals) != len(tangents):
        raise errors.ArgnumsError(
            f"{len(primals)} primals but {len(tangents)} tangents were given.", None,
            "pass one tangent per primal",
        )  # fmt: skip
    call_, names = prepare(function, primals, {})
    selected = Selection(function, call_, names, tuple(range(len(primals))), "jvp")
    flat, structure = trees.flatten(tuple(tangents))
    expected = trees.flatten(tuple(primals))[1]
    if structure != expected:
        raise errors.ArgnumsError(
            f"The tangents have the structure {structure}, the primals {expected}.", None,
            "pass tangents with the structure of the primals",
        )  # fmt: skip

    def run(leaf: Leaf, inputs: list[Any]) -> Any:
        trace = leaf.trace
        wrt = selected.wrt(trace)
        specs = [trace.graph.inputs[k].specs[0] for k in wrt]
        given = [fitted(t, spec, "tangent") for t, spec in zip(flat, specs, strict=True)]
        results = execute(leaf, "jvp", wrt, [*inputs, *given])
        return trace.outputs(results[: len(trace.graph.outputs)]), tangent_tree(trace, results)

    return _nested_or_dispatch(function, call_, names, run)


def tangent_tree(trace: Trace, results: Sequence[Any]) -> Any:
    """Tangents in the structure of the output; what has none (ints) gets zero."""
    count = len(trace.graph.outputs)
    values, rest = results[:count], list(results[count:])
    tangents = []
    for value, node in zip(values, trace.graph.outputs, strict=True):
        tangents.append(rest.pop(0) if node.specs[0].is_inexact else np.zeros_like(value))
    for position, value in trace.fixed:
        zero = np.zeros_like(value)[()] if isinstance(value, (float, complex, np.ndarray)) else None
        tangents.insert(position, zero)
    return trees.unflatten(trace.structure, tangents)
