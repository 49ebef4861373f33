"""Broadcasting with run-time sizes, and what it takes for granted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from tracer.graph.spec import Dim
from tracer.ops.broadcasting import SizeRelation, broadcast_shapes


@settings(max_examples=50, deadline=None, derandomize=True)
@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_side=4))
def test_static_shapes_broadcast_as_in_numpy(shapes):
    assert broadcast_shapes(shapes.input_shapes) == (shapes.result_shape, ())


def test_shapes_that_do_not_fit():
    with pytest.raises(
        ValueError, match=r"could not be broadcast together with shapes \(2\) \(3\)"
    ):
        broadcast_shapes([(2,), (3,)])
    with pytest.raises(ValueError):
        np.add(np.ones(2), np.ones(3))


def test_a_run_time_size_meets_itself_and_one():
    n = Dim("n", 5)
    assert broadcast_shapes([(n,), (n,)]) == ((n,), ())
    assert broadcast_shapes([(n,), (1,)]) == ((n,), ())
    assert broadcast_shapes([(3, 1), (n,)]) == ((3, n), ())


def test_a_run_time_size_meets_another():
    n, m, one = Dim("n", 5), Dim("m", 5), Dim("one", 1)
    assert broadcast_shapes([(n,), (m,)]) == ((n,), (SizeRelation((0, 0), (1, 0), True),))
    assert broadcast_shapes([(n,), (5,)]) == ((5,), (SizeRelation((0, 0), (1, 0), True),))
    assert broadcast_shapes([(n,), (one,)]) == ((n,), (SizeRelation((0, 0), (1, 0), False),))
    assert broadcast_shapes([(2, one), (7,)]) == ((2, 7), (SizeRelation((0, 1), (1, 0), False),))
