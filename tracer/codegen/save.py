"""Saved modules: generated code as a file that needs only NumPy and checks what it is given.

>>> save_module("loss_grad.py", header, joint, partition(joint), arguments)
>>> from loss_grad import value_and_grad
"""

from __future__ import annotations

import os

import numpy as np

from tracer.codegen.readable.module import module_text
from tracer.codegen.readable.wrapper import Arguments
from tracer.graph.calcgraph import CalcGraph
from tracer.transforms.partition import Partition


def save_module(
    path: str | os.PathLike[str],
    header: str,
    joint: CalcGraph,
    parts: Partition | None = None,
    arguments: Arguments | None = None,
) -> None:
    """Write the readable form to a file, with large constants in an ``.npz`` beside it.

    Parameters
    ----------
    path : str or os.PathLike
        Of the ``.py`` file.
    header, joint, parts, arguments
        As for `write_module`.

    Raises
    ------
    TracerError
        If the program uses something that plain NumPy code can't say.
    """
    target = os.fspath(path)
    source, arrays, _ = module_text(header, joint, parts, arguments, checked=True)
    with open(target, "w", encoding="utf-8", newline="\n") as file:
        file.write(source)
    beside = target.removesuffix(".py") + ".npz"
    if arrays:
        np.savez(beside, allow_pickle=False, **arrays)
