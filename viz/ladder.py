"""The ladder: one row per op, forward down on the left, cotangents up on the right.

>>> picture = ladder(parts, fold(parts))
>>> picture.rows[2]                  # [leaf] → [op] ⋯ [op vjp] → [pill] → [gradient]
['a1', 'n3', 'v3', 'p7', 'g1']
"""

from __future__ import annotations

from tracer.graph.node import Node
from viz import captions
from viz.cotangents import connect_cotangents, connect_saved, connect_seeds
from viz.folding import Cell, Folding
from viz.grid import Ladder, Lines, route
from viz.labels import Gap, Row, Run
from viz.parts import Anatomy, source
from viz.picture import Box, Frame, Picture


def ladder(parts: Anatomy, folding: Folding, lines: Lines | None = None) -> Picture:
    """The picture of a graph, ready for layout."""
    rungs = Ladder(parts, folding, lines or {})
    rungs.pulled = {folding.cell_of[record.node] for record in parts.records}
    _place_leaves(rungs)
    _add_leaves(rungs)
    _add_cells(rungs)
    _add_carries(rungs)
    _connect_values(rungs)
    if parts.records:
        connect_cotangents(rungs)
        connect_saved(rungs)
        connect_seeds(rungs)
    _add_rows(rungs)
    _add_frames(rungs)
    return rungs.picture


# -- boxes --------------------------------------------------------------------------------------
def _place_leaves(rungs: Ladder) -> None:
    """One leaf that only one op reads stands in that op's row, if the op also hangs on another."""
    users: dict[Cell, dict[Cell, None]] = {}
    givers: dict[Cell, dict[Cell, None]] = {}
    for op in rungs.ops:
        taker = rungs.folding.cell_of[op]
        for operand in op.inputs:
            giver = rungs.cell(operand)
            if giver is not None and giver is not taker:
                users.setdefault(giver, {})[taker] = None
                givers.setdefault(taker, {})[giver] = None
    leaves, targets = set(rungs.folding.leaves), rungs.parts.targets
    for cell in rungs.folding.cells:
        near = [g for g in givers.get(cell, ()) if g in leaves and len(users[g]) == 1]
        if len(near) > 1 or (near and len(givers[cell]) > 1):
            ranked = sorted(near, key=lambda leaf: leaf.nodes[0] in targets)
            rungs.beside[ranked[-1]] = cell


def _usual(parts: Anatomy):
    """The dtype that goes without saying: the most frequent inexact one."""
    dtypes = [node.dtype for node in parts.leaves + parts.ops if node.dtype.kind in "fc"]
    return max(dict.fromkeys(dtypes), key=dtypes.count, default=None)


def _add_leaves(rungs: Ladder) -> None:
    usual, targets = _usual(rungs.parts), rungs.parts.targets
    for number, leaf in enumerate(rungs.folding.leaves):
        node = leaf.nodes[0]
        kind = "const" if node.op.name == "constant" else "input"
        kind = "param" if node in targets else kind
        name, note = captions.leaf_text(node), ""
        if leaf.is_group:
            name, note = f"{name} … {captions.leaf_text(leaf.nodes[-1])}", f"{len(leaf.nodes)} × "
        text = note + captions.specs_text(node, rungs.parts, usual)
        shape: Row = [Run(text, 10, "shp", mono=True)]
        frame = rungs.beside[leaf].frame if leaf in rungs.beside else None
        rungs.keys[leaf] = f"a{number}"
        rows = [[Run(name, 12, bold=True)], shape]
        rungs.picture.add(Box(f"a{number}", kind, rows, captions.tooltip(node), frame))
        if node in targets:
            over: Row = [Run(name, 12, "bwd_ink", bold=True, overline=True)]
            tip = f"gradient with respect to {name}"
            rungs.picture.add(Box(f"g{number}", "grad", [over, shape], tip, frame))


def _line(rungs: Ladder, node: Node, column: int) -> str:
    given = rungs.lines.get(node)
    if given is not None:
        return f"L{given[column]}" if given[column] else ""
    if rungs.lines or column or node.origin is None:
        return ""
    return f"L{node.origin.line}"  # nothing generated: the user's own line


