"""Store ``checkpoints.pattern`` of a run's newest attempt in the run directory, for every reader of checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import parse_json, read_bounded
from tsdia_run.rundir.layout import RunLayout

_MAX_BYTES = 64 * 1024


def stored_patterns(run_dir: Path) -> tuple[str, ...]:
    """Return the stored patterns; none if the file does not exist or can't be read."""
    try:
        data = parse_json(read_bounded(RunLayout(run_dir).checkpoint_patterns, _MAX_BYTES))
    except (OSError, ValueError):
        return ()
    return tuple(str(one) for one in data) if isinstance(data, list) else ()


def store_patterns(layout: RunLayout, patterns: Sequence[str]) -> None:
    """Store the patterns for later readers.

    Raises:
        OSError: The file system refused.
    """
    if patterns:
        write_json(layout.checkpoint_patterns, list(patterns))
    else:
        layout.checkpoint_patterns.unlink(missing_ok=True)
