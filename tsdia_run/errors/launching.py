"""What a config, a setting or a launch can't be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tsdia_run.errors.base import ConfigError, NotFoundError, UsageError


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


class NoConfigToSet(UsageError):
    """Values for a config are given, and no config."""

    def __init__(self) -> None:
        super().__init__("values are given for a config, but no config")


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


class TwoEntrypoints(UsageError):
    """A script and a module are both given for this start."""

    def __init__(self) -> None:
        super().__init__("an entrypoint and a module are both given", hint="Keep only one of them.")


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


class ConfigIsPython(ConfigError):
    """The config is a Python file."""

    def __init__(self, source: str) -> None:
        super().__init__(f"{source} is not YAML, JSON or TOML but Python")


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
