"""Settings from files: the `tsdia_run` section of the config, and the project file found upward from a directory."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdia_run.errors import ConfigError, SourcePosition
from tsdia_run.errors.launching import UntrustedProjectFile
from tsdia_run.files.opening import open_regular
from tsdia_run.files.ownership import Trust
from tsdia_run.settings import SECTION, SETTINGS, Layer, Locate, kinds, read_layer
from tsdia_run.settings.declaring import Effect

if TYPE_CHECKING:
    from tsdia_run.config.document import Document

FILE_NAME = "tsdia-run.yml"
_PYPROJECT = "pyproject.toml"
_TABLE = "tsdia-run"
_NOTIFY = "notify."
# A pyproject.toml may be long; a config, which PyYAML reads slowly, may not.
_MAX_BYTES = 1024 * 1024


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


def notify_layer(layer: Layer) -> Layer:
    """Return only where notifications go, and about which events."""
    return Layer(layer.source, {key: value for key, value in layer.values.items() if key.startswith(_NOTIFY)})


def project_notify_layer(cwd: Path, trust: Trust) -> Layer:
    """Read only where notifications go, from the nearest project file.

    Raises:
        ConfigError: As for ``project_layer``; other settings may come from another user.
    """
    found = _nearest(cwd)
    return Layer("no project file") if found is None else _trusted(found[0], notify_layer(found[1]), trust, cwd)


def project_layer(cwd: Path, trust: Trust) -> Layer:
    """Read the nearest project file: ``tsdia-run.yml``, or ``[tool.tsdia-run]`` in pyproject.toml.

    Relative paths in it are relative to the file.

    Args:
        cwd: Where to start the search.
        trust: Whose files may set what runs.

    Raises:
        ConfigError: The file can't be read, a setting in it is unknown or invalid, or it sets what runs and another
            user could have written it.
    """
    found = _nearest(cwd)
    return Layer("no project file") if found is None else _trusted(*found, trust, cwd)


def _trusted(file: _File, layer: Layer, trust: Trust, cwd: Path) -> Layer:
    """Return a layer of a project file, unless it sets what runs and another user could have written the file."""
    decisive = [setting.key for setting in SETTINGS if setting.effect is Effect.CODE and setting.key in layer.values]
    doubt = trust.doubt(file.path, file.status) if decisive else None
    if doubt:
        raise UntrustedProjectFile(file.path, tuple(decisive), doubt, cwd)
    return layer


def project_roots(cwd: Path) -> Layer:
    """Read only where to look for runs: this is safe from any project file, since nothing of it runs.

    Raises:
        ConfigError: The file can't be read, or a setting in it is unknown or invalid.
    """
    found = _nearest(cwd)
    values = found[1].values if found else {}
    return Layer("the project file", {key: values[key] for key in ("roots",) if key in values})


@dataclass(frozen=True)
class _File:
    """A project file that was read.

    Attributes:
        path: Its path.
        data: Its content.
        status: The status of the file that has this content.
    """

    path: Path
    data: bytes
    status: os.stat_result


def _nearest(cwd: Path) -> tuple[_File, Layer] | None:
    for folder in (cwd, *cwd.parents):
        for name, parse in ((FILE_NAME, _from_yaml), (_PYPROJECT, _from_toml)):
            if not os.path.isfile(folder / name):
                continue
            file = _read(folder / name)
            layer = parse(file)
            if layer is not None:
                return file, _anchored(layer, folder)
    return None


def _read(path: Path) -> _File:
    try:
        with open_regular(path) as file:
            status, data = os.fstat(file.fileno()), file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"can't read the project file {path}: {error.strerror}", hint="Check its permissions, or remove it."
        ) from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(
            f"the project file {path} is larger than {_MAX_BYTES // 2**20} MiB", hint="Move data into another file."
        )
    return _File(path, data, status)


def _from_yaml(file: _File) -> Layer:
    source = str(file.path)
    lines = file.data.splitlines()
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in lines):
        return Layer(source)  # every setting in it is commented out
    from tsdia_run.config.document import parse  # YAML takes 50 ms to load; not every project has such a file

    document = parse(file.data, source)

    def locate(key: str) -> SourcePosition | None:
        value = document.find(key) if key else None
        return value.place if value else None

    return read_layer(source, document.plain(), locate)


def _from_toml(file: _File) -> Layer | None:
    source, text = str(file.path), file.data.decode("utf-8", "replace")
    if _TABLE not in text:
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tool: Any = tomllib.loads(text).get("tool", {})
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{source}: {error}", hint="Fix the syntax error: tsdia-run reads [tool.tsdia-run] from this file."
        ) from error
    section = tool.get(_TABLE) if isinstance(tool, dict) else None
    return None if section is None else read_layer(source, section, _locator(source, text))


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
