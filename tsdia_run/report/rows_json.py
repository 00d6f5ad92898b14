"""The JSON form of `tsdia-run list` (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tsdia_run.report.rows import RunRow

SCHEMA = 1


def to_json(rows: Iterable[RunRow]) -> dict[str, object]:
    """Return schema 1: times in ISO 8601, sizes in bytes, durations in seconds."""
    return {"schema": SCHEMA, "runs": [_object(row) for row in rows]}


def _object(row: RunRow) -> dict[str, object]:
    digest = row.digest
    return {
        "name": row.name,
        "path": row.path,
        "project": row.project,
        "run_id": row.run_id,
        "state": row.state.value,
        "suspended": row.is_suspended,
        "reason": row.reason,
        "started_at": row.started_at and _text(row.started_at),
        "ended_at": row.ended_at and _text(row.ended_at),
        "duration_s": row.duration_s,
        "attempts": row.attempts,
        "entrypoint": row.entrypoint,
        "host": row.host,
        "step": digest.step,
        "metric": digest.metric,
        "best": digest.best,
        "best_step": digest.best_step,
        "checkpoints": digest.checkpoints,
        "size_bytes": digest.size_bytes,
        "wandb_id": digest.wandb_id,
    }


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
