"""The right side of the ladder: cotangent pills, saved values and the seed.

>>> connect_cotangents(grid)     # op vjp → pill → gradient, one pill per pair of boxes
>>> connect_saved(grid)          # dotted: every forward value that a pullback reads
>>> connect_seeds(grid)          # ḡ = 1
"""

from __future__ import annotations

from tracer.graph.calcgraph import PullbackRecord
from tracer.graph.node import Node
from viz import captions
from viz.folding import Cell
from viz.grid import Grid, route
from viz.labels import Gap, Row, Run
from viz.parts import source
from viz.picture import Box, common

BUSY = 150  # pullbacks from which on a cotangent that passes unchanged has no pill


def connect_cotangents(grid: Grid) -> None:
    """One pill per pullback and target, with a row per formula."""
    groups: dict[tuple[str, str], list[PullbackRecord]] = {}
    plain: dict[tuple[str, str], None] = {}
    for record in grid.parts.records:
        target = source(record.node.inputs[record.slot])
        taker, giver = grid.folding.cell_of[record.node], grid.cell(target)
        if giver is None:
            continue
        kind, number = route(grid, target, record.node, record.slot)
        tail = "v" + grid.keys[taker][1:]
        end = _cotangent_box(grid, giver)
        if kind == "into":
            plain[f"j{number}", end] = None
        elif kind == "carry":
            groups.setdefault((tail, f"j{number}"), []).append(record)
            plain[f"k{number}", end] = None
        elif kind == "out":
            groups.setdefault((tail, f"k{number}"), []).append(record)
        elif tail != end:
            groups.setdefault((tail, end), []).append(record)
    boxes = grid.picture.boxes
    for tail, head in plain:
        if tail in boxes and head in boxes:
            grid.picture.connect(tail, head, "ct", weight=10, upward=True)
    spined: set[str] = set()
    for (tail, head), records in groups.items():
        if tail in boxes and head in boxes:
            _connect_pill(grid, tail, head, records, 1 if tail in spined else 10)
            spined.add(tail)


def _cotangent_box(grid: Grid, cell: Cell) -> str:
    key = grid.keys[cell]
    return ("g" if key[0] == "a" else "v") + key[1:]


def _connect_pill(
    grid: Grid, tail: str, head: str, records: list[PullbackRecord], weight: int
) -> None:
    picture = grid.picture
    cell = grid.folding.cell_of[records[0].node]
    giver = grid.folding.cell_of[source(records[0].node.inputs[records[0].slot])]
    is_near = grid.beside.get(giver) is cell
    if len(grid.pulled) > BUSY and all(captions.is_identity(r) for r in records) and not is_near:
        picture.connect(tail, head, "ct", weight=weight, upward=True)
        return
    key = f"p{len(picture.boxes)}"
    tip = "\n".join(dict.fromkeys(captions.formula_text(record) for record in records[:12]))
    frame = common(picture.boxes[tail].frame, picture.boxes[head].frame)
    picture.add(Box(key, "pill", _pill_rows(grid, records, giver), tip, frame))
    if is_near:
        grid.in_row.setdefault(cell, []).append(key)
    how = {"weight": 1} if is_near else {"weight": weight, "upward": True}
    picture.connect(tail, key, "ct", arrow=False, **how)
    picture.connect(key, head, "ct", **how)


def _pill_rows(grid: Grid, records: list[PullbackRecord], giver: Cell) -> list[Row]:
    """One row per different formula; a folded group just says what goes in and what comes out."""
    first = records[0]
    cells = {grid.folding.cell_of[record.node] for record in records}
    if any(cell.is_group for cell in cells) and len(records) > 2:
        return [captions.pill_row(records[-1], summary=f"ḡ × {len(records)}")]
    slots = {record.slot: record for record in reversed(records)}
    steps = len(records) > len(slots) and len(giver.nodes) == 1
    texts: dict[str, list[PullbackRecord]] = {}
    for slot in sorted(slots):
        texts.setdefault(captions.formula_text(slots[slot]), []).append(slots[slot])
    rows: list[Row] = []
    for same in texts.values():
        prefix = "Σₜ" if steps and first.node in grid.folding.steps else ""
        prefix = " ".join(filter(None, (prefix, f"{len(same)} ·" if len(same) > 1 else "")))
        rows.append(captions.pill_row(same[0], prefix))
    return [rows[0], *([Run("+ ", 9.5, "ink2", mono=True), *row] for row in rows[1:])]


