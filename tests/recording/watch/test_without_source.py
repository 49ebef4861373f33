"""Functions whose text is nowhere: of ``exec``, ``eval``, byte code, standard input, an archive."""

import importlib
import linecache
import os
import py_compile
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from tracer import grad, trace

X = np.array([0.5, 1.5, 2.5])
SOURCE = """
import numpy as np
from math import sqrt
from tracer import grad

WEIGHTS = np.arange(3.0)
FACTOR = 2.0

class Model:
    def __init__(self):
        self.weights = np.ones(3)
    def __call__(self, x):
        return np.sum(self.weights * x) * FACTOR

def helper(x, scale):
    return np.sum(x * scale * WEIGHTS * x)

def filled(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = np.sin(x[i]) * FACTOR
    if out.sum() > 1:
        out = out * 2
    return np.sum(out) + helper(x, 2.0) + sqrt(x[0])

def lambdas(x):
    inner = lambda z: helper(z, FACTOR) * z[0]
    return inner(x) + sum(v for v in [inner(x * 2)])

model = Model()

def nested(x):
    def deep(z):
        def deeper(q):
            return np.array([q[0], q[1] * WEIGHTS[2]])
        return deeper(z).sum()
    return deep(x) + model(x)

def recursive(x, n=3):
    return x.sum() if n == 0 else recursive(x * FACTOR, n - 1)

def slope(x):
    return np.sum(grad(lambda z: helper(z, FACTOR))(x) * x)

def mapped(x):
    return np.sum(np.apply_along_axis(lambda row: row * WEIGHTS, 0, x))
"""
NAMES = ["filled", "lambdas", "nested", "recursive", "slope", "mapped"]


def from_exec(folder, monkeypatch):
    table = {}
    exec(SOURCE, table)
    return table


def from_byte_code(folder, monkeypatch):
    source = folder / "sourceless_module.py"
    source.write_text(SOURCE)
    py_compile.compile(str(source), str(folder / "sourceless_module.pyc"))
    source.unlink()
    return loaded("sourceless_module", folder, monkeypatch)


def from_archive(folder, monkeypatch):
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.writestr("module_in_archive.py", SOURCE)
    return loaded("module_in_archive", folder / "archive.zip", monkeypatch)


def loaded(name, place, monkeypatch):
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return vars(importlib.import_module(name))


def agrees(function):
    for step in range(3):
        assert trace(function)(X + step) == function(X + step)
    direction, step = np.array([0.3, -0.7, 1.1]), 1e-6
    numeric = (function(X + step * direction) - function(X - step * direction)) / (2 * step)
    np.testing.assert_allclose(grad(function)(X) @ direction, numeric, rtol=1e-7)


@pytest.mark.parametrize("made", [from_exec, from_byte_code, from_archive])
@pytest.mark.parametrize("name", NAMES)
def test_values_gradients_and_what_changes_outside(made, name, tmp_path, monkeypatch):
    table = made(tmp_path, monkeypatch)
    function = table[name]
    agrees(function)
    traced = trace(function)
    for key, value in (("WEIGHTS", np.array([5.0, 6.0, 7.0])), ("FACTOR", 7.0)):
        assert traced(X) == function(X)
        table[key] = value
        assert traced(X) == function(X)
    table["model"].weights = np.full(3, 9.0)
    assert traced(X) == function(X)
    table["WEIGHTS"][1] = -1.0
    assert traced(X) == function(X)


def test_lambdas_of_eval():
    agrees(eval("lambda x: np.sum(x * 2) + (lambda z: z[0] * 3)(x)"))


def test_standard_input():
    code = (
        "import numpy as np\nfrom tracer import trace, grad\n"
        "def f(x):\n    h = lambda z: np.sum(z * z)\n    return h(x)\n"
        "print(trace(f)(np.ones(3)), grad(f)(np.ones(3)))\n"
    )
    home = os.path.abspath(os.path.join(__file__, *[os.pardir] * 4))
    done = subprocess.run(
        [sys.executable, "-"], input=code, capture_output=True, text=True, timeout=60, cwd=home
    )
    assert done.stdout.split() == ["3.0", "[2.", "2.", "2.]"], done.stderr


def test_cells_with_one_name():
    """A notebook may run another text under the name of an earlier one."""
    name = "<ipython-input-7-0123456789ab>"
    for factor in (2.0, 3.0, 5.0):
        text = f"def f(x):\n    y = np.sum(x * x * {factor})\n    return y\n"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        table = {"np": np}
        exec(compile(text, name, "exec"), table)
        agrees(table["f"])


def test_a_reloaded_module_and_a_file_that_has_changed(tmp_path, monkeypatch):
    file = tmp_path / "module_that_changes.py"
    file.write_text("import numpy as np\ndef f(x):\n    return np.sum(x * x * 2)\n")
    function = loaded("module_that_changes", tmp_path, monkeypatch)["f"]
    agrees(function)
    file.write_text(
        "import numpy as np\n# more\ndef f(x):\n    y = x * x * 3\n    return np.sum(y)\n"
    )
    agrees(function)  # the code that is running is the old one
    os.utime(file, (1, 1))
    again = importlib.reload(sys.modules["module_that_changes"]).f
    agrees(again)
    assert again(X) == np.sum(X * X * 3)
    file.write_text("\n\n\ndef other(x):\n    return 1\n\ndef f(x):\n    return 300\n")
    linecache.checkcache()
    agrees(again)
