"""What a trace has put somewhere, written down: where later calls have each value from.

>>> writer.source_of(x * 2)     # self.cache = x * 2
ValueSource(kind='output', what=1)
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own
from tracer.recording.captures.captures import Captures
from tracer.recording.captures.containers import ABSENT, Containers, field_names, items_of
from tracer.recording.captures.paths import Path
from tracer.recording.captures.snapshots import Snapshot, VariableSnapshot
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.leaks import refuse_untraced
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.text import TracedText
from tracer.recording.writeback.changes import ContainerEdit, NewContainer
from tracer.recording.writeback.places import Mutation, ValueSource

FIXED_VALUES = (bool, int, float, complex, str, bytes, type(None))  # the same in each call
# What is the same thing in every call, if it was made in the trace.
CONSTANT = (
    *FIXED_VALUES,
    np.generic,
    np.dtype,
    type,
    range,
    slice,
    type(Ellipsis),
    types.BuiltinFunctionType,
    np.ufunc,
    type(np.sum),
)
Parts = tuple[
    tuple[ContainerEdit, ...],
    tuple[NewContainer, ...],
    ValueSource | None,
    tuple[Mutation, ...],
    tuple[Path, ...],
]


def variable_mutation(variable: VariableSnapshot, writer: Writer) -> Mutation:
    kind = "name" if isinstance(variable.place, dict) else "cell"
    now = variable.now()
    sets = () if now is ABSENT else ((variable.name, writer.source_of(now)),)
    return Mutation(variable.path, kind, sets)


def object_mutation(held: Snapshot, writer: Writer, captures: Captures) -> Mutation:
    path, now = held.path, held.now()
    if held.kind == "own":
        raise leak(
            f"The function changed {path or 'a container'} outside of it, a "
            f"{type(held.thing).__name__}.",
            "use a dict or a list, or return it",
            errors.CaptureMutationError,
        )
    if held.kind == "rows":
        added = held.added()
        if added is not None:
            return Mutation(path, "grow", tuple([(None, writer.source_of(v)) for v in added]))
        captures.guard_initial(path, held.thing)
        return Mutation(path, "rows", tuple([_row(held, k, v, writer) for k, v in enumerate(now)]))
    gone = tuple([key for key in held.before if key not in now])
    sets = [
        (key, writer.source_of(value))
        for key, value in now.items()
        if key in held.written or held.before.get(key, ABSENT) is not value
    ]
    for key in gone:
        captures.guards.add_value(
            path.then("has" if held.kind == "attr" else "contains", key), True
        )
    kept = [key for key in held.before if key in now]
    if held.kind == "table" and list(now)[: len(kept)] != kept:
        captures.guard_initial(path, held.thing)  # the order of its keys is another
        gone = tuple(held.before)
        sets = [(key, writer.source_of(value)) for key, value in now.items()]
    writer.refuse_keys([key for key, _ in sets])
    return Mutation(path, held.kind, tuple(sets), gone)


def mutations(captures: Captures, writer: Writer) -> tuple[Mutation, ...]:
    """How to write again all that was written outside of the function."""
    state = captures.state
    changed = state.changed()
    for variable in state.variables.values():
        if not variable.changed() and variable.before is not ABSENT:
            # it may have been given what it had before
            captures.guard_initial(variable.path, variable.before)
    variables = [held for held in changed if isinstance(held, VariableSnapshot)]
    objects = [held for held in changed if isinstance(held, Snapshot)]
    for variable in variables:
        _note_counter(captures, variable.path, variable.before)
    for held in objects:
        for key, value in held.before.items() if isinstance(held.before, dict) else ():
            if held.is_new(key, value):
                step = "attr" if held.kind == "attr" else "item"
                _note_counter(captures, held.path.then(step, key), value)
    places = [variable_mutation(variable, writer) for variable in variables]
    return (*places, *[object_mutation(held, writer, captures) for held in objects])


def _note_counter(captures: Captures, path: Path, before: Any) -> None:
    """An int that was read and then written: the next trace takes it as an input."""
    if type(before) is int and path.key() in captures.guards:
        captures.state.counters.places.add((path.root, path.steps))


def unaliased(captures: Captures, places: Sequence[Mutation]) -> tuple[Path, ...]:
    """The ways to other objects of the classes that were written to."""
    written = {place.path.key() for place in places}
    snapshots = captures.state.objects.values()
    kinds = {type(held.thing) for held in snapshots if held.path.key() in written}
    return tuple(
        [
            held.path
            for held in snapshots
            if type(held.thing) in kinds
            and held.path.key() not in written
            and not isinstance(held.thing, (type, types.FunctionType))
        ]
    )


def _row(held: Snapshot, place: int, value: Any, writer: Writer) -> tuple[Any, ValueSource | None]:
    """One row at the end: what was there before, or in another place, or something new."""
    before = held.before
    if place < len(before) and before[place] is value and place not in held.written:
        return place, None
    if not isinstance(value, FIXED_VALUES):
        for number, other in enumerate(before):
            if other is value:
                return number, None
    return None, writer.source_of(value)


def record_changes(
    given: Containers, result: Any, outputs: Sequence[TracedTensor], captures: Any
) -> tuple[list[TracedTensor], Parts | None]:
    """What the function has changed of its arguments; None if it has left them as they were.

    Returns
    -------
    everything : list of TracedTensor
        The outputs, then other Tensors that were put into arguments.
    parts : tuple or None
        Of `Changes`, all but the graph.
    """
    everything = list(outputs)
    own = given.restore()
    if own is not None:
        raise leak(
            f"The function changed a {type(own).__name__} that it was given as an argument.",
            "copy it first, and return it; of dicts, lists and dataclasses changes are carried out",
            errors.CaptureMutationError,
        )
    changed = given.changed()
    writer = Writer(given, everything, captures)
    places = mutations(captures, writer)
    if not changed and not places:
        return everything, None
    edits = tuple([writer.edit(number) for number in changed])
    found = writer.source_of(result) if changed else writer.try_source_of(result)
    others = unaliased(captures, places)
    return everything, (edits, tuple(writer.created), found, places, others)


class Writer:
    """Writes down where each value that was put somewhere comes from."""

    def __init__(self, given: Containers, outputs: list[TracedTensor], captures: Any):
        self.given = given
        self.captures = captures
        self.outputs = outputs
        self.created: list[NewContainer] = []
        self.alive: list[Any] = []  # so that no other object takes the place of one in memory
        self.sources: dict[int, ValueSource] = {}
        for number, tensor in enumerate(outputs):
            self.sources.setdefault(id(tensor), ValueSource("output", number))
        for number, leaf in enumerate(given.leaves):
            if not isinstance(leaf, CONSTANT):
                twice = id(leaf) in self.sources and not isinstance(leaf, TracedTensor)
                # which of the two it is may differ between calls of one signature
                self.sources[id(leaf)] = ValueSource("twice" if twice else "leaf", number)
        for number, container in enumerate(given.all):
            self.sources[id(container)] = ValueSource("container", number)
        self.is_outermost = captures.recorder is ACTIVE.get()
        for path, tensor, _ in captures.lifted.values() if self.is_outermost else ():
            if tensor._buffer is None or not tensor._buffer.version:
                self.sources[id(tensor)] = ValueSource("path", path)

    def source_of(self, value: Any) -> ValueSource:
        """Where a value is to be had in later calls.

        Raises
        ------
        CaptureMutationError
            For an object that was made in the trace and would be one and the same in all calls.
        """
        value = own(value, "__tracer_plain_function__", value)
        value = original_of(value) if callable(value) else value
        known = self.sources.get(id(value))
        if known is not None:
            if known.kind == "twice":
                raise leak(
                    "The function put an object somewhere that it was given twice.",
                    "pass it once",
                    errors.CaptureMutationError,
                )
            return known
        self.alive.append(value)
        if isinstance(value, TracedTensor):
            self._refuse_inner(value)
            self.outputs.append(value)
            return self._register(value, ValueSource("output", len(self.outputs) - 1))
        if isinstance(value, TracedText):
            raise leak(
                "The text of a traced value was put into an object outside; it would be the same "
                "in every call.",
                "put the value itself there",
                errors.CaptureMutationError,
            )
        refuse_untraced([value])
        path = self.captures.path_of(value)
        if isinstance(value, CONSTANT):
            return ValueSource("value", value)
        if path is not None:
            return self._register(value, ValueSource("path", path))
        return self._new_container(value)

    def try_source_of(self, result: Any) -> ValueSource | None:
        """The source of a result; None if it is one that is made of its leaves alone."""
        recorder, count, made = self.captures.recorder, len(self.outputs), len(self.created)
        leaked, known = recorder.leaked, dict(self.sources)
        try:
            return self.source_of(result)
        except errors.CaptureMutationError:
            recorder.leaked = leaked
            self.sources = known
            del self.outputs[count:], self.created[made:]
            return None

    def _refuse_inner(self, tensor: TracedTensor) -> None:
        if self.is_outermost and tensor._recorder is not self.captures.recorder:
            raise leak(
                "A value of a derivative, a loop or a checkpoint was put into an object outside.",
                "return it, and put it there outside of the inner function",
                errors.CaptureMutationError,
            )

    def _register(self, value: Any, source: ValueSource) -> ValueSource:
        self.sources[id(value)] = source
        return source

    def _new_container(self, value: Any) -> ValueSource:
        kind = type(value)
        structure = trees.opened(value)
        if structure is None or (is_dataclass(kind) and len(items_of(value)) != len(structure[0])):
            raise leak(
                f"The function put a new {kind.__name__} into an object outside.",
                "return it instead: it would be one and the same in all calls",
                errors.CaptureMutationError,
            )
        keys, items, data = structure
        self.refuse_keys(keys)
        number = len(self.created)
        self.created.append(NewContainer(kind, data, keys, ()))
        source = self._register(value, ValueSource("new", number))
        self.created[number] = NewContainer(
            kind, data, keys, tuple([self.source_of(item) for item in items])
        )
        return source

    def edit(self, number: int) -> ContainerEdit:
        """What became of one container of the arguments."""
        container, before = self.given.all[number], self.given.before[number]
        now = items_of(container)
        if not isinstance(now, dict) and type(container) is not list:
            raise leak(
                f"The function changed a {type(container).__name__} that it was given.",
                "copy it first, and return it",
                errors.CaptureMutationError,
            )
        if type(container) is list:
            kept = dict(enumerate(before))
            rows: Any = enumerate(now)
        else:
            kept, rows = before, now.items()
        keys, items = [], []
        for key, item in rows:
            keys.append(key)
            stays = kept.get(key, ABSENT) is item
            items.append(None if stays else self.source_of(item))
        self.refuse_keys(keys)
        if is_dataclass(type(container)) and not set(keys) <= set(field_names(type(container))):
            raise leak(
                f"The function gave a {type(container).__name__} an attribute that is no field.",
                "declare it among the fields",
                errors.CaptureMutationError,
            )
        return ContainerEdit(number, tuple(keys), tuple(items))

    @staticmethod
    def refuse_keys(keys: Sequence[Any]) -> None:
        """Keys are parts of the program: none may depend on a traced value."""
        for key in keys:
            if isinstance(key, (TracedText, TracedTensor)):
                raise leak(
                    "A key of a dict was made of a traced value; it would be the same in every "
                    "call.",
                    "use a key that does not depend on it",
                    errors.CaptureMutationError,
                )
