"""Which ops share a box: repeated bodies become one body, then scopes and runs of ops one box.

>>> folding = fold(parts, limit=400)
>>> folding.cells[3].nodes          # the same op of sixty time steps
[<h: f64[64] = tanh(%0)>, …]
>>> folding.steps[node]             # ((frame of the body, 17),)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from tracer.graph.node import Node, map_structure
from viz.captions import place_text
from viz.parts import Anatomy, source
from viz.picture import Frame, common
from viz.repeats import Body, find_repeats

LIMIT = 400  # visible boxes from which on a picture folds by itself
LENGTH = 2.5  # rows that wires may cross for each box: what takes an engine its time


@dataclass(eq=False, slots=True)
class Cell:
    """One visible forward box: an op, the same op of every step, or a group of ops."""

    nodes: list[Node]
    frame: Frame | None = None
    text: str = ""  # what to call it where it stands for different ops

    @property
    def is_group(self) -> bool:
        return bool(self.text)


@dataclass(eq=False, slots=True)
class Folding:
    """The cells in row order, the cell of each op and leaf, and each op's place in the loops."""

    cells: list[Cell] = field(default_factory=list)
    leaves: list[Cell] = field(default_factory=list)
    cell_of: dict[Node, Cell] = field(default_factory=dict)
    steps: dict[Node, tuple[tuple[Frame, int], ...]] = field(default_factory=dict)

    def carry(self, giver: Node, taker: Node) -> Frame | None:
        """The body whose one step hands a value of ``giver`` to ``taker`` in a later step."""
        pairs = zip(self.steps.get(giver, ()), self.steps.get(taker, ()), strict=False)
        for (frame, before), (other, after) in pairs:
            if frame is not other:
                return None
            if before != after:
                return frame
        return None


def fold(parts: Anatomy, limit: int = LIMIT) -> Folding:
    """Group the ops of a graph until at most ``limit`` boxes are visible (or nearly so)."""
    ops = parts.ops + parts.extra
    tree: list[Body | int] = list(range(len(ops)))
    boxes = visible(parts, _index([Cell([op]) for op in ops], parts))
    if boxes > limit or stretch(parts) > LENGTH * limit:
        tree = find_repeats(np.array(_signatures(ops)))
    folding = Folding()
    _lay_cells(folding, ops, tree)
    for squeeze in (_fold_scopes, _fold_lines, _fold_chunks):
        folding = squeeze(parts, folding, limit)
    _index(folding.cells, parts, folding)
    _fold_leaves(parts, folding, limit)
    return folding


def visible(parts: Anatomy, folding: Folding) -> int:
    """How many boxes a folding shows: cells, their pullbacks, pills, leaves and gradients."""
    cell_of = folding.cell_of
    pulled = {cell_of[record.node] for record in parts.records}
    pills = {
        (cell_of[r.node], cell_of[source(r.node.inputs[r.slot])], r.slot) for r in parts.records
    }
    pills = {pill for pill in pills if pill[0] is not pill[1]}
    return len(folding.cells) + len(pulled) + len(pills) + 2 * len(folding.leaves)


def stretch(parts: Anatomy) -> int:
    """How many rows the wires cross, all together: weights that every step reads make it large."""
    rows = {op: row for row, op in enumerate(parts.ops + parts.extra)}
    wires = [(op, source(operand)) for op in rows for operand in op.inputs]
    wires += [(record.node, source(record.node.inputs[record.slot])) for record in parts.records]
    wires += [(reader, source(value)) for reader, values in parts.saved.items() for value in values]
    for reader, leaf in wires:
        rows.setdefault(leaf, rows.get(reader, 0))  # a leaf is drawn beside its first reader
    return sum([abs(rows.get(reader, 0) - rows[value]) for reader, value in wires])


def _index(cells: list[Cell], parts: Anatomy, folding: Folding | None = None) -> Folding:
    folding = folding or Folding()
    folding.cells = cells
    folding.leaves = [Cell([leaf]) for leaf in parts.leaves]
    folding.cell_of = {node: cell for cell in cells + folding.leaves for node in cell.nodes}
    return folding


def _signatures(ops: list[Node]) -> list[int]:
    """Equal numbers for ops that differ in nothing but which step of a loop they belong to."""
    numbers: dict[tuple, int] = {}

    def blank(leaf):
        return "int" if type(leaf) is int else repr(leaf)

    found = []
    for op in ops:
        place = (op.origin.file, op.origin.line, op.origin.column) if op.origin else None
        params = repr(map_structure(blank, (op.params.args, op.params.kwargs)))
        key = (op.op.name, params, op.specs, place)
        found.append(numbers.setdefault(key, len(numbers)))
    return found


# -- cells of a tree of repeats, in frames ------------------------------------------------------
def _lay_cells(folding: Folding, ops: list[Node], tree: list[Body | int]) -> None:
    frames = _Frames()
    scoped = {scope for op in ops for scope in _scopes(op)}

    def walk(items, offsets, path):
        for item in items:
            if type(item) is int:
                nodes = [ops[item + offset] for offset, _ in offsets]
                chain = _scopes(nodes[0]) if len(scoped) > 1 else ()
                folding.cells.append(Cell(nodes, frames.around(chain, path)))
                for node, (_, steps) in zip(nodes, offsets, strict=True):
                    folding.steps[node] = steps
                continue
            body = frames.body(item, ops, offsets[0][0])
            walk(
                item.items,
                [
                    (offset + t * item.period, (*steps, (body, t)))
                    for offset, steps in offsets
                    for t in range(item.count)
                ],
                (*path, body),
            )

    walk(tree, [(0, ())], ())


def _scopes(op: Node) -> tuple:
    return op.origin.scope.chain() if op.origin is not None and op.origin.scope else ()


