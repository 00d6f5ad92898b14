"""Find what a resume starts from: the run, its record and the checkpoint."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.checkpoints import Checkpoint, Choice, EntryKind, Survey, Verdict, best
from tsdia_run.errors import DamagedRunError, NotFoundError
from tsdia_run.errors.resuming import (
    NoBestCheckpoint,
    NoCompleteCheckpoint,
    NotACheckpoint,
    NothingToResume,
    OnlyWeights,
    TwoCheckpointsNamed,
    UnrecognisedCheckpoints,
    WeightsNotAllowed,
)
from tsdia_run.rundir import record_file, summary_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Run
from tsdia_run.text import count, shown

LATEST, BEST = "latest", "best"
_MAX_LINKS = 40
_MAX_NAMES = 5


@dataclass(frozen=True)
class Source:
    """The run that a resume starts from.

    Attributes:
        layout: The files of the run.
        run: Its record; None if the directory was not created by tsdia-run.
        named: The checkpoint that the user named by its path: a real path without a trailing slash, since scripts
            parse its base name. None if the user named the directory.
    """

    layout: RunLayout
    run: Run | None
    named: Path | None


def find_source(target: str) -> Source:
    """Return the run that ``target`` names.

    Args:
        target: A run directory, a checkpoint in one, a symlink to a checkpoint, or a directory with checkpoints that
            was not created by tsdia-run.

    Raises:
        NotFoundError: ``target`` does not exist, or is neither a run nor a checkpoint.
        DamagedRunError: The record can't be read, or ``target`` is in a run but is not a checkpoint.
    """
    typed = Path(os.path.abspath(os.path.expanduser(target)))
    layout = _enclosing(typed)
    linked = _same(checkpoints.find(layout.root), typed) if layout and layout.root != typed else None
    if layout and linked:
        return Source(layout, record_file.read(layout.record), linked)
    path = _unlinked(typed)
    if not os.path.lexists(path):
        raise NotFoundError(f"{target} does not exist", hint="Use a run directory, or a checkpoint in one.")
    layout = _enclosing(path)
    if layout is None:
        return _without_record(path, target)
    run = record_file.read(layout.record)
    if path == layout.root:
        return Source(layout, run, None)
    survey = checkpoints.survey(layout.root)
    found = _same(survey.checkpoints, path)
    if found is None and path not in survey.exports:
        raise NotACheckpoint(target, layout.root, hint=_known(survey.checkpoints, layout))
    return Source(layout, run, found or path)


def _same(found: Sequence[Checkpoint], path: Path) -> Path | None:
    """Return the checkpoint that a path leads to, by its path in the run."""
    real = os.path.realpath(path)
    return next((one.path for one in found if one.path == path or os.path.realpath(one.path) == real), None)


def _without_record(path: Path, target: str) -> Source:
    if checkpoints.kind_of(path) is not None:
        # Accelerate's automatic naming puts checkpoints into a separate folder.
        root = path.parent.parent if path.parent.name == "checkpoints" else path.parent
        return Source(RunLayout(root), None, path)
    if path.is_dir() and checkpoints.find(path):
        return Source(RunLayout(path), None, None)
    raise NothingToResume(target)


def choose(
    source: Source,
    requested: str | None,
    superseded: Collection[Path],
    patterns: Sequence[str] | None = None,
    *,
    allows_weights: bool = False,
) -> Choice:
    """Return the checkpoint to start from; its files are compared with their hashes, if it has hashes.

    Args:
        source: The run, and the checkpoint that the user named by its path.
        requested: ``--from``: ``latest``, ``best``, a checkpoint's name, or a step. None for the newest complete one.
        superseded: The superseded checkpoints, which are never chosen automatically.
        patterns: ``checkpoints.pattern``; None for the pattern of the run's newest attempt.
        allows_weights: Whether an export, which contains only weights, is allowed.

    Raises:
        UsageError: Two checkpoints were named, or an export without permission.
        NotFoundError: The requested checkpoint does not exist.
        DamagedRunError: The requested checkpoint is incomplete or damaged.
    """
    survey = checkpoints.survey(source.layout.root, patterns)
    found = survey.checkpoints
    if source.named is not None:
        if requested is not None:
            raise TwoCheckpointsNamed(source.named.name, requested)
        path = source.named
    elif requested in (None, LATEST):
        return checkpoints.newest_complete([one for one in found if one.path not in superseded], hashed=True)
    else:
        path = _best(source.layout, found) if requested == BEST else _by_name(requested or "", survey, source.layout)
    if not allows_weights and path not in (one.path for one in found) and checkpoints.kind_of(path) is EntryKind.EXPORT:
        raise WeightsNotAllowed(os.path.relpath(path, source.layout.root))
    return _named(path)


def _named(path: Path) -> Choice:
    verdict = checkpoints.judge(path, hashed=True)
    if not verdict.is_usable:
        raise DamagedRunError(
            f"{path} is {verdict.state.value}: {verdict.reason}",
            hint="Use the run directory instead, to resume from its newest complete checkpoint.",
        )
    return Choice(verdict, ())


def _best(layout: RunLayout, found: Sequence[Checkpoint]) -> Path:
    target = best.target(layout.best)
    named = None if target is None else _same(found, target)
    if named is None:
        raise NoBestCheckpoint(layout.root, hint=_known(found, layout))
    return named


def _by_name(name: str, survey: Survey, layout: RunLayout) -> Path:
    found = survey.checkpoints
    paths = [*survey.exports, *(one.path for one in found)]
    named = [path for path in paths if name.rstrip("/") in (path.name, os.path.relpath(path, layout.root))]
    if not named and name.isdecimal():
        named = [one.path for one in found if int(name) in (one.step, one.iteration if one.step is None else None)]
    # A symlink: `latest`, `best`.
    linked = None if named else _same(found, layout.root / name)
    if not named and linked is None:
        raise NotFoundError(
            f"{layout.root} has no checkpoint {name}", hint=_known(found, layout) or "The run has none."
        )
    return linked or named[-1]


def _known(found: Sequence[Checkpoint], layout: RunLayout) -> str:
    names = ", ".join(os.path.relpath(checkpoint.path, layout.root) for checkpoint in found[-_MAX_NAMES:])
    return f"Checkpoints of this run: {names}" if found else ""


def none_complete(source: Source, skipped: Sequence[Verdict]) -> NoCompleteCheckpoint:
    """Return the error for a run without a complete checkpoint."""
    root = source.layout.root
    exports = checkpoints.survey(root).exports
    reasons = "".join(f"\n  {os.path.relpath(one.path, root)}: {one.reason}" for one in skipped[:_MAX_NAMES])
    what = "no complete checkpoint" if skipped else "no checkpoint"
    if not skipped:
        refuse_silent_start(source.layout)
    if exports:
        names = ", ".join(os.path.relpath(path, root) for path in exports[:_MAX_NAMES])
        reasons += f"\n  weights only: {names}"
    return NoCompleteCheckpoint(
        f"{root} has {what} to resume from{reasons}",
        root,
        has_record=source.run is not None,
        exports=tuple(os.path.relpath(path, root) for path in exports),
    )


def refuse_silent_start(layout: RunLayout, patterns: Sequence[str] | None = None) -> None:
    """Refuse to start from the beginning if the script saved weights, or files that may be checkpoints.

    Args:
        layout: The files of the run.
        patterns: ``checkpoints.pattern``; None for the pattern of the run's newest attempt.

    Raises:
        UnrecognisedCheckpointsError: The script saved such files.
    """
    survey = checkpoints.survey(layout.root, patterns)
    found = [os.path.relpath(path, layout.root) for path in survey.unrecognised]
    if not found and survey.exports:
        raise _only_weights(layout, survey.exports)
    if not found:
        return
    names = ", ".join(found[-_MAX_NAMES:]) + (", …" if len(found) > _MAX_NAMES else "")
    raise UnrecognisedCheckpoints(
        f"{shown(layout.root)} has no checkpoint that tsdia-run recognises, but the script saved {names}",
        layout.root,
        tuple(found),
    )


def _only_weights(layout: RunLayout, exports: Sequence[Path]) -> OnlyWeights:
    names = [os.path.relpath(path, layout.root) for path in exports]
    return OnlyWeights(
        f"{shown(layout.root)} has no checkpoint, and the script saved only weights: {', '.join(names[-_MAX_NAMES:])}",
        layout.root,
        tuple(names),
    )


def _unlinked(path: Path) -> Path:
    """Follow symlinks such as ``best_checkpoint``; symlinks in parent directories stay as typed."""
    for _ in range(_MAX_LINKS):
        if not path.is_symlink():
            break
        path = Path(os.path.abspath(path.parent / os.readlink(path)))
    return path


def _enclosing(path: Path) -> RunLayout | None:
    folders = (RunLayout(folder) for folder in (path, *path.parents))
    return next((layout for layout in folders if layout.record.is_file()), None)


def dropped_by_wandb(layout: RunLayout, checkpoint: Path | None) -> str | None:
    """Return a warning about steps that W&B already has and will drop after a resume; None if it drops none."""
    has_wandb = os.path.exists(layout.wandb_info) or os.path.isdir(layout.root / "wandb")
    summary = summary_file.read_summary(layout) if checkpoint is not None and has_wandb else None
    if summary is None or summary.highest_step is None:
        return None
    step = next((one.step for one in checkpoints.find(layout.root) if one.path == checkpoint), None)
    if step is None or step >= summary.highest_step:
        return None
    dropped = count(summary.highest_step - step, "step")
    return (
        f"W&B already has the steps up to {summary.highest_step} and will drop the steps {step + 1} to"
        f" {summary.highest_step} ({dropped}) when the script logs them again; metrics.jsonl keeps them all"
    )
