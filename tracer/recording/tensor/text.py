"""Text made of traced values: printed, it is what it was while tracing; asked, it is guarded.

>>> print(f"loss {loss:.3f}")           # once, while tracing
>>> rate = RATES[f"{x[0]:.1f}"]         # the program holds while this text is the same
>>> float(f"{x[0]:.3f}")
LeakError: A number was read from the text of a traced value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from tracer.graph.calcgraph import Guard
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.spec import WEAK_SPECS
from tracer.ops import registry
from tracer.python.attributes import own
from tracer.recording.tensor.active import ACTIVE, leak


@dataclass(frozen=True, slots=True)
class Source:
    """One traced value that a text was made of, ``how`` and ``spec`` as in `registry.TEXT_IS`."""

    node: Node
    how: str
    spec: str
    text: str


class TracedText(str):
    """A string that holds the digits of traced values as they were while tracing."""

    __slots__ = ("sources",)
    sources: tuple[Source, ...]

    def refuse(self, *args: Any) -> NoReturn:
        raise leak(
            "A number was read from the text of a traced value; it would be the same in every "
            "call.",
            "calculate with the value itself",
        )

    __float__ = __int__ = __index__ = __complex__ = refuse

    def settled(self) -> str:
        """The plain string. The program holds while all that it was made of has the same text."""
        settle(self.sources)
        return str.__str__(self)

    def __str__(self) -> str:
        return self

    def __format__(self, spec: str) -> str:
        return made_of(format(str.__str__(self), spec), self.sources)


def made_of(text: str, sources: Iterable[Source]) -> str:
    """A text with all that it depends on."""
    sources = tuple(dict.fromkeys(sources))
    recorder = ACTIVE.get()
    if recorder is None or not sources:
        return text
    recorder.formatted = True
    recorder.texts.extend(sources)
    found = TracedText(text)
    found.sources = sources
    return found


def text_of(text: str, tensor: Any, how: str, spec: str = "") -> str:
    """The text of a traced value; the trace remembers that there is some."""
    recorder = ACTIVE.get()
    if recorder is None or tensor._known:
        return text
    return made_of(text, [Source(recorder.node_of(tensor), how, spec, text)])


def settle(sources: Iterable[Source]) -> None:
    """Guard the texts of values."""
    recorder = ACTIVE.get()
    if recorder is None:
        return
    for source in sources:
        key = (source.node, source.how, source.spec)
        if key in recorder.settled:
            continue
        recorder.settled.add(key)
        params = Params((HOLES[0], source.how, source.spec, source.text))
        place = recorder.place()
        origin = place.origin if place is not None else None
        node = recorder.add(
            registry.TEXT_IS, (source.node,), params, (WEAK_SPECS[bool],), "", "", origin
        )
        recorder.guards.append(Guard(node, True, "equals", origin))


def sources_in(value: Any) -> list[Source]:
    """What the texts among these values depend on."""
    if isinstance(value, TracedText):
        return list(value.sources)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple)):
        return [source for item in value for source in sources_in(item)]
    return []


def as_text(value: Any) -> Any:
    """The text of a traced value; other things as they are."""
    return str(value) if hasattr(value, "_recorder") else value


def keeps_texts(function: Any) -> bool:
    """Whether a function that is not seen keeps or writes texts, and decides nothing by them."""
    owner = own(function, "__self__")
    return isinstance(owner, KEEPERS) or own(function, "__name__", "") in WRITERS


KEEPERS = (list, dict, set, deque)
WRITERS = frozenset(
    {"write", "writelines", "str", "repr", "format", "list", "tuple", "sorted", "float", "int"}
)


def plain_texts(args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Arguments of code that is not seen: what it does with a text may depend on it."""
    if any([type(value) in HOLDERS for value in (*args, *kwargs.values())]):
        args = tuple([_plain(value) for value in args])
        kwargs = {name: _plain(value) for name, value in kwargs.items()}
    return args, kwargs


HOLDERS = frozenset({TracedText, list, tuple, dict})


def _plain(value: Any) -> Any:
    if type(value) is TracedText:
        return value.settled()
    if type(value) in HOLDERS:
        settle(sources_in(value))
    return value


def texts_made() -> int:
    """How many texts were made of traced values so far."""
    recorder = ACTIVE.get()
    return len(recorder.texts) if recorder is not None else 0


def made_since(before: int, text: str) -> str:
    """A string depends on the texts that were made for it."""
    recorder = ACTIVE.get()
    return text if recorder is None else made_of(text, recorder.texts[before:])


def text_method(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a plain string that may be given texts, or traced values to format."""

    def call(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None:
            return function(*args, **kwargs)
        if function.__name__ == "join" and not kwargs and len(args) == 1:
            args = (list(args[0]),)
        before = len(recorder.texts)
        made = function(*args, **kwargs)
        sources = [*recorder.texts[before:], *sources_in(args), *sources_in(kwargs)]
        if isinstance(made, str):
            return made_of(made, sources)
        settle(sources)
        return made

    return call


def _kept(name: str) -> Any:
    plain = getattr(str, name)

    def method(self: TracedText, *args: Any, **kwargs: Any) -> Any:
        sources = [*self.sources, *sources_in(args)]
        return made_of(plain(str.__str__(self), *args, **kwargs), sources)

    method.__name__ = name
    return method


def _decided(name: str) -> Any:
    plain = getattr(str, name)

    def method(self: TracedText, *args: Any, **kwargs: Any) -> Any:
        own = self.settled()
        args = tuple([arg.settled() if isinstance(arg, TracedText) else arg for arg in args])
        return plain(own, *args, **kwargs)

    method.__name__ = name
    return method


def _added(self: TracedText, left: str) -> Any:
    return made_of(left + str.__str__(self), self.sources)


KEPT = (
    "strip lstrip rstrip replace lower upper title capitalize casefold swapcase removeprefix "
    "removesuffix zfill rjust ljust center expandtabs translate join format __mod__ __add__ "
    "__mul__ __rmul__ format_map"
).split()
DECIDED = (
    "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __len__ __contains__ __iter__ __getitem__ "
    "startswith endswith find rfind index rindex count encode split rsplit splitlines partition "
    "rpartition isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric "
    "isprintable isspace istitle isupper"
).split()
for _name in KEPT:
    setattr(TracedText, _name, _kept(_name))
for _name in DECIDED:
    setattr(TracedText, _name, _decided(_name))
TracedText.__radd__ = _added  # type: ignore[attr-defined]
