"""Compilers that read an array's memory by themselves: they must refuse a traced array.

>>> class TracedTensor(np.ndarray):
...     __numba_array_subtype_dispatch__ = RefusedByNumba()

numba asks a subclass of ndarray for this attribute before it looks at the memory. To be asked is
the occasion to tell numba that these arrays have no type.
"""

from __future__ import annotations

import sys
from typing import Any

from tracer.recording.tensor.active import leak


class RefusedByNumba:
    """A descriptor; numba is loaded when it is read for the first time."""

    def __init__(self) -> None:
        self.registered: set[type] = set()

    def __get__(self, instance: Any, owner: type) -> bool:
        if owner not in self.registered and "numba" in sys.modules:
            from numba.extending import typeof_impl

            typeof_impl.register(owner)(_refuse)
            self.registered.add(owner)
        return True


def _refuse(value: Any, context: Any) -> None:
    raise leak(
        "A function compiled by numba was called with a traced array.",
        "call the plain Python function (f.py_func), or give it a rule with tracer.custom_vjp",
    )
