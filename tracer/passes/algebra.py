"""The table of arithmetic rewrites: each line says what becomes what, and whether the bits stay.

>>> ALGEBRA[0]
<x * 1  →  x   at algebra.py:95>

No rewrite changes the shape, the dtype or the kind of a value: the engine compares the specs.
Exact lines keep NaN's sign and -0.0 too; the others are for derivative programs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.graph.node import Node
from tracer.passes.pattern import scalar_of
from tracer.passes.rewrite import Make, Refused, Rewrite, rewrite


# -- conditions ---------------------------------------------------------------------------------
def is_real(x: Node) -> bool:
    return x.specs[0].dtype.kind not in "cO"


def is_inexact(x: Node) -> bool:
    return x.specs[0].dtype.kind in "fc"


def same_dtype(x: Node, y: Node) -> bool:
    return is_inexact(x) and x.specs[0].dtype == y.specs[0].dtype


def is_number(c: Any) -> bool:
    return type(c) in (int, float)


def two_numbers(x: Node, c: Any, d: Any) -> bool:
    """Numbers that may be multiplied beforehand: floats far from overflow, on an inexact value."""
    return x.specs[0].dtype.kind in "fc" and all(
        type(n) in (int, float) and 1e-30 < abs(n) < 1e30 for n in (c, d)
    )


def scales(x: Node, y: Node, c: Any) -> bool:
    """Whether ``y`` is one number, ``x`` an array of them and ``c`` a literal."""
    return type(c) in (int, float) and not y.shape and bool(x.shape) and y.dtype.kind in "fc"


# -- helpers of the right sides -----------------------------------------------------------------
def minus(c: Any) -> Any:
    return -c


def product(c: float, d: float) -> float:
    return c * d


def ratio(c: float, d: float) -> float:
    return c / d


def literal_first(make: Make, elementwise: Node, x: Node, y: Node) -> Node:
    """A NumPy scalar as a Python number in the line that uses it: ``2.0 * y``."""
    return make.node(elementwise.op, (as_literal(x), y), {}, elementwise.spelling)


def literal_second(make: Make, elementwise: Node, x: Node, y: Node) -> Node:
    """The same on the right: ``x / 8.0``."""
    return make.node(elementwise.op, (x, as_literal(y)), {}, elementwise.spelling)


def as_literal(node: Node) -> Any:
    """The Python number of a constant; refused where it has none of the same value."""
    value = scalar_of(node)
    number = value.item() if isinstance(value, np.generic) else value
    if type(number) not in (int, float, complex):
        raise Refused
    return number


def fits_first(elementwise: Node, x: Node) -> bool:
    return fits(elementwise, x)


def fits_second(elementwise: Node, y: Node) -> bool:
    return fits(elementwise, y)


def fits(elementwise: Node, node: Node) -> bool:
    """Whether ``node`` is a constant; powers keep theirs, NumPy's short cuts read its type."""
    return scalar_of(node) is not None and not elementwise.op.is_power


HELPERS: dict[str, Callable[..., Any]] = {"minus": minus, "product": product, "ratio": ratio}

