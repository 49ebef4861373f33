"""What ``model.energy`` offers where ``energy`` is traced: all that a traced function does."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import weakref
from abc import ABC, abstractmethod

import numpy as np
import pytest

import viz
from tests.recording.agreement import same
from tracer import (
    errors,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    testing,
    trace,
    value_and_grad,
    vjp,
    vmap,
)
from tracer.function.traced import TracedFunction


class Model:
    rate = 2.0

    def __init__(self):
        self.weights = np.arange(3.0) + 1.0

    @trace
    def energy(self, x, scale=1.0):
        """The energy."""
        return (self.rate * scale * self.weights * x**2).sum()

    def plain(self, x, scale=1.0):
        return (self.rate * scale * self.weights * x**2).sum()

    @classmethod
    @trace
    def of_class(cls, x):
        return (cls.rate * x**2).sum()

    @trace
    @classmethod
    def above_class(cls, x):
        return (cls.rate * x**2).sum()

    @staticmethod
    @trace
    def static(x):
        return (x**2).sum()

    @trace
    @staticmethod
    def above_static(x):
        return (x**2).sum()

    @property
    @trace
    def total(self):
        return self.weights.sum()

    @trace
    @property
    def above_total(self):
        return self.weights.sum()

    @functools.cached_property
    @trace
    def kept(self):
        return self.weights.sum()

    tripled = functools.partialmethod(energy, scale=3.0)


class Doubled(Model):
    @trace
    def energy(self, x, scale=1.0):
        return super().energy(x, scale) * 2.0


class Base(ABC):
    @trace
    @abstractmethod
    def energy(self, x): ...


class Derived(Base):
    @trace
    def energy(self, x):
        return 2.0 * x


MODEL = Model()
X = np.arange(3.0)


def test_the_source_the_graph_and_the_rest_take_the_arguments_after_self(tmp_path):
    model = Model()
    names = {}
    exec(model.energy.source(X), names)
    assert any([inspect.isfunction(held) for held in names.values()])
    assert len(model.energy.graph(X, mode="forward").outputs) == 1
    model.energy.save(tmp_path / "saved.py", X)
    assert "def " in (tmp_path / "saved.py").read_text()
    assert "Model.energy" in model.energy.explain()
    viz.render(model.energy, tmp_path / "energy.svg", X)
    assert (tmp_path / "energy.svg").read_text().startswith(("<svg", "<?xml"))
    assert isinstance(model.energy, TracedFunction)
    assert model.energy.cache is Model.energy.cache


def test_it_looks_like_a_method():
    assert str(inspect.signature(MODEL.energy)) == "(x, scale=1.0)"
    assert MODEL.energy.__doc__ == "The energy."
    assert MODEL.energy.__name__ == "energy"
    assert MODEL.energy.__qualname__ == "Model.energy"
    assert MODEL.energy.__module__ == __name__
    assert MODEL.energy.__self__ is MODEL
    assert MODEL.energy.__func__ is vars(Model)["energy"]
    assert MODEL.energy.__wrapped__(X) == MODEL.plain(X)
    assert "Model.energy" in repr(MODEL.energy)
    with pytest.raises(AttributeError, match="bound method"):
        MODEL.energy.note = 1


def test_methods_are_equal_as_bound_methods_are():
    assert MODEL.energy == MODEL.energy
    assert hash(MODEL.energy) == hash(MODEL.energy)
    assert MODEL.energy != Model().energy
    assert MODEL.energy != Model.energy
    assert {MODEL.energy: 1}[MODEL.energy] == 1


def test_copies_pickles_and_weak_references_are_bound_again():
    model = Model()
    assert pickle.loads(pickle.dumps(model.energy))(X) == model.plain(X)
    assert copy.copy(model.energy) == model.energy
    other = copy.deepcopy(model.energy)
    assert other.__self__ is not model
    assert other(X) == model.plain(X)
    reference = weakref.WeakMethod(model.energy)
    assert reference()(X) == model.plain(X)
    del model
    assert reference() is None


@pytest.mark.parametrize("make", [Model, Doubled])
def test_derivatives_count_the_arguments_after_self(make):
    model = make()
    factor = 4.0 if make is Doubled else 2.0
    want = 2.0 * factor * model.weights * X
    for _ in range(2):
        same(grad(model.energy)(X), want)
        same(grad(model.energy, argnums=1)(X, 2.0), model.energy(X))
        same(grad(model.energy, argnums="scale")(X, 2.0), model.energy(X))
        same(value_and_grad(model.energy)(X)[0], model.energy(X))
        same(vjp(model.energy, X)[1](1.0)[0], want)
        same(jvp(model.energy, (X,), (np.ones(3),))[1], want.sum())
        same(jacobian(model.energy)(X), want)
        same(hessian(model.energy)(X), np.diag(2.0 * factor * model.weights))
        same(hvp(model.energy, (X,), (np.ones(3),)), 2.0 * factor * model.weights)
        rows = np.stack([X, 2.0 * X])
        same(vmap(model.energy)(rows), np.array([model.energy(row) for row in rows]))
        testing.check_grads(model.energy, (X,))
        model.weights = model.weights * 3.0
        want = want * 3.0


def test_both_orders_of_the_decorators():
    for method in (Model.of_class, MODEL.of_class, Model.above_class, MODEL.above_class):
        assert method(X) == 10.0
        same(grad(method)(X), 4.0 * X)
    assert "def " in Model.above_class.source(X)
    for method in (Model.static, MODEL.static, Model.above_static, MODEL.above_static):
        assert method(X) == 5.0
        assert "def " in method.source(X)
    assert MODEL.total == MODEL.above_total == MODEL.kept == MODEL.weights.sum()
    assert MODEL.tripled(X) == MODEL.plain(X, 3.0)


def test_abstract_methods_stay_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Base()
    same(Derived().energy(X), 2.0 * X)


def test_a_bound_method_in_a_trace_belongs_to_its_own_object():
    first, second = Model(), Model()
    second.weights = second.weights * 10.0
    held = [first]

    def both(x):
        method = held[0].energy
        return method(x) * 2.0 + grad(second.energy)(x).sum()

    def plain(x):
        return held[0].plain(x) * 2.0 + (2.0 * second.rate * second.weights * x).sum()

    traced = trace(both)
    same(traced(X), plain(X))
    held[0] = second
    same(traced(X), plain(X))
    held[0] = Model()
    same(traced(X), plain(X))
    second.weights = second.weights + 1.0
    same(traced(X), plain(X))
    apply = trace(lambda x, method: method(x))
    assert apply(X, first.energy) == first.plain(X)
    assert apply(X, second.energy) == second.plain(X)


def test_wrong_arguments_are_told_as_of_a_method():
    with pytest.raises(TypeError, match="'x'"):
        MODEL.energy()
    with pytest.raises(errors.ArgnumsError):
        grad(MODEL.energy, argnums=2)(X, 1.0)
