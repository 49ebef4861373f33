"""Texts of traced values and numbers as keys: what they decide is guarded, what is printed is not."""

import io
import json
import logging
import re

import numpy as np
import pytest

from tests.recording.agreement import same
from tracer import errors, grad, trace

X = np.arange(4.0) + 0.5
LEVELS = {"a0.5": 1.0, "a1.5": 2.0}
RATES = {0.5: 10.0, 1.5: 20.0, 2.5: 30.0}
TABLE = [1.0, 2.0, 3.0, 4.0]


class Settings:
    level = 1
    rate = 0.5


def name_of(x):
    return f"{x[0]:.1f}"


def in_a_match(x):
    match f"{x[0]:.1f}":
        case "0.5":
            return x
        case "1.5":
            return x * 3
    return x * 4


def in_an_error(x):
    try:
        raise ValueError(f"{x[0]:.1f}")
    except ValueError as error:
        return x if str(error) == "0.5" else -x


TEXTS = {
    "key": lambda x: x * LEVELS.get(f"a{x[0]:.1f}", 7.0),
    "helper": lambda x: x * LEVELS.get(f"a{name_of(x)}", 7.0),
    "sum": lambda x: x * LEVELS.get("a" + f"{x[0]:.1f}", 7.0),
    "str": lambda x: x * LEVELS.get("a" + str(x[0]), 7.0),
    "join": lambda x: x * LEVELS.get("".join(c for c in ["a", f"{x[0]:.1f}"]), 7.0),
    "format": lambda x: x * LEVELS.get("{}{n:.1f}".format("a", n=x[0]), 7.0),
    "percent": lambda x: x * LEVELS.get("a%.1f" % x[0], 7.0),  # noqa: UP031
    "percent of two": lambda x: x * LEVELS.get("%s%.1f" % ("a", x[0]), 7.0),  # noqa: UP031
    "percent of a dict": lambda x: (
        x
        * LEVELS.get(
            "%(k)s%(v).1f" % {"k": "a", "v": x[0]},  # noqa: UP031
            7.0,
        )
    ),
    "nested format": lambda x: x * LEVELS.get(f"a{x[0]:.{1}f}", 7.0),
    "with its name": lambda x: x if f"{x[0]=:.1f}" == "x[0]=0.5" else -x,
    "local dict": lambda x: x * {"0.5": 2.0}.get(f"{x[0]:.1f}", 5.0),
    "equal": lambda x: x if f"{x[0]:.1f}" == "0.5" else -x,
    "equal on the right": lambda x: x if "0.5" == f"{x[0]:.1f}" else -x,
    "less": lambda x: x if f"{x[0]}" < f"{x[1] - 0.7}" else -x,
    "in a text": lambda x: x if f"{x[0]:.1f}" in "0.5 1.5" else -x,
    "holds": lambda x: x if "5" in f"{x[0]:.0%}" else -x,
    "in a list": lambda x: x if f"{x[0]:.1f}" in ["0.5"] else -x,
    "truth": lambda x: x if f"{x[0]:.0f}".strip("0") else -x,
    "startswith": lambda x: x if f"{x[0]:.1f}".startswith("0") else -x,
    "split": lambda x: x * len(f"{x[0]:g}".split(".")),
    "find": lambda x: x * f"{x[0]:.1f}".find("1"),
    "encode": lambda x: x * f"{x[0]:.1f}".encode()[0],
    "bytes": lambda x: x * bytes(f"{x[0]:.1f}", "utf8")[0],
    "ord": lambda x: x * ord(f"{x[0]:.0f}"),
    "letters": lambda x: x * sum([c == "1" for c in f"{x[0]:.1f}"]),
    "set": lambda x: x * len({f"{v - x[0]:.0f}" if v > 1 else f"{v:.0f}" for v in x}),
    "sorted": lambda x: x if sorted([f"{v:.1f}" for v in x])[0] == "0.5" else -x,
    "largest": lambda x: x * len(max([f"{v * 5:.1f}" for v in x], key=len)),
    "re": lambda x: x if re.match(r"0", f"{x[0]:.1f}") else -x,
    "json": lambda x: x * len(json.dumps({"a": f"{x[0] * 4:g}"})),
    "array": lambda x: x if str(x) == "[0.5 1.5 2.5 3.5]" else -x,
    "array of texts": lambda x: x * np.array([f"{x[0]:.1f}"]).astype(float),
    "repr": lambda x: x if repr(x[1]) == repr(np.float64(1.5)) else -x,
    "Python's numbers": lambda x: x if f"{x[0].item()}" == "0.5" else -x,
    "list": lambda x: x if str(x.tolist()) == "[0.5, 1.5, 2.5, 3.5]" else -x,
    "match": in_a_match,
    "error": in_an_error,
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_decides_something_is_guarded(name):
    program = TEXTS[name]
    traced = trace(program)
    for shift in (0, 1, 0, 2, 1, 2):  # right on the first call that differs
        same(traced(X + shift), program(X + shift), name)


@pytest.mark.parametrize("name", ["key", "percent", "array", "split"])
def test_gradients_beside_texts(name):
    program = TEXTS[name]
    slope = grad(lambda x: np.sum(program(x)))
    for shift in (0, 1, 0):
        values = program(X + shift) / (X + shift)
        np.testing.assert_allclose(slope(X + shift), values)


def test_texts_that_are_printed_decide_nothing():
    def program(x):
        print(f"{x[0]:.3f}", x[0], x, file=io.StringIO())
        logging.getLogger("quiet").debug("%s and %.3f", x[0], x[1])
        rows = []
        rows.append(f"{x.sum()}")
        return x * 2

    traced = trace(program)
    for shift in range(5):
        same(traced(X + shift), program(X + shift))
    assert not traced.graph(X, mode="forward").guards
    assert sum(len(leaves) for leaves in traced.cache.entries.values()) == 1


NUMBERS = {
    "float": lambda x: x * float(f"{x[0]:.1f}"),
    "int": lambda x: x * int(f"{x[0]:.0f}"),
    "complex": lambda x: x * abs(complex(f"{x[0]:.1f}")),
    "eval": lambda x: x * eval(f"{x[0]:.1f}"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_not_read_from_texts(name):
    with pytest.raises(errors.LeakError, match="text of a traced value"):
        trace(NUMBERS[name])(X)


settings = Settings()
KEYS = {
    "list": lambda x: x * TABLE[settings.level],
    "dict": lambda x: x * RATES[settings.rate],
    "get": lambda x: x * RATES.get(settings.rate, 3.0),
    "in": lambda x: x * (settings.rate in RATES),
    "rounded": lambda x: x * RATES[round(settings.rate, 1)],
    "pair": lambda x: x * {(0.5, 1): 2.0, (1.5, 1): 3.0}.get((settings.rate, settings.level), 5.0),
    "set": lambda x: x * len({0.5, settings.rate}),
    "hash": lambda x: x * (hash(settings.rate) % 3),
    "local": lambda x: x * {0.5: 1.0, 1.5: 2.0}.get(settings.rate, 3.0),
    "text": lambda x: x * LEVELS.get(f"a{settings.rate:.1f}", 4.0),
    "in a list": lambda x: x * TABLE[[3, 1, 0, 2][settings.level]],
}


@pytest.mark.parametrize("name", KEYS)
def test_settings_as_keys(name, monkeypatch):
    program = KEYS[name]
    traced = trace(program)
    for level, rate in [(1, 0.5), (2, 1.5), (1, 2.5), (2, 0.5), (1, 0.5)]:
        monkeypatch.setattr(settings, "level", level)
        monkeypatch.setattr(settings, "rate", rate)
        same(traced(X), program(X), name)
        monkeypatch.setitem(RATES, rate, RATES[rate] + 1)
        TABLE[level] += 1
        same(traced(X), program(X), name)
