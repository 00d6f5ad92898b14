"""Record what a script logs with ``wandb.log`` or ``run.log``."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from tsdia_run.training.hooks import forwarding, metric_log
from tsdia_run.training.hooks.metric_log import MetricSource, scalars
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wandb_steps import ResumedCount, RunSteps
from tsdia_run.training.hooks.wrapping import Steps, wrap


def hook_wandb(wandb: Any, session: Session) -> None:
    """Hook the class of W&B's runs: ``wandb.log`` is a method of the newest run."""
    log_of_process = metric_log.of(session)
    source = MetricSource(log_of_process)
    resumed = ResumedCount(session)
    all_steps: WeakKeyDictionary[Any, RunSteps] = WeakKeyDictionary()

    def steps_of(run: Any) -> RunSteps:
        if run not in all_steps:
            all_steps[run] = RunSteps(run.starting_step, resumed)
        return all_steps[run]

    # After the call: it has read a tensor from the device, and it has found wrong arguments.
    def log(run: Any, data: Any, step: Any = None, commit: Any = None, *_: Any, **__: Any) -> Steps:
        if not log_of_process.process.is_main():
            return
        yield None
        for values, own_step, counted_step in steps_of(run).logged(scalars(data, "."), step, commit):
            if not forwarding.is_forwarding():  # W&B counts forwarded calls too
                source.add(values, own_step, counted_step)

    def define_metric(run: Any, name: str, step_metric: Any = None, *_: Any, **__: Any) -> Steps:
        yield None
        if step_metric:
            steps_of(run).define(name, str(getattr(step_metric, "name", step_metric)))

    def init(*_: Any, **__: Any) -> Steps:
        run = yield None
        # Early releases replace the method of a run with `mode="disabled"`.
        if isinstance(run, run_class) and "log" in vars(run) and run not in all_steps:
            steps_of(run)
            wrap(run, "log", "metrics", partial(log, run))
            wandb.log = run.log

    run_class = sys.modules["wandb.sdk.wandb_run"].Run
    wrap(wandb, "init", "metrics", init)
    # Later ones have a subclass for it, with methods of its own.
    for one in (run_class, *run_class.__subclasses__()):
        for method in (log, define_metric):
            if method.__name__ in vars(one):
                wrap(one, method.__name__, "metrics", method)