ALGEBRA: tuple[Rewrite, ...] = (
    # -- exact: identities ----------------------------------------------------------------------
    rewrite("x * 1", to="x", when=is_real),
    rewrite("1 * x", to="x", when=is_real),
    rewrite("x / 1", to="x", when=is_real),
    rewrite("x ** 1", to="x", when=is_real),
    rewrite("x - 0", to="x"),
    rewrite("x + -0.0", to="x", when=is_real),
    rewrite("-0.0 + x", to="x", when=is_real),
    rewrite("-(-x)", to="x"),
    rewrite("positive(x)", to="x"),
    rewrite("conjugate(conjugate(x))", to="x"),
    rewrite("conjugate(x)", to="x", when=is_real),
    rewrite("real(x)", to="x", when=is_real),
    rewrite("absolute(absolute(x))", to="absolute(x)"),
    rewrite("astype(x, dtype)", to="x"),
    rewrite("where(u, x, x)", to="x"),
    rewrite("elementwise(x, y)", to=literal_first, when=fits_first),
    rewrite("elementwise(x, y)", to=literal_second, when=fits_second),
    # -- derivative programs: complex products with 1 + 0j keep no infinities -------------------
    rewrite("x * 1", to="x", exact=False),
    rewrite("1 * x", to="x", exact=False),
    rewrite("x / 1", to="x", exact=False),
    rewrite("x ** 1", to="x", exact=False),
    # -- derivative programs: signs go outwards, where they meet a sum --------------------------
    rewrite("x * -1", to="-x", exact=False),
    rewrite("-1 * x", to="-x", exact=False),
    rewrite("x / -1", to="-x", exact=False),
    rewrite("x + -y", to="x - y", exact=False),
    rewrite("-x + y", to="y - x", exact=False),
    rewrite("x - -y", to="x + y", exact=False),
    rewrite("-(x - y)", to="y - x", exact=False, single=True),
    rewrite("-x * -y", to="x * y", exact=False),
    rewrite("-x / -y", to="x / y", exact=False),
    rewrite("-x * y", to="-(x * y)", exact=False, single=True),
    rewrite("x * -y", to="-(x * y)", exact=False, single=True),
    rewrite("-x / y", to="-(x / y)", exact=False, single=True),
    rewrite("x / -y", to="-(x / y)", exact=False, single=True),
    rewrite("-x @ y", to="-(x @ y)", exact=False, single=True),
    rewrite("x @ -y", to="-(x @ y)", exact=False, single=True),
    rewrite("sum(-x, **k)", to="-sum(x, **k)", exact=False, single=True),
    rewrite("-x * c", to="x * minus(c)", when=is_number, exact=False, helpers=HELPERS),
    rewrite("c * -x", to="minus(c) * x", when=is_number, exact=False, helpers=HELPERS),
    rewrite("-(x * c)", to="x * minus(c)", when=is_number, exact=False, helpers=HELPERS),
    rewrite("-(c * x)", to="minus(c) * x", when=is_number, exact=False, helpers=HELPERS),
    # -- derivative programs: constants meet ----------------------------------------------------
    rewrite("x * c * d", to="x * product(c, d)", when=two_numbers, exact=False, helpers=HELPERS),
    rewrite("c * x * d", to="x * product(c, d)", when=two_numbers, exact=False, helpers=HELPERS),
    rewrite("d * (x * c)", to="x * product(c, d)", when=two_numbers, exact=False, helpers=HELPERS),
    rewrite("d * (c * x)", to="x * product(c, d)", when=two_numbers, exact=False, helpers=HELPERS),
    rewrite("x / c * d", to="x * ratio(d, c)", when=two_numbers, exact=False, helpers=HELPERS),
    rewrite("d * (x / c)", to="x * ratio(d, c)", when=two_numbers, exact=False, helpers=HELPERS),
    rewrite("x * c / d", to="x * ratio(c, d)", when=two_numbers, exact=False, helpers=HELPERS),
    rewrite("c * x / d", to="x * ratio(c, d)", when=two_numbers, exact=False, helpers=HELPERS),
    rewrite("x / c / d", to="x / product(c, d)", when=two_numbers, exact=False, helpers=HELPERS),
    # a number that scales an array meets the scalar factor first: one sweep less over the array
    rewrite("y * (c * x)", to="y * c * x", when=scales, exact=False),
    rewrite("y * (x * c)", to="y * c * x", when=scales, exact=False),
    rewrite("c * x * y", to="y * c * x", when=scales, exact=False),
    rewrite("x * c * y", to="y * c * x", when=scales, exact=False),
    # -- derivative programs: nothing added, or the same twice ----------------------------------
    rewrite("x + 0", to="x", exact=False),
    rewrite("0 + x", to="x", exact=False),
    rewrite("zeros(*p, **k) + x", to="x", exact=False),
    rewrite("x + zeros(*p, **k)", to="x", exact=False),
    rewrite("zeros_of(*p, **k) + x", to="x", exact=False),
    rewrite("zeros_like(u, **k) + x", to="x", exact=False),
    rewrite("x + zeros_like(u, **k)", to="x", exact=False),
    rewrite("ones_like(u, **k) * x", to="x", exact=False),
    rewrite("x * ones_like(u, **k)", to="x", exact=False),
    rewrite("x + x", to="2 * x", when=is_inexact, exact=False),
    rewrite("2 * x + x", to="3 * x", when=is_inexact, exact=False, single=True),
    rewrite("x + y + y", to="x + 2 * y", when=same_dtype, exact=False, single=True),
    rewrite("x + 2 * y + y", to="x + 3 * y", when=same_dtype, exact=False, single=True),
)
