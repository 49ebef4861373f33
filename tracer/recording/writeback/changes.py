"""What a function changes of the dicts, lists and dataclasses that it is given, done again.

A trace runs on containers of its own. What it puts into them, or takes out, is written down;
each call does so on the caller's containers, after the program has run.

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
from tracer.recording.writeback.places import Mutation, ValueSource, resolve


@dataclass(frozen=True, slots=True)
class NewContainer:
    """A container to be made: its class, what else that needs, its keys, and what is in it."""

    kind: type
    data: Any
    keys: tuple[Any, ...]
    items: tuple[ValueSource, ...]


@dataclass(frozen=True, slots=True)
class ContainerEdit:
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
    edits : tuple of ContainerEdit
    created : tuple of NewContainer
        Containers that the function has made and put into the caller's, or returned.
    result : ValueSource
    mutations : tuple of Mutation
        What becomes of objects and variables from outside.
    unaliased : tuple of Path
        The ways to other objects, none of which is one that is written to.
    graph : CalcGraph
        The trace's graph, with all values that are put somewhere among its outputs.
    """

    edits: tuple[ContainerEdit, ...]
    created: tuple[NewContainer, ...]
    result: ValueSource | None  # None: as `Trace.outputs` makes it
    mutations: tuple[Mutation, ...]
    unaliased: tuple[Path, ...]
    graph: CalcGraph

    def holds(self, function: Any, leaves: list[Any]) -> bool:
        """Whether what is written to is there, and no two of it are one object."""
        return resolve(self.mutations, self.unaliased, function, leaves) is not None

    def written_outputs(self) -> tuple[int, ...]:
        """Which outputs of ``graph`` are written somewhere."""
        found: dict[int, None] = {}
        sources = [source for mutation in self.mutations for _, source in mutation.sets]
        seen: set[int] = set()
        while sources:
            source = sources.pop()
            if source is None:
                continue
            if source.kind == "output":
                found[source.what] = None
            elif source.kind == "new" and source.what not in seen:
                seen.add(source.what)
                sources += self.created[source.what].items
        return tuple(sorted(found))

    def apply(
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
        built: dict[int, Any] = {}

        def value_of(source: ValueSource) -> Any:
            kind, what = source.kind, source.what
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
            if what not in built:
                _make(self.created[what], what, built, value_of)
            return built[what]

        ready = [[None if r is None else value_of(r) for r in edit.items] for edit in self.edits]
        things = resolve(self.mutations, (), function, leaves) or []
        fresh = [
            [None if r is None else value_of(r) for _, r in mutation.sets]
            for mutation in self.mutations
        ]
        result = value_of(self.result) if returns and self.result is not None else None
        for mutation, thing, items in zip(self.mutations, things, fresh, strict=True):
            mutation.apply(thing, items)
        for edit, items in zip(self.edits, ready, strict=True):
            _change(containers[edit.number], edit, items)
        return result


def _make(made: NewContainer, number: int, built: dict[int, Any], value_of: Any) -> None:
    """A new container; lists and dicts may hold themselves."""
    if made.kind is list:
        built[number] = []
        built[number].extend([value_of(item) for item in made.items])
    elif made.kind in TABLES:
        built[number] = defaultdict(made.data) if made.kind is defaultdict else made.kind()
        for key, item in zip(made.keys, made.items, strict=True):
            built[number][key] = value_of(item)
    else:
        items = [value_of(item) for item in made.items]
        built[number] = trees.rebuilt(made.kind, made.keys, items, made.data)


def _change(container: Any, edit: ContainerEdit, items: list[Any]) -> None:
    kind = type(container)
    pairs = list(zip(edit.keys, edit.items, items, strict=True))
    if kind is list:
        held = list(container)
        container[:] = [held[key] if source is None else item for key, source, item in pairs]
    elif kind in TABLES:
        for key in [key for key in container if key not in edit.keys]:
            del container[key]
        for key, source, item in pairs:
            if source is not None:
                container[key] = item
        if tuple(container) != edit.keys:
            rows = [(key, container[key]) for key in edit.keys]
            container.clear()
            container.update(rows)
    else:
        for name in [name for name in field_names(kind) if name not in edit.keys]:
            object.__delattr__(container, name)
        for name, source, item in pairs:
            if source is not None:
                object.__setattr__(container, name, item)
