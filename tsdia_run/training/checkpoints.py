"""Checkpoints that are known to be whole: seals around ``save_state``, checks before ``load_state``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsdia_run.training.hooks import Steps, wrap
from tsdia_run.training.loading import Loading
from tsdia_run.training.progress import PROGRESS
from tsdia_run.training.saving import Saving
from tsdia_run.training.session import Session

HOOK = "checkpoints"


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``."""
    wrap(accelerator_class, "save_state", HOOK, Saving(session, PROGRESS).steps)
    wrap(accelerator_class, "load_state", HOOK, Loading(session).steps)
    wrap(accelerator_class, "log", HOOK, _note)


def _note(_accelerator: Any, values: Mapping[str, object], step: object = None, *_: Any, **__: Any) -> Steps:
    PROGRESS.logged(values, step)
    yield None
