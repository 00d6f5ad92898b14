"""From settings to the command line of the training: templates, entrypoint, launcher."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tsdia_run
from tsdia_run.errors import UsageError
from tsdia_run.errors.launching import NotAnEntrypoint, ProgramOfSeveralRanks
from tsdia_run.launch.accelerate import Delegated, InProcess
from tsdia_run.settings import Settings

_BOOT = Path(tsdia_run.__file__).parent / "training" / "boot"
BOOTSTRAP = _BOOT / "bootstrap.py"
RANKS_LAUNCHER = _BOOT / "launcher.py"

_PLACEHOLDER = re.compile(r"\{(config|run_dir|output_dir|run_name|checkpoint|checkpoint_name)\}")
_DIRECTORY_PLACEHOLDERS = ("{run_dir}", "{output_dir}")
_DEFAULT_ARGS = ("--config", "{config}")


@dataclass(frozen=True)
class Target:
    """What the placeholders stand for.

    Attributes:
        run_dir: The run directory.
        output_dir: The directory that the script is to call its own: the run directory, or ``script_dir`` inside it.
        run_name: The last part of the run directory.
        config: The config as the script gets it; None where the script takes none.
        checkpoint: What to resume from; None from the start.
    """

    run_dir: Path
    output_dir: Path
    run_name: str
    config: Path | None
    checkpoint: Path | None

    def value(self, placeholder: str) -> str | None:
        """The text for a placeholder's name; None where there is none in this attempt."""
        values = {
            "config": self.config,
            "run_dir": self.run_dir,
            "output_dir": self.output_dir,
            "run_name": self.run_name,
            "checkpoint": self.checkpoint,
            "checkpoint_name": self.checkpoint.name if self.checkpoint else None,
        }
        value = values[placeholder]
        return None if value is None else str(value)


@dataclass(frozen=True)
class Command:
    """What is started.

    Attributes:
        argv: The command line, the program first.
        environment: Variables that are set on top of the user's.
        how: What starts the ranks, in words.
        is_delegated: Whether Accelerate's launcher starts several ranks; else the process is the script itself.
        processes: The number of ranks; None where Accelerate or the script decides.
        is_hooked: Whether the bootstrap runs in the ranks, and with it the hooks that are on.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    how: str
    is_delegated: bool
    processes: int | None
    is_hooked: bool


def templates(settings: Settings, extra_args: Sequence[str], *, has_config: bool, is_resume: bool) -> tuple[str, ...]:
    """The script's arguments before the placeholders are filled in.

    A script without a config gets no ``--config``, unless its arguments were set.
    """
    args = () if settings.args == _DEFAULT_ARGS and not has_config else settings.args
    return (*args, *((settings.resume_args or ()) if is_resume else ()), *extra_args)


def names_directory(arguments: Sequence[str]) -> bool:
    """Whether the arguments tell the script its directory."""
    return any(placeholder in argument for argument in arguments for placeholder in _DIRECTORY_PLACEHOLDERS)


def names_config(arguments: Sequence[str]) -> bool:
    """Whether the arguments tell the script its config."""
    return any("{config}" in argument for argument in arguments)


def filled(arguments: Sequence[str], target: Target) -> tuple[str, ...]:
    """The arguments with their placeholders filled in; braces with other words stay as they are.

    Raises:
        UsageError: A placeholder has no value in this attempt.
    """

    def value(match: re.Match[str]) -> str:
        text = target.value(match.group(1))
        if text is None:
            missing = "there is no config" if match.group(1) == "config" else "nothing is resumed"
            raise UsageError(
                f"the arguments of the script have {match.group(0)}, but {missing}",
                hint="Name a config, or set `args` without {config}."
                if match.group(1) == "config"
                else "Put it into `resume_args`, which only a resume adds.",
            )
        return text

    return tuple(_PLACEHOLDER.sub(value, argument) for argument in arguments)


def entrypoint_name(settings: Settings) -> str:
    """The script, module (``-m NAME``) or executable, as the user named it."""
    return settings.entrypoint if settings.module is None else f"-m {settings.module}"


def entrypoint_path(settings: Settings, cwd: Path) -> Path:
    """The script as a path that exists.

    Raises:
        NotFoundError: There is no such file; the error names the scripts that are there.
    """
    path = cwd / os.path.expanduser(settings.entrypoint)
    if path.is_file():
        return path
    scripts = sorted(found.name for found in cwd.glob("*.py"))[:5]
    raise NotAnEntrypoint(settings.entrypoint, cwd, path.is_dir(), tuple(scripts))


def is_executable(path: Path) -> bool:
    """Whether the entrypoint is a program of its own rather than a Python script."""
    return path.suffix not in (".py", ".pyw") and os.access(path, os.X_OK)


def build(
    settings: Settings, python: str, cwd: Path, arguments: Sequence[str], decision: InProcess | Delegated | None
) -> Command:
    """Put the command line together.

    Args:
        settings: What to run.
        python: The interpreter for the training.
        cwd: The user's working directory; the entrypoint is relative to it.
        arguments: The script's own arguments, filled in.
        decision: What Accelerate needs; None for plain Python.

    Raises:
        NotFoundError: The entrypoint does not exist.
        UsageError: Several ranks of a program that is no Python script.
    """
    script = _script(settings, cwd)
    environment = {} if decision is None else decision.environment
    if isinstance(decision, Delegated):
        if script.is_program:
            raise ProgramOfSeveralRanks(settings.entrypoint)
        argv = (python, str(RANKS_LAUNCHER), *decision.flags, *_bootstrap(settings), *script.words, *arguments)
        how = f"accelerate launch ({decision.reason})"
        return Command(
            argv,
            environment,
            how,
            is_delegated=True,
            processes=settings.accelerate.num_processes,
            is_hooked=settings.hooks.enabled,
        )
    how = "plain Python" if decision is None else "one process, with the environment of accelerate launch"
    processes = None if decision is None else 1
    if script.is_program:
        argv, how = (*script.words, *arguments), f"{how}; a program of its own"
    else:
        argv = (python, *_bootstrap(settings), *script.words, *arguments)
    is_hooked = settings.hooks.enabled and not script.is_program
    return Command(argv, environment, how, is_delegated=False, processes=processes, is_hooked=is_hooked)


def _bootstrap(settings: Settings) -> tuple[str, ...]:
    return (str(BOOTSTRAP),) if settings.hooks.enabled else ()


@dataclass(frozen=True)
class _Script:
    words: tuple[str, ...]
    is_program: bool


def _script(settings: Settings, cwd: Path) -> _Script:
    if settings.module is not None:
        return _Script(("-m", settings.module), is_program=False)
    path = entrypoint_path(settings, cwd)
    if is_executable(path):
        return _Script((str(path),), is_program=True)
    # As the user would type it: a relative name stays relative in sys.argv[0].
    return _Script((os.path.expanduser(settings.entrypoint),), is_program=False)
