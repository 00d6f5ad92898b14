"""Read and write command.json: the command, settings and arguments of an attempt.

Records of earlier versions lack some fields. ``read`` accepts any readable part; ``read_for_resume`` requires the
fields that a resume needs.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import Fields, can_be_path, parse_json, read_bounded, read_object
from tsdia_run.files.ownership import Trust
from tsdia_run.rundir import env
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.rundir.typed_command import TypedCommand

SCHEMA = 1
# Linux limits the arguments and variables of a program to about 2 MiB.
_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class CommandRecord:
    """The command, settings and arguments of an attempt, without secrets; None for unknown values.

    Attributes:
        argv: The command line of the training.
        cwd: Its working directory.
        python: The interpreter.
        launcher: A description of the launcher that started the ranks.
        extra_args: The arguments after ``--``.
        overrides: The ``--set`` assignments.
        environment: The variables that tsdia-run set for the script.
        settings: The settings, in the form of a ``tsdia_run`` section.
        typed: The command that the user typed.
        tells_checkpoint: Whether the script receives the checkpoint on a resume.
        origins: The kind of place that each setting came from, by key, without the defaults.
        config_source: The absolute path of the config that the user named.
        detected: What was found in the script's source, so that settings follow from it, as text for users.
    """

    argv: tuple[str, ...] | None = None
    cwd: str | None = None
    python: str | None = None
    launcher: str | None = None
    extra_args: tuple[str, ...] | None = None
    overrides: tuple[str, ...] | None = None
    environment: Mapping[str, object] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, object] = dataclasses.field(default_factory=dict)
    typed: TypedCommand | None = None
    tells_checkpoint: bool | None = None
    origins: Mapping[str, object] | None = None
    config_source: str | None = None
    detected: tuple[str, ...] = ()

    @property
    def _settings(self) -> Fields:
        return Fields(self.settings, "the settings")

    @property
    def script(self) -> str | None:
        """The script or executable."""
        return self._settings.lenient("entrypoint", str) or None

    @property
    def entrypoint(self) -> str | None:
        """The script, module (``-m NAME``) or executable."""
        module = self._settings.lenient("module", str)
        return f"-m {module}" if module else self.script

    @property
    def args(self) -> tuple[str, ...] | None:
        """The script's arguments, with their placeholders; None if they can't be read."""
        return () if self.settings.get("args") is None else self._settings.lenient_texts("args")

    @property
    def has_resume_args(self) -> bool:
        """Whether a resume adds arguments."""
        return bool(self.settings.get("resume_args"))

    @property
    def stop_grace_s(self) -> float | None:
        """How long the script may run after a stop request, in seconds; infinite for no limit, None if not readable."""
        found = self.settings.get("stop_grace_s")
        if found == "none":
            return math.inf
        return float(found) if isinstance(found, (int, float)) and 0 <= found < math.inf else None

    @property
    def run_dir(self) -> str | None:
        """The absolute path of the run directory at the start of the attempt."""
        return _path(Fields(self.environment, "the environment").lenient(env.RUN_DIR, str))

    @property
    def validation_metrics(self) -> tuple[str, ...]:
        """The patterns of the names of validation metrics."""
        group = self._settings.lenient("metrics", dict) or {}
        return Fields(group, "the settings").lenient_texts("validation") or ()


def write(attempt: AttemptLayout, record: CommandRecord) -> None:
    """Write the record of an attempt.

    Raises:
        OSError: The file can't be written.
    """
    write_json(attempt.command, {"schema": SCHEMA} | dataclasses.asdict(record))


def read(attempt: AttemptLayout) -> CommandRecord | None:
    """Return the record of an attempt, as far as it can be read; None if there is none."""
    data = read_object(attempt.command, _MAX_BYTES)
    return _record(data) if data else None


def is_trusted(attempt: AttemptLayout, trust: Trust) -> bool:
    """Return whether no untrusted user could have written the record."""
    return trust.doubt(attempt.command) is None


def read_for_resume(attempt: AttemptLayout) -> CommandRecord:
    """Return the record of an attempt, which must have its settings, working directory and arguments.

    Raises:
        OSError: The file can't be read.
        ValueError: A required field is missing or not valid.
    """
    data = parse_json(read_bounded(attempt.command, _MAX_BYTES))
    fields = Fields(data, "it")
    fields.required("settings", dict)
    fields.required("cwd", str)
    if not _is_texts(fields.required("extra_args", list)):
        raise ValueError("the arguments are not a list of strings")
    assert isinstance(data, dict)
    return _record(data)


def _record(data: Mapping[str, object]) -> CommandRecord:
    fields = Fields(data, "it")
    return CommandRecord(
        argv=fields.lenient_texts("argv"),
        cwd=fields.lenient("cwd", str) or None,
        python=fields.lenient("python", str),
        launcher=fields.lenient("launcher", str) or None,
        extra_args=fields.lenient_texts("extra_args"),
        overrides=fields.lenient_texts("overrides"),
        environment=fields.lenient("environment", dict) or {},
        settings=fields.lenient("settings", dict) or {},
        typed=_typed(fields.lenient("typed", dict) or {}),
        tells_checkpoint=fields.lenient("tells_checkpoint", bool),
        origins=fields.lenient("origins", dict),
        config_source=_path(fields.lenient("config_source", str)),
        detected=fields.lenient_texts("detected") or (),
    )


def _path(found: str | None) -> str | None:
    return found if found and os.path.isabs(found) and can_be_path(found) else None


def _typed(data: Mapping[str, object]) -> TypedCommand | None:
    fields = Fields(data, "the typed command")
    command, cwd, options = fields.lenient("command", str), fields.lenient("cwd", str), fields.lenient("options", list)
    words, args = data.get("words"), data.get("args")
    if command is None or cwd is None or options is None:
        return None
    if not (_is_texts(words) and _is_texts(args) and all(map(_is_option, options))):
        return None
    return TypedCommand(command, tuple(words), tuple((flag, value) for flag, value in options), tuple(args), cwd)


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_option(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and (value[1] is None or isinstance(value[1], str))
    )
