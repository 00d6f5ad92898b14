"""Checkpoints that are known to be whole: seals around ``save_state``, checks before ``load_state``."""

from __future__ import annotations

from typing import Any

from tsdia_run.training.session import Session


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``."""
