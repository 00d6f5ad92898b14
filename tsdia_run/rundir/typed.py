"""A command that starts a training, as it was typed: what the record keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tsdia_run.files.redaction import Redactor


@dataclass(frozen=True)
class Typed:
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

    def having(self, flag: str, value: str | None = None) -> Typed:
        """The command with an option, in the place of the same one."""
        kept = self.without(flag)
        return replace(kept, options=(*kept.options, (flag, value)))

    def adding(self, flag: str, *values: str) -> Typed:
        """The command with one more of an option that may be repeated, for each value that it does not have."""
        new = tuple((flag, value) for value in values if (flag, value) not in self.options)
        return replace(self, options=(*self.options, *new))

    def without(self, *flags: str) -> Typed:
        """The command without some options."""
        return replace(self, options=tuple(option for option in self.options if option[0] not in flags))

    def as_new(self) -> Typed:
        """The same as ``new``, which takes every option that ``ensure`` takes."""
        return replace(self, command="new")

    def as_json(self, redactor: Redactor) -> dict[str, object]:
        """For the record."""
        return {
            "command": self.command,
            "words": redactor.argv(self.words),
            "options": [_redacted(flag, value, redactor) for flag, value in self.options],
            "args": redactor.argv(self.args),
            "cwd": self.cwd,
        }


def _redacted(flag: str, value: str | None, redactor: Redactor) -> list[str | None]:
    return [flag, None] if value is None else [flag, redactor.argv([flag, value])[1]]


def parsed(value: object) -> Typed | None:
    """Read back what ``Typed.as_json`` recorded of a command that made a run; None where it is no such thing."""
    if not isinstance(value, dict):
        return None
    command, cwd, options = value.get("command"), value.get("cwd"), value.get("options")
    words, args = _texts(value.get("words")), _texts(value.get("args"))
    if not (isinstance(command, str) and isinstance(cwd, str) and isinstance(options, list)):
        return None
    pairs = [tuple(option) for option in options if _is_option(option)]
    if words is None or args is None or len(pairs) != len(options) or command not in ("new", "ensure"):
        return None
    return Typed(command, words, tuple(pairs), args, cwd)


def _is_option(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and (value[1] is None or isinstance(value[1], str))
    )


def _texts(value: object) -> tuple[str, ...] | None:
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return tuple(value) if is_list else None  # type: ignore[arg-type]
