"""What ``argnums`` selects, and the trees and dtypes that gradients and tangents have.

>>> selected = Selection(function, call, (0, 1))
>>> selected.tree(gradients)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.function.call_key import Call
from tracer.function.signature import check_argnums
from tracer.python.attributes import Traced
from tracer.python.tracebacks import BOUNDARY
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.trace import Trace


class Selection:
    """The inputs that ``argnums`` means, and how to give gradients the arguments' shape."""

    def __init__(
        self,
        function: Traced,
        call: Call,
        argnums: Any,
        what: str = "grad",
        fixed: Sequence[bool] = (),
    ):
        self.positions, self.alone = check_argnums(
            argnums, call.names, getattr(function, "__name__", "f")
        )
        self.label = ", ".join([call.names[position] for position in self.positions])
        args, kwargs = trees.unflatten(call.structure, list(range(len(call.leaves))))
        every = [*args, *kwargs.values()]
        self.structures = []
        self.numbers: list[int] = []
        for position in self.positions:
            numbers, structure = trees.flatten(every[position])
            self.structures.append(structure)
            self.numbers += numbers
        self.is_leaf = self.alone and self.structures[0] is trees.LEAF
        if any(fixed):  # leaves that do not move
            self.numbers = [n for n, skip in zip(self.numbers, fixed, strict=True) if not skip]
        for number in self.numbers:
            if number in call.static:
                raise errors.ArgnumsError(
                    "A static argument has no derivative.",
                    None,
                    "leave it out of static or argnums",
                )
            _refuse_integers(call.leaves[number], what, self.label)

    def wrt(self, trace: Trace) -> tuple[int, ...]:
        """Positions among the graph's inputs."""
        refuse_writes(trace)
        places = {number: place for place, number in enumerate(trace.dynamic)}
        return tuple([places[number] for number in self.numbers])

    def tree(self, gradients: Sequence[Any]) -> Any:
        """Gradients in the shape of the arguments: one, or a tuple."""
        if self.alone:
            return trees.unflatten(self.structures[0], gradients)
        rest = list(gradients)
        results = []
        for structure in self.structures:
            results.append(trees.unflatten(structure, rest[: structure.leaves]))
            del rest[: structure.leaves]
        return tuple(results)


def refuse_writes(trace: Trace) -> None:
    """A derivative with respect to what is overwritten is ambiguous."""
    if trace.changes is not None and trace.changes.edits:
        raise errors.ArgumentWrite(
            "The function changes a dict, list or object that it is given, so it has no "
            "derivative.",
            None,
            "copy it first, e.g. params = dict(params), and return it",
        )
    for effect in trace.graph.effects:
        if effect.kind == "write":
            name = effect.target.name or "x"
            raise errors.ArgumentWrite(
                f"The function writes to its argument {name}, so it has no derivative.",
                effect.value.origin,
                f"copy it first: {name} = {name}.copy()",
            )


def _refuse_integers(leaf: Any, what: str, label: str) -> None:
    if isinstance(leaf, (float, complex)) or (
        isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "fc"
    ):
        return
    kind = str(leaf.dtype) if isinstance(leaf, (np.ndarray, np.generic)) else type(leaf).__name__
    fix = "cast it to floating point first: x.astype(float), or float(x)"
    if kind in ("Generator", "RandomState"):
        fix = "leave the random stream out: differentiate lambda x: f(x, rng)"
    raise errors.IntegerArgument(
        f"{what} with respect to {label}: a value of type {kind} has no derivative.", None, fix
    )


class Pullback:
    """Takes a cotangent of the output to a tuple of cotangents, one per primal; reusable."""

    def __init__(self, trace: Trace, selected: Selection, pull: Any):
        self._trace = trace
        self._selected = selected
        self._pull = pull
        self._dtypes = [node.specs[0] for node in trace.graph.outputs]

    def __call__(self, cotangent: Any) -> tuple:
        with BOUNDARY:
            return self._pulled(cotangent)

    def _pulled(self, cotangent: Any) -> tuple:
        leaves, structure = trees.flatten(cotangent)
        if structure != self._trace.structure:
            raise errors.ArgnumsError(
                f"The cotangent has the structure {structure}, the output {self._trace.structure}.",
                None,
                "pass a cotangent with the structure of the output",
            )
        fixed = {position for position, _ in self._trace.static_results}
        given = [leaf for position, leaf in enumerate(leaves) if position not in fixed]
        seeds = []
        for leaf, spec in zip(given, self._dtypes, strict=True):
            if spec.dtype.kind in "fc":
                seeds.append(fitted(leaf, spec, "cotangent"))
        return tuple(self._selected.tree(self._pull(seeds)))


def fitted(value: Any, spec: Any, what: str) -> Any:
    """A cotangent or tangent with the dtype and shape of its primal."""
    if isinstance(value, TracedTensor):
        return value if value.dtype == spec.dtype else value.astype(spec.dtype)
    array = np.asarray(value)
    if array.shape != spec.seen_shape and spec.is_static:
        raise errors.UserShapeError(
            f"A {what} of shape {array.shape} was given for a value of shape {spec.shape}.",
            None,
            f"pass a {what} of the value's shape",
        )
    if not np.can_cast(array.dtype, spec.dtype, "same_kind"):
        raise errors.IntegerArgument(
            f"A {what} of dtype {array.dtype} was given for a value of dtype {spec.dtype}.",
            None,
            "cast it first",
        )
    array = array.astype(spec.dtype, copy=False)
    return array if spec.kind == "array" else array[()]


def flat_tangents(primals: tuple, tangents: tuple) -> tuple[list[Any], list[bool]]:
    """The tangents' leaves, and which leaves do not move: integers, whose tangent is zero.

    Raises
    ------
    ArgnumsError
        If the tangents have not the structure of the primals.
    """
    if len(primals) != len(tangents):
        raise errors.ArgnumsError(
            f"{len(primals)} primals but {len(tangents)} tangents were given.",
            None,
            "pass one tangent per primal",
        )
    flat, structure = trees.flatten(tangents)
    leaves, expected = trees.flatten(primals)
    if structure != expected:
        raise errors.ArgnumsError(
            f"The tangents have the structure {structure}, the primals {expected}.",
            None,
            "pass tangents with the structure of the primals",
        )
    fixed = [_has_zero_tangent(*pair) for pair in zip(leaves, flat, strict=True)]
    return [t for t, skip in zip(flat, fixed, strict=True) if not skip], fixed


def _has_zero_tangent(primal: Any, tangent: Any) -> bool:
    """Whether a leaf is an integer (or no number at all) with the tangent zero."""
    if isinstance(primal, TracedTensor) or isinstance(tangent, TracedTensor):
        return False
    if isinstance(primal, (float, complex)) or (
        isinstance(primal, (np.ndarray, np.generic)) and primal.dtype.kind in "fc"
    ):
        return False
    given = np.asarray(tangent)
    return given.dtype.kind in "biufcV" and (given.dtype.kind == "V" or not given.any())


def tangent_tree(trace: Trace, results: Sequence[Any]) -> Any:
    """Tangents in the structure of the output; what has none (ints) gets zero."""
    count = len(trace.graph.outputs)
    values, rest = results[:count], list(results[count:])
    tangents = []
    for value, node in zip(values, trace.graph.outputs, strict=True):
        tangents.append(rest.pop(0) if node.specs[0].is_inexact else np.zeros_like(value))
    for position, value in trace.static_results:
        zero = np.zeros_like(value)[()] if isinstance(value, (float, complex, np.ndarray)) else None
        tangents.insert(position, zero)
    return trees.unflatten(trace.structure, tangents)
