"""Which program a call runs: the leaf whose guards hold; a new trace where none does.

>>> call, names = prepare(function, args, kwargs)
>>> dispatch(function, call, names, run)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer import errors, settings, trees
from tracer.calls import Call, argument_names, bind, flatten_call, with_static
from tracer.function import TracedFunction, logger
from tracer.graph.evaluate import GuardMiss
from tracer.leaf import Leaf
from tracer.ops.entropy import one_call, same_again
from tracer.recording.active import ACTIVE
from tracer.recording.trace import Trace, trace_function
from tracer.rules.declare import load_rules
from tracer.weak_ints import BRANCHES, keep_static, serves_every_value, with_weak_ints

load_rules()  # before the first trace, whose hooks must not stand in for names in the rules


ATTEMPTS = 30  # traces of one call whose branches depend on what no argument decides


def prepare(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any]
) -> tuple[Call, list[str]]:
    """The flat call and the names of its leaves' arguments."""
    args, kwargs = bind(function, args, kwargs)
    names = argument_names(function, args, kwargs)
    call_ = flatten_call(args, kwargs)
    call_ = with_static(call_, names, function.static) if function.static else call_
    return call_ if ACTIVE.get() is not None else with_weak_ints(function.cache, call_), names


def leaf_names(call: Call, names: Sequence[str]) -> list[str]:
    """A name for each leaf: the last part of its path."""
    args, kwargs = trees.unflatten(call.structure, list(range(len(call.leaves))))
    found = [""] * len(call.leaves)
    for name, value in zip(names, [*args, *kwargs.values()], strict=True):
        for number, path in zip(trees.flatten(value)[0], trees.paths(value, name), strict=True):
            found[number] = _last_part(path)
    return found


def _last_part(path: str) -> str:
    text = path.replace("]", "").replace("'", "").replace('"', "")
    for mark in "[.":
        text = text.replace(mark, "\0")
    parts = [part for part in text.split("\0") if part]
    start = len(parts) - 1
    while start > 0 and parts[start].isdigit():
        start -= 1
    return "_".join(parts[start:]) or "x"


def make_leaf(
    function: TracedFunction, call: Call, names: Sequence[str], reason: str, keep: bool = True,
    runs_now: bool = False,
) -> Leaf:  # fmt: skip
    """Trace the function for this call and remember the program, unless there are too many.

    Raises
    ------
    NeedsValues
        If ints that are inputs in this call must be parts of the program.
    """
    title = f"{getattr(function, '__name__', 'f')}({', '.join(names)})"
    trace = _trace_weak(function, call, names, title) if call.weak else None
    trace = trace or _trace(function, call, names, title, not keep)
    if not runs_now:
        trace.seen.clear()
    leaf = Leaf(trace, settings.current().numerics, interpreted=not keep)
    if keep:
        function.cache.add(call.key, leaf, f"{title}: {reason}")
    elif not function.cache.full:
        function.cache.full = True
        logger.warning(
            "%s took more than %d ways through its branches: further ones are interpreted",
            title, settings.current().max_branches,
        )  # fmt: skip
    level = 30 if settings.current().log_retraces else 20
    logger.log(level, "traced %s: %s", title, reason)
    return leaf


class NeedsValues(Exception):
    """Ints that vary are read by the function, or make it raise: each value its own program."""

    def __init__(self, places: frozenset[int], raised: bool = False):
        self.places = places
        self.raised = raised
        super().__init__(places)


def _trace(
    function: TracedFunction, call: Call, names: Sequence[str], title: str, keeps: bool = False
) -> Trace:
    return trace_function(
        function.__tracer_function__,
        call.leaves,
        call.structure,
        leaf_names(call, names),
        title,
        call.static,
        call.weak,
        call.key in function.cache.sized,
        keeps,
    )


def _trace_weak(function: TracedFunction, call: Call, names: Sequence[str], title: str) -> Trace:
    """A trace with ints among its inputs, if it holds for all their values."""
    assert call.plain is not None
    plain = call.plain
    try:
        trace = _trace(function, call, names, title)
        places = serves_every_value(
            function.__tracer_function__, call, trace, lambda: _trace(function, plain, names, title)
        )
    except Exception as error:  # told of the call as it is
        raise NeedsValues(call.weak, True) from error
    if places:
        raise NeedsValues(places)
    return trace


