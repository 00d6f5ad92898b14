"""Collect everything that `tsdia-run info` shows about a run."""

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
from tsdia_run.claim.liveness import RunningProcesses
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
from tsdia_run.rundir.metrics_series import Point, Series
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.rundir.original import original
from tsdia_run.rundir.record import LIVE, Attempt, State

_MOST_LAST_LINES = 10
_MAX_BYTES = 64 * 1024
# In the year 2099.
_NO_TIME_S = 4.1e9

# Called with a checkpoint, the number of bytes hashed so far, and its total number of bytes.
OnVerify = Callable[[Path, int, int], None]


@dataclass(frozen=True)
class ProgressInfo:
    """The latest progress, from the training's progress bars.

    Attributes:
        at: When it was recorded.
        text: The progress bar as text; empty without a progress bar.
        last_line: The last line of output.
    """

    at: datetime
    text: str
    last_line: str


@dataclass(frozen=True)
class AttemptSteps:
    """An attempt and its steps.

    Attributes:
        attempt: Its record.
        first_step: The first step that it logged.
        last_step: The last step that it reported, as far as known.
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
        metric: The value of the run's main metric when it was saved.
        size_bytes: The size of its files.
        saved_at: When it was saved.
        soundness: Whether it is complete, incomplete, damaged or unverified.
        reason: The reason for ``soundness``.
        is_hashed: Whether its contents were compared with their hashes.
        is_best: Whether ``best_checkpoint`` leads to it.
        is_superseded: Whether it is superseded by a resume from an earlier checkpoint.
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
    def is_unusable(self) -> bool:
        """Whether it can't be used."""
        return self.soundness in (Soundness.INCOMPLETE, Soundness.DAMAGED)


@dataclass(frozen=True)
class MetricInfo:
    """One metric.

    Attributes:
        name: Its name.
        series: Its values.
        best: Its best value; None if its name does not show which values are better.
    """

    name: str
    series: Series
    best: Point | None


@dataclass(frozen=True)
class Info:
    """Everything that `tsdia-run info` shows about a run.

    Attributes:
        status: Its status.
        newest: The command, code and environment of its newest attempt; None for a run not created by tsdia-run.
        copy_of: The run that it was copied from, while it has the id of that run; else None.
        owner: The process that owns it, while it is running.
        progress: Its latest progress, while it is running.
        attempts: All attempts.
        highlights: The important values of its config.
        headline: The name of its main metric.
        metrics: All metrics, without superseded values.
        checkpoints: The checkpoints, oldest first.
        older: The number of older checkpoints that were left out.
        is_resumable: Whether any checkpoint, also an older one, can be used.
        exports: Directories and files with weights only, relative to the run directory.
        disk: Bytes by part of the run directory, the largest part first.
        wandb: Its W&B run, or the command that uploads offline attempts.
        last_lines: The end of its log, if it failed or was lost.
    """

    status: RunStatus
    newest: AttemptInfo | None
    copy_of: Path | None
    owner: str | None
    progress: ProgressInfo | None
    attempts: tuple[AttemptSteps, ...]
    highlights: tuple[tuple[str, str], ...]
    headline: str | None
    metrics: tuple[MetricInfo, ...]
    checkpoints: tuple[CheckpointInfo, ...]
    older: int
    is_resumable: bool
    exports: tuple[str, ...]
    disk: tuple[tuple[str, int], ...]
    wandb: str | None
    last_lines: tuple[str, ...]


