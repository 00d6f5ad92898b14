"""The error for words before ``--`` that a command does not take, with the corrected command line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from tsdia_run.cli.script_words import KnownOptions, Split, is_option
from tsdia_run.errors import UsageError
from tsdia_run.report.suggestions import ENTRYPOINT, TypedCommand, line
from tsdia_run.settings.launchers import is_launcher
from tsdia_run.workflow.typed_start import is_script

# Scripts take their config with this option; `new` takes it as its argument.
_CONFIG = "--config"
_DEFAULT_SCRIPT = "train.py"
# An option of a script may be similar to one of tsdia-run by chance: --seed and --set, --max_steps and --max-restarts.
_SIMILAR = 0.8


def refusal(command: str, split: Split, known: KnownOptions) -> UsageError:
    """Return the error for the foreign words of a command.

    Args:
        command: The name of the command.
        split: Its words.
        known: Its options.
    """
    first = split.foreign[0]
    what = f"no such option: {first.partition('=')[0]}" if is_option(first) else f"unexpected argument: {first}"
    typed = TypedCommand(command, split.words, split.options, split.script, os.getcwd())
    launcher = next(filter(is_launcher, split.words), None)
    if launcher is not None:
        hint = (
            f"Options before `{os.path.basename(launcher)}` are those of tsdia-run. Options of the script go after it."
        )
        return UsageError(what, hint=hint)
    near = [_near(word, known) for word in split.foreign if is_option(word)]
    hints = [f"Did you mean {name}?" for name in near if name]
    hints += [f"{what}: {line(corrected)}" for what, corrected in _corrections(typed, split.foreign)]
    return UsageError(what, hint="\n".join(hints) or "Arguments of the script go after `--`.")


def _near(word: str, known: KnownOptions) -> str | None:
    own = known.with_value | known.switches
    return next(iter(get_close_matches(word.partition("=")[0], own, n=1, cutoff=_SIMILAR)), None)


def _corrections(typed: TypedCommand, foreign: Sequence[str]) -> Iterator[tuple[str, TypedCommand]]:
    """Yield what each corrected command does, and the command."""
    if typed.command == "resume":
        yield "Arguments of the script go after `--`", replace(typed, args=(*foreign, *typed.args))
        return
    if foreign[0] == "-m" and not typed.words:
        yield "Start the module", replace(typed, args=("python", *foreign, *typed.args))
        return
    if is_launcher(foreign[0]):  # after a config
        foreign = foreign[1:]
    configured = _configured(typed, foreign)
    if configured is not None:
        yield "Start the script with its config", configured
    words = _first(typed)
    # A config that is the first argument was not meant for the script.
    if words is not None and not (configured and not any(map(_is_script, typed.words))):
        yield "Arguments of the script go after `--`", replace(typed, words=words, args=(*foreign, *typed.args))


def _configured(typed: TypedCommand, foreign: Sequence[str]) -> TypedCommand | None:
    """Return the command with the config that is next to a script or after ``--config``; None without a config."""
    words, rest = list(typed.words), list(foreign)
    named = next((word for word in rest if word.partition("=")[0] == _CONFIG), None)
    if named is not None:
        following = rest[rest.index(named) + 1 :][:1]
        config = next(filter(_is_config, [named.partition("=")[2], *following, *words]), None)
        rest.remove(named)
    else:
        config = next(filter(_is_config, [*words, *rest[:1]]), None) if rest and not is_option(rest[0]) else None
    if config is None:
        return None
    (rest if config in rest else words if config in words else [config]).remove(config)
    script = next(filter(_is_script, [*words, *rest[:1]]), None)
    if named is None and script is None:
        return None
    if script is not None:
        (words if script in words else rest).remove(script)
        typed = typed.having(ENTRYPOINT, script)
    return replace(typed, words=(config,), args=(*rest, *typed.args))


def _is_config(word: str) -> bool:
    return os.path.isfile(word) and not _is_script(word)


def _is_script(word: str) -> bool:
    return is_script(word, Path.cwd())


def _first(typed: TypedCommand) -> tuple[str, ...] | None:
    """Return the config or the script of the corrected command; None if it is not known."""
    if typed.words and not os.path.exists(typed.words[0]):
        program = shutil.which(typed.words[0])  # for example `uv run train.py`
        return (program,) if program else typed.words
    if typed.words or any(flag == ENTRYPOINT for flag, _ in typed.options):
        return typed.words
    return (_DEFAULT_SCRIPT,) if os.path.isfile(_DEFAULT_SCRIPT) else None
