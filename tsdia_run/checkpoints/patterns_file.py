"""``checkpoints.pattern`` of a run's newest attempt, kept where every reader of checkpoints finds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import parse_json, read_bounded
from tsdia_run.rundir.layout import RunLayout

_MAX_BYTES = 64 * 1024


def stored_patterns(run_dir: Path) -> tuple[str, ...]:
    """The patterns; none where there are none, or none that can be read."""
    try:
        data = parse_json(read_bounded(RunLayout(run_dir).checkpoint_patterns, _MAX_BYTES))
    except (OSError, ValueError):
        return ()
    return tuple(str(one) for one in data) if isinstance(data, list) else ()


def store_patterns(layout: RunLayout, patterns: Sequence[str]) -> None:
    """Keep the patterns for later readers.

    Raises:
        OSError: The file system refused.
    """
    if patterns:
        write_json(layout.checkpoint_patterns, list(patterns))
    else:
        layout.checkpoint_patterns.unlink(missing_ok=True)
