"""The pitfall that docs/array-wrap.md tells of, and that a Tensor does not fall into it."""

import numpy as np

from tracer import Tensor


class SelfTwice(np.ndarray):
    def __array_wrap__(self, out_arr, context=None, return_scalar=False):
        return super().__array_wrap__(self, out_arr, context)


def test_self_twice_returns_the_operand_and_corrupts_it():
    a = np.array([1.0, 2.0, 3.0]).view(SelfTwice)
    assert np.asarray(np.sin(a)).tolist() == [1.0, 2.0, 3.0]
    np.mean(a)
    assert np.asarray(a).tolist() == [1 / 3, 2 / 3, 1.0]


def test_a_tensor_gives_the_result_and_stays_as_it_was():
    t = Tensor([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(np.asarray(np.sin(t)), np.sin([1.0, 2.0, 3.0]))
    assert float(np.mean(t)) == 2.0 and float(t.mean()) == 2.0
    assert np.asarray(t).tolist() == [1.0, 2.0, 3.0]
    wrapped = t.__array_wrap__(np.array([5.0]), None, False)
    assert isinstance(wrapped, Tensor) and np.asarray(wrapped).tolist() == [5.0]
