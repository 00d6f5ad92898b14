"""Every error that tsdia-run raises on purpose.

    TsdiaRunError                        70  our own bug, unless a subclass says otherwise
      UsageError                          2  the command line contradicts itself
        UnsetVariable                        a variable in the run directory that was asked for
        NamelessRun                          neither config nor name
        BadRunName                           a name with a slash, say
        SettingAmongFlags                    a setting among the flags for `accelerate launch`
        InvalidAssignment                    no KEY=VALUE
        InvalidSetting                       a value that a setting does not take
        TwoEntrypoints                       a script and a module
        NotAMoment                           neither how long ago nor a date
        UnknownState                         no state of a run
        NoConfigToSet                        values for a config, and no config
        TwoCheckpointsNamed                  by path and by wish
        WeightsAlone                         an export, without consent
        UnknownChange                        consent to what is no change
        UnmeantChanges                       changes without consent
        LauncherIsPython                     settings of Accelerate without it
        ProgramOfSeveralRanks                several ranks of what is no Python script
      ConfigError                        78  the config, a setting or the launch can't be used
        ConfigIsPython                       a script in place of the config
        UnusableRunDirectoryKey              the run directory in the config can't be known
        InterpreterFails                     it does not run
        NoAccelerate                         the interpreter can't import it
        UnusableAccelerateConfig             an Accelerate config, or flags, that start nothing here
        CheckpointNotPassed                  the script would not learn of the checkpoint
      NotFoundError                      66  no such config, script, interpreter or run
        NotAnEntrypoint                      no such script
        NoInterpreter                        no such interpreter
        NoAccelerateConfig                   no such Accelerate config
        CheckpointMissing                    a checkpoint that a config key names
        NoSuchRun                            by its name
        FolderIsNoRun                        by its path
        NoSuchFolder                         where runs are looked for
        NothingToResume                      neither a run nor a checkpoint
        NoBestCheckpoint                     the run has none
      DamagedRunError                    65  a run directory whose record or checkpoint can't be used
        TornCheckpointError              65  a checkpoint that a script wants to load
        UnrecognisedCheckpointsError     65  files that may be checkpoints, and none that is known to be one
          UnrecognisedCheckpoints            their names
          OnlyWeights                        the weights that are there instead
        NotACheckpoint                       a path in a run
        NoCompleteCheckpoint                 nothing to resume from
      CheckpointNotReadError             65  a save that would overwrite what the script should have resumed from
      RunDirectoryError                  73  the run directory can't be claimed
        CheckpointDirectoryExistsError   73  there is a run in it already
          RunDirectoryOccupied               with what it holds
          RunDirectoryContested              other starts take it again and again
        UnusablePlace                        no run can be at that place
        RunDirectoryBlocked                  something in its place prevents a start, a run beside it would do
        RunDirectoryIsLink                   it leads elsewhere
        InsideOfRun                          it lies in another run
        ResumeIsMeant                        a new run that names its own checkpoint
        RunCompleted                         there is nothing left to resume
        OtherConfig                          the run there was started with another config
      RunAliveError                      75  a live run holds the directory
        SupervisedRun                        its supervisor lives
        OrphanedTraining                     only the training lives
        Overtaken                            another process was faster

The numbers are those of ``sysexits.h``; a type without one has that of the type above it. An error says what happened
(``message``) and carries the facts about it. It names no flag and no command of tsdia-run: ``cli/hints.py`` renders
from type and facts what to do next. Nothing here prints.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar, Literal


class TsdiaRunError(Exception):
    """Base of all errors that are shown to the user as text and an exit code, never as a traceback.

    Attributes:
        message: What happened and where.
        hint: What to change in a file or on the machine; may be empty.
        exit_code: The exit code of the command that ends with this error.
    """

    exit_code: ClassVar[int] = os.EX_SOFTWARE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TsdiaRunError):
    """The command line asks for things that don't go together."""

    exit_code = 2


class UnsetVariable(UsageError):
    """The run directory that was asked for needs the variable ``name``, which is not set."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{text}: the environment variable {name} is not set", hint="Set it, or write the path out.")
        self.name, self.text = name, text


class NamelessRun(UsageError):
    """There is neither a config nor a name for the run."""

    def __init__(self) -> None:
        super().__init__("nothing says where the run goes")


class BadRunName(UsageError):
    """A name that no run can have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is no name for a run")
        self.name = name


