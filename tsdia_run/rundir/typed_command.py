"""The command that the user typed to start a training."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tsdia_run.files.redaction import Redactor


@dataclass(frozen=True)
class TypedCommand:
    """The command that the user typed to start a training.

    Attributes:
        command: ``new``, ``ensure`` or ``resume``.
        words: Its arguments: the config, or the run.
        options: Its options in order, including options set by environment variables; the value of a switch is None.
        args: The script's own arguments, after ``--``.
        cwd: The working directory of the command.
    """

    command: str
    words: tuple[str, ...]
    options: tuple[tuple[str, str | None], ...]
    args: tuple[str, ...]
    cwd: str

    def having(self, flag: str, value: str | None = None) -> TypedCommand:
        """Return the command with an option set, replacing the same option."""
        kept = self.without(flag)
        return replace(kept, options=(*kept.options, (flag, value)))

    def adding(self, flag: str, *values: str) -> TypedCommand:
        """Return the command with a repeatable option added for each new value."""
        new = tuple((flag, value) for value in values if (flag, value) not in self.options)
        return replace(self, options=(*self.options, *new))

    def without(self, *flags: str) -> TypedCommand:
        """Return the command without some options."""
        return replace(self, options=tuple(option for option in self.options if option[0] not in flags))

    def naming(self, word: str, path: str) -> TypedCommand:
        """Return the command with a path in place of the name of a run."""
        return replace(self, words=tuple(path if one == word else one for one in self.words))

    def as_new(self) -> TypedCommand:
        """Return the same command as ``new``, which accepts every option of ``ensure``."""
        return replace(self, command="new")

    def redacted(self, redactor: Redactor) -> TypedCommand:
        """Return the command without secrets, for the record."""
        return TypedCommand(
            self.command,
            tuple(redactor.argv(self.words)),
            tuple(_redacted(flag, value, redactor) for flag, value in self.options),
            tuple(redactor.argv(self.args)),
            self.cwd,
        )


def _redacted(flag: str, value: str | None, redactor: Redactor) -> tuple[str, str | None]:
    return (flag, None) if value is None else (flag, redactor.argv([flag, value])[1])
