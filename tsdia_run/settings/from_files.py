"""Settings from files: the `tsdia_run` section of the config, the project file, and the user's own file."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdia_run.errors import ConfigError, SourcePosition
from tsdia_run.errors.launching import UntrustedProjectFile
from tsdia_run.files.opening import open_regular
from tsdia_run.files.ownership import Trust
from tsdia_run.settings import SECTION, SETTINGS, Layer, Level, Locate, kinds, read_layer
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
        return Layer("the config", level=Level.CONFIG)

    def locate(key: str) -> SourcePosition | None:
        value = document.find(f"{SECTION}.{key}" if key else SECTION)
        return value.place if value else None

    return read_layer(document.source, section.plain, locate, Level.CONFIG)


def file_layers(section: Layer, cwd: Path, environ: Mapping[str, str], trust: Trust) -> tuple[Layer, ...]:
    """Return the layers of all files, the highest priority first.

    Args:
        section: The settings of the config.
        cwd: Where to start the search for the project file.
        environ: The user's environment.
        trust: Whose files may set what runs.

    Raises:
        ConfigError: A file can't be used.
    """
    return section, project_layer(cwd, trust), user_layer(environ, trust)


def notify_layer(layer: Layer) -> Layer:
    """Return only where notifications go, and about which events."""
    return Layer(layer.source, {key: value for key, value in layer.values.items() if key.startswith(_NOTIFY)})


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
    if found is None:
        return Layer("no project file")
    file, layer = found
    doubt = trust.doubt(file.path, file.status) if (decisive := decisive_keys(layer)) else None
    if doubt:
        raise UntrustedProjectFile(file.path, decisive, doubt, cwd)
    return layer


def decisive_keys(layer: Layer) -> tuple[str, ...]:
    """Return the keys of a layer whose values can make a program run."""
    return tuple(one.key for one in SETTINGS if one.effect is Effect.CODE and one.key in layer.values)


def user_file(environ: Mapping[str, str]) -> Path:
    """Return the path of the user's own settings file, which may not exist."""
    base = environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification ignores relative paths.
    folder = Path(base) if os.path.isabs(base) else Path(environ.get("HOME") or Path.home(), ".config")
    return folder / "tsdia-run" / "config.yml"


def user_layer(environ: Mapping[str, str], trust: Trust) -> Layer:
    """Read the user's own settings file. Relative paths in it are relative to the working directory of a start.

    Raises:
        ConfigError: The file can't be read, a setting in it is unknown or invalid, or it sets what runs and another
            user could have written it.
    """
    path = user_file(environ)
    if not os.path.isfile(path):
        return Layer("no user file", level=Level.USER)
    file = _read(path)
    layer = _from_yaml(file, Level.USER)
    doubt = trust.doubt(path, file.status) if (decisive := decisive_keys(layer)) else None
    if doubt:
        raise UntrustedProjectFile(path, decisive, doubt, None)
    return layer


def root_layers(cwd: Path, environ: Mapping[str, str]) -> tuple[Layer, ...]:
    """Read only where to look for runs: this is safe from any file, since nothing of it runs.

    Raises:
        ConfigError: A file can't be read, or a setting in it is unknown or invalid.
    """
    found = _nearest(cwd)
    if found and "roots" in found[1].values:
        return (_only_roots(found[1]),)
    path = user_file(environ)
    # Parsing YAML takes 50 ms: few of these files set the folders of runs.
    file = _read(path) if os.path.isfile(path) else None
    return (_only_roots(_from_yaml(file, Level.USER)),) if file and b"roots" in file.data else ()


def _only_roots(layer: Layer) -> Layer:
    return replace(layer, values={key: layer.values[key] for key in ("roots",) if key in layer.values})


@dataclass(frozen=True)
class _File:
    """A settings file that was read.

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
            f"can't read the settings file {path}: {error.strerror}", hint="Check its permissions, or remove it."
        ) from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(
            f"the settings file {path} is larger than {_MAX_BYTES // 2**20} MiB", hint="Move data into another file."
        )
    return _File(path, data, status)


def _from_yaml(file: _File, level: Level = Level.PROJECT) -> Layer:
    source = str(file.path)
    lines = file.data.splitlines()
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in lines):
        return Layer(source, level=level)  # every setting in it is commented out
    from tsdia_run.config.document import parse  # YAML takes 50 ms to load; not every project has such a file

    document = parse(file.data, source)

    def locate(key: str) -> SourcePosition | None:
        value = document.find(key) if key else None
        return value.place if value else None

    return read_layer(source, document.plain(), locate, level)


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
    return None if section is None else read_layer(source, section, _locator(source, text), Level.PROJECT)


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
    return replace(layer, values=values)
