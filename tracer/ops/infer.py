"""What an op's result looks like, from the specs of its operands alone.

>>> infer(op_named("add"), POSITIONAL[2], (array_spec((4, 1), "f4"), array_spec((3,), "f8")))
(f64[4,3],)
>>> infer(op_named("sum"), Params((HOLES[0],), {"axis": 0}), (array_spec((4, 2), "f4"),))
(f32[2],)
"""

from __future__ import annotations

from collections.abc import Callable

from tracer.graph.node import Hole, Params
from tracer.graph.op import Op
from tracer.graph.spec import WEAK_SPECS, ArraySpec
from tracer.ops.elementwise import infer_elementwise
from tracer.ops.probe import probe

Specs = tuple[ArraySpec, ...]
BY_SCHEMA: dict[str, Callable[[Op, Params, Specs, str], Specs]] = {
    "elementwise": infer_elementwise,
}

_KNOWN: dict[tuple, Specs] = {}
LIMIT = 50_000


def infer(op: Op, params: Params, specs: Specs, spelling: str = "") -> Specs:
    """The specs of the outputs of ``op`` called with ``params`` on operands with ``specs``.

    Raises what NumPy raises for such operands.
    """
    key = (op, _fast_key(op, params), specs, spelling == "operator")
    found = _KNOWN.get(key)
    if found is None:
        if len(_KNOWN) > LIMIT:
            _KNOWN.clear()
        found = _KNOWN[key] = _infer(op, params, specs, spelling)
    return found


def _fast_key(op: Op, params: Params) -> tuple:
    """The params' key; Python numbers count only by type where the result's spec can't tell."""
    if op.schema.kind != "elementwise" or params.kwargs or op.name == "pow":
        return params.key()
    key: list = []
    for argument in params.args:
        kind = type(argument)
        if kind is Hole:
            key.append(argument.slot)
        elif kind in WEAK_SPECS:
            key.append(kind)
        else:
            return params.key()
    return tuple(key)


def _infer(op: Op, params: Params, specs: Specs, spelling: str) -> Specs:
    if op.infer is not None:
        return op.infer(params, *specs)
    handler = BY_SCHEMA.get(op.schema.kind)
    return (handler or probe)(op, params, specs, spelling)
