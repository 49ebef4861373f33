"""Every public name has a state, and the state is true."""

import importlib
import pkgutil

import numpy as np
import pytest

import tracer
from tests import rules
from tests.rules.scipy.special_points import points
from tracer import errors, trace
from tracer.catalogue.coverage import STATES, page, public_names
from tracer.catalogue.names import METHODS

ENTRIES = tracer.coverage()
X = np.array([0.5, 1.5, 2.0])


def rows():
    """The names that a table of rules has a line for."""
    found = set()
    for module in pkgutil.iter_modules(rules.__path__):
        if module.name.startswith("table_"):
            table = importlib.import_module(f"tests.rules.{module.name}")
            found |= {line.name for line in table.ROWS}
    return found


def test_every_name_has_a_state_and_a_reason():
    names = {name for name, _ in public_names()}
    assert names == set(ENTRIES)
    assert all(entry.state in STATES and entry.because for entry in ENTRIES.values())
    unknown = [e.name for e in ENTRIES.values() if e.because == "no rule has been written"]
    assert not unknown, "a new public name: give it a rule, or a line in tracer/catalogue/names.py"


def test_the_table_names_nothing_else():
    listed = [n for groups in METHODS.values() for names in groups.values() for n in names]
    assert len(listed) == len(set(listed)), "one state each"
    platform = {
        "float128",
        "complex256",
        "ndarray.tostring",
    }  # not on every one, not in every version
    assert set(listed) - set(ENTRIES) - platform <= {n for n in listed if n.startswith("special.")}


def test_every_claim_of_a_derivative_is_checked():
    """A name with a rule, zero or composed is a row of a table, where it is called."""
    checked = rows() | {f"special.{name}" for name, _, _ in points()}
    claims = [e.name for e in ENTRIES.values() if e.state in ("rule", "zero", "composed")]
    assert [name for name in claims if name not in checked] == []


def test_numpy_is_whole():
    """What NumPy has no derivative of here is nothing."""
    missing = [e.name for e in ENTRIES.values() if e.state == "missing"]
    assert [name for name in missing if not name.startswith("special.")] == []


# What does something else with an array than to read it.
HARMLESS = frozenset(
    "printoptions show_config linalg.LinAlgError object_ str_ ndarray.__sizeof__ ndarray.__repr__ "
    "ndarray.__array_namespace__ polynomial.set_default_printstyle "
    "test linalg.test fft.test polynomial.test special.geterr special.seterr".split()
)
REFUSED = [
    entry.name
    for entry in ENTRIES.values()
    if entry.state == "not traceable" and entry.name not in HARMLESS
]
FUNCTIONS = dict(public_names())


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_traceable_says_so(name):
    """An error of ours with its fix, or a TypeError or ValueError of NumPy's own."""
    function = FUNCTIONS[name]

    def call(x):
        if name.startswith("ndarray."):
            return getattr(x, name.removeprefix("ndarray."))()
        return function(x)

    with pytest.raises((errors.TracerError, TypeError, ValueError)) as caught:
        trace(call)(X)
    assert not isinstance(caught.value, errors.TracerError) or caught.value.fix


def test_the_page_has_every_name():
    text = page()
    assert all(f"`{name}`" in text for name in ENTRIES)


def test_by_prefix():
    assert all(name.startswith("linalg.") for name in tracer.coverage("linalg."))
    assert tracer.coverage("linalg.inv")["linalg.inv"].state == "rule"
