"""A program run plain and traced: values to the bit, arguments, aliasing, exceptions, gradients.

>>> compare(program, folder)           # raises Difference
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tests.fuzz.batches import compare_batch
from tests.fuzz.gradients import compare_gradient, with_objective
from tests.fuzz.outcomes import REFUSALS, Difference, Refusal, forget, load, outcome, same, shared
from tests.fuzz.writer import Program
from tracer import trace

__all__ = ["Difference", "Refusal", "compare"]


def compare_values(scope: dict[str, Any], program: Program, seeds: list[int]) -> None:
    """Calls with several inputs, some twice, some after a global has changed."""
    plain, traced = scope["program"], trace(scope["program"])
    originals = {name: scope[name] for name in CHANGED}
    for turn, seed in enumerate([*seeds, seeds[0]]):
        if turn == 2:
            change(scope)
        where = f"call {turn} (seed {seed})"
        expected, got = program.arguments(seed), program.arguments(seed)
        kept = copy.deepcopy((scope["W"], scope["TABLE"]))
        wanted, failure = outcome(plain, expected)
        changed = copy.deepcopy((scope["W"], scope["TABLE"]))
        scope["W"][...], scope["TABLE"] = kept[0], kept[1]
        result, error = outcome(traced, got)
        if isinstance(failure, SystemError):  # NumPy's own, of np.add.at(x, 9, 1)
            return
        if isinstance(failure, AttributeError) and "'float' object" in str(failure):
            return  # a traced number of Python's has NumPy's methods
        if isinstance(error, REFUSALS) and failure is None:
            raise Refusal(f"{type(error).__name__}: {error}")
        if failure is not None or error is not None:
            if not isinstance(error, type(failure)) or failure is None:
                raise Difference(f"{where}: {error!r} instead of {failure!r}") from error
            got = expected  # a traced call that raises has written nothing
        else:
            same(result, wanted, where)
            if shared(result, got) != shared(wanted, expected):
                raise Difference(
                    f"{where}: shares {shared(result, got)}, not {shared(wanted, expected)}"
                )
        same(got, expected, f"{where}, arguments")
        same((scope["W"], scope["TABLE"]), changed, f"{where}, globals")
    scope["SETTINGS"].rate = 0.1
    scope.update(originals)


CHANGED = ("W", "K", "TABLE", "LAYERS", "adder", "scaled")


def change(scope: dict[str, Any]) -> None:
    """Other globals, entries, attributes, elements and functions than before."""
    scope["W"] = np.array([1.5, 0.25, -2.0])
    scope["K"] = 0.75
    scope["TABLE"] = {"scale": 2.5, "weights": np.array([-1.0, 0.5, 3.5])}
    scope["SETTINGS"].rate = 0.7
    scope["LAYERS"] = [scope["LAYERS"][0] * 2, scope["LAYERS"][1]]
    scope["adder"] = scope["make_adder"](-1.25)
    scope["scaled"] = scope["shifted"]


def compare(program: Program, folder: str | None = None, seeds: tuple[int, ...] = (0, 1, 2)) -> str:
    """Everything that must agree; what became of the gradient.

    Raises
    ------
    Difference, Refusal
    """
    full = with_objective(program)
    scope = load(full, folder)
    try:
        compare_values(scope, full, list(seeds))
        compare_batch(scope, full, list(seeds))
        return compare_gradient(scope, full, seeds[0])
    finally:
        forget(scope)
