"""An Op says what a node computes: one record per NumPy function, whatever its spelling.

>>> Op("tanh", ELEMENTWISE, np.tanh, printed="np.tanh")
<op tanh>
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Schema:
    """How an op's result relates to its operands; drives inference, batching and pictures.

    ``kind`` is one of ``elementwise``, ``reduction``, ``gufunc``, ``shape``, ``indexing``,
    ``contraction``, ``creation``, ``region``, ``structural`` or ``opaque``; ``signature`` is a
    gufunc's core signature, ``"(m,n),(n,p)->(m,p)"``.
    """

    kind: str
    signature: str = ""


ELEMENTWISE = Schema("elementwise")
REDUCTION = Schema("reduction")
SHAPE = Schema("shape")
INDEXING = Schema("indexing")
CONTRACTION = Schema("contraction")
CREATION = Schema("creation")
REGION = Schema("region")
STRUCTURAL = Schema("structural")
OPAQUE = Schema("opaque")

PURE: frozenset[str] = frozenset()
MAY_RAISE = frozenset({"may_raise"})
RNG = frozenset({"rng"})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Op:
    """What a node computes.

    Attributes
    ----------
    name : str
        Unique: ``"add"``, ``"linalg.inv"``, ``"special.gamma"``.
    schema : Schema
    evaluate : callable
        The NumPy callable; called as ``evaluate(*args, **kwargs)`` with the node's params filled.
    printed : str
        How generated code spells it as a function: ``"np.linalg.inv"``.
    symbol : str
        The Python operator that makes the same bits, or ``""``: ``"+"``, ``"@"``, ``"neg"`` …
    operator : callable or None
        That operator as a function (``operator.add``); evaluates nodes spelled ``"operator"``.
    infer : callable or None
        ``infer(node_params, *operand_specs) -> tuple of ArraySpec`` where the schema is not enough.
    effects : frozenset of str
        Of ``"rng"``, ``"may_raise"``; empty means pure.
    operands : tuple of str
        NumPy's names of the parameters that hold arrays, for normalising calls.
    """

    name: str
    schema: Schema
    evaluate: Callable[..., Any]
    printed: str = ""
    symbol: str = ""
    operator: Callable[..., Any] | None = None
    infer: Callable[..., Any] | None = None
    effects: frozenset[str] = PURE
    operands: tuple[str, ...] = field(default=())

    @property
    def is_pure(self) -> bool:
        return "rng" not in self.effects

    @property
    def is_leaf(self) -> bool:
        """Whether its value is given, not computed."""
        return self.name in ("input", "constant")

    @property
    def is_write(self) -> bool:
        """Whether it makes a new version of its first operand, changed in some places."""
        return self.name in ("setitem", "scatter_add")

    @property
    def is_control(self) -> bool:
        """Whether its regions are blocks of the function itself, not calls."""
        return self.name in ("loop", "cond")

    @property
    def is_broadcast(self) -> bool:
        return self.name in ("broadcast_to", "broadcast_like")

    @property
    def is_power(self) -> bool:
        """Whether the type of its exponent decides how NumPy computes it."""
        return self.name in ("pow", "power", "float_power")

    def __repr__(self) -> str:
        return f"<op {self.name}>"
