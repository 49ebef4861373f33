"""Long functions are written in parts that share a dict: CPython's compiler needs memory.

>>> print("\\n".join(parts.assemble("forward", names, body, ["def forward(x):"])))
def forward_1(tape):
    x = tape["x"]
    y = np.sin(x)
    tape["y"] = y
…
def forward(x):
    tape = {}
    tape["x"] = x
    forward_1(tape)
    return forward_2(tape)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from tracer.codegen.line_folding import STEP
from tracer.codegen.namespace import Namespace
from tracer.graph.node import Node

LONG = 700  # nodes; a longer function is written in parts
CHUNK = 120  # statements in one part


class FunctionParts:
    """Where a function is cut, and which variables each part loads and stores.

    Parameters
    ----------
    given : iterable of Node
        What the function takes.
    """

    def __init__(self, given: Iterable[Node]):
        self.given = dict.fromkeys(given)
        self.starts = [0]  # how many lines stand before each part
        self.statements = 0  # in the last part
        self.loads: list[dict[str, None]] = [{}]
        self.stores: list[dict[str, None]] = [{}]
        self._shifts: list[int] = []

    def is_full(self) -> bool:
        return self.statements >= CHUNK

    def cut(self, line: int) -> None:
        """Begin a part behind so many lines."""
        self.starts.append(line)
        self.statements = 0
        self.loads.append({})
        self.stores.append({})

    def _part_of(self, line: int) -> int:
        return bisect_left(self.starts, line) - 1

    def note_read(self, node: Node, name: str, line: int) -> None:
        """The last part reads a variable that was computed on ``line``."""
        part, home = len(self.starts) - 1, self._part_of(line)
        if home != part or (not home and node in self.given):
            self.loads[part][name] = None
            self.stores[home][name] = None

    def assemble(
        self, name: str, names: Namespace, body: list[str], opening: list[str]
    ) -> list[str]:
        """The parts, and behind them the function that calls them."""
        parts = [names.fresh(f"{name}_{number + 1}") for number in range(len(self.starts))]
        tape = names.fresh("tape")
        given = [names[node] for node in self.given]
        lines: list[str] = []
        for number, (part, start) in enumerate(zip(parts, self.starts, strict=True)):
            end = self.starts[number + 1] if number + 1 < len(parts) else len(body)
            lines.append(f"def {part}({tape}):")
            lines += [f'{STEP}{name} = {tape}["{name}"]' for name in self.loads[number]]
            self._shifts.append(len(lines) - start)
            lines += body[start:end]
            if number + 1 < len(parts):
                there = () if number else given
                stored = [name for name in self.stores[number] if name not in there]
                lines += [f'{STEP}{tape}["{name}"] = {name}' for name in stored]
            lines += ["", ""]
        lines += [*opening, f"{STEP}{tape} = {{}}"]
        lines += [f'{STEP}{tape}["{name}"] = {name}' for name in given]
        lines += [f"{STEP}{part}({tape})" for part in parts[:-1]]
        return [*lines, f"{STEP}return {parts[-1]}({tape})"]

    def moved(self, line: int) -> int:
        """Where a line of the body stands after `assemble`."""
        return line + self._shifts[self._part_of(line)]


def parts_of(length: int, given: Iterable[Node]) -> FunctionParts | None:
    """The parts of a function of so many nodes; None if it is written in one."""
    return FunctionParts(given) if length > LONG else None
