"""Run the same examples in every run, also on slow machines: a check that fails must fail again."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The check tries few inputs, and the same ones each time. `make fuzz` tries many others.
_ANY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("same", _ANY, derandomize=True, max_examples=30)
settings.register_profile("thorough", _ANY, max_examples=2_000)
settings.load_profile("same")

# Several tests run at a time, and torch's threads would only wait for each other. Benchmarks keep the threads.
os.environ["OMP_NUM_THREADS"] = "1"
