"""Random NumPy programs as source text, valid by construction: each line is tried as it is written.

>>> program = write(random.Random(0).choice)
>>> print(program.text)
>>> program.arguments(seed=1)

The one argument chooses among options, so that Hypothesis can draw, and shrink, programs.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

import numpy as np

from tests.fuzz import tables
from tests.fuzz.preamble import PREAMBLE
from tests.fuzz.records import Record

Choose = Callable[[Sequence[Any]], Any]
KINDS = {
    "vector": lambda r: r.normal(size=3),
    "matrix": lambda r: r.normal(size=(3, 3)),
    "wide": lambda r: r.normal(size=(2, 3)),
    "single": lambda r: r.normal(size=3).astype(np.float32),
    "fortran": lambda r: np.asfortranarray(r.normal(size=(3, 3))),
    "strided": lambda r: r.normal(size=6)[::2],
    "ints": lambda r: r.integers(0, 3, 3),
    "bools": lambda r: r.random(3) < 0.5,
    "number": lambda r: float(r.normal()),
    "scalar": lambda r: np.float64(r.normal()),
    "whole": lambda r: int(r.integers(1, 4)),
    "zero": lambda r: np.array(r.normal()),
    "params": lambda r: {"a": r.normal(size=(3, 3)), "b": r.normal(size=3)},
    "pair": lambda r: (r.normal(size=3), float(r.normal())),
    "complex": lambda r: r.normal(size=3) + 1j * r.normal(size=3),
    "half": lambda r: r.normal(size=3).astype(np.float16),
    "empty": lambda r: r.normal(size=(0, 3)),
    "column": lambda r: r.normal(size=(3, 1)),
    "cube": lambda r: r.normal(size=(2, 2, 3)),
    "long": lambda r: r.normal(size=9),
    "backward": lambda r: r.normal(size=3)[::-1],
    "record": lambda r: Record(r.normal(size=3), float(r.normal())),
    "nested": lambda r: {"deep": [r.normal(size=3), r.normal(size=3)], "rate": float(r.normal())},
    "rng": lambda r: np.random.default_rng(int(r.integers(1000))),
    "flag": lambda r: bool(r.random() < 0.5),
    "mode": lambda r: ["one", "two"][int(r.integers(2))],
}
ARRAYS = tuple(
    "vector matrix wide fortran strided single ints bools zero complex half empty column cube long "
    "backward".split()
)
INEXACT = tuple(
    "vector matrix wide fortran strided number scalar zero params pair column cube long backward "
    "empty record nested".split()
)
NAMES = {name: name for name in ("params", "pair", "record", "nested", "rng", "flag", "mode")}
MORE = ["column", "cube", "long", "backward", "vector", "matrix", "wide"]
LIMIT = 64  # elements of an array, so that loops of concatenations stay small


@dataclass
class Program:
    """Source of a module with a function ``program``, and the kinds of its arguments."""

    text: str
    kinds: tuple[str, ...]
    same: bool = False

    def arguments(self, seed: int) -> list[Any]:
        random = np.random.default_rng(seed)
        values = [KINDS[kind](random) for kind in self.kinds]
        if self.same:  # one array as two arguments
            values[1] = values[0]
        return values

    def __repr__(self) -> str:
        return f"Program of {self.kinds}{' (same)' * self.same}:\n{self.text}"


def is_coarse(program: Program) -> bool:
    """Whether numbers are rounded to less than float64."""
    return any(word in program.text for word in ("float32", "'f4'")) or any(
        kind in program.kinds for kind in ("single", "half")
    )


@dataclass
class Writer:
    """The program so far. ``trial`` is the text whose last line is reached: conditions hold in it."""

    choose: Choose
    parameters: list[str]
    sample: Callable[[], list[Any]]
    lines: list[str] = field(default_factory=list)
    trial: list[str] = field(default_factory=list)
    depth: int = 1
    count: int = 0
    visible: set[str] | None = None

    # -- trying -------------------------------------------------------------------------------
    def run(self, lines: Sequence[str]) -> dict[str, Any] | None:
        """The variables after these lines, None if they raise or make something large."""
        indent = "    " * self.depth
        body = [*self.trial, *lines, f"{indent}return locals()"]
        head = f"def program({', '.join(self.parameters)}):"
        text = "\n".join([PREAMBLE, head, *body])
        scope: dict[str, Any] = {}
        try:
            exec(compile(text, "<trial>", "exec", dont_inherit=True), scope)
            found = scope["program"](*self.sample())
        except Exception:
            return None
        if type(found) is not dict:  # a body that ends with a return
            return None
        if any(np.size(v) > LIMIT for v in found.values() if _is_array(v)):
            return None
        return found

    def variables(self) -> dict[str, Any]:
        found = self.run([])
        assert found is not None, self.trial
        if self.visible is not None:
            found = {name: found[name] for name in found if name in self.visible}
        return found

    # -- filling templates ---------------------------------------------------------------------
    def fill(self, template: str, values: dict[str, Any], nesting: int) -> str | None:
        parts = []
        for literal, hole, spec, _ in Formatter().parse(template):
            parts.append(literal)
            if hole is not None:
                text = self.hole(hole, values, nesting)
                if text is None:
                    return None
                parts.append(text + (f":{spec}" if spec else ""))
        return "".join(parts)

    def hole(self, hole: str, values: dict[str, Any], nesting: int) -> str | None:
        table = {
            "operator": tables.OPERATORS,
            "unary": tables.UNARY,
            "binary": tables.BINARY,
            "reduction": tables.REDUCTIONS,
            "method": tables.METHODS,
            "g": ["W", "TABLE['weights']"],
            "c": ["0.5", "-0.3", "1.7", "2", "0", "0.1"],
            "n": ["0", "1", "2", "3"],
            "n0": ["0", "1"],
            "x": [
                "0",
                "-1",
                "1:",
                ":2",
                "::2",
                "::-1",
                "...",
                "[0, 1]",
                "[0, 0, 1]",
                "1",
                "None",
                "(0,)",
                "[True, False, True]",
                "slice(0, 2)",
                "(slice(None), 0)",
                "(..., 1)",
            ],
        }.get(hole)
        if table is not None:
            return self.choose(table)
        if hole in ("w", "w2"):
            self.count += 1
            return f"t{self.count}"
        if hole == "e":
            return self.expression(values, nesting)
        if hole == "s" and nesting > 0 and self.choose([True, False, False]):
            return self.nested(tables.SCALARS, values, nesting)
        names = [name for name, value in values.items() if FITS[hole](value)]
        if not names and hole == "s":
            return self.choose(["0.5", "2"])
        return self.choose(names) if names else None

    def expression(self, values: dict[str, Any], nesting: int) -> str | None:
        if nesting > 0 and self.choose([True, False]):
            return self.nested(tables.ARRAYS, values, nesting)
        return self.hole("a" if self.choose([True, True, False]) else "s", values, 0)

    def nested(self, table: Sequence[str], values: dict[str, Any], nesting: int) -> str | None:
        text = self.fill(self.choose(table), values, nesting - 1)
        return f"({text})" if text is not None else None

    def fitting(self, table: Sequence[str], wrap: str = "{}", tries: int = 6) -> str | None:
        """A template filled so that it runs."""
        values = self.variables()
        indent = "    " * self.depth
        for _ in range(tries):
            text = self.fill(self.choose(table), values, 2)
            text = text and text.replace("\n@", "\n" + indent)  # lines of one template
            if text is not None and self.run([indent + wrap.format(text)]) is not None:
                return text
        return None

    # -- statements ----------------------------------------------------------------------------
    def add(self, text: str, trial: str | None = None) -> None:
        indent = "    " * self.depth
        self.lines.append(indent + text)
        self.trial.append(indent + (text if trial is None else trial))
        if self.visible is not None:
            self.visible |= set(re.findall(r"\bt\d+\b", text))

    def statement(self, nesting: int = 2) -> None:
        kinds = ["simple"] * 8 + ["if", "if", "for", "while", "try", "return", "inner"] * (
            nesting > 0
        )
        kind = self.choose(kinds)
        if kind == "simple":
            text = self.fitting(tables.STATEMENTS)
            if text is not None:
                self.add(text)
        else:
            getattr(self, f"write_{kind}")(nesting - 1)

    def block(self, head: str, trial: str, nesting: int) -> tuple[list[str], set[str]]:
        """An indented body; the lines of it, as the program goes on before it."""
        start, trials, depth, seen = len(self.lines), list(self.trial), self.depth, self.visible
        self.visible = set(self.variables())
        self.trial.append("    " * depth + trial)
        self.depth += 1
        if self.run([]) is not None:  # the head runs
            self.visible |= set(re.findall(r"\b(?:j|u|k|key)\b", head))
            for _ in range(self.choose([1, 2, 3])):
                self.statement(nesting)
        body = self.lines[start:]
        del self.lines[start:]
        self.trial, self.depth, self.visible = trials, depth, seen
        indent = "    " * (depth + 1)
        return ["    " * depth + head, *(body or [indent + "pass"])], set()

    def keep(self, lines: list[str]) -> None:
        """Add a whole statement, if it runs; the variables made in it are not to be relied on."""
        before = set(self.variables())
        if self.run(lines) is None:
            return
        self.visible = before if self.visible is None else self.visible & before
        self.lines += lines
        self.trial += lines

    def write_if(self, nesting: int) -> None:
        condition = self.fitting(tables.CONDITIONS, "if {}: pass")
        if condition is None:
            return
        lines, _ = self.block(f"if {condition}:", "if True:", nesting)
        if self.choose([True, False]):
            lines += self.block("else:", "if True:", nesting)[0]
        self.keep(lines)

    def write_for(self, nesting: int) -> None:
        head = self.fitting(tables.LOOPS, "{} pass")
        if head is not None:
            lines, _ = self.block(head, head, nesting)
            indent = "    " * (self.depth + 1)
            if self.choose([True, False, False, False]):
                condition = self.fitting(tables.CONDITIONS, "if {}: pass")
                if condition is not None:
                    word = self.choose(["break", "continue"])
                    lines.insert(1, f"{indent}if {condition}: {word}")
            self.keep(lines)

    def write_while(self, nesting: int) -> None:
        condition = self.fitting(tables.CONDITIONS, "if {}: pass")
        if condition is None:
            return
        self.count += 1
        name = f"n{self.count}"
        indent = "    " * self.depth
        head = f"while ({name} := {name} + 1) < 4 and ({condition}):"
        self.keep([f"{indent}{name} = 0", *self.block(head, "if True:", nesting)[0]])

    def write_try(self, nesting: int) -> None:
        lines, _ = self.block("try:", "if True:", nesting)
        values = self.variables()
        indent = "    " * (self.depth + 1)
        bad = self.fill(self.choose(tables.HANDLED), values, 1)
        if bad is not None and self.choose([True, True, False]):
            lines.append(indent + bad)
        names = "(ValueError, TypeError, IndexError, ArithmeticError, AssertionError)"
        head = self.choose([f"except {names}:", "except Exception:", "finally:"])
        lines += self.block(head, "if True:", nesting)[0]
        self.keep(lines)

    def write_return(self, nesting: int) -> None:
        """An early return, not taken by the sample."""
        condition = self.fitting(tables.CONDITIONS, "if {}: pass")
        text = self.fitting(tables.RETURNS, "if True: pass\n" + "    " * self.depth + "else: {}")
        if condition is not None and text is not None:
            self.add(f"if {condition}: {text}", "pass")

    def write_inner(self, nesting: int) -> None:
        """A closure that reads, and perhaps changes, what is outside of it."""
        values = self.variables()
        indent = "    " * self.depth
        body = self.fill(
            self.choose(["{e} * u", "u + {s}", "np.sum(u * {a})", "u - {f}"]), values, 1
        )
        given = self.fill("{e}", values, 1)
        if body is None or given is None:
            return
        self.count += 1
        name, result = f"inner{self.count}", f"t{self.count}"
        lines = [f"{indent}def {name}(u, k=2.0):"]
        if self.choose([True, False]):
            written = self.fill(self.choose(["{v} += 1", "{v}[0] = k", "{v} *= k"]), values, 1)
            if written is not None and " += " not in written and " *= " not in written:
                lines.append(f"{indent}    {written}")
        lines += [f"{indent}    return {body}", f"{indent}{result} = {name}({given})"]
        if self.run(lines) is not None:
            self.lines += lines
            self.trial += lines
            if self.visible is not None:
                self.visible.add(result)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _is_float_array(value: Any) -> bool:
    return _is_array(value) and value.dtype.kind == "f" and value.ndim > 0


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) or (type(value) is int)


FITS: dict[str, Callable[[Any], bool]] = {
    "a": lambda v: _is_array(v) and v.dtype.kind in "fib",
    "f": _is_float_array,
    "v": lambda v: _is_float_array(v) and v.flags.writeable,
    "i": lambda v: _is_array(v) and v.dtype.kind == "i" and v.ndim == 1,
    "m": lambda v: _is_array(v) and v.dtype.kind == "b",
    "s": _is_scalar,
    "w0": lambda v: False,
    "z": lambda v: _is_array(v) and v.dtype.kind == "c",
    "k": lambda v: _is_array(v) and v.dtype.kind == "f" and v.dtype.itemsize < 8,
    "l": lambda v: type(v) is list and all(_is_scalar(u) for u in v),
    "d": lambda v: _is_array(v) and v.dtype.kind in "fibc",
}


def write(choose: Choose, length: int = 8) -> Program:
    """A random program of about ``length`` statements."""
    arrays = ["vector", "vector", "matrix", "wide", "single", "fortran", "strided", *MORE]
    others = [*KINDS, "vector", "number"]
    kinds = [choose(arrays), *[choose(others) for _ in range(choose([1, 2, 3, 0]))]]
    for only in NAMES:  # these have names of their own
        if kinds.count(only) > 1:
            kinds = [kind for kind in kinds if kind != only] + [only]
    same = len(kinds) > 1 and kinds[0] == kinds[1] and choose([True, False])
    program = Program("", tuple(kinds), same)
    parameters = [NAMES.get(kind, "xyzw"[k]) for k, kind in enumerate(kinds)]
    seed = choose([0, 1, 2, 3])
    writer = Writer(choose, parameters, lambda: program.arguments(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(choose(range(1, length + 1))):
            writer.statement()
        last = writer.fitting(tables.RETURNS, "if False: {}") or "return x"
    writer.add(last)
    head = f"def program({', '.join(parameters)}):"
    program.text = "\n".join([PREAMBLE.rstrip("\n"), "", "", head, *writer.lines, ""])
    return program
