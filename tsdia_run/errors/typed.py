"""Errors about the script that the user typed in place of a config."""

from __future__ import annotations

from pathlib import Path

from tsdia_run.errors.base import ConfigError, NotFoundError, UsageError


class NotebookNamed(UsageError):
    """The script is a notebook."""

    def __init__(self, notebook: str) -> None:
        super().__init__(f"{notebook} is a notebook, not a script")
        self.notebook = notebook


class NotExecutable(UsageError):
    """The script is neither executable nor a Python script."""

    def __init__(self, script: str) -> None:
        super().__init__(f"{script} is not executable")
        self.script = script


class NotStartable(UsageError):
    """The executable has no `#!` line, so that only a shell can start it."""

    def __init__(self, script: str) -> None:
        super().__init__(f"{script} has no `#!` line that names its interpreter")
        self.script = script


class NoScriptTyped(UsageError):
    """A launcher is typed without a script.

    Attributes:
        launcher: The launcher, with its subcommand.
    """

    def __init__(self, launcher: str) -> None:
        super().__init__(f"`{launcher}` is typed without a script")
        self.launcher = launcher


class GivenTwice(UsageError):
    """An option and the typed command set the same setting to different values."""

    def __init__(self, key: str, option: object, command: object) -> None:
        super().__init__(f"`{key}` is {option} as an option of tsdia-run, but {command} in the typed command")


class ProgramNamed(NotFoundError):
    """The argument is not a file, but a program on the PATH has that name.

    Attributes:
        path: The program.
    """

    def __init__(self, word: str, path: str) -> None:
        super().__init__(f"{word} is neither a config nor a script")
        self.path = path


class NoLauncher(NotFoundError):
    """The typed launcher is not installed."""

    def __init__(self, launcher: str) -> None:
        super().__init__(f"{launcher} not found: it is neither in the active environment nor on the PATH")
        self.launcher = launcher


class UntrustedEnvironment(ConfigError):
    """Another user could have written the virtual environment of the project.

    Attributes:
        folder: The environment.
    """

    def __init__(self, folder: Path, doubt: str) -> None:
        super().__init__(f"the virtual environment {folder} is not trusted: {doubt}")
        self.folder = folder
