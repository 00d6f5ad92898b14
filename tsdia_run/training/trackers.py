"""The whole config for every tracker, and one W&B run for all attempts of a run."""

from __future__ import annotations

from typing import Any

from tsdia_run.training.session import Session


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``."""


def hook_wandb(wandb: Any, session: Session) -> None:
    """Hook the module ``wandb``."""
