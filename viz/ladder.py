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
from viz.grid import Grid, Lines, route
from viz.labels import Gap, Row, Run
from viz.parts import Anatomy, source
from viz.picture import Box, Frame, Picture


def ladder(parts: Anatomy, folding: Folding, lines: Lines | None = None) -> Picture:
    """The picture of a graph, ready for layout."""
    grid = Grid(parts, folding, lines or {})
    grid.pulled = {folding.cell_of[record.node] for record in parts.records}
    _place_leaves(grid)
    _add_leaves(grid)
    _add_cells(grid)
    _add_carries(grid)
    _connect_values(grid)
    if parts.records:
        connect_cotangents(grid)
        connect_saved(grid)
        connect_seeds(grid)
    _add_rows(grid)
    _add_frames(grid)
    return grid.picture


# -- boxes --------------------------------------------------------------------------------------
def _place_leaves(grid: Grid) -> None:
    """One leaf that only one op reads stands in that op's row, if the op also hangs on another."""
    users: dict[Cell, dict[Cell, None]] = {}
    givers: dict[Cell, dict[Cell, None]] = {}
    for op in grid.ops:
        taker = grid.folding.cell_of[op]
        for operand in op.inputs:
            giver = grid.cell(operand)
            if giver is not None and giver is not taker:
                users.setdefault(giver, {})[taker] = None
                givers.setdefault(taker, {})[giver] = None
    leaves, targets = set(grid.folding.leaves), grid.parts.targets
    for cell in grid.folding.cells:
        near = [g for g in givers.get(cell, ()) if g in leaves and len(users[g]) == 1]
        if len(near) > 1 or (near and len(givers[cell]) > 1):
            ranked = sorted(near, key=lambda leaf: leaf.nodes[0] in targets)
            grid.beside[ranked[-1]] = cell


def _usual(parts: Anatomy):
    """The dtype that goes without saying: the most frequent inexact one."""
    dtypes = [node.dtype for node in parts.leaves + parts.ops if node.dtype.kind in "fc"]
    return max(dict.fromkeys(dtypes), key=dtypes.count, default=None)


def _add_leaves(grid: Grid) -> None:
    usual, targets = _usual(grid.parts), grid.parts.targets
    for number, leaf in enumerate(grid.folding.leaves):
        node = leaf.nodes[0]
        kind = "const" if node.op.name == "constant" else "input"
        kind = "param" if node in targets else kind
        name, note = captions.leaf_text(node), ""
        if leaf.is_group:
            name, note = f"{name} … {captions.leaf_text(leaf.nodes[-1])}", f"{len(leaf.nodes)} × "
        text = note + captions.specs_text(node, grid.parts, usual)
        shape: Row = [Run(text, 10, "shp", mono=True)]
        frame = grid.beside[leaf].frame if leaf in grid.beside else None
        grid.keys[leaf] = f"a{number}"
        rows = [[Run(name, 12, bold=True)], shape]
        grid.picture.add(Box(f"a{number}", kind, rows, captions.tooltip(node), frame))
        if node in targets:
            over: Row = [Run(name, 12, "bwd_ink", bold=True, overline=True)]
            tip = f"gradient with respect to {name}"
            grid.picture.add(Box(f"g{number}", "grad", [over, shape], tip, frame))


def _line(grid: Grid, node: Node, column: int) -> str:
    given = grid.lines.get(node)
    if given is not None:
        return f"L{given[column]}" if given[column] else ""
    if grid.lines or column or node.origin is None:
        return ""
    return f"L{node.origin.line}"  # nothing generated: the user's own line


def _add_cells(grid: Grid) -> None:
    usual, extra = _usual(grid.parts), set(grid.parts.extra)
    outputs = set(grid.parts.outputs)
    for number, cell in enumerate(grid.folding.cells):
        node = cell.nodes[-1] if cell.is_group else cell.nodes[0]
        name = cell.text or captions.op_text(node, len(cell.nodes) > 1)
        kind = "output" if outputs.intersection(cell.nodes) else "group" if cell.is_group else "op"
        kind = "vjp" if node in extra else kind
        badge = "" if cell.is_group else _line(grid, node, 0)
        first: list[Run | Gap] = [Run(name, 12, "bwd_ink" if kind == "vjp" else "ink", bold=True)]
        first += [Gap(5), Run(badge, 9, BADGES.get(kind, "ink2"), mono=True, bold=True)]
        second: list[Run | Gap] = []
        note = f"{len(cell.nodes)} ops" if cell.is_group else captions.given_name(node, grid.parts)
        if note:
            second += [Run(note, 10, "ink2" if cell.is_group else "ink", mono=True), Gap(6)]
        second.append(Run(captions.specs_text(node, grid.parts, usual), 10, "shp", mono=True))
        if outcome := captions.guard_text(cell.nodes, grid.parts.graph):
            second += [Gap(6), Run(outcome, 10, "fold_ink", mono=True, bold=True)]
        grid.keys[cell] = f"n{number}"
        tip = captions.tooltip(node)
        grid.picture.add(Box(f"n{number}", kind, [first, second], tip, cell.frame))
        if cell in grid.pulled:
            _add_pullback(grid, cell, node, name)


BADGES = {"output": "shp", "vjp": "bwd_ink"}


def _add_pullback(grid: Grid, cell: Cell, node: Node, name: str) -> None:
    badge = f"vjp {'' if cell.is_group else _line(grid, node, 1)}".strip()
    first: Row = [
        Run(name, 12, "bwd_ink", bold=True),
        Gap(5),
        Run(badge, 9, "bwd_ink", mono=True, bold=True),
    ]
    specs = captions.shown_specs(node, grid.parts)
    shapes = captions.shapes_text([spec for spec in specs if spec.is_inexact] or specs)
    second: Row = [Run(f"ḡ {shapes}", 10, "shp", mono=True)]
    key = "v" + grid.keys[cell][1:]
    grid.picture.add(Box(key, "vjp", [first, second], f"pullback of {name}", cell.frame))


