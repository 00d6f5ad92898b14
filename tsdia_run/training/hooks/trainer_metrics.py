"""Record the log history of transformers' ``Trainer``, whatever it reports to."""

from __future__ import annotations

from typing import Any

from tsdia_run.training.hooks import forwarding, metric_log
from tsdia_run.training.hooks.metric_log import MetricSource, scalars
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, wrap


def hook_trainer(handler_class: Any, session: Session) -> None:
    """Hook the class ``CallbackHandler``, which the Trainer calls with each entry of its log history."""
    log = metric_log.of(session)
    source = MetricSource(log)

    # Before the callbacks: one of the script may log the same values with another library.
    def on_log(_handler: Any, args: Any, state: Any, control: Any, logs: Any = None, *_: Any, **__: Any) -> Steps:
        if state.is_world_process_zero and log.process.is_this() and logs:
            source.add(scalars(logs), state.global_step)
        yield None

    wrap(handler_class, "on_log", "metrics", on_log)
    forwarding.mark_integrations("metrics", "on_log")
