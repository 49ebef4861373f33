"""Every row of every table: value, dtype, shape and derivatives are NumPy's."""

import pkgutil
from importlib import import_module

import pytest

from tests import rules
from tests.rules.table import resolve, verify

TABLES = [
    import_module(f"tests.rules.{module.name}")
    for module in pkgutil.iter_modules(rules.__path__)
    if module.name.startswith("table_")
]


def is_known(line):
    """Whether this version of NumPy has the function."""
    try:
        resolve(line.name)
    except AttributeError:
        return False
    return True


ROWS = [
    pytest.param(line, id=f"{table.__name__.removeprefix('tests.rules.table_')}-{line}")
    for table in TABLES
    for line in table.ROWS
    if is_known(line)  # newer versions of NumPy have more
]


@pytest.mark.parametrize("line", ROWS)
def test_row(line):
    verify(line)
