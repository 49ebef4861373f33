"""Errors say what, where and what to do; each docstring is complete enough to be its page."""

import inspect
import pickle

import numpy as np
import pytest

from tests.documents import EXAMPLE, ROOT, error_catalogue, message_of
from tracer import errors, grad, trace, vmap
from tracer.graph.origin import Origin

CLASSES = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, errors.TracerError)
]


def test_the_message_names_the_line_and_the_fix():
    place = Origin(
        "model.py", 16, 8, 24, "np.unwrap(angle)", "phase = np.unwrap(angle) * 2", 16, "model"
    )
    error = errors.MissingRule("np.unwrap has no derivative rule.", place, fix="use stop_gradient")
    assert str(error).splitlines() == [
        "np.unwrap has no derivative rule.",
        '  File "model.py", line 16, in model',
        "    phase = np.unwrap(angle) * 2",
        "            ^^^^^^^^^^^^^^^^",
        "Fix: use stop_gradient",
    ]
    assert (error.message, error.place, error.fix) == (error.args[0], place, "use stop_gradient")


def test_of_a_long_statement_the_part_around_the_expression_is_shown():
    before = "total = " + " + ".join(f"weight_{k} * value_{k}" for k in range(12))
    statement = f"{before} + np.unwrap(angle) + " + "x" * 80
    place = Origin(
        "model.py", 3, len(before) + 3, len(before) + 19, "np.unwrap(angle)", statement, 3, "f"
    )
    _, shown, carets = errors.locate(place).splitlines()
    assert len(shown) <= 4 + errors.WIDTH and shown[4] == shown[-1] == "…"
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "np.unwrap(angle)"
    first = Origin("model.py", 3, 0, 8, "weight_0", statement, 3, "f")
    _, shown, carets = errors.locate(first).splitlines()
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "weight_0"


def test_without_a_place_only_the_message():
    assert str(errors.GraphError("inputs come first")) == "inputs come first"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_is_documented_and_builtin(kind):
    builtin = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert (
        len(builtin) >= 3
    )  # Exception, BaseException, object and, but for the root, one that fits
    if kind is not errors.TracerError:
        assert "Fix:" in (inspect.getdoc(kind) or "")
    again = pickle.loads(pickle.dumps(kind("what", None, "fix")))
    assert str(again) == "what\nFix: fix"


def test_the_catalogue_is_up_to_date():
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert page == error_catalogue(), "python -m tests.documents --write"


# Raised only where something outside of Python is missing, or by a program on the command line.
WITHOUT_EXAMPLE = {"NoLayoutEngine", "CliError"}


@pytest.mark.parametrize("kind", CLASSES[1:], ids=lambda kind: kind.__name__)
def test_every_class_is_in_the_catalogue_with_what_it_says(kind):
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert f"\n## {kind.__name__}\n" in page
    example = EXAMPLE.search(inspect.getdoc(kind) or "")
    assert (example is None) == (kind.__name__ in WITHOUT_EXAMPLE)
    if example is not None:
        said = message_of(kind, example[0])
        assert said in page and said.startswith(f"{kind.__name__}: ")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (lambda x: "text", "returned str"),
        (lambda x: None, "returned None"),
        (lambda x: (x, x), "returned several values"),
        (lambda x: {}, "returned several values"),
    ],
)
def test_only_a_number_has_a_gradient(result, said):
    """A text is no constant whose gradient is zero: the function is the wrong one."""
    with pytest.raises(errors.NonScalarOutput, match=said):
        grad(result)(1.0)
    assert grad(lambda x: 1.5)(1.0) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: grad(np.square)(3),
        lambda: grad(np.sin, argnums=4)(1.0),
        lambda: vmap(np.dot)(np.ones((4, 3)), np.ones((5, 3))),
        lambda: trace(np.sum)(np.array([1, None])),
    ],
)
def test_errors_about_arguments_show_the_call(call):
    """What no line of the traced function causes is shown at the user's call."""
    with pytest.raises(errors.TracerError) as found:
        call()
    said = str(found.value).split("\n")
    assert "test_errors.py" in said[1] and "lambda: " in said[2] and "^" in said[3]
