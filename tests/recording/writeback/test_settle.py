"""What a function has put outside before it raises holds plain numbers, as in plain code."""

import numpy as np
import pytest

from tracer import grad, trace


@pytest.mark.parametrize("transform", [trace, grad])
def test_new_containers_hold_plain_numbers_after_an_exception(transform):
    log = []

    def failing(x):
        log.append([x[0], (x[1], 2.0), {"all": x}])
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        transform(failing)(np.array([1.0, 2.0]))
    first, (second, two), table = log[0]
    assert [type(first), type(second), type(two)] == [np.float64, np.float64, float]
    assert (first, second, two) == (1.0, 2.0, 2.0)
    assert type(table["all"]) is np.ndarray and table["all"].tolist() == [1.0, 2.0]
