"""Which statements are needed, and who reads whom.

>>> drop_unused(draft)
>>> count_uses(draft)
>>> draft.uses[hidden]
[<loss: f64[] = sum(%0)>]
"""

from __future__ import annotations

from tracer.codegen.draft import Draft
from tracer.graph.node import may_act


def drop_unused(draft: Draft) -> None:
    """Keep what the outputs, guards and effects need, and random draws."""
    live = set(draft.ends())
    live.update(draft.real(node) for node in draft.guards)
    live.update(draft.real(e.value) for e in draft.effects)
    order = []
    for node in reversed(draft.order):
        if node in draft.alias or (node not in live and not may_act(node)):
            continue
        order.append(node)
        live.update(draft.reads(node))
    draft.order = order[::-1]


def count_uses(draft: Draft) -> None:
    """Note who reads whom, once per place in the text."""
    uses = draft.uses
    for place, node in enumerate(draft.order):
        draft.place[node] = place
        for operand in draft.reads(node):
            uses.setdefault(operand, []).append(node)
    for node, guards in draft.guards.items():
        for _, guard in guards:
            uses.setdefault(draft.real(node), []).append(guard)
    for node in draft.ends():
        uses.setdefault(node, []).append(None)
