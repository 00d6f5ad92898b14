"""The JSON form of `tsdia-run info` (pure)."""

from __future__ import annotations

import dataclasses
import math
from datetime import datetime
from enum import Enum
from typing import Any

from tsdia_run.report.run_info import Info
from tsdia_run.rundir.metrics import as_text

SCHEMA = 1


def to_json(info: Info) -> dict[str, object]:
    """Return schema 1: times in ISO 8601, sizes in bytes, durations in seconds, NaN as the string ``"NaN"``."""
    status = info.status
    return {
        "schema": SCHEMA,
        "name": status.name,
        "path": str(status.layout.root),
        "run_id": status.run.run_id if status.run and info.copy_of is None else None,
        "copy_of": None if info.copy_of is None else str(info.copy_of),
        "state": status.standing.value,
        "suspended": status.is_suspended,
        "reason": status.reason,
        "living": status.living.value,
        "holder": info.owner,
        "progress": plain(info.progress),
        "attempts": [
            {**_object(one.attempt), "first_step": one.first_step, "last_step": one.last_step} for one in info.attempts
        ],
        "facts": plain(info.newest),
        "config": dict(info.highlights),
        "headline": info.headline,
        "metrics": {
            one.name: {
                "count": one.series.count,
                "last": plain(one.series.last),
                "best": plain(one.best),
                "low": plain(one.series.low),
                "high": plain(one.series.high),
                "not_finite_since": plain(one.series.not_finite_since),
                "points": plain(one.series.points),
            }
            for one in info.metrics
        },
        "checkpoints": plain(info.checkpoints),
        "exports": list(info.exports),
        "disk": dict(info.disk),
        "wandb": info.wandb,
        "last_lines": list(info.last_lines),
    }


def plain(value: Any) -> Any:  # noqa: ANN401, PLR0911 - whatever a dataclass holds, one line a kind
    """Convert a value to its JSON form."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _object(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, float) and not math.isfinite(value):
        return as_text(value)
    return value


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
