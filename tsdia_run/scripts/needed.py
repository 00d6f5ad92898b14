"""What the settings of a start do not tell; a light module, since every start needs it (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Open:
    """What no setting tells yet.

    Attributes:
        config: Whether a config is given, and no setting says how to pass it.
        run_dir: Whether nothing passes the run directory.
        checkpoint: Whether nothing passes the checkpoint of a resume.
        has_config: Whether a config is given.
    """

    config: bool
    run_dir: bool
    checkpoint: bool
    has_config: bool
