"""Settings from files: the `tsdia_run` section of the config, and the project file found upward from a directory."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdia_run.errors import ConfigError, SourcePosition
from tsdia_run.settings import SECTION, SETTINGS, Layer, Locate, kinds, read_layer

if TYPE_CHECKING:
    from tsdia_run.config.document import Document

FILE_NAME = "tsdia-run.yml"
_TABLE = "tsdia-run"


def section_layer(document: Document | None) -> Layer:
    """Read the ``tsdia_run:`` section of the config.

    Raises:
        ConfigError: A setting is unknown or invalid.
    """
    section = document.find(SECTION) if document else None
    if document is None or section is None:
        return Layer("the config")

    def locate(key: str) -> SourcePosition | None:
        value = document.find(f"{SECTION}.{key}" if key else SECTION)
        return value.place if value else None

    return read_layer(document.source, section.plain, locate)


def project_layer(cwd: Path) -> Layer:
    """Read the nearest project file: ``tsdia-run.yml``, or ``[tool.tsdia-run]`` in pyproject.toml.

    Relative paths in it are relative to the file.

    Raises:
        ConfigError: The file can't be read, or a setting in it is unknown or invalid.
    """
    for folder in (cwd, *cwd.parents):
        own = folder / FILE_NAME
        if own.is_file():
            return _anchored(_from_yaml(own), folder)
        pyproject = folder / "pyproject.toml"
        if pyproject.is_file():
            layer = _from_toml(pyproject)
            if layer is not None:
                return _anchored(layer, folder)
    return Layer("no project file")


def _from_yaml(path: Path) -> Layer:
    from tsdia_run.config.source import read  # YAML takes 50 ms to load; not every project has such a file

    lines = path.read_bytes().splitlines()
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in lines):
        return Layer(str(path))  # every setting in it is commented out
    document = read(path)

    def locate(key: str) -> SourcePosition | None:
        value = document.find(key) if key else None
        return value.place if value else None

    return read_layer(str(path), document.plain(), locate)


def _from_toml(path: Path) -> Layer | None:
    text = path.read_bytes().decode("utf-8", "replace")
    if _TABLE not in text:
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tool: Any = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: {error}", hint="Fix the syntax error: tsdia-run reads [tool.tsdia-run] from this file."
        ) from error
    section = tool.get(_TABLE) if isinstance(tool, dict) else None
    return None if section is None else read_layer(str(path), section, _locator(str(path), text))


def _locator(source: str, text: str) -> Locate:
    """Return a function that finds the first line that sets a key: TOML parsers give no positions."""

    def locate(key: str) -> SourcePosition | None:
        name = re.escape(key.rpartition(".")[2])
        for number, line in enumerate(text.splitlines(), start=1):
            match = re.match(rf"\s*(?:[\w.-]*\.)?[\"']?({name})[\"']?\s*=", line)
            if match:
                return SourcePosition(source, number, match.start(1) + 1, line)
        return None

    return locate


def _anchored(layer: Layer, folder: Path) -> Layer:
    paths = {setting.key for setting in SETTINGS if setting.kind is kinds.PATH}
    values = {
        # A bare word such as `python3.11` is looked up on PATH; it is not a path.
        key: str(folder / os.path.expanduser(value)) if key in paths and (key != "python" or os.sep in value) else value
        for key, value in layer.values.items()
    }
    if "roots" in values:
        values["roots"] = tuple(str(folder / os.path.expanduser(root)) for root in values["roots"])
    return Layer(layer.source, values)
