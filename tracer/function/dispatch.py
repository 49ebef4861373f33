"""Which program a call runs: the specialization whose guards hold; a new trace where none does.

>>> dispatch(function, call_of(function, args, kwargs), run)

Programs are made for sizes that are not known before a call (of ``x[x > 0]``) where that can be;
where a rule must know them, for one size each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer import errors, settings, trees
from tracer.function.call_key import Call, flatten_call, with_static
from tracer.function.flat_calls import flat_key, flat_leaves, leaves_alone
from tracer.function.signature import bind
from tracer.function.specialization import Specialization
from tracer.function.trace_call import NeedsValues, leaf_names, specialize, trace_call
from tracer.function.weak_ints import BRANCHES, keep_static, with_weak_ints
from tracer.graph.evaluate import GuardMiss
from tracer.ops.seeds import one_call, replayed
from tracer.python.attributes import Traced
from tracer.recording.random.streams import draws
from tracer.recording.tensor.active import ACTIVE

ATTEMPTS = 30  # traces of one call whose branches depend on what no argument decides
# What rules raise that calculate with sizes, where a size is a Dim and no number.
UNSIZED = (TypeError, AttributeError, ValueError, errors.MissingRule)
Run = Callable[[Specialization, list[Any]], Any]


def call_of(function: Traced, args: tuple, kwargs: dict[str, Any]) -> Call:
    """The flat call, with all that selects its program."""
    args, kwargs, names = bind(function, args, kwargs)
    call = flatten_call(args, kwargs, names)
    call = with_static(call, function.static) if function.static else call
    return call if ACTIVE.get() is not None else with_weak_ints(function.cache, call)


@one_call
def dispatch(function: Traced, call: Call, run: Run, attempts: int = ATTEMPTS) -> Any:
    """Run the program whose guards hold, the last used first; trace a new one if none does."""
    search = Search(function, call)
    if search.serves(run):
        return search.result
    limit = settings.current().max_branches
    if search.missed >= limit:
        function.cache.count_miss(call.key)
    try:
        if call.weak and search.missed >= BRANCHES:
            raise NeedsValues(call.weak)
        keep = search.missed < limit
        specialization = specialize(function, call, search.why(), keep)
    except NeedsValues as needs:
        if search.specializations and needs.raised and call.plain is not None:
            return dispatch(function, call.plain, run)  # others of its values serve
        labels = leaf_names(call)
        which = ", ".join([labels[k] for k in sorted(needs.places)])
        function.cache.note(f"{which} is read: each value has its own program")
        return dispatch(function, keep_static(function.cache, call, needs.places), run)
    if len(search.specializations) > limit:  # programs for captured values that are gone
        with function.cache.lock:
            del search.specializations[limit:]
    with specialization.turn:
        return _run_new(function, call, run, specialization, attempts)


class Search:
    """The programs of one signature, tried in turn.

    Attributes
    ----------
    result
        Of the program that served, if one did.
    missed : int
        How many programs stand for other branches.
    reason : str
        Why the last of them did not; empty if there is none.
    """

    def __init__(self, function: Traced, call: Call):
        self.function = function
        self.call = call
        self.specializations = function.cache.specializations(call.key)
        self.result: Any = None
        self.missed = 0
        self.reason = ""

    def serves(self, run: Run) -> bool:
        """Whether one of the programs did it."""
        cache, key, limit = self.function.cache, self.call.key, settings.current().max_branches
        if not self.call.weak and len(self.specializations) >= limit and cache.skips_search(key):
            self.missed, self.reason = limit, "another branch, as in the calls before"
            return False
        for position, specialization in enumerate(list(self.specializations)):
            with specialization.turn:
                serves = self._runs(specialization, run)
            if serves:
                if position and self.specializations[0] is not specialization:
                    cache.move_to_front(key, specialization)
                cache.misses.pop(key, None)
                return True
        return False

    def why(self) -> str:
        """Why a new trace is needed."""
        if self.call.weak and not self.reason:
            labels = leaf_names(self.call)
            return f"{', '.join([labels[k] for k in sorted(self.call.weak)])} varies"
        return self.reason or ("new signature" if self.function.cache.entries else "first call")

    def _runs(self, specialization: Specialization, run: Run) -> bool:
        """Run one program, if it stands for this call; else say why it does not."""
        inputs = specialization.inputs(self.function.__tracer_function__, self.call.leaves)
        if inputs is None:
            self.reason = "a captured value changed"
            return False
        try:
            self.result = run(specialization, inputs)
        except GuardMiss as miss:
            self.reason = f"another branch (guard {miss.position})"
            self.missed += 1
            return False
        except errors.CheckFailed:
            self.function.cache.discard(self.call.key, specialization)
            raise
        except errors.TracerError as error:
            if not (isinstance(error, UNSIZED) and _has_free_sizes(specialization)):
                raise
            self.reason = "a rule that needs to know the sizes"
            return False
        except Exception as error:  # the user's code may catch it: a trace of it tells
            self.reason = f"a value that raises {type(error).__name__}"
            return False
        return True


def _run_new(
    function: Traced, call: Call, run: Run, specialization: Specialization, attempts: int
) -> Any:
    """Run the program that was traced for this very call."""
    plain = function.__tracer_function__
    inputs = specialization.inputs(plain, call.leaves)
    if inputs is None:
        function.cache.discard(call.key, specialization)
        raise specialization.changed(plain, call.leaves)
    try:
        return run(specialization, inputs)
    except GuardMiss:  # of np.random.seed(), say: its draws are others than in the trace
        if not attempts:
            raise errors.CheckFailed(
                f"{getattr(function, '__name__', 'f')} takes another way in every run.",
                None,
                "branch on numbers from a generator that is passed in, or made inside",
            ) from None
        return dispatch(function, call, run, attempts - 1)
    except Exception as error:
        function.cache.discard(call.key, specialization)
        sized = call.key in function.cache.sized
        if sized or not isinstance(error, UNSIZED) or not _has_free_sizes(specialization):
            raise
    finally:
        specialization.trace.traced_values.clear()
    with function.cache.sizing(call.key):
        return dispatch(function, call, run)


def _has_free_sizes(specialization: Specialization) -> bool:
    return any(
        [not spec.is_static for node in specialization.trace.graph.order for spec in node.specs]
    )


# -- calls that keep no program -----------------------------------------------------------------
def nested_or_dispatch(function: Traced, call: Call, run: Run) -> Any:
    """Inside a trace, ``run`` records a trace of the function in the one around it."""
    recorder = ACTIVE.get()
    if recorder is None:
        return dispatch(function, call, _with_writes(function, call, run))
    specialization, inputs = _uncached(function, call)
    recorded = len(recorder.nodes)
    try:
        return run(specialization, inputs)
    except UNSIZED:  # a rule that needs to know the sizes, unless something was recorded already
        again = not recorder.reads_sizes and _has_free_sizes(specialization)
        if not again or len(recorder.nodes) > recorded:
            raise
    return run(*_uncached(function, call, sized=True))


def _with_writes(function: Traced, call: Call, run: Run) -> Run:
    """``run``, after which what the function writes to objects from outside is written."""

    def run_and_write(specialization: Specialization, inputs: list[Any]) -> Any:
        changes = specialization.trace.changes
        if changes is None or changes.edits:
            return run(specialization, inputs)
        if draws(specialization.trace.graph):
            raise errors.ArgumentWrite(
                "The function changes objects outside of it and draws random numbers, so it has "
                "no derivative.",
                None,
                "draw them outside of the function, or return what it writes",
            )
        values = specialization.program("state").run(*inputs) if changes.written_outputs() else ()
        result = run(specialization, inputs)
        written = dict(zip(changes.written_outputs(), values, strict=True))
        given = trees.unflatten(call.structure, call.leaves)
        changes.apply(given, written, function.__tracer_function__, call.leaves, False)
        return result

    return run_and_write


def trace_again(
    function: Traced, args: tuple, kwargs: dict[str, Any]
) -> tuple[Specialization, list[Any]]:
    """A trace for one call alone, to be interpreted, and its inputs."""
    call = call_of(function, args, kwargs)
    sized = call.key in function.cache.sized
    return _uncached(function, call.plain or call, sized, interpreted=True)


def _uncached(
    function: Traced, call: Call, sized: bool = False, interpreted: bool = False
) -> tuple[Specialization, list[Any]]:
    """A program for this call, which is not kept, and its inputs."""
    plain = function.__tracer_function__
    with replayed():
        trace = trace_call(function, call, getattr(function, "__name__", "f"), sized)
    specialization = Specialization(trace, "exact", interpreted)
    inputs = specialization.inputs(plain, call.leaves)
    if inputs is None:
        raise specialization.changed(plain, call.leaves)
    return specialization, inputs


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
    key = flat_key(what, args)
    leaves = flat_leaves(args)
    if key is None or not _is_flat(call, args, leaves):
        return
    if len(cache.flat) > chosen.cache_size:
        cache.flat.clear()
    gather: Any = specialization.inputs
    if specialization.takes_leaves(len(leaves)):
        gather = leaves_alone if dict in [type(value) for value in args] else None
    run = specialization.program(kind, wrt).run
    cache.flat[key] = specialization, chosen, gather, run, finish


def _is_flat(call: Call, args: tuple, leaves: Sequence[Any]) -> bool:
    """Whether these are the call's leaves, in order, and no default is among its arguments."""
    positional, named = call.structure.children
    if len(positional.children) != len(args) or named.keys or len(leaves) != len(call.leaves):
        return False
    return all([one is other for one, other in zip(leaves, call.leaves, strict=True)])
