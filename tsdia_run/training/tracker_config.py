"""The config of the attempt, as trackers get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Where the config file stands among what the script itself tells its trackers.
KEY = "config_file"


@dataclass(frozen=True)
class TrackerConfig:
    """The config of the attempt.

    Attributes:
        values: What trackers get of it: nothing where there is none, else all of it under ``KEY``, without secrets.
        text: Its text; None where there is none, or a secret in it.
    """

    values: Mapping[str, Any]
    text: str | None


@dataclass
class Given:
    """Who gets the config, so that nobody gets it twice.

    Attributes:
        is_accelerates_turn: Whether Accelerate makes its trackers at this moment, and will be given it.
        runs: The ids of the W&B runs that have it.
    """

    is_accelerates_turn: bool = False
    runs: set[str] = field(default_factory=set)


# One training a process.
GIVEN = Given()


def read(path: Path | None) -> TrackerConfig:
    """Read the config that the script got; None where it takes none."""
    if path is None:
        return TrackerConfig({}, None)
    # 40 ms, which a script without trackers need not wait for.
    from tsdia_run import config
    from tsdia_run.training.flat import without_secrets

    document = config.read(path)
    values, shown = document.plain(), without_secrets(document.plain())
    return TrackerConfig({KEY: shown}, document.text if shown == values else None)