class _Frames:
    """Makes the frames: one per scope and body, nested as the scopes and bodies are."""

    def __init__(self) -> None:
        self.made: dict[tuple, Frame] = {}
        self.depths: dict[Frame, tuple[int, int]] = {}

    def body(self, item: Body, ops: list[Node], offset: int) -> Frame:
        """The frame of a repeated body, and which of its ops' scopes lie outside of it."""
        first = [_scopes(ops[p + offset]) for p in range(item.start, item.start + item.period)]
        later = [_scopes(ops[p + offset + item.period]) for p in (item.start, item.end - 1)]
        outside = _shared([*first, *later])
        inside = _shared(first)
        own = first[0][outside] if inside > outside else None
        label = (own.label or own.function) if own is not None else ""
        place = place_text(own.file, own.line) if own is not None else ""
        origin = ops[item.start + offset].origin
        if own is None and origin is not None:
            place = place_text(origin.file, origin.line)
        frame = Frame(label, place, None, "repeat", item.count)
        self.depths[frame] = (outside, outside + (own is not None))
        return frame

    def around(self, chain: tuple, bodies: Iterable[Frame]) -> Frame | None:
        """The innermost frame of an op with these scopes inside these bodies."""
        path: list[tuple] = []
        done = 0
        for body in bodies:
            before, after = self.depths[body]
            path += [(scope, None) for scope in chain[done:before]]
            path.append((body, body))
            done = max(after, done) if chain else 0
        path += [(scope, None) for scope in chain[done:]]
        frame: Frame | None = None
        for key, body in path:
            made = self.made.get((key, frame))
            if made is None:
                made = body or Frame(
                    key.label or key.function, place_text(key.file, key.line), frame
                )
                made.parent = frame
                self.made[key, frame] = made
            frame = made
        return frame


def _shared(chains: list[tuple]) -> int:
    """How many outermost scopes all chains have in common."""
    depth = 0
    for scopes in zip(*chains, strict=False):
        if any(scope is not scopes[0] for scope in scopes):
            break
        depth += 1
    return depth


# -- what is still too much becomes groups ------------------------------------------------------
def _merge(folding: Folding, group: Callable[[Cell], object], text: Callable) -> Folding:
    """Neighbouring cells of one group become one cell."""
    merged: list[Cell] = []
    last: object = None
    for cell in folding.cells:
        key = group(cell)
        if merged and key is not None and key == last:
            old = merged[-1]
            nodes, frame = old.nodes + cell.nodes, common(old.frame, cell.frame)
            merged[-1] = Cell(nodes, frame, text(key, nodes))
        else:
            merged.append(cell)
        last = key
    folding.cells = merged
    return folding


def _fold_scopes(parts: Anatomy, folding: Folding, limit: int) -> Folding:
    """Collapse the innermost scopes, level by level."""
    deepest = max((len(c.frame.chain()) for c in folding.cells if c.frame), default=0)
    for depth in range(deepest, 1, -1):
        if visible(parts, _index(folding.cells, parts, folding)) <= limit:
            break

        def group(cell: Cell, depth: int = depth) -> Frame | None:
            chain = cell.frame.chain() if cell.frame else ()
            inner = chain[depth - 1] if len(chain) >= depth else None
            return inner if inner is not None and inner.kind == "scope" else None

        folding = _merge(folding, group, lambda frame, nodes: frame.label)
        for cell in folding.cells:  # a group stands outside of the frame that it replaces
            if cell.is_group and cell.frame and len(cell.frame.chain()) >= depth:
                cell.frame = cell.frame.chain()[depth - 1].parent
    return folding


def _fold_lines(parts: Anatomy, folding: Folding, limit: int) -> Folding:
    """Collapse the ops of one line of the user's code."""
    if visible(parts, _index(folding.cells, parts, folding)) <= limit:
        return folding

    def group(cell: Cell):
        origin = cell.nodes[0].origin
        return None if origin is None else (origin.statement_key, cell.frame)

    return _merge(folding, group, lambda key, nodes: f"line {key[0][1]}")


def _fold_chunks(parts: Anatomy, folding: Folding, limit: int) -> Folding:
    """Cut what is left into as many runs of neighbours as there is room for."""
    count = visible(parts, _index(folding.cells, parts, folding)) - 2 * len(folding.leaves)
    if count <= limit:
        return folding
    # Each cut may still make a pullback and two pills, hence a fifth of the room.
    size = -(-len(folding.cells) // max(limit // 5, 1))
    numbers = {cell: position // size for position, cell in enumerate(folding.cells)}
    folding.steps = {}  # a chunk may cut through a body
    return _merge(folding, numbers.get, lambda key, nodes: f"part {key + 1}")


def _fold_leaves(parts: Anatomy, folding: Folding, limit: int) -> None:
    """Leaves that the same folded cells read become one box."""
    readers: dict[Node, dict[Cell, None]] = {leaf: {} for leaf in parts.leaves}
    for op in parts.ops + parts.extra:
        for operand in op.inputs:
            if operand in readers:
                readers[operand][folding.cell_of[op]] = None
    targets = parts.targets
    groups: dict[tuple, list[Node]] = {}
    for leaf, cells in readers.items():
        folds = any(len(cell.nodes) > 1 for cell in cells) or len(parts.leaves) > limit
        key = (tuple(map(id, cells)), leaf.op.name, leaf in targets) if folds else (id(leaf),)
        groups.setdefault(key, []).append(leaf)
    folding.leaves = []
    for leaves in groups.values():
        few = len(leaves) < 4
        shown = [Cell([leaf]) for leaf in leaves] if few else [Cell(leaves, None, "leaves")]
        folding.leaves += shown
        for cell in shown:
            folding.cell_of.update(dict.fromkeys(cell.nodes, cell))
