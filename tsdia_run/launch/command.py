"""Build the command line of the training from the settings: arguments, entrypoint and launcher."""

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
from tsdia_run.launch.named_script import is_executable, refuse_unstartable
from tsdia_run.settings import Settings

_BOOT = Path(tsdia_run.__file__).parent / "training" / "boot"
BOOTSTRAP = _BOOT / "bootstrap.py"
RANKS_LAUNCHER = _BOOT / "launcher.py"

_PLACEHOLDER = re.compile(r"\{(config|run_dir|output_dir|run_name|checkpoint|checkpoint_name)\}")
# The default of the setting `args`.
DEFAULT_ARGS = ("--config", "{config}")
_DIRECTORY_PLACEHOLDERS = ("{run_dir}", "{output_dir}")


@dataclass(frozen=True)
class Target:
    """The values of the placeholders.

    Attributes:
        run_dir: The run directory.
        output_dir: The output directory for the script: the run directory, or ``script_dir`` inside it.
        run_name: The last part of the run directory.
        config: The config that the script receives; None without a config.
        checkpoint: The checkpoint to resume from; None to start from the beginning.
    """

    run_dir: Path
    output_dir: Path
    run_name: str
    config: Path | None
    checkpoint: Path | None

    def value(self, placeholder: str) -> str | None:
        """Return the value of a placeholder; None if it has none in this attempt."""
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
    """The command to start.

    Attributes:
        argv: The command line, with the program first.
        environment: Variables that are added to the user's.
        how: How the ranks are started, as text for users.
        is_delegated: Whether Accelerate's launcher starts several ranks; otherwise the process is the script.
        processes: The number of ranks; None if Accelerate or the script chooses it.
        is_hooked: Whether the ranks run the bootstrap, which installs the enabled hooks.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    how: str
    is_delegated: bool
    processes: int | None
    is_hooked: bool


def templates(settings: Settings, extra_args: Sequence[str], *, has_config: bool, is_resume: bool) -> tuple[str, ...]:
    """Return the script's arguments with placeholders.

    A run without a config gets no words with ``{config}`` from the setting ``args``, and no flag before such a word.
    """
    args = settings.args if has_config else _without_config(settings.args)
    return (*args, *((settings.resume_args or ()) if is_resume else ()), *extra_args)


def _without_config(words: Sequence[str]) -> tuple[str, ...]:
    following = (*words[1:], "")
    is_flag = [word.startswith("-") and after == "{config}" for word, after in zip(words, following, strict=False)]
    return tuple(word for word, drop in zip(words, is_flag, strict=True) if not drop and "{config}" not in word)


def names_directory(arguments: Sequence[str]) -> bool:
    """Return whether the arguments pass the run directory to the script."""
    return any(placeholder in argument for argument in arguments for placeholder in _DIRECTORY_PLACEHOLDERS)


def names_config(arguments: Sequence[str]) -> bool:
    """Return whether the arguments pass the config to the script."""
    return any("{config}" in argument for argument in arguments)


def filled(arguments: Sequence[str], target: Target) -> tuple[str, ...]:
    """Return the arguments with placeholders replaced by their values; other words in braces stay unchanged.

    Raises:
        UsageError: A placeholder has no value in this attempt.
    """

    def value(match: re.Match[str]) -> str:
        text = target.value(match.group(1))
        if text is None:
            missing = "no config is given" if match.group(1) == "config" else "this is not a resume"
            raise UsageError(
                f"the script's arguments contain {match.group(0)}, but {missing}",
                hint="Pass a config, or set `args` without {config}."
                if match.group(1) == "config"
                else "Move it to `resume_args`, which only apply to a resume.",
            )
        return text

    return tuple(_PLACEHOLDER.sub(value, argument) for argument in arguments)


def entrypoint_name(settings: Settings) -> str:
    """Return the script, module (``-m NAME``) or executable, as the user named it."""
    return settings.entrypoint if settings.module is None else f"-m {settings.module}"


def entrypoint_path(settings: Settings, cwd: Path) -> Path:
    """Return the path of the script, which exists.

    Raises:
        NotFoundError: The script does not exist; the error lists the scripts in the directory.
    """
    path = cwd / os.path.expanduser(settings.entrypoint)
    if path.is_file():
        return path
    scripts = sorted(found.name for found in cwd.glob("*.py"))[:5]
    raise NotAnEntrypoint(settings.entrypoint, cwd, path.is_dir(), tuple(scripts))


def build(
    settings: Settings, python: str, cwd: Path, arguments: Sequence[str], decision: InProcess | Delegated | None
) -> Command:
    """Build the command line.

    Args:
        settings: All settings.
        python: The interpreter for the training.
        cwd: The user's working directory; the entrypoint is relative to it.
        arguments: The script's arguments, with placeholders replaced.
        decision: How Accelerate starts the ranks; None for plain Python.

    Raises:
        NotFoundError: The entrypoint does not exist.
        UsageError: The entrypoint can't be started, or several ranks of a program are requested.
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
        argv, how = (*script.words, *arguments), f"{how}; an executable, not a Python script"
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
    refuse_unstartable(settings.entrypoint, path)
    if is_executable(path):
        return _Script((str(path),), is_program=True)
    # As the user typed it: a relative path stays relative in sys.argv[0].
    return _Script((os.path.expanduser(settings.entrypoint),), is_program=False)
