"""What a function changes of the dicts, lists and dataclasses that it is given, done again.

A trace runs on containers of its own. What it puts into them, or takes out, is kept as recipes;
each call carries them out on the caller's containers, after the program has run.

>>> def step(params, g):
...     params["w"] = params["w"] - 0.1 * g    # put into the caller's dict
...     params["history"].append(g.sum())      # and into the list in it
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tracer import trees
from tracer.graph.calcgraph import CalcGraph
from tracer.recording.captures.containers import TABLES, field_names
from tracer.recording.captures.paths import Path
from tracer.recording.writeback.places import Mutation, ValueSource, find


@dataclass(frozen=True, slots=True)
class Made:
    """A container to be made: its class, what else that needs, its keys, and what is in it."""

    kind: type
    data: Any
    keys: tuple[Any, ...]
    items: tuple[ValueSource, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One container of the arguments: which items are set, in which order all stand at the end.

    Of a list ``items`` are all, and ``keys`` their positions.
    """

    number: int
    keys: tuple[Any, ...]
    items: tuple[ValueSource | None, ...]  # None for what stays


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
    result: ValueSource | None  # None: as `Trace.outputs` makes it
    places: tuple[Mutation, ...]
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

        def have(recipe: ValueSource) -> Any:
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
