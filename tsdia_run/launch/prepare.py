"""Write the files of an attempt before its start: RUN_DIR/attempts/N."""

from __future__ import annotations

import dataclasses
import re
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from tsdia_run.checkpoints.patterns_file import store_patterns
from tsdia_run.files.atomic import PUBLIC, mode_of, write_bytes
from tsdia_run.files.opening import open_regular
from tsdia_run.files.redaction import REDACTED, Redactor
from tsdia_run.launch.named_files import kept_as
from tsdia_run.launch.plan import Plan
from tsdia_run.rundir import command_record
from tsdia_run.rundir.command_record import CommandRecord
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.settings import Level, Settings, plain
from tsdia_run.text import count, shell

if TYPE_CHECKING:
    from tsdia_run.rundir.code_state import CodeState
    from tsdia_run.rundir.environment_state import EnvironmentState

# Settings that are command lines, which may contain secrets.
_ARGUMENTS = ("args", "resume_args")
_MAX_FILTERED = 5
# A directory without git is not an error.
_WITHOUT_GIT = ("not in a git repository", "git is not installed")
_DUBIOUS = re.compile(r"dubious ownership in repository at '(.*)'")


def write_attempt(plan: Plan, redactor: Redactor, environment: dict[str, str]) -> None:
    """Write the files that the script and a later resume need.

    Args:
        plan: The plan of the attempt.
        redactor: Removes the user's secrets.
        environment: The variables that are set for the script.

    Raises:
        OSError: The file system failed.
    """
    attempt = plan.layout.attempt(plan.request.number)
    # It may exist already, from a start that was killed before it was recorded.
    # Not its parents: if the file system was unmounted, no run may be created below its mount point.
    for folder in (attempt.root.parent, attempt.root):
        folder.mkdir(exist_ok=True)
    plan.layout.logs.mkdir(exist_ok=True)
    store_patterns(plan.layout, plan.request.settings.checkpoints.pattern)
    if plan.script_config is not None:
        _write_config(attempt, plan)
    if plan.accelerate_config is not None:
        with open_regular(plan.accelerate_config) as file:
            write_bytes(attempt.accelerate_config, file.read(), mode=mode_of(plan.accelerate_config))
    command_record.write(attempt, _command(plan, redactor, environment))


def _write_config(attempt: AttemptLayout, plan: Plan) -> None:
    assert plan.script_config is not None
    path = attempt.config_named(plan.script_config.document.name)
    # A killed start may have left the files of another config.
    for folder in (path.parent, attempt.references):
        shutil.rmtree(folder, ignore_errors=True)
    path.parent.mkdir()
    mode = mode_of(Path(plan.script_config.document.source))
    write_bytes(path, plan.script_config.text.encode(), mode=mode)
    for file, name in kept_as(list(plan.references)).items():
        kept = attempt.references / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, plan.references[file], is_durable=False, mode=mode_of(file))


def _command(plan: Plan, redactor: Redactor, environment: dict[str, str]) -> CommandRecord:
    request = plan.request
    return CommandRecord(
        argv=tuple(redactor.argv(plan.command.argv)),
        cwd=str(request.cwd),
        python=plan.interpreter.path,
        launcher=plan.command.how,
        extra_args=tuple(redactor.argv(request.extra_args)),
        overrides=tuple(redactor.argv(request.overrides)),
        environment=redactor.environment(environment),
        settings=_settings_json(request.settings, plan.interpreter.path, redactor),
        typed=request.typed.redacted(redactor) if request.typed else None,
        tells_checkpoint=plan.tells_checkpoint,
        origins={key: one.level.value for key, one in request.origins.items() if one.level is not Level.DEFAULT},
        config_source=request.config_source,
        detected=request.detected,
    )


def _settings_json(settings: Settings, python: str, redactor: Redactor) -> dict[str, object]:
    """Return the settings in the form of a `tsdia_run` section, so that a resume reads them like one."""
    values = {
        key: plain(value)
        for key, value in dataclasses.asdict(settings).items()
        if value is not None and (value != () or key == "resume_args")
    }
    if settings.module is not None:
        del values["entrypoint"]
    for name in _ARGUMENTS:
        if name in values:
            values[name] = redactor.argv(values[name])
    values["notify"]["webhook"] = settings.notify.webhook and REDACTED
    values["notify"]["command"] = tuple(redactor.argv(settings.notify.command))
    for group in ("accelerate", "logs", "wandb", "metrics", "hooks", "checkpoints", "hang", "notify"):
        values[group] = {key: value for key, value in values[group].items() if value not in (None, ())}
    if "flags" in values["accelerate"]:
        values["accelerate"]["flags"] = redactor.argv(values["accelerate"]["flags"])
    return {**values, "python": python, "env": redactor.environment(dict(settings.env))}


@dataclasses.dataclass(frozen=True)
class Provenance:
    """The code and environment of an attempt.

    Attributes:
        code: The state of the code.
        patch: The changes since its commit.
        environment: The state of the interpreter, the packages and the machine.
    """

    code: CodeState
    patch: bytes
    environment: EnvironmentState

    def warnings(self) -> list[str]:
        """Return warnings about code changes that could not be recorded although git is available."""
        error, filtered = self.code.error, self.code.filtered
        found = []
        if filtered:
            names = ", ".join(filtered[:_MAX_FILTERED]) + (" …" if len(filtered) > _MAX_FILTERED else "")
            incomplete = f"git.patch does not contain {count(len(filtered), 'changed file')}"
            found.append(f"{incomplete}: tsdia-run runs no git filters (such as Git LFS): {names}")
        if error and (owned := _DUBIOUS.search(error)):
            trust = shell(["git", "config", "--global", "--add", "safe.directory", owned.group(1)])
            found.append(f"the state of the code is not recorded: {error} (another user owns it). To trust it: {trust}")
        elif error and error not in _WITHOUT_GIT:
            found.append(f"the state of the code is only partly recorded: {error}")
        return found


def capture_provenance(plan: Plan, redactor: Redactor) -> Provenance:
    """Collect the state of git, the interpreter and the machine; slow, so it runs while the training imports."""
    # Imported here, to run during the training's own imports and not before them.
    from tsdia_run.provenance.environment import capture_environment
    from tsdia_run.provenance.git import capture_code

    request = plan.request
    code, patch = capture_code(request.cwd, redactor, [_runs(request.run_dir, request.cwd)])
    environment = capture_environment(plan.interpreter.path, {**request.environ, **plan.command.environment}, redactor)
    return Provenance(code, patch, environment)


def write_provenance(attempt: AttemptLayout, provenance: Provenance) -> None:
    """Write the files of the code and the environment.

    Raises:
        OSError: The file system failed.
    """
    from tsdia_run.rundir import code_state, environment_state

    code_state.write(attempt, provenance.code)
    if provenance.patch:
        mode = stat.S_IRUSR | stat.S_IWUSR if provenance.code.is_private else PUBLIC
        write_bytes(attempt.patch, provenance.patch, mode=mode)
    environment_state.write(attempt, provenance.environment)


def _runs(run_dir: Path, cwd: Path) -> Path:
    """Return the folder of the runs; only the run directory if that folder contains code."""
    root = run_dir.parent
    return run_dir if root == cwd or root in cwd.parents else root
