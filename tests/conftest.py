"""Hypothesis profiles: the usual one, and ``HYPOTHESIS_PROFILE=nightly`` for long runs.

HYPOTHESIS_PROFILE=nightly pytest tests/fuzz tests/test_soak.py
"""

import os

from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
settings.register_profile(
    "nightly", max_examples=10_000, deadline=None, suppress_health_check=QUIET
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
