"""Everything that is to be told of one run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.checkpoints import Checkpoint, Soundness, best, files
from tsdia_run.checkpoints.superseded import superseded_now
from tsdia_run.claim import owner
from tsdia_run.claim.liveness import Living
from tsdia_run.files.fields import read_object
from tsdia_run.outcome import exit_records
from tsdia_run.report import attempt_info, configs
from tsdia_run.report.attempt_info import AttemptInfo
from tsdia_run.report.logs import stream
from tsdia_run.report.status import RunStatus
from tsdia_run.report.wandb import wandb_line
from tsdia_run.rundir import summary_file
from tsdia_run.rundir.headline import best as best_point
from tsdia_run.rundir.headline import headline
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics_summary import Point, Series, Summary
from tsdia_run.rundir.record import LIVE, Attempt, State

_MOST_LAST_LINES = 10
_MAX_BYTES = 64 * 1024
# In the year 2099.
_NO_TIME_S = 4.1e9

# Called with a checkpoint, the bytes hashed so far, and all of its bytes.
OnVerify = Callable[[Path, int, int], None]


@dataclass(frozen=True)
class ProgressInfo:
    """The latest progress, as the training's bars show it.

    Attributes:
        at: When it was taken down.
        text: The bar in words; empty where there is none.
        last_line: The last line of output.
    """

    at: datetime
    text: str
    last_line: str


@dataclass(frozen=True)
class AttemptSteps:
    """One attempt.

    Attributes:
        attempt: Its record.
        first_step: The first step that it logged.
        last_step: The last step that it named, as far as known.
    """

    attempt: Attempt
    first_step: int | None
    last_step: int | None


@dataclass(frozen=True)
class CheckpointInfo:
    """One checkpoint.

    Attributes:
        name: Relative to the run directory.
        step: Its step.
        epoch: Its epoch.
        metric: The value of the metric that stands for the run, when it was saved.
        size_bytes: The size of its files.
        saved_at: When it was saved.
        soundness: Whether it is whole, torn, or unverified.
        reason: Why.
        is_hashed: Whether its contents were compared with their hashes.
        is_best: Whether ``best_checkpoint`` leads to it.
        is_superseded: Whether a resume went back behind it.
    """

    name: str
    step: int | None
    epoch: int | None
    metric: float | None
    size_bytes: int
    saved_at: datetime | None
    soundness: Soundness
    reason: str
    is_hashed: bool
    is_best: bool
    is_superseded: bool

    @property
    def is_torn(self) -> bool:
        """Whether it can't be used."""
        return self.soundness is Soundness.TORN


@dataclass(frozen=True)
class MetricInfo:
    """One metric.

    Attributes:
        name: Its name.
        series: Its values.
        best: The best of them; None where its name does not say what is better.
    """

    name: str
    series: Series
    best: Point | None


@dataclass(frozen=True)
class Info:
    """A run.

    Attributes:
        sight: How it stands.
        newest: What its newest attempt was; None for a run without attempts of ours.
        holder: Who holds it, while it lives.
        progress: Where it is, while it lives.
        attempts: All of them.
        highlights: Values of its config that stand out.
        headline: The metric that stands for it.
        metrics: All of them, without what was superseded.
        checkpoints: All of them, the oldest first.
        exports: Directories and files with weights alone, relative to the run directory.
        disk: Bytes by part of the run directory, the largest first.
        wandb: Its W&B run, or how to upload what is offline.
        last_lines: The end of its log, where it failed.
    """

    sight: RunStatus
    newest: AttemptInfo | None
    holder: str | None
    progress: ProgressInfo | None
    attempts: tuple[AttemptSteps, ...]
    highlights: tuple[tuple[str, str], ...]
    headline: str | None
    metrics: tuple[MetricInfo, ...]
    checkpoints: tuple[CheckpointInfo, ...]
    exports: tuple[str, ...]
    disk: tuple[tuple[str, int], ...]
    wandb: str | None
    last_lines: tuple[str, ...]


def gather(sight: RunStatus, *, verify: OnVerify | None = None) -> Info:
    """Look at all of a run. Never raises for what is in it.

    Args:
        sight: How it stands.
        verify: Read every checkpoint through and compare it with its hashes; told how far that is.
    """
    layout, run = sight.layout, sight.run
    summary = summary_file.read_summary(layout) or Summary()
    first = headline(summary.series)
    is_live = sight.state in LIVE and sight.living is not Living.NOTHING
    has_attempt = run is not None and os.path.isdir(layout.attempt(run.last.number).root)
    found = configs.values(layout.attempt(run.last.number).config if run and has_attempt else layout.config)
    saved = checkpoints.survey(layout.root)
    return Info(
        sight=sight,
        newest=attempt_info.read(layout.attempt(run.last.number)) if run and has_attempt else None,
        holder=_holder(layout) if is_live else None,
        progress=_progress(layout.progress) if is_live else None,
        attempts=_attempts(sight, summary),
        highlights=tuple(configs.highlights(found or {})),
        headline=first.name if first else None,
        metrics=tuple(MetricInfo(name, one, best_point(name, one)) for name, one in summary.series.items()),
        checkpoints=_checkpoints(sight, saved.checkpoints, first.name if first else None, verify),
        exports=tuple(os.path.relpath(path, layout.root) for path in saved.exports),
        disk=_disk(layout.root, saved.checkpoints),
        wandb=wandb_line(layout.root, run.wandb_id if run else None),
        last_lines=_last_lines(sight) if sight.state in (State.FAILED, State.LOST) else (),
    )


