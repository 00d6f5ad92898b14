"""What the flags of a command ask for, in the form that the layers below take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsdia_run.config import Document
from tsdia_run.errors import Place, UsageError
from tsdia_run.launch.project import project_layer
from tsdia_run.settings import SECTION, Layer, read_layer


def section_layer(document: Document | None) -> Layer:
    """What the config's own ``tsdia_run:`` section says.

    Raises:
        ConfigError: A setting is unknown or wrong.
    """
    section = document.find(SECTION) if document else None
    if document is None or section is None:
        return Layer("the config")

    def locate(key: str) -> Place | None:
        value = document.find(f"{SECTION}.{key}" if key else SECTION)
        return value.place if value else None

    return read_layer(document.source, section.plain, locate)


def file_layers(document: Document | None, cwd: Path) -> list[Layer]:
    """What the files say, the strongest first: the config's own section, and the project file."""
    return [section_layer(document), project_layer(cwd)]


def refuse_lone_json(dry_run: bool, as_json: bool) -> None:
    """Raise UsageError unless ``--json`` has something to say."""
    if as_json and not dry_run:
        raise UsageError(
            "--json goes with --dry-run: otherwise standard output is the training's",
            hint="The record of a run is RUN_DIR/run.json.",
        )


def refuse_lone_set(document: Document | None, assignments: Sequence[str] | None) -> None:
    """Raise UsageError if there are values to set and no config to set them in."""
    if document is None and assignments:
        raise UsageError("--set needs a CONFIG to set values in", hint="Pass the values to the script after `--`.")
