"""Split the words of a command that starts a script into its own words and those of the script (pure).

Words after ``--`` belong to the script, and so does everything from ``python``, ``accelerate``, ``torchrun`` or
``deepspeed`` on, if it is the first word that is not an option.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tsdia_run.settings.launchers import is_launcher


@dataclass(frozen=True)
class KnownOptions:
    """The options of a command.

    Attributes:
        with_value: Those that take a value.
        switches: Those that take none.
    """

    with_value: frozenset[str]
    switches: frozenset[str]

    @classmethod
    def of(cls, command: Any) -> KnownOptions:  # noqa: ANN401 - Typer does not export its classes
        """Return the options of one of Typer's commands."""
        options = [param for param in command.params if param.param_type_name == "option"]
        switches = {word for one in options if one.is_flag for word in (*one.opts, *one.secondary_opts)}
        every = {word for one in options for word in (*one.opts, *one.secondary_opts)}
        return cls(frozenset(every - switches), frozenset(switches | {"-h", "--help"}))

    def is_switch(self, word: str) -> bool:
        """Return whether a word is a switch, or several of one letter: ``-qv``."""
        is_cluster = not word.startswith("--") and all(f"-{letter}" in self.switches for letter in word[1:])
        return word in self.switches or is_cluster


@dataclass(frozen=True)
class Split:
    """The words of a command, sorted.

    Attributes:
        ours: The words of the command itself, as typed.
        words: Its arguments among them: the config, the script or the run.
        options: Its options among them; the value of a switch is None.
        script: The words after ``--``, or the command line that starts the script.
        foreign: Other words before ``--``: unknown options with their values, and arguments after the first one.
    """

    ours: tuple[str, ...]
    words: tuple[str, ...] = ()
    options: tuple[tuple[str, str | None], ...] = ()
    script: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def split(
    typed: Sequence[str], known: KnownOptions, exists: Callable[[str], bool], *, takes_launchers: bool = True
) -> Split:
    """Sort the words after the name of the command.

    Args:
        typed: The words.
        known: The command's options.
        exists: Whether a word is an existing path: the command's argument, and not the value of an unknown option.
        takes_launchers: Whether the command may start with ``python train.py``.
    """
    ours: list[str] = []
    words: list[str] = []
    options: list[tuple[str, str | None]] = []
    foreign: list[str] = []
    rest = list(typed)
    while rest and rest[0] != "--":
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        if word in known.with_value and rest:
            options.append((word, rest.pop(0)))
            ours += [word, str(options[-1][1])]
        elif is_option(word) and (known.is_switch(word) or flag in known.with_value):
            options.append((flag, value if equals else None))
            ours.append(word)
        elif is_option(word) or words or (foreign and _takes_value(foreign[-1]) and not exists(word)):
            foreign.append(word)
        elif takes_launchers and not foreign and is_launcher(word):
            return Split(tuple(ours), (), tuple(options), (word, *rest))
        else:
            words.append(word)
            ours.append(word)
    return Split(tuple(ours), tuple(words), tuple(options), tuple(rest[1:]), tuple(foreign))


def is_option(word: str) -> bool:
    """Return whether a command reads a word as an option."""
    return word.startswith("-") and word != "-"


def _takes_value(word: str) -> bool:
    return is_option(word) and "=" not in word
