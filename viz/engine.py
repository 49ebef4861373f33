"""Who lays the picture out: $TRACER_DOT, then dot on PATH, then graphviz-pure.

>>> lay_out("digraph { a -> b }")[:5]
'<?xml'
>>> [name for name, path in engines()]
['TRACER_DOT', 'dot', 'graphviz-pure']
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from tracer.errors import NoLayoutEngine

TIMEOUT = 30.0  # seconds an engine may take


def engines() -> Iterator[tuple[str, str]]:
    """The engines there are, best first, as (name, path of the executable)."""
    chosen = os.environ.get("TRACER_DOT", "")
    if chosen:
        yield "TRACER_DOT", chosen
    found = shutil.which("dot")
    if found:
        yield "dot", found
    beside = os.pathsep.join((sysconfig.get_path("scripts"), str(Path(sys.executable).parent)))
    pure = shutil.which("graphviz-pure", path=beside) or shutil.which("graphviz-pure")
    if pure:
        yield "graphviz-pure", pure


class TooSlow(NoLayoutEngine):
    """The layout took too long; a picture with fewer boxes may be possible."""


def lay_out(source: str, form: str = "svg", engine: str = "dot", timeout: float = TIMEOUT) -> str:
    """The layout of a DOT source by the first engine that manages it.

    Raises
    ------
    NoLayoutEngine
        If there is none, or each of them failed or took longer than ``timeout`` seconds.
    """
    failures = []
    kind = NoLayoutEngine
    for name, path in engines():
        try:
            done = subprocess.run(
                [path, f"-K{engine}", f"-T{form}"],
                input=source.encode(),
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            failures.append(f"{name} ({path}) took longer than {timeout:g} s")
            kind = TooSlow
            continue
        except OSError as error:
            failures.append(f"{name} ({path}): {error.strerror or error}")
            continue
        if done.returncode == 0 and done.stdout:
            return done.stdout.decode()
        said = done.stderr.decode(errors="replace").strip().splitlines()
        failures.append(f"{name} ({path}) ended with {done.returncode}: {said[-1] if said else ''}")
    reasons = "; ".join(failures) or "none was found"
    raise kind(
        f"No Graphviz engine could lay out the picture: {reasons}.",
        fix="pip install graphviz-pure, or point TRACER_DOT at a dot executable",
    )
