"""Why a run can't be resumed."""

from __future__ import annotations

from pathlib import Path

from tsdia_run.errors.base import (
    ConfigError,
    DamagedRunError,
    NotFoundError,
    RunDirectoryError,
    UnrecognisedCheckpointsError,
    UsageError,
)


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
