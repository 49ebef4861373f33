"""Elementwise ops and casts: operands are aligned behind the batch and broadcast.

What promotes weakly in one example, a Python number, must not become a strong array in the batch:

>>> vmap(lambda x, s: x * s.item())(np.ones((2, 3), np.float32), np.ones(2)).dtype
dtype('float32')
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.spec import WEAK_SPECS
from tracer.ops import registry
from tracer.ops.builder import Symbol
from tracer.transforms.batch.batched import (
    Batch,
    Batched,
    Unbatchable,
    batching,
    batching_schema,
    fixed,
    holds,
)

PYTHON = {"b": bool, "i": int, "f": float, "c": complex}
BROADCAST_KEYWORDS = frozenset({"where", "min", "max", "a_min", "a_max"})
# Arithmetic that arrays and Python's own numbers do alike.
LIKE_PYTHON = frozenset(
    "add subtract multiply negative positive absolute less less_equal greater greater_equal equal "
    "not_equal".split()
)
# Weak operands of other functions that adapt to the result's dtype, by position.
ADAPT = {"where": (1, 2), "clip": (0, 1, 2)}


@batching_schema("elementwise")
def elementwise(batch: Batch, *args: Any, **kwargs: Any) -> Any:
    ndim = batch.ndim
    if any(isinstance(a, (list, tuple)) and holds(a, Batched) for a in args):
        raise Unbatchable("a list of values that differ between the examples")
    args = tuple([batch.lift(a, ndim) for a in _strong(batch, args)])
    for name, value in kwargs.items():
        if name in BROADCAST_KEYWORDS:
            kwargs[name] = batch.lift(value, ndim)
        else:
            fixed(value)
    return batch.same(*args, **kwargs)


def _strong(batch: Batch, args: tuple) -> tuple:
    """The operands with mapped Python numbers cast as NumPy casts them in one example."""
    weak = [k for k, a in enumerate(args) if type(a) is Batched and a.spec.kind == "weak"]
    if not weak:
        return args
    op = batch.node.op
    if batch.node.specs[0].kind == "weak":
        if op.name not in LIKE_PYTHON:
            raise Unbatchable("Python's own arithmetic")
        return args
    ufunc = np.power if op is registry.POW else op.evaluate
    if isinstance(ufunc, np.ufunc):
        kinds = tuple([_type_of(a) for a in args])
        dtypes: Any = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))
    else:
        dtypes = [batch.node.specs[0].dtype] * len(args)
        if any(k not in ADAPT.get(op.name, ()) for k in weak):
            raise Unbatchable("a Python number for each example")
    return tuple(
        [
            Batched(a.symbol.astype(dtypes[k]), a.spec) if k in weak else a
            for k, a in enumerate(args)
        ]
    )


def _type_of(operand: Any) -> Any:
    """A dtype, or a Python type for a weak number."""
    if type(operand) in WEAK_SPECS:
        return type(operand) if type(operand) is not bool else np.dtype(bool)
    if type(operand) in (Batched, Symbol) and operand.spec.kind == "weak":
        kind = operand.dtype.kind
        return PYTHON[kind] if kind != "b" else np.dtype(bool)
    return operand.dtype if type(operand) in (Batched, Symbol) else np.asarray(operand).dtype


@batching("astype")
def _(batch: Batch, x: Batched, dtype: Any) -> Any:
    return batch.emit(registry.ASTYPE, x.symbol, dtype)


@batching("python_scalar")
def _(batch: Batch, x: Batched, *index: Any) -> Any:
    fixed(*index)
    dtype = batch.node.specs[0].dtype
    symbol = x.symbol
    if x.ndim:
        shape = tuple([size for size in x.shape if type(size) is int])
        place = np.unravel_index(index[0], shape) if len(index) == 1 else index
        symbol = symbol[(slice(None), *[int(i) for i in place or (0,) * x.ndim])]
    return symbol.astype(dtype)


@batching("stop_gradient")
def _(batch: Batch, x: Batched) -> Any:
    return batch.emit(registry.STOP_GRADIENT, x.symbol)


@batching("round fix real_if_close nan_to_num isclose")
def _(batch: Batch, *args: Any, **kwargs: Any) -> Any:
    if batch.node.op.name == "real_if_close":
        raise Unbatchable("a dtype that depends on values")
    if any(type(a) is Batched and a.spec.kind == "weak" for a in args):
        raise Unbatchable("a Python number for each example")
    fixed(kwargs)
    return batch.same(*[batch.lift(a, batch.ndim) for a in args], **kwargs)


@batching("choose")
def _(batch: Batch, a: Any, choices: Any, **kwargs: Any) -> Any:
    if not isinstance(choices, (list, tuple)):
        raise Unbatchable("choices in one array")
    fixed(kwargs)
    listed = [batch.lift(choice, batch.ndim) for choice in choices]
    return batch.same(batch.lift(a, batch.ndim), listed, **kwargs)


@batching("select")
def _(batch: Batch, condlist: Any, choicelist: Any, *default: Any, **kwargs: Any) -> Any:
    if not (isinstance(condlist, (list, tuple)) and isinstance(choicelist, (list, tuple))):
        raise Unbatchable("conditions in one array")
    ndim = batch.ndim
    every = [*condlist, *choicelist, *default, *kwargs.values()]
    if any(type(a) is Batched and a.spec.kind == "weak" for a in every):
        raise Unbatchable("a Python number for each example")
    kwargs = {name: batch.lift(value, ndim) for name, value in kwargs.items()}
    return batch.same(
        [batch.lift(c, ndim) for c in condlist],
        [batch.lift(c, ndim) for c in choicelist],
        *[batch.lift(d, ndim) for d in default],
        **kwargs,
    )
