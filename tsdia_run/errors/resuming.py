"""Errors about resuming a run."""

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
    """One checkpoint is named by its path, and another by ``--from``."""

    def __init__(self, name: str, requested: str) -> None:
        super().__init__(f"{name} and {requested} both name a checkpoint")
        self.name, self.requested = name, requested


class WeightsNotAllowed(UsageError):
    """The given checkpoint contains only weights, and the user did not allow that."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} contains only weights: optimizer state and step would start from zero")
        self.name = name


class UnknownChange(UsageError):
    """``word`` is not a kind of change."""

    def __init__(self, word: str, hint: str) -> None:
        super().__init__(f"{word}: unknown kind of change", hint=hint)
        self.word = word


class ChangesNotAllowed(UsageError):
    """Inputs changed since the checkpoint was written, and the user did not allow that.

    Attributes:
        message: The changes, as text for users.
        run_dir: The run directory.
        kinds: The kinds of the changes.
    """

    def __init__(self, message: str, run_dir: Path, kinds: tuple[str, ...]) -> None:
        super().__init__(message)
        self.run_dir, self.kinds = run_dir, kinds


class CheckpointNotPassed(ConfigError):
    """The script does not receive the checkpoint to resume from.

    Attributes:
        message: The message, with the checkpoint.
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
        place: The position in the config; None if the value was given on the command line.
    """

    def __init__(self, key: str, path: str, place: str | None) -> None:
        named = key if place is None else f"{place}: `{key}`"
        super().__init__(f"{named} names a checkpoint that does not exist: {path}")
        self.key, self.path, self.place = key, path, place


class NothingToResume(NotFoundError):
    """The given path is neither a run nor a checkpoint."""

    def __init__(self, target: str) -> None:
        super().__init__(f"{target} is not a run or a checkpoint, and contains no checkpoint")
        self.target = target


class NoBestCheckpoint(NotFoundError):
    """The run has no best checkpoint; the hint lists its checkpoints."""

    def __init__(self, run_dir: Path, hint: str) -> None:
        super().__init__(f"{run_dir} has no best_checkpoint", hint=hint)
        self.run_dir = run_dir


class UnrecognisedCheckpoints(UnrecognisedCheckpointsError):
    """The script saved files that may be checkpoints: ``names``, as paths in the run, the newest last."""

    def __init__(self, message: str, run_dir: Path, names: tuple[str, ...]) -> None:
        super().__init__(message)
        self.run_dir, self.names = run_dir, names


class OnlyWeights(UnrecognisedCheckpointsError):
    """The script saved only weights: ``names``, as paths in the run, the newest last."""

    def __init__(self, message: str, run_dir: Path, names: tuple[str, ...]) -> None:
        super().__init__(message)
        self.run_dir, self.names = run_dir, names


class NotACheckpoint(DamagedRunError):
    """The given path is in a run, but is not a checkpoint; the hint lists the run's checkpoints."""

    def __init__(self, target: str, run_dir: Path, hint: str) -> None:
        super().__init__(f"{target} is not a checkpoint", hint=hint)
        self.target, self.run_dir = target, run_dir


class NoCompleteCheckpoint(DamagedRunError):
    """A run has no complete checkpoint.

    Attributes:
        message: The message, with the reasons.
        run_dir: The run directory.
        has_record: Whether tsdia-run created the run.
        exports: Its files that contain only weights.
    """

    def __init__(self, message: str, run_dir: Path, has_record: bool, exports: tuple[str, ...]) -> None:
        super().__init__(message)
        self.run_dir, self.has_record, self.exports = run_dir, has_record, exports


class OwnCheckpointNamed(RunDirectoryError):
    """The config of a new run names its own checkpoint or directory: ``target``."""

    def __init__(self, message: str, target: Path) -> None:
        super().__init__(message)
        self.target = target


class RunCompleted(RunDirectoryError):
    """The run has completed, and the user did not request more training."""

    def __init__(self, message: str, has_config: bool) -> None:
        super().__init__(message)
        self.has_config = has_config
