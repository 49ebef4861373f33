"""The command: what it prints where, and its exit codes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tracer import cli

MODEL = """
import numpy as np
from scipy import special

def loss(params, x):
    hidden = np.tanh(x @ params["w"])
    return np.sum(hidden ** 2) * params["scale"]

def plain(x, n):
    return np.sum(x ** n)

def broken(x):
    return np.sum(special.ellip_harm(2.0, 8.0, 1, 1, x))

def inner(x):
    raise KeyError("boom")

def raises(x):
    return inner(x)

def leaves(x):
    raise SystemExit(5)

def interrupted(x):
    raise KeyboardInterrupt

limit = 3
"""
ARGS = ["--arg", "params.w=f8[3,2]", "--arg", "params.scale=0.5", "--arg", "x=f8[4,3]"]


@pytest.fixture
def model(tmp_path, monkeypatch):
    path = tmp_path / "model.py"
    path.write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "model", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return str(path)


def test_source(model, capsys):
    assert cli.main(["source", f"{model}:loss", *ARGS]) == 0
    out, err = capsys.readouterr()
    assert "np.tanh" in out and "def backward" in out and err == ""
    compile(out, "out", "exec")


def test_source_as_json_and_into_a_file(model, capsys, tmp_path):
    target = f"{model}:plain"
    args = ["--arg", "x=f8[3]", "--arg", "n=3"]
    assert cli.main(["source", target, *args, "--json"]) == 0
    assert "np.sum" in json.loads(capsys.readouterr().out)["source"]
    assert cli.main(["source", target, *args, "-o", "out.py"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "out.py" in err and "np.sum" in (tmp_path / "out.py").read_text()


def test_graph_as_text_json_and_picture(model, capsys, tmp_path):
    target = "model:loss"
    assert cli.main(["graph", target, *ARGS, "--mode", "forward"]) == 0
    assert "tanh" in capsys.readouterr().out
    assert cli.main(["graph", target, *ARGS, "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert {"tanh", "matmul", "input"} <= {node["op"] for node in described["nodes"]}
    assert cli.main(["graph", target, *ARGS, "-o", "loss.svg"]) == 0
    assert (tmp_path / "loss.svg").read_text().count("<svg") == 1


def test_check(model, capsys):
    assert cli.main(["check", f"{model}:loss", *ARGS]) == 0
    assert "agree" in capsys.readouterr().out
    assert cli.main(["check", f"{model}:loss", *ARGS, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    in_another_order = [part for spec in reversed(ARGS[1::2]) for part in ("--arg", spec)]
    assert cli.main(["check", f"{model}:loss", *in_another_order]) == 0
    assert cli.main(["source", "numpy:tanh", "--arg", "x=f8[3]"]) == 0  # positional only


def test_a_failing_function_is_exit_code_1(model, capsys):
    assert cli.main(["source", f"{model}:broken", "--arg", "x=f8[3]"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "MissingRule" in err and "ellip_harm" in err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["source", "model"], "names no function"),
        (["source", "model:nothing"], "one of loss, plain, broken"),
        (["source", "model:limit"], "has no function"),
        (["source", "no_such_module_here:f"], "there is no module"),
        (["source", "no_such.py:f"], "there is no file"),
        (["graph", "model:plain", "--arg", "x"], "is not name=value"),
        (["graph", "model:plain", "--arg", "x=q9[3]"], "is no dtype"),
        (["graph", "model:plain", "--arg", "x=one two"], "is no array, number or file"),
        (["graph", "model:plain", "--arg", "x=@none.npy"], "none.npy"),
        (["graph", "model:plain", "--arg", "x=1", "--arg", "x.y=1"], "already has a value"),
        (["source", "model:loss", "--arg", "w=f8[3]"], "missing a required argument"),
        (
            ["source", "model:plain", "--arg", "x=1.0", "--arg", "n=2", "--arg", "z=1"],
            "unexpected keyword",
        ),
        (
            ["source", "model:plain", "--arg", "x=1.0", "--arg", "n=2", "-o", "none/x.py"],
            "can't be written",
        ),
        (
            ["graph", "model:plain", "--arg", "x=1.0", "--arg", "n=2", "-o", "none/x.svg"],
            "can't be written",
        ),
    ],
)
def test_what_can_t_be_understood_is_exit_code_2(model, capsys, arguments, words):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err


def test_argparse_agrees_on_the_exit_code(capsys):
    with pytest.raises(SystemExit) as raised:
        cli.main(["paint"])
    assert raised.value.code == 2


def test_argument_specs(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3))
    generator = np.random.default_rng(0)
    specs = ["a=f4[2]", "b=i64[]", "c=c16[1,2]", "d=bool[2]", "e=-0.5", f"f=@{tmp_path}/x.npy"]
    found = cli._arguments([*specs, "g=None", "h=u1[3]"], generator)
    dtypes = [found[name].dtype.name for name in "abcdh"]
    assert dtypes == ["float32", "int64", "complex128", "bool", "uint8"]
    assert found["a"].shape == (2,) and found["c"].shape == (1, 2)
    assert found["e"] == -0.5 and found["g"] is None
    np.testing.assert_array_equal(found["f"], [0, 1, 2])


def test_module_run_and_version():
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("calcgraph ")


def test_demo_in_a_fresh_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "demo", "-o", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"loss.svg", "loss_source.py", "loss_gradient.py"} <= made
    assert "accuracy" in done.stdout and "training" in done.stderr


# -- what the user's own code raises ------------------------------------------------------------
X = ["--arg", "x=f8[3]"]


def test_an_exception_is_shown_with_the_users_frames_alone(model, capsys, monkeypatch):
    for command in ("source", "graph", "check"):
        assert cli.main([command, f"{model}:raises", *X]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("Traceback") and err.endswith("KeyError: 'boom'\n")
        assert err.count("  File ") == 2 and "in raises" in err and "in inner" in err
    monkeypatch.setenv("TRACER_FULL_TRACEBACK", "1")
    assert cli.main(["source", f"{model}:raises", *X]) == 1
    assert "cli.py" in capsys.readouterr().err


def test_a_module_that_can_t_be_loaded(model, capsys, tmp_path):
    (tmp_path / "divides.py").write_text("1 / 0\n", encoding="utf-8")
    (tmp_path / "wrong.py").write_text("def f(x: return\n", encoding="utf-8")
    for target, last in [
        ("divides.py:f", "ZeroDivisionError: division by zero"),
        ("divides:f", "ZeroDivisionError: division by zero"),
        ("wrong.py:f", "SyntaxError: "),
    ]:
        assert cli.main(["source", target, *X]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("  File ") == 1, err
        assert err.splitlines()[-1].startswith(last)


def test_a_function_that_ends_the_process_or_is_interrupted(model, capsys):
    assert cli.main(["source", f"{model}:leaves", *X]) == 1
    assert "ended the process" in capsys.readouterr().err
    assert cli.main(["source", f"{model}:interrupted", *X]) == 130
    assert capsys.readouterr().err == "tracer: interrupted\n"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["source", "model:plain", *X, "--arg", "n=2", "--argnums", "7"], "argnums=7 names no"),
        (["graph", "model:plain", *X, "--arg", "n=2", "-o", "x.gif"], ".svg, .dot, .png"),
        (["source", "model:plain", "--arg", "x=@empty.npy"], "No data left"),
        (["source", "model:plain", "--arg", "x=@two.npz"], "several arrays"),
        (["source", "model:plain", "--arg", "x=@none.npy"], "No such file"),
        (["source", "model:plain", "--arg", "x=object[3]"], "no dtype of numbers"),
        (["source", "model:plain", "--arg", "x=f9[3]"], "'f9' is no dtype"),
    ],
)
def test_more_that_is_exit_code_2(model, capsys, tmp_path, arguments, words):
    (tmp_path / "empty.npy").touch()
    np.savez(tmp_path / "two.npz", a=np.ones(1), b=np.ones(1))
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err and err.count("Fix: ") <= 1


def test_a_reader_that_goes_away(model):
    command = [sys.executable, "-m", "tracer", "graph", "model.py:plain", *X, "--arg", "n=2"]
    home = os.path.dirname(os.path.dirname(cli.__file__))
    run = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": home},
    )
    assert run.stdout is not None and run.stderr is not None
    run.stdout.close()
    with run.stderr:
        assert run.stderr.read() == b""
    assert run.wait() == 1
