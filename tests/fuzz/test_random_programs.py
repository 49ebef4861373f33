"""Random programs give traced what they give plain: drawn, and made small, by Hypothesis.

HYPOTHESIS_PROFILE=nightly pytest tests/fuzz        # 10,000 programs
python -m tests.fuzz --count 10000 --seed 1         # the same without Hypothesis, faster
"""

import os
import random
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.comparison import Refusal, compare
from tests.fuzz.writer import Program, write

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SEEDS = range(2_000 if NIGHTLY else 80)


@st.composite
def programs(draw):
    return write(lambda options: draw(st.sampled_from(options)), 5)


@settings(
    max_examples=10_000 if NIGHTLY else 60, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(program=programs())
def test_drawn_programs(program: Program):
    agrees(program, None)


@pytest.mark.parametrize("part", range(4))
def test_seeded_programs_in_files(part, tmp_path):
    """The generator makes programs that say something: most are compared, few refused."""
    seeds = SEEDS[part::4]
    found = [agrees(write(random.Random(seed).choice, 8), str(tmp_path)) for seed in seeds]
    assert found.count("refused") <= len(seeds) // 10
    assert found.count("compared") >= len(seeds) // 2


def agrees(program: Program, folder: str | None) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compare(program, folder)
        except Refusal:
            return "refused"