# -- loops --------------------------------------------------------------------------------------
def _add_carries(grid: Grid) -> None:
    """Two pills for each value that one step of a body hands to the next, and two for its ḡ."""
    folding = grid.folding
    for op in grid.ops:
        for slot, operand in enumerate(op.inputs):
            giver = source(operand)
            body = folding.carry(giver, op) if giver in folding.steps else None
            if body is None:
                continue
            cell = folding.cell_of[giver]
            number = grid.carried.setdefault((body, cell), len(grid.carried))
            grid.initial[folding.cell_of[op], slot] = number
    for (body, cell), number in grid.carried.items():
        name = captions.given_name(cell.nodes[0], grid.parts) or "value"
        pills = [("i", f"↻ {name}(t)"), ("o", f"{name}(t+1) ↻")]
        if cell in grid.pulled:
            pills += [("j", "↻ ḡ(t)"), ("k", "ḡ(t+1) ↻")]
        for letter, text in pills:
            row: Row = [Run(text, 9.5, "fold_ink", mono=True, bold=True)]
            tip = f"{name} goes from one step to the next"
            grid.picture.add(Box(f"{letter}{number}", "carry", [row], tip, body))


def _connect_values(grid: Grid) -> None:
    """Forward wires, one per pair of boxes; the first one into an op is its spine."""
    ends: dict[tuple[str, str], int] = {}
    leaves = set(grid.folding.leaves)
    spined: set[str] = set()
    for op in grid.ops:
        taker = grid.folding.cell_of[op]
        operands = [(slot, source(operand)) for slot, operand in enumerate(op.inputs)]
        operands.sort(key=lambda pair: grid.folding.cell_of.get(pair[1]) in leaves)
        for slot, giver in operands:
            cell = grid.folding.cell_of.get(giver)
            if cell is None:
                continue
            kind, number = route(grid, giver, op, slot)
            head, tail = grid.keys[taker], grid.keys[cell]
            hops = {
                "straight": [(tail, head)],
                "into": [(tail, f"i{number}")],
                "carry": [(tail, f"o{number}"), (f"i{number}", head)],
                "out": [(f"o{number}", head)],
            }[kind]
            is_near = grid.beside.get(cell) is taker
            for one, other in hops:
                if one == other:
                    continue
                weight = 1 if is_near or other in spined else 10
                if not is_near:
                    spined.add(other)
                ends.setdefault((one, other), weight)
    for (tail, head), weight in ends.items():
        grid.picture.connect(tail, head, "fwd", weight=weight)


# -- rows and frames ----------------------------------------------------------------------------
def _add_rows(grid: Grid) -> None:
    """Same-rank rows with their left-to-right order, and one op per row."""
    picture, boxes = grid.picture, grid.picture.boxes
    near = {cell: leaf for leaf, cell in grid.beside.items()}
    joined = {(wire.tail, wire.head) for wire in picture.wires}
    rows = [
        [grid.keys[leaf], "g" + grid.keys[leaf][1:]]
        for leaf in grid.folding.leaves
        if leaf not in grid.beside
    ]
    for cell in grid.folding.cells:
        key = grid.keys[cell]
        leaf = [grid.keys[near[cell]]] if cell in near else []
        grad = ["g" + leaf[0][1:]] if leaf else []
        rows.append([*leaf, key, "v" + key[1:], *grid.in_row.get(cell, ()), *grad])
    rows += [[f"i{n}", f"j{n}"] for n in grid.carried.values()]
    rows += [[f"o{n}", f"k{n}"] for n in grid.carried.values()]
    picture.rows = [[key for key in row if key in boxes] for row in rows]
    for row in picture.rows:
        for tail, head in zip(row, row[1:], strict=False):
            if (tail, head) not in joined:
                picture.connect(tail, head, "order")
    chain = _chain(grid)
    for tail, head in zip(chain, chain[1:], strict=False):
        if (tail, head) not in joined:
            picture.connect(tail, head, "order", weight=2)


def _chain(grid: Grid) -> list[str]:
    """The forward boxes from top to bottom: a body's pills around its ops."""
    extra = set(grid.parts.extra)
    chain: list[str] = []
    open_bodies: list[Frame] = []

    def pills(letter: str, body: Frame) -> list[str]:
        return [f"{letter}{n}" for (frame, _), n in grid.carried.items() if frame is body][:1]

    for cell in grid.folding.cells:
        bodies = [f for f in (cell.frame.chain() if cell.frame else ()) if f.kind == "repeat"]
        while open_bodies and open_bodies[-1] not in bodies:
            chain += pills("o", open_bodies.pop())
        for body in bodies[len(open_bodies) :]:
            chain += pills("i", body)
            open_bodies.append(body)
        if cell.nodes[0] not in extra:
            chain.append(grid.keys[cell])
    while open_bodies:
        chain += pills("o", open_bodies.pop())
    return chain


def _add_frames(grid: Grid) -> None:
    """The frames that hold a box, outer ones first; a lone scope says no more than the title."""
    frames: dict[Frame, None] = {}
    for box in grid.picture.boxes.values():
        if box.frame is not None:
            frames.update(dict.fromkeys(box.frame.chain()))
    for number, frame in enumerate(frames):
        frame.key = f"cluster_{number}"
    grid.picture.frames = list(frames)
