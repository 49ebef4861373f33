"""Rewrites for programs that are run and not read: sums as products with ones, which BLAS makes.

>>> hurry(joint)          # g_b = g_pre.sum(axis=0) becomes ones @ g_pre

NumPy adds the rows of a table one by one: for 1347 rows of 10 numbers it takes four times as long
as a product with a vector of ones, for 100000 rows of 3 it takes fifty times. Sums are rounded in
another order, so values, guards and effects are left alone, as are programs of exact numerics; what
people read keeps the sums.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node, Params, Ref
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.passes.rewrite import Make, Rewrite, rewrite
from tracer.passes.simplify import apply_table, forward_part

LARGEST = 16_384  # ones that a program keeps; more are made anew
PRECISE = {np.dtype(np.float64): 1 << 26, np.dtype(np.float32): 1 << 10}  # terms of a row sum


def sums_as_products(graph: CalcGraph) -> CalcGraph:
    """The graph in the calls that NumPy is fastest at."""
    return apply_table(graph, forward_part(graph), sums_as_products, FASTER)


def product_with_ones(make: Make, x: Node, k: dict[str, Any]) -> Node | None:
    """The sum of a table's rows as ``ones @ x``, that of its columns as ``x @ ones``."""
    spec = x.specs[0]
    if spec.kind != "array" or not spec.is_static or spec.dtype not in PRECISE:
        return None
    if len(x.shape) != 2 or 0 in x.shape or not set(k) <= {"axis", "keepdims"}:
        return None
    axis = k.get("axis")
    axis = axis[0] if type(axis) is tuple and len(axis) == 1 else axis
    if type(axis) is not int:
        return None
    axis %= 2
    count = x.shape[axis]
    if count < 2 or (axis == 1 and count > PRECISE[spec.dtype]):
        return None  # along a row NumPy adds in pairs, more precisely
    each = ones(make, count, spec.dtype)
    made = make("matmul", *((x, each) if axis else (each, x)), spelling="operator")
    return make("reshape", made, make.root.shape, spelling="method") if k.get("keepdims") else made


def ones(make: Make, count: int, dtype: np.dtype) -> Node:
    """A vector of ones that the program has at hand, unless it is very long."""
    if count > LARGEST:
        return make("ones", count, dtype=dtype)
    held = Ref(_ones(count, dtype), "ones")
    spec = ArraySpec((count,), dtype, "array")
    node = Node(registry.CONSTANT, (), Params((held,)), (spec,), make.root.origin, "")
    make.made.append(node)
    return node


@lru_cache(maxsize=32)
def _ones(count: int, dtype: np.dtype) -> np.ndarray:
    made = np.ones(count, dtype)
    made.flags.writeable = False
    return made


FASTER: tuple[Rewrite, ...] = (rewrite("sum(x, **k)", to=product_with_ones, exact=False),)
