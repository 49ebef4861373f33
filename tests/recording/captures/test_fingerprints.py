"""What a guard remembers of a function, another one in its place in memory never passes for."""

import gc

import numpy as np

from tracer import trace


def test_a_function_made_anew_at_the_address_of_a_lost_one_is_another_one():
    def outer(inner):
        return trace(lambda x: inner(x))

    def made(factor):
        scope = {}
        exec(f"def inner(x):\n    return x * {factor}.0\n", scope)
        return scope["inner"]

    x = np.ones(3)
    for factor in range(2, 60):
        assert outer(made(factor))(x).tolist() == [float(factor)] * 3
        gc.collect()
