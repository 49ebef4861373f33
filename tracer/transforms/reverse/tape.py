"""A tape: the gradients of one call, from the values that its trace has left, node by node.

>>> tape = Tape(graph, values)                # a value for each input, and for most other nodes
>>> tape.gradients([0], [(graph.outputs[0], np.float64(1.0))])
[array([2., 4.])]

It computes what the joint graph of ``reverse`` would, by the same rules, without writing it down:
for a call that no program will serve again. Cotangents are pairs of a value and its spec. What a
rule makes of one is known as a recipe after the first time; everything that is not so plain is
done by ``pull_back`` on Symbols, whose nodes are computed when their value is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import run_node
from tracer.graph.node import Hole, Node, Params
from tracer.graph.spec import ArraySpec, array_spec, spec_of
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.recording.source.frames import interprets
from tracer.recording.tensor.tensor import is_basic
from tracer.rules.declare import ZERO, Sparse
from tracer.transforms.reverse.accumulator import Accumulator
from tracer.transforms.reverse.cotangents import Masked, combine, settled
from tracer.transforms.reverse.pullback import pull_back
from tracer.transforms.reverse.pullback_cache import CachedPullback, MaskKey, recipe_for
from tracer.transforms.reverse.shift_invariance import inert_shifts
from tracer.transforms.reverse.sweep import active_nodes, result_of
from tracer.transforms.reverse.tape_cotangents import (
    MaskedValue,
    OwnedValue,
    SparseValue,
    full_copy,
)

GETITEM, SETITEM, ITEM, INPUT = (registry.GETITEM, registry.SETITEM, registry.ITEM, registry.INPUT)
EMPTY = Params()


class NotKept(Exception):
    """A draw was written over: it can't be computed again."""


