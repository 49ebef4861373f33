"""Every spelling of a call becomes one form."""

import numpy as np
import pytest

from tracer.ops.normalise import normalise
from tracer.ops.registry import op_named, op_of

x = np.ones((2, 3))
SAME = [
    ((np.sum, (x,), {}), (np.sum, (x, None, None), {"keepdims": False})),
    ((np.sum, (x,), {}), (np.sum, (x,), {"where": True, "initial": np._NoValue})),
    ((np.sum, (x,), {}), (np.add.reduce, (x, None), {})),
    ((np.sum, (x,), {"axis": 0}), (np.add.reduce, (x,), {})),
    ((np.sum, (x,), {"axis": 1}), (np.sum, (x, 1), {})),
    ((np.max, (x,), {"axis": 0}), (np.amax, (x, 0), {})),
    ((np.max, (x,), {"axis": 0}), (np.maximum.reduce, (x,), {})),
    ((np.cumsum, (x,), {"axis": 0}), (np.add.accumulate, (x,), {})),
    ((np.cumprod, (x,), {"axis": 1}), (np.multiply.accumulate, (x, 1), {})),
    ((np.add, (x, x), {}), (np.add, (x, x), {"where": True, "casting": "same_kind"})),
    ((np.matmul, (x, x), {}), (np.linalg.matmul, (x, x), {})),
    ((np.trace, (x,), {"axis1": -2, "axis2": -1}), (np.linalg.trace, (x,), {})),
    ((np.absolute, (x,), {}), (np.abs, (x,), {})),
    ((np.round, (x,), {"decimals": 2}), (np.around, (x, 2), {})),
    ((np.concatenate, ([x, x],), {"axis": 1}), (np.concat, ([x, x], 1), {})),
    ((np.transpose, (x,), {}), (np.transpose, (x, None), {})),
    ((np.reshape, (x, (3, 2)), {}), (np.reshape, (x,), {"shape": (3, 2), "order": "C"})),
    ((np.std, (x,), {"axis": 0}), (np.std, (x, 0), {"ddof": 0})),
    ((np.arccos, (x,), {}), (np.acos, (x,), {})),
    ((np.divide, (x, x), {}), (np.true_divide, (x, x), {})),
    ((np.remainder, (x, x), {}), (np.mod, (x, x), {})),
    ((np.einsum, ("AB,CB->AC", x, x), {}), (np.einsum, (x, [0, 1], x, [2, 1], [0, 2]), {})),
    ((np.where, (x, x, 0), {}), (np.where, (x, x, 0), {})),
]


@pytest.mark.parametrize("number", range(len(SAME)))
def test_two_spellings_of_one_call(number):
    wanted, spelled = SAME[number]
    op, args, kwargs = normalise(*spelled)
    assert (op, list(args), kwargs) == (op_of(wanted[0]), list(wanted[1]), wanted[2])


def test_reductions_of_other_ufuncs_keep_their_own_default():
    assert normalise(np.hypot.reduce, (x,), {}) == (op_of(np.hypot.reduce), (x,), {})
    assert normalise(np.hypot.reduce, (x, None), {})[2] == {"axis": None}


def test_methods_of_ufuncs_have_ops_and_names():
    op = op_of(np.add.outer)
    assert (op.name, op.printed) == ("add.outer", "np.add.outer")
    assert op_named("maximum.accumulate") is op_of(np.maximum.accumulate)
    assert normalise(np.add.reduceat, (x, [0, 1]), {})[1:] == ((x, [0, 1]), {})


def test_what_says_how_to_compute_is_kept():
    assert normalise(np.add, (x, x), {"where": x > 0, "dtype": np.float32})[2].keys() == {
        "where",
        "dtype",
    }


def test_a_call_that_does_not_fit_is_left_alone():
    assert normalise(np.sum, (x, 0, None, None, False, 0, True, 1, 2), {})[1][1:] == (
        0,
        None,
        None,
        False,
        0,
        True,
        1,
        2,
    )
