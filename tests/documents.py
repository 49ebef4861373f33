"""Keeps the documents true: runs their code, compares what it prints, and regenerates lists and pictures.

$ python -m tests.documents            # exit code 1 if a page is stale
$ python -m tests.documents --write    # bring them up to date

On a page, the ``python`` blocks are one program. A ``text`` block right after one holds what it
prints; ``<!-- file: samples/x.py -->`` before a block makes it the text of that file.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import linecache
import re
import sys
from pathlib import Path

from docs import layers

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(
    r"(?P<open>(?:<!-- (?P<how>file|run): ?(?P<what>.*?) -->\n)?```(?P<kind>\w+)\n)"
    r"(?P<body>.*?)(?P<close>^```$)",
    re.DOTALL | re.MULTILINE,
)


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def renewed(page: Path) -> str:
    """The page as it must be: blocks of files and outputs renewed, code run on the way."""
    if page.name == "errors.md":
        return error_catalogue()
    if page.name == "coverage.md":
        return coverage_page(page)
    text = page.read_text(encoding="utf-8")
    scope: dict = {"__name__": "__page__"}
    program: list[str] = []
    printed: str | None = None
    made, end = [], 0
    for block in FENCE.finditer(text):
        body = block["body"]
        if block["how"] == "file":
            body = cut(block["what"])
        if block["kind"] == "python" and block["how"] != "file":
            printed = run(body, scope, program)
        elif block["kind"] == "text" and printed and text[end : block.start()].strip() == "":
            body = printed.rstrip("\n") + "\n"
        made += [text[end : block.start()], block["open"], body, block["close"]]
        end = block.end()
    return "".join([*made, text[end:]])


def coverage_page(page: Path) -> str:
    """``docs/coverage.md``, made anew if it is there for this version of NumPy."""
    from tracer.catalogue import coverage

    text = page.read_text(encoding="utf-8")
    return coverage.page() if coverage.VERSIONS in text or not text else text


def cut(what: str) -> str:
    """A file's text; ``path:name`` is one function of it, ``path:3-9`` its lines."""
    path, _, part = what.partition(":")
    text = (ROOT / path).read_text(encoding="utf-8")
    if not part:
        return text
    if match := re.fullmatch(r"(\d+)-(\d+)", part):
        return "\n".join(text.splitlines()[int(match[1]) - 1 : int(match[2])]) + "\n"
    found = re.search(rf"^((?:@.*\n)*def {part}\(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, what
    return found[1].rstrip() + "\n"


def run(body: str, scope: dict, program: list[str]) -> str:
    """Execute a block; to linecache the page's blocks so far are one file, ``example.py``."""
    offset = len(program)
    program += body.splitlines(keepends=True)
    linecache.cache["example.py"] = (0, None, program, "example.py")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile("\n" * offset + body, "example.py", "exec"), scope)
    return out.getvalue()


EXAMPLE = re.compile(r"^(?:>>>|\.\.\.).*(?:\n(?:>>>|\.\.\.).*)*", re.MULTILINE)
NAMES = """
import pickle
import struct
import numpy as np
from tracer import cond, fori_loop, grad, trace, vmap
from tracer.graph.check import check
"""


def message_of(kind: type, example: str) -> str:
    """What the example of an exception class raises: its name and its message."""
    scope: dict = {"__name__": "__page__"}
    exec(NAMES, scope)
    body = re.sub(r"^(?:>>>|\.\.\.) ?", "", example, flags=re.MULTILINE) + "\n"
    try:
        run(body, scope, [])
    except Exception as error:
        assert type(error) is kind, (kind, error)
        return f"{kind.__name__}: {error}"
    raise AssertionError(f"the example of {kind.__name__} raises nothing")


def error_catalogue() -> str:
    """``docs/errors.md`` from the exception classes' docstrings, with their examples run."""
    from tracer import errors

    parts = [
        "# Errors\n\n"
        "Every error says what happened, where in your code, and what to do. All derive from\n"
        "`tracer.errors.TracerError` and from the built-in exception that fits.\n\n"
        "Your own exceptions, and NumPy's, reach you as they are. Tracebacks show your frames and\n"
        "NumPy's; `TRACER_FULL_TRACEBACK=1` in the environment shows this package's, too. Warnings of\n"
        "floating-point errors come once, at your line, as `np.errstate` and the warning filters say.\n"
    ]
    for name, kind in vars(errors).items():
        if not inspect.isclass(kind) or not issubclass(kind, errors.TracerError):
            continue
        if kind is errors.TracerError:
            continue
        bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
        text = (inspect.getdoc(kind) or "").replace("``", "`")
        text = re.sub(r"^Fix: ", "**Fix:** ", text, flags=re.MULTILINE)
        text = EXAMPLE.sub(
            lambda found, kind=kind: f"```pycon\n{found[0]}\n{message_of(kind, found[0])}\n```",
            text,
        )
        parts.append(f"\n## {name}\n\n*{bases}*\n\n{text.strip()}\n")
    return "".join(parts)


def main(arguments: list[str]) -> int:
    stale = []
    for page in pages():
        text = renewed(page)
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(page)
            if "--write" in arguments:
                page.write_text(text, encoding="utf-8")
    pictures = layers.stale()
    stale += pictures
    if "--write" in arguments:
        layers.draw(pictures)
    names = ", ".join(str(page.relative_to(ROOT)) for page in stale)
    print(f"renewed: {names}" if stale else "documents are up to date")
    return 1 if stale and "--write" not in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
