"""Every error that tsdia-run raises on purpose.

    TsdiaRunError                        70  our own bug, unless a subclass says otherwise
      UsageError                          2  the command line contradicts itself
        UnsetVariable                        a variable in the run directory that was asked for
        NamelessRun                          neither config nor name
        BadRunName                           a name with a slash, say
        SettingAmongFlags                    a setting among the flags for `accelerate launch`
        NoConfigToSet                        values for a config, and no config
        TwoCheckpointsNamed                  by path and by wish
        WeightsAlone                         an export, without consent
        UnknownChange                        consent to what is no change
        UnmeantChanges                       changes without consent
        LauncherIsPython                     settings of Accelerate without it
        ProgramOfSeveralRanks                several ranks of what is no Python script
      ConfigError                        78  the config, a setting or the launch can't be used
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
    message: str
    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(TsdiaRunError):
    """The command line asks for things that don't go together."""

    exit_code = 2


@dataclass(eq=False)
class UnsetVariable(UsageError):
    """The run directory that was asked for needs the variable ``name``, which is not set."""

    name: str
    text: str

    def __post_init__(self) -> None:
        self.message = f"{self.text}: the environment variable {self.name} is not set"
        self.hint = "Set it, or write the path out."


@dataclass(eq=False)
class NamelessRun(UsageError):
    """There is neither a config nor a name for the run."""

    message: str = "nothing says where the run goes"


@dataclass(eq=False)
class BadRunName(UsageError):
    """A name that no run can have."""

    name: str

    def __post_init__(self) -> None:
        self.message = f"{self.name!r} is no name for a run"


@dataclass(eq=False)
class SettingAmongFlags(UsageError):
    """A flag for `accelerate launch`, by Accelerate's ``name``, that is a setting of tsdia-run."""

    name: str

    def __post_init__(self) -> None:
        self.message = f"{self.name} can't be among the flags for accelerate launch"


@dataclass(eq=False)
class LauncherIsPython(UsageError):
    """Plain Python is the launcher, and settings of Accelerate are given."""

    message: str = "the launcher is python, which takes no number of processes, Accelerate config or mixed precision"


@dataclass(eq=False)
class ProgramOfSeveralRanks(UsageError):
    """Several ranks of a program that is no Python script."""

    entrypoint: str

    def __post_init__(self) -> None:
        self.message = f"{self.entrypoint} is no Python script, so tsdia-run can't start several ranks of it"


@dataclass(eq=False)
class NoConfigToSet(UsageError):
    """Values for a config are given, and no config."""

    message: str = "values are given for a config, but no config"


@dataclass(eq=False)
class TwoCheckpointsNamed(UsageError):
    """A checkpoint is named by its path, and another by what is wished for."""

    name: str
    wish: str

    def __post_init__(self) -> None:
        self.message = f"{self.name} and {self.wish} both name a checkpoint"


@dataclass(eq=False)
class WeightsAlone(UsageError):
    """What is named to resume from has weights alone, and no consent was given."""

    name: str

    def __post_init__(self) -> None:
        self.message = f"{self.name} has weights alone: optimizer and step would start from zero"


@dataclass(eq=False)
class UnknownChange(UsageError):
    """There is no change called ``word``."""

    word: str
    hint: str

    def __post_init__(self) -> None:
        self.message = f"{self.word}: no such change"


@dataclass(eq=False)
class UnmeantChanges(UsageError):
    """Something changed since the checkpoint was written, without consent.

    Attributes:
        message: What changed, in words.
        run_dir: The run directory.
        kinds: The kinds of the changes.
    """

    message: str
    run_dir: Path
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Place:
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
    place: Place | None = None

    def __init__(self, message: str, *, place: Place | None = None, hint: str = "") -> None:
        super().__init__(f"{place}: {message}\n{place.pointer()}" if place else message, hint=hint)
        self.place = place


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

    def __init__(self, message: str, *, place: Place, fault: PlaceFault) -> None:
        super().__init__(message, place=place)
        self.fault = fault


@dataclass(eq=False)
class InterpreterFails(ConfigError):
    """The interpreter for the training does not run."""

    message: str


@dataclass(eq=False)
class NoAccelerate(ConfigError):
    """The interpreter for the training can't import Accelerate.

    Attributes:
        python: Its path.
        origin: Where the choice comes from, in words.
    """

    python: str
    origin: str

    def __post_init__(self) -> None:
        self.message = f"the interpreter {self.python} ({self.origin}) can't import accelerate"


