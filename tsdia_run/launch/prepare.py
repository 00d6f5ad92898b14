"""Write down what an attempt is going to be: the files of RUN_DIR/attempts/N."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from tsdia_run.checkpoints.patterns_file import store_patterns
from tsdia_run.errors import DamagedRunError, NotFoundError, UsageError
from tsdia_run.files.atomic import write_bytes, write_json
from tsdia_run.files.fields import Fields, parse_json, read_bounded
from tsdia_run.files.redaction import REDACTED, Redactor
from tsdia_run.launch.named_files import kept_as
from tsdia_run.launch.plan import Plan
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.settings import Layer, Settings, read_layer
from tsdia_run.text import count, shell

if TYPE_CHECKING:
    from tsdia_run.provenance.environment import EnvironmentState
    from tsdia_run.provenance.git import CodeState

# Settings that are command lines, which may have a secret in them.
_ARGUMENTS = ("args", "resume_args")
_MAX_FILTERED = 5
# A directory without git is no fault.
_WITHOUT_GIT = ("not in a git repository", "git is not installed")
_DUBIOUS = re.compile(r"dubious ownership in repository at '(.*)'")
# Linux starts no program with more arguments and variables than some 2 MiB.
_MAX_COMMAND_BYTES = 16 * 1024 * 1024


def write_attempt(plan: Plan, redactor: Redactor, environment: dict[str, str]) -> None:
    """Write the files that the script and a later resume need.

    Args:
        plan: What is going to be started.
        redactor: Knows the user's secrets.
        environment: The variables that are set for the script.

    Raises:
        OSError: The file system refused.
    """
    attempt = plan.layout.attempt(plan.request.number)
    # It may be there: of a start that was killed before it got into the record.
    attempt.root.mkdir(parents=True, exist_ok=True)
    plan.layout.logs.mkdir(exist_ok=True)
    store_patterns(plan.layout, plan.request.settings.checkpoints.pattern)
    if plan.script_config is not None:
        _write_config(attempt, plan)
    if plan.accelerate_config is not None:
        write_bytes(attempt.accelerate_config, plan.accelerate_config.read_bytes())
    write_json(attempt.command, _command(plan, redactor, environment))


def _write_config(attempt: AttemptLayout, plan: Plan) -> None:
    assert plan.script_config is not None
    path = attempt.config_named(plan.script_config.document.name)
    # A start that was killed may have left what another config needed.
    for folder in (path.parent, attempt.references):
        shutil.rmtree(folder, ignore_errors=True)
    path.parent.mkdir()
    write_bytes(path, plan.script_config.text.encode())
    for file, name in kept_as(list(plan.references)).items():
        kept = attempt.references / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, plan.references[file], is_durable=False)


def _command(plan: Plan, redactor: Redactor, environment: dict[str, str]) -> dict[str, object]:
    request = plan.request
    return {
        "schema": 1,
        "argv": redactor.argv(list(plan.command.argv)),
        "cwd": str(request.cwd),
        "python": plan.interpreter.path,
        "launcher": plan.command.how,
        "extra_args": redactor.argv(list(request.extra_args)),
        "overrides": redactor.argv(list(request.overrides)),
        "environment": redactor.environment(environment),
        "settings": _settings_json(request.settings, plan.interpreter.path, redactor),
        "typed": request.typed.as_json(redactor) if request.typed else None,
        "tells_checkpoint": plan.tells_checkpoint,
    }


def _settings_json(settings: Settings, python: str, redactor: Redactor) -> dict[str, object]:
    """The settings in the form of a tsdia_run section, so that a resume reads them as one."""
    values = {
        key: value.value if isinstance(value, Enum) else value
        for key, value in dataclasses.asdict(settings).items()
        if value is not None and (value != () or key == "resume_args")
    }
    if settings.module is not None:
        del values["entrypoint"]
    for name in _ARGUMENTS:
        if name in values:
            values[name] = redactor.argv(values[name])
    for group in ("accelerate", "logs", "wandb", "metrics", "hooks", "checkpoints", "hang"):
        values[group] = {key: value for key, value in values[group].items() if value not in (None, ())}
    if "flags" in values["accelerate"]:
        values["accelerate"]["flags"] = redactor.argv(values["accelerate"]["flags"])
    return {**values, "python": python, "env": redactor.environment(dict(settings.env))}


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where an attempt comes from.

    Attributes:
        code: The state of the code.
        patch: What the code has beyond its commit.
        environment: The state of interpreter, packages and machine.
    """

    code: CodeState
    patch: bytes
    environment: EnvironmentState

    def warnings(self) -> list[str]:
        """What is missing from the state of the code although git is there, for people."""
        error, filtered = self.code.error, self.code.filtered
        found = []
        if filtered:
            names = ", ".join(filtered[:_MAX_FILTERED]) + (" …" if len(filtered) > _MAX_FILTERED else "")
            lacks = f"git.patch lacks {count(len(filtered), 'changed file')}"
            found.append(f"{lacks}: tsdia-run runs no git filters (Git LFS and the like): {names}")
        if error and (owned := _DUBIOUS.search(error)):
            trust = shell(["git", "config", "--global", "--add", "safe.directory", owned.group(1)])
            found.append(f"the state of the code is not recorded: {error} (another owner). To trust it: {trust}")
        elif error and error not in _WITHOUT_GIT:
            found.append(f"the state of the code is recorded only in part: {error}")
        return found


