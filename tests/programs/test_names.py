"""Whose name it is: global, of the class, of the comprehension, of an inner function.

A name that only looks like a local variable is read from outside on every call.
"""

import numpy as np
import pytest

from tracer import grad, trace

scale = 2.0
x = np.array([0.5, -1.0, 2.0])


def a_class_binds_it_too(x):
    class Model:
        scale = 5

        def run(self, v):
            return v * scale  # the global: methods don't see what their class binds

    return Model().run(x) + Model.scale


def an_inner_function_says_global(x):
    scale = 7.0

    def inner(v):
        def innermost(v):
            global scale
            return v * scale

        return innermost(v) * scale

    return inner(x)


def a_comprehension_has_its_own(x):
    own = [scale * v for scale in (1, 2) for v in x]
    table = {scale: 1 for scale in (1, 2)}
    return x * scale + own[0] + len(table) + sum(scale for scale in (3,))


def a_lambda_has_its_own(x):
    double = lambda scale: scale * 2
    return double(x) * scale


def the_body_of_a_class_sees_its_own(x):
    class Table:
        values = (1, 2, 3)
        doubled = [2 * v for v in values]

        def total(self):
            return sum([v * scale for v in self.doubled])

    return x * Table().total()


def a_walrus_binds_around_the_comprehension(x):
    made = [(last := v * scale) for v in x]
    return last * x + made[0]


def private_names_of_inner_classes(x):
    class Base:
        __factor = 2.0

        def __init__(self, value):
            self.__value = value

        def __hidden(self):
            return self.__value * scale

        def get(self):
            __local = self.__hidden()
            return __local * self.__factor

    class Derived(Base):
        __factor = 10.0

        def get(self):
            return super().get() + self.__factor + super(Derived, self).get()

    return Base(x).get() + Derived(x).get()


PROGRAMS = [
    a_class_binds_it_too,
    an_inner_function_says_global,
    a_comprehension_has_its_own,
    a_lambda_has_its_own,
    the_body_of_a_class_sees_its_own,
    a_walrus_binds_around_the_comprehension,
    private_names_of_inner_classes,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_rebound_global_counts(program, monkeypatch):
    traced = trace(program)
    slope = grad(lambda x: program(x).sum())
    first = slope(x)
    np.testing.assert_array_equal(traced(x), program(x))
    monkeypatch.setitem(globals(), "scale", 3.0)
    np.testing.assert_array_equal(traced(x), program(x))
    difference = program(x + 0.5).sum() - program(x - 0.5).sum()
    assert slope(x).sum() == pytest.approx(difference)
    assert slope(x).sum() != first.sum()