def _holder(layout: RunLayout) -> str:
    return str(owner.last(layout) or "owner unknown")


def _progress(path: Path) -> ProgressInfo | None:
    data = read_object(path, _MAX_BYTES)
    time_s, last_line = data.get("time"), data.get("last_line")
    if not isinstance(time_s, (int, float)) or not 0 <= time_s < _NO_TIME_S:
        return None
    count = f"{data['n']}/{data['total']}" if "n" in data and "total" in data else data.get("n")
    percent = f"{data['percent']} %" if "percent" in data else None
    eta = f"ETA {data['eta']}" if "eta" in data else None
    words = [str(word) for word in (data.get("description"), percent, count, data.get("rate"), eta) if word]
    at = datetime.fromtimestamp(time_s, tz=timezone.utc)
    return ProgressInfo(at, ", ".join(words), last_line if isinstance(last_line, str) else "")


def _attempts(sight: RunStatus, summary: Summary) -> tuple[AttemptSteps, ...]:
    found = []
    for attempt in sight.attempts:
        named = exit_records.read(sight.layout.attempt(attempt.number), 0).step
        # One that was killed left no word of its own.
        last = named if named is not None else summary.ends.get(attempt.number)
        found.append(AttemptSteps(attempt, summary.starts.get(attempt.number), last))
    return tuple(found)


def _checkpoints(
    sight: RunStatus, found: Sequence[Checkpoint], metric: str | None, verify: OnVerify | None
) -> tuple[CheckpointInfo, ...]:
    root = sight.layout.root
    behind = superseded_now(sight.run, sight.layout) if sight.run else frozenset()
    target = best.target(sight.layout.best)
    return tuple(_checkpoint(root, one, metric, verify, behind, target) for one in found)


def _checkpoint(
    root: Path,
    one: Checkpoint,
    metric: str | None,
    verify: OnVerify | None,
    behind: frozenset[Path],
    target: Path | None,
) -> CheckpointInfo:
    path = one.path
    if verify is None:
        verdict = checkpoints.judge(path)
    else:
        verdict = checkpoints.judge(path, hashed=True, on_progress=lambda done, total: verify(path, done, total))
    written = verdict.manifest
    return CheckpointInfo(
        name=os.path.relpath(path, root),
        step=one.step,
        epoch=one.epoch,
        metric=(written.metrics or {}).get(metric) if written and metric else None,
        size_bytes=written.size_bytes if written and verdict.is_usable else files.size_bytes(path),
        saved_at=written.saved_at if written else files.saved_at(path),
        soundness=verdict.state,
        reason=verdict.reason,
        is_hashed=verdict.is_hashed,
        is_best=target is not None and os.path.realpath(path) == os.path.realpath(target),
        is_superseded=path in behind,
    )


def _disk(root: Path, found: Sequence[Checkpoint]) -> tuple[tuple[str, int], ...]:
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return ()
    parts: dict[str, int] = {}
    known = {one.path.name for one in found if one.path.parent == root}
    for name in names:
        part = "checkpoints" if name in known else name
        path = root / name
        if os.path.isdir(path) and not path.is_symlink():
            parts[part] = parts.get(part, 0) + _size(path)
        else:
            part = name if name == "metrics.jsonl" else "checkpoints" if name in known else "other files"
            parts[part] = parts.get(part, 0) + _lstat_size(path)
    return tuple(sorted(((part, size) for part, size in parts.items() if size), key=lambda one: -one[1]))


def _size(folder: Path) -> int:
    return sum(_lstat_size(Path(path, name)) for path, _, names in os.walk(folder) for name in names)


def _lstat_size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _last_lines(sight: RunStatus) -> tuple[str, ...]:
    logs: Sequence[stream.AttemptLog] = stream.attempt_logs(sight)[-1:]
    try:
        text = b"".join(piece.data for piece in stream.read(stream.tail(logs, _MOST_LAST_LINES)))
    except OSError:
        return ()
    lines = text.decode("utf-8", "replace").splitlines()
    return tuple(line for line in lines if line.strip() and not line.startswith("[tsdia-run: "))
