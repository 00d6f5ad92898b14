"""The environment of an attempt: the user's, and what tsdia-run adds for the script, W&B and torch."""

from __future__ import annotations

import math

from tsdia_run.launch.plan import Plan
from tsdia_run.rundir.record import Run

_PREFIX = "TSDIA_RUN_"


def users_environment(plan: Plan) -> dict[str, str]:
    """The user's environment without what an outer tsdia-run told its own script."""
    return {name: value for name, value in plan.request.environ.items() if not name.startswith(_PREFIX)}


def run_variables(plan: Plan, run: Run) -> dict[str, str]:
    """The variables that tsdia-run sets for an attempt.

    Args:
        plan: What is going to be started.
        run: The record of its run.
    """
    return {
        **_wandb(plan, run),
        **_launcher(plan),
        **plan.command.environment,
        "TSDIA_RUN_ID": run.run_id,
        "TSDIA_RUN_ATTEMPT": str(plan.request.number),
    }


def _wandb(plan: Plan, run: Run) -> dict[str, str]:
    """What makes one W&B run of all attempts; the user's own variables win."""
    identity, name = run.wandb_id or run.run_id, run.wandb_name or run.name
    if plan.command.is_hooked and "trackers" in plan.request.settings.hooks.names():
        # The hook gives them to the first `wandb.init` alone.
        variables = {"TSDIA_RUN_WANDB_ID": identity, "TSDIA_RUN_WANDB_NAME": name}
    else:
        variables = {"WANDB_RUN_ID": identity, "WANDB_NAME": name, "WANDB_RESUME": "allow"}
    variables["WANDB_DIR"] = str(plan.request.run_dir)
    return {key: value for key, value in variables.items() if key not in plan.request.environ}


def _launcher(plan: Plan) -> dict[str, str]:
    """How long torch's launcher lets the ranks end by themselves: 30 s unless it is told."""
    name = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
    if not plan.command.is_delegated or name in plan.request.environ:
        return {}
    return {name: str(math.ceil(plan.request.settings.stop_grace_s))}