class SettingAmongFlags(UsageError):
    """A flag for `accelerate launch`, by Accelerate's ``name``, that is a setting of tsdia-run."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} can't be among the flags for accelerate launch")
        self.name = name


class LauncherIsPython(UsageError):
    """Plain Python is the launcher, and settings of Accelerate are given."""

    def __init__(self) -> None:
        super().__init__(
            "the launcher is python, which takes no number of processes, Accelerate config or mixed precision"
        )


class ProgramOfSeveralRanks(UsageError):
    """Several ranks of a program that is no Python script."""

    def __init__(self, entrypoint: str) -> None:
        super().__init__(f"{entrypoint} is no Python script, so tsdia-run can't start several ranks of it")
        self.entrypoint = entrypoint


class NoConfigToSet(UsageError):
    """Values for a config are given, and no config."""

    def __init__(self) -> None:
        super().__init__("values are given for a config, but no config")


class TwoCheckpointsNamed(UsageError):
    """A checkpoint is named by its path, and another by what is wished for."""

    def __init__(self, name: str, wish: str) -> None:
        super().__init__(f"{name} and {wish} both name a checkpoint")
        self.name, self.wish = name, wish


class WeightsAlone(UsageError):
    """What is named to resume from has weights alone, and no consent was given."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has weights alone: optimizer and step would start from zero")
        self.name = name


class UnknownChange(UsageError):
    """There is no change called ``word``."""

    def __init__(self, word: str, hint: str) -> None:
        super().__init__(f"{word}: no such change", hint=hint)
        self.word = word


class UnmeantChanges(UsageError):
    """Something changed since the checkpoint was written, without consent.

    Attributes:
        message: What changed, in words.
        run_dir: The run directory.
        kinds: The kinds of the changes.
    """

    def __init__(self, message: str, run_dir: Path, kinds: tuple[str, ...]) -> None:
        super().__init__(message)
        self.run_dir, self.kinds = run_dir, kinds


class AssignmentFault(Enum):
    """Why an assignment can't be used."""

    NOT_KEY_VALUE = "this is not KEY=VALUE"
    NOT_ONE_LINE = "the value is not plain YAML on one line"
    NOT_YAML = "the value is not valid YAML"


class InvalidAssignment(UsageError):
    """An assignment to a key of the config that can't be read."""

    def __init__(self, assignment: str, fault: AssignmentFault) -> None:
        super().__init__(f"{assignment}: {fault.value}")
        self.assignment, self.fault = assignment, fault


class TwoEntrypoints(UsageError):
    """A script and a module are both given for this start."""

    def __init__(self) -> None:
        super().__init__("an entrypoint and a module are both given", hint="Keep the one that is to run.")


class InvalidSetting(UsageError):
    """A setting was given a value that it does not take.

    Attributes:
        key: The setting.
        problem: What it takes instead, in words.
        flag: How the command line calls it.
        example: A value that it takes.
    """

    def __init__(self, key: str, problem: str, flag: str, example: str) -> None:
        super().__init__(f"`{key}` {problem}")
        self.key, self.problem, self.flag, self.example = key, problem, flag, example


class NotAMoment(UsageError):
    """A text that says neither how long ago nor a date."""

    def __init__(self, text: str) -> None:
        super().__init__(f"neither how long ago nor a date: {text!r}")
        self.text = text


class UnknownState(UsageError):
    """There is no such state of a run; the hint names those that there are."""


@dataclass(frozen=True)
class SourcePosition:
    """A position in a text file, for error messages.

    Attributes:
        source: The file as the user named it.
        line: Line number, from 1.
        column: Column number in characters, from 1.
        text: The line itself, without its end.
    """

    source: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"

    def pointer(self) -> str:
        """The line with a caret under the column, cut to what a terminal shows."""
        start = max(0, self.column - 60)
        shown = self.text[start : start + 100]
        # A tab keeps its width so that the caret stands where the eye looks.
        lead = "".join("\t" if char == "\t" else " " for char in shown[: self.column - 1 - start])
        return f"    {shown}\n    {lead}^"


