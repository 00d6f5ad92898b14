"""What an attempt was: its command, code, environment and config, as far as its files can be read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsdia_run.files.fields import read_object
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.text import visible

# An environment with a thousand packages takes 50 KiB.
_MAX_BYTES = 4 * 1024 * 1024
_SHORT = 10


@dataclass(frozen=True)
class CodeInfo:
    """The state of the code.

    Attributes:
        commit: None where there was none, or nobody could tell.
        branch: The branch.
        is_dirty: Whether anything differed from the commit.
        has_patch: Whether what differed is kept in the attempt's ``git.patch``.
        error: Why git could not tell.
        left_out: How many of the changed files are not in that patch.
    """

    commit: str | None = None
    branch: str | None = None
    is_dirty: bool = False
    has_patch: bool = False
    error: str | None = None
    left_out: int = 0

    def __str__(self) -> str:
        if self.commit is None:
            return self.error or "not known"
        branch = f" on {self.branch}" if self.branch else ""
        return f"{self.commit[:_SHORT]}{branch}{', with changes' if self.is_dirty else ''}"


@dataclass(frozen=True)
class AttemptInfo:
    """What an attempt was.

    Attributes:
        code: The state of its code.
        entrypoint: The script, module (``-m NAME``) or executable; None where it is not known.
        arguments: The script's arguments, with their placeholders.
        overrides: ``--set`` assignments.
        extra_args: What followed ``--``.
        launcher: What started the ranks, in words.
        cwd: The working directory.
        python: The interpreter's version.
        host: The machine.
        gpus: The GPUs, in words.
        packages: Version by name.
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


def read(attempt: AttemptLayout) -> AttemptInfo:
    """What there is to know about an attempt. Never raises: what can't be read is not known."""
    git, command, environment = (
        read_object(path, _MAX_BYTES) for path in (attempt.git, attempt.command, attempt.environment)
    )
    packages = environment.get("packages")
    return AttemptInfo(
        code=_code(git, attempt),
        entrypoint=_entrypoint(command),
        arguments=(*_texts(_settings(command).get("args")), *_texts(command.get("extra_args"))),
        overrides=_texts(command.get("overrides")),
        extra_args=_texts(command.get("extra_args")),
        launcher=_text(command.get("launcher")),
        cwd=_text(command.get("cwd")),
        python=_text(environment.get("python")),
        host=_text(environment.get("host")),
        gpus=_gpus(environment.get("gpus")),
        packages={str(name): str(version) for name, version in packages.items()} if isinstance(packages, dict) else {},
    )


def entrypoint(attempt: AttemptLayout) -> str | None:
    """What an attempt ran, from its own files: the records of earlier versions don't have it."""
    return _entrypoint(read_object(attempt.command, _MAX_BYTES))


def _settings(command: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = command.get("settings")
    return settings if isinstance(settings, dict) else {}


def _entrypoint(command: Mapping[str, Any]) -> str | None:
    settings = _settings(command)
    module = _text(settings.get("module"))
    return visible(f"-m {module}" if module else _text(settings.get("entrypoint")) or "") or None


def _code(git: Mapping[str, Any], attempt: AttemptLayout) -> CodeInfo:
    return CodeInfo(
        _text(git.get("commit")),
        _text(git.get("branch")),
        git.get("is_dirty") is True,
        os.path.isfile(attempt.patch),
        _text(git.get("error")),
        count if isinstance(count := git.get("left_out_count"), int) else 0,
    )


def _gpus(value: object) -> str | None:
    names = [str(one.get("name")) for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    counts = dict.fromkeys(names, 0)
    for name in names:
        counts[name] += 1
    return ", ".join(f"{number} × {name}" for name, number in counts.items()) or None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
