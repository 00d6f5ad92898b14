"""The environment of an attempt: the user's variables, and those that tsdia-run adds for the script, W&B and torch."""

from __future__ import annotations

import math

from tsdia_run.launch.plan import Plan
from tsdia_run.rundir import env
from tsdia_run.rundir.record import Run

# About 30 years: torch's launcher takes only numbers.
_LONGEST_S = 10**9


def users_environment(plan: Plan) -> dict[str, str]:
    """Return the user's environment without the variables of an outer tsdia-run; folders that are trusted stay so."""
    environ = plan.request.environ
    return {
        name: value for name, value in environ.items() if name == env.TRUSTED_DIRS or not name.startswith(env.PREFIX)
    }


def run_variables(plan: Plan, run: Run) -> dict[str, str]:
    """Return the variables that tsdia-run sets for an attempt.

    Args:
        plan: The plan of the attempt.
        run: The record of its run.
    """
    return {
        **_wandb(plan, run),
        **_launcher(plan),
        **plan.command.environment,
        env.RUN_ID: run.run_id,
        env.ATTEMPT: str(plan.request.number),
    }


def _wandb(plan: Plan, run: Run) -> dict[str, str]:
    """Return the variables that make all attempts one W&B run; variables that the user has set are kept."""
    identity, name = run.wandb_id or run.run_id, run.wandb_name or run.name
    if plan.command.is_hooked and "trackers" in plan.request.settings.hooks.names():
        # The hook passes them only to the first `wandb.init`.
        variables = {env.WANDB_ID: identity, env.WANDB_NAME: name}
    else:
        variables = {"WANDB_RUN_ID": identity, "WANDB_NAME": name, "WANDB_RESUME": "allow"}
    variables["WANDB_DIR"] = str(plan.request.run_dir)
    return {key: value for key, value in variables.items() if key not in plan.request.environ}


def _launcher(plan: Plan) -> dict[str, str]:
    """Return the time that torch's launcher gives the ranks to exit; its default is 30 s."""
    name = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
    if not plan.command.is_delegated or name in plan.request.environ:
        return {}
    grace_s = plan.request.settings.stop_grace_s
    return {name: str(_LONGEST_S if math.isinf(grace_s) else math.ceil(grace_s))}