@one_call
def dispatch(
    function: TracedFunction, call: Call, names: Sequence[str],
    run: Callable[[Leaf, list[Any]], Any], attempts: int = ATTEMPTS,
) -> Any:  # fmt: skip
    """Run the leaf whose guards hold, the last used first; trace a new one if none does."""
    plain = function.__tracer_function__
    leaves = function.cache.leaves(call.key)
    reason = "first call" if not function.cache.entries else "new signature"
    if call.weak:
        reason = f"{', '.join([leaf_names(call, names)[k] for k in sorted(call.weak)])} varies"
    missed = 0
    limit = settings.current().max_branches
    hopeless = not call.weak and len(leaves) >= limit and function.cache.is_hopeless(call.key)
    if hopeless:
        missed, reason = limit, "another branch, as in the calls before"
    for position, leaf in enumerate([] if hopeless else list(leaves)):
        inputs = leaf.inputs(plain, call.leaves)
        if inputs is None:
            reason = "a captured value changed"
            continue
        try:
            result = run(leaf, inputs)
        except GuardMiss as miss:
            reason = f"another branch (guard {miss.position})"
            missed += 1
            continue
        except errors.CheckFailed:
            _forget(function, call, leaf)
            raise
        except errors.TracerError as error:
            if not (isinstance(error, UNSIZED) and _has_free_sizes(leaf)):
                raise
            reason = "a rule that needs to know the sizes"
            continue
        except Exception as error:  # the user's code may catch it: a trace of it tells
            reason = f"a value that raises {type(error).__name__}"
            continue
        if position and leaves[0] is not leaf:
            _move_to_front(function, leaves, leaf)
        function.cache.streaks.pop(call.key, None)
        return result
    if missed >= limit:
        function.cache.count_miss(call.key)
    try:
        if call.weak and missed >= BRANCHES:
            raise NeedsValues(call.weak)
        leaf = make_leaf(function, call, names, reason, keep=missed < limit, runs_now=True)
    except NeedsValues as needs:
        if leaves and needs.raised and call.plain is not None:  # others of its values serve
            return dispatch(function, call.plain, names, run)
        found = leaf_names(call, names)
        which = ", ".join([found[k] for k in sorted(needs.places)])
        function.cache.reasons.append(f"{which} is read: each value has its own program")
        return dispatch(function, keep_static(function.cache, call, needs.places), names, run)
    if len(leaves) > limit:  # programs for captured values that are gone
        with function.cache.lock:
            del leaves[limit:]
    inputs = leaf.inputs(plain, call.leaves)
    if inputs is None:
        _forget(function, call, leaf)
        raise leaf.changed(plain, call.leaves)
    try:
        return run(leaf, inputs)
    except GuardMiss:  # of np.random.seed(), say: its draws are others than in the trace
        if not attempts:
            raise errors.CheckFailed(
                f"{getattr(function, '__name__', 'f')} takes another way in every run.", None,
                "branch on numbers from a generator that is passed in, or made inside",
            ) from None  # fmt: skip
        return dispatch(function, call, names, run, attempts - 1)
    except Exception as error:
        _forget(function, call, leaf)
        if not _is_about_sizes(function, call, leaf, error):
            raise
    finally:
        leaf.trace.seen.clear()
    with function.cache.lock:
        function.cache.sized.add(call.key)
    return dispatch(function, call, names, run)


def _is_about_sizes(function: TracedFunction, call: Call, leaf: Leaf, error: Exception) -> bool:
    """Whether a trace in which sizes are read might succeed: some rules need to know them."""
    if call.key in function.cache.sized or not isinstance(error, UNSIZED):
        return False
    return _has_free_sizes(leaf)


def _has_free_sizes(leaf: Leaf) -> bool:
    return any([not spec.is_static for node in leaf.trace.graph.order for spec in node.specs])


UNSIZED = (TypeError, AttributeError, ValueError, errors.MissingRule)


def _forget(function: TracedFunction, call: Call, leaf: Leaf) -> None:
    """A program that failed on the values it was traced with is of no use."""
    with function.cache.lock:
        function.cache.flat.clear()
        leaves = function.cache.entries.get(call.key, [])
        if leaf in leaves:
            leaves.remove(leaf)
        if not leaves:
            function.cache.entries.pop(call.key, None)


def _move_to_front(function: TracedFunction, leaves: list[Leaf], leaf: Leaf) -> None:
    with function.cache.lock:
        if leaf in leaves:
            leaves.remove(leaf)
            leaves.insert(0, leaf)


def nested_or_dispatch(
    function: TracedFunction, call_: Call, names: Sequence[str], run: Any
) -> Any:
    if ACTIVE.get() is None:
        return dispatch(function, call_, names, run)
    title = getattr(function, "__name__", "f")
    with same_again():
        trace = trace_function(
            function.__tracer_function__,
            call_.leaves,
            call_.structure,
            leaf_names(call_, names),
            title,
            call_.static,
        )
    leaf = Leaf(trace, "exact")
    inputs = leaf.inputs(function.__tracer_function__, call_.leaves)
    if inputs is None:
        raise leaf.changed(function.__tracer_function__, call_.leaves)
    return run(leaf, inputs)


def trace_again(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any]
) -> tuple[Leaf, list[Any]]:
    """A trace for one call alone, to be interpreted, and its inputs."""
    call, names = prepare(function, args, kwargs)
    plain = function.__tracer_function__
    title = getattr(function, "__name__", "f")
    labels = leaf_names(call, names)
    trace = trace_function(plain, call.leaves, call.structure, labels, title, call.static)
    leaf = Leaf(trace, "exact", interpreted=True)
    inputs = leaf.inputs(plain, call.leaves)
    if inputs is None:
        raise leaf.changed(plain, call.leaves)
    return leaf, inputs


def is_simple(function: TracedFunction) -> bool:
    """Whether calls of plain arrays may go straight to their program."""
    checked = settings.current().check if function.check is None else function.check
    return not function.static and not checked


def is_flat(call_: Call, args: tuple, leaves: Sequence[Any]) -> bool:
    """Whether these are the call's leaves, in order, and no default is among its arguments."""
    positional, named = call_.structure.children
    if len(positional.children) != len(args) or named.keys or len(leaves) != len(call_.leaves):
        return False
    return all([one is other for one, other in zip(leaves, call_.leaves, strict=True)])


def remember(function: TracedFunction, key: tuple, entry: tuple) -> None:
    """The program that a row of plain arrays ran."""
    flat = function.cache.flat
    if len(flat) > settings.current().cache_size:
        flat.clear()
    flat[key] = entry
