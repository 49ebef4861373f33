"""Interpolation, polynomials, and arrays with places taken out or put in."""

import numpy as np
import pytest

from tests.rules.agreement import agree, reals

A, v, at = reals(4, 3, seed=1), reals(5, seed=2), np.array([-1.0, 0.3, 2.2, 3.9, 7.0])
XP, FP = np.arange(6.0), reals(6, seed=3)
CASES = {
    "interp": (lambda x, f: np.interp(x, XP, f), at, FP),
    "interp of values": (lambda f: np.interp(at, XP, f), FP),
    "interp at": (lambda x: np.interp(x, XP, FP), at),
    "polyval": (np.polyval, v, reals(2, 3)),
    "polyval of a constant": (np.polyval, v[:1], reals(3)),
    "delete": (lambda x: np.delete(x, 1), v),
    "delete flat": (lambda x: np.delete(x, [1, 5]), A),
    "delete column": (lambda x: np.delete(x, [0, 2], axis=1), A),
    "delete slice": (lambda x: np.delete(x, slice(1, 3), axis=0), A),
    "insert": (lambda x: np.insert(x, 1, 2.5), v),
    "insert value": (lambda x, u: np.insert(x, 1, u), v, np.float64(0.5)),
    "insert values": (lambda x, u: np.insert(x, [1, 3], u), v, reals(2)),
    "insert values at one place": (lambda x, u: np.insert(x, 2, u), v, reals(3)),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    agree(*CASES[name])
