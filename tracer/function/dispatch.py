"""Which program a call runs: the leaf whose guards hold; a new trace where none does.

>>> call, names = prepare(function, args, kwargs)
>>> dispatch(function, call, names, run)

Programs are made for sizes that are not known before a call (of ``x[x > 0]``) where that can be;
where a rule must know them, for one size each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer import errors, settings, trees
from tracer.function.call_key import Call, flatten_call, with_static
from tracer.function.flat_calls import flat_call
from tracer.function.signature import argument_names, bind
from tracer.function.specialization import Specialization
from tracer.function.trace_call import NeedsValues, leaf_names, make_leaf, trace_call
from tracer.function.weak_ints import BRANCHES, keep_static, with_weak_ints
from tracer.graph.evaluate import GuardMiss
from tracer.ops.seeds import one_call, same_again
from tracer.python.attributes import Traced
from tracer.recording.random.streams import draws
from tracer.recording.tensor.active import ACTIVE

ATTEMPTS = 30  # traces of one call whose branches depend on what no argument decides
# What rules raise that calculate with sizes, where a size is a Dim and no number.
UNSIZED = (TypeError, AttributeError, ValueError, errors.MissingRule)
Run = Callable[[Specialization, list[Any]], Any]


def prepare(function: Traced, args: tuple, kwargs: dict[str, Any]) -> tuple[Call, list[str]]:
    """The flat call and the names of its leaves' arguments."""
    args, kwargs = bind(function, args, kwargs)
    names = argument_names(function, args, kwargs)
    call_ = flatten_call(args, kwargs)
    call_ = with_static(call_, names, function.static) if function.static else call_
    return call_ if ACTIVE.get() is not None else with_weak_ints(function.cache, call_), names


@one_call
def dispatch(
    function: Traced, call: Call, names: Sequence[str], run: Run, attempts: int = ATTEMPTS
) -> Any:
    """Run the leaf whose guards hold, the last used first; trace a new one if none does."""
    known = Search(function, call, names)
    if known.serves(run):
        return known.result
    limit = settings.current().max_branches
    if known.missed >= limit:
        function.cache.count_miss(call.key)
    try:
        if call.weak and known.missed >= BRANCHES:
            raise NeedsValues(call.weak)
        keep = known.missed < limit
        leaf = make_leaf(function, call, names, known.reason, keep, runs_now=True)
    except NeedsValues as needs:
        if known.leaves and needs.raised and call.plain is not None:  # others of its values serve
            return dispatch(function, call.plain, names, run)
        found = leaf_names(call, names)
        which = ", ".join([found[k] for k in sorted(needs.places)])
        function.cache.note(f"{which} is read: each value has its own program")
        return dispatch(function, keep_static(function.cache, call, needs.places), names, run)
    if len(known.leaves) > limit:  # programs for captured values that are gone
        with function.cache.lock:
            del known.leaves[limit:]
    with leaf.turn:
        return _run_new(function, call, names, run, leaf, attempts)


class Search:
    """The programs of one signature, tried in turn.

    Attributes
    ----------
    result
        Of the program that served, if one did.
    missed : int
        How many programs stand for other branches.
    reason : str
        Why a new trace is needed.
    """

    def __init__(self, function: Traced, call: Call, names: Sequence[str]):
        self.function = function
        self.call = call
        self.leaves = function.cache.leaves(call.key)
        self.result: Any = None
        self.missed = 0
        self.reason = "first call" if not function.cache.entries else "new signature"
        if call.weak:
            varied = [leaf_names(call, names)[k] for k in sorted(call.weak)]
            self.reason = f"{', '.join(varied)} varies"

    def serves(self, run: Run) -> bool:
        """Whether one of the programs did it."""
        cache, key, limit = self.function.cache, self.call.key, settings.current().max_branches
        if not self.call.weak and len(self.leaves) >= limit and cache.is_hopeless(key):
            self.missed, self.reason = limit, "another branch, as in the calls before"
            return False
        for position, leaf in enumerate(list(self.leaves)):
            with leaf.turn:
                serves = self._runs(leaf, run)
            if serves:
                if position and self.leaves[0] is not leaf:
                    _move_to_front(self.function, self.leaves, leaf)
                cache.streaks.pop(key, None)
                return True
        return False

    def _runs(self, leaf: Specialization, run: Run) -> bool:
        """Run one program, if it stands for this call; else say why it does not."""
        inputs = leaf.inputs(self.function.__tracer_function__, self.call.leaves)
        if inputs is None:
            self.reason = "a captured value changed"
            return False
        try:
            self.result = run(leaf, inputs)
        except GuardMiss as miss:
            self.reason = f"another branch (guard {miss.position})"
            self.missed += 1
            return False
        except errors.CheckFailed:
            _forget(self.function, self.call, leaf)
            raise
        except errors.TracerError as error:
            if not (isinstance(error, UNSIZED) and _has_free_sizes(leaf)):
                raise
            self.reason = "a rule that needs to know the sizes"
            return False
        except Exception as error:  # the user's code may catch it: a trace of it tells
            self.reason = f"a value that raises {type(error).__name__}"
            return False
        return True


