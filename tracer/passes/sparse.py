"""The table of rewrites about arrays of zeros with a few numbers written into them.

>>> SPARSE[0]
<sum(setitem(x, y, index), **k)  →  sum_of_one_in_each_row(…)   at sparse.py:108>

Such arrays are the cotangents of slices and of elements that were picked. What they are added to,
or taken from, takes up the few numbers; the zeros need no sweep of their own. All lines are for
derivative programs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.graph.node import Hole, Node
from tracer.graph.reach import has_unique_indices
from tracer.passes.rewrite import Make, Rewrite, rewrite
from tracer.passes.shapes import is_basic
from tracer.passes.signs import without_sign


def scattered(place: int, negate_other: bool, negate_value: bool) -> Callable[..., Node | None]:
    """A sum of zeros with numbers in them, as operand ``place``, and another array.

    Where a plain write hits an element twice, its last number counts: that is no sum.
    """

    def write(make: Make, x: Node, index: Any, y: Any = None, c: Any = None) -> Node | None:
        sparse = make.root.inputs[make.root.params.args[place].slot]
        if sparse.op.name == "setitem" and not has_unique_indices(sparse):
            return None
        if sparse.shape != x.shape:  # the index is one of the zeros, which are broadcast here
            return None
        value = c if y is None else y
        if negate_value:
            value = -value if y is None else negative(make, y)
        return make("scatter_add", negative(make, x) if negate_other else x, value, index)

    return write


def negative(make: Make, node: Node) -> Node:
    found = without_sign(make, node) if node.shape == () else None
    return make("negative", node, spelling="operator") if found is None else found


def may_be_added_first(x: Node, y: Node, z: Node, i: Any) -> bool:
    """Whether two arrays that go to one place may be added first: one shape, one dtype."""
    return (
        is_basic(i)
        and y.specs == z.specs
        and y.dtype == x.dtype
        and y.dtype.kind in "fc"
        and y.specs[0].kind == "array"
    )


def is_no_power(elementwise: Node) -> bool:
    """Powers keep what they are given: NumPy's short cuts read its type."""
    return not elementwise.op.is_power


def sum_of_one_in_each_row(make: Make, x: Node, k: dict[str, Any]) -> Node | None:
    """Row sums of zeros with one number written into each row are these numbers.

    The cotangent of ``log_probs[np.arange(n), labels]`` is such an array.
    """
    write = make.root.inputs[0]
    _, value, places = write.params.args
    if not set(k) <= {"axis", "keepdims"} or k.get("axis") not in (1, -1) or len(x.shape) != 2:
        return None
    if x.op.name != "zeros" or type(places) is not tuple or len(places) != 2:
        return None
    if not all([type(place) is Hole for place in places]):
        return None
    row, column = [write.inputs[place.slot] for place in places]
    rows = x.shape[0]
    if row.op.name != "arange" or row.params.args != (rows,) or row.params.kwargs:
        return None
    if column.shape != (rows,) or column.dtype.kind not in "iu":
        return None
    written = write.inputs[value.slot] if type(value) is Hole else value
    if type(value) is Hole and written.shape == (rows,):
        made = written
        return made if made.shape == make.root.shape else make("reshape", made, make.root.shape)
    if type(value) is Hole and written.shape:
        return None
    return make("full", make.root.shape, written)


SUMS = (
    ("x + {}(zeros(*p, **k), {}, index)", scattered(1, False, False)),
    ("{}(zeros(*p, **k), {}, index) + x", scattered(0, False, False)),
    ("x - {}(zeros(*p, **k), {}, index)", scattered(1, False, True)),
    ("{}(zeros(*p, **k), {}, index) - x", scattered(0, True, False)),
)

SPARSE: tuple[Rewrite, ...] = (
    rewrite("sum(setitem(x, y, index), **k)", to=sum_of_one_in_each_row, exact=False),
    rewrite("sum(setitem(x, c, index), **k)", to=sum_of_one_in_each_row, exact=False),
    *[
        rewrite(before.format(write, value), to=to, exact=False, single=True)
        for before, to in SUMS
        for write in ("setitem", "scatter_add")
        for value in ("y", "c")
    ],
    rewrite(
        "scatter_add(setitem(x, y, i), z, i)",
        to="setitem(x, y + z, i)",
        when=may_be_added_first,
        exact=False,
        single=True,
    ),
    rewrite(
        "scatter_add(scatter_add(x, y, i), z, i)",
        to="scatter_add(x, y + z, i)",
        when=may_be_added_first,
        exact=False,
        single=True,
    ),
    # -- one number in all elements is a broadcast --------------------------------------------
    *[
        rewrite(before, to=to, when=is_no_power, exact=False)
        for before, to in (
            ("elementwise(full(s, x, **k), y)", "elementwise(x, y)"),
            ("elementwise(y, full(s, x, **k))", "elementwise(y, x)"),
            ("elementwise(full(s, c, **k), y)", "elementwise(c, y)"),
            ("elementwise(y, full(s, c, **k))", "elementwise(y, c)"),
        )
    ],
)
