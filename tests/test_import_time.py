"""``import tracer`` costs little more than ``import numpy`` and brings nothing else along."""

import resource
import statistics
import subprocess
import sys

import pytest

import tracer


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def seconds(code):
    """CPU time: what else the machine does at the moment counts little."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_import_brings_no_heavy_package():
    loaded = run("import sys, tracer; print(*sys.modules)")
    heavy = {"networkx", "scipy", "graphviz", "sklearn", "rich", "viz", "pandas", "optree"}
    assert not heavy & {name.partition(".")[0] for name in loaded}


def test_names_that_users_import_bring_no_graph_along():
    """What traces is loaded at the first trace, and of NumPy only what ``import numpy`` loads."""
    loaded = run("import sys; from tracer import grad, trace, value_and_grad; print(*sys.modules)")
    assert not {"networkx", "tracer.ops.registry", "tracer.recording.recorder.recorder"} & set(
        loaded
    )
    first = "import sys; from tracer import grad; grad(lambda x: x * x)(1.0); print(*sys.modules)"
    assert not {"numpy.f2py", "numpy.testing", "unittest", "scipy", "viz"} & set(run(first))


@pytest.mark.parametrize(
    ("statement", "limit"), [("import tracer", 1.4), ("from tracer import grad, trace", 1.6)]
)
def test_import_is_near_numpy(statement, limit):
    rows = [(seconds("import numpy"), seconds(f"import numpy; {statement}")) for _ in range(7)]
    ratio = statistics.median(both / alone for alone, both in rows)
    assert ratio <= limit, rows


def test_every_public_name_loads():
    for name in tracer.__all__:
        assert getattr(tracer, name) is not None
    assert set(tracer.__all__) <= set(dir(tracer))


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(tracer, "gradient")
