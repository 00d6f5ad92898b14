"""Run the same examples in every run, also on slow machines: a check that fails must fail again."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

# Several tests run at a time, and torch's threads would only wait for each other. Benchmarks keep the threads.
os.environ["OMP_NUM_THREADS"] = "1"
