"""Arrays that a function makes read-only, and copies that keep their layout."""

import numpy as np
import pytest

from tracer import errors, grad, trace


def locked(x):
    y = x * 2
    y.flags.writeable = False
    return y


def locked_by_method(x):
    y = x + 1
    y.setflags(write=False)
    return {"whole": y, "part": y[1:], "free": x * 3}


def written_later(x):
    y = locked(x)
    y[0] = 1.0
    return y


def test_results_are_locked_as_in_plain_code():
    traced, several = trace(locked), trace(locked_by_method)
    for _ in range(3):
        assert not traced(np.ones(3)).flags.writeable
        found = several(np.ones(3))
        assert [found[name].flags.writeable for name in found] == [False, False, True]
    x = np.ones(3)
    traced(x)
    assert x.flags.writeable


def test_a_locked_array_is_not_written():
    for function in (written_later, trace(written_later)):
        with pytest.raises(ValueError, match="read-only"):
            function(np.ones(3))


def test_derivatives_pass_through():
    assert grad(lambda x: locked(x).sum() + locked(x)[0])(np.ones(3)).tolist() == [4.0, 2.0, 2.0]


def test_locking_an_argument_is_refused():
    def f(x):
        x.flags.writeable = False
        return x * 2

    with pytest.raises(errors.LeakError, match="its argument x"):
        trace(f)(np.ones(3))


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, np.transpose, np.flipud])
def test_copies_are_laid_out_as_in_plain_code(order, make):
    x = make(np.arange(12.0).reshape(3, 4))
    traced = trace(lambda x: x.copy(order=order))
    for _ in range(2):
        assert traced(x).strides == x.copy(order=order).strides
