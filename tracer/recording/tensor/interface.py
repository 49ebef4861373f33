"""What a Tensor, a view, a random stream and a NumPy function may ask of the recorder at work.

>>> def double(recorder: ActiveRecorder, tensor: Tensor) -> Tensor:
...     return recorder.call(registry.op_of(np.multiply), (tensor, 2), {}, "")

`tracer.recording.recorder.recorder.Recorder` is it; what stands below it is written against this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tracer import errors
from tracer.graph.calcgraph import Guard
from tracer.graph.node import Node, Params
from tracer.graph.op import Op
from tracer.graph.origin import Origin

Tensor = Any  # a TracedTensor; its class asks the recorder and stands above this module


class ActiveRecorder(Protocol):
    """The recorder of a trace, from its opening to its end."""

    # -- the trace -------------------------------------------------------------------------
    name: str  # of the traced function
    inputs: list[Node]
    nodes: list[Node]  # in the order in which they were run
    guards: list[Guard]
    guarded: set[Node]  # those whose outcome is a guard already
    closed: bool  # whether the trace is over
    leaked: errors.LeakError | None  # the first leak: raised again at the end
    enclosing: Any  # the recorder of the trace around this one
    captures: Any  # what is read from outside, by which path
    streams: Any  # the private copies that tracing draws from
    locator: Any  # where in the user's code an op is called
    kept: list[Tensor] | None  # every Tensor, if their values will be used
    weak_ints: bool  # whether Python ints are inputs: a text of one is a read of it
    reads_sizes: bool  # whether sizes that depend on values are parts of the program
    formatted: bool  # whether text was made of a traced value
    texts: list[Any]  # what such texts depend on
    settled: set[Any]  # those that are guarded
    warned: list[tuple[str, type[Warning], Any]]  # said by the program, not here
    base_filters: Any  # the warning filters, the errstate and its quiet variant at the opening
    base_errstate_object: Any
    quiet: Any

    # -- nodes and places ------------------------------------------------------------------
    add: Callable[..., Node]
    """A node of an op, inputs, params and specs, written down (name, spelling, origin)."""

    def place(self) -> Any:
        """Where in the user's code it is now, and what the value will be called there."""

    def where(self) -> Origin | None:
        """The user's line that runs now."""

    def context(self) -> tuple | None:
        """The errstate that a node needs, if it is not the one at the opening."""

    # -- Tensors ---------------------------------------------------------------------------
    def argument(self, value: Any, name: str, capture: str = "", shared: bool = False) -> Any:
        """A run-time input."""

    array: Callable[..., Tensor]
    """The Tensor of a node and its array (its buffer, steps from it, whether it is known)."""

    def scalar(self, node: Node, value: Any, known: bool = False) -> Tensor:
        """The Tensor of a node and its NumPy or Python scalar."""

    def constant(self, value: Any, label: str = "") -> Tensor:
        """A value from outside that no path leads to."""

    def tensor(self, value: Any) -> Tensor:
        """Any value as a Tensor of this trace."""

    def node_of(self, tensor: Tensor) -> Node:
        """The node of a Tensor as its memory is now."""

    def from_outer(self, tensor: Tensor) -> Tensor:
        """A Tensor of an enclosing trace, as an input of this one."""

    # -- calls -----------------------------------------------------------------------------
    def ufunc(self, ufunc: Any, method: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """What ``__array_ufunc__`` hands over."""

    def function(
        self, function: Any, args: tuple, kwargs: dict[str, Any], spelling: str = ""
    ) -> Any:
        """What ``__array_function__`` hands over."""

    def plain_call(
        self, function: Any, args: tuple, kwargs: dict[str, Any], spelling: str = ""
    ) -> Any:
        """A call of a NumPy function as a node of its own."""

    def call(self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], spelling: str) -> Any:
        """Run an op on the concrete values and write it down."""

    def operator(self, op: Op, operands: tuple[Any, ...]) -> Any:
        """A Python operator; NotImplemented for a partner that is no number."""

    def item(self, tensor: Tensor, index: Any) -> Any:
        """``tensor[index]`` for integers and slices, or NO_FAST_PATH."""

    def as_array(self, data: Any) -> Any:
        """``np.array`` of nested lists that hold Tensors."""

    def template(
        self, args: Sequence[Any], kwargs: dict[str, Any], tensors: list[Tensor]
    ) -> tuple[Params, list[Any]]:
        """A call with holes for its operands, which are added to ``tensors``; and their values."""

    def compute(self, op: Op, args: Sequence[Any], kwargs: dict[str, Any], spelling: str) -> Any:
        """What NumPy gives for concrete operands."""

    # -- writes ----------------------------------------------------------------------------
    def write(self, target: Tensor, index: Any, value: Any) -> None:
        """``target[index] = value``."""

    def in_place(self, op: Op, target: Tensor, other: Any) -> Any:
        """``target += other``."""

    def replace(self, target: Tensor, node: Node, known: bool = False) -> None:
        """The memory that ``target`` looks at now holds ``node``."""

    # -- reads -----------------------------------------------------------------------------
    def branch(self, tensor: Tensor) -> bool:
        """``if tensor``: the outcome becomes a guard."""

    def read_integer(self, tensor: Tensor, outcome: int) -> int:
        """``int(tensor)``, ``range(tensor)``: the outcome becomes a guard."""

    def read_number(self, tensor: Tensor, kind: Any) -> Any:
        """``float(tensor)``: a guard for captured values, a leak for others."""

    def read_shape(self, tensor: Tensor) -> None:
        """A run-time size was read: the program holds for that size only."""
