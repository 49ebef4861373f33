"""Compilers that read memory by themselves refuse traced arrays."""

import functools
import sys
import types

import numpy as np
import pytest

from tracer import errors, trace
from tracer.recording.tensor.numba import RefusedByNumba


def test_numba_is_told_when_it_asks(monkeypatch):
    typeof = functools.singledispatch(lambda value, context: "array")
    extending = types.SimpleNamespace(typeof_impl=typeof)
    monkeypatch.setitem(sys.modules, "numba", types.ModuleType("numba"))
    monkeypatch.setitem(sys.modules, "numba.extending", extending)

    class Array(np.ndarray):
        __numba_array_subtype_dispatch__ = RefusedByNumba()

    array = np.ones(2).view(Array)
    assert typeof(array, None) == "array"
    assert array.__numba_array_subtype_dispatch__
    with pytest.raises(errors.LeakError, match="compiled by numba"):
        typeof(array, None)
    assert typeof(np.ones(2), None) == "array"


def test_numba_itself():
    numba = pytest.importorskip("numba", reason="numba is no dependency of the tests")

    @numba.njit
    def squares(x):
        total = 0.0
        for i in range(len(x)):
            total += x[i] * x[i]
        return total

    with pytest.raises(errors.LeakError, match="compiled by numba"):
        trace(lambda x: 2 * squares(x))(np.ones(3))
    assert squares(np.ones(3)) == 3.0
