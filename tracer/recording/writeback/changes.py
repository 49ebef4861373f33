"""What a function changes of the dicts, lists and dataclasses that it is given, done again.

A trace runs on containers of its own. What it puts into them, or takes out, is kept as recipes;
each call carries them out on the caller's containers, after the program has run.

>>> def step(params, g):
...     params["w"] = params["w"] - 0.1 * g    # put into the caller's dict
...     params["history"].append(g.sum())      # and into the list in it
"""

from __future__ import annotations

import types
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.graph.calcgraph import CalcGraph
from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own
from tracer.recording.captures.containers import ABSENT, TABLES, Containers, field_names, items_of
from tracer.recording.captures.paths import Path
from tracer.recording.captures.state import Place, find
from tracer.recording.hooks.foreign_calls import refuse_untraced
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.text import TracedText

# What is the same thing in every call, if it was made in the trace.
CONSTANT = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
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


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to have a value in a later call.

    ``kind`` is ``"leaf"`` or ``"container"`` (of the arguments, ``what`` is its number),
    ``"output"`` (of the program), ``"path"`` (a captured object), ``"value"`` (a constant) or
    ``"new"`` (a container made in the trace, ``what`` is its number among these).
    """

    kind: str
    what: Any


@dataclass(frozen=True, slots=True)
class Made:
    """A container to be made: its class, what else that needs, its keys, and what is in it."""

    kind: type
    data: Any
    keys: tuple[Any, ...]
    items: tuple[Recipe, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One container of the arguments: which items are set, in which order all stand at the end.

    Of a list ``items`` are all, and ``keys`` their positions.
    """

    number: int
    keys: tuple[Any, ...]
    items: tuple[Recipe | None, ...]  # None for what stays


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What to do with the caller's containers, and the result made of what was there.

    Attributes
    ----------
    edits : tuple of Edit
    made : tuple of Made
        Containers that the function has made and put into the caller's, or returned.
    result : Recipe
    places : tuple of Place
        What becomes of objects and variables from outside.
    apart : tuple of Path
        The ways to other objects, none of which is one that is written to.
    graph : CalcGraph
        The trace's graph, with all values that are put somewhere among its outputs.
    """

    edits: tuple[Edit, ...]
    made: tuple[Made, ...]
    result: Recipe | None  # None: as `Trace.outputs` makes it
    places: tuple[Place, ...]
    apart: tuple[Path, ...]
    graph: CalcGraph

    def holds(self, function: Any, leaves: list[Any]) -> bool:
        """Whether what is written to is there, and no two of it are one object."""
        return find(self.places, self.apart, function, leaves) is not None

    def used(self) -> tuple[int, ...]:
        """Which outputs of ``graph`` are written somewhere."""
        found: dict[int, None] = {}
        recipes = [recipe for place in self.places for _, recipe in place.sets]
        seen: set[int] = set()
        while recipes:
            recipe = recipes.pop()
            if recipe is None:
                continue
            if recipe.kind == "output":
                found[recipe.what] = None
            elif recipe.kind == "new" and recipe.what not in seen:
                seen.add(recipe.what)
                recipes += self.made[recipe.what].items
        return tuple(sorted(found))

    def carry_out(
        self, arguments: Any, values: Any, function: Any, leaves: list[Any], returns: bool = True
    ) -> Any:
        """Change the caller's containers and objects; the result.

        Parameters
        ----------
        arguments : tuple of args and kwargs
            Those of the call, with its own containers.
        values : sequence or dict
            The outputs of ``graph``, by their numbers.
        function, leaves
            Where captured objects are found.
        returns : bool
            Whether the result is asked for.
        """
        containers = list(trees.containers(arguments))
        own = trees.flatten(arguments)[0]
        done: dict[int, Any] = {}

        def have(recipe: Recipe) -> Any:
            kind, what = recipe.kind, recipe.what
            if kind == "leaf":
                return own[what]
            if kind == "container":
                return containers[what]
            if kind == "output":
                return values[what]
            if kind == "path":
                return what.read(function, leaves)
            if kind == "value":
                return what
            if what not in done:
                _make(self.made[what], what, done, have)
            return done[what]

        ready = [[None if r is None else have(r) for r in edit.items] for edit in self.edits]
        things = find(self.places, (), function, leaves) or []
        fresh = [[None if r is None else have(r) for _, r in place.sets] for place in self.places]
        result = have(self.result) if returns and self.result is not None else None
        for place, thing, items in zip(self.places, things, fresh, strict=True):
            place.write(thing, items)
        for edit, items in zip(self.edits, ready, strict=True):
            _change(containers[edit.number], edit, items)
        return result


def _make(made: Made, number: int, done: dict[int, Any], have: Any) -> None:
    """A new container; lists and dicts may hold themselves."""
    if made.kind is list:
        done[number] = []
        done[number].extend([have(item) for item in made.items])
    elif made.kind in TABLES:
        done[number] = defaultdict(made.data) if made.kind is defaultdict else made.kind()
        for key, item in zip(made.keys, made.items, strict=True):
            done[number][key] = have(item)
    else:
        items = [have(item) for item in made.items]
        done[number] = trees.rebuilt(made.kind, made.keys, items, made.data)


def _change(container: Any, edit: Edit, items: list[Any]) -> None:
    kind = type(container)
    pairs = list(zip(edit.keys, edit.items, items, strict=True))
    if kind is list:
        held = list(container)
        container[:] = [held[key] if recipe is None else item for key, recipe, item in pairs]
    elif kind in TABLES:
        for key in [key for key in container if key not in edit.keys]:
            del container[key]
        for key, recipe, item in pairs:
            if recipe is not None:
                container[key] = item
        if tuple(container) != edit.keys:
            rows = [(key, container[key]) for key in edit.keys]
            container.clear()
            container.update(rows)
    else:
        for name in [name for name in field_names(kind) if name not in edit.keys]:
            object.__delattr__(container, name)
        for name, recipe, item in pairs:
            if recipe is not None:
                object.__setattr__(container, name, item)


# -- what a trace has changed ---------------------------------------------------------------------
Parts = tuple[
    tuple[Edit, ...], tuple[Made, ...], Recipe | None, tuple[Place, ...], tuple[Path, ...]
]


def written_down(
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
    own = given.put_back()
    if own is not None:
        raise leak(
            f"The function changed a {type(own).__name__} that it was given as an argument.",
            "copy it first, and return it; of dicts, lists and dataclasses changes are carried out",
            errors.CaptureMutationError,
        )
    changed = given.changed()
    writer = Writer(given, everything, captures)
    places = captures.state.edits(writer) if captures.recorder.enclosing is None else ()
    if not changed and not places:
        return everything, None
    edits = tuple([writer.edit(number) for number in changed])
    found = writer.recipe(result) if changed else writer.attempt(result)
    apart = captures.state.apart(places)
    return everything, (edits, tuple(writer.made), found, places, apart)


class Writer:
    """Writes down where each value that was put somewhere comes from."""

    def __init__(self, given: Containers, outputs: list[TracedTensor], captures: Any):
        self.given = given
        self.captures = captures
        self.outputs = outputs
        self.made: list[Made] = []
        self.kept: list[Any] = []  # so that no other object takes the place of one in memory
        self.known: dict[int, Recipe] = {}
        for number, tensor in enumerate(outputs):
            self.known.setdefault(id(tensor), Recipe("output", number))
        for number, leaf in enumerate(given.leaves):
            if not isinstance(leaf, CONSTANT):
                twice = id(leaf) in self.known and not isinstance(leaf, TracedTensor)
                # which of the two it is may differ between calls of one signature
                self.known[id(leaf)] = Recipe("twice" if twice else "leaf", number)
        for number, container in enumerate(given.all):
            self.known[id(container)] = Recipe("container", number)
        self.is_outermost = captures.recorder is ACTIVE.get()
        for path, tensor, _ in captures.lifted.values() if self.is_outermost else ():
            if tensor._buffer is None or not tensor._buffer.version:
                self.known[id(tensor)] = Recipe("path", path)

    def recipe(self, value: Any) -> Recipe:
        """Where a value is to be had in later calls.

        Raises
        ------
        CaptureMutationError
            For an object that was made in the trace and would be one and the same in all calls.
        """
        value = own(value, "__tracer_plain_function__", value)
        value = original_of(value) if callable(value) else value
        known = self.known.get(id(value))
        if known is not None:
            if known.kind == "twice":
                raise leak(
                    "The function put an object somewhere that it was given twice.",
                    "pass it once",
                    errors.CaptureMutationError,
                )
            return known
        self.kept.append(value)
        if isinstance(value, TracedTensor):
            self._refuse_inner(value)
            self.outputs.append(value)
            return self._know(value, Recipe("output", len(self.outputs) - 1))
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
            return Recipe("value", value)
        if path is not None:
            return self._know(value, Recipe("path", path))
        return self._made(value)

    def attempt(self, result: Any) -> Recipe | None:
        """The recipe of a result; None if it is one that is made of its leaves alone."""
        recorder, count, made = self.captures.recorder, len(self.outputs), len(self.made)
        leaked, known = recorder.leaked, dict(self.known)
        try:
            return self.recipe(result)
        except errors.CaptureMutationError:
            recorder.leaked = leaked
            self.known = known
            del self.outputs[count:], self.made[made:]
            return None

    def _refuse_inner(self, tensor: TracedTensor) -> None:
        if self.is_outermost and tensor._recorder is not self.captures.recorder:
            raise leak(
                "A value of a derivative, a loop or a checkpoint was put into an object outside.",
                "return it, and put it there outside of the inner function",
                errors.CaptureMutationError,
            )

    def _know(self, value: Any, recipe: Recipe) -> Recipe:
        self.known[id(value)] = recipe
        return recipe

    def _made(self, value: Any) -> Recipe:
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
        number = len(self.made)
        self.made.append(Made(kind, data, keys, ()))
        recipe = self._know(value, Recipe("new", number))
        self.made[number] = Made(kind, data, keys, tuple([self.recipe(item) for item in items]))
        return recipe

    def edit(self, number: int) -> Edit:
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
            items.append(None if stays else self.recipe(item))
        self.refuse_keys(keys)
        if is_dataclass(type(container)) and not set(keys) <= set(field_names(type(container))):
            raise leak(
                f"The function gave a {type(container).__name__} an attribute that is no field.",
                "declare it among the fields",
                errors.CaptureMutationError,
            )
        return Edit(number, tuple(keys), tuple(items))

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
