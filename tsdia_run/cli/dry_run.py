"""What an attempt would be, for `--dry-run`: as text or as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import typer

from tsdia_run.checkpoints import Verdict
from tsdia_run.claim.occupancy import Contents
from tsdia_run.launch.changes import Change
from tsdia_run.launch.plan import Plan
from tsdia_run.text import shell, shown, visible

_SCHEMA = 1


def show_plan(
    plan: Plan,
    in_the_way: Contents | None,
    *,
    as_json: bool,
    skipped: Sequence[Verdict] = (),
    changes: Sequence[Change] = (),
) -> None:
    """Print the plan to standard output.

    Args:
        plan: What would be started.
        in_the_way: What would be moved aside first.
        as_json: One JSON object instead of text.
        skipped: Newer checkpoints that can't be used.
        changes: What changed since the checkpoint was written.
    """
    if as_json:
        resumed = {
            "skipped": [{"checkpoint": str(one.path), "reason": one.reason} for one in skipped],
            "changes": [
                {"kind": one.kind.value, "text": one.text, "needs_consent": one.needs_consent} for one in changes
            ],
        }
        typer.echo(json.dumps(_as_json(plan, in_the_way) | resumed, indent=2))
        return
    told = [f"skipped        {shown(one.path)}: {one.reason}" for one in skipped]
    told += [f"changed        {one.kind.value}: {one.text}" for one in changes]
    typer.echo("\n".join(map(visible, [*told, *_as_text(plan, in_the_way)])))


def _as_json(plan: Plan, in_the_way: Contents | None) -> dict[str, object]:
    edits = plan.script_config.changes if plan.script_config else ()
    return {
        "schema": _SCHEMA,
        "run_dir": str(plan.request.run_dir),
        "attempt": plan.request.number,
        "argv": list(plan.command.argv),
        "cwd": str(plan.request.cwd),
        "python": plan.interpreter.path,
        "launcher": plan.command.how,
        "environment": dict(plan.command.environment),
        "checkpoint": str(plan.request.checkpoint) if plan.request.checkpoint else None,
        "config_edits": [{"key": edit.key, "old": edit.old, "new": edit.new} for edit in edits],
        "moves_aside": in_the_way is not None,
        "warnings": list(plan.warnings),
        "settings": json.loads(
            json.dumps(dataclasses.asdict(plan.request.settings), default=lambda value: value.value)
        ),
    }


def _as_text(plan: Plan, in_the_way: Contents | None) -> list[str]:
    lines = [f"run directory  {plan.request.run_dir}"]
    if in_the_way is not None:
        lines.append(f"moved aside    what is in {shown(plan.request.run_dir)} now")
    if plan.request.checkpoint:
        lines.append(f"checkpoint     {plan.request.checkpoint}")
    lines += [
        f"interpreter    {plan.interpreter.path} ({plan.interpreter.origin})",
        f"launcher       {plan.command.how}",
        f"directory      {plan.request.cwd}",
        f"command        {shell(plan.command.argv)}",
        "environment",
        *(f"  {name}={shell([value])}" for name, value in sorted(plan.command.environment.items())),
    ]
    if plan.script_config is not None:
        changes = plan.script_config.changes
        lines.append("config for the script" + ("" if changes else ": as it is"))
        lines += [f"  {change.key}: {_value(change.old)} -> {_value(change.new)}" for change in changes]
    lines += [f"warning: {warning}" for warning in plan.warnings]
    return [*lines, "nothing was written"]


def _value(text: str | None) -> str:
    return "(none)" if text is None else text if len(text) <= 120 else f"{text[:117]}..."
