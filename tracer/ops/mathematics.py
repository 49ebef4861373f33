"""Functions of `math` and `cmath`, and builtins that calculate, as ops on Python numbers.

>>> op_of(math.sin)
<op math.sin>

Evaluating one is the function itself, so that its value has the bits that plain Python gives.
"""

from __future__ import annotations

import builtins
import cmath
import math
from typing import Any

import numpy as np

from tracer.graph.node import Params
from tracer.graph.op import OPAQUE, Op
from tracer.graph.spec import ArraySpec
from tracer.ops.infer_by_probe import probe, stand_in
from tracer.ops.registry import register

# Where ones are outside of the domain; for finding out what a result looks like.
SAFE = {"atanh": 0.5, "acosh": 2.0, "log": 2.0}
BUILTINS = ("complex", "max", "min", "pow", "round", "sum")


class _Looks:
    """Infers a result's spec by calling the function with numbers of the operands' kinds."""

    def __init__(self, name: str):
        self.name = name
        self.op: Op | None = None

    def __call__(self, params: Params, *specs: ArraySpec) -> tuple[ArraySpec, ...]:
        assert self.op is not None

        def fill(slot: int, spec: ArraySpec, shape: Any) -> Any:
            value = stand_in(spec, shape)
            if self.name not in SAFE or spec.dtype.kind not in "fc":
                return value
            safe = value * SAFE[self.name]
            return safe if spec.kind == "weak" else np.asarray(safe, spec.dtype)[()]

        return probe(self.op, params, specs, "", fill)


def _enter(module: Any, name: str) -> Op:
    function = getattr(module, name)
    label = f"{module.__name__}.{name}"
    looks = _Looks(name)
    looks.op = Op(label, OPAQUE, function, label)
    return register(Op(label, OPAQUE, function, label, infer=looks), function)


OPS: dict[Any, Op] = {}
for _module in (math, cmath):
    for _name in dir(_module):
        if not _name.startswith("_") and callable(getattr(_module, _name)):
            OPS[getattr(_module, _name)] = _enter(_module, _name)
for _name in BUILTINS:
    OPS[getattr(builtins, _name)] = _enter(builtins, _name)
