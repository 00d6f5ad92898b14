"""How a script takes its config, output directory and checkpoint, and the settings that pass them (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsdia_run.scripts.forms import Form
from tsdia_run.scripts.needed import Open
from tsdia_run.scripts.script_option import Place
from tsdia_run.settings import Layer

DEFAULT_CONFIG = ("--config", "{config}")


@dataclass(frozen=True)
class Passing:
    """The words that pass one thing to a script.

    Attributes:
        words: The words, with placeholders.
        place: Where the script declares the option; None for a preset.
        form: The form of a checkpoint; None for other things.
        is_of_command: Whether the words belong after the sub-command.
    """

    words: tuple[str, ...]
    place: Place | None = None
    form: Form | None = None
    is_of_command: bool = False

    @property
    def option(self) -> str:
        """The option without its value; empty for a positional argument."""
        first = self.words[0] if self.words else ""
        return first.partition("=")[0] if "=" in first else "" if first.startswith("{") else first


@dataclass(frozen=True)
class Interface:
    """How a script takes its config, output directory and checkpoint; None for what is not known.

    Attributes:
        source: What it was found in: a file, or a preset.
        libraries: The libraries that parse the arguments.
        config: How it takes a config; without words if it takes none.
        run_dir: How it takes the directory that it writes to.
        checkpoint: How it takes the checkpoint to resume from.
        only_config: Whether a config is the only argument, so that the rest must be in the config.
        run_dir_key: The config key of the directory.
        resume_key: The config key of the checkpoint.
        commands: The sub-commands with options of their own.
        leads: Whether the words before the user's first flag must come first.
        leading: The words of the user's arguments that come before those of tsdia-run: a sub-command, or such words.
    """

    source: str
    libraries: tuple[str, ...] = ()
    config: Passing | None = None
    run_dir: Passing | None = None
    checkpoint: Passing | None = None
    only_config: bool = False
    run_dir_key: str | None = None
    resume_key: str | None = None
    commands: tuple[str, ...] = ()
    leads: bool = False
    leading: tuple[str, ...] = ()


def settings_of(interface: Interface, needed: Open) -> Layer:
    """Return the settings that pass what is needed to the script.

    Args:
        interface: How the script takes it.
        needed: What the settings do not tell yet.
    """
    values: dict[str, object] = {}
    if needed.has_config:
        keys = {"run_dir_key": interface.run_dir_key, "resume_key": interface.resume_key}
        values |= {name: key for name, key in keys.items() if key is not None}
    by_config = interface.only_config and needed.has_config
    run_dir = interface.run_dir if needed.run_dir and not by_config else None
    config = interface.config if needed.config else None
    if config is not None or run_dir is not None:
        default = DEFAULT_CONFIG if needed.has_config else ()
        passed = [config or Passing(default), *([run_dir] if run_dir else [])]
        values["args"] = _arranged(passed, interface.leading, leads=interface.leads)
    if needed.checkpoint and interface.checkpoint is not None and not by_config:
        values["resume_args"] = interface.checkpoint.words
    return Layer(interface.source, values)


def _arranged(passed: Sequence[Passing], leading: Sequence[str], *, leads: bool) -> tuple[str, ...]:
    """Return words in the order that the script needs: positional arguments first, those of a sub-command after it."""
    positional = [one for one in passed if one.words and one.words[0].startswith("{")]
    ordered = [*positional, *(one for one in passed if one not in positional)]
    before = [word for one in ordered if not (leads or one.is_of_command) for word in one.words]
    after = [word for one in ordered if leads or one.is_of_command for word in one.words]
    return (*before, *leading, *after)
