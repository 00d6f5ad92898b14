"""Run the same examples in every run, also on slow machines: a check that fails must fail again."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# The check tries few inputs, and the same ones each time. `make fuzz` tries many others.
_ANY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("same", _ANY, derandomize=True, max_examples=30)
settings.register_profile("thorough", _ANY, max_examples=2_000)
settings.load_profile("same")

# Several tests run at a time, and torch's threads would only wait for each other. Benchmarks keep the threads.
os.environ["OMP_NUM_THREADS"] = "1"

# The files with the longest tests come first, so that no worker is still busy with one when the others have ended.
_LONG = frozenset(
    f"test_{name}.py"
    for name in (
        "accelerate_environment", "char_lm", "checkpoint_hooks", "checkpoint_kills", "escaped_children", "faults",
        "faults_kills", "helper", "quickstart", "relay_kills", "relay_pipes", "trackers",
    )
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in _LONG)
