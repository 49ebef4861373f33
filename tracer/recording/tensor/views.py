"""Which traced Tensors share memory: versions of a base buffer, and views as steps from it.

A write makes a new version of the base; a view made earlier derives its node again from the
current version when it is next read. Values are real arrays that really share memory, so the
concrete side of a trace needs no such care.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.graph.node import Node, Params
from tracer.graph.op import Op
from tracer.ops import registry
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.interface import ActiveRecorder


class Buffer:
    """Memory that one or more Tensors look at.

    Attributes
    ----------
    node : Node
        The newest version of the whole.
    version : int
        Counts writes.
    target : Node or None
        The input node to write back to, for an argument's memory.
    capture : str
        The path of a captured array, which must not be written to; ``""`` for others.
    """

    __slots__ = ("capture", "node", "target", "value", "version")

    def __init__(
        self, node: Node, value: np.ndarray, target: Node | None = None, capture: str = ""
    ):
        self.node = node
        self.value = value
        self.version = 0
        self.target = target
        self.capture = capture


@dataclass(slots=True, eq=False)
class ViewStep:
    """One view operation, never changed: ``op(*params)``, its source in ``slot`` of ``inputs``."""

    op: Op
    params: Params
    inputs: tuple[Node, ...]
    slot: int
    spelling: str
    source_shape: tuple[int, ...]

    def apply(self, recorder: ActiveRecorder, source: Node, spec: Any, name: str = "") -> Node:
        """The view of ``source``, as a node."""
        inputs = (*self.inputs[: self.slot], source, *self.inputs[self.slot + 1 :])
        return recorder.add(self.op, inputs, self.params, spec, name, self.spelling)

    def values(self, source: np.ndarray, others: Sequence[Any] = ()) -> np.ndarray:
        """The view of a concrete array; other operands count by shape alone, or are given."""
        operands: list[Any] = list(others)
        if not operands:
            operands = [np.zeros(node.spec.seen_shape) for node in self.inputs]
        operands[self.slot] = source
        args, kwargs = self.params.fill(operands)
        return self.op.evaluate(*args, **kwargs)

    @property
    def others(self) -> tuple[Node, ...]:
        """The operands beside the source."""
        return (*self.inputs[: self.slot], *self.inputs[self.slot + 1 :])

    @property
    def reads_values(self) -> bool:
        """Whether the shapes seen while tracing don't tell what is looked at."""
        return self.picks or not all([node.spec.is_static for node in self.others])

    @property
    def is_known(self) -> bool:
        """Whether the other operands are the same in every call."""
        return all([node.op is registry.CONSTANT for node in self.others])

    @property
    def picks(self) -> bool:
        """Whether values of other operands decide what is looked at: ``x[np.argmax(y)]``."""
        return self.op is registry.GETITEM and len(self.inputs) > 1


def same_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays overlap."""
    return bool(np.may_share_memory(a, b)) and bool(np.shares_memory(a, b, max_work=10_000))


def flat_positions(base_shape: tuple[int, ...], steps: tuple[ViewStep, ...]) -> np.ndarray:
    """Where a view's elements lie in its base, counted in C order."""
    view = np.arange(math.prod(base_shape)).reshape(base_shape)
    for step in steps:
        view = np.asarray(step.values(view))
    if view.size > math.prod(base_shape) or np.unique(view).size < view.size:
        raise leak(
            "A view in which elements occur more than once was written to.", "write to its base"
        )
    return view


def overlap(inputs: Sequence[Any]) -> bool:
    """Whether arrays among the inputs share memory: a write to one would show in the other."""
    arrays = [value for value in inputs if isinstance(value, np.ndarray)]
    return any(
        np.may_share_memory(array, other) and np.shares_memory(array, other)
        for number, array in enumerate(arrays)
        for other in arrays[:number]
    )
