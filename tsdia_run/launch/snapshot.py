"""Collect the inputs of a training: as an earlier attempt recorded them, and as they are now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document
from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.fields import read_bounded
from tsdia_run.files.redaction import Redactor
from tsdia_run.launch.changes import CodeVersion, TrainingInputs
from tsdia_run.launch.named_files import kept_as
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.prepare import Provenance
from tsdia_run.rundir import code_state, command_record, environment_state
from tsdia_run.rundir.command_record import CommandRecord
from tsdia_run.rundir.layout import AttemptLayout, RunLayout

# Far above the size limit of stored patches.
_MAX_PATCH_BYTES = 64 * 1024 * 1024


def recorded(attempt: AttemptLayout, processes: int | None) -> TrainingInputs:
    """Return the inputs of an earlier attempt, as far as its files can be read.

    Args:
        attempt: Its files.
        processes: The number of its ranks, if the checkpoint has it.
    """
    environment, code, command = (
        environment_state.read(attempt),
        code_state.read(attempt),
        command_record.read(attempt),
    )
    return TrainingInputs(
        config=_config(attempt.config),
        code=CodeVersion(code.commit, _digest(attempt.patch)) if code is not None and code.error is None else None,
        python=environment.python,
        packages=environment.packages,
        arguments=_arguments(command),
        processes=processes,
        references=_kept(attempt.references),
    )


def present(plan: Plan, provenance: Provenance, redactor: Redactor) -> TrainingInputs:
    """Return the inputs of an attempt that is about to start.

    Args:
        plan: The plan of the attempt.
        provenance: Its code and environment.
        redactor: Removes secrets, as in the record.
    """
    request, code, environment = plan.request, provenance.code, provenance.environment
    digest = _sha256(provenance.patch) if provenance.patch else ""
    return TrainingInputs(
        config=None if plan.script_config is None else plan.script_config.document.plain(),
        code=CodeVersion(code.commit, digest) if code.error is None else None,
        python=environment.python,
        packages=environment.packages,
        arguments=tuple(redactor.argv([*request.settings.args, *request.extra_args])),
        processes=plan.command.processes,
        references={str(name): _sha256(plan.references[path]) for path, name in kept_as(list(plan.references)).items()},
    )


def recorded_config(layout: RunLayout) -> TrainingInputs:
    """Return the config of a run's first attempt, with its ``--set`` changes; else the original config."""
    return TrainingInputs(config=_config(layout.attempt(0).config) or _config(layout.config))


def config_only(document: Document) -> TrainingInputs:
    """Return inputs with only a config."""
    return TrainingInputs(config=document.plain())


def _kept(folder: Path) -> dict[str, str]:
    """Return the digests of the files that an attempt kept, by their paths in the folder."""
    paths = [Path(top, name) for top, _, names in os.walk(folder) for name in names]
    return {str(path.relative_to(folder)): _digest(path) for path in paths}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(patch: Path) -> str:
    try:
        return _sha256(read_bounded(patch, _MAX_PATCH_BYTES))
    except (OSError, ValueError):
        return ""


def _arguments(command: CommandRecord | None) -> tuple[str, ...] | None:
    if command is None or command.args is None or command.extra_args is None:
        return None
    return (*command.args, *command.extra_args)


def _config(path: Path) -> Mapping[object, object] | None:
    try:
        return config.read(path).plain()
    except TsdiaRunError:
        return None
