"""checkpoint: a part whose derivative computes it again, instead of keeping what is in it.

>>> layer = checkpoint(lambda x, w: np.tanh(np.tanh(x @ w) @ w))
>>> grad(lambda w: np.sum(layer(x, w)))(w)       # keeps x and w, not the hidden values

In a trace the function becomes one ``call`` node. Its pullback calls the body anew, from operands
that are marked: no pass shares what is computed from them with what was computed before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tracer import trees
from tracer.eager.regions import call_traced, has_tensor
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node, Params, hole
from tracer.ops import registry
from tracer.python.attributes import own
from tracer.recording.arguments import FlatArguments
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.regions.body import NoRegion
from tracer.recording.regions.emit import emit
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.trace import Trace, trace_function
from tracer.transforms.regions.lower import RECOMPUTED


def checkpoint(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Trade time for memory: differentiate ``fn`` without keeping its intermediate values.

    Parameters
    ----------
    fn : callable
        Plain NumPy code. Between ``fn``'s call and its pullback only its arguments are kept; the
        pullback computes ``fn`` a second time.

    Returns
    -------
    callable
        With the values and derivatives of ``fn``. It may be nested, mapped and differentiated
        any number of times. A function that writes to its arguments, draws random numbers or has
        results of run-time sizes is run as if it were not marked.
    """

    @functools.wraps(fn)
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        leaves, structure = trees.flatten((args, kwargs))
        if recorder is None:
            if has_tensor(leaves):
                name = own(fn, "__name__", "f")
                return call_traced(lambda a, k: fn(*a, **k), (args, kwargs), name)
            return fn(*args, **kwargs)
        if not any(isinstance(leaf, TracedTensor) for leaf in leaves):
            return recorder.captures.instrumented(fn)(*args, **kwargs)
        return _record(recorder, fn, args, kwargs)

    recomputed.__tracer_recipe__ = (recomputed.__code__,)  # type: ignore[attr-defined]
    return recomputed


def _record(recorder: Recorder, fn: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """One ``call`` node for the whole function; its lines as they are where that can't be."""
    leaves, structure = trees.flatten((args, kwargs))
    names = [_name_of(leaf) for leaf in leaves]
    arguments = FlatArguments(leaves, structure, names)
    trace = trace_function(fn, arguments, own(fn, "__name__", "f"))
    try:
        if trace.changes is not None or not _is_closed(trace.graph):
            raise NoRegion
        results = _emit_call(recorder, trace, leaves)
    except NoRegion:
        return recorder.captures.instrumented(fn)(*args, **kwargs)
    count = len(trace.graph.outputs)
    for guard, value in zip(trace.graph.guards, results[count:], strict=True):
        if type(guard.outcome) is bool:
            recorder.branch(value)
        else:
            recorder.read_integer(value, guard.outcome)
    return trace.outputs(results[:count])


def _emit_call(recorder: Recorder, trace: Trace, leaves: Sequence[Any]) -> list[Any]:
    """The call's results: the function's, then what its branches were decided by."""
    graph = trace.graph
    outputs = (*graph.outputs, *[guard.node for guard in graph.guards])
    body = graph.replace(outputs=outputs, guards=(), roles={"value": len(outputs)})
    operands = [recorder.tensor(leaves[number]) for number in trace.dynamic]
    operands += trace.outer
    specs = tuple([output.specs[0] for output in outputs])
    params = Params([hole(slot) for slot in range(len(operands))], {RECOMPUTED: True})
    inputs = tuple([recorder.node_of(operand) for operand in operands])
    node = Node(registry.CALL, inputs, params, specs, regions=(body,))
    structure = trees.flatten([0] * len(specs))[1]
    return emit(recorder, node, operands, structure)


def _name_of(leaf: Any) -> str:
    return leaf._node.name if isinstance(leaf, TracedTensor) else ""


def _is_closed(graph: CalcGraph) -> bool:
    """Whether a call can stand for the graph: it only computes."""
    return (
        not graph.effects
        and all(
            node.op.is_pure and all(spec.is_static for spec in node.specs) for node in graph.order
        )
        and all(guard.kind == "equals" for guard in graph.guards)
    )
