"""Check a plan for errors before anything is changed."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run.config import keys, split_override
from tsdia_run.errors import NotFoundError
from tsdia_run.errors.placing import PlaceFault, UnusablePlace
from tsdia_run.errors.resuming import CheckpointMissing
from tsdia_run.launch.missing import in_arguments, is_missing
from tsdia_run.launch.plan import Plan
from tsdia_run.text import size

# Enough for the record, the start of the log and the attempt's files. The size of checkpoints is unknown.
MIN_FREE_BYTES = 64 * 1024 * 1024
_MIN_FREE_FILES = 64


def check(plan: Plan) -> None:
    """Check the run directory, and the checkpoint of another run to start from.

    Raises:
        RunDirectoryError: It is or contains the home or working directory, the script or the config; it can't be
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
        raise UnusablePlace(f"can't create {run_dir}: {parent} is not writable", PlaceFault.UNREACHABLE)
    refuse_full_disk(parent)


def refuse_full_disk(folder: Path) -> None:
    """Check that the disk has room for the files of an attempt.

    Raises:
        RunDirectoryError: The disk is full.
    """
    free = os.statvfs(folder)
    has_files = not free.f_files or free.f_favail >= _MIN_FREE_FILES  # some file systems count no files
    if free.f_bavail * free.f_frsize < MIN_FREE_BYTES or not has_files:
        raise UnusablePlace(
            f"the disk of {folder} is full: {size(free.f_bavail * free.f_frsize)} and {free.f_favail} files are free,"
            f" a start needs {size(MIN_FREE_BYTES)} and {_MIN_FREE_FILES} files",
            PlaceFault.DISK_FULL,
        )


def _refuse_containing(run_dir: Path, plan: Plan) -> None:
    """Refuse a run directory that contains other things: it is locked, listed and moved as one unit."""
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
            relation = "is" if path == run_dir else "contains"
            raise UnusablePlace(f"{run_dir} can't be a run directory: it {relation} {what}", PlaceFault.HOLDS_OTHERS)


def _refuse_missing_checkpoint(plan: Plan) -> None:
    request = plan.request
    document, folders = request.document, plan.folders()
    key = keys.resume_key(document, request.settings.resume_key) if document else None
    value = document.find(key) if document and key else None
    changes = plan.script_config.changes if plan.script_config else ()
    is_changed = any(change.key == key for change in changes)
    if value is not None and not is_changed and isinstance(value.plain, str) and is_missing(value.plain, folders):
        raise CheckpointMissing(str(key), value.plain, str(value.place))
    for name, text, _ in map(split_override, request.overrides):
        if name in (key, *keys.RESUME_KEYS) and is_missing(text, folders):
            raise CheckpointMissing(name, text, place=None)
    for flag, path, is_resume in in_arguments(plan.arguments, folders):
        if is_resume:
            raise NotFoundError(
                f"{flag} names a checkpoint that does not exist: {path}", hint=f"Fix the path, or omit {flag}."
            )


def _existing_parent(path: Path) -> Path:
    """Return the nearest existing parent; the folders below it will be created."""
    return next(parent for parent in path.parents if os.path.lexists(parent))
