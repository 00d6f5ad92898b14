"""Which directory a run gets (pure)."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.config import Document
from tsdia_run.errors import ConfigError, RunDirectoryError, UsageError
from tsdia_run.rundir.fields import can_be_path

DEFAULT_ROOT = "runs"

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# Linux: NAME_MAX for a part, PATH_MAX for the whole; room is left for what lies inside a run.
_MAX_NAME_BYTES = 200
_MAX_PATH_BYTES = 3500


@dataclass(frozen=True)
class Wish:
    """Where the user wants the run.

    Attributes:
        run_dir: ``--run-dir``.
        name: ``--name``: replaces the last part.
        cwd: What relative paths are relative to.
        environ: For ``${VAR}`` and ``~``.
    """

    run_dir: str | None
    name: str | None
    cwd: Path
    environ: Mapping[str, str]


def run_directory(wish: Wish, document: Document | None, run_dir_key: str | None) -> Path:
    """The absolute path of the run directory.

    Args:
        wish: What the command line says.
        document: The config, if there is one.
        run_dir_key: The config key that holds the directory, if one does.

    Raises:
        ConfigError: The value in the config is no path, or a variable in it is not set.
        UsageError: Nothing says where the run goes, or ``--name`` is no name.
        RunDirectoryError: The place can't be a run directory.
    """
    if wish.run_dir is not None:
        text = expanded(wish.run_dir, wish.environ)
    else:
        text = _from_config(wish, document, run_dir_key)
    path = Path(os.path.abspath(os.path.join(wish.cwd, text)))
    if wish.name is not None:
        path = path.parent / _checked_name(wish.name)
    _refuse_odd(path)
    return path


def _from_config(wish: Wish, document: Document | None, run_dir_key: str | None) -> str:
    value = document.find(run_dir_key) if document and run_dir_key else None
    if value is not None and value.plain is not None:
        if not isinstance(value.plain, str) or not value.plain.strip():
            raise ConfigError(f"`{run_dir_key}` must be the path of a directory", place=value.place)
        try:
            return expanded(value.plain, wish.environ)
        except KeyError as error:
            raise ConfigError(
                f"`{run_dir_key}` needs the environment variable {error.args[0]}, which is not set",
                place=value.place,
                hint="Set it, or name the directory with --run-dir.",
            ) from None
    if document is not None:
        return os.path.join(DEFAULT_ROOT, Path(document.source).stem)
    if wish.name is not None:
        return os.path.join(DEFAULT_ROOT, wish.name)
    raise UsageError(
        "nothing says where the run goes", hint="Without a config, name the run: --name EXPERIMENT (or --run-dir PATH)."
    )


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """``text`` with ``~`` and ``${VAR}`` resolved.

    Raises:
        KeyError: A variable is not set.
    """
    text = _VARIABLE.sub(lambda match: environ[match.group(1)], text)
    if text == "~" or text.startswith("~/"):
        return environ.get("HOME", "~") + text[1:]
    return text


def _checked_name(name: str) -> str:
    if not name or name in (".", "..") or "/" in name:
        raise UsageError(
            f"{name!r} is no name for a run",
            hint="--name takes one part of a path, without `/`; --run-dir takes a path.",
        )
    return name


def _refuse_odd(path: Path) -> None:
    text = str(path)
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise RunDirectoryError(f"{text!r} has a control character", hint="Choose a name without one.")
    if not can_be_path(text):
        raise RunDirectoryError(f"{text!r} has a lone surrogate", hint="Choose a name without one.")
    long_part = next((part for part in path.parts if len(os.fsencode(part)) > _MAX_NAME_BYTES), None)
    if long_part:
        raise RunDirectoryError(
            f"{long_part[:40]}… is {len(os.fsencode(long_part))} bytes long; {_MAX_NAME_BYTES} fit",
            hint="Choose a shorter --name.",
        )
    if len(os.fsencode(text)) > _MAX_PATH_BYTES:
        raise RunDirectoryError("the path of the run directory is too long", hint="Choose a shorter --run-dir.")
