"""Statements that may be too long for one line.

>>> print("\\n".join(wrap("w1, b1, w2, b2", "    ")))
    w1, b1, w2, b2,
"""

from __future__ import annotations

from collections.abc import Sequence

from tracer.codegen.comments import WIDTH

STEP = "    "


def wrap(text: str, indent: str) -> list[str]:
    """Comma-separated names on several lines."""
    lines, line = [], indent
    for part in text.split(", "):
        if len(line) + len(part) + 2 > WIDTH - 1 and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += part + ", "
    lines.append(line.rstrip().rstrip(",") + ",")
    return lines


def fold(text: str, indent: str) -> str:
    """A statement that is too long, broken at the commas of its outermost call."""
    start, depth, cuts = text.find("("), 0, []
    if start < 0 or not text.endswith(")"):
        return text
    quoted = ""
    for place, character in enumerate(text[start:], start):
        if quoted or character in "\"'":
            quoted = "" if character == quoted else quoted or character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if not depth and place != len(text) - 1:
                return text
        elif character == "," and depth == 1:
            cuts.append(place)
    lines, line, last = [text[: start + 1]], indent + STEP, start + 1
    for cut in [*cuts, len(text) - 1]:
        part = text[last:cut].strip()
        if len(line) + len(part) + 1 > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = indent + STEP
        line += part + ", "
        last = cut + 1
    return "\n".join([*lines, line.rstrip(" ").rstrip(","), f"{indent})"])


def opening(name: str, parameters: Sequence[str]) -> list[str]:
    """The line ``def name(…):``, or several."""
    text = ", ".join(parameters)
    line = f"def {name}({text}):"
    return [line] if len(line) <= WIDTH else [f"def {name}(", *wrap(text, STEP), "):"]


def unpacking(names: Sequence[str], source: str, indent: str) -> list[str]:
    """The line ``a, b = source``, or several."""
    text = ", ".join(names)
    line = f"{indent}({text},) = {source}" if len(names) == 1 else f"{indent}{text} = {source}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}(", *wrap(text, indent + STEP), f"{indent}) = {source}"]


def returned(values: Sequence[str], indent: str, unwrap: bool) -> str:
    """What stands behind ``return``: a tuple, or a single value as it is if ``unwrap``."""
    if len(values) == 1:
        return values[0] if unwrap else f"({values[0]},)"
    text = ", ".join(values)
    if len(text) + len(indent) + 7 <= WIDTH:
        return text or "()"
    return "\n".join(["(", *wrap(text, indent + STEP), f"{indent})"])
