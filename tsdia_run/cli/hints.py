"""Write the hint lines of an error, from its type, its facts and the typed command."""

from __future__ import annotations

import os
from functools import singledispatch
from pathlib import Path

from tsdia_run import errors
from tsdia_run.cli import set_hints
from tsdia_run.cli.remedies import ALWAYS, INSTEAD, OF_ACCELERATE, OF_ASSIGNMENTS, OF_PLACES
from tsdia_run.cli.typed_hints import TYPED_HINTS
from tsdia_run.errors import TsdiaRunError, launching, lookups, placing, resuming
from tsdia_run.report.suggestions import (
    ALL,
    CHECKPOINT_PATTERN,
    MOVE_ASIDE,
    NAME,
    RESUME_ARGS,
    RUN_DIR,
    Suggestions,
    TypedCommand,
    as_resume,
    free_name,
    line,
    list_runs,
    pattern_for,
    resume_args,
    trust_folder,
    write_project_file,
)
from tsdia_run.settings.from_files import FILE_NAME
from tsdia_run.text import argument, shown

_MOST_CANDIDATES = 10


def hint(error: TsdiaRunError, typed: TypedCommand) -> str:
    """Return the hint lines to print below an error.

    Args:
        error: The error.
        typed: The command that ended with it.
    """
    lines = _remedy(error, typed)
    if isinstance(error, errors.RunAliveError) and error.refused_dir is not None:
        lines += f"\n{_start_next_to(typed, error.refused_dir)}"
    return lines


@singledispatch
def _remedy(error: TsdiaRunError, typed: TypedCommand) -> str:
    return ALWAYS.get(type(error), error.hint)


@_remedy.register
def _(error: placing.BadRunName, typed: TypedCommand) -> str:
    example = f"Use another name: {line(typed.having(NAME, error.instead))}"
    return f"{example}\n--run-dir takes a path." if "/" in error.name else example


@_remedy.register
def _(error: errors.EndingNotRecordedError, typed: TypedCommand) -> str:
    again = "" if error.reads_as == "completed" else " A resume would train again."
    return (
        f"Make the directory writable again. The run then reads as {error.reads_as}.{again}\n"
        f"Check it: {_about(error.run_dir).info()}"
    )


@_remedy.register
def _(error: placing.SupervisedRun, typed: TypedCommand) -> str:
    suggest = _about(error.run_dir)
    return f"Follow its log: {suggest.follow()}\nStop it: {suggest.stop()}"


@_remedy.register
def _(error: placing.OrphanedTraining, typed: TypedCommand) -> str:
    return f"Wait for it to end, or stop it: {_about(error.run_dir).stop()}"


@_remedy.register
def _(error: placing.Overtaken, typed: TypedCommand) -> str:
    return f"Check it: {_about(error.run_dir).info()}"


@_remedy.register
def _(error: placing.RunDirectoryOccupied, typed: TypedCommand) -> str:
    run_dir, suggest = error.run_dir, _about(error.run_dir)
    lines = [
        f"Start a new run:         {_next_to(typed, run_dir)}",
        f"Move it to trash first:  {line(typed.as_new().having(MOVE_ASIDE))}",
    ]
    if error.state is not None and error.newest_checkpoint is not None:
        is_completed = error.state == "completed"
        resume = suggest.resume_completed() if is_completed else suggest.resume_from_checkpoint()[0]
        lines.insert(0, f"Resume it:               {resume}")
    return "\n".join(lines)


@_remedy.register(placing.RunDirectoryContested)
@_remedy.register(placing.RunDirectoryBlocked)
def _(error: placing.RunDirectoryContested | placing.RunDirectoryBlocked, typed: TypedCommand) -> str:
    return _start_next_to(typed, error.run_dir)


@_remedy.register
def _(error: placing.RunDirectoryIsLink, typed: TypedCommand) -> str:
    return _start_in(typed, Path(os.path.normpath(error.run_dir.parent / error.target)))


@_remedy.register
def _(error: placing.InsideOfRun, typed: TypedCommand) -> str:
    return _start_in(typed, error.outer.parent / free_name(error.outer))


