"""The eager Tensor: an array of the user's own that carries its CalcGraph.

>>> x = Tensor([1.0, 2.0], name="x")
>>> y = np.sum(np.tanh(x) ** 2)
>>> y.backward()
>>> x.grad                       # y.graph is the CalcGraph of y
array([0.63970001, 0.13621868])

What NumPy's protocols and ndarray's methods do with a Tensor is recorded. Three things that C code
does without asking are not: ``np.array([t, u])`` (use ``np.stack``), ``plain[0] = t`` (use
``np.where`` or a Tensor) and ``float(t)``; they give numbers, as they do for any ndarray.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer import errors
from tracer.eager import calls, writes
from tracer.eager.methods import METHODS
from tracer.eager.state import EagerArray, make_input, node_of, place
from tracer.graph.node import Node
from tracer.ops import registry
from tracer.ops.dunders import define_operators
from tracer.recording.tensor.active import ACTIVE

if TYPE_CHECKING:
    from tracer.graph.calcgraph import CalcGraph


class Tensor(EagerArray):
    """An array whose operations give values at once and are remembered for the gradient.

    Parameters
    ----------
    data : array_like
        Real or complex numbers, of any shape; they are copied. A Tensor made of a Tensor starts
        anew: nothing flows back into the old one.
    name : str
        In graphs and generated code; by default what it is assigned to.

    Attributes
    ----------
    grad : ndarray or None
        Same shape and dtype; overwritten by every ``backward`` that reaches this Tensor. It is the
        derivative with respect to the values that the Tensor was made with.

    Raises
    ------
    UnsupportedType
        For masked, object, structured, string and date arrays.

    Notes
    -----
    Scalar results are Tensors without dimensions; ints and bools among them are plain NumPy
    scalars. ``float(t)``, ``t.item()`` and ``np.asarray(t)`` give plain, unrecorded numbers; the
    array of ``np.asarray(t)`` is the Tensor's own memory and can't be written to.

    NumPy's functions and SciPy's ufuncs are recorded. ``grad``, ``vmap`` and the other transforms
    and most of SciPy's Python functions (``scipy.linalg``, distributions) take a Tensor as the
    plain array that it is and return plain arrays, through which nothing flows back; those that
    would record a part of what they do raise LeakError. In a traced function all are recorded.
    """

    __slots__ = ()
    __array_priority__ = 1e5

    def __new__(cls, data: Any, name: str = "") -> Tensor:
        if ACTIVE.get() is not None:  # in a traced function, everything is recorded already
            return np.array(data)  # type: ignore[return-value]
        if isinstance(data, EagerArray):
            data = data.view(np.ndarray)
        elif isinstance(data, (np.ma.MaskedArray, np.matrix)):
            raise errors.UnsupportedType(
                f"A Tensor can't be made of a {type(data).__name__}.", None, "use a plain ndarray"
            )
        if not name:
            found = place()
            name = found.target if found is not None and isinstance(found.target, str) else ""
        return make_input(cls, np.array(data), name)

    # -- the graph -------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The name in graphs and generated code; ``""`` for a value that has none."""
        return node_of(self).name

    @property
    def graph(self) -> CalcGraph:
        """The CalcGraph of this value, from the Tensors it was made of."""
        from tracer.graph.calcgraph import CalcGraph

        output = node_of(self)
        order = ordered(output)
        inputs = [node for node in order if node.op is registry.INPUT]
        rest = [node for node in order if node.op is not registry.INPUT]
        return CalcGraph(inputs, [*inputs, *rest], [output], title=output.name)

    def backward(self, cotangent: Any = None) -> None:
        """Set ``grad`` of every Tensor that this value was made of.

        Parameters
        ----------
        cotangent : array_like, optional
            The gradient of something with respect to this value, in its shape; 1 for a scalar.

        Raises
        ------
        NonScalarOutput
            Without a cotangent, for a value that is not one real number.
        IntegerArgument
            For ints and bools.
        UserShapeError
            For a cotangent of another shape.
        MissingRule
            If a function on the way has no derivative rule.
        """
        from tracer.graph.evaluate import evaluate
        from tracer.transforms.reverse.joint_graph import reverse

        seeds = self._seeds(cotangent)
        graph = self.graph
        inputs = [self._inputs[node] for node in graph.inputs]
        wrt, tensors = [], []
        for node, given in zip(graph.inputs, inputs, strict=True):
            tensor = given.tensor()
            if tensor is not None and node.dtype.kind in "fc":
                wrt.append(node)
                tensors.append(tensor)
        joint = reverse(graph, wrt, "input" if seeds else "ones")
        with np.errstate(all="ignore"):  # the values were computed, and warned of, before
            results = calls.run(evaluate, (joint, [*[given.value for given in inputs], *seeds]), {})
        for tensor, gradient in zip(tensors, results[1:], strict=True):
            tensor.grad = np.array(gradient, tensor.dtype)

    def _seeds(self, cotangent: Any) -> list[Any]:
        """The cotangent as an input of the joint graph; none for the 1 of a scalar."""
        node = node_of(self)
        if node.dtype.kind not in "fc":
            raise errors.IntegerArgument(
                f"backward of a value of type {node.dtype}, which has no derivative.",
                node.origin,
                "start from a floating-point value",
            )
        if cotangent is None:
            if self.ndim == 0 and node.dtype.kind == "f":
                return []
            what = "complex value" if self.ndim == 0 else f"value of shape {self.shape}"
            raise errors.NonScalarOutput(
                f"backward needs one real number to start from; this is a {what}.",
                node.origin,
                "reduce it, e.g. with .sum(), or give a cotangent: y.backward(np.ones(y.shape))",
            )
        if np.shape(cotangent) != self.shape:
            raise errors.UserShapeError(
                f"The cotangent has shape {np.shape(cotangent)}, the value {self.shape}.",
                node.origin,
                "give a cotangent in the shape of the value",
            )
        if node.dtype.kind == "f" and np.iscomplexobj(cotangent):
            raise errors.UnsupportedType(
                "The cotangent of a real value is complex.", node.origin, "take its .real"
            )
        seed = np.array(cotangent, node.dtype)
        return [seed if node.specs[0].kind == "array" else seed[()]]

    # -- protocols -------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if any(calls.is_foreign(one) for one in (*args, *kwargs.get("out", ()))):
            return NotImplemented
        if method == "at":
            return writes.ufunc_at(ufunc, *args)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return writes.function(function, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(kind, (EagerArray, np.generic)) or kind in PLAIN for kind in types):
            if any(
                kind.__array_function__ is not np.ndarray.__array_function__
                for kind in types
                if not issubclass(kind, EagerArray)
            ):
                return NotImplemented
        return writes.function(function, args, kwargs)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """What code outside the protocols computed: numbers whose graph is not known.

        They are an array of this class that raises LeakError when it is calculated with.
        """
        plain = np.asarray(array)
        if plain.dtype.kind not in "fc":
            return plain[()] if return_scalar else plain
        made = plain.view(type(self))
        made._foreign = True
        return made

    def __getattr__(self, name: str) -> Any:
        if name == "__tracer_plain__":  # traced functions take a Tensor as the array that it is
            node_of(self)  # (no property: the class itself, read in a trace, must not have it)
            return self._plain
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # -- indexing and Python -----------------------------------------------------------------
    def __getitem__(self, index: Any) -> Any:
        return calls.call(registry.GETITEM, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        writes.set_item(self, index, value)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return iter([self[i] for i in range(len(self))])

    def __contains__(self, item: Any) -> bool:
        return np.asarray(item) in self.view(np.ndarray)

    def __repr__(self) -> str:
        text = np.array_repr(self.view(np.ndarray)).replace("array(", "Tensor(", 1)
        text = text.replace("\n", "\n ")
        name = self._node.name if self._node is not None else ""
        return f"{text[:-1]}, name={name!r})" if name else text

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return rebuild(type(self), np.array(self.view(np.ndarray)), self._label(), self.grad)

    def __reduce__(self) -> Any:
        return rebuild, (type(self), np.array(self.view(np.ndarray)), self._label(), self.grad)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()

    def _label(self) -> str:
        return self._node.name if self._node is not None else ""


PLAIN = (np.ndarray,)


def rebuild(cls: type[Tensor], data: np.ndarray, name: str, grad: Any) -> Tensor:
    """A Tensor from a pickle or a deep copy: its values, name and grad, without its graph."""
    made = make_input(cls, data, name)
    made.grad = None if grad is None else np.array(grad)
    return made


def ordered(output: Node) -> list[Node]:
    """The nodes that ``output`` depends on, operands before users."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(output, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(source, False) for source in reversed(node.inputs) if source not in seen]
    return order


# -- operators and methods ------------------------------------------------------------------------
def _binary(name: str) -> tuple[Any, Any, Any]:
    op = registry.op_named(name)

    def forward(self: Tensor, other: Any) -> Any:
        return calls.operate(op, (self, other))

    def reflected(self: Tensor, other: Any) -> Any:
        return calls.operate(op, (other, self))

    def in_place(self: Tensor, other: Any) -> Any:
        return writes.in_place(op, self, other)

    return forward, reflected, in_place


def _unary(name: str) -> Any:
    op = registry.op_named(name)
    return lambda self: calls.operate(op, (self,))


define_operators(Tensor, _binary, _unary)
for _dunder, _function in METHODS.items():
    setattr(Tensor, _dunder, _function)
