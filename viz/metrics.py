"""How wide text is, from our own advance table: layout engines know neither our fonts nor Unicode.

>>> width("tanh", 12)            # sans bold
28.5
>>> width("(32, 256)", 10, mono=True)
54.0
"""

from __future__ import annotations

import unicodedata

# Advances of a bold grotesque in 1/1000 em, by advance.
_SANS = {
    278: " ,./\\ijlI|",
    333: "!()-`ft:;[]",
    389: "r*{}",
    474: '"',
    238: "'",
    556: "#$0123456789_aceksvxyJ",
    611: "?bdghnopquFLTZ",
    500: "z",
    584: "+<=>^~",
    667: "EPSVXY",
    722: "&ABCDHKNRU",
    778: "wGOQ",
    833: "M",
    889: "%m",
    944: "W",
    975: "@",
}
ADVANCES = {letter: advance / 1000 for advance, letters in _SANS.items() for letter in letters}
SANS_MARGIN = 1.08  # fonts differ from each other by about as much


def advance(letter: str, mono: bool = False) -> float:
    """The advance of one character in em."""
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.6 if mono else ADVANCES.get(letter, 0.65)


def width(text: str, size: float, mono: bool = False) -> float:
    """The width of a run of text in points."""
    total = sum(advance(letter, mono) for letter in text) * size
    return round(total if mono else total * SANS_MARGIN, 1)


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, an ellipsis in place of the rest."""
    return text if len(text) <= length else text[: max(length - 1, 1)] + "…"
