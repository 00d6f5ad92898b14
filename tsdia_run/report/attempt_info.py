"""Collect the command, code and environment of an attempt from its files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tsdia_run.report.outside import outside
from tsdia_run.rundir import code_state, command_record, environment_state
from tsdia_run.rundir.code_state import CodeState
from tsdia_run.rundir.command_record import CommandRecord
from tsdia_run.rundir.environment_state import Gpu
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.text import visible

_SHORT = 10


@dataclass(frozen=True)
class CodeInfo:
    """The state of the code.

    Attributes:
        commit: The commit; None if there was none, or if it is not known.
        branch: The branch.
        is_dirty: Whether the files differed from the commit.
        has_patch: Whether the attempt's ``git.patch`` has the changes.
        error: Why git could not report the state.
        left_out: How many of the changed files are not in ``git.patch``.
    """

    commit: str | None = None
    branch: str | None = None
    is_dirty: bool = False
    has_patch: bool = False
    error: str | None = None
    left_out: int = 0

    def __str__(self) -> str:
        if self.commit is None:
            return self.error or "unknown"
        branch = f" on {self.branch}" if self.branch else ""
        return f"{self.commit[:_SHORT]}{branch}{', with changes' if self.is_dirty else ''}"


@dataclass(frozen=True)
class AttemptInfo:
    """The command, code and environment of an attempt.

    Attributes:
        code: The state of its code.
        entrypoint: The script, module (``-m NAME``) or executable; None if it is not known.
        arguments: The script's arguments, with their placeholders.
        overrides: The ``--set`` assignments.
        extra_args: The arguments after ``--``.
        launcher: A description of the launcher that started the ranks.
        cwd: The working directory.
        python: The interpreter's version.
        host: The machine.
        gpus: The number and names of the GPUs.
        packages: The versions of the packages, by name.
        outside: How many checkpoints it saved outside the run directory, where, and what to set; None without any.
    """

    code: CodeInfo
    entrypoint: str | None
    arguments: tuple[str, ...]
    overrides: tuple[str, ...]
    extra_args: tuple[str, ...]
    launcher: str | None
    cwd: str | None
    python: str | None
    host: str | None
    gpus: str | None
    packages: Mapping[str, str]
    outside: str | None


def read(attempt: AttemptLayout) -> AttemptInfo:
    """Return the command, code and environment of an attempt. Never raises: unreadable values are None or empty."""
    command = command_record.read(attempt) or CommandRecord()
    environment = environment_state.read(attempt)
    return AttemptInfo(
        code=_code(attempt),
        entrypoint=_entrypoint(command),
        arguments=(*(command.args or ()), *(command.extra_args or ())),
        overrides=command.overrides or (),
        extra_args=command.extra_args or (),
        launcher=command.launcher,
        cwd=command.cwd,
        python=environment.python,
        host=environment.host,
        gpus=_gpus(environment.gpus),
        packages=environment.packages,
        outside=outside(attempt),
    )


def entrypoint(attempt: AttemptLayout) -> str | None:
    """Return the entrypoint of an attempt from its own files: records of earlier versions lack it."""
    return _entrypoint(command_record.read(attempt) or CommandRecord())


def _entrypoint(command: CommandRecord) -> str | None:
    return visible(command.entrypoint or "") or None


def _code(attempt: AttemptLayout) -> CodeInfo:
    code = code_state.read(attempt) or CodeState()
    return CodeInfo(
        code.commit,
        code.branch,
        code.is_dirty is True,
        os.path.isfile(attempt.patch),
        code.error,
        code.left_out_count,
    )


def _gpus(gpus: Sequence[Gpu]) -> str | None:
    counts = Counter(gpu.name for gpu in gpus)
    return ", ".join(f"{number} × {name}" for name, number in counts.items()) or None
