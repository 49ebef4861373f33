"""The ``__array_wrap__`` pitfall, the right way, and that a Tensor is not touched by reading it."""

import numpy as np
import pytest

from tracer import Tensor, errors

VALUES = [1.0, 2.0, 3.0]


class Wrong(np.ndarray):
    """Passes self twice, so NumPy takes the operand for the result."""

    def __array_wrap__(self, out_arr, context=None, return_scalar=False):
        return super().__array_wrap__(self, out_arr, context)


class Right(np.ndarray):
    def __array_wrap__(self, arr, context=None, return_scalar=False):
        return super().__array_wrap__(arr, context, return_scalar)


def made(kind):
    return np.array(VALUES).view(kind)


@pytest.mark.parametrize(
    "operation", [lambda a: a + 10, np.sin, lambda a: a.sum(), np.add.reduce], ids=range(4)
)
def test_self_twice_makes_every_result_the_operand(operation):
    a = made(Wrong)
    result = operation(a)
    assert np.asarray(result).tolist() == VALUES
    assert np.shares_memory(result, a)


def test_self_twice_lets_mean_corrupt_the_operand():
    a = made(Wrong)
    np.mean(a)  # divides its "sum" in place, and that is a itself
    np.testing.assert_allclose(np.asarray(a), np.array(VALUES) / 3)


def test_the_right_way():
    a = made(Right)
    assert np.asarray(a + 10).tolist() == [11.0, 12.0, 13.0]
    assert float(a.sum()) == 6.0
    assert float(np.mean(a)) == 2.0
    assert np.asarray(a).tolist() == VALUES


READS = {
    "mean": np.mean,
    "add": lambda a: a + 10,
    "sin": np.sin,
    "sum": lambda a: a.sum(),
    "std": np.std,
    "median": np.median,
    "fix": np.fix,
    "round": np.round,
    "var": np.var,
    "method mean": lambda a: a.mean(),
    "method round": lambda a: a.round(1),
    "ptp": np.ptp,
    "cumsum": np.cumsum,
    "sort": np.sort,
    "norm": np.linalg.norm,
    "dot": lambda a: np.dot(a, a),
}


@pytest.mark.parametrize("name", READS)
def test_reading_a_tensor_leaves_it_alone(name):
    data = np.array([1.25, -2.5, 3.75])
    a = Tensor(data)
    result = READS[name](a)
    np.testing.assert_array_equal(np.asarray(result), READS[name](data))
    assert isinstance(result, Tensor)
    assert np.asarray(a).tolist() == data.tolist()
    assert not np.shares_memory(np.asarray(result), np.asarray(a))


def test_a_tensor_does_not_share_the_users_array():
    data = np.array(VALUES)
    a = Tensor(data)
    data[0] = 99.0
    assert np.asarray(a).tolist() == VALUES


def test_array_wrap_of_a_tensor_gives_numbers_without_a_graph():
    a = Tensor(VALUES)
    wrapped = a.__array_wrap__(np.array([5.0, 6.0]), None, False)
    assert type(wrapped) is Tensor
    assert np.asarray(wrapped).tolist() == [5.0, 6.0]
    with pytest.raises(errors.LeakError, match="not known"):
        wrapped * 2
    assert a.__array_wrap__(np.array(3), None, True) == 3
    assert float(a.__array_wrap__(np.array(3.0), None, True)) == 3.0
