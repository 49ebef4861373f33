"""Samples run, and their checked-in pictures and code are what they make today."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
GENERATED = SAMPLES / "generated"


def words(svg):
    """What a picture says, without where: an engine may move things by a fraction of a point."""
    return sorted(re.findall(r"<text[^>]*>([^<]*)</text>", svg))


@pytest.fixture(scope="session")
def remade(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, "-m", "samples.make", folder], check=True, cwd=ROOT)
    return folder


@pytest.mark.parametrize("name", ["digits", "matmul"])
def test_generated_code_and_picture_are_fresh(remade, name):
    for suffix in (".py", ".svg"):
        kept = (GENERATED / f"{name}{suffix}").read_text(encoding="utf-8")
        made = (remade / f"{name}{suffix}").read_text(encoding="utf-8")
        if suffix == ".svg":
            kept, made = words(kept), words(made)
        assert kept == made, "python -m samples.make"


def test_generated_code_is_clean():
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=100", GENERATED],
        check=True,
    )


def test_generated_gradient_of_the_digits_network(digits):
    """The checked-in file, run as a user would run it, against the same by hand."""
    program = runpy.run_path(str(GENERATED / "digits.py"))
    draw = np.random.default_rng(0)
    x, labels = draw.random((128, 64)), draw.integers(0, 10, 128)
    params = digits.start(seed=1)
    b1, b2, w1, w2 = (params[name] for name in ("b1", "b2", "w1", "w2"))
    flat = {"b1": b1, "b2": b2, "w1": w1, "w2": w2, "x": x, "labels": labels}
    code = program["forward"].__code__
    names = code.co_varnames[: code.co_argcount]
    value, residuals = program["forward"](*[flat[name] for name in names])
    gradients = program["backward"](residuals, 1.0)
    wanted = [name for name in names if name in params]
    h = 1e-6
    for name, gradient in zip(wanted, gradients, strict=True):
        step = draw.normal(size=params[name].shape)
        ahead, behind = (
            digits.loss.__wrapped__(params | {name: params[name] + s * step}, x, labels)
            for s in (h, -h)
        )
        assert np.sum(gradient * step) == pytest.approx((ahead - behind) / (2 * h), rel=1e-5)
    assert value == digits.loss.__wrapped__(params, x, labels)


@pytest.fixture(scope="session")
def digits():
    from tracer.demo import sample

    return sample("digits")


def test_digits_learn(digits):
    seen = []
    params, accuracy = digits.train(steps=60, progress=lambda step, value: seen.append(value))
    assert accuracy >= 0.95
    assert seen[-1] < seen[0] / 5 and sorted(params) == ["b1", "b2", "w1", "w2"]


def test_matmul_prints_its_jacobian(capsys):
    runpy.run_path(str(SAMPLES / "matmul.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert out.count("True") == 4 and "False" not in out
    assert "def backward" in out
