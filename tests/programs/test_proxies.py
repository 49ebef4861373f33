"""NumPy reached through proxies: modules that make their attributes, backends, held functions."""

import types

import numpy as np
import pytest
import scipy.stats

from tracer import grad, trace


class _Made(types.ModuleType):
    """A module whose class gives attributes."""

    rate = 2.0

    @property
    def backend(self):
        return np

    def __getattr__(self, name):
        return getattr(np, name)


proxy = _Made("proxy")
late = types.ModuleType("late")  # a module with a function __getattr__
late.__getattr__ = lambda name: getattr(np, name)  # type: ignore[method-assign]


class Backend:
    """Functions of NumPy's, held as a backend holds them."""

    sum = staticmethod(np.sum)
    moveaxis = staticmethod(np.moveaxis)

    def __init__(self):
        self.exp = np.exp
        self.table = {"zeros": np.zeros, "sin": np.sin}


BACKEND = Backend()


def test_attributes_that_a_module_makes(monkeypatch):
    def f(x):
        return proxy.sum(proxy.sin(x)) * proxy.rate + late.prod(x) * proxy.backend.max(x)

    x = np.array([1.0, 2.0])
    traced = trace(f)
    assert traced(x) == f(x)
    monkeypatch.setattr(_Made, "rate", 3.0)
    assert traced(x) == f(x)
    assert np.allclose(grad(f)(x), 3 * np.cos(x) + 2 * np.array([2.0, 1.0]) + [0.0, 2.0])


def test_functions_of_a_backend():
    def f(x):
        out = BACKEND.table["zeros"](3)
        out[1:] = BACKEND.table["sin"](x)
        return BACKEND.sum(BACKEND.exp(out)) + BACKEND.moveaxis(np.outer(x, x), 0, 1)[0, 1]

    x = np.array([1.0, 2.0])
    assert trace(f)(x) == f(x)
    assert np.allclose(grad(f)(x), np.exp(np.sin(x)) * np.cos(x) + x[::-1])


@pytest.mark.parametrize("name", ["cdf", "ppf", "logpdf"])
def test_a_distribution_held_by_an_object(name):
    holder = types.SimpleNamespace(law=scipy.stats.norm)

    def f(x, held=holder):
        return getattr(held.law, name)(x) + held.law.pdf(x) + holder.law.cdf(x)

    x = np.array([0.2, 0.4])
    traced = trace(f)
    assert np.array_equal(traced(x), f(x))
    holder.law = scipy.stats.logistic
    assert np.array_equal(traced(x), f(x))


COPIES = {
    "if needed": lambda x: np.array(x, copy=np._CopyMode.IF_NEEDED) is x,
    "always": lambda x: np.array(x, copy=np._CopyMode.ALWAYS) is x,
    "asarray, if needed": lambda x: np.asarray(x, copy=np._CopyMode.IF_NEEDED) is x,
    "asarray, always": lambda x: np.asarray(x, copy=True) is x,
    "never": lambda x: np.array(x, copy=False) is x,
    "never, other order": lambda x: np.asarray(x.reshape(1, 3), order="F", copy=False).sum(),
}
IMPOSSIBLE = {
    "a cast": lambda x: np.asarray(x, dtype=np.float32, copy=False),
    "an array of another type": lambda x: np.array(x, dtype=np.float32, copy=False),
    "a list": lambda x: np.array([x, x], copy=False),
    "a list, by its mode": lambda x: np.asarray([x[0]], copy=np._CopyMode.NEVER),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_made_as_asked_for(name):
    assert trace(COPIES[name])(np.ones(3)) == COPIES[name](np.ones(3))


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_copies_that_were_not_to_be_made(name):
    for function in (IMPOSSIBLE[name], trace(IMPOSSIBLE[name])):
        with pytest.raises(ValueError, match="Unable to avoid copy"):
            function(np.ones(3))
