"""Functions from scripts, notebook cells, reloaded modules and strings work alike."""

import importlib
import linecache
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tracer import grad, trace, value_and_grad

SCRIPT = """
import pickle
import numpy as np
from tracer import trace, value_and_grad

SCALE = 2.0

@trace
def loss(w):
    return np.sum(w ** 2) * SCALE

first = value_and_grad(loss)(np.ones(2))
SCALE = 5.0
second = value_and_grad(loss)(np.ones(2))
again = pickle.loads(pickle.dumps(loss))
print(first[0], first[1], second[0], second[1], again(np.ones(2)))
print("np.sum(w**2) * SCALE" in loss.source(np.ones(2)))
"""


def test_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "4.0 [4. 4.] 10.0 [10. 10.] 10.0\nTrue\n", done.stderr


def run_cell(number, text, scope):
    """As IPython runs a cell: its text is known to linecache under a name of its own."""
    text = textwrap.dedent(text)
    name = f"<ipython-input-{number}-0123456789ab>"
    lines = text.splitlines(keepends=True)
    linecache.cache[name] = (len(text), None, lines, name)
    exec(compile(text, name, "exec"), scope)


def test_a_notebook():
    scope = {"__name__": "__main__"}
    run_cell(
        1, "import numpy as np\nfrom tracer import trace, value_and_grad, grad\nW = 3.0", scope
    )
    cell = """
        @trace
        def loss(x):
            scaled = x * W
            return np.sum(scaled ** {power})
    """
    run_cell(2, cell.format(power=2), scope)
    run_cell(3, "value, gradient = value_and_grad(loss)(np.ones(2))", scope)
    assert scope["value"] == 18
    np.testing.assert_array_equal(scope["gradient"], [18, 18])
    run_cell(4, "W = 1.0\nvalue = loss(np.ones(2))", scope)
    assert scope["value"] == 2
    run_cell(2, cell.format(power=3), scope)  # the cell is edited and runs again
    run_cell(5, "value, gradient = value_and_grad(loss)(2 * np.ones(2))", scope)
    assert scope["value"] == 16
    np.testing.assert_array_equal(scope["gradient"], [12, 12])
    assert "scaled = x * W" in scope["loss"].source(np.ones(2))
    bundle = scope["loss"]._repr_mimebundle_()
    assert bundle


@pytest.fixture
def module_folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    sys.modules.pop("reloaded_model", None)


def test_a_reloaded_module(module_folder):
    path = module_folder / "reloaded_model.py"
    text = "import numpy as np\nK = 2.0\ndef loss(x):\n    return np.sum(x * K)\n"
    path.write_text(text)
    import reloaded_model

    assert grad(reloaded_model.loss)(np.ones(1)) == 2
    path.write_text("\n\n" + text.replace("x * K", "x ** 3 * K"))
    os.utime(path, (2e9, 2e9))
    importlib.reload(reloaded_model)
    assert grad(reloaded_model.loss)(np.ones(1)) == 6
    assert "x**3 * K" in trace(reloaded_model.loss).source(np.ones(1))


def test_a_string():
    scope = {"np": np, "C": 2.0}
    exec("def loss(x):\n    return np.sum(x * C)", scope)
    loss = trace(scope["loss"])
    assert value_and_grad(loss)(np.ones(2))[0] == 4
    scope["C"] = 3.0
    assert loss(np.ones(2)) == 6


def test_the_same_line_defined_again_with_another_body():
    values = []
    for body in ("x * 2", "x * 3"):
        scope = {"np": np}
        exec(f"def f(x):\n    return np.sum({body})", scope)
        values.append(grad(scope["f"])(np.ones(1))[0])
    assert values == [2, 3]
