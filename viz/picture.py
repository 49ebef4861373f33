"""A picture before layout: boxes in rows and frames, and the wires between them.

>>> picture.boxes["n3"].kind, picture.rows[2]
('op', ['a1', 'n3', 'v3', 'p7', 'g1'])
"""

from __future__ import annotations

from dataclasses import dataclass, field

from viz.labels import Row


@dataclass(eq=False, slots=True)
class Frame:
    """A user function's call, or the body of a repeated run of ops, around some boxes.

    ``kind`` is ``"scope"`` or ``"repeat"``; ``count`` says how often a body repeats.
    """

    label: str
    place: str = ""
    parent: Frame | None = None
    kind: str = "scope"
    count: int = 1
    key: str = ""

    def chain(self) -> tuple[Frame, ...]:
        """From the outermost frame to this one."""
        return (() if self.parent is None else self.parent.chain()) + (self,)


def common(one: Frame | None, other: Frame | None) -> Frame | None:
    """The innermost frame around both."""
    found = None
    if one is not None and other is not None:
        for mine, theirs in zip(one.chain(), other.chain(), strict=False):
            if mine is not theirs:
                break
            found = mine
    return found


@dataclass(eq=False, slots=True)
class Box:
    """A node of the picture. ``kind`` is a class of the visual language: ``op``, ``vjp`` …"""

    key: str
    kind: str
    rows: list[Row]
    tooltip: str = ""
    frame: Frame | None = None


@dataclass(eq=False, slots=True)
class Wire:
    """An edge of the picture, from the box that gives to the box that takes.

    ``kind`` is ``fwd``, ``ct``, ``res`` or ``order`` (invisible). ``upward`` wires are handed
    over reversed, so that both columns agree on the ranks.
    """

    tail: str
    head: str
    kind: str
    weight: int = 1
    upward: bool = False
    arrow: bool = True
    free: bool = False
    row: Row = ()
    tooltip: str = ""


@dataclass(eq=False, slots=True)
class Picture:
    title: str = ""
    subtitle: str = ""
    boxes: dict[str, Box] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    def add(self, box: Box) -> Box:
        self.boxes[box.key] = box
        return box

    def connect(self, tail: str, head: str, kind: str, **how) -> Wire:
        wire = Wire(tail, head, kind, **how)
        self.wires.append(wire)
        return wire
