"""What an attempt is going to be, decided before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document, Edited, keys
from tsdia_run.errors import ConfigError, RunDirectoryError
from tsdia_run.launch import command, environment, interpreter, missing
from tsdia_run.launch.command import Command, Target
from tsdia_run.launch.interpreter import Interpreter
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.redaction import is_secret_name, secret_kind
from tsdia_run.settings import SECTION, Settings
from tsdia_run.words import nearest, shell

_MAX_WARNINGS_OF_A_KIND = 5
_MIN_SECRET_CHARACTERS = 8


@dataclass(frozen=True)
class Request:
    """What an attempt is asked to be.

    Attributes:
        document: The config to start from; None for a script that takes none.
        settings: How to launch.
        run_dir: Absolute path of the run directory.
        number: The attempt's number.
        cwd: The working directory of the script.
        environ: The user's environment.
        overrides: ``--set`` assignments, in order.
        extra_args: What follows ``--``.
        checkpoint: What to resume from.
    """

    document: Document | None
    settings: Settings
    run_dir: Path
    number: int
    cwd: Path
    environ: Mapping[str, str]
    overrides: tuple[str, ...] = ()
    extra_args: tuple[str, ...] = ()
    checkpoint: Path | None = None


@dataclass(frozen=True)
class Plan:
    """What an attempt is going to be.

    Attributes:
        request: What was asked.
        interpreter: What runs the script.
        target: Where everything goes.
        script_config: The config as the script gets it, with the edits that made it; None without a config.
        arguments: The script's arguments, filled in.
        command: What is started.
        accelerate_config: The Accelerate config file that applies, if any.
        warnings: What the user should know before it starts.
        started_from: A checkpoint of another run that the config names.
    """

    request: Request
    interpreter: Interpreter
    target: Target
    script_config: Edited | None
    arguments: tuple[str, ...]
    command: Command
    accelerate_config: Path | None
    warnings: tuple[str, ...]
    started_from: str | None

    @property
    def layout(self) -> RunLayout:
        """The files of the run."""
        return RunLayout(self.request.run_dir)

    def folders(self) -> tuple[Path, ...]:
        """What the script may take a relative path to be relative to."""
        return _folders(self.request)


def make(request: Request) -> Plan:
    """Decide everything about an attempt.

    Raises:
        TsdiaRunError: Something that the request names does not exist or can't be used.
    """
    settings = request.settings
    python = interpreter.choose(settings.python, request.environ, request.cwd)
    target = _target(request)
    templates = command.templates(
        settings, request.extra_args, has_config=request.document is not None, is_resume=request.checkpoint is not None
    )
    edited, notes = _script_config(request, target, templates)
    ranks = environment.decide(settings, python, request.environ, request.cwd)
    arguments = command.filled(templates, target)
    built = command.build(settings, python.path, request.cwd, arguments, ranks.decision)
    return Plan(
        request=request,
        interpreter=python,
        target=target,
        script_config=edited,
        arguments=arguments,
        command=replace(
            built, environment={**built.environment, **_variables(settings), **_own_variables(target, settings)}
        ),
        accelerate_config=ranks.config_file,
        warnings=(*_doubts(request.document), *notes, *_missing(request, arguments)),
        started_from=_started_from(request),
    )


def _target(request: Request) -> Target:
    run_dir = request.run_dir
    has_config = request.document is not None
    return Target(
        run_dir=run_dir,
        output_dir=run_dir / request.settings.script_dir if request.settings.script_dir else run_dir,
        run_name=run_dir.name,
        config=RunLayout(run_dir).attempt(request.number).config if has_config else None,
        checkpoint=request.checkpoint,
    )


def _variables(settings: Settings) -> dict[str, str]:
    console = settings.wandb.console
    return {**({"WANDB_CONSOLE": console} if console else {}), **settings.env}


def _own_variables(target: Target, settings: Settings) -> dict[str, str]:
    variables = {"TSDIA_RUN_NAME": target.run_name, "TSDIA_RUN_DIR": str(target.run_dir)}
    if settings.hooks.names():
        variables["TSDIA_RUN_HOOKS"] = ",".join(settings.hooks.names())
    if target.config:
        variables["TSDIA_RUN_CONFIG"] = str(target.config)
    if target.checkpoint:
        variables["TSDIA_RUN_CHECKPOINT"] = str(target.checkpoint)
    return variables


def _script_config(request: Request, target: Target, templates: Sequence[str]) -> tuple[Edited | None, list[str]]:
    document, settings = request.document, request.settings
    tells_by_argument = command.names_directory(templates)
    if document is None:
        return None, [] if tells_by_argument else [_untold("its arguments have no {run_dir}")]
    edits: list[config.Set | config.Remove] = []
    notes: list[str] = []
    for assignment in request.overrides:
        override = config.parse_override(assignment, document)
        notes += _unknown_key_note(override.key, document)
        edits.append(override)
    run_dir_key = keys.key_in(document, settings.run_dir_key, keys.RUN_DIR_KEYS)
    if run_dir_key is None:
        if not tells_by_argument:
            notes.append(_untold("the config has no key for it, and its arguments have no {run_dir}"))
    elif not _is_told(document, run_dir_key, target, request.cwd):
        edits.append(config.Set(run_dir_key, str(target.output_dir)))
    edits += _resume_edits(request, templates)
    if document.find(SECTION) is not None:
        edits.append(config.Remove(SECTION))
    return config.apply(document, edits), notes


def _is_told(document: Document, key: str, target: Target, cwd: Path) -> bool:
    """Whether the script would arrive at the right directory from the config as it stands."""
    value = document.find(key)
    if value is None or not isinstance(value.plain, str) or value.plain.startswith("~") or "${" in value.plain:
        return False
    return os.path.abspath(os.path.join(cwd, value.plain)) == str(target.output_dir)


def _resume_edits(request: Request, templates: Sequence[str]) -> list[config.Set | config.Remove]:
    if request.checkpoint is None or request.document is None:
        return []
    key = keys.key_in(request.document, request.settings.resume_key, keys.RESUME_KEYS)
    key = key or _resume_key_to_add(request.document)
    others = [config.Set(name, value) for name, value in request.settings.resume_set.items()]
    if key:
        return [config.Set(key, str(request.checkpoint)), *others]
    if any("{checkpoint" in template for template in templates) or RunLayout(request.run_dir).helper.exists():
        return [*others]
    raise ConfigError(
        "nothing tells the script which checkpoint to resume from",
        hint="Name the config key with `resume_key:`, or an argument with"
        ' `resume_args: ["--resume", "{checkpoint}"]`, in the tsdia_run section or in tsdia-run.yml.',
    )


def _resume_key_to_add(document: Document) -> str | None:
    """A config with TS-DIA's ``checkpoint`` section takes the key there, though it has none yet."""
    return next((key for key in keys.RESUME_KEYS if document.find(key.rpartition(".")[0]) is not None), None)


