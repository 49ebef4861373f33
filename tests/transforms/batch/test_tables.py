"""vmap of every row of the tables of rules: what stacking the plain calls gives, and its gradient."""

import warnings
import zlib

import numpy as np
import pytest

from tests.rules.table import Draw, spelled_out
from tests.rules.test_table import TABLES
from tracer import grad, trees, vmap

BATCH = 3
# What reads memory beyond an example's own, or is no function of its arguments alone.
APART = {"lib.stride_tricks.as_strided", "ndarray.__divmod__", "ndarray.__rdivmod__"}
PLAIN_NUMBERS = (np.ndarray, np.generic, float, int, complex, bool)


def name_of(table):
    return table.__name__.removeprefix("tests.rules.table_")


ROWS = [
    pytest.param(line, id=f"{name_of(table)}-{line}-{number}")
    for table in TABLES
    if name_of(table) != "special"
    for number, line in enumerate(table.ROWS)
    if line.name not in APART and any(isinstance(o, Draw) for o in line.operands)
]


def examples_of(line):
    """The operands of each example of a row's first case, and which of them are drawn."""
    operands, keywords = next(iter(line.cases()))
    rows = []
    for number in range(BATCH):
        row = []
        for place, operand in enumerate(operands):
            seed = zlib.crc32(f"{line.name} {place} {number}".encode())
            drawn = isinstance(operand, Draw)
            row.append(operand(np.random.default_rng(seed), "d") if drawn else operand)
        rows.append(row)
    mapped = [k for k, operand in enumerate(operands) if isinstance(operand, Draw)]
    return spelled_out(line.function(), keywords), rows, mapped


def stacked(rows, mapped):
    """The arguments of the mapped function, and its axes."""
    count = len(rows[0])
    args = [np.stack([row[k] for row in rows]) if k in mapped else rows[0][k] for k in range(count)]
    return args, tuple([0 if k in mapped else None for k in range(count)])


def numbers(result):
    return [np.asarray(x) for x in trees.flatten(result)[0] if isinstance(x, PLAIN_NUMBERS)]


def of_example(args, mapped, number):
    """One example's arguments, as indexing gives them."""
    return [np.copy(a[number], order="K")[()] if k in mapped else a for k, a in enumerate(args)]


@pytest.mark.parametrize("line", ROWS)
@pytest.mark.filterwarnings("ignore")
def test_values(line):
    call, rows, mapped = examples_of(line)
    for chosen in [mapped, mapped[:1], mapped[1:]] if len(mapped) > 1 else [mapped]:
        args, axes = stacked(rows, chosen)
        with np.errstate(all="ignore"):
            plain = [numbers(call(*of_example(args, chosen, k))) for k in range(BATCH)]
            shapes = {tuple([x.shape for x in row]) for row in plain}
            if len(shapes) > 1:  # sizes that depend on values can't be stacked
                continue
            found = numbers(vmap(call, axes)(*args))
        for got, *want in zip(found, *plain, strict=True):
            expected = np.stack(want)
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


SMOOTH = [p for p in ROWS if p.id.split("-")[0] in ("shape", "reduction", "indexing", "products")]


@pytest.mark.parametrize("line", SMOOTH)
@pytest.mark.filterwarnings("ignore")
def test_gradients(line):
    call, rows, mapped = examples_of(line)
    wrt = tuple([k for k in mapped if np.asarray(rows[0][k]).dtype.kind in "fc"])
    if not line.order or not wrt:
        return

    def total(*args):
        leaves = [x for x in trees.flatten(call(*args))[0] if hasattr(x, "dtype")]
        parts = [x for x in leaves if x.dtype.kind in "fc"]
        return sum([np.sum(np.real(x) ** 2) + np.sum(np.imag(x)) for x in parts], 0.0)

    args, axes = stacked(rows, mapped)
    one = grad(total, wrt)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        want = [one(*of_example(args, mapped, k)) for k in range(BATCH)]
        found = vmap(one, axes)(*args)
        through = grad(lambda *a: np.sum(vmap(total, axes)(*a)), wrt)(*args)
    for got, back, *each in zip(found, through, *want, strict=True):
        expected = np.stack(each)
        assert got.dtype == back.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(back, expected, rtol=1e-8, atol=1e-8)