def _add_cells(rungs: Ladder) -> None:
    usual, extra = _usual(rungs.parts), set(rungs.parts.extra)
    outputs = set(rungs.parts.outputs)
    for number, cell in enumerate(rungs.folding.cells):
        node = cell.nodes[-1] if cell.is_group else cell.nodes[0]
        name = cell.text or captions.op_text(node, len(cell.nodes) > 1)
        kind = "output" if outputs.intersection(cell.nodes) else "group" if cell.is_group else "op"
        kind = "vjp" if node in extra else kind
        badge = "" if cell.is_group else _line(rungs, node, 0)
        first: list[Run | Gap] = [Run(name, 12, "bwd_ink" if kind == "vjp" else "ink", bold=True)]
        first += [Gap(5), Run(badge, 9, BADGES.get(kind, "ink2"), mono=True, bold=True)]
        second: list[Run | Gap] = []
        note = f"{len(cell.nodes)} ops" if cell.is_group else captions.given_name(node, rungs.parts)
        if note:
            second += [Run(note, 10, "ink2" if cell.is_group else "ink", mono=True), Gap(6)]
        second.append(Run(captions.specs_text(node, rungs.parts, usual), 10, "shp", mono=True))
        if outcome := captions.guard_text(cell.nodes, rungs.parts.graph):
            second += [Gap(6), Run(outcome, 10, "fold_ink", mono=True, bold=True)]
        rungs.keys[cell] = f"n{number}"
        tip = captions.tooltip(node)
        rungs.picture.add(Box(f"n{number}", kind, [first, second], tip, cell.frame))
        if cell in rungs.pulled:
            _add_pullback(rungs, cell, node, name)


BADGES = {"output": "shp", "vjp": "bwd_ink"}


def _add_pullback(rungs: Ladder, cell: Cell, node: Node, name: str) -> None:
    badge = f"vjp {'' if cell.is_group else _line(rungs, node, 1)}".strip()
    first: Row = [
        Run(name, 12, "bwd_ink", bold=True),
        Gap(5),
        Run(badge, 9, "bwd_ink", mono=True, bold=True),
    ]
    specs = captions.shown_specs(node, rungs.parts)
    shapes = captions.shapes_text([spec for spec in specs if spec.is_inexact] or specs)
    second: Row = [Run(f"ḡ {shapes}", 10, "shp", mono=True)]
    key = "v" + rungs.keys[cell][1:]
    rungs.picture.add(Box(key, "vjp", [first, second], f"pullback of {name}", cell.frame))


# -- loops --------------------------------------------------------------------------------------
def _add_carries(rungs: Ladder) -> None:
    """Two pills for each value that one step of a body hands to the next, and two for its ḡ."""
    folding = rungs.folding
    for op in rungs.ops:
        for slot, operand in enumerate(op.inputs):
            giver = source(operand)
            body = folding.carry(giver, op) if giver in folding.steps else None
            if body is None:
                continue
            cell = folding.cell_of[giver]
            number = rungs.carried.setdefault((body, cell), len(rungs.carried))
            rungs.initial[folding.cell_of[op], slot] = number
    for (body, cell), number in rungs.carried.items():
        name = captions.given_name(cell.nodes[0], rungs.parts) or "value"
        pills = [("i", f"↻ {name}(t)"), ("o", f"{name}(t+1) ↻")]
        if cell in rungs.pulled:
            pills += [("j", "↻ ḡ(t)"), ("k", "ḡ(t+1) ↻")]
        for letter, text in pills:
            row: Row = [Run(text, 9.5, "fold_ink", mono=True, bold=True)]
            tip = f"{name} goes from one step to the next"
            rungs.picture.add(Box(f"{letter}{number}", "carry", [row], tip, body))


