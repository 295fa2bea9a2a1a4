"""How many examples: `HYPOTHESIS_PROFILE=thorough` looks much longer, and elsewhere each time."""

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "quick",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=12,
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "thorough",
    deadline=None,
    database=None,
    max_examples=1_000,
    print_blob=True,
    suppress_health_check=_SLOW,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
