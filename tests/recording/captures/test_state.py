"""State that a function reads of Python itself: a call sees it as it is then, not as it was."""

import array
import configparser
import decimal
import gc
import os
import sys
import threading
import weakref

import numpy as np
import pytest

from tracer import trace

X = np.array([0.5, 1.5, 2.5])


class Holder:
    rate = 1.0


HOLDER = Holder()
REFERENCE = weakref.ref(HOLDER)
CONFIG = configparser.ConfigParser()
CONFIG.read_string("[model]\nrate = 1")
CELLS = array.array("d", [1.0])
VIEW = memoryview(CELLS)


def marked(x):
    return x


# What is read, and what changes it; it is put back afterwards.
STATE = {
    "errors": (lambda: len(np.geterr()["divide"]), lambda: np.seterr(divide="ignore")),
    "printing": (
        lambda: np.get_printoptions()["precision"],
        lambda: np.set_printoptions(precision=3),
    ),
    "folder": (lambda: len(os.getcwd()), lambda: os.chdir(os.sep)),
    "recursion": (sys.getrecursionlimit, lambda: sys.setrecursionlimit(3456)),
    "thread": (
        lambda: len(threading.current_thread().name),
        lambda: setattr(threading.current_thread(), "name", "renamed for now"),
    ),
    "collector": (lambda: 1 + gc.isenabled(), gc.disable),
    "decimals": (
        lambda: decimal.getcontext().prec,
        lambda: setattr(decimal.getcontext(), "prec", 5),
    ),
    "weak reference": (lambda: REFERENCE().rate, lambda: setattr(HOLDER, "rate", 7.0)),
    "options": (lambda: CONFIG.getfloat("model", "rate"), lambda: CONFIG.set("model", "rate", "5")),
    "marks": (lambda: marked.__dict__.get("rate", 1.0), lambda: setattr(marked, "rate", 2.0)),
    "memory": (lambda: VIEW[0], lambda: CELLS.__setitem__(0, 3.0)),
}


@pytest.fixture
def put_back():
    errors, printing, folder = np.geterr(), np.get_printoptions(), os.getcwd()
    limit, name, precision = sys.getrecursionlimit(), threading.current_thread().name, 28
    yield
    np.seterr(**errors)
    np.set_printoptions(**printing)
    os.chdir(folder)
    sys.setrecursionlimit(limit)
    threading.current_thread().name = name
    gc.enable()
    decimal.getcontext().prec = precision
    vars(HOLDER).clear()
    CONFIG.set("model", "rate", "1")
    vars(marked).clear()
    CELLS[0] = 1.0


@pytest.mark.parametrize("name", STATE)
def test_state_is_read_on_every_call(name, put_back):
    read, change = STATE[name]

    def function(x):
        return np.sum(x) * read()

    traced = trace(function)
    before = function(X)
    assert traced(X) == traced(X) == before
    change()
    assert function(X) != before
    assert traced(X) == traced(X) == function(X)


def test_other_threads_have_names_of_their_own():
    def function(x):
        return np.sum(x) * len(threading.current_thread().name)

    traced, found = trace(function), []

    def work():
        found.append(traced(X) == function(X))

    threads = [threading.Thread(target=work, name="n" * size) for size in (1, 5, 9)]
    for thread in threads:
        thread.start()
        thread.join()
    work()
    assert found == [True] * 4
