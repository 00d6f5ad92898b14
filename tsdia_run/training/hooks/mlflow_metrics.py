"""Record the metrics that a script logs with MLflow, by its functions or by a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsdia_run.training.hooks import forwarding, metric_log
from tsdia_run.training.hooks.metric_log import MetricSource, scalars
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, wrap

# MLflow's own measurements of the machine, from a thread: https://mlflow.org/docs/latest/system-metrics/ .
_SYSTEM = "system/"


def hook_mlflow(fluent: Any, session: Session) -> None:
    """Hook the module ``mlflow.tracking.fluent``: the functions such as ``mlflow.log_metric``, and ``MlflowClient``."""
    log = metric_log.of(session)
    source = MetricSource(log)

    def add(values: dict[str, Any], step: Any) -> None:
        numbers = scalars({name: value for name, value in values.items() if not name.startswith(_SYSTEM)})
        if numbers and not forwarding.is_forwarding() and log.process.is_main():
            source.add(numbers, step)

    # The functions call the client, with step 0 if the script passes none.
    def log_metric(key: str, value: Any, step: Any = None, *_: Any, **__: Any) -> Steps:
        with forwarding.forwarding():
            yield None
        add({key: value}, step)

    def log_metrics(metrics: Any, step: Any = None, *_: Any, **__: Any) -> Steps:
        with forwarding.forwarding():
            yield None
        add(dict(metrics), step)

    def log_metric_of_client(
        _client: Any, run_id: Any, key: str, value: Any, timestamp: Any = None, step: Any = None, *_: Any, **__: Any
    ) -> Steps:
        yield None
        add({key: value}, step)

    def log_batch(_client: Any, run_id: Any, metrics: Sequence[Any] = (), *_: Any, **__: Any) -> Steps:
        yield None
        for step in dict.fromkeys(one.step for one in metrics):
            add({one.key: one.value for one in metrics if one.step == step}, step)

    wrap(fluent, "log_metric", "metrics", log_metric)
    wrap(fluent, "log_metrics", "metrics", log_metrics)
    wrap(fluent.MlflowClient, "log_metric", "metrics", log_metric_of_client)
    wrap(fluent.MlflowClient, "log_batch", "metrics", log_batch)
