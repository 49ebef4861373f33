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
from tracer.eager.regions import call_traced, has_tensor, stop
from tracer.eager.state import EagerArray
from tracer.errors import MissingRule
from tracer.graph.node import HOLES, Params
from tracer.operators.custom_rules import (
    CustomCall,
    broadcast_like,
    emit_custom,
    is_array,
    is_inexact,
    ones_like,
    rule_region,
    tensor_of,
)
from tracer.ops import registry
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.tensor import TracedTensor

PLAIN: ContextVar[frozenset] = ContextVar("tracer_plain_functions", default=frozenset())


class CustomFunction:
    """A function with a derivative of its own: what both kinds share."""

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
        if not kwargs and not getattr(self.fn, "__defaults__", None):
            return args
        bound = inspect.signature(self.fn).bind(*args, **kwargs)
        if bound.kwargs:
            raise TypeError(f"{self.__name__}: keyword-only arguments can't have a custom rule")
        bound.apply_defaults()
        return bound.args

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        args = self._positional(args, kwargs)
        call = CustomCall(self.__name__, args, self.nondiff)
        if recorder is None and has_tensor(call.flat) and self not in PLAIN.get():
            return call_traced(self, args, self.__name__)
        if recorder is None or not call.operands or self in PLAIN.get():
            return self._instrumented(recorder, "fn")(*args)
        return self._record(recorder, call)

    def _record(self, recorder: Recorder, call: CustomCall) -> Any:
        raise NotImplementedError

    def _instrumented(self, recorder: Recorder | None, *place: Any) -> Any:
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
            recorder.captures.capture(function, path)
        return recorder.captures.instrumented(function)

    def _missing(self, recorder: Recorder) -> MissingRule:
        name = type(self).__name__
        message = f"{self.__name__} is a {name} without a rule."
        return MissingRule(message, recorder.where(), f"call its .def{name[7:]}(...) first.")


class custom_vjp(CustomFunction):
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

    def _record(self, recorder: Recorder, call: CustomCall) -> Any:
        if self.fwd is None or self.bwd is None:
            raise self._missing(recorder)
        with _called_plainly(self):
            out, residuals = self._instrumented(recorder, "fwd")(*call.args)
        results = [recorder.tensor(leaf) for leaf in trees.flatten(out)[0]]
        structure = trees.flatten(out)[1]
        leaves, residual_structure = trees.flatten(residuals)
        saved = [k for k, leaf in enumerate(leaves) if is_array(leaf)]
        for k in saved:
            leaves[k] = recorder.tensor(leaves[k])

        def backward(inner: Recorder, fresh: list[Any]) -> list[Any]:
            again = list(leaves)
            for k, value in zip(saved, fresh, strict=False):
                again[k] = value
            cts = iter(fresh[len(saved) :])
            ct = [next(cts) if is_inexact(r) else np.zeros(r.shape) for r in results]
            tree = trees.unflatten(residual_structure, again)
            assert self.bwd is not None
            given = self._instrumented(inner, "bwd")(
                *call.fixed, tree, trees.unflatten(structure, ct)
            )
            return call.cotangents(given, inner)

        examples = [leaves[k]._value for k in saved]
        examples += [ones_like(result) for result in results if is_inexact(result)]
        names = [leaves[k]._node.name for k in saved]
        names += [f"g_{result._node.name}" for result in results if is_inexact(result)]
        region, extras = rule_region(recorder, self.__name__, backward, examples, names)
        residual_tensors = [leaves[k] for k in saved]
        outputs = emit_custom(recorder, "vjp", call, results, residual_tensors, extras, region)
        return trees.unflatten(structure, outputs)


class custom_jvp(CustomFunction):
    """Give a function its own derivative for both modes.

    ``defjvp(rule)``: ``rule(primals, tangents)`` returns ``(out, tangent_out)`` and is linear in
    the tangents; its transpose serves reverse mode. ``defjvps(*rules)``: one
    ``rule(tangent, out, *primals)`` per argument, None for zero; their results add up.

    Parameters
    ----------
    fn, nondiff_argnums
        As for `custom_vjp`.

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
                self._instrumented(recorder, "rules", number)(tangent, out, *primals)
                for number, tangent in enumerate(tangents)
                if rules[number] is not None
            ]
            return out, functools.reduce(np.add, terms)

        self.rule, self.rules = rule, rules

    def _record(self, recorder: Recorder, call: CustomCall) -> Any:
        if self.rule is None:
            raise self._missing(recorder)
        out = self._instrumented(recorder, "fn")(*call.args)
        results = [recorder.tensor(leaf) for leaf in trees.flatten(out)[0]]
        structure = trees.flatten(out)[1]
        moving = [tensor for tensor in call.operands if is_inexact(tensor)]

        def tangent(inner: Recorder, fresh: list[Any]) -> list[Any]:
            primals = call.with_operands(fresh[: len(call.operands)])
            tangents = call.with_tangents(fresh[len(call.operands) :])
            assert self.rule is not None
            with _called_plainly(self):
                _, moved = self._instrumented(inner, "rule")(*call.fixed, primals, tangents)
            return [
                broadcast_like(inner, leaf, result)
                for leaf, result in zip(trees.flatten(moved)[0], results, strict=True)
                if is_inexact(result)
            ]

        examples = [t._value for t in call.operands] + [ones_like(t) for t in moving]
        names = [t._node.name for t in call.operands] + [f"t_{t._node.name}" for t in moving]
        region, extras = rule_region(recorder, self.__name__, tangent, examples, names)
        outputs = emit_custom(recorder, "jvp", call, results, [], extras, region)
        return trees.unflatten(structure, outputs)


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
        return tensor_of(recorder, made, leaf._value)

    return trees.map(stop_traced, tree)


@contextmanager
def _called_plainly(owner: CustomFunction) -> Iterator[None]:
    """While a rule runs, the function in it is plain: ``fwd`` may call the function itself."""
    token = PLAIN.set(PLAIN.get() | {owner})
    try:
        yield
    finally:
        PLAIN.reset(token)