def connect_saved(grid: Grid) -> None:
    """Every forward value that a pullback reads: a dotted wire, or both ends of one.

    A wire along a row, or from an operand in the row above, runs free; any other would weave
    between pills and over labels: its two boxes name the value, ``h ⋯▸`` and ``⋯▸ h (32,256)``.
    """
    read: dict[tuple[Cell, Cell], dict[Node, None]] = {}
    for op, values in grid.parts.saved.items():
        taker = grid.folding.cell_of[op]
        for value in values:
            cell = grid.cell(value)
            if cell is None or (cell is taker and cell.is_group):
                continue
            read.setdefault((cell, taker), {})[value] = None
    rows = _row_numbers(grid)
    for (giver, taker), shared in read.items():
        text, shape = _saved_text(grid, list(shared))
        tail, head = grid.keys[giver], "v" + grid.keys[taker][1:]
        is_own = tail == "n" + head[1:]
        if is_own or (rows[taker] - rows[giver] == 1 and _spine(grid, taker) == [giver]):
            row: Row = [Run(f"{text} {shape}", 9, "res_ink", mono=True)]
            spec = next(iter(shared)).spec
            tip = f"saved for the backward pass: {text} {spec!r}"
            grid.picture.connect(tail, head, "res", free=not is_own, row=row, tooltip=tip)
            continue
        boxes = grid.picture.boxes
        boxes[head].rows.append([Run(f"{STUB} {text} {shape}", 9, "res_ink", mono=True)])
        _mark_saved(boxes[tail], text)


STUB = "⋯▸"


def _spine(grid: Grid, taker: Cell) -> list[Cell]:
    """The operands of a cell that do not stand beside it."""
    makers = [grid.cell(operand) for node in taker.nodes for operand in node.inputs]
    found = dict.fromkeys(cell for cell in makers if cell is not None and cell is not taker)
    return [cell for cell in found if grid.beside.get(cell) is not taker]


def _row_numbers(grid: Grid) -> dict[Cell, int]:
    """The row of each cell; a leaf that stands alone is just above its first reader."""
    rows = {cell: row for row, cell in enumerate(grid.folding.cells)}
    for op in reversed(grid.ops):
        cell = grid.folding.cell_of[op]
        for operand in op.inputs:
            giver = grid.cell(operand)
            if giver in grid.folding.leaves:
                rows[giver] = rows[cell] - 1
    return rows


def _saved_text(grid: Grid, values: list[Node]) -> tuple[str, str]:
    """The names of saved values that go the same way, and the shape of the first."""
    repeated = len(values) > 1 and values[0].op is values[-1].op
    names = dict.fromkeys(captions.saved_name(v, grid.parts, repeated) for v in values)
    text = captions.shorten(", ".join(list(names)[:2]) + ("…" if len(names) > 2 else ""), 24)
    count = f"{len(values)}× " if len(values) > len(names) else ""
    return text, count + captions.shape_text(values[0].spec, "")


def _mark_saved(box: Box, text: str) -> None:
    """Say on a box that its value is kept for a pullback further off, and what it is called."""
    shown = [run.text for row in box.rows[:2] for run in row if isinstance(run, Run)]
    mark = STUB if text in shown else f"{text} {STUB}"
    row = [*box.rows[1]]
    if all(run.text != mark for run in row if isinstance(run, Run)):
        box.rows[1] = [*row, Gap(6), Run(mark, 9, "res_ink", mono=True)]


def connect_seeds(grid: Grid) -> None:
    """The cotangent of each output: 1, or what the caller hands over."""
    for value, seed in grid.parts.seeds.items():
        cell = grid.cell(value)
        if cell not in grid.pulled:
            continue
        text = "ḡ = 1" if seed is None else f"ḡ = {captions.leaf_text(seed)}"
        tip = "the cotangent that the backward pass starts from"
        row: Row = [Run(text, 10, "bwd_ink", mono=True, bold=True)]
        key = grid.keys[cell]
        grid.picture.connect(key, "v" + key[1:], "ct", row=row, tooltip=tip)