def gather(status: RunStatus, *, verify: OnVerify | None = None, newest: int | None = None) -> Info:
    """Collect everything about a run. Never raises for unreadable files.

    Args:
        status: The status of the run.
        verify: If given, every checkpoint is read completely and compared with its hashes; called with the progress.
        newest: How many of the newest checkpoints to look at, and the best one; None for all.
    """
    layout, run = status.layout, status.run
    summary = summary_file.read_summary(layout) or Summary()
    first = headline(summary.series)
    is_live = status.state in LIVE and status.living is not RunningProcesses.NOTHING
    has_attempt = run is not None and os.path.isdir(layout.attempt(run.last.number).root)
    found = configs.values(layout.attempt(run.last.number).config if run and has_attempt else layout.config)
    saved = checkpoints.survey(layout.root)
    look = _Look(status, first.name if first else None, verify)
    looked_at = tuple(map(look.at, look.chosen(saved.checkpoints, newest)))
    return Info(
        status=status,
        newest=attempt_info.read(layout.attempt(run.last.number)) if run and has_attempt else None,
        copy_of=original(layout, run) if run else None,
        owner=_owner(layout) if is_live else None,
        progress=_progress(layout.progress) if is_live else None,
        attempts=_attempts(status, summary),
        highlights=tuple(configs.highlights(found or {})),
        headline=first.name if first else None,
        metrics=tuple(MetricInfo(name, one, best_point(name, one)) for name, one in summary.series.items()),
        checkpoints=looked_at,
        older=len(saved.checkpoints) - len(looked_at),
        is_resumable=any(map(_counts, looked_at)) or any(_counts(look.at(one)) for one in reversed(saved.checkpoints)),
        exports=tuple(os.path.relpath(path, layout.root) for path in saved.exports),
        disk=_disk(layout.root, saved.checkpoints),
        wandb=wandb_line(layout.root, run.wandb_id if run else None),
        last_lines=_last_lines(status) if status.state in (State.FAILED, State.LOST) else (),
    )


def _owner(layout: RunLayout) -> str:
    return str(owner.last(layout) or "unknown")


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


def _attempts(status: RunStatus, summary: Summary) -> tuple[AttemptSteps, ...]:
    found = []
    for attempt in status.attempts:
        named = exit_records.read(status.layout.attempt(attempt.number), 0).step
        # A rank that was killed left no exit record.
        last = named if named is not None else summary.ends.get(attempt.number)
        found.append(AttemptSteps(attempt, summary.starts.get(attempt.number), last))
    return tuple(found)


class _Look:
    """Looks at the checkpoints of a run.

    Args:
        status: The status of the run.
        metric: The name of its main metric.
        verify: As for ``gather``.
    """

    def __init__(self, status: RunStatus, metric: str | None, verify: OnVerify | None) -> None:
        self._root = status.layout.root
        self._metric = metric
        self._verify = verify
        self._superseded = superseded_now(status.run, status.layout) if status.run else frozenset()
        target = best.target(status.layout.best)
        self._best = os.path.realpath(target) if target is not None else None

    def chosen(self, found: Sequence[Checkpoint], newest: int | None) -> list[Checkpoint]:
        """Return the newest ones, and the best one."""
        first = 0 if newest is None else max(0, len(found) - newest)
        return [one for index, one in enumerate(found) if index >= first or self._is_best(one)]

    def _is_best(self, one: Checkpoint) -> bool:
        return self._best is not None and os.path.realpath(one.path) == self._best

    def at(self, one: Checkpoint) -> CheckpointInfo:
        """Return what is known about one checkpoint."""
        path, verify = one.path, self._verify
        if verify is None:
            verdict = checkpoints.judge(path)
        else:
            verdict = checkpoints.judge(path, hashed=True, on_progress=lambda done, total: verify(path, done, total))
        written = verdict.manifest
        return CheckpointInfo(
            name=os.path.relpath(path, self._root),
            step=one.step,
            epoch=one.epoch,
            metric=(written.metrics or {}).get(self._metric) if written and self._metric else None,
            size_bytes=written.size_bytes if written and verdict.is_usable else files.size_bytes(path),
            saved_at=written.saved_at if written else files.saved_at(path),
            soundness=verdict.state,
            reason=verdict.reason,
            is_hashed=verdict.is_hashed,
            is_best=self._is_best(one),
            is_superseded=path in self._superseded,
        )


def _counts(one: CheckpointInfo) -> bool:
    return not one.is_unusable and not one.is_superseded


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
    return sum(_lstat_size(f"{path}/{name}") for path, _, names in os.walk(folder) for name in names)


def _lstat_size(path: str | Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _last_lines(status: RunStatus) -> tuple[str, ...]:
    logs: Sequence[stream.AttemptLog] = stream.attempt_logs(status)[-1:]
    try:
        text = b"".join(piece.data for piece in stream.read(stream.tail(logs, _MOST_LAST_LINES)))
    except OSError:
        return ()
    lines = text.decode("utf-8", "replace").splitlines()
    return tuple(line for line in lines if line.strip() and not line.startswith("[tsdia-run: "))