class ConfigError(TsdiaRunError):
    """The config file, a setting in it, or what it asks to launch can't be used."""

    exit_code = os.EX_CONFIG

    def __init__(self, message: str, *, place: SourcePosition | None = None, hint: str = "") -> None:
        super().__init__(f"{place}: {message}\n{place.pointer()}" if place else message, hint=hint)
        self.place = place


class ConfigIsPython(ConfigError):
    """The config is a Python file."""

    def __init__(self, source: str) -> None:
        super().__init__(f"{source} is not YAML, JSON or TOML but Python")


class PlaceFault(Enum):
    """Why no run can be at a place."""

    NOT_CREATED = "the file system refuses it"
    SCRIPT_ONLY = "only the script can resolve it"
    UNSET_VARIABLE = "it needs a variable that is not set"
    UNREACHABLE = "the folder above it is none, or can't be written"
    DISK_FULL = "the disk is full"
    HOLDS_OTHERS = "it holds what does not belong to the run"
    URL = "it is a URL"
    LONG_NAME = "its name is too long"
    LONG_PATH = "its path is too long"


class UnusableRunDirectoryKey(ConfigError):
    """The run directory in the config can't be known.

    Attributes:
        fault: Why.
    """

    def __init__(self, message: str, *, place: SourcePosition, fault: PlaceFault) -> None:
        super().__init__(message, place=place)
        self.fault = fault


class InterpreterFails(ConfigError):
    """The interpreter for the training does not run."""


class NoAccelerate(ConfigError):
    """The interpreter for the training can't import Accelerate.

    Attributes:
        python: Its path.
        origin: Where the choice comes from, in words.
    """

    def __init__(self, python: str, origin: str) -> None:
        super().__init__(f"the interpreter {python} ({origin}) can't import accelerate")
        self.python, self.origin = python, origin


class AccelerateFault(Enum):
    """Why an Accelerate config, or flags for `accelerate launch`, can't be used here."""

    OTHER_MACHINE = "it is for another machine"
    SEVERAL_MACHINES = "it is for several machines"
    NO_NUMBER = "the number of processes is missing"
    CONTRADICTION = "its number of processes contradicts its kind"
    TPU = "it is for a TPU"


class UnusableAccelerateConfig(ConfigError):
    """An Accelerate config, or flags for `accelerate launch`, that can't be used here."""

    def __init__(self, message: str, fault: AccelerateFault) -> None:
        super().__init__(message)
        self.fault = fault


class CheckpointNotPassed(ConfigError):
    """Nothing tells the script which checkpoint to resume from.

    Attributes:
        message: With the checkpoint.
        run_dir: The run directory.
        script: The script.
        has_config: Whether the run has a config.
    """

    def __init__(self, message: str, run_dir: Path, script: Path, has_config: bool) -> None:
        super().__init__(message)
        self.run_dir, self.script, self.has_config = run_dir, script, has_config


class NotFoundError(TsdiaRunError):
    """Something that the user named does not exist."""

    exit_code = os.EX_NOINPUT


class NotAnEntrypoint(NotFoundError):
    """The training script does not exist.

    Attributes:
        entrypoint: What was named.
        cwd: Where it was looked for.
        is_directory: Whether it is a directory.
        scripts: The names of the Python scripts in ``cwd``.
    """

    def __init__(self, entrypoint: str, cwd: Path, is_directory: bool, scripts: tuple[str, ...]) -> None:
        what = "is a directory" if is_directory else "does not exist"
        super().__init__(f"the training script {entrypoint} {what} (looked in {cwd})")
        self.entrypoint = entrypoint
        self.cwd = cwd
        self.is_directory = is_directory
        self.scripts = scripts


