"""The readable form: saved modules, branches, names and comments."""

import importlib.util
import math
import subprocess
import sys

import numpy as np
import pytest

from tests.codegen.golden import WEIGHTS, digits_module
from tests.codegen.graphs import robust
from tracer import trace
from tracer.codegen.comments import harmless
from tracer.codegen.literals import Constants
from tracer.codegen.namespace import Namespace, identifier
from tracer.codegen.readable.branches import write_branches
from tracer.codegen.readable.wrapper import expression_of
from tracer.codegen.save import save_module
from tracer.errors import TracerError


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_outcome_that_was_not_seen_names_the_line(tmp_path):
    path = tmp_path / "half.py"
    path.write_text(write_branches("", [robust(True)]))
    with pytest.raises(NotImplementedError, match="robust.py:4"):
        load(path).forward(np.zeros(8))


def test_saved_module_runs_without_the_package_and_checks(tmp_path):
    made, _, arguments = digits_module()
    save_module(tmp_path / "saved.py", *made)
    np.savez(tmp_path / "in.npz", **dict(zip([*WEIGHTS, "x", "labels"], arguments, strict=True)))
    script = (
        "import numpy as np, sys, saved; d = dict(np.load('in.npz'));"
        "print(saved.value_and_grad(d, d['x'], d['labels'])[0].hex(), 'tracer' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    value = load(tmp_path / "saved.py").forward(*arguments)[0]
    assert run.stdout.split() == [value.hex(), "False"]
    params = dict(zip(WEIGHTS, arguments, strict=False))
    with pytest.raises(ValueError, match="x must be float64"):
        load(tmp_path / "saved.py").value_and_grad(params, arguments[4].T, arguments[5])


@pytest.mark.parametrize("path", ["__import__('os')", "x[f()]", "x; y", "x if y else z"])
def test_paths_hold_nothing_but_look_ups(path):
    with pytest.raises(TracerError):
        expression_of(path, Constants(Namespace()))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("class", "class_"),
        ("np", "np_"),
        ("params['w 1']", "params_w_1"),
        ("ſ", "s"),
        ("1x", "v1x"),
        ("sum", "sum_"),
        ("Σs", "Σs"),
        ("\n", ""),
        ("x\u2028y", "x_y"),
    ],
)
def test_identifiers(text, name):
    assert identifier(text) == name


def test_names_are_never_given_twice():
    names = Namespace(["error"])
    assert [names.fresh("error"), names.fresh("total"), names.fresh("total")] == [
        "error_2",
        "total",
        "total_2",
    ]


@pytest.mark.parametrize("bad", ["\n", "\r", "\x00", "\u2028", "\u202e", "\ud800", "\x0c", "\x85"])
def test_comments_stay_comments(bad):
    assert harmless(f"a{bad}b") == "a b"


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        -0.0,
        float("inf"),
        -float("inf"),
        1e300,
        3,
        True,
        None,
        2j,
        complex(-0.0, 1.0),
        'a"b\n',
        np.float32(0.1),
        np.int8(-3),
        np.bool_(True),
        (1,),
        [1, (2.0, None)],
        {"a": 1},
        slice(1, None),
        np.dtype(np.float32),
        np.float64,
        Ellipsis,
        range(3),
        1 - 0j,
    ],
)
def test_literals_are_exact(value):
    text = Constants(Namespace()).text(value)
    again = eval(text, {"np": np})
    assert type(again) is type(value) or isinstance(value, np.dtype)
    assert again == value or np.dtype(again) == value
    assert repr(again) == repr(value) or isinstance(value, np.dtype)


def run(source, *arguments):
    scope = {}
    exec(source, scope)
    return scope["value_and_grad"](*arguments)[0]


def test_branches_import_what_they_name():
    def f(x):
        return math.sin(x) if x > 0 else math.exp(x)

    both = trace(f)
    seen = [both(np.float64(x)) for x in (1.0, -1.0)]
    assert [run(both.source(np.float64(1.0)), x) for x in (1.0, -1.0)] == seen


def test_a_condition_with_a_comparison_inside():
    def f(x):
        return np.sum(x) if (x != 0).any() else np.sum(x * 3)

    points = np.array([0.0, 1.0, 2.0]), np.zeros(3)
    both = trace(f)
    seen = [both(x) for x in points]
    assert [run(both.source(points[0]), x) for x in points] == seen


def test_of_a_number_two_outcomes_are_not_all():
    functions = [np.sin, np.cos, np.exp]
    both = trace(lambda x: np.sum(functions[int(np.argmax(x))](x)))
    points = np.eye(3)
    seen = [both(x) for x in points[:2]]
    source = both.source(points[0])
    assert [run(source, x) for x in points[:2]] == seen
    with pytest.raises(NotImplementedError, match="other outcome"):
        run(source, points[2])
