"""Seal checkpoints after ``save_state``, and check them before ``load_state``.

The modules that the hooks need are imported at the first call: importing them takes 15 ms, which would delay the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks.first_step import FirstStep
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, wrap

if TYPE_CHECKING:
    from tsdia_run.training.hooks.load_state import Loading
    from tsdia_run.training.hooks.save_state import Saving

HOOK = "checkpoints"


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``."""

    @cache
    def saving() -> Saving:
        from tsdia_run.training.hooks.save_state import Saving

        return Saving(session, RANK.progress)

    @cache
    def loading() -> Loading:
        from tsdia_run.training.hooks.load_state import Loading

        return Loading(session)

    def save_state(*args: Any, **kwargs: Any) -> Steps:
        yield from saving().steps(*args, **kwargs)

    def load_state(*args: Any, **kwargs: Any) -> Steps:
        yield from loading().steps(*args, **kwargs)

    wrap(accelerator_class, "save_state", HOOK, save_state)
    wrap(accelerator_class, "load_state", HOOK, load_state)
    if "metrics" not in session.hooks:  # the metrics hook records it too: each hook on a call costs microseconds
        first = FirstStep(session)

        def note(accelerator: Any, values: Mapping[str, object], step: object = None, *_: Any, **__: Any) -> Steps:
            RANK.progress.logged(values, step)
            if first.is_open and accelerator.is_main_process:
                first.logged(values, step)
            yield None

        wrap(accelerator_class, "log", HOOK, note)