class NoInterpreter(NotFoundError):
    """The interpreter that was asked for does not exist."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"no interpreter {wanted}")
        self.wanted = wanted


class NoAccelerateConfig(NotFoundError):
    """The Accelerate config that was asked for does not exist."""

    def __init__(self, config_file: str) -> None:
        super().__init__(f"the Accelerate config {config_file} does not exist")
        self.config_file = config_file


class CheckpointMissing(NotFoundError):
    """A key of the config names a checkpoint that does not exist.

    Attributes:
        key: The key.
        path: Its value.
        place: Where the config says so; None where the value was given for this start.
    """

    def __init__(self, key: str, path: str, place: str | None) -> None:
        named = key if place is None else f"{place}: `{key}`"
        super().__init__(f"{named} names a checkpoint that does not exist: {path}")
        self.key, self.path, self.place = key, path, place


class NothingToResume(NotFoundError):
    """What was named is neither a run nor a checkpoint."""

    def __init__(self, target: str) -> None:
        super().__init__(f"{target} is neither a run nor a checkpoint, and has no checkpoint inside")
        self.target = target


class NoBestCheckpoint(NotFoundError):
    """The run has no best checkpoint; the hint names those that it has."""

    def __init__(self, run_dir: Path, hint: str) -> None:
        super().__init__(f"{run_dir} has no best_checkpoint", hint=hint)
        self.run_dir = run_dir


class NoSuchRun(NotFoundError):
    """No run is called so.

    Attributes:
        looked_in: Where it was looked for, as shown to people.
    """

    def __init__(self, message: str, looked_in: tuple[str, ...]) -> None:
        super().__init__(message)
        self.looked_in = looked_in


class FolderIsNoRun(NotFoundError):
    """A folder was named that is no run; there may be runs in it."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"{folder} is no run")
        self.folder = folder


class NoSuchFolder(NotFoundError):
    """A folder to look for runs in does not exist."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is no folder {folder}")
        self.folder = folder


class DamagedRunError(TsdiaRunError):
    """A run directory exists, but what it records can't be used."""

    exit_code = os.EX_DATAERR


class TornCheckpointError(DamagedRunError):
    """A checkpoint is known to be damaged or unfinished; nothing of it was loaded."""


class UnrecognisedCheckpointsError(DamagedRunError):
    """The script saved files that may be checkpoints; starting from the beginning might overwrite them."""


class NotACheckpoint(DamagedRunError):
    """What was named is in a run, but no checkpoint of it; the hint names those that it has."""

    def __init__(self, target: str, run_dir: Path, hint: str) -> None:
        super().__init__(f"{target} is not a checkpoint", hint=hint)
        self.target, self.run_dir = target, run_dir


class NoCompleteCheckpoint(DamagedRunError):
    """A run has no complete checkpoint.

    Attributes:
        message: With the reasons.
        run_dir: The run directory.
        has_record: Whether tsdia-run made it.
        exports: What it has with weights alone.
    """

    def __init__(self, message: str, run_dir: Path, has_record: bool, exports: tuple[str, ...]) -> None:
        super().__init__(message)
        self.run_dir, self.has_record, self.exports = run_dir, has_record, exports


class UnrecognisedCheckpoints(UnrecognisedCheckpointsError):
    """The script saved files that may be checkpoints: ``names``, as paths in the run, the newest last."""

    def __init__(self, message: str, run_dir: Path, names: tuple[str, ...]) -> None:
        super().__init__(message)
        self.run_dir, self.names = run_dir, names


class OnlyWeights(UnrecognisedCheckpointsError):
    """The script saved weights alone: ``names``, as paths in the run, the newest last."""

    def __init__(self, message: str, run_dir: Path, names: tuple[str, ...]) -> None:
        super().__init__(message)
        self.run_dir, self.names = run_dir, names


class CheckpointNotReadError(TsdiaRunError):
    """The script did not read the checkpoint that it resumes from, and a save would have overwritten one."""

    exit_code = os.EX_DATAERR


class RunDirectoryError(TsdiaRunError):
    """The run directory can't be created or claimed; nothing was changed."""

    exit_code = os.EX_CANTCREAT


class CheckpointDirectoryExistsError(RunDirectoryError):
    """The run directory holds something already, and starting would overwrite it."""


class RunDirectoryOccupied(CheckpointDirectoryExistsError):
    """The run directory holds something already.

    Attributes:
        message: What it holds, in words.
        run_dir: The run directory.
        state: The state of the run in it; None where it holds no run.
        newest_checkpoint: The name of its newest checkpoint, if it has any.
    """

    def __init__(self, message: str, run_dir: Path, state: str | None, newest_checkpoint: str | None) -> None:
        super().__init__(message)
        self.run_dir, self.state, self.newest_checkpoint = run_dir, state, newest_checkpoint


