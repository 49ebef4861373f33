"""Whose code a file is: the user's, a library's, or this package's.

>>> is_library(np.__file__), is_users("model.py")
(True, True)"""

from __future__ import annotations

import inspect
import os
import sysconfig

HOME = os.path.abspath(os.path.join(__file__, *[os.pardir] * 4))
OWN_FOLDERS = tuple([os.path.join(HOME, name, "") for name in ("tracer", "viz")])
SAMPLES = os.path.join(HOME, "tracer", "samples", "")  # where the demo's user code is installed
LIBRARIES = frozenset(
    {"numpy", "scipy", "pandas", "numba", "networkx", "graphviz", "functools", "contextlib"}
)
OWN_FILES: dict[str, bool] = {}
KEPT = 2_000  # files, and codes with the positions of all their instructions
# What is resumed from elsewhere has another caller each time.
YIELDING = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
STANDARD = sysconfig.get_paths()["stdlib"] + os.sep


def is_library(filename: str) -> bool:
    """Whether code of this file is ours or a numerical library's, not the user's."""
    found = OWN_FILES.get(filename)
    if found is None:
        path = _absolute(filename)
        found = path.startswith(OWN_FOLDERS) and not path.startswith(SAMPLES)
        if "site-packages" in path or f"{os.sep}lib{os.sep}python" in path:
            parts = set(path.replace("\\", "/").split("/"))
            found = found or bool(parts & LIBRARIES) or os.path.basename(path)[:-3] in LIBRARIES
        found = found or filename.startswith("<__array_function__") or filename == "<frozen runpy>"
        if len(OWN_FILES) > KEPT:
            OWN_FILES.clear()
        OWN_FILES[filename] = found
    return found


def _absolute(filename: str) -> str:
    try:
        return os.path.abspath(filename)
    except OSError:  # the working directory is gone: no file of ours is relative to it
        return filename


def is_users(filename: str) -> bool:
    """Whether what code of this file reads may change: neither a library's nor Python's own."""
    if filename.startswith("<frozen ") or is_library(filename):
        return False
    return not filename.startswith(STANDARD) or "site-packages" in filename
