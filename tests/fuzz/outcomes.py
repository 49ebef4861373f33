"""What a program did: its result or exception, to the bit, and which arrays share memory.

>>> same(got, wanted, "call 0")        # raises Difference
"""

from __future__ import annotations

import itertools
import linecache
import os
import warnings
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from tests.fuzz.writer import Program
from tracer import errors

NUMBERS = itertools.count()
# Refusals that are right answers: gradients of what has none, numbers that would lose theirs.
REFUSALS = (errors.ConversionError, errors.MissingRule)


class Difference(AssertionError):
    """Plain and traced differ."""


class Refusal(Exception):
    """Loud, and by design: the program can't be traced, or has no gradient."""


def load(program: Program, folder: str | None = None) -> dict[str, Any]:
    """The program as a module of its own: a real file, or text that linecache knows."""
    number = next(NUMBERS)
    if folder is not None:
        path = os.path.join(folder, f"program{number}.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(program.text)
    else:
        path = f"random-program-{number}.py"
        lines = program.text.splitlines(keepends=True)
        linecache.cache[path] = (len(program.text), None, lines, path)
    scope: dict[str, Any] = {"__name__": f"program{number}", "__file__": path}
    exec(compile(program.text, path, "exec", dont_inherit=True), scope)
    return scope


def forget(scope: dict[str, Any]) -> None:
    linecache.cache.pop(scope["__file__"], None)


# -- outcomes -------------------------------------------------------------------------------------
def outcome(function: Callable[..., Any], arguments: list[Any]) -> tuple[Any, Any]:
    """``(result, None)`` or ``(None, exception)``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*arguments), None
        except Exception as error:  # it is the outcome
            return None, error


def flat(value: Any, path: str = "result") -> list[tuple[str, Any]]:
    """The leaves of containers, with where they are; containers count as leaves, too."""
    found: list[tuple[str, Any]] = [(path, value)]
    if isinstance(value, (list, tuple)):
        for k, item in enumerate(value):
            found += flat(item, f"{path}[{k}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            found += flat(item, f"{path}[{key!r}]")
    elif is_dataclass(value):
        found += flat(vars(value), path)
    return found


def same(got: Any, wanted: Any, where: str) -> None:
    """Types, dtypes, shapes and bits of two trees.

    Raises
    ------
    Difference
    """
    left, right = flat(got), flat(wanted)
    if [path for path, _ in left] != [path for path, _ in right]:
        raise Difference(f"{where}: {got!r} instead of {wanted!r}")
    for (path, one), (_, other) in zip(left, right, strict=True):
        what = f"{where}: {path}"
        if type(one) is not type(other):
            raise Difference(f"{what} is a {type(one)} instead of {type(other)}")
        if isinstance(one, (np.ndarray, np.generic)):
            if one.dtype != other.dtype or one.shape != other.shape:
                raise Difference(
                    f"{what}: {one.dtype}{one.shape} instead of {other.dtype}{other.shape}"
                )
            if bits(one) != bits(other):
                raise Difference(f"{what}: {one!r} instead of {other!r}")
        elif isinstance(one, np.random.Generator):
            if one.bit_generator.state != other.bit_generator.state:
                raise Difference(f"{what} stands elsewhere")
        elif isinstance(one, (bool, int, float, complex, str)) and repr(one) != repr(other):
            raise Difference(f"{what}: {one!r} instead of {other!r}")


def bits(value: Any) -> bytes:
    """Every bit, but all NaN alike."""
    array = np.array(value, copy=True)
    if array.dtype.kind in "fc":
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return array.tobytes()


def shared(result: Any, arguments: list[Any]) -> list[tuple[str, str]]:
    """Which arrays of the result are memory of the arguments, and of one another."""
    outs = [(p, v) for p, v in flat(result) if isinstance(v, np.ndarray) and v.size]
    ins = [(p, v) for p, v in flat(arguments, "arguments") if isinstance(v, np.ndarray) and v.size]
    found = []
    for k, (path, array) in enumerate(outs):
        for other, given in [*ins, *outs[:k]]:
            if np.may_share_memory(array, given):
                found.append((path, other))
    return found
