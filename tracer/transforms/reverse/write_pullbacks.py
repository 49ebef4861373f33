"""The pullbacks of functional writes: setitem and scatter-add."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tracer.graph.node import Hole, Node, Ref
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.transforms.reverse.accumulator import Accumulator, ArrayAccumulator
from tracer.transforms.reverse.cotangents import accumulator, cast, densify, full_shape, reduce_to
from tracer.transforms.reverse.index_sets import is_unique
from tracer.transforms.reverse.pullback import ARANGE, ZEROS, Contribution, pullback_of, symbols_of


@pullback_of(registry.SETITEM)
def _pull_setitem(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    index = symbols_of(builder, node)[0][2]

    def received(part: Symbol, target: Node) -> Symbol:
        return written_cotangent(builder, node, part, index, target)

    yield from pull_back_write(builder, node, ct, index, active, received)


def pull_back_write(
    builder: Builder | None,
    node: Node,
    ct: Any,
    index: Any,
    active: Any,
    received: Callable[[Any, Node], Any],
) -> Iterator[Contribution]:
    """The written value gets the cotangent of its place; the base gets the rest."""
    base, value = node.params.args[:2]
    rest = ct
    if type(ct) not in (Accumulator, ArrayAccumulator):
        rest = accumulator(builder, node, densify(builder, ct, node))
    part = rest.write(index)
    if type(value) is Hole and node.inputs[value.slot] in active and part is not None:
        yield value.slot, received(part, node.inputs[value.slot])
    if type(base) is Hole and node.inputs[base.slot] in active:
        rest.like = node.inputs[base.slot]
        yield base.slot, rest


def written_cotangent(
    builder: Builder, node: Node, part: Symbol, index: Any, target: Node
) -> Symbol:
    """The cotangent of a written value, from that of the place that it was written to."""
    place = Symbol(builder, node)[index]  # for its shape alone
    if not is_unique(index) and not _has_no_repeats(index, node.shape):
        part = _of_last_writer(builder, part, node, index, place)
    return cast(_unbroadcast(part, place, Symbol(builder, target)), target.specs[0])


def _has_no_repeats(index: Any, shape: tuple) -> bool:
    """Whether a known index array selects no element twice."""
    known = index
    if type(index) is Symbol and index.node.op is registry.CONSTANT:
        known = index.node.params.args[0]
        known = known.value if isinstance(known, Ref) else known
    if not isinstance(known, (list, np.ndarray)) or not shape or type(shape[0]) is not int:
        return False
    try:
        positions = np.asarray(known)
    except (TypeError, ValueError):
        return False
    if positions.dtype.kind not in "iu":
        return False
    return len(np.unique(positions % max(shape[0], 1))) == positions.size


def _of_last_writer(
    builder: Builder, part: Symbol, node: Node, index: Any, place: Symbol
) -> Symbol:
    """Where an index occurs twice, the last value stays: the others get no cotangent."""
    if place.spec.is_static and node.specs[0].is_static:
        numbers = np.reshape(builder.emit(ARANGE, (math.prod(place.shape),)), place.shape)
        owners = builder.emit(ZEROS, (node.shape,), {"dtype": numbers.dtype})
    else:
        kind = {"dtype": np.dtype(np.intp)}
        numbers = np.cumsum(builder.emit(registry.op_of(np.ones_like), (place,), kind))
        numbers = builder.emit(registry.RESHAPE_LIKE, (numbers, place))
        owners = builder.emit(registry.ZEROS_OF, (Symbol(builder, node),), kind)
    owners = builder.emit(registry.SETITEM, (owners, numbers, index))
    return np.where(owners[index] == numbers, part, 0.0)


def _unbroadcast(part: Symbol, place: Symbol, target: Symbol) -> Symbol:
    """Undo the broadcasting of ``target`` to the written ``place``.

    An assignment also drops leading axes of length 1.
    """
    lead = target.ndim - place.ndim
    if lead <= 0:
        return reduce_to(part, place, target)
    inner = Symbol(target.builder, np.reshape(target, target.shape[lead:]).node)
    return reduce_to(part, place, inner)


@pullback_of(registry.SCATTER_ADD)
def _pull_scatter_add(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    """What is added to an array leaves the array's own cotangent as it is."""
    base, value = node.params.args[:2]
    index = symbols_of(builder, node)[0][2]
    whole = full_shape(builder, ct, node)
    if type(value) is Hole and node.inputs[value.slot] in active:
        target = Symbol(builder, node.inputs[value.slot])
        part = whole[index]
        yield value.slot, cast(_unbroadcast(part, part, target), target.spec)
    if type(base) is Hole and node.inputs[base.slot] in active:
        yield base.slot, cast(whole, node.inputs[base.slot].specs[0])
