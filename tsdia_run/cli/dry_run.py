"""Print what an attempt would do, for `--dry-run`: as text or as JSON."""

from __future__ import annotations

import dataclasses
import json

import typer

from tsdia_run.cli.wording import in_words
from tsdia_run.text import shell, shown, visible
from tsdia_run.workflow.preview import Preview

_SCHEMA = 1


def show_preview(preview: Preview, *, as_json: bool) -> None:
    """Print a preview to standard output: as text, or as one JSON object."""
    if as_json:
        typer.echo(json.dumps(_as_json(preview), indent=2))
    else:
        typer.echo("\n".join(map(visible, _as_text(preview))))


def _as_json(preview: Preview) -> dict[str, object]:
    return {
        "schema": _SCHEMA,
        "run_dir": str(preview.run_dir),
        "attempt": preview.number,
        "argv": list(preview.argv),
        "cwd": str(preview.cwd),
        "python": preview.python[0],
        "launcher": preview.launcher,
        "environment": dict(preview.environment),
        "checkpoint": str(preview.checkpoint) if preview.checkpoint else None,
        "config_edits": [{"key": key, "old": old, "new": new} for key, old, new in preview.config_edits or ()],
        "moves_aside": preview.moves_aside,
        "notes": list(preview.notes),
        "warnings": [in_words(warning) for warning in preview.warnings],
        "settings": json.loads(json.dumps(dataclasses.asdict(preview.settings), default=lambda value: value.value)),
        "skipped": [{"checkpoint": str(path), "reason": reason} for path, reason in preview.skipped],
        "changes": [{"kind": kind, "text": text, "needs_consent": needs} for kind, text, needs in preview.changes],
    }


def _as_text(preview: Preview) -> list[str]:
    lines = [f"skipped        {shown(path)}: {reason}" for path, reason in preview.skipped]
    lines += [f"changed        {kind}: {text}" for kind, text, _ in preview.changes]
    lines.append(f"run directory  {preview.run_dir}")
    if preview.moves_aside:
        lines.append(f"replaces       existing contents of {shown(preview.run_dir)} (moved to .tsdia-trash)")
    if preview.checkpoint:
        lines.append(f"checkpoint     {preview.checkpoint}")
    path, origin = preview.python
    lines += [
        f"interpreter    {path} ({origin})",
        f"launcher       {preview.launcher}",
        f"directory      {preview.cwd}",
        f"command        {shell(preview.argv)}",
        "environment",
        *(f"  {name}={shell([value])}" for name, value in sorted(preview.environment.items())),
    ]
    if preview.config_edits is not None:
        lines.append("config for the script" + ("" if preview.config_edits else ": unchanged"))
        lines += [f"  {key}: {_value(old)} -> {_value(new)}" for key, old, new in preview.config_edits]
    lines += [f"note: {note}" for note in preview.notes]
    lines += [f"warning: {in_words(warning)}" for warning in preview.warnings]
    return [*lines, "nothing was written"]


def _value(text: str | None) -> str:
    return "(none)" if text is None else text if len(text) <= 120 else f"{text[:117]}..."
