"""What a training's result depends on: as an attempt recorded it, and as it is now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document
from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.fields import read_bounded, read_object
from tsdia_run.files.redaction import Redactor
from tsdia_run.launch.changes import CodeVersion, Situation
from tsdia_run.launch.named_files import kept_as
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.prepare import Provenance
from tsdia_run.rundir.layout import AttemptLayout, RunLayout

# An environment with a thousand packages takes 50 KiB.
_MAX_BYTES = 4 * 1024 * 1024
# Far above what is kept of one.
_MAX_PATCH_BYTES = 64 * 1024 * 1024


def recorded(attempt: AttemptLayout, processes: int | None) -> Situation:
    """That of an earlier attempt, as far as its files can be read.

    Args:
        attempt: Its files.
        processes: The number of its ranks, where the checkpoint tells.
    """
    environment, git, command = (
        read_object(path, _MAX_BYTES) for path in (attempt.environment, attempt.git, attempt.command)
    )
    packages = environment.get("packages")
    python = environment.get("python")
    commit = git.get("commit")
    return Situation(
        config=_config(attempt.config),
        code=CodeVersion(commit if isinstance(commit, str) else None, _digest(attempt.patch))
        if _is_told(git)
        else None,
        python=python if isinstance(python, str) else None,
        packages={str(name): str(version) for name, version in packages.items()} if isinstance(packages, dict) else {},
        arguments=_arguments(command),
        processes=processes,
        references=_kept(attempt.references),
    )


def present(plan: Plan, provenance: Provenance, redactor: Redactor) -> Situation:
    """That of an attempt that is about to start.

    Args:
        plan: What is going to be started.
        provenance: The state of its code and environment.
        redactor: Knows the secrets, which no record has.
    """
    request, code, environment = plan.request, provenance.code, provenance.environment
    digest = _sha256(provenance.patch) if provenance.patch else ""
    return Situation(
        config=None if plan.script_config is None else plan.script_config.document.plain(),
        code=CodeVersion(code.commit, digest) if code.error is None else None,
        python=environment.python,
        packages=environment.packages,
        arguments=tuple(redactor.argv([*request.settings.args, *request.extra_args])),
        processes=plan.command.processes,
        references={str(name): _sha256(plan.references[path]) for path, name in kept_as(list(plan.references)).items()},
    )


def recorded_config(layout: RunLayout) -> Situation:
    """The config of a run's first attempt, with what ``--set`` had asked for; else its original."""
    return Situation(config=_config(layout.attempt(0).config) or _config(layout.config))


def config_only(document: Document) -> Situation:
    """A config and nothing else."""
    return Situation(config=document.plain())


def _is_told(git: Mapping[str, object]) -> bool:
    return bool(git) and git.get("error") is None


def _kept(folder: Path) -> dict[str, str]:
    """Digests of the files that an attempt kept, by their paths in the folder."""
    paths = [Path(top, name) for top, _, names in os.walk(folder) for name in names]
    return {str(path.relative_to(folder)): _digest(path) for path in paths}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(patch: Path) -> str:
    try:
        return _sha256(read_bounded(patch, _MAX_PATCH_BYTES))
    except (OSError, ValueError):
        return ""


def _arguments(command: Mapping[str, object]) -> tuple[str, ...] | None:
    settings, extra = command.get("settings"), command.get("extra_args")
    args = settings.get("args") if isinstance(settings, dict) else None
    if not isinstance(args, list) and args is not None:
        return None
    return (*map(str, args or ()), *map(str, extra)) if isinstance(extra, list) else None


def _config(path: Path) -> Mapping[object, object] | None:
    try:
        return config.read(path).plain()
    except TsdiaRunError:
        return None
