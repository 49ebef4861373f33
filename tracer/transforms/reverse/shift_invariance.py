"""Shifts that cancel: the maximum that a stable log-softmax subtracts gets no cotangent.

``s - log(sum(exp(s)))`` and ``exp(s) / sum(exp(s))`` do not change when ``s`` moves along the
summed axis, and in ``log(sum(exp(a - m))) + m`` the two effects of ``m`` cancel. So the derivative
with respect to a shift ``m`` is exactly zero, whatever ``m`` is, and nothing is computed for it.

>>> inert_shifts(graph)          # shifted = logits - logits.max(axis=1, keepdims=True)
{<f64[128,1] = max(%0, axis=1, keepdims=True)>}
"""

from __future__ import annotations

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node, users
from tracer.graph.op import Op
from tracer.ops.registry import op_named

EXP, LOG, SUM = op_named("exp"), op_named("log"), op_named("sum")
ADD, SUBTRACT, DIVIDE = op_named("add"), op_named("subtract"), op_named("divide")
Users = dict[Node, list[Node]]


def inert_shifts(graph: CalcGraph) -> set[Node]:
    """The nodes whose every use is a shift that cancels."""
    shifts = [node for node in graph.order if node.op is SUBTRACT and _binary(node)]
    if not shifts or not {EXP, SUM} <= {node.op for node in graph.order}:
        return set()
    readers = users(graph.order)
    kept = set(graph.roots())
    found = set()
    for shift in dict.fromkeys([node.inputs[1] for node in shifts]):
        if shift not in kept and _is_inert(shift, readers, kept):
            found.add(shift)
    return found


def _binary(node: Node) -> bool:
    return len(node.inputs) == 2 and not node.params.kwargs


def _is_inert(shift: Node, readers: Users, kept: set[Node]) -> bool:
    added_back = []
    for reader in readers[shift]:
        if reader.op is ADD and _binary(reader):
            added_back.append(reader)
        elif reader.op is not SUBTRACT or not _binary(reader) or reader.inputs[0] is shift:
            return False
    shifted = [reader for reader in readers[shift] if reader.op is SUBTRACT]
    if added_back:
        return len(shifted) == len(added_back) == 1 and _cancels(
            shifted[0], added_back[0], shift, readers, kept
        )
    return all([_is_invariant(node, shift, readers, kept) for node in shifted])


def _total(shifted: Node, shift: Node, readers: Users) -> tuple[Node, Node] | None:
    """``exp(shifted)`` and its sum over an axis along which the shift is constant."""
    for exponential in readers.get(shifted, ()):
        if exponential.op is not EXP or exponential.params.kwargs:
            continue
        for total in readers.get(exponential, ()):
            if total.op is SUM and _sums_over(total, shifted, shift):
                return exponential, total
    return None


def _sums_over(total: Node, shifted: Node, shift: Node) -> bool:
    if set(total.params.kwargs) - {"axis", "keepdims"} or len(total.inputs) != 1:
        return False
    axis = total.params.kwargs.get("axis")
    ndim = len(shifted.shape)
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    shape = (1,) * (ndim - len(shift.shape)) + tuple(shift.shape)
    return len(shape) == ndim and all([shape[a] == 1 for a in axes])


def _is_invariant(shifted: Node, shift: Node, readers: Users, kept: set[Node]) -> bool:
    """Whether all that is made of ``shifted`` is its softmax or its logarithm."""
    pair = _total(shifted, shift, readers)
    if pair is None or shifted in kept:
        return False
    exponential, total = pair
    same_shape = len(total.shape) == len(shifted.shape) or total.shape == ()
    if not same_shape or {exponential, total} & kept:
        return False
    logs = [node for node in readers.get(total, ()) if node.op is LOG]
    return (
        _only(readers[exponential], {total}, DIVIDE, exponential, total)
        and _only(readers[total], set(logs), DIVIDE, exponential, total)
        and all([log not in kept for log in logs])
        and all([_only(readers.get(log, []), set(), SUBTRACT, shifted, log) for log in logs])
        and _log_probabilities(readers[shifted], exponential, shifted, logs)
    )


def _log_probabilities(
    found: list[Node], exponential: Node, shifted: Node, logs: list[Node]
) -> bool:
    return all(
        [
            node is exponential
            or (
                node.op is SUBTRACT
                and _binary(node)
                and node.inputs[0] is shifted
                and node.inputs[1] in logs
            )
            for node in found
        ]
    )


def _only(found: list[Node], allowed: set[Node], op: Op, left: Node, right: Node) -> bool:
    """Whether every node of ``found`` is allowed or is ``op(left, right)``."""
    return all(
        [
            node in allowed or (node.op is op and _binary(node) and node.inputs == (left, right))
            for node in found
        ]
    )


def _cancels(shifted: Node, added: Node, shift: Node, readers: Users, kept: set[Node]) -> bool:
    """``log(sum(exp(a - m))) + m``, with the same axes kept in both."""
    pair = _total(shifted, shift, readers)
    if pair is None or readers[shifted] != [pair[0]] or readers[pair[0]] != [pair[1]]:
        return False
    logs = readers.get(pair[1], [])
    if len(logs) != 1 or logs[0].op is not LOG or {shifted, *pair, logs[0]} & kept:
        return False
    other = added.inputs[1] if added.inputs[0] is shift else added.inputs[0]
    return other is logs[0] and readers[logs[0]] == [added] and other.shape == shift.shape