class RunDirectoryContested(CheckpointDirectoryExistsError):
    """Other starts take the run directory again and again."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(f"other starts keep taking {run_dir}")
        self.run_dir = run_dir


class UnusablePlace(RunDirectoryError):
    """No run can be at a place."""

    def __init__(self, message: str, fault: PlaceFault) -> None:
        super().__init__(message)
        self.fault = fault


class RunDirectoryBlocked(RunDirectoryError):
    """What is in the place of the run directory prevents a start; a run beside it would not be."""

    def __init__(self, message: str, run_dir: Path) -> None:
        super().__init__(message)
        self.run_dir = run_dir


class RunDirectoryIsLink(RunDirectoryError):
    """The run directory is a link.

    Attributes:
        run_dir: The link.
        target: What it holds.
    """

    def __init__(self, run_dir: Path, target: str) -> None:
        super().__init__(f"{run_dir} is a link to {target}; a run directory is never created through a link")
        self.run_dir, self.target = run_dir, target


class InsideOfRun(RunDirectoryError):
    """The run directory lies inside another run, ``outer``."""

    def __init__(self, run_dir: Path, outer: Path) -> None:
        super().__init__(f"{run_dir} lies inside the run {outer}")
        self.run_dir, self.outer = run_dir, outer


class ResumeIsMeant(RunDirectoryError):
    """The config of a new run names a checkpoint of that run: ``wanted``, or its directory."""

    def __init__(self, message: str, wanted: Path) -> None:
        super().__init__(message)
        self.wanted = wanted


class RunCompleted(RunDirectoryError):
    """The run has completed, and nobody asked for more."""

    def __init__(self, message: str, has_config: bool) -> None:
        super().__init__(message)
        self.has_config = has_config


class OtherConfig(RunDirectoryError):
    """The run was started with another config.

    Attributes:
        message: What differs, in words.
        run_dir: The run directory.
        resumable_with: The config that it can be resumed with; None where it has no checkpoint.
        is_completed: Whether it has completed.
    """

    def __init__(self, message: str, run_dir: Path, resumable_with: str | None, is_completed: bool) -> None:
        super().__init__(message)
        self.run_dir, self.resumable_with, self.is_completed = run_dir, resumable_with, is_completed


class RunAliveError(TsdiaRunError):
    """A live run holds the directory; nothing was changed.

    Attributes:
        wanted: The run directory that a new run was refused; None where the run itself was meant.
    """

    exit_code = os.EX_TEMPFAIL
    wanted: Path | None = None


class SupervisedRun(RunAliveError):
    """The supervisor of a run lives."""

    def __init__(self, run_dir: Path, holder: str) -> None:
        super().__init__(f"a live run holds {run_dir}: {holder}")
        self.run_dir, self.holder = run_dir, holder


class OrphanedTraining(RunAliveError):
    """The training of a run lives, though its supervisor is gone.

    Attributes:
        run_dir: The run directory.
        processes: Its processes, as pid and name; empty where they are not known.
        supervisor: Who held the run.
    """

    def __init__(self, run_dir: Path, processes: tuple[str, ...], supervisor: str) -> None:
        told = f" (pid {', '.join(processes)})" if processes else ""
        super().__init__(f"the training in {run_dir} still runs{told}, though its supervisor ({supervisor}) is gone")
        self.run_dir, self.processes, self.supervisor = run_dir, processes, supervisor


class Overtaken(RunAliveError):
    """Another process was faster."""

    def __init__(self, run_dir: Path, did: Literal["started", "resumed"] = "started") -> None:
        super().__init__(f"another process just {did} {run_dir}")
        self.run_dir, self.did = run_dir, did


@dataclass(frozen=True)
class KeyAdded:
    """A warning: a value for a key that the config does not have.

    Attributes:
        key: The key.
        near: The key that may be meant.
    """

    key: str
    near: str | None

    def __str__(self) -> str:
        return f"the config has no key {self.key}, so it is added"
