"""Graphviz HTML labels whose every run of text has a cell that we sized ourselves.

>>> label([[Run("matmul", 12, bold=True), Gap(5), Run("L3", 9, mono=True)], [Run("(m, n)", 10)]])
'<<table border="0" …><tr>…</tr></table>>'
>>> escape("a<b")
'a&lt;b'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from viz.metrics import width
from viz.theme import light

SENTINEL = "#00000001"  # the invisible fill of a sized cell; the post-processor looks for it
TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="0">'


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one font and colour role."""

    text: str
    size: float
    role: str = "ink"
    mono: bool = False
    bold: bool = False
    overline: bool = False

    @property
    def width(self) -> int:
        return max(math.ceil(width(self.text, self.size, self.mono)), 1)

    def cell(self, height: int) -> str:
        text = escape(self.text)
        if self.overline:
            text = f"<o>{text}</o>"
        if self.bold:
            text = f"<b>{text}</b>"
        face = "Courier" if self.mono else "Helvetica"
        return (
            f'<td bgcolor="{SENTINEL}" fixedsize="true" width="{self.width}" height="{height}">'
            f'<font face="{face}" point-size="{self.size:g}" color="{light(self.role)}">'
            f"{text}</font></td>"
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """Empty space between runs, in points."""

    width: int
    size: float = 0.0

    def cell(self, height: int) -> str:
        return f'<td fixedsize="true" width="{self.width}" height="{height}"></td>'


# A backslash too: Graphviz replaces \N and \G even in HTML labels.
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "\\\\"})

Row = Sequence[Run | Gap]


def escape(text: str) -> str:
    """User text as it may stand in an HTML label: no markup, no control characters."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text.translate(ESCAPES)


def row_width(row: Row) -> int:
    """The width of a row in points."""
    return sum(run.width for run in row)


def label(rows: Sequence[Row]) -> str:
    """An HTML label of centred rows, each a row of sized cells; empty runs are left out."""
    rows = [[run for run in row if isinstance(run, Gap) or run.text] for row in rows]
    rows = [row for row in rows if any(type(run) is Run for run in row)]
    full = max((row_width(row) for row in rows), default=1)
    lines = []
    for row in rows:
        height = math.ceil(1.35 * max(run.size for run in row))
        spare = full - row_width(row)  # written out, or the engine would spread it between runs
        row = [Gap(spare // 2), *row, Gap(spare - spare // 2)]
        cells = "".join(run.cell(height) for run in row if run.width)
        lines.append(
            f'<tr><td width="{full}" height="{height}">{TABLE}<tr>{cells}</tr></table></td></tr>'
        )
    return f"<{TABLE}{''.join(lines)}</table>>"
