"""Settings that follow from the script itself or from a preset; every configured setting has a higher rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsdia_run.config import Document, keys
from tsdia_run.files.fields import beginning_of
from tsdia_run.launch import command
from tsdia_run.rundir import env
from tsdia_run.scripts import hydra, saving
from tsdia_run.scripts.needed import Open
from tsdia_run.scripts.syntax import entry_file
from tsdia_run.settings import Layer, Settings, resolve

if TYPE_CHECKING:
    from tsdia_run.scripts.interface import Interface, Passing

_DEFAULT_OPTION = ('"--config"', "'--config'")


@dataclass(frozen=True)
class Completed:
    """Settings, with those that follow from the script.

    Attributes:
        settings: All settings.
        extra_args: The user's arguments, without the words that ``args`` has now.
        notes: What was found in the script, for the user and the record.
        restated: The ``args`` that contain words of the user, which `ensure` must use instead of the recorded ones.
    """

    settings: Settings
    extra_args: tuple[str, ...]
    notes: tuple[str, ...]
    restated: Layer


def complete(layers: Sequence[Layer], document: Document | None, extra_args: tuple[str, ...], cwd: Path) -> Completed:
    """Add the settings of the preset, and those that follow from the script where none are given.

    Args:
        layers: The configured settings, the highest rank first.
        document: The config of the run.
        extra_args: The arguments that the user gives.
        cwd: The working directory of the script.

    Raises:
        ConfigError: The preset does not exist.
    """
    settings = resolve(layers)
    script = entry_file(settings.entrypoint, settings.module, cwd)
    below = [_of_preset(settings.preset, layers, document, extra_args, script)] if settings.preset else []
    needed = _open([*layers, *(layer for layer, _ in below)], document, extra_args, script)
    notes = tuple[str, ...]()
    if script is not None and _is_needed(needed, script):
        # Imported here and below: a configured start needs no detection.
        from tsdia_run.scripts import detection
        from tsdia_run.scripts.interface import settings_of

        found = detection.detect(script, cwd, extra_args)
        if found is not None:
            layer = settings_of(found, _not_given(needed, found, extra_args))
            below.append((layer, found.leading))
            notes = _notes(found, layer)
    # The words that `args` of a preset or of the script contains now.
    leading = next((words for layer, words in below if "args" in layer.values), ())
    settings = resolve([*layers, *(layer for layer, _ in below)])
    restated = Layer("the arguments", {"args": settings.args} if leading else {})
    return Completed(settings, extra_args[len(leading) :], notes, restated)


def _of_preset(
    name: str, layers: Sequence[Layer], document: Document | None, extra_args: Sequence[str], script: Path | None
) -> tuple[Layer, tuple[str, ...]]:
    """Return the settings of a preset, and the words of the user that they contain."""
    from tsdia_run.scripts import presets
    from tsdia_run.scripts.interface import settings_of

    interface = presets.preset(name, extra_args)
    needed = _not_given(_open(layers, document, extra_args, script), interface, extra_args)
    return settings_of(interface, needed), interface.leading


def _open(layers: Sequence[Layer], document: Document | None, extra_args: Sequence[str], script: Path | None) -> Open:
    """Return what no setting, key or argument tells, and what the script does not ask tsdia-run for."""
    settings, given = resolve(layers), {key for layer in layers for key in layer.values}
    words = (*(settings.args if "args" in given else ()), *extra_args)
    text = beginning_of(script) if script else ""
    is_hydra = "hydra" in text and hydra.takes_overrides(script)
    read = document if document is not None and (not is_hydra or command.names_config(words)) else None
    run_dir_key = keys.run_dir_key(read, settings.run_dir_key) if read else None
    has_no_args = "args" not in given
    return Open(
        config=has_no_args and document is not None and not command.names_config(extra_args),
        run_dir=has_no_args
        and run_dir_key is None
        and not command.names_directory(words)
        and not saving.asks_for_directory(text, env.RUN_DIR),
        checkpoint="resume_args" not in given
        and not any("{checkpoint" in word for word in words)
        and not (read is not None and checkpoint_key(read, settings) is not None)
        and not saving.asks_for_directory(text, env.CHECKPOINT),
        has_config=document is not None,
    )


def checkpoint_key(document: Document, settings: Settings) -> str | None:
    """Return the config key of the checkpoint; with TS-DIA's ``checkpoint`` section, the key need not exist yet."""
    key = keys.resume_key(document, settings.resume_key)
    return key or next((key for key in keys.RESUME_KEYS if document.find(key.rpartition(".")[0]) is not None), None)


def _is_needed(needed: Open, script: Path) -> bool:
    if needed.run_dir or needed.checkpoint or not needed.config:
        return needed.run_dir or needed.checkpoint
    text = beginning_of(script)
    return not any(option in text for option in _DEFAULT_OPTION)


def _not_given(needed: Open, found: Interface, extra_args: Sequence[str]) -> Open:
    """Return what is needed without what the user passes by the script's own options."""
    given = {_spelling(word) for word in extra_args if "=" in word or word.startswith("-")}

    def is_given(passing: Passing | None) -> bool:
        return passing is not None and bool(passing.option) and _spelling(passing.option) in given

    return Open(
        config=needed.config and not is_given(found.config),
        run_dir=needed.run_dir and not is_given(found.run_dir),
        checkpoint=needed.checkpoint,
        has_config=needed.has_config,
    )


def _spelling(word: str) -> str:
    return word.partition("=")[0].lstrip("+").replace("_", "-")


def _notes(found: Interface, layer: Layer) -> tuple[str, ...]:
    """Return one line about what tsdia-run passes by itself; none if it passes nothing."""
    texts = []
    args = layer.values.get("args", ())
    if found.run_dir is not None and set(found.run_dir.words) <= set(args):
        texts.append(f"the run directory as {_as_words(found.run_dir)}")
    if found.checkpoint is not None and "resume_args" in layer.values:
        if found.checkpoint.words:
            texts.append(f"the checkpoint of a resume as {_as_words(found.checkpoint)}")
        else:
            texts.append(f"no checkpoint, since the script finds its newest one (found in {found.checkpoint.place})")
    return (f"passing {', and '.join(texts)}",) if texts else ()


def _as_words(passing: Passing) -> str:
    what = passing.option or "an argument"
    return f"{what} (found in {passing.place})" if passing.place else what
