"""``vmap`` of a program against one call for each example.

>>> compare_batch(scope, program, [0, 1, 2])     # raises Difference
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tests.fuzz.outcomes import Difference, bits, flat, outcome
from tests.fuzz.writer import ARRAYS, Program, is_coarse
from tracer import errors, vmap


def compare_batch(scope: dict[str, Any], program: Program, seeds: list[int]) -> None:
    """``vmap`` of a program that writes to none of its arguments against one call for each."""
    if program.same or not all(kind in (*ARRAYS, *SHARED) for kind in program.kinds):
        return
    axes = tuple([None if kind in SHARED else 0 for kind in program.kinds])
    if all(axis is None for axis in axes):
        return
    columns = zip(*[program.arguments(seed) for seed in seeds], strict=True)
    stacks = [
        column[0] if axis is None else np.stack(column)
        for axis, column in zip(axes, columns, strict=True)
    ]
    results = []
    for number in range(len(seeds)):
        given = [
            copy.copy(stack if axis is None else stack[number, ...])  # of 0-d ones an array, too
            for axis, stack in zip(axes, stacks, strict=True)
        ]
        before = copy.deepcopy(given)
        result, failure = outcome(scope["program"], given)
        if failure is not None or any(bits(a) != bits(b) for a, b in _arrays(given, before)):
            return
        results.append(flat(result))
    if len({tuple([(p, np.shape(v), type(v)) for p, v in _leaves(r)]) for r in results}) > 1:
        return
    if not all(isinstance(v, BATCHED) for _, v in _leaves(results[0])):
        return
    mapped, error = outcome(vmap(scope["program"], axes), stacks)
    if isinstance(error, errors.TracerError):
        return
    if error is not None:
        raise Difference(f"vmap: {error!r}") from error
    columns = zip(*map(_leaves, results), strict=True)
    for (path, got), column in zip(_leaves(flat(mapped)), columns, strict=True):
        wanted = np.stack([value for _, value in column])
        if np.shape(got) != wanted.shape:
            raise Difference(f"vmap: {path} {np.shape(got)} instead of {wanted.shape}")
        exact = wanted.dtype.kind not in "fc"
        tolerance = 1e-3 if is_coarse(program) else 1e-8
        if got.dtype != wanted.dtype or not (
            np.array_equal(got, wanted)
            if exact
            else np.allclose(got, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
        ):
            raise Difference(f"vmap: {path} {got!r} instead of {wanted!r}")


SHARED = ("number", "scalar", "whole", "flag", "mode")
BATCHED = (np.ndarray, np.generic, float)


def _leaves(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(path, value) for path, value in found if not isinstance(value, (list, tuple, dict))]


def _arrays(left: list[Any], right: list[Any]) -> list[tuple[Any, Any]]:
    pairs = zip(left, right, strict=True)
    return [(a, b) for a, b in pairs if isinstance(a, np.ndarray)]