def _run_new(
    function: Traced,
    call: Call,
    names: Sequence[str],
    run: Run,
    leaf: Specialization,
    attempts: int,
) -> Any:
    """Run the program that was traced for this very call."""
    plain = function.__tracer_function__
    inputs = leaf.inputs(plain, call.leaves)
    if inputs is None:
        _forget(function, call, leaf)
        raise leaf.changed(plain, call.leaves)
    try:
        return run(leaf, inputs)
    except GuardMiss:  # of np.random.seed(), say: its draws are others than in the trace
        if not attempts:
            raise errors.CheckFailed(
                f"{getattr(function, '__name__', 'f')} takes another way in every run.",
                None,
                "branch on numbers from a generator that is passed in, or made inside",
            ) from None
        return dispatch(function, call, names, run, attempts - 1)
    except Exception as error:
        _forget(function, call, leaf)
        known = call.key in function.cache.sized
        if known or not isinstance(error, UNSIZED) or not _has_free_sizes(leaf):
            raise
    finally:
        leaf.trace.seen.clear()
    with function.cache.sizing(call.key):
        return dispatch(function, call, names, run)


def _has_free_sizes(leaf: Specialization) -> bool:
    return any([not spec.is_static for node in leaf.trace.graph.order for spec in node.specs])


def _forget(function: Traced, call: Call, leaf: Specialization) -> None:
    """A program that failed on the values it was traced with is of no use."""
    with function.cache.lock:
        function.cache.flat.clear()
        leaves = function.cache.entries.get(call.key, [])
        if leaf in leaves:
            leaves.remove(leaf)
        if not leaves:
            function.cache.entries.pop(call.key, None)


def _move_to_front(function: Traced, leaves: list[Specialization], leaf: Specialization) -> None:
    with function.cache.lock:
        if leaf in leaves:
            leaves.remove(leaf)
            leaves.insert(0, leaf)


# -- calls that keep no program -----------------------------------------------------------------
def nested_or_dispatch(function: Traced, call: Call, names: Sequence[str], run: Run) -> Any:
    """Inside a trace, ``run`` records a trace of the function in the one around it."""
    recorder = ACTIVE.get()
    if recorder is None:
        return dispatch(function, call, names, _writing(function, call, run))
    leaf, inputs = _once(function, call, names)
    recorded = len(recorder.nodes)
    try:
        return run(leaf, inputs)
    except UNSIZED:  # a rule that needs to know the sizes, unless something was recorded already
        again = not recorder.reads_sizes and _has_free_sizes(leaf)
        if not again or len(recorder.nodes) > recorded:
            raise
    return run(*_once(function, call, names, sized=True))


def _writing(function: Traced, call: Call, run: Run) -> Run:
    """``run``, after which what the function writes to objects from outside is written."""

    def run_and_write(leaf: Specialization, inputs: list[Any]) -> Any:
        changes = leaf.trace.changes
        if changes is None or changes.edits:
            return run(leaf, inputs)
        if draws(leaf.trace.graph):
            raise errors.ArgumentWrite(
                "The function changes objects outside of it and draws random numbers, so it has "
                "no derivative.",
                None,
                "draw them outside of the function, or return what it writes",
            )
        values = leaf.program("state").run(*inputs) if changes.used() else ()
        result = run(leaf, inputs)
        written = dict(zip(changes.used(), values, strict=True))
        given = trees.unflatten(call.structure, call.leaves)
        changes.carry_out(given, written, function.__tracer_function__, call.leaves, False)
        return result

    return run_and_write


def trace_again(
    function: Traced, args: tuple, kwargs: dict[str, Any]
) -> tuple[Specialization, list[Any]]:
    """A trace for one call alone, to be interpreted, and its inputs."""
    call, names = prepare(function, args, kwargs)
    sized = call.key in function.cache.sized
    return _once(function, call.plain or call, names, sized, interpreted=True)


def _once(
    function: Traced,
    call: Call,
    names: Sequence[str],
    sized: bool = False,
    interpreted: bool = False,
) -> tuple[Specialization, list[Any]]:
    """A program for this call, which is not kept, and its inputs."""
    plain = function.__tracer_function__
    with same_again():
        trace = trace_call(function, call, names, getattr(function, "__name__", "f"), sized)
    leaf = Specialization(trace, "exact", interpreted)
    inputs = leaf.inputs(plain, call.leaves)
    if inputs is None:
        raise leaf.changed(plain, call.leaves)
    return leaf, inputs


# -- the usual call of plain arrays -------------------------------------------------------------
def enter_flat_call(
    function: Traced,
    what: Any,
    args: tuple,
    call: Call,
    program: tuple[Specialization, str, tuple[int, ...]],
    finish: Callable[[Any], Any],
) -> None:
    """Let calls of plain arrays like this one go straight to its program, where they may.

    ``program`` is named by its specialization, its kind and what it differentiates by; ``finish``
    makes the result of its outputs.
    """
    specialization, kind, wrt = program
    chosen, cache = settings.current(), function.cache
    checked = chosen.check if function.check is None else function.check
    if function.static or checked or not specialization.is_pure:
        return
    flat = flat_call(what, args)
    if flat is None or not _is_flat(call, args, flat[1]):
        return
    if len(cache.flat) > chosen.cache_size:
        cache.flat.clear()
    gather = None if specialization.takes_leaves(flat[1]) else specialization.inputs
    run = specialization.program(kind, wrt).run
    cache.flat[flat[0]] = specialization, chosen, gather, run, finish


def _is_flat(call: Call, args: tuple, leaves: Sequence[Any]) -> bool:
    """Whether these are the call's leaves, in order, and no default is among its arguments."""
    positional, named = call.structure.children
    if len(positional.children) != len(args) or named.keys or len(leaves) != len(call.leaves):
        return False
    return all([one is other for one, other in zip(leaves, call.leaves, strict=True)])
