"""Comments of generated code: the user's statement above a group, the shape behind a line.

>>> quote(origin, "    ")
'    # hidden = np.tanh(x @ w)                                                    model.py:12'
"""

from __future__ import annotations

import os
import unicodedata

from tracer.graph.origin import Origin

WIDTH = 100
COLUMN = 79  # where the shape comment starts


def harmless(text: str) -> str:
    """Text on one line that can't end a comment or change how a line is displayed."""
    return "".join([_visible(c) for c in text])


def _visible(character: str) -> str:
    if " " <= character <= "~":
        return character
    # control and format characters, surrogates, private and unassigned ones, line separators
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return " "
    return " " if unicodedata.category(character) == "Zs" else character


def quote(origin: Origin, indent: str) -> str:
    """The user's statement with its file and line, as a comment."""
    where = harmless(f"{os.path.basename(origin.file)}:{origin.statement_line}")
    text = " ".join(harmless(origin.statement or origin.expression).split())
    room = WIDTH - len(indent) - 4 - len(where)
    if len(text) > room:
        text = text[: max(room - 1, 0)] + "…"
    line = f"{indent}# {text}".ljust(min(COLUMN, WIDTH - len(where) - 2))
    return f"{line}  {where}".rstrip()


def with_comment(line: str, comment: str) -> str:
    """The line with a comment in the aligned column, if there is room."""
    if not comment:
        return line
    text = f"{line.ljust(COLUMN)}# {comment}" if len(line) < COLUMN - 1 else f"{line}  # {comment}"
    return text if len(text) <= WIDTH else line
