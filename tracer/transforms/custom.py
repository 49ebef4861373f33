"""Derivatives of the user's own: custom_vjp, custom_jvp and stop_gradient, as JAX spells them.

>>> @custom_vjp
... def log1pexp(x):
...     return np.log(1 + np.exp(x))
>>> log1pexp.defvjp(fwd=lambda x: (log1pexp(x), x), bwd=lambda x, ct: (ct / (1 + np.exp(-x)),))

Outside a trace the function runs as it is. In a trace its nodes are recorded as always, and a
``custom`` node passes the results on with the derivative attached as a region.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tracer import trees
from tracer.errors import MissingRule, UserShapeError
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import HOLES, Node, Params, hole
from tracer.ops import registry
from tracer.recording.active import ACTIVE
from tracer.recording.captures import Captures, Path
from tracer.recording.eager_regions import call_traced, has_tensor, stop
from tracer.recording.eager_state import EagerArray
from tracer.recording.instrument import instrumented
from tracer.recording.recorder import Recorder
from tracer.recording.tensor import TracedTensor

PLAIN: ContextVar[frozenset] = ContextVar("tracer_plain_functions", default=frozenset())


class _Custom:
    """A function with a derivative of its own.

    Parameters
    ----------
    fn : callable
    nondiff_argnums : sequence of int
        Positional arguments without derivative; the rule gets them first, as they are.
    """

    __name__: str
    rules: tuple[Callable[..., Any] | None, ...] = ()

    def __init__(self, fn: Callable[..., Any], nondiff_argnums: Sequence[int] = ()):
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.nondiff = tuple(nondiff_argnums)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def _positional(self, args: tuple, kwargs: dict[str, Any]) -> tuple:
        """The arguments in order, defaults filled in: rules know no keywords."""
        if not kwargs:
            return args
        bound = inspect.signature(self.fn).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise TypeError(f"{self.__name__}: keyword-only arguments can't have a custom rule")
        return bound.args

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        args = self._positional(args, kwargs)
        call = _Call(self, args)
        if recorder is None and has_tensor(call.flat) and self not in PLAIN.get():
            return call_traced(self, args, self.__name__)
        if recorder is None or not call.operands or self in PLAIN.get():
            return self._seen(recorder, "fn")(*args)
        return self._record(recorder, call)

    def _record(self, recorder: Recorder, call: _Call) -> Any:
        raise NotImplementedError

    def _seen(self, recorder: Recorder | None, *place: Any) -> Any:
        """The function or a rule of it; in a trace, what it reads from outside is noted."""
        function = getattr(self, place[0])
        function = function[place[1]] if len(place) > 1 else function
        made_by_defjvps = place == ("rule",) and bool(self.rules)
        if recorder is None or recorder.captures is None or made_by_defjvps:
            return function
        path = recorder.captures.path_of(self)
        if path is not None:
            path = path.then("attr", place[0])
            path = path.then("item", place[1]) if len(place) > 1 else path
            recorder.captures.take(function, path)
        return instrumented(function, recorder.captures)

    def _missing(self, recorder: Recorder) -> MissingRule:
        name = type(self).__name__
        message = f"{self.__name__} is a {name} without a rule."
        return MissingRule(message, recorder.where(), f"call its .def{name[7:]}(...) first.")


class custom_vjp(_Custom):
    """Give a function its own reverse-mode derivative.

    ``defvjp(fwd, bwd)``: ``fwd(*args)`` returns ``(out, residuals)``; ``bwd(residuals, ct)``
    returns a tuple with one cotangent per argument, None for zero. Arguments in
    ``nondiff_argnums`` come first in ``bwd`` and get no cotangent.

    Parameters
    ----------
    fn : callable
        Its values; it is called as it is where nothing is differentiated.
    nondiff_argnums : sequence of int
        Positional arguments without derivative; the rule gets them first, as they are.

    Raises
    ------
    MissingRule
        By a traced call before ``defvjp``.

    Examples
    --------
    >>> @custom_vjp
    ... def clipped(x):
    ...     return np.clip(x, 0, 1)
    >>> clipped.defvjp(lambda x: (clipped(x), None), lambda residuals, ct: (ct,))
    """

    fwd: Callable[..., Any] | None = None
    bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        self.fwd, self.bwd = fwd, bwd

    def _record(self, recorder: Recorder, call: _Call) -> Any:
        if self.fwd is None or self.bwd is None:
            raise self._missing(recorder)
        with _inside(self):
            out, residuals = self._seen(recorder, "fwd")(*call.args)
        results = [recorder.tensor(leaf) for leaf in trees.flatten(out)[0]]
        structure = trees.flatten(out)[1]
        leaves, residual_structure = trees.flatten(residuals)
        saved = [k for k, leaf in enumerate(leaves) if _is_array(leaf)]
        for k in saved:
            leaves[k] = recorder.tensor(leaves[k])

        def backward(inner: Recorder, fresh: list[Any]) -> list[Any]:
            again = list(leaves)
            for k, value in zip(saved, fresh, strict=False):
                again[k] = value
            cts = iter(fresh[len(saved) :])
            ct = [next(cts) if _inexact(r) else np.zeros(r.shape) for r in results]
            tree = trees.unflatten(residual_structure, again)
            assert self.bwd is not None
            given = self._seen(inner, "bwd")(*call.fixed, tree, trees.unflatten(structure, ct))
            return call.cotangents(given, inner)

        examples = [leaves[k]._value for k in saved]
        examples += [_ones(result) for result in results if _inexact(result)]
        names = [leaves[k]._node.name for k in saved]
        names += [f"g_{result._node.name}" for result in results if _inexact(result)]
        region, extras = _trace(recorder, self.__name__, backward, examples, names)
        residual_tensors = [leaves[k] for k in saved]
        marked = _mark(recorder, self, "vjp", call, results, residual_tensors, extras, region)
        return trees.unflatten(structure, marked)


class custom_jvp(_Custom):
    """Give a function its own derivative for both modes.

    ``defjvp(rule)``: ``rule(primals, tangents)`` returns ``(out, tangent_out)`` and is linear in
    the tangents; its transpose serves reverse mode. ``defjvps(*rules)``: one
    ``rule(tangent, out, *primals)`` per argument, None for zero; their results add up.

    Parameters
    ----------
    fn : callable
        Its values; it is called as it is where nothing is differentiated.
    nondiff_argnums : sequence of int
        Positional arguments without derivative; the rule gets them first, as they are.

    Raises
    ------
    MissingRule
        By a traced call before ``defjvp``.

    Examples
    --------
    >>> @custom_jvp
    ... def softplus(x):
    ...     return np.log1p(np.exp(x))
    >>> softplus.defjvps(lambda tangent, out, x: tangent / (1 + np.exp(-x)))
    """

    rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        self.rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        def rule(primals: tuple, tangents: tuple) -> tuple:
            if len(rules) != len(tangents):
                raise ValueError(f"{self.__name__}: {len(rules)} rules, {len(tangents)} arguments")
            out = self(*primals)
            recorder = ACTIVE.get()
            terms = [
                self._seen(recorder, "rules", number)(tangent, out, *primals)
                for number, tangent in enumerate(tangents)
                if rules[number] is not None
            ]
            return out, functools.reduce(np.add, terms)

        self.rule, self.rules = rule, rules

    def _record(self, recorder: Recorder, call: _Call) -> Any:
        if self.rule is None:
            raise self._missing(recorder)
        out = self._seen(recorder, "fn")(*call.args)
        results = [recorder.tensor(leaf) for leaf in trees.flatten(out)[0]]
        structure = trees.flatten(out)[1]
        moving = [tensor for tensor in call.operands if _inexact(tensor)]

        def tangent(inner: Recorder, fresh: list[Any]) -> list[Any]:
            primals = call.with_operands(fresh[: len(call.operands)])
            tangents = call.with_tangents(fresh[len(call.operands) :])
            assert self.rule is not None
            with _inside(self):
                _, moved = self._seen(inner, "rule")(*call.fixed, primals, tangents)
            return [
                _fit(inner, leaf, result)
                for leaf, result in zip(trees.flatten(moved)[0], results, strict=True)
                if _inexact(result)
            ]

        examples = [t._value for t in call.operands] + [_ones(t) for t in moving]
        names = [t._node.name for t in call.operands] + [f"t_{t._node.name}" for t in moving]
        region, extras = _trace(recorder, self.__name__, tangent, examples, names)
        marked = _mark(recorder, self, "jvp", call, results, [], extras, region)
        return trees.unflatten(structure, marked)


def stop_gradient(tree: Any) -> Any:
    """The same values, through which no gradient flows.

    Parameters
    ----------
    tree : tree of arrays and numbers

    Returns
    -------
    Like ``tree``: constants to every derivative, in both modes.
    """
    recorder = ACTIVE.get()
    if recorder is None:
        return trees.map(lambda leaf: stop(leaf) if isinstance(leaf, EagerArray) else leaf, tree)

    def stop_traced(leaf: Any) -> Any:
        if not isinstance(leaf, TracedTensor):
            return leaf
        node = recorder.node_of(leaf)
        made = recorder.add(registry.STOP_GRADIENT, (node,), Params(HOLES[:1]), node.specs)
        return _wrap(recorder, made, leaf._value)

    return trees.map(stop_traced, tree)


@contextmanager
def _inside(owner: _Custom) -> Iterator[None]:
    """While a rule runs, the function in it is plain: ``fwd`` may call the function itself."""
    token = PLAIN.set(PLAIN.get() | {owner})
    try:
        yield
    finally:
        PLAIN.reset(token)


class _Conditions(Captures):
    """For a rule that branches on numbers from outside: they are conditions, not inputs.

    Shares all that it notes with the captures of the trace.
    """

    def __init__(self, captures: Captures):
        self.__dict__ = captures.__dict__

    def take(self, value: Any, path: Path | None, deep: bool = False) -> Any:
        if path is not None and isinstance(value, (float, complex, np.generic)):
            self.condition(path, value)
            return value
        return super().take(value, path, deep)


class _Call:
    """The arguments of one call: which leaves are traced, and how to put others in their place."""

    def __init__(self, owner: _Custom, args: tuple):
        self.owner = owner
        self.args = args
        self.fixed = [args[k] for k in owner.nondiff]
        free = [arg for k, arg in enumerate(args) if k not in owner.nondiff]
        opened = [trees.flatten(arg) for arg in free]
        self.leaves = [leaves for leaves, _ in opened]
        self.structures = [structure for _, structure in opened]
        flat = [leaf for leaves in self.leaves for leaf in leaves]
        self.places = [k for k, leaf in enumerate(flat) if isinstance(leaf, TracedTensor)]
        self.flat = flat
        self.operands: list[TracedTensor] = [flat[k] for k in self.places]

    def _build(self, flat: list[Any]) -> tuple:
        left = iter(flat)
        return tuple([
            trees.unflatten(structure, [next(left) for _ in leaves])
            for structure, leaves in zip(self.structures, self.leaves, strict=True)
        ])  # fmt: skip

    def with_operands(self, fresh: Sequence[Any]) -> tuple:
        flat = list(self.flat)
        for place, value in zip(self.places, fresh, strict=True):
            flat[place] = value
        return self._build(flat)

    def with_tangents(self, fresh: Sequence[Any]) -> tuple:
        left = iter(fresh)
        flat: list[Any] = [
            np.zeros(np.shape(leaf)) if _is_array(leaf) else 0.0 for leaf in self.flat
        ]
        for place, tensor in zip(self.places, self.operands, strict=True):
            if _inexact(tensor):
                flat[place] = next(left)
        return self._build(flat)

    def cotangents(self, given: Any, inner: Recorder) -> list[Any]:
        """What ``bwd`` returned, for each inexact operand."""
        if not isinstance(given, (tuple, list)) or len(given) != len(self.structures):
            raise UserShapeError(
                f"bwd of {self.owner.__name__} must return a tuple of {len(self.structures)}.",
                inner.where(),
                "one cotangent per differentiable argument, None for zero",
            )
        flat: list[Any] = []
        for cotangent, structure, leaves in zip(given, self.structures, self.leaves, strict=True):
            if cotangent is None:
                flat += [None] * len(leaves)
                continue
            parts, found = trees.flatten(cotangent)
            if len(parts) != len(leaves):
                raise UserShapeError(
                    f"bwd of {self.owner.__name__} returned {found} for {structure}.", inner.where()
                )
            flat += parts
        pairs = zip(self.places, self.operands, strict=True)
        return [_fit(inner, flat[place], tensor) for place, tensor in pairs if _inexact(tensor)]


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (np.ndarray, np.generic))


def _inexact(tensor: TracedTensor) -> bool:
    return tensor._node.specs[0].is_inexact


def _ones(tensor: TracedTensor) -> Any:
    value = np.asarray(tensor._value)
    ones = np.ones(value.shape, value.dtype)
    return ones if isinstance(tensor._value, np.ndarray) else ones[()]


def _fit(inner: Recorder, value: Any, like: TracedTensor) -> Any:
    """A derivative as a Tensor of the inner trace, in the shape of what it belongs to."""
    shape = np.shape(like._value)
    if value is None:
        value = np.zeros(shape, np.asarray(like._value).dtype)
    tensor = inner.tensor(value)
    got = np.shape(tensor._value)
    if got != shape:
        if got != ():
            raise UserShapeError(
                f"a custom derivative has shape {got}, its value has {shape}.", inner.where()
            )
        tensor = np.broadcast_to(tensor, shape)
    return tensor


def _trace(
    recorder: Recorder, name: str, function: Callable[..., Any], examples: list[Any],
    names: list[str],
) -> tuple[CalcGraph, list[TracedTensor]]:  # fmt: skip
    """The region of a rule, and the outer Tensors that it captured (its last inputs)."""
    graph, extras = _region(recorder, name, function, examples, names, recorder.captures)
    if graph.guards and recorder.captures is not None:
        captures = _Conditions(recorder.captures)
        graph, extras = _region(recorder, name, function, examples, names, captures)
    if graph.guards:
        raise MissingRule(
            f"the rule of {name} branches on a traced value.", graph.guards[0].origin,
            "use np.where in it",
        )  # fmt: skip
    return graph, extras


def _region(
    recorder: Recorder, name: str, function: Callable[..., Any], examples: list[Any],
    names: list[str], captures: Captures | None,
) -> tuple[CalcGraph, list[TracedTensor]]:  # fmt: skip
    inner = Recorder(name, f"rule of {name}")
    inner.captures, inner.enclosing = captures, recorder
    fresh = [
        inner.argument(np.copy(value) if isinstance(value, np.ndarray) else value, label)
        for value, label in zip(examples, names, strict=True)
    ]
    with inner.recording():
        outputs = [inner.tensor(value) for value in function(inner, fresh)]
        graph = inner.graph(outputs)
    return graph, [entry[0] for entry in inner.outer.values()]


def _mark(
    recorder: Recorder, owner: _Custom, rule: str, call: _Call, results: list[TracedTensor],
    residuals: list[TracedTensor], extras: list[TracedTensor], region: CalcGraph,
) -> list[Any]:  # fmt: skip
    """Append the ``custom`` node; the results that carry the rule."""
    inputs = tuple([recorder.node_of(t) for t in (*call.operands, *results, *residuals, *extras)])
    specs = tuple([recorder.node_of(t).specs[0] for t in results])
    told = {
        "rule": rule, "name": owner.__name__, "operands": len(call.operands),
        "outputs": len(results), "extras": len(extras),
    }  # fmt: skip
    params = Params([hole(slot) for slot in range(len(inputs))], told)
    node = recorder.add(registry.CUSTOM, inputs, params, specs)
    node.regions = (region,)
    if len(results) == 1:
        return [_wrap(recorder, node, results[0]._value)]
    marked = []
    for number, (result, spec) in enumerate(zip(results, specs, strict=True)):
        item = recorder.add(registry.ITEM, (node,), Params((HOLES[0], number)), (spec,))
        marked.append(_wrap(recorder, item, result._value))
    return marked


def _wrap(recorder: Recorder, node: Node, value: Any) -> TracedTensor:
    if isinstance(value, np.ndarray):
        return recorder.array(node, np.copy(value))
    return recorder.scalar(node, value)
