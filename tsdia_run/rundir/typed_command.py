"""A command that starts a training, as it was typed."""

from __future__ import annotations

from dataclasses import dataclass

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
