"""Short cuts of conditions: every change of what a function reads counts, on the very next call."""

from __future__ import annotations

import gc
import importlib.util
import types
import weakref

import numpy as np
import pytest

from tracer import trace, value_and_grad
from tracer.recording.captures.fingerprints import fingerprint
from tracer.recording.captures.guard_cache import with_identity_cache
from tracer.recording.captures.guards import ValueGuard
from tracer.recording.captures.paths import Path

X = np.array([1.0, 2.0])


@pytest.fixture
def module_of(tmp_path):
    def write(source: str) -> types.ModuleType:
        path = tmp_path / "steady_case.py"
        path.write_text("import numpy as np\n" + source + "\n")
        spec = importlib.util.spec_from_file_location("steady_case", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return write


def set_class(module):
    module.box.__class__ = module.Other


def set_code(module):
    module.helper.__code__ = (lambda x: x * 5).__code__


CHANGES = {
    "a number": ("k = 2\ndef f(x): return np.sum(x * k)", lambda m: setattr(m, "k", 3)),
    "its type": ("k = 1\ndef f(x): return np.sum(x / 2) + k", lambda m: setattr(m, "k", True)),
    "another function": (
        "def helper(x): return x\ndef f(x): return np.sum(helper(x))",
        lambda m: setattr(m, "helper", lambda x: x * 3),
    ),
    "its code": ("def helper(x): return x\ndef f(x): return np.sum(helper(x))", set_code),
    "its defaults": (
        "def helper(x, k=2.0): return x * k\ndef f(x): return np.sum(helper(x))",
        lambda m: setattr(m.helper, "__defaults__", (7.0,)),
    ),
    "defaults where there were none": (
        "def helper(x, *k): return x * (k[0] if k else 1)\n"
        "def f(x): return np.sum(helper(x)) + len(helper.__defaults__ or ())",
        lambda m: setattr(m.helper, "__defaults__", (7.0,)),
    ),
    "keyword defaults": (
        "def helper(x, *, k=2.0): return x * k\ndef f(x): return np.sum(helper(x))",
        lambda m: setattr(m.helper, "__kwdefaults__", {"k": 9.0}),
    ),
    "a builtin hidden": (
        "def f(x): return np.sum(x) * len(x)",
        lambda m: setattr(m, "len", lambda x: 10),
    ),
    "an attribute": (
        "class Box: k = 2\nbox = Box()\ndef f(x): return np.sum(x) * box.k",
        lambda m: setattr(m.box, "k", 11),
    ),
    "another object": (
        "class Box:\n    def __init__(self, k): self.k = k\n"
        "box = Box(2)\ndef f(x): return np.sum(x) * box.k",
        lambda m: setattr(m, "box", m.Box(3)),
    ),
    "the class of an object": (
        "class Box: k = 2\nclass Other: k = 3\nbox = Box()\ndef f(x): return np.sum(x) * box.k",
        set_class,
    ),
    "a module's function": (
        "import types\nlib = types.ModuleType('lib')\nlib.g = lambda x: x\n"
        "def f(x): return np.sum(lib.g(x))",
        lambda m: setattr(m.lib, "g", lambda x: x * 4),
    ),
    "a dict's keys": (
        "table = {'a': 1}\ndef f(x): return np.sum(x) * len(list(table))",
        lambda m: m.table.update(b=2),
    ),
    "a name that is gone": (
        "k = 2\ndef f(x):\n    try:\n        return np.sum(x) * k\n"
        "    except NameError:\n        return np.sum(x)",
        lambda m: delattr(m, "k"),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_counts_on_the_next_call(name, module_of):
    source, change = CHANGES[name]
    module = module_of(source)
    traced, both = trace(module.f), value_and_grad(module.f)
    for _ in range(4):
        assert traced(X) == both(X)[0] == module.f(X)
    change(module)
    for _ in range(3):
        assert traced(X) == both(X)[0] == module.f(X)
    assert both(X)[1] == pytest.approx((module.f(X + 1e-6) - module.f(X)) / 2e-6, rel=1e-4)


def test_what_is_remembered_is_not_kept_alive(module_of):
    module = module_of("class Box: k = 2\nbox = Box()\ndef helper(x): return x")
    for value in (module.box, module.helper):
        table = {"value": value}
        asked = with_identity_cache(
            ValueGuard(Path("globals", table, (("name", "value"),)), fingerprint(value))
        )
        assert asked(None, []) and asked(None, [])
        table.clear()
        assert not asked(None, [])
    seen = weakref.ref(module.box)
    del module, value
    gc.collect()
    assert seen() is None


def test_one_object_after_another_in_the_same_place():
    """A short cut of one value never serves another one."""
    table: dict = {}
    asked = with_identity_cache(
        ValueGuard(Path("globals", table, (("name", "value"),)), fingerprint(3))
    )
    for value, wanted in [(3, True), (3, True), (3.0, False), (True, False), (4, False), (3, True)]:
        table["value"] = value
        assert asked(None, []) is wanted
    del table["value"]
    assert not asked(None, [])