@_remedy.register(placing.UnusablePlace)
@_remedy.register(placing.UnusableRunDirectoryKey)
def _(error: placing.UnusablePlace | placing.UnusableRunDirectoryKey, typed: TypedCommand) -> str:
    return OF_PLACES[error.fault]


@_remedy.register
def _(error: launching.UntrustedProjectFile, typed: TypedCommand) -> str:
    own = f"To use your own settings instead, create {error.cwd / FILE_NAME}.\n" if error.cwd else ""
    return f"{own}{_to_trust(error.path.parent)}"


@_remedy.register
def _(error: placing.UntrustedRun, typed: TypedCommand) -> str:
    return _to_trust(error.run_dir)


@_remedy.register
def _(error: launching.UnusableAccelerateConfig, typed: TypedCommand) -> str:
    return OF_ACCELERATE[error.fault]


@_remedy.register
def _(error: launching.InvalidAssignment, typed: TypedCommand) -> str:
    return OF_ASSIGNMENTS[error.fault]


_remedy.register(launching.KeyNotInConfig)(set_hints.of_unknown_key)
_remedy.register(launching.SettingAssigned)(set_hints.of_setting)
_remedy.register(launching.NoConfigToSet)(set_hints.without_config)


@_remedy.register
def _(error: launching.InvalidSetting, typed: TypedCommand) -> str:
    return f"For example: {error.flag} {error.example}"


@_remedy.register
def _(error: lookups.NoSuchRun, typed: TypedCommand) -> str:
    searched = f"searched {', '.join(error.looked_in)} and the runs started from this project"
    return f"List the runs of all projects: {list_runs(ALL)}   ({searched})"


@_remedy.register(lookups.AmbiguousRun)
@_remedy.register(lookups.UnclearRun)
def _(error: lookups.AmbiguousRun | lookups.UnclearRun, typed: TypedCommand) -> str:
    shown_first = error.run_dirs[:_MOST_CANDIDATES]
    lines = [f"  {line(typed.naming(error.word, shown(path)))}" for path in shown_first]
    more = len(error.run_dirs) - len(shown_first)
    title = "Use the path:" if len(error.run_dirs) == 1 else "Use the path of one of them:"
    return "\n".join([title, *lines, *([f"  … {more} more"] if more else [])])


@_remedy.register
def _(error: lookups.FolderIsNotRun, typed: TypedCommand) -> str:
    return f"List the runs in it: {list_runs(argument(error.folder))}"


@_remedy.register
def _(error: lookups.NoSuchFolder, typed: TypedCommand) -> str:
    return f"List the runs of all projects: {list_runs(ALL)}"


@_remedy.register
def _(error: launching.SettingAmongFlags, typed: TypedCommand) -> str:
    return f"Use {INSTEAD[error.name]} instead."


@_remedy.register
def _(error: launching.NotAnEntrypoint, typed: TypedCommand) -> str:
    known = f" Scripts in this directory: {', '.join(error.scripts)}." if error.scripts else ""
    return (
        f"Set the script: --entrypoint path/to/script.py, or `entrypoint:` in the config's `tsdia_run` section.{known}"
    )


@_remedy.register
def _(error: launching.NoScriptFound, typed: TypedCommand) -> str:
    return f"Name it: {write_project_file(argument(error.scripts[0] if error.scripts else 'path/to/train.py'))}"


@_remedy.register
def _(error: resuming.CheckpointMissing, typed: TypedCommand) -> str:
    if error.place is None:
        return "Fix the path."
    return f"Fix the path, or start without the checkpoint: --set {error.key}=null"


@_remedy.register
def _(error: resuming.NotACheckpoint, typed: TypedCommand) -> str:
    return error.hint or _from_start(error.run_dir)


@_remedy.register
def _(error: resuming.NoBestCheckpoint, typed: TypedCommand) -> str:
    return error.hint or "Use --from latest."


@_remedy.register
def _(error: resuming.NoCompleteCheckpoint, typed: TypedCommand) -> str:
    first = f"Start over in the same run: {_about(error.run_dir).resume('--from-scratch')}"
    return f"{first}\n{_from_start(error.run_dir)}" if error.has_record else first


