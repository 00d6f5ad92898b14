"""A command that starts a training, as it was typed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tsdia_run.files.redaction import Redactor


@dataclass(frozen=True)
class TypedCommand:
    """A command that starts a training, as it was typed.

    Attributes:
        command: ``new``, ``ensure`` or ``resume``.
        words: Its arguments: the config, or the run.
        options: Its options in order, those given by the environment too; None as the value of a switch.
        args: The script's own arguments, after ``--``.
        cwd: Where it was typed.
    """

    command: str
    words: tuple[str, ...]
    options: tuple[tuple[str, str | None], ...]
    args: tuple[str, ...]
    cwd: str

    def having(self, flag: str, value: str | None = None) -> TypedCommand:
        """The command with an option, in the place of the same one."""
        kept = self.without(flag)
        return replace(kept, options=(*kept.options, (flag, value)))

    def adding(self, flag: str, *values: str) -> TypedCommand:
        """The command with one more of an option that may be repeated, for each value that it does not have."""
        new = tuple((flag, value) for value in values if (flag, value) not in self.options)
        return replace(self, options=(*self.options, *new))

    def without(self, *flags: str) -> TypedCommand:
        """The command without some options."""
        return replace(self, options=tuple(option for option in self.options if option[0] not in flags))

    def as_new(self) -> TypedCommand:
        """The same as ``new``, which takes every option that ``ensure`` takes."""
        return replace(self, command="new")

    def redacted(self, redactor: Redactor) -> TypedCommand:
        """The command without secrets, for the record."""
        return TypedCommand(
            self.command,
            tuple(redactor.argv(self.words)),
            tuple(_redacted(flag, value, redactor) for flag, value in self.options),
            tuple(redactor.argv(self.args)),
            self.cwd,
        )


def _redacted(flag: str, value: str | None, redactor: Redactor) -> tuple[str, str | None]:
    return (flag, None) if value is None else (flag, redactor.argv([flag, value])[1])
