"""What an eager Tensor remembers: its node, the inputs it depends on and the memory it shares.

>>> x = Tensor([1.0, 2.0], name="x")
>>> y = np.sin(x)
>>> y._node.inputs[0] is x._node, list(y._inputs) == [x._node]
(True, True)

The buffer of a Tensor is read-only to everybody else, so that a write can only happen through
NumPy's protocols, where it is recorded. Nodes hold no values; a GraphInput holds that of an input
node, and is given a copy of its own before the Tensor's memory is written.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.node import HOLES, Hole, Node, Params, Ref, hole, map_structure
from tracer.graph.op import Op
from tracer.graph.origin import Scope
from tracer.graph.spec import ArraySpec, array_spec, spec_of
from tracer.ops import registry
from tracer.python.attributes import Recorded
from tracer.recording.source.frames import user_frame
from tracer.recording.source.locator import CallSite, Locator


class GraphInput:
    """The value of an input node, and the Tensor that the user made."""

    __slots__ = ("tensor", "value")

    def __init__(self, tensor: EagerArray, value: np.ndarray):
        self.tensor = weakref.ref(tensor)
        self.value = value


class Memory:
    """Memory that one or more Tensors look at; ``version`` counts writes.

    ``input`` is the one whose value lies in it, until the first write.
    """

    __slots__ = ("input", "version")

    def __init__(self, given: GraphInput | None = None):
        self.version = 0
        self.input = given


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How a view is made of its parent: ``op(*params)`` with the parent in ``slot``."""

    parent: EagerArray
    op: Op
    params: Params
    inputs: tuple[Node, ...]
    slot: int
    item: int
    node_specs: tuple[ArraySpec, ...]
    spelling: str

    def node(self, source: Node, like: Node) -> Node:
        """The view of another version of the parent."""
        inputs = (*self.inputs[: self.slot], source, *self.inputs[self.slot + 1 :])
        name = "" if self.item >= 0 else like.name
        made = Node(self.op, inputs, self.params, self.node_specs, like.origin, name, self.spelling)
        if self.item < 0:
            return made
        params = Params((HOLES[0], self.item))
        return Node(registry.ITEM, (made,), params, like.specs, like.origin, like.name)


class EagerArray(Recorded, np.ndarray):
    """The state of a `tracer.Tensor`; its operations are in `tracer.eager.tensor`."""

    __slots__ = ("_foreign", "_inputs", "_memory", "_node", "_plain", "_version", "_view", "grad")

    _foreign: bool  # made from a Tensor by code that went round the protocols
    _inputs: dict[Node, GraphInput]
    _memory: Memory
    _node: Node | None
    _plain: np.ndarray  # the same memory, read-only
    _version: int
    _view: View | None
    grad: np.ndarray | None

    def __array_finalize__(self, obj: Any) -> None:
        self._node = None
        self._foreign = isinstance(obj, EagerArray)
        self.grad = None


# -- making -------------------------------------------------------------------------------------
def wrap(
    kind: type[Any],
    value: np.ndarray,
    node: Node,
    inputs: dict[Node, GraphInput],
    memory: Memory | None = None,
    view: View | None = None,
) -> Any:
    """A Tensor of the given class for a value that belongs to it."""
    plain = value.view(np.ndarray)
    plain.flags.writeable = False
    tensor: EagerArray = plain.view(kind)
    tensor._plain = plain
    tensor._node = node
    tensor._inputs = inputs
    tensor._memory = memory if memory is not None else Memory()
    tensor._version = tensor._memory.version
    tensor._view = view
    return tensor


def make_input(kind: type[Any], value: np.ndarray, name: str) -> Any:
    """A Tensor that the user made: an input of graphs."""
    refuse_type(value)
    node = Node(registry.INPUT, (), Params(), (array_spec(value.shape, value.dtype),), None, name)
    tensor = wrap(kind, value, node, {})
    made = tensor._memory.input = GraphInput(tensor, tensor._plain)
    tensor._inputs = {node: made}
    return tensor


