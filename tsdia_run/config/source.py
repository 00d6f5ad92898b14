"""Read a config file, and report problems with the file itself."""

from __future__ import annotations

import errno
from pathlib import Path

from tsdia_run.config.document import Document, parse
from tsdia_run.errors import ConfigError, NotFoundError
from tsdia_run.errors.launching import ConfigIsPython
from tsdia_run.files.opening import open_regular
from tsdia_run.text import nearest

# A config is written by hand. PyYAML takes several seconds for this size.
MAX_CONFIG_BYTES = 1024 * 1024


def read(path: Path, shown: str | None = None) -> Document:
    """Read and parse a config.

    Args:
        path: The file.
        shown: The name of the file in messages; by default ``path``.

    Raises:
        NotFoundError: The file does not exist.
        ConfigError: The file is not a readable text file, is too large, or is not a mapping in its format.
    """
    source = shown or str(path)
    try:
        with open_regular(path) as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _not_found(path, source) from error
    except IsADirectoryError as error:
        raise ConfigError(f"{source} is a directory", hint=_inside(path)) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EINVAL:
            raise ConfigError(f"{source} is not a regular file", hint="Give a YAML, JSON or TOML file.") from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"can't read {source}: {reason}", hint="Check the file's permissions, or give another file."
        ) from error
    if len(data) > MAX_CONFIG_BYTES:
        raise ConfigError(
            f"{source} is larger than {MAX_CONFIG_BYTES // 1024} KiB",
            hint="Move data out of the config, into a separate file.",
        )
    try:
        return parse(data, source)
    except ConfigError as error:
        if path.suffix != ".py":
            raise
        raise ConfigIsPython(source) from error


def _not_found(path: Path, source: str) -> NotFoundError:
    known = _configs(path.parent)
    near = nearest(path.name, known)
    hint = f"Did you mean {path.with_name(near)}?" if near else _listed(known, path.parent)
    return NotFoundError(f"config {source} does not exist", hint=hint)


def _inside(path: Path) -> str:
    return _listed(_configs(path), path)


def _listed(names: list[str], folder: Path) -> str:
    return f"Configs in {folder}: {', '.join(names[:5])}." if names else "Give a YAML, JSON or TOML file."


def _configs(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.suffix in (".yml", ".yaml", ".json", ".toml"))
    except OSError:
        return []
