"""What can be known to be wrong before anything is touched."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run.config import keys
from tsdia_run.errors import NotFoundError
from tsdia_run.errors.placing import PlaceFault, UnusablePlace
from tsdia_run.errors.resuming import CheckpointMissing
from tsdia_run.launch.missing import in_arguments, is_missing
from tsdia_run.launch.plan import Plan
from tsdia_run.text import size

# Enough for the record, the log's head and the attempt's files. What checkpoints need can't be known.
MIN_FREE_BYTES = 64 * 1024 * 1024


def check(plan: Plan) -> None:
    """Check the place of the run, and the checkpoint of another one that it is to start from.

    Raises:
        RunDirectoryError: It is or holds the home or working directory, the script or the config; its place can not be
            written; or the disk is full.
        NotFoundError: The checkpoint to start from does not exist.
    """
    _refuse_missing_checkpoint(plan)
    run_dir = plan.request.run_dir
    _refuse_containing(run_dir, plan)
    parent = _existing_parent(run_dir)
    if not parent.is_dir():
        raise UnusablePlace(f"{parent} is not a directory", PlaceFault.UNREACHABLE)
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UnusablePlace(f"{parent} can't be written, so {run_dir} can't be made in it", PlaceFault.UNREACHABLE)
    free = os.statvfs(parent)
    if free.f_bavail * free.f_frsize < MIN_FREE_BYTES or (free.f_files and not free.f_favail):
        raise UnusablePlace(
            f"the disk of {parent} is full: {size(free.f_bavail * free.f_frsize)} and {free.f_favail} files are free,"
            f" {size(MIN_FREE_BYTES)} are needed to start",
            PlaceFault.DISK_FULL,
        )


def _refuse_containing(run_dir: Path, plan: Plan) -> None:
    """A run directory is guarded, listed, and moved aside as a whole: nothing else may depend on it."""
    request = plan.request
    places = {
        "the working directory": request.cwd,
        "the home directory": Path(request.environ.get("HOME", "/")),
        "the training script": Path(os.path.abspath(request.cwd / request.settings.entrypoint)),
    }
    if request.document is not None and request.number == 0:
        places["the config"] = Path(os.path.abspath(request.document.source))
    for what, path in places.items():
        if path == run_dir or run_dir in path.parents:
            relation = "is" if path == run_dir else "holds"
            raise UnusablePlace(f"{run_dir} {relation} {what}, so it can't be a run directory", PlaceFault.HOLDS_OTHERS)


def _refuse_missing_checkpoint(plan: Plan) -> None:
    request = plan.request
    document, folders = request.document, plan.folders()
    key = keys.key_in(document, request.settings.resume_key, keys.RESUME_KEYS) if document else None
    value = document.find(key) if document and key else None
    changes = plan.script_config.changes if plan.script_config else ()
    is_changed = any(change.key == key for change in changes)
    if value is not None and not is_changed and isinstance(value.plain, str) and is_missing(value.plain, folders):
        raise CheckpointMissing(str(key), value.plain, str(value.place))
    for override in map(split_override, request.overrides):
        if override[0] in (key, *keys.RESUME_KEYS) and is_missing(override[1], folders):
            raise CheckpointMissing(override[0], override[1], place=None)
    for flag, path, is_resume in in_arguments(plan.arguments, folders):
        if is_resume:
            raise NotFoundError(
                f"{flag} names a checkpoint that does not exist: {path}", hint="Correct the path, or leave it out."
            )


def split_override(assignment: str) -> tuple[str, str]:
    """Key and value of a ``--set`` assignment."""
    key, _, value = assignment.partition("=")
    return key.strip(), value.strip()


def _existing_parent(path: Path) -> Path:
    """The nearest folder above that exists; what is missing below it will be made."""
    return next(parent for parent in path.parents if os.path.lexists(parent))