def _connect_values(rungs: Ladder) -> None:
    """Forward wires, one per pair of boxes; the first one into an op is its spine."""
    ends: dict[tuple[str, str], int] = {}
    leaves = set(rungs.folding.leaves)
    spined: set[str] = set()
    for op in rungs.ops:
        taker = rungs.folding.cell_of[op]
        operands = [(slot, source(operand)) for slot, operand in enumerate(op.inputs)]
        operands.sort(key=lambda pair: rungs.folding.cell_of.get(pair[1]) in leaves)
        for slot, giver in operands:
            cell = rungs.folding.cell_of.get(giver)
            if cell is None:
                continue
            kind, number = route(rungs, giver, op, slot)
            head, tail = rungs.keys[taker], rungs.keys[cell]
            hops = {
                "straight": [(tail, head)],
                "into": [(tail, f"i{number}")],
                "carry": [(tail, f"o{number}"), (f"i{number}", head)],
                "out": [(f"o{number}", head)],
            }[kind]
            is_near = rungs.beside.get(cell) is taker
            for one, other in hops:
                if one == other:
                    continue
                weight = 1 if is_near or other in spined else 10
                if not is_near:
                    spined.add(other)
                ends.setdefault((one, other), weight)
    for (tail, head), weight in ends.items():
        rungs.picture.connect(tail, head, "fwd", weight=weight)


# -- rows and frames ----------------------------------------------------------------------------
def _add_rows(rungs: Ladder) -> None:
    """Same-rank rows with their left-to-right order, and one op per row."""
    picture, boxes = rungs.picture, rungs.picture.boxes
    near = {cell: leaf for leaf, cell in rungs.beside.items()}
    joined = {(wire.tail, wire.head) for wire in picture.wires}
    rows = [
        [rungs.keys[leaf], "g" + rungs.keys[leaf][1:]]
        for leaf in rungs.folding.leaves
        if leaf not in rungs.beside
    ]
    for cell in rungs.folding.cells:
        key = rungs.keys[cell]
        leaf = [rungs.keys[near[cell]]] if cell in near else []
        grad = ["g" + leaf[0][1:]] if leaf else []
        rows.append([*leaf, key, "v" + key[1:], *rungs.in_row.get(cell, ()), *grad])
    rows += [[f"i{n}", f"j{n}"] for n in rungs.carried.values()]
    rows += [[f"o{n}", f"k{n}"] for n in rungs.carried.values()]
    picture.rows = [[key for key in row if key in boxes] for row in rows]
    for row in picture.rows:
        for tail, head in zip(row, row[1:], strict=False):
            if (tail, head) not in joined:
                picture.connect(tail, head, "order")
    chain = _chain(rungs)
    for tail, head in zip(chain, chain[1:], strict=False):
        if (tail, head) not in joined:
            picture.connect(tail, head, "order", weight=2)


def _chain(rungs: Ladder) -> list[str]:
    """The forward boxes from top to bottom: a body's pills around its ops."""
    extra = set(rungs.parts.extra)
    chain: list[str] = []
    open_bodies: list[Frame] = []

    def pills(letter: str, body: Frame) -> list[str]:
        return [f"{letter}{n}" for (frame, _), n in rungs.carried.items() if frame is body][:1]

    for cell in rungs.folding.cells:
        bodies = [f for f in (cell.frame.chain() if cell.frame else ()) if f.kind == "repeat"]
        while open_bodies and open_bodies[-1] not in bodies:
            chain += pills("o", open_bodies.pop())
        for body in bodies[len(open_bodies) :]:
            chain += pills("i", body)
            open_bodies.append(body)
        if cell.nodes[0] not in extra:
            chain.append(rungs.keys[cell])
    while open_bodies:
        chain += pills("o", open_bodies.pop())
    return chain


def _add_frames(rungs: Ladder) -> None:
    """The frames that hold a box, outer ones first; a lone scope says no more than the title."""
    frames: dict[Frame, None] = {}
    for box in rungs.picture.boxes.values():
        if box.frame is not None:
            frames.update(dict.fromkeys(box.frame.chain()))
    for number, frame in enumerate(frames):
        frame.key = f"cluster_{number}"
    rungs.picture.frames = list(frames)
