"""Every row of every table: value, dtype, shape and derivatives are NumPy's."""

import pkgutil
from importlib import import_module

import pytest

from tests import rules
from tests.rules.table import verify

TABLES = [
    import_module(f"tests.rules.{module.name}")
    for module in pkgutil.iter_modules(rules.__path__)
    if module.name.startswith("table_")
]
ROWS = [
    pytest.param(line, id=f"{table.__name__.removeprefix('tests.rules.table_')}-{line}")
    for table in TABLES
    for line in table.ROWS
]


@pytest.mark.parametrize("line", ROWS)
def test_row(line):
    verify(line)