def adopt(tensor: EagerArray) -> None:
    """Make an input of ``array.view(Tensor)``: its gradient is that at the values it has now.

    Ints and bools that C code made of a Tensor have no gradient to lose: they are inputs too.

    Raises
    ------
    LeakError
        If the array was made from a Tensor by code that the graph knows nothing of.
    """
    if tensor._foreign and tensor.dtype.kind in "fc":
        raise errors.LeakError(
            "An array was made from a Tensor by code that does not go through NumPy's protocols, "
            "so its graph is not known.",
            where(),
            "use the NumPy function of the same meaning, or np.asarray(t) for the numbers",
        )
    made = make_input(type(tensor), np.array(tensor.view(np.ndarray)), "")
    for slot in ("_plain", "_inputs", "_memory", "_version", "_view", "_node"):
        setattr(tensor, slot, getattr(made, slot))
    tensor._inputs[made._node].tensor = weakref.ref(tensor)


def refuse_type(value: Any) -> None:
    """Raise for arrays that hold no plain numbers.

    Raises
    ------
    UnsupportedType
        For masked, object, structured, string and date arrays, and ``np.matrix``.
    """
    if isinstance(value, (np.ma.MaskedArray, np.matrix)) or value.dtype.kind not in "biufc":
        what = f"A {type(value).__name__}"
        if type(value) is np.ndarray:
            what = f"An array of {value.dtype}"
        raise errors.UnsupportedType(
            f"{what} can't be combined with a Tensor.", where(), "use a plain ndarray of numbers"
        )


# -- nodes --------------------------------------------------------------------------------------
def node_of(tensor: EagerArray) -> Node:
    """The node of a Tensor as its memory is now: a stale view is taken again."""
    if tensor._node is None:
        adopt(tensor)
    stale = []
    current: EagerArray = tensor
    while current._version != current._memory.version:
        stale.append(current)
        assert current._view is not None
        current = current._view.parent
    for one in reversed(stale):
        assert one._view is not None and one._node is not None
        parent = one._view.parent
        assert parent._node is not None
        one._node = one._view.node(parent._node, one._node)
        one._inputs = merged([one._inputs, parent._inputs])
        one._version = one._memory.version
    assert tensor._node is not None
    return tensor._node


def operand(tensor: EagerArray) -> Any:
    """The value that NumPy is to see: an array that nobody can write to, or a NumPy scalar."""
    if tensor._node is None:
        adopt(tensor)
    assert tensor._node is not None
    kind = tensor._node.specs[0].kind
    if kind == "array":
        return tensor._plain
    return tensor._plain.item() if kind == "weak" else tensor._plain[()]


def constant(value: Any) -> Node:
    """A node for an array or a NumPy scalar from outside; later writes to it don't matter."""
    kept = np.array(value) if isinstance(value, np.ndarray) else value
    return Node(registry.CONSTANT, (), Params((Ref(kept),)), (spec_of(kept),))


def shifted(tree: Any, by: int) -> Any:
    """A template whose holes are ``by`` places further on."""
    return map_structure(lambda leaf: hole(leaf.slot + by) if type(leaf) is Hole else leaf, tree)


def merged(several: Iterable[dict[Node, GraphInput]]) -> dict[Node, GraphInput]:
    """The inputs of all operands; one of the given dicts if it has them all."""
    found: dict[Node, GraphInput] = {}
    for inputs in several:
        if inputs is found or inputs.keys() <= found.keys():
            continue
        found = inputs if found.keys() <= inputs.keys() else found | inputs
    return found


# -- places -------------------------------------------------------------------------------------
class EagerLocator(Locator):
    """Places by instruction alone: outside of a trace there are no calls to tell apart."""

    def _scope_key(self, frame: FrameType) -> tuple:
        return (id(frame.f_code),)

    def _scope(self, frame: FrameType, key: tuple) -> Scope:
        found = self.scopes.get(key)
        if found is None:
            code = frame.f_code
            name = code.co_qualname.rsplit("<locals>.", 1)[-1]
            found = self.scopes[key] = Scope(name, code.co_filename, code.co_firstlineno)
            self.alive.append(code)
        return found


LOCATOR = EagerLocator("")


def place() -> CallSite | None:
    """The user's expression that runs now."""
    return LOCATOR.locate(user_frame())


def where() -> Any:
    """Its origin, for errors and nodes."""
    found = place()
    return found.origin if found is not None else None
