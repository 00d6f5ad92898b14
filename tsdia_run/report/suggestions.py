"""Build the commands that tsdia-run suggests. Each works when pasted into the shell where it was shown.

A suggestion about a run names its directory. A suggestion that starts a training is built from the command that the
user typed, now or when the run was created (``typed`` in ``command.json``).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tsdia_run.files.fields import beginning_of
from tsdia_run.files.ownership import Trust
from tsdia_run.files.redaction import REDACTED
from tsdia_run.rundir import command_record, env, run_names
from tsdia_run.rundir.command_record import CommandRecord
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.rundir.typed_command import TypedCommand as TypedCommand  # noqa: PLC0414 - cli/ takes it from here
from tsdia_run.text import argument, shell, shown

MOVE_ASIDE, NAME, RUN_DIR, ENTRYPOINT = "--move-aside", "--name", "--run-dir", "--entrypoint"
ALL = "--all"
RESUME_ARGS, CHECKPOINT_PATTERN = "--resume-args", "--checkpoint-pattern"
# An option of a script, in a declaration of argparse, click and others.
OPTION = re.compile(r"""["'](--?[A-Za-z][\w.-]*)["'/,]""")
_UNKNOWN_OPTION = "--OPTION"
# Names of options that take a checkpoint, the most certain first.
_CHECKPOINT_OPTIONS = (
    re.compile(r"--?resume[-_]from[-_](checkpoint|ckpt)"),
    re.compile(r"--?([\w-]*[-_])?resume([-_](from|path|ckpt|checkpoint|dir))*"),
    re.compile(r"--?load([-_](from|path|ckpt|checkpoint|state|dir))*|--?from[-_](checkpoint|ckpt)"),
    re.compile(r"--?(checkpoint|ckpt)([-_]path)?"),
)


def free_name(run_dir: Path) -> str:
    """Return the first of NAME-2, NAME-3, … that does not exist next to ``run_dir``."""
    number, name = 2, run_names.usable(run_dir.name)
    while os.path.lexists(run_dir.parent / f"{name}-{number}"):
        number += 1
    return f"{name}-{number}"


def as_resume(typed: TypedCommand, run_dir: Path) -> TypedCommand:
    """Return the command as a resume of an existing run, whose record has the script's arguments."""
    if typed.command == "resume":
        return typed
    return replace(typed.without(NAME, RUN_DIR), command="resume", words=(shown(run_dir),), args=())


def line(typed: TypedCommand) -> str:
    """Return the command line, for the shell where it is shown."""
    options = [word for option in typed.options for word in option if word is not None]
    args = ["--", *typed.args] if typed.args else []
    text = shell(["tsdia-run", typed.command, *map(argument, typed.words), *options, *args])
    return text if _is_here(typed.cwd) else f"cd {shell([typed.cwd])} && {text}"


def _is_here(cwd: str) -> bool:
    with suppress(OSError):
        return os.path.samefile(cwd, ".")
    return False


def pattern_for(path: str) -> str:
    """Return the pattern that matches a file and similar files: its last number is the step."""
    root, suffix = os.path.splitext(path)
    numbers = [match.span() for match in re.finditer(r"[0-9]+", root)]
    start, end = numbers[-1] if numbers else (len(root), len(root))
    before, after = (re.sub(r"[\[\]{}*?]", "?", part) for part in (root[:start], root[end:] + suffix))
    return before + "{step}" * bool(numbers) + after


@dataclass(frozen=True)
class Suggestions:
    """Suggested commands for a run.

    Attributes:
        run_dir: The run directory.
    """

    run_dir: Path

    def resume(self, *options: str) -> str:
        """Return the command that resumes the run."""
        return self._about("resume", *options)

    def resume_completed(self) -> str:
        """Return the command that resumes the run even if completed."""
        return self.resume("--again")

    def resume_from_checkpoint(self) -> tuple[str, str]:
        """Return the command that resumes the run from its newest checkpoint, so that the script receives it.

        Returns:
            The command, and advice on what to change in it; the advice may be empty.
        """
        layout = RunLayout(self.run_dir)
        newest = layout.attempt(_newest_attempt(layout))
        recorded = command_record.read(newest)
        if os.path.exists(newest.refused):
            return self.resume(), "fix the script first: it must read its checkpoint"
        if _tells_checkpoint(recorded, layout):
            return self.resume(), ""
        template, advice = resume_args(script_of(recorded, newest))
        return self.resume(RESUME_ARGS, template), advice

    def start_over(self) -> str:
        """Return the command that starts the run again: the original command, else `resume --from-scratch`."""
        typed = _made_by(RunLayout(self.run_dir))
        return line(typed.as_new().having(MOVE_ASIDE)) if typed else self.resume("--from-scratch")

    def start_another(self) -> str | None:
        """Return the command that starts the same run under another name; None if the original command is not known."""
        typed = _made_by(RunLayout(self.run_dir))
        return line(typed.as_new().without(MOVE_ASIDE).having(NAME, free_name(self.run_dir))) if typed else None

    def follow(self) -> str:
        """Return the command that follows the log."""
        return shell(["tsdia-run", "logs", "-f", shown(self.run_dir)])

    def logs(self) -> str:
        """Return the command that shows the log."""
        return self._about("logs")

    def stop(self) -> str:
        """Return the command that stops the run."""
        return self._about("stop")

    def info(self) -> str:
        """Return the command that shows everything about the run."""
        return self._about("info")

    def info_as_json(self) -> str:
        """Return the command that shows everything about the run as JSON."""
        return self._about("info", "--json")

    def _about(self, command: str, *options: str) -> str:
        return shell(["tsdia-run", command, shown(self.run_dir), *options])


def list_runs(*words: str) -> str:
    """Return the command that lists runs, or the runs in the given folders."""
    return shell(["tsdia-run", "list", *words])


def show_settings(*words: str) -> str:
    """Return the command that shows every setting, or those with the given config."""
    return shell(["tsdia-run", "config", "show", *words])


def check_as_json() -> str:
    """Return the command that checks what a start needs, as JSON."""
    return shell(["tsdia-run", "doctor", "--json"])


def start_first(config: str | None = None) -> str:
    """Return the command that starts a run: of a config, or under a name."""
    return shell(["tsdia-run", "new", *([config] if config else ["--name", "exp-1"])])


def write_project_file(script: str) -> str:
    """Return the command that writes a project file for a script."""
    return shell(["tsdia-run", "init", script])


def trust_folder(folder: Path) -> str:
    """Return the command that trusts a folder that other users can write to, in addition to other folders."""
    return f'export {env.TRUSTED_DIRS}="${env.TRUSTED_DIRS}":{shell([str(folder)])}'


def resume_args(script: Path | None) -> tuple[str, str]:
    """Return the value of ``--resume-args`` for a script, and advice on what to change in it, if needed."""
    option = _checkpoint_option(script) if script else None
    advice = "" if option else f"replace {_UNKNOWN_OPTION} with the script's checkpoint option"
    return f"{option or _UNKNOWN_OPTION} {{checkpoint}}", advice


def _checkpoint_option(script: Path) -> str | None:
    """Return the option of a script that takes a checkpoint, by its name; None if no option has such a name."""
    options = [str(option) for option in OPTION.findall(beginning_of(script))]
    named = (option for pattern in _CHECKPOINT_OPTIONS for option in options if pattern.fullmatch(option))
    return next(named, None)


def _newest_attempt(layout: RunLayout) -> int:
    try:
        names = os.listdir(layout.attempts)
    except OSError:
        return 0
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _tells_checkpoint(recorded: CommandRecord | None, layout: RunLayout) -> bool:
    if recorded is not None and recorded.tells_checkpoint is not None:
        return recorded.tells_checkpoint or os.path.exists(layout.helper)
    # A record of version 0.1.0, which resumed every script without a config, with or without the checkpoint.
    has_arguments = recorded is None or recorded.has_resume_args
    return os.path.isfile(layout.config) or has_arguments or os.path.exists(layout.helper)


def script_of(recorded: CommandRecord | None, attempt: AttemptLayout) -> Path | None:
    """Return the script of an attempt; None if another user may have recorded its path, since it is read."""
    if recorded is None or recorded.script is None or recorded.cwd is None:
        return None
    trust = Trust.here(Path(), os.environ.get(env.TRUSTED_DIRS, "").split(":"))
    if not command_record.is_trusted(attempt, trust):
        return None
    return Path(recorded.cwd, recorded.script)


def _made_by(layout: RunLayout) -> TypedCommand | None:
    """Return the command that created a run; None if it is not known, is redacted, or no longer leads to the run."""
    recorded = command_record.read(layout.attempt(0))
    typed = recorded.typed if recorded else None
    if recorded is None or typed is None or typed.command not in ("new", "ensure"):
        return None
    if recorded.environment.get(env.RUN_DIR) != str(layout.root):
        return None
    texts = (*typed.words, *typed.args, *(value for _, value in typed.options if value))
    is_usable = all(REDACTED not in text for text in texts) and os.path.isdir(typed.cwd)
    is_there = is_usable and all(os.path.exists(os.path.join(typed.cwd, word)) for word in typed.words)
    return typed if is_there else None
