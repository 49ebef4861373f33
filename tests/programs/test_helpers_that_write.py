"""Helpers that write to a container from outside, which is handed to them with lifted numbers."""

from collections import OrderedDict, deque

import numpy as np
import pytest

from tracer import errors, trace

TABLE = {"w": 1.0, "inner": {"v": np.ones(2)}}
ROW = [1.0, 2.0]
NESTED = [{"w": 1.0, "a": np.ones(2)}, {"w": 2.0, "a": np.ones(2)}]
QUEUE = deque([1.0, 2.0])
ORDERED = OrderedDict(a=1.0)


def put(table, key, value):
    table[key] = value


def visit(rows):
    for row in rows:
        row["w"] = 0.0


WRITING = {
    "an item": lambda x: put(TABLE, "w", 5.0) or x * TABLE["w"],
    "a traced item": lambda x: put(TABLE, "w", x) or x * TABLE["w"],
    "a new item": lambda x: put(TABLE, "new", 5.0) or x * len(TABLE),
    "an inner table": lambda x: put(TABLE["inner"], "v", 5.0) or x * TABLE["inner"]["v"],
    "a row": lambda x: put(ROW, 0, 5.0) or x * ROW[0],
    "append": lambda x: (lambda row: row.append(3.0))(ROW) or x * len(ROW),
    "rows of a loop": lambda x: visit(NESTED) or x * NESTED[0]["w"],
    "a queue": lambda x: (lambda row: row.append(3.0))(QUEUE) or x * len(QUEUE),
    "an ordered table": lambda x: put(ORDERED, "a", 2.0) or x * ORDERED["a"],
}


@pytest.mark.parametrize("name", WRITING)
def test_is_never_lost(name):
    before = repr((TABLE, ROW, NESTED, QUEUE, ORDERED))
    traced = trace(WRITING[name])
    for _ in range(2):
        with pytest.raises(errors.LeakError):
            traced(2.0)
    assert repr((TABLE, ROW, NESTED, QUEUE, ORDERED)) == before


def test_helpers_that_only_read_or_write_to_their_own_copy():
    def helper(table, row):
        mine = dict(table)
        mine["w"] = 3.0
        return sorted(row)[-1] * mine["w"] * table["w"]

    assert trace(lambda x: x * helper(TABLE, ROW))(2.0) == 12.0