def capture_provenance(plan: Plan, redactor: Redactor) -> Provenance:
    """Ask git, the interpreter and the machine. Slow enough to run beside the training's imports."""
    # Imported here, beside the training's own imports rather than before them.
    from tsdia_run.provenance.environment import capture_environment
    from tsdia_run.provenance.git import capture_code

    request = plan.request
    code, patch = capture_code(request.cwd, redactor, [_runs(request.run_dir, request.cwd)])
    environment = capture_environment(plan.interpreter.path, {**request.environ, **plan.command.environment}, redactor)
    return Provenance(code, patch, environment)


def write_provenance(attempt: AttemptLayout, provenance: Provenance) -> None:
    """Write it down.

    Raises:
        OSError: The file system refused.
    """
    write_json(attempt.git, dataclasses.asdict(provenance.code))
    if provenance.patch:
        write_bytes(attempt.patch, provenance.patch)
    write_json(attempt.environment, dataclasses.asdict(provenance.environment))


def _runs(run_dir: Path, cwd: Path) -> Path:
    """The folder of the runs, unless code lies in it."""
    root = run_dir.parent
    return run_dir if root == cwd or root in cwd.parents else root


@dataclasses.dataclass(frozen=True)
class Recorded:
    """What an earlier attempt was started with.

    Attributes:
        settings: Its settings, as a layer.
        cwd: Its working directory.
        extra_args: What followed ``--``.
        forgotten: Environment variables whose values were secrets and so were not kept.
    """

    settings: Layer
    cwd: Path
    extra_args: tuple[str, ...]
    forgotten: tuple[str, ...]

    def working_directory(self) -> Path:
        """The working directory, which must still be there.

        Raises:
            NotFoundError: It is not.
        """
        if self.cwd.is_dir():
            return self.cwd
        raise NotFoundError(
            f"the working directory of the last attempt, {self.cwd}, does not exist",
            hint="Bring it back, or start a new run from the checkpoint.",
        )

    def arguments(self) -> tuple[str, ...]:
        """The extra arguments, which must be known in full.

        Raises:
            UsageError: There was a secret among them, which was not kept.
        """
        settings = (self.settings.values.get(name, ()) for name in (*_ARGUMENTS, "accelerate.flags"))
        if any(REDACTED in argument for arguments in (self.extra_args, *settings) for argument in arguments):
            raise UsageError(
                "the script's last arguments had a secret in them, which was not recorded",
                hint="Give secrets through the environment; start a new run from the checkpoint to go on.",
            )
        return self.extra_args

    def warnings(self, environ: Mapping[str, str]) -> list[str]:
        """What will be missing in the given environment."""
        return [
            f"{name} was set for the last attempt and, being a secret, not recorded; it is not set now"
            for name in self.forgotten
            if name not in environ
        ]


def read_attempt(attempt: AttemptLayout) -> Recorded:
    """Read back what ``write_attempt`` wrote.

    Raises:
        DamagedRunError: It is missing or not ours.
    """
    try:
        fields = Fields(parse_json(read_bounded(attempt.command, _MAX_COMMAND_BYTES)), "it")
        settings = fields.required("settings", dict)
        variables = Fields(settings, "`settings`").optional("env", dict) or {}
        kept = {name: value for name, value in variables.items() if REDACTED not in str(value)}
        return Recorded(
            settings=read_layer(str(attempt.command), {**settings, "env": kept}, lambda _: None),
            cwd=Path(fields.required("cwd", str)),
            extra_args=_texts(fields.required("extra_args", list)),
            forgotten=tuple(variables.keys() - kept.keys()),
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedRunError(
            f"what the last attempt was started with can't be read from {attempt.command}: {reason}",
            hint="Start a new run from the checkpoint instead.",
        ) from error


def _texts(value: Sequence[object]) -> tuple[str, ...]:
    if not all(isinstance(item, str) for item in value):
        raise ValueError("the arguments are no list of texts")
    return tuple(str(item) for item in value)