@_remedy.register
def _(error: resuming.UnrecognisedCheckpoints, typed: TypedCommand) -> str:
    suggest, pattern = _about(error.run_dir), pattern_for(error.names[-1])
    if _resumes(typed):
        named = line(typed.without("--from-scratch").having(CHECKPOINT_PATTERN, pattern))
    else:
        named = suggest.resume(CHECKPOINT_PATTERN, pattern)
    return (
        f"If these are checkpoints: {named}   (or set `checkpoints.pattern`)\n"
        f"If they are not, start over in the same run: {suggest.resume('--from-scratch')}"
    )


@_remedy.register
def _(error: resuming.OnlyWeights, typed: TypedCommand) -> str:
    suggest = _about(error.run_dir)
    return (
        f"Start from these weights: {suggest.resume('--from', error.names[-1], '--allow', 'weights')}\n"
        f"Start over in the same run: {suggest.resume('--from-scratch')}"
    )


@_remedy.register
def _(error: resuming.CheckpointNotPassed, typed: TypedCommand) -> str:
    suggest = _about(error.run_dir)
    template, advice = resume_args(error.script)

    def resume(value: str) -> str:
        return line(typed.having(RESUME_ARGS, value)) if _resumes(typed) else suggest.resume(RESUME_ARGS, value)

    lines = [
        f"If the script has an option for it: {resume(template)}" + (f"   ({advice})" if advice else ""),
        f"If the script finds the checkpoint itself: {resume('')}",
        f"Start over in the same run: {suggest.resume('--from-scratch')}",
    ]
    if error.has_config:
        lines.insert(0, "If the script reads it from a config key: set `resume_key: KEY` in the `tsdia_run` section.")
    return "\n".join(lines)


@_remedy.register
def _(error: resuming.OwnCheckpointNamed, typed: TypedCommand) -> str:
    return f"Resume it: {_about(error.target).resume()}"


@_remedy.register
def _(error: resuming.RunCompleted, typed: TypedCommand) -> str:
    example = "   (for more epochs, add: --set training.epochs=20)" if error.has_config else ""
    return f"Resume anyway: {line(typed.having('--again'))}{example}"


@_remedy.register
def _(error: resuming.ChangesNotAllowed, typed: TypedCommand) -> str:
    return f"If this is intended: {line(as_resume(typed, error.run_dir).adding('--allow', *error.kinds))}"


@_remedy.register
def _(error: placing.OtherConfig, typed: TypedCommand) -> str:
    if error.resumable_with is not None:
        resumed = as_resume(typed, error.run_dir).having("--config", error.resumable_with)
        resumed = resumed.having("--again") if error.is_completed else resumed
        instead = f"Resume with the change:  {line(resumed)}"
    else:
        instead = f"Move it to trash first:  {line(typed.as_new().having(MOVE_ASIDE))}"
    return f"{instead}\nStart a new run:         {line(typed.having(NAME, free_name(error.run_dir)))}"


for _written in TYPED_HINTS:
    _remedy.register(_written)


def _to_trust(folder: Path) -> str:
    return f"If you trust everything in {shown(folder)}: {trust_folder(folder)}"


def _resumes(typed: TypedCommand) -> bool:
    return typed.command in ("resume", "ensure")


def _from_start(run_dir: Path) -> str:
    return f"Start over as a new run: {_about(run_dir).start_over()}"


def _about(run_dir: Path) -> Suggestions:
    return Suggestions(run_dir)


def _start_next_to(typed: TypedCommand, run_dir: Path) -> str:
    return f"Start a new run: {_next_to(typed, run_dir)}"


def _next_to(typed: TypedCommand, run_dir: Path) -> str:
    return line(typed.without(MOVE_ASIDE).having(NAME, free_name(run_dir)))


def _start_in(typed: TypedCommand, run_dir: Path) -> str:
    return f"Start elsewhere: {line(typed.without(NAME, MOVE_ASIDE).having(RUN_DIR, shown(run_dir)))}"