class Tape(Builder):
    """Pulls cotangents back through a graph whose values are known.

    Parameters
    ----------
    graph : CalcGraph
        Without regions.
    values : dict of Node
        At least those of the inputs and of what was drawn at random.
    """

    def __init__(self, graph: CalcGraph, values: dict[Node, Any]):
        super().__init__()
        self.graph = graph
        self.values = values
        self.cotangents: dict[Node, list[Any]] = {}
        self.active: set[Node] = set()
        self.conditions: dict[int, Symbol] = {}  # one for each value, which ``values`` keeps

    # -- values ------------------------------------------------------------------------------
    def value(self, node: Node) -> Any:
        """The value of a node of the graph, or of one that a rule has made.

        Raises
        ------
        NotKept
            If it would have to be drawn once more.
        """
        values = self.values
        waiting = [node]
        while waiting:
            last = waiting[-1]
            if last in values:
                waiting.pop()
                continue
            missing = [operand for operand in last.inputs if operand not in values]
            if missing:
                waiting += missing
                continue
            if not last.op.is_pure:
                raise NotKept
            values[last] = run_node(last, [values[operand] for operand in last.inputs])
            waiting.pop()
        return values[node]

    def lifted(self, ct: Any) -> Any:
        """A cotangent as rules take it: with a Symbol for its value."""
        if type(ct) is OwnedValue:
            ct = (ct.array, spec_of(ct.array))
        if type(ct) is MaskedValue:
            masks = tuple([(self._condition(mask, spec), keep) for mask, spec, keep in ct.masks])
            return Masked(self.lifted((ct.value, ct.spec)), masks, ct.loud)
        if type(ct) is not tuple:
            return ct
        node = Node(INPUT, (), EMPTY, (ct[1],))
        self.values[node] = ct[0]
        return Symbol(self, node)

    def _condition(self, value: Any, spec: ArraySpec) -> Symbol:
        """One Symbol for all uses of a mask, by which rules know it again."""
        found = self.conditions.get(id(value))
        if found is None:
            found = self.conditions[id(value)] = self.lifted((value, spec))
        return found

    def lowered(self, ct: Any) -> Any:
        """A cotangent as the tape keeps it: a Symbol's value with its spec."""
        if type(ct) is Symbol:
            return self.value(ct.node), ct.node.specs[0]
        if type(ct) is Masked:
            value, spec = self.lowered(ct.value)
            masks = tuple([(*self.lowered(mask), keep) for mask, keep in ct.masks])
            return MaskedValue(value, spec, masks, ct.loud)
        return ct

    # -- the sweep ---------------------------------------------------------------------------
    def gradients(self, wrt: Sequence[int], seeds: Iterable[tuple[Node, Any]]) -> list[Any]:
        """One gradient for each input in ``wrt``, given the cotangents of some outputs.

        Raises
        ------
        MissingRule
            If an op on the way has no derivative rule.
        """
        graph, cotangents = self.graph, self.cotangents
        leaves = [graph.inputs[number] for number in wrt]
        active = self.active = active_nodes(graph.order, leaves) - inert_shifts(graph)
        for output, seed in seeds:
            if output in active:
                cotangents.setdefault(output, []).append((seed, spec_of(seed)))
        for node in reversed(graph.order[len(graph.inputs) :]):
            found = cotangents.pop(node, None)
            if found is None:
                continue
            if node.op is ITEM:
                self._join(node, found)
                continue
            if len(node.specs) > 1:
                self._at_length(node, found)
                continue
            ct = found[0] if len(found) == 1 else self._total(node, found)
            if type(ct) is tuple:
                self._pull(node, *ct)
            elif type(ct) is SparseValue:
                self._pull(node, *self._whole(node, [ct]))
            elif type(ct) is OwnedValue:
                if node.op is not SETITEM or not self._write(node, ct.array):
                    self._pull(node, ct.array, spec_of(ct.array), True)
            elif type(ct) is MaskedValue:
                self._pull_veiled(node, ct)
            elif type(ct) in (Sparse, Accumulator) and node.op is not SETITEM:
                self._pull(node, *self.lowered(settled(self, ct, node)))
            else:
                self._at_length(node, ct)
        return self._unshared([self._gradient(leaf) for leaf in leaves])

    def _pull(self, node: Node, value: Any, spec: ArraySpec, tried: bool = False) -> None:
        """Pull a cotangent through one node, by the shortest way that is known."""
        if node.op is GETITEM and len(node.inputs) == 1:
            found = self.cotangents.setdefault(node.inputs[0], [])
            found.append(SparseValue(node.params.args[1], value))
            return
        if node.op is SETITEM and not tried and self._write(node, full_copy(value, node.specs[0])):
            return
        recipe = recipe_for(node, spec, self.active)
        if recipe is None:
            self._at_length(node, (value, spec))
        else:
            self._follow(node, recipe, value)

    def _pull_veiled(self, node: Node, ct: MaskedValue) -> None:
        """What a mask hides stays hidden: rules may do what they like there."""
        recipe = None
        if node.op is not GETITEM and node.op is not SETITEM:
            veil = MaskKey(tuple([(spec, keep) for _, spec, keep in ct.masks]), ct.loud)
            recipe = recipe_for(node, ct.spec, self.active, veil)
        if recipe is None:
            self._at_length(node, ct)
        else:
            self._follow(node, recipe, ct.value, ct.masks)

    def _follow(
        self,
        node: Node,
        recipe: CachedPullback,
        value: Any,
        masks: tuple[tuple[Any, ArraySpec, bool], ...] = (),
    ) -> None:
        """Compute what a recipe says, and enter its contributions."""
        inputs, cotangents = node.inputs, self.cotangents
        values: list[Any] = [None] * len(inputs)
        for number in recipe.reads:
            if number < len(inputs):
                values[number] = self.value(inputs[number])
        values.append(self.value(node) if len(inputs) in recipe.reads else None)
        values.append(value)
        for mask in masks:
            values.append(mask[0])
        context = node.context
        if context is None:
            run_steps(node, recipe.calls, values)
        else:
            with np.errstate(**dict(context)):
                run_steps(node, recipe.calls, values)
        for slot, number, made, veil in recipe.contributions:
            ct: Any = (values[number], made)
            if veil is not None:
                rows = [(values[place], keep) for place, keep in veil.masks]
                mine = tuple([(mask, spec_of(mask), keep) for mask, keep in rows])
                ct = MaskedValue(values[number], made, mine, veil.loud)
            cotangents.setdefault(inputs[slot], []).append(ct)

    def _at_length(self, node: Node, ct: Any) -> None:
        """Pull a cotangent through one node by its rule, on Symbols."""
        self.origin, self.context = node.origin, node.context
        for slot, contribution in pull_back(self, node, self.lifted(ct), self.active):
            found = self.cotangents.setdefault(node.inputs[slot], [])
            found.append(self.lowered(contribution))
        self.origin = self.context = None
        self.nodes.clear()

    def _join(self, item: Node, found: list[Any]) -> None:
        """Enter the cotangent of one output among those of the node that has several."""
        parent, number = item.inputs[0], item.params.args[1]
        several = self.cotangents.setdefault(parent, [ZERO] * len(parent.specs))
        value = settled(self, self.lifted(self._dense(item, self._total(item, found))), item)
        several[number] = value

    # -- sums --------------------------------------------------------------------------------
    def _total(self, node: Node, found: list[Any]) -> Any:
        """The sum of all contributions to one node."""
        total, spec = None, None
        for ct in found:
            if type(ct) is not tuple:
                break
            if total is None:
                total, spec = ct
            else:
                total = total + ct[0]
                if ct[1] is not spec:
                    spec = spec_of(total)
        else:
            return total, spec
        if len(found) == 2 and type(found[0]) is MaskedValue and type(found[1]) is MaskedValue:
            joined = found[0].joined(found[1])
            if joined is not None:
                return joined
        elif any([type(ct) in PLAIN for ct in found]):  # not all of them are veiled
            found = [ct.plain() if type(ct) is MaskedValue else ct for ct in found]
            if all([type(ct) is tuple for ct in found]):
                return self._total(node, found)
        if all([type(ct) in PLAIN for ct in found]):
            return self._whole(node, found) if node.op is not SETITEM else self._owned(node, found)
        lifted = [self.lifted(self._dense(node, ct)) for ct in found]
        return self.lowered(combine(self, node, lifted))

    def _dense(self, node: Node, ct: Any) -> Any:
        return self._whole(node, [ct]) if type(ct) is SparseValue else ct

    def _whole(self, node: Node, found: list[Any]) -> tuple[Any, ArraySpec]:
        array = self._owned(node, found).array
        return array, array_spec(array.shape, array.dtype)

    def _owned(self, node: Node, found: list[Any]) -> OwnedValue:
        """The sum of dense and sparse contributions, in memory of its own."""
        owned = next((ct for ct in found if type(ct) is OwnedValue), None)
        if owned is None:
            dense = [ct[0] for ct in found if type(ct) is tuple]
            if dense:
                owned = OwnedValue(full_copy(sum(dense[1:], dense[0]), node.specs[0]))
            else:
                owned = OwnedValue(np.zeros(self._shape(node), node.specs[0].dtype))
        else:
            for ct in found:
                if type(ct) is tuple:
                    owned.array += ct[0]
                elif type(ct) is OwnedValue and ct is not owned:
                    owned.array += ct.array
        for ct in found:
            if type(ct) is SparseValue:
                owned.add(ct)
        return owned

    def _shape(self, node: Node) -> tuple[int, ...]:
        """A shape as it is in this call."""
        return node.specs[0].seen_shape

    # -- writes ------------------------------------------------------------------------------
    def _write(self, node: Node, array: np.ndarray) -> bool:
        """Pull back through ``x[index] = value``: the value gets its place, ``x`` the rest."""
        _, value, index = node.params.args
        if len(node.inputs) > 2 or type(value) is not Hole and len(node.inputs) > 1:
            return False
        if not is_basic(index):
            return False
        if type(value) is Hole:
            source = node.inputs[value.slot]
            if source in self.active:
                part = array[index]
                spec = source.specs[0]
                if part.dtype != spec.dtype:
                    return False
                if part.shape != spec.shape:
                    if spec.shape != ():
                        return False
                    part = np.sum(part)
                elif isinstance(part, np.ndarray):
                    part = part.copy()
                self.cotangents.setdefault(source, []).append((part, spec_of(part)))
        base = node.inputs[0]
        if base in self.active:
            array[index] = 0.0
            self.cotangents.setdefault(base, []).append(OwnedValue(array))
        return True

    # -- results -----------------------------------------------------------------------------
    def _gradient(self, leaf: Node) -> Any:
        """The gradient of an input, with its shape and dtype."""
        found = self.cotangents.get(leaf)
        spec = leaf.specs[0]
        if found is not None:
            ct = self._dense(leaf, self._total(leaf, found))
            if type(ct) is OwnedValue:
                return ct.array
            if type(ct) is tuple:
                value, made = ct
                if made is spec or (
                    made.kind == "scalar" != spec.kind
                    and spec.shape == ()
                    and spec.kind != "array"
                    and made.dtype == spec.dtype
                ):
                    return value
            found = [self.lifted(ct)]
        return self.value(result_of(self, leaf, found).node)

    def _unshared(self, gradients: list[Any]) -> list[Any]:
        """Copy a gradient that is memory of the caller's, of the trace's, or of another one."""
        if not any([isinstance(gradient, np.ndarray) for gradient in gradients]):
            return gradients
        arrays = [value for value in self.values.values() if type(value) is np.ndarray]
        seen = {id(v if v.base is None else _root(v)) for v in arrays}
        result = []
        for gradient in gradients:
            if isinstance(gradient, np.ndarray) and (
                gradient.base is not None or id(gradient) in seen
            ):
                gradient = gradient.copy()
            seen.add(id(gradient))
            result.append(gradient)
        return result


PLAIN = frozenset({tuple, SparseValue, OwnedValue})


@interprets
def run_steps(node: Node, calls: Sequence[tuple[Any, tuple[int, ...]]], values: list[Any]) -> None:
    """Append the value of each step; ``node`` says where, should one of them warn."""
    for function, sources in calls:
        values.append(function(*[values[number] for number in sources]))


def _root(array: np.ndarray) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
