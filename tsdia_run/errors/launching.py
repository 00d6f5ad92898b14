"""Errors about configs, settings and launches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tsdia_run.errors.base import ConfigError, NotFoundError, UsageError


class AssignmentFault(Enum):
    """The reason why an assignment can't be used."""

    NOT_KEY_VALUE = "not KEY=VALUE"
    NOT_ONE_LINE = "the value is not plain YAML on one line"
    NOT_YAML = "the value is not valid YAML"


class InvalidAssignment(UsageError):
    """An assignment to a config key that can't be parsed."""

    def __init__(self, assignment: str, fault: AssignmentFault) -> None:
        super().__init__(f"{assignment}: {fault.value}")
        self.assignment, self.fault = assignment, fault


class NoConfigToSet(UsageError):
    """Config values are given without a config; ``assignments`` are those that the user gave."""

    def __init__(self, assignments: tuple[str, ...]) -> None:
        super().__init__("config values are given without a config")
        self.assignments = assignments


class KeyNotInConfig(ConfigError):
    """A value is given for a key that the config does not have.

    Attributes:
        key: The key.
        assignment: The assignment, as the user gave it.
        near: The key that was probably meant, if any.
        can_add: Whether the key can be added.
    """

    def __init__(
        self, source: str, key: str, assignment: str, near: str | None, dead_end: str = "", can_add: bool = True
    ) -> None:
        super().__init__(f"{source} has no key `{key}`" + (f": {dead_end}" if dead_end else ""))
        self.key, self.assignment, self.near, self.can_add = key, assignment, near, can_add


class SettingAssigned(UsageError):
    """A setting of tsdia-run is given as a value for the script's config.

    Attributes:
        assignment: The assignment, as the user gave it.
        setting: The setting; None if there is no such setting.
        value: The text of its value.
        flag: The option that sets this value, and whether it takes a value; None without such an option.
        near: The setting that was probably meant, if it is not known.
        source: The config.
    """

    def __init__(
        self,
        assignment: str,
        setting: str | None,
        *,
        value: str,
        flag: tuple[str, bool] | None,
        near: str | None,
        source: str,
    ) -> None:
        super().__init__(f"{assignment}: the section `tsdia_run` is for tsdia-run and never reaches the script")
        self.assignment, self.setting, self.value, self.flag = assignment, setting, value, flag
        self.near, self.source = near, source


@dataclass(frozen=True)
class SectionReplaced:
    """A warning about a value that replaces a section of the config.

    Attributes:
        key: The key of the section.
        size: How many keys the section has, as text for users.
        first: The first of them.
    """

    key: str
    size: str
    first: object

    def __str__(self) -> str:
        return f"the value replaces the section {self.key} ({self.size})"


class InvalidSetting(UsageError):
    """A setting got a value that it does not accept.

    Attributes:
        key: The setting.
        problem: Which values it accepts, as text for users.
        flag: Its option on the command line.
        example: A valid value.
    """

    def __init__(self, key: str, problem: str, flag: str, example: str) -> None:
        super().__init__(f"`{key}` {problem}")
        self.key, self.problem, self.flag, self.example = key, problem, flag, example


class TwoEntrypoints(UsageError):
    """A script and a module are both given for one start."""

    def __init__(self) -> None:
        super().__init__("an entrypoint and a module are both given", hint="Keep only one of them.")


class SettingAmongFlags(UsageError):
    """A flag of `accelerate launch` that is a setting of tsdia-run; ``name`` is Accelerate's name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} can't be among the flags for accelerate launch")
        self.name = name


class LauncherIsPython(UsageError):
    """Accelerate settings are given, but the launcher is plain Python."""

    def __init__(self) -> None:
        super().__init__(
            "the launcher `python` does not accept a number of processes, an Accelerate config or mixed precision"
        )


class ProgramOfSeveralRanks(UsageError):
    """Several ranks are requested for a program that is not a Python script."""

    def __init__(self, entrypoint: str) -> None:
        super().__init__(f"{entrypoint} is not a Python script: tsdia-run can't start several ranks of it")
        self.entrypoint = entrypoint


class ConfigIsPython(ConfigError):
    """The config is a Python file."""

    def __init__(self, source: str) -> None:
        super().__init__(f"{source} is a Python file, not YAML, JSON or TOML")


class InterpreterFails(ConfigError):
    """The interpreter for the training does not run."""


class UntrustedProjectFile(ConfigError):
    """A settings file sets what runs, and another user could have written it.

    Attributes:
        path: The file.
        cwd: The directory from which it was found upward; None for the user's own file.
    """

    def __init__(self, path: Path, keys: tuple[str, ...], doubt: str, cwd: Path | None) -> None:
        named = ", ".join(f"`{key}`" for key in keys)
        super().__init__(f"{path} sets what runs ({named}), but is not trusted: {doubt}")
        self.path, self.cwd = path, cwd


class NoAccelerate(ConfigError):
    """The interpreter for the training can't import Accelerate.

    Attributes:
        python: Its path.
        origin: Where the choice comes from, as text for users.
        install: The command that installs Accelerate for it.
    """

    def __init__(self, python: str, origin: str, install: tuple[str, ...]) -> None:
        super().__init__(f"the interpreter {python} ({origin}) can't import accelerate")
        self.python, self.origin, self.install = python, origin, install


class AccelerateFault(Enum):
    """The reason why an Accelerate config, or flags for `accelerate launch`, can't be used here."""

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
        entrypoint: The path that the user gave.
        cwd: The directory that was searched.
        is_directory: Whether the path is a directory.
        scripts: The names of the Python scripts in ``cwd``.
    """

    def __init__(self, entrypoint: str, cwd: Path, is_directory: bool, scripts: tuple[str, ...]) -> None:
        what = "is a directory" if is_directory else "does not exist"
        super().__init__(f"the training script {entrypoint} {what} (looked in {cwd})")
        self.entrypoint = entrypoint
        self.cwd = cwd
        self.is_directory = is_directory
        self.scripts = scripts


class NoScriptFound(NotFoundError):
    """No script of a directory has a usual name.

    Attributes:
        scripts: The scripts that it has.
    """

    def __init__(self, cwd: Path, scripts: tuple[str, ...]) -> None:
        known = f"; it has {', '.join(scripts)}" if scripts else ""
        super().__init__(f"can't tell which script of {cwd} trains{known}")
        self.scripts = scripts


class NoInterpreter(NotFoundError):
    """The requested interpreter does not exist."""

    def __init__(self, requested: str) -> None:
        super().__init__(f"interpreter not found: {requested}")
        self.requested = requested


class NoAccelerateConfig(NotFoundError):
    """The requested Accelerate config does not exist."""

    def __init__(self, config_file: str) -> None:
        super().__init__(f"the Accelerate config {config_file} does not exist")
        self.config_file = config_file
