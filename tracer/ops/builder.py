"""Builder appends nodes; Symbol is a value of a graph under construction, used like an array.

Derivative rules are NumPy code that runs on Symbols, so that what they compute becomes nodes:

>>> builder = Builder()
>>> x = builder.input(array_spec((3,), np.float64), "x")
>>> y = np.sum(np.tanh(x) ** 2)
>>> y.node
<scalar f64 = sum(%0)>
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.graph.node import HOLES, POSITIONAL, Node, Params, Ref, hole, map_structure
from tracer.graph.op import Op
from tracer.graph.origin import Origin
from tracer.graph.spec import ArraySpec, array_spec, scalar_spec, spec_of
from tracer.ops import registry
from tracer.ops.infer import infer
from tracer.ops.normalise import normalise


class Builder:
    """Appends nodes in execution order.

    Attributes
    ----------
    nodes : list of Node
    origin, context : given to every node emitted from now on.
    plans : dict of Node
        What a transform has prepared for single nodes.
    """

    def __init__(self, nodes: Sequence[Node] = ()):
        self.nodes: list[Node] = list(nodes)
        self.origin: Origin | None = None
        self.context: tuple | None = None
        self.plans: dict[Node, Any] = {}

    def append(self, node: Node) -> Node:
        self.nodes.append(node)
        return node

    def input(self, spec: ArraySpec, name: str = "") -> Symbol:
        return Symbol(self, self.append(Node(registry.INPUT, (), Params(), (spec,), None, name)))

    def constant(self, value: Any, label: str = "") -> Symbol:
        """A value from outside, kept in the table of constants."""
        spec = spec_of(value)
        node = Node(
            registry.CONSTANT, (), Params((Ref(value, label),)), (spec,), self.origin, label
        )
        return Symbol(self, self.append(node))

    def symbol(self, node: Node) -> Symbol:
        return Symbol(self, node)

    def emit(
        self,
        op: Op,
        args: Sequence[Any],
        kwargs: dict[str, Any] | None = None,
        spelling: str = "",
        name: str = "",
        specs: tuple[ArraySpec, ...] | None = None,
    ) -> Any:
        """Append ``op(*args, **kwargs)``; a Symbol, or a tuple of them for several outputs.

        Arrays among the arguments become constants; Symbols become operands; everything else
        stays in the template.
        """
        params, inputs = self.template(args, kwargs)
        if specs is None:
            specs = infer(op, params, tuple([node.specs[0] for node in inputs]), spelling)
        node = Node(op, inputs, params, specs, self.origin, name, spelling, self.context)
        self.nodes.append(node)
        return self.unpack(node)

    def unpack(self, node: Node) -> Any:
        """The Symbol of a node, or a tuple of item Symbols if it has several outputs."""
        if len(node.specs) == 1:
            return Symbol(self, node)
        return tuple(
            [
                Symbol(
                    self,
                    self.append(
                        Node(registry.ITEM, (node,), Params((HOLES[0], k)), (spec,), node.origin)
                    ),
                )
                for k, spec in enumerate(node.specs)
            ]
        )

    def template(self, args: Sequence[Any], kwargs: dict[str, Any] | None) -> tuple[Params, tuple]:
        """Split a call into its template and its operands."""
        inputs: list[Node] = []
        if not kwargs and all(type(a) is Symbol for a in args) and len(args) < len(POSITIONAL):
            return POSITIONAL[len(args)], tuple([a.node for a in args])

        def place(leaf: Any) -> Any:
            if type(leaf) is Symbol:
                inputs.append(leaf.node)
                return hole(len(inputs) - 1)
            if isinstance(leaf, np.ndarray):
                inputs.append(self.constant(leaf).node)
                return hole(len(inputs) - 1)
            return leaf

        placed = tuple([map_structure(place, a) for a in args])
        placed_kwargs = {k: map_structure(place, v) for k, v in (kwargs or {}).items()}
        return Params(placed, placed_kwargs), tuple(inputs)


def find_builder(tree: Any) -> Builder | None:
    """The builder of the first Symbol in nested arguments."""
    found: list[Builder] = []

    def note(leaf: Any) -> Any:
        if type(leaf) is Symbol:
            found.append(leaf.builder)
        return leaf

    map_structure(note, tree)
    return found[0] if found else None


def apply(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call an op that has no NumPy callable (``registry.SUM_TO`` …) on Symbols."""
    op = function if isinstance(function, Op) else registry.op_of(function)
    builder = find_builder((args, kwargs))
    if builder is None:
        return op.evaluate(*args, **kwargs)
    return builder.emit(op, args, kwargs)