def _started_from(request: Request) -> str | None:
    """A checkpoint that the config names although this is a new run.

    Raises:
        RunDirectoryError: It lies in the run's own directory: the user wants a resume.
    """
    document = request.document
    if document is None or request.checkpoint is not None:
        return None
    key = keys.key_in(document, request.settings.resume_key, keys.RESUME_KEYS)
    value = document.find(key) if key else None
    if value is None or not isinstance(value.plain, str):
        return None
    path = Path(os.path.abspath(os.path.join(request.cwd, os.path.expanduser(value.plain))))
    if path == request.run_dir or request.run_dir in path.parents:
        wanted = path if path.exists() else request.run_dir
        raise RunDirectoryError(
            f"{value.place}: `{key}` points into the run's own directory, so this is a resume, not a new run",
            hint=f"tsdia-run resume {shell([str(wanted)])}",
        )
    return str(path) if path.exists() else None


def _folders(request: Request) -> tuple[Path, ...]:
    script = Path(os.path.abspath(request.cwd / os.path.expanduser(request.settings.entrypoint))).parent
    config_folder = Path(os.path.abspath(request.document.source)).parent if request.document else request.cwd
    return tuple(dict.fromkeys((request.cwd, config_folder, script, request.run_dir)))


def _missing(request: Request, arguments: Sequence[str]) -> list[str]:
    """Arguments of a new run that may name a checkpoint, which does not exist; certain ones are refused later."""
    if request.number:
        return []
    found = missing.in_arguments(arguments, _folders(request))
    return [f"{flag} names {path}, which does not exist" for flag, path, is_resume in found if not is_resume]


def _untold(why: str) -> str:
    return (
        f"the script is not told its run directory: {why}. Name the key with `run_dir_key:`, or pass it:"
        " -- --output-dir {run_dir}"
    )


def _unknown_key_note(key: str, document: Document) -> list[str]:
    if document.find(key) is not None:
        return []
    near = nearest(key, [known for known, _ in document.scalars()])
    meant = f"; did you mean `{near}`?" if near else ""
    return [f"--set {key}: the config has no such key, so it is added{meant}"]


def _doubts(document: Document | None) -> list[str]:
    """What YAML reads otherwise than people expect, and what looks like a secret."""
    if document is None:
        return []
    surprises = [f"{surprise.place}: {surprise.message}" for surprise in config.surprises(document)]
    secrets = []
    for key, value in document.scalars():
        kind = _secret(key, value.plain) if isinstance(value.plain, str) else None
        if kind:
            secrets.append(
                f"{value.place}: `{key}` looks like {kind}; the config is kept as it is, in the run directory"
            )
    return [*_bounded(surprises), *_bounded(secrets)]


def _secret(key: str, text: str) -> str | None:
    is_named_so = is_secret_name(key.rpartition(".")[2]) and len(text) >= _MIN_SECRET_CHARACTERS and "${" not in text
    return secret_kind(text) or ("a secret" if is_named_so else None)


def _bounded(lines: list[str]) -> list[str]:
    rest = len(lines) - _MAX_WARNINGS_OF_A_KIND
    return lines if rest <= 0 else [*lines[:_MAX_WARNINGS_OF_A_KIND], f"… and {rest} more like it"]
