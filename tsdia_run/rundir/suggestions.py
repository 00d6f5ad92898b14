"""Commands that tsdia-run suggests. Each works when it is pasted into the shell where it was shown.

A suggestion about a run names its directory. One that starts a training is built from the command that the user typed,
now or (``command.json``, ``typed``) when the run was made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tsdia_run.files.fields import beginning_of, read_object
from tsdia_run.files.redaction import REDACTED, Redactor
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.text import shell, shown

MOVE_ASIDE, NAME, RUN_DIR = "--move-aside", "--name", "--run-dir"
RESUME_ARGS, CHECKPOINT_PATTERN = "--resume-args", "--checkpoint-pattern"
_MAX_BYTES = 16 * 1024 * 1024
# An option of a script, as argparse, click and others declare it.
_OPTION = re.compile(r"""["'](--?[A-Za-z][\w.-]*)["'/,]""")
_UNKNOWN_OPTION = "--OPTION"
# What an option that takes a checkpoint is called, the surest first.
_CHECKPOINT_OPTIONS = (
    re.compile(r"--?resume[-_]from[-_](checkpoint|ckpt)"),
    re.compile(r"--?([\w-]*[-_])?resume([-_](from|path|ckpt|checkpoint|dir))*"),
    re.compile(r"--?load([-_](from|path|ckpt|checkpoint|state|dir))*|--?from[-_](checkpoint|ckpt)"),
    re.compile(r"--?(checkpoint|ckpt)([-_]path)?"),
)


def free_name(run_dir: Path) -> str:
    """The first of NAME-2, NAME-3, … that is not taken next to ``run_dir``."""
    number = 2
    while os.path.lexists(run_dir.parent / f"{run_dir.name}-{number}"):
        number += 1
    return f"{run_dir.name}-{number}"


@dataclass(frozen=True)
class Typed:
    """A command that starts a training, as it was typed.

    Attributes:
        command: ``new``, ``ensure`` or ``resume``.
        words: Its arguments: the config, or the run.
        options: Its options in order, those given by the environment too; None as the value of a switch.
        args: The script's own arguments, after ``--``.
        cwd: Where it was typed.
    """

    command: str
    words: tuple[str, ...]
    options: tuple[tuple[str, str | None], ...]
    args: tuple[str, ...]
    cwd: str

    def having(self, flag: str, value: str | None = None) -> Typed:
        """The command with an option, in the place of the same one."""
        kept = self.without(flag)
        return replace(kept, options=(*kept.options, (flag, value)))

    def adding(self, flag: str, *values: str) -> Typed:
        """The command with one more of an option that may be repeated, for each value that it does not have."""
        new = tuple((flag, value) for value in values if (flag, value) not in self.options)
        return replace(self, options=(*self.options, *new))

    def without(self, *flags: str) -> Typed:
        """The command without some options."""
        return replace(self, options=tuple(option for option in self.options if option[0] not in flags))

    def as_new(self) -> Typed:
        """The same as ``new``, which takes every option that ``ensure`` takes."""
        return replace(self, command="new")

    def as_resume(self, run_dir: Path) -> Typed:
        """A resume of the run that ``ensure`` found, which has the script's arguments already."""
        if self.command == "resume":
            return self
        return replace(self.without(NAME, RUN_DIR), command="resume", words=(shown(run_dir),), args=())

    def text(self) -> str:
        """The command line, for the shell where it is shown."""
        options = [word for option in self.options for word in option if word is not None]
        args = ["--", *self.args] if self.args else []
        words = [f"./{word}" if word.startswith("-") else word for word in self.words]
        line = shell(["tsdia-run", self.command, *words, *options, *args])
        return line if _is_here(self.cwd) else f"cd {shell([self.cwd])} && {line}"

    def as_json(self, redactor: Redactor) -> dict[str, object]:
        """For the record."""
        return {
            "command": self.command,
            "words": redactor.argv(self.words),
            "options": [_redacted(flag, value, redactor) for flag, value in self.options],
            "args": redactor.argv(self.args),
            "cwd": self.cwd,
        }


def _redacted(flag: str, value: str | None, redactor: Redactor) -> list[str | None]:
    return [flag, None] if value is None else [flag, redactor.argv([flag, value])[1]]


def _is_here(cwd: str) -> bool:
    with suppress(OSError):
        return os.path.samefile(cwd, ".")
    return False


def pattern_for(path: str) -> str:
    """The pattern that names a file and those like it: its last number is the step."""
    root, suffix = os.path.splitext(path)
    numbers = [match.span() for match in re.finditer(r"[0-9]+", root)]
    start, end = numbers[-1] if numbers else (len(root), len(root))
    before, after = (re.sub(r"[\[\]{}*?]", "?", part) for part in (root[:start], root[end:] + suffix))
    return before + "{step}" * bool(numbers) + after


@dataclass(frozen=True)
class Suggestions:
    """What can be done with a run.

    Attributes:
        layout: The files of the run.
    """

    layout: RunLayout

    def resume(self, *options: str) -> str:
        """Resume it."""
        return self._about("resume", *options)

    def resume_from_checkpoint(self) -> tuple[str, str]:
        """Resume it from its newest checkpoint, so that the script receives it.

        Returns:
            The command, and what the user must change in it; the latter may be empty.
        """
        newest = self.layout.attempt(_newest_attempt(self.layout))
        recorded = read_object(newest.command, _MAX_BYTES)
        if newest.refused.exists():
            return self.resume(), "fix the script first: it must read its checkpoint"
        if _tells_checkpoint(recorded, self.layout):
            return self.resume(), ""
        template, advice = resume_args(_script_of(recorded))
        return self.resume(RESUME_ARGS, template), advice

    def start_over(self) -> str:
        """Start it from the beginning: as it was started, else in the same directory."""
        typed = _made_by(self.layout)
        return typed.as_new().having(MOVE_ASIDE).text() if typed else self.resume("--from-scratch")

    def start_another(self) -> str | None:
        """Start the same once more under another name; None where it is not known how this one was started."""
        typed = _made_by(self.layout)
        return typed.as_new().without(MOVE_ASIDE).having(NAME, free_name(self.layout.root)).text() if typed else None

    def follow(self) -> str:
        """Follow its log."""
        return shell(["tsdia-run", "logs", "-f", shown(self.layout.root)])

    def logs(self) -> str:
        """Show its log."""
        return self._about("logs")

    def stop(self) -> str:
        """Stop it."""
        return self._about("stop")

    def info(self, *options: str) -> str:
        """Show everything about it."""
        return self._about("info", *options)

    def _about(self, command: str, *options: str) -> str:
        return shell(["tsdia-run", command, shown(self.layout.root), *options])


def list_runs(*words: str) -> str:
    """List runs; those in folders, where they are named."""
    return shell(["tsdia-run", "list", *words])


def resume_args(script: Path | None) -> tuple[str, str]:
    """The value of ``--resume-args`` for a script, and what the user must change in it, if anything."""
    option = _checkpoint_option(script) if script else None
    advice = "" if option else f"replace {_UNKNOWN_OPTION} with the script's option for the checkpoint"
    return f"{option or _UNKNOWN_OPTION} {{checkpoint}}", advice


def _checkpoint_option(script: Path) -> str | None:
    """The option of a script that takes a checkpoint, by its name; None where no option is named like that."""
    options = [str(option) for option in _OPTION.findall(beginning_of(script))]
    named = (option for pattern in _CHECKPOINT_OPTIONS for option in options if pattern.fullmatch(option))
    return next(named, None)


def _newest_attempt(layout: RunLayout) -> int:
    try:
        names = os.listdir(layout.attempts)
    except OSError:
        return 0
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _tells_checkpoint(recorded: Mapping[str, object], layout: RunLayout) -> bool:
    tells = recorded.get("tells_checkpoint")
    if isinstance(tells, bool):
        return tells or layout.helper.exists()
    # Of version 0.1.0, which resumed every script without a config, whether it was told the checkpoint or not.
    settings = recorded.get("settings")
    has_arguments = isinstance(settings, dict) and bool(settings.get("resume_args"))
    return layout.config.is_file() or has_arguments or layout.helper.exists() or not recorded


def _script_of(recorded: Mapping[str, object]) -> Path | None:
    settings, cwd = recorded.get("settings"), recorded.get("cwd")
    entrypoint = settings.get("entrypoint") if isinstance(settings, dict) else None
    return Path(cwd, entrypoint) if isinstance(entrypoint, str) and isinstance(cwd, str) else None


def _made_by(layout: RunLayout) -> Typed | None:
    """The command that made a run; None where it is not known, has lost a secret, or would not lead to the run now."""
    recorded = read_object(layout.attempt(0).command, _MAX_BYTES)
    environment = recorded.get("environment")
    run_dir = environment.get("TSDIA_RUN_DIR") if isinstance(environment, dict) else None
    typed = _parsed(recorded.get("typed"))
    if typed is None or run_dir != str(layout.root):
        return None
    texts = (*typed.words, *typed.args, *(value for _, value in typed.options if value))
    is_usable = all(REDACTED not in text for text in texts) and os.path.isdir(typed.cwd)
    return typed if is_usable and all(os.path.exists(os.path.join(typed.cwd, word)) for word in typed.words) else None


def _parsed(value: object) -> Typed | None:
    if not isinstance(value, dict):
        return None
    command, cwd, options = value.get("command"), value.get("cwd"), value.get("options")
    words, args = _texts(value.get("words")), _texts(value.get("args"))
    if not (isinstance(command, str) and isinstance(cwd, str) and isinstance(options, list)):
        return None
    pairs = [tuple(option) for option in options if _is_option(option)]
    if words is None or args is None or len(pairs) != len(options) or command not in ("new", "ensure"):
        return None
    return Typed(command, words, tuple(pairs), args, cwd)


def _is_option(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and (value[1] is None or isinstance(value[1], str))
    )


def _texts(value: object) -> tuple[str, ...] | None:
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return tuple(value) if is_list else None  # type: ignore[arg-type]
