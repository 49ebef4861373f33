"""``import tracer`` costs little more than ``import numpy`` and brings nothing else along."""

import statistics
import subprocess
import sys
import time

import tracer


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def seconds(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def test_import_brings_no_heavy_package():
    loaded = run("import sys, tracer; print(*sys.modules)")
    heavy = {"networkx", "scipy", "graphviz", "sklearn", "rich", "viz", "pandas", "optree"}
    assert not heavy & {name.partition(".")[0] for name in loaded}


def test_import_is_near_numpy():
    rows = [(seconds("import numpy"), seconds("import numpy, tracer")) for _ in range(7)]
    ratio = statistics.median(both / alone for alone, both in rows)
    assert ratio <= 1.4, rows


def test_every_public_name_loads():
    for name in tracer.__all__:
        assert getattr(tracer, name) is not None
    assert set(tracer.__all__) <= set(dir(tracer))


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(tracer, "gradient")
