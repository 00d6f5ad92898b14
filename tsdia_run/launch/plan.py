"""Plan an attempt, before anything is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document, Edited, keys
from tsdia_run.errors.launching import NoConfigToSet, SectionReplaced
from tsdia_run.errors.resuming import OwnCheckpointNamed
from tsdia_run.files.fields import beginning_of
from tsdia_run.launch import (
    assignments,
    checkpoint_passing,
    command,
    interpreter,
    missing,
    named_files,
    place,
    rank_launcher,
)
from tsdia_run.launch.attempt_request import Request
from tsdia_run.launch.command import Command, Target
from tsdia_run.launch.interpreter import Interpreter
from tsdia_run.launch.secrets import secrets_in
from tsdia_run.rundir import env
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.scripts import hydra, saving
from tsdia_run.scripts.syntax import entry_file
from tsdia_run.settings import SECTION, Settings

_MAX_WARNINGS_OF_A_KIND = 5


@dataclass(frozen=True)
class Plan:
    """The plan of an attempt.

    Attributes:
        request: The request.
        interpreter: The interpreter of the script.
        target: The values of the placeholders.
        script_config: The config that the script receives, with its edits; None without a config.
        arguments: The script's arguments, with placeholders replaced.
        command: The command to start.
        accelerate_config: The Accelerate config file in use, if any.
        warnings: Warnings for the user before the start.
        notes: Notes for the user about what was found in the script, and about changes to the config.
        references: The files that the config names, with their contents.
        started_from: A checkpoint of another run that the config names.
        tells_checkpoint: Whether the script receives the checkpoint on a resume, as far as known before the first one.
    """

    request: Request
    interpreter: Interpreter
    target: Target
    script_config: Edited | None
    arguments: tuple[str, ...]
    command: Command
    accelerate_config: Path | None
    warnings: tuple[str | SectionReplaced, ...]
    notes: tuple[str, ...]
    references: Mapping[Path, bytes]
    started_from: str | None
    tells_checkpoint: bool

    @property
    def layout(self) -> RunLayout:
        """The files of the run."""
        return RunLayout(self.request.run_dir)

    def folders(self) -> tuple[Path, ...]:
        """The folders that the script may use as the base of a relative path."""
        return _folders(self.request)


def make(request: Request) -> Plan:
    """Return the plan of an attempt.

    Raises:
        TsdiaRunError: A file or setting of the request does not exist or can't be used.
    """
    settings = request.settings
    if request.document is None and request.overrides:
        raise NoConfigToSet(request.overrides)
    script = settings.entrypoint if settings.module is None else None
    python = interpreter.choose(settings.python, request.environ, request.cwd, script)
    target = _target(request)
    is_hydra = hydra.takes_overrides(_script(request))
    templates = command.templates(
        settings,
        request.extra_args,
        has_config=request.document is not None and not (is_hydra and settings.args == command.DEFAULT_ARGS),
        is_resume=request.checkpoint is not None,
    )
    tells_checkpoint = checkpoint_passing.tells_checkpoint(
        request, templates, reads_config=_reads_config(templates, is_hydra)
    )
    if request.checkpoint is not None and not tells_checkpoint:
        raise checkpoint_passing.not_passed(request, request.checkpoint)
    edited, warnings = _script_config(request, target, templates, is_hydra=is_hydra)
    named = named_files.resolve(edited, _folder(request.document), request.cwd) if edited and request.document else None
    ranks = rank_launcher.decide(settings, python, request.environ, request.cwd)
    arguments = command.filled(templates, target)
    built = command.build(settings, python.path, request.cwd, arguments, ranks.decision)
    return Plan(
        request=request,
        interpreter=python,
        target=target,
        script_config=named.edited if named else None,
        arguments=arguments,
        command=replace(
            built, environment={**built.environment, **_variables(settings), **_own_variables(target, settings)}
        ),
        accelerate_config=ranks.config_file,
        warnings=(
            *_config_warnings(request.document),
            *warnings,
            *(named.warnings if named and not is_hydra else ()),
            *_missing(request, arguments),
        ),
        notes=(*request.detected, *checkpoint_passing.restore_notes(request, edited)),
        references=named.files if named else {},
        started_from=_started_from(request),
        tells_checkpoint=tells_checkpoint,
    )


def _target(request: Request) -> Target:
    run_dir = request.run_dir
    document = request.document
    return Target(
        run_dir=run_dir,
        output_dir=run_dir / request.settings.script_dir if request.settings.script_dir else run_dir,
        run_name=run_dir.name,
        config=RunLayout(run_dir).attempt(request.number).config_named(document.name) if document else None,
        checkpoint=request.checkpoint,
    )


def _variables(settings: Settings) -> dict[str, str]:
    console = settings.wandb.console
    return {**({"WANDB_CONSOLE": console} if console else {}), **settings.env}


def _own_variables(target: Target, settings: Settings) -> dict[str, str]:
    variables = {env.RUN_NAME: target.run_name, env.RUN_DIR: str(target.run_dir)}
    if settings.hooks.names():
        variables[env.HOOKS] = ",".join(settings.hooks.names())
    if target.config:
        variables[env.CONFIG] = str(target.config)
    if target.checkpoint:
        variables[env.CHECKPOINT] = str(target.checkpoint)
    return variables


def _folder(document: Document) -> Path:
    """Return the folder of the config, the base of its relative references."""
    return Path(os.path.abspath(document.source)).parent


def _script_config(
    request: Request, target: Target, templates: Sequence[str], *, is_hydra: bool
) -> tuple[Edited | None, Sequence[str | SectionReplaced]]:
    document, settings = request.document, request.settings
    has_directory_argument = command.names_directory(templates)
    if document is None:
        return None, [] if has_directory_argument else _not_received(
            request, "the arguments have no {run_dir}", is_hydra=is_hydra
        )
    edits: list[config.Set | config.Remove] = []
    notes: list[str | SectionReplaced] = []
    reaches_script = _reads_config(templates, is_hydra)
    if not reaches_script:
        notes.append(
            f"{settings.module or settings.entrypoint} is a Hydra app, so it does not get --config. Pass its values"
            " after `--` as Hydra overrides"
        )
    given, replaced = assignments.edits_of(request.overrides, document, request.cwd)
    edits += given
    notes += replaced
    run_dir_key = keys.run_dir_key(document, settings.run_dir_key)
    if (run_dir_key is None or not reaches_script) and not has_directory_argument:
        why = "the config has no key for it, and the arguments have no {run_dir}"
        why = why if reaches_script else "the arguments have no {run_dir}"
        notes += _not_received(request, why, is_hydra=is_hydra)
    if run_dir_key is not None and not _has_directory(document, run_dir_key, target, request.cwd):
        edits.append(config.Set(run_dir_key, str(target.output_dir)))
    edits += checkpoint_passing.config_edits(request, document, reads_config=reaches_script)
    if document.find(SECTION) is not None:
        edits.append(config.Remove(SECTION))
    return config.apply(document, edits), notes


def _reads_config(templates: Sequence[str], is_hydra: bool) -> bool:
    return not is_hydra or command.names_config(templates)


def _has_directory(document: Document, key: str, target: Target, cwd: Path) -> bool:
    """Return whether the unchanged config already leads the script to the right directory."""
    value = document.find(key)
    if value is None or not isinstance(value.plain, str) or not place.is_literal(value.plain):
        return False
    return os.path.abspath(os.path.join(cwd, value.plain)) == str(target.output_dir)


def _started_from(request: Request) -> str | None:
    """Return the checkpoint that the config of a new run names.

    Raises:
        RunDirectoryError: The checkpoint is in the run's own directory, so the user needs a resume.
    """
    document = request.document
    if document is None or request.checkpoint is not None:
        return None
    key = keys.resume_key(document, request.settings.resume_key)
    value = document.find(key) if key else None
    if value is None or not isinstance(value.plain, str):
        return None
    path = Path(os.path.abspath(os.path.join(request.cwd, place.expanded(value.plain, request.environ))))
    if path == request.run_dir or request.run_dir in path.parents:
        to_resume = path if path.exists() else request.run_dir
        raise OwnCheckpointNamed(
            f"{value.place}: `{key}` names a path in the run's own directory: this is a resume, not a new run",
            to_resume,
        )
    return str(path) if path.exists() else None


def _folders(request: Request) -> tuple[Path, ...]:
    script = Path(os.path.abspath(request.cwd / os.path.expanduser(request.settings.entrypoint))).parent
    config_folder = Path(os.path.abspath(request.document.source)).parent if request.document else request.cwd
    return tuple(dict.fromkeys((request.cwd, config_folder, script, request.run_dir)))


def _missing(request: Request, arguments: Sequence[str]) -> list[str]:
    """Return warnings about arguments that may name a missing checkpoint; the check raises for certain ones."""
    if request.number:
        return []
    found = missing.in_arguments(arguments, _folders(request))
    return [f"{flag} {path}: the path does not exist" for flag, path, is_resume in found if not is_resume]


def _script(request: Request) -> Path | None:
    return entry_file(request.settings.entrypoint, request.settings.module, request.cwd)


def _not_received(request: Request, why: str, *, is_hydra: bool) -> list[str]:
    """Return a warning if the script saves something, and does not ask tsdia-run for its directory."""
    script = _script(request)
    asks = script is not None and saving.asks_for_directory(beginning_of(script), env.RUN_DIR)
    if asks or not saving.may_save(script, request.cwd):
        return []
    if is_hydra:
        remedy = "Pass it: -- hydra.run.dir={run_dir}"
    else:
        remedy = "Set `run_dir_key:`, or pass it: -- --output-dir {run_dir}"
    return [f"the script does not receive the run directory and may write elsewhere: {why}. {remedy}"]


def _config_warnings(document: Document | None) -> list[str]:
    """Return warnings about surprising YAML values and about values that look like secrets."""
    if document is None:
        return []
    surprises = [f"{surprise.place}: {surprise.message}" for surprise in config.surprises(document, SECTION)]
    secrets = [
        f"{value.place}: `{key}` looks like {kind}; the run directory keeps the config unchanged"
        for key, value, kind in secrets_in(document)
    ]
    return [*_bounded(surprises), *_bounded(secrets)]


def _bounded(lines: list[str]) -> list[str]:
    rest = len(lines) - _MAX_WARNINGS_OF_A_KIND
    return lines if rest <= 0 else [*lines[:_MAX_WARNINGS_OF_A_KIND], f"… and {rest} more"]