class AccelerateFault(Enum):
    """Why an Accelerate config, or flags for `accelerate launch`, can't be used here."""

    OTHER_MACHINE = "it is for another machine"
    SEVERAL_MACHINES = "it is for several machines"
    NO_NUMBER = "the number of processes is missing"
    CONTRADICTION = "its number of processes contradicts its kind"
    TPU = "it is for a TPU"


@dataclass(eq=False)
class UnusableAccelerateConfig(ConfigError):
    """An Accelerate config, or flags for `accelerate launch`, that can't be used here."""

    message: str
    fault: AccelerateFault


@dataclass(eq=False)
class CheckpointNotPassed(ConfigError):
    """Nothing tells the script which checkpoint to resume from.

    Attributes:
        message: With the checkpoint.
        run_dir: The run directory.
        script: The script.
        has_config: Whether the run has a config.
    """

    message: str
    run_dir: Path
    script: Path
    has_config: bool


class NotFoundError(TsdiaRunError):
    """Something that the user named does not exist."""

    exit_code = os.EX_NOINPUT


@dataclass(eq=False)
class NotAnEntrypoint(NotFoundError):
    """The training script does not exist.

    Attributes:
        entrypoint: What was named.
        cwd: Where it was looked for.
        is_directory: Whether it is a directory.
        scripts: The names of the Python scripts in ``cwd``.
    """

    entrypoint: str
    cwd: Path
    is_directory: bool
    scripts: tuple[str, ...]

    def __post_init__(self) -> None:
        what = "is a directory" if self.is_directory else "does not exist"
        self.message = f"the training script {self.entrypoint} {what} (looked in {self.cwd})"


@dataclass(eq=False)
class NoInterpreter(NotFoundError):
    """The interpreter that was asked for does not exist."""

    wanted: str

    def __post_init__(self) -> None:
        self.message = f"no interpreter {self.wanted}"


@dataclass(eq=False)
class NoAccelerateConfig(NotFoundError):
    """The Accelerate config that was asked for does not exist."""

    config_file: str

    def __post_init__(self) -> None:
        self.message = f"the Accelerate config {self.config_file} does not exist"


@dataclass(eq=False)
class CheckpointMissing(NotFoundError):
    """A key of the config names a checkpoint that does not exist.

    Attributes:
        key: The key.
        path: Its value.
        place: Where the config says so; None where the value was given for this start.
    """

    key: str
    path: str
    place: str | None

    def __post_init__(self) -> None:
        named = self.key if self.place is None else f"{self.place}: `{self.key}`"
        self.message = f"{named} names a checkpoint that does not exist: {self.path}"
        self.hint = "Correct the path." if self.place is None else ""


@dataclass(eq=False)
class NothingToResume(NotFoundError):
    """What was named is neither a run nor a checkpoint."""

    target: str

    def __post_init__(self) -> None:
        self.message = f"{self.target} is neither a run nor a checkpoint, and has no checkpoint inside"


@dataclass(eq=False)
class NoBestCheckpoint(NotFoundError):
    """The run has no best checkpoint; the hint names those that it has."""

    run_dir: Path
    hint: str

    def __post_init__(self) -> None:
        self.message = f"{self.run_dir} has no best_checkpoint"


class DamagedRunError(TsdiaRunError):
    """A run directory exists, but what it records can't be used."""

    exit_code = os.EX_DATAERR


class TornCheckpointError(DamagedRunError):
    """A checkpoint is known to be damaged or unfinished; nothing of it was loaded."""


class UnrecognisedCheckpointsError(DamagedRunError):
    """The script saved files that may be checkpoints; starting from the beginning might overwrite them."""


@dataclass(eq=False)
class NotACheckpoint(DamagedRunError):
    """What was named is in a run, but no checkpoint of it; the hint names those that it has."""

    target: str
    run_dir: Path
    hint: str

    def __post_init__(self) -> None:
        self.message = f"{self.target} is not a checkpoint"


@dataclass(eq=False)
class NoCompleteCheckpoint(DamagedRunError):
    """A run has no complete checkpoint.

    Attributes:
        message: With the reasons.
        run_dir: The run directory.
        has_record: Whether tsdia-run made it.
        exports: What it has with weights alone.
    """

    message: str
    run_dir: Path
    has_record: bool
    exports: tuple[str, ...]


@dataclass(eq=False)
class UnrecognisedCheckpoints(UnrecognisedCheckpointsError):
    """The script saved files that may be checkpoints: ``names``, as paths in the run, the newest last."""

    message: str
    run_dir: Path
    names: tuple[str, ...]


