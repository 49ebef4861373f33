"""A program for a call that none fits: the function is traced, and what comes of it is kept.

>>> specialization = specialize(function, call, reason="first call")
"""

from __future__ import annotations

import logging

from tracer import settings, trees
from tracer.function.call_key import Call
from tracer.function.specialization import Specialization
from tracer.function.weak_ints import serves_every_value
from tracer.python.attributes import Traced
from tracer.recording.arguments import FlatArguments
from tracer.recording.trace import Trace, trace_function
from tracer.rules.declare import load_rules

logger = logging.getLogger("tracer")


load_rules()  # before the first trace, whose hooks must not stand in for names in the rules


class NeedsValues(Exception):
    """Ints that vary are read by the function, or make it raise: each value its own program."""

    def __init__(self, places: frozenset[int], raised: bool = False):
        self.places = places
        self.raised = raised
        super().__init__(places)


def specialize(
    function: Traced,
    call: Call,
    reason: str,
    keep: bool = True,
) -> Specialization:
    """Trace the function for this call and remember the program, unless there are too many.

    Raises
    ------
    NeedsValues
        If ints that are inputs in this call must be parts of the program.
    """
    title = f"{getattr(function, '__name__', 'f')}({', '.join(call.names)})"
    sized = call.key in function.cache.sized
    if call.weak:
        trace = _trace_weak(function, call, title, sized)
    else:
        trace = trace_call(function, call, title, sized, keeps=not keep)
    specialization = Specialization(trace, settings.current().numerics, interpreted=not keep)
    if keep:
        function.cache.add(call.key, specialization, f"{title}: {reason}")
    elif not function.cache.full:
        function.cache.full = True
        logger.warning(
            "%s took more than %d ways through its branches: further ones are interpreted",
            title,
            settings.current().max_branches,
        )
    level = 30 if settings.current().log_retraces else 20
    logger.log(level, "traced %s: %s", title, reason)
    return specialization


def trace_call(
    function: Traced,
    call: Call,
    title: str,
    sized: bool = False,
    keeps: bool = False,
) -> Trace:
    """The function traced for a call; ``sized`` programs hold for one size of each value.

    ``keeps`` the values of the trace, for a call that no program will serve again.
    """
    plain, labels = function.__tracer_function__, leaf_names(call)
    arguments = FlatArguments(call.leaves, call.structure, labels, call.static, call.weak)
    return trace_function(plain, arguments, title, sized, keeps)


def _trace_weak(function: Traced, call: Call, title: str, sized: bool) -> Trace:
    """A trace with ints among its inputs, if it holds for all their values."""
    assert call.plain is not None
    plain = call.plain
    try:
        trace = trace_call(function, call, title, sized)
        places = serves_every_value(
            function.__tracer_function__,
            call,
            trace,
            lambda: trace_call(function, plain, title, sized),
        )
    except Exception as error:  # told of the call as it is
        raise NeedsValues(call.weak, True) from error
    if places:
        raise NeedsValues(places)
    return trace


# -- names of the inputs ------------------------------------------------------------------------
def leaf_names(call: Call) -> list[str]:
    """A name for each leaf: the last part of its path."""
    args, kwargs = trees.unflatten(call.structure, list(range(len(call.leaves))))
    found = [""] * len(call.leaves)
    for name, value in zip(call.names, [*args, *kwargs.values()], strict=True):
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