def _binary(name: str):
    op = registry.op_named(name)

    def forward(self: Symbol, other: Any) -> Any:
        return self.builder.emit(op, (self, other), None, "operator")

    def reflected(self: Symbol, other: Any) -> Any:
        return self.builder.emit(op, (other, self), None, "operator")

    return forward, reflected


def _unary(name: str):
    op = registry.op_named(name)
    return lambda self: self.builder.emit(op, (self,), None, "operator")


def _method(function: Any):
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


class Symbol:
    """A value that will exist when the graph runs: it has a spec and no data.

    It is a duck array: operators, ufuncs and NumPy functions on it append nodes to its builder.
    """

    __slots__ = ("builder", "node")
    __hash__ = object.__hash__

    def __init__(self, builder: Builder, node: Node):
        self.builder = builder
        self.node = node

    @property
    def spec(self) -> ArraySpec:
        return self.node.specs[0]

    @property
    def shape(self) -> tuple:
        return self.node.specs[0].shape

    @property
    def ndim(self) -> int:
        return len(self.node.specs[0].shape)

    @property
    def dtype(self) -> np.dtype:
        return self.node.specs[0].dtype

    @property
    def T(self) -> Symbol:
        if self.ndim < 2:
            return self
        return self.builder.emit(registry.op_of(np.transpose), (self,), None, "attribute")

    @property
    def mT(self) -> Symbol:
        return np.swapaxes(self, -1, -2)

    @property
    def real(self) -> Symbol:
        return np.real(self)

    @property
    def imag(self) -> Symbol:
        return np.imag(self)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        op, args, kwargs = normalise(function, args, kwargs)
        # The operators of a plain array come here, too: eye * symbol.
        plain = (
            op.operator is not None and not kwargs and any(isinstance(a, np.ndarray) for a in args)
        )
        spelling = "operator" if plain else ""
        return self.builder.emit(op, args, kwargs, spelling)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        op, args, kwargs = normalise(function, args, kwargs)
        return self.builder.emit(op, args, kwargs)

    def __getitem__(self, index: Any) -> Symbol:
        return self.builder.emit(registry.GETITEM, (self, index))

    def __bool__(self) -> bool:
        raise TypeError("a Symbol has no value: a derivative rule must not branch on data")

    def __iter__(self):
        raise TypeError("a Symbol has no value: index it instead of iterating")

    def astype(self, dtype: Any) -> Symbol:
        if np.dtype(dtype) == self.dtype and self.spec.kind != "weak":
            return self
        return self.builder.emit(registry.ASTYPE, (self, np.dtype(dtype)), None, "method")

    def reshape(self, *shape: Any) -> Symbol:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Symbol:
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("subtract")
    __mul__, __rmul__ = _binary("multiply")
    __truediv__, __rtruediv__ = _binary("divide")
    __floordiv__, __rfloordiv__ = _binary("floor_divide")
    __mod__, __rmod__ = _binary("remainder")
    __matmul__, __rmatmul__ = _binary("matmul")
    __pow__, __rpow__ = _binary("pow")
    __lt__, __gt__ = _binary("less")[0], _binary("greater")[0]
    __le__, __ge__ = _binary("less_equal")[0], _binary("greater_equal")[0]
    __eq__, __ne__ = _binary("equal")[0], _binary("not_equal")[0]
    __and__, __rand__ = _binary("bitwise_and")
    __or__, __ror__ = _binary("bitwise_or")
    __neg__, __abs__, __invert__ = _unary("negative"), _unary("absolute"), _unary("invert")
    sum, mean, max, min = _method(np.sum), _method(np.mean), _method(np.max), _method(np.min)
    conj, ravel, swapaxes = _method(np.conjugate), _method(np.ravel), _method(np.swapaxes)
    squeeze, all, any = _method(np.squeeze), _method(np.all), _method(np.any)

    def __repr__(self) -> str:
        return f"Symbol({self.node!r})"


__all__ = ["Builder", "Symbol", "apply", "array_spec", "find_builder", "scalar_spec"]