@dataclass(eq=False)
class OnlyWeights(UnrecognisedCheckpointsError):
    """The script saved weights alone: ``names``, as paths in the run, the newest last."""

    message: str
    run_dir: Path
    names: tuple[str, ...]


class CheckpointNotReadError(TsdiaRunError):
    """The script did not read the checkpoint that it resumes from, and a save would have overwritten one."""

    exit_code = os.EX_DATAERR


class RunDirectoryError(TsdiaRunError):
    """The run directory can't be created or claimed; nothing was changed."""

    exit_code = os.EX_CANTCREAT


class CheckpointDirectoryExistsError(RunDirectoryError):
    """The run directory holds something already, and starting would overwrite it."""


@dataclass(eq=False)
class RunDirectoryOccupied(CheckpointDirectoryExistsError):
    """The run directory holds something already.

    Attributes:
        message: What it holds, in words.
        run_dir: The run directory.
        state: The state of the run in it; None where it holds no run.
        newest_checkpoint: The name of its newest checkpoint, if it has any.
    """

    message: str
    run_dir: Path
    state: str | None
    newest_checkpoint: str | None


@dataclass(eq=False)
class RunDirectoryContested(CheckpointDirectoryExistsError):
    """Other starts take the run directory again and again."""

    run_dir: Path

    def __post_init__(self) -> None:
        self.message = f"other starts keep taking {self.run_dir}"


@dataclass(eq=False)
class UnusablePlace(RunDirectoryError):
    """No run can be at a place."""

    message: str
    fault: PlaceFault


@dataclass(eq=False)
class RunDirectoryBlocked(RunDirectoryError):
    """What is in the place of the run directory prevents a start; a run beside it would not be."""

    message: str
    run_dir: Path


@dataclass(eq=False)
class RunDirectoryIsLink(RunDirectoryError):
    """The run directory is a link.

    Attributes:
        run_dir: The link.
        target: What it holds.
    """

    run_dir: Path
    target: str

    def __post_init__(self) -> None:
        self.message = f"{self.run_dir} is a link to {self.target}; a run directory is never created through a link"


@dataclass(eq=False)
class InsideOfRun(RunDirectoryError):
    """The run directory lies inside another run, ``outer``."""

    run_dir: Path
    outer: Path

    def __post_init__(self) -> None:
        self.message = f"{self.run_dir} lies inside the run {self.outer}"


@dataclass(eq=False)
class ResumeIsMeant(RunDirectoryError):
    """The config of a new run names a checkpoint of that run: ``wanted``, or its directory."""

    message: str
    wanted: Path


@dataclass(eq=False)
class RunCompleted(RunDirectoryError):
    """The run has completed, and nobody asked for more."""

    message: str
    has_config: bool


@dataclass(eq=False)
class OtherConfig(RunDirectoryError):
    """The run was started with another config.

    Attributes:
        message: What differs, in words.
        run_dir: The run directory.
        resumable_with: The config that it can be resumed with; None where it has no checkpoint.
        is_completed: Whether it has completed.
    """

    message: str
    run_dir: Path
    resumable_with: str | None
    is_completed: bool


class RunAliveError(TsdiaRunError):
    """A live run holds the directory; nothing was changed.

    Attributes:
        wanted: The run directory that a new run was refused; None where the run itself was meant.
    """

    exit_code = os.EX_TEMPFAIL
    wanted: Path | None = None


@dataclass(eq=False)
class SupervisedRun(RunAliveError):
    """The supervisor of a run lives."""

    run_dir: Path
    holder: str

    def __post_init__(self) -> None:
        self.message = f"a live run holds {self.run_dir}: {self.holder}"


@dataclass(eq=False)
class OrphanedTraining(RunAliveError):
    """The training of a run lives, though its supervisor is gone.

    Attributes:
        run_dir: The run directory.
        processes: Its processes, as pid and name; empty where they are not known.
        supervisor: Who held the run.
    """

    run_dir: Path
    processes: tuple[str, ...]
    supervisor: str

    def __post_init__(self) -> None:
        told = f" (pid {', '.join(self.processes)})" if self.processes else ""
        self.message = (
            f"the training in {self.run_dir} still runs{told}, though its supervisor ({self.supervisor}) is gone"
        )


@dataclass(eq=False)
class Overtaken(RunAliveError):
    """Another process was faster."""

    run_dir: Path
    did: Literal["started", "resumed"] = "started"

    def __post_init__(self) -> None:
        self.message = f"another process just {self.did} {self.run_dir}"


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
