"""Traced programs against the plain functions they came from: values bit for bit, and gradients.

>>> agree(lambda x: np.tanh(x).sum(), [(np.ones(3),), (np.zeros(3),)])
>>> agree_gradient(lambda x: np.tanh(x).sum(), np.ones(3))
"""

from __future__ import annotations

import copy

import numpy as np

from tracer import trace, trees, value_and_grad

STEP = 1e-6


def same(left, right, where=""):
    """Assert that two trees have the same types, dtypes, shapes and bits."""
    leaves, structure = trees.flatten(left)
    others, expected = trees.flatten(right)
    assert structure == expected, f"{where}: {left!r} is no {right!r}"
    for got, wanted in zip(leaves, others, strict=True):
        assert type(got) is type(wanted), f"{where}: {type(got)} instead of {type(wanted)}"
        if isinstance(wanted, (np.ndarray, np.generic)):
            assert got.dtype == wanted.dtype, f"{where}: {got.dtype} instead of {wanted.dtype}"
            assert got.shape == wanted.shape, f"{where}: {got.shape} instead of {wanted.shape}"
            np.testing.assert_array_equal(got, wanted, err_msg=where, strict=True)
            np.testing.assert_array_equal(np.signbit(got.real), np.signbit(wanted.real), where)
        elif isinstance(wanted, (bool, int, float, complex, str)):
            assert repr(got) == repr(wanted), where


def outcome(function, arguments):
    """The result of a call and what it left of its arguments, or the exception."""
    arguments = copy.deepcopy(arguments)
    try:
        with np.errstate(all="ignore"):
            return function(*arguments), arguments
    except Exception as error:  # the exception is the outcome
        return type(error), str(error)


def agree(function, calls, traced=None):
    """Each call twice, plain and traced: same results, same arguments afterwards."""
    traced = trace(function) if traced is None else traced
    for repeat in range(2):
        for number, arguments in enumerate(calls):
            expected = outcome(function, arguments)
            got = outcome(traced, arguments)
            raised = isinstance(got[0], type), isinstance(expected[0], type)
            assert raised[0] == raised[1], f"call {number}: {got} instead of {expected}"
            if raised[0]:
                assert got == expected
                continue
            same(got, expected, f"call {number}, round {repeat}")
    return traced


def total(result):
    """One real number made of everything inexact in a result, with weights that differ."""
    sum_ = 0.0
    for number, leaf in enumerate(trees.flatten(result)[0]):
        if (
            isinstance(leaf, (bool, int, str, type(None)))
            or np.asarray(leaf).dtype.kind not in "fc"
        ):
            continue
        parts = [leaf.real, leaf.imag] if np.asarray(leaf).dtype.kind == "c" else [leaf]
        for part in parts:
            weights = np.cos(np.arange(np.size(part)) + number).reshape(np.shape(part))
            sum_ = sum_ + float(np.sum(np.asarray(part, float) * weights))
    return sum_


def weigh(result):
    """`total` in operations that are traced."""
    sum_ = 0.0
    for number, leaf in enumerate(trees.flatten(result)[0]):
        if isinstance(leaf, (bool, int, str, type(None))) or np.result_type(leaf).kind not in "fc":
            continue
        parts = [np.real(leaf), np.imag(leaf)] if np.iscomplexobj(leaf) else [leaf]
        for part in parts:
            weights = np.cos(np.arange(np.size(part)) + number).reshape(np.shape(part))
            sum_ = sum_ + np.sum(part * weights)
    return sum_


def agree_gradient(function, *arguments, argnums=0, tolerance=1e-5):
    """The gradient of the weighed result against central differences."""
    value, gradient = value_and_grad(lambda *a: weigh(function(*a)), argnums)(
        *copy.deepcopy(arguments)
    )
    np.testing.assert_allclose(value, total(function(*copy.deepcopy(arguments))), rtol=1e-9)
    x = np.array(arguments[argnums], dtype=float)
    expected = np.zeros_like(x)
    for position in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[position] += sign * STEP
            changed = [
                *arguments[:argnums],
                moved if x.ndim else moved[()],
                *arguments[argnums + 1 :],
            ]
            ends.append(total(function(*copy.deepcopy(changed))))
        expected[position] = (ends[0] - ends[1]) / (2 * STEP)
    np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)
