"""Two minus signs in a product: both go.

>>> without_sign(make, node_of("-a / 3 * b"))
<divide(a, 3) * b>
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.graph.node import Hole, Node
from tracer.passes.rewrite import Make, Rewrite, rewrite

DEPTH = 4  # products inside products
PRODUCTS = ("multiply", "divide")


def negated_product(make: Make) -> Node | None:
    """``-(x * y)`` without a sign, if one is in ``x * y``."""
    return without_sign(make, make.root.inputs[0])


def other_sum(name: str) -> Callable[..., Node | None]:
    """``x + y`` as a difference, or a difference as a sum, if there is a sign in ``y``."""

    def write(make: Make, x: Node, y: Node) -> Node | None:
        if not y.shape or make.rewriter.uses.get(y, 1) > 1:
            return None
        found = without_sign(make, y)
        return None if found is None else make(name, x, found, spelling="operator")

    return write


def without_sign(make: Make, node: Node, depth: int = DEPTH) -> Node | None:
    """The negative of a value, where that costs nothing; else None.

    Free it is for ``-x``, for ``-2.0`` as a factor, and for a product with a factor of which it is
    free. Factors with other readers are left alone, unless they are single numbers.
    """
    if node.op.name == "negative" and node.specs[0].kind in ("array", "scalar"):
        return node.inputs[0]
    args = node.params.args
    if not depth or node.op.name not in PRODUCTS or node.params.kwargs or len(args) != 2:
        return None
    for place in _factors(node):
        literal = args[place]
        if type(literal) is not Hole:
            found: Any = -literal if type(literal) in (int, float) and literal < 0 else None
        else:
            factor = node.inputs[literal.slot]
            alone = not factor.shape or make.rewriter.uses.get(factor, 1) < 2
            found = without_sign(make, factor, depth - 1) if alone else None
        if found is not None:
            operands = [node.inputs[a.slot] if type(a) is Hole else a for a in args]
            operands[place] = found
            made = make.node(node.op, operands, {}, node.spelling)
            return made if made.specs == node.specs else None
    return None


def _factors(node: Node) -> tuple[int, ...]:
    """Places of the operands in the order of asking: a literal below stays as it is, ``x / 8``."""
    literal_below = node.op.name == "divide" and type(node.params.args[1]) is not Hole
    return (0,) if literal_below else (0, 1)


SIGNS: tuple[Rewrite, ...] = (
    rewrite("-(x * y)", to=negated_product, exact=False, single=True),
    rewrite("-(x / y)", to=negated_product, exact=False, single=True),
    rewrite("-(c / x)", to=negated_product, exact=False, single=True),
    rewrite("x + y", to=other_sum("subtract"), exact=False),
    rewrite("x - y", to=other_sum("add"), exact=False),
)
