"""Which directory a run gets (pure)."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.config import Document
from tsdia_run.errors import ConfigError, RunDirectoryError, SourcePosition
from tsdia_run.errors.placing import (
    BadRunName,
    NamelessRun,
    PlaceFault,
    UnsetVariable,
    UnusablePlace,
    UnusableRunDirectoryKey,
)
from tsdia_run.files.fields import can_be_path

DEFAULT_ROOT = "runs"

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
# What is left once the variables are gone: OmegaConf's ${model.name}, ${oc.env:X,default} and ???, a shell's $(date).
_INTERPOLATION = re.compile(r"\$\{[^}]*\}?|\$\([^)]*\)?|^\?\?\?$")
# Python's own: "{model}".format(...), "%(model)s" % ...
_TEMPLATE = re.compile(r"\{[^{}]*\}|%\(\w+\)s")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Linux: NAME_MAX for a part, PATH_MAX for the whole; room is left for what lies inside a run.
_MAX_NAME_BYTES = 200
_MAX_PATH_BYTES = 3500


@dataclass(frozen=True)
class RunPlaceRequest:
    """Where the user wants the run.

    Attributes:
        run_dir: ``--run-dir``.
        name: ``--name``: replaces the last part.
        cwd: What relative paths are relative to.
        environ: For ``$VAR``, ``${VAR}`` and ``~``.
    """

    run_dir: str | None
    name: str | None
    cwd: Path
    environ: Mapping[str, str]


def run_directory(wish: RunPlaceRequest, document: Document | None, run_dir_key: str | None) -> Path:
    """The absolute path of the run directory.

    Args:
        wish: What the command line says.
        document: The config, if there is one.
        run_dir_key: The config key that holds the directory, if one does.

    Raises:
        ConfigError: The value in the config is not a path, or only the script can resolve it.
        UsageError: Nothing says where the run goes, ``--name`` is no name, or a variable in ``--run-dir`` is not set.
        RunDirectoryError: The place can't be a run directory.
    """
    if wish.run_dir is not None:
        text = _from_flag(wish.run_dir, wish.environ)
    else:
        text = _from_config(wish, document, run_dir_key)
    path = Path(os.path.abspath(os.path.join(wish.cwd, text)))
    if wish.name is not None:
        path = path.parent / _checked_name(wish.name)
    _refuse_odd(path)
    return path


def _from_config(wish: RunPlaceRequest, document: Document | None, run_dir_key: str | None) -> str:
    value = document.find(run_dir_key) if document and run_dir_key else None
    if value is not None and value.plain is not None:
        if not isinstance(value.plain, str) or not value.plain.strip():
            raise ConfigError(f"`{run_dir_key}` must be the path of a directory", place=value.place)
        assert document is not None  # it has the value
        _refuse_unresolved(f"`{run_dir_key}`", value.plain, value.place, document, wish.environ)
        text = expanded(value.plain, wish.environ)
        if _URL.match(text):
            raise UnusableRunDirectoryKey(f"`{run_dir_key}` is a URL: {text}", place=value.place, fault=PlaceFault.URL)
        return text
    if document is not None:
        return os.path.join(DEFAULT_ROOT, Path(document.source).stem)
    if wish.name is not None:
        return os.path.join(DEFAULT_ROOT, wish.name)
    raise NamelessRun


def _from_flag(text: str, environ: Mapping[str, str]) -> str:
    unset = _unset(text, environ)
    if unset:
        raise UnsetVariable(unset, text)
    found = expanded(text, environ)
    if _URL.match(found):
        raise UnusablePlace(f"{found} is a URL", PlaceFault.URL)
    return found


def _refuse_unresolved(
    name: str, text: str, at: SourcePosition, document: Document, environ: Mapping[str, str]
) -> None:
    """Refuse a value in the config that can't be resolved here."""
    unset = _unset(text, environ)
    own = next(
        (match.group() for one in (_INTERPOLATION, _TEMPLATE) if (match := one.search(_VARIABLE.sub("", text)))), ""
    )
    if unset and document.find(unset) is not None:
        own = f"${{{unset}}}"
    if own:
        raise UnusableRunDirectoryKey(
            f"{name} contains {own}, which only the script can resolve", place=at, fault=PlaceFault.SCRIPT_ONLY
        )
    if unset:
        problem = f"{name} needs the environment variable {unset}, which is not set"
        raise UnusableRunDirectoryKey(problem, place=at, fault=PlaceFault.UNSET_VARIABLE)


def _unset(text: str, environ: Mapping[str, str]) -> str | None:
    """The first variable without a value: an empty one would put the run where its siblings belong."""
    names = (match.group(1) or match.group(2) for match in _VARIABLE.finditer(text))
    return next((name for name in names if not environ.get(name)), None)


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """``text`` with ``~``, ``~user``, ``$VAR`` and ``${VAR}`` resolved; a variable that is not set stays as it is."""
    text = _VARIABLE.sub(lambda match: environ.get(match.group(1) or match.group(2), match.group()), text)
    if text == "~" or text.startswith("~/"):
        return environ.get("HOME", "~") + text[1:]
    return os.path.expanduser(text)


def is_literal(text: str) -> bool:
    """Whether a path in a config means to every script what it says."""
    return not any(mark in text for mark in "$~{%")


def _checked_name(name: str) -> str:
    if not name or name in (".", "..") or "/" in name:
        raise BadRunName(name)
    return name


def _refuse_odd(path: Path) -> None:
    text = str(path)
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise RunDirectoryError(f"{text!r} has a control character", hint="Choose a name without one.")
    if not can_be_path(text):
        raise RunDirectoryError(f"{text!r} has a lone surrogate", hint="Choose a name without one.")
    long_part = next((part for part in path.parts if len(os.fsencode(part)) > _MAX_NAME_BYTES), None)
    if long_part:
        raise UnusablePlace(
            f"{long_part[:40]}… is {len(os.fsencode(long_part))} bytes long; {_MAX_NAME_BYTES} fit",
            PlaceFault.LONG_NAME,
        )
    if len(os.fsencode(text)) > _MAX_PATH_BYTES:
        raise UnusablePlace("the path of the run directory is too long", PlaceFault.LONG_PATH)
