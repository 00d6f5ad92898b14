"""Choose the directory of a run (pure)."""

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
from tsdia_run.rundir import run_names
from tsdia_run.rundir.run_names import MAX_NAME_BYTES

DEFAULT_ROOT = "runs"

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
# What remains after the variables: OmegaConf's ${model.name}, ${oc.env:X,default} and ???, and a shell's $(date).
_INTERPOLATION = re.compile(r"\$\{[^}]*\}?|\$\([^)]*\)?|^\?\?\?$")
# Python's formats: "{model}".format(...), "%(model)s" % ...
_TEMPLATE = re.compile(r"\{[^{}]*\}|%\(\w+\)s")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Below Linux's PATH_MAX, with space for the paths inside a run.
_MAX_PATH_BYTES = 3500


@dataclass(frozen=True)
class RunPlaceRequest:
    """The requested directory of a run.

    Attributes:
        run_dir: ``--run-dir``.
        name: ``--name``: replaces the last part.
        cwd: The base of relative paths.
        environ: The environment, for ``$VAR``, ``${VAR}`` and ``~``.
        default_name: The name of a run without a config and without ``--name``; None if it must be named.
    """

    run_dir: str | None
    name: str | None
    cwd: Path
    environ: Mapping[str, str]
    default_name: str | None = None


def run_directory(
    request: RunPlaceRequest, document: Document | None, run_dir_key: str | None, *, is_usual: bool = False
) -> Path:
    """Return the absolute path of the run directory.

    Args:
        request: The options of the command line.
        document: The config, if any.
        run_dir_key: The config key with the directory, if any.
        is_usual: Whether the key was only recognised by its usual name. If its value can't be a run directory, the name
            of the config is used, and the script gets that directory.

    Raises:
        ConfigError: The value in the config is not a path, or only the script can resolve it.
        UsageError: No config and no name are given, ``--name`` is not valid, or ``--run-dir`` has an unset variable.
        RunDirectoryError: The path can't be a run directory.
    """
    if request.run_dir is not None:
        text = _from_flag(request.run_dir, request.environ)
    else:
        is_usable = not is_usual or _is_usable(request, document, run_dir_key)
        text = _from_config(request, document, run_dir_key if is_usable else None)
    path = Path(os.path.abspath(os.path.join(request.cwd, text)))
    if request.name is not None:
        path = path.parent / _checked_name(request.name)
    _refuse_invalid(path)
    return path


def _is_usable(request: RunPlaceRequest, document: Document | None, run_dir_key: str | None) -> bool:
    """Return whether a config value can be a run directory: a path that does not contain the working directory."""
    try:
        text = _from_config(request, document, run_dir_key)
    except ConfigError:
        return False
    path = Path(os.path.abspath(os.path.join(request.cwd, text)))
    return path != request.cwd and path not in request.cwd.parents


def _from_config(request: RunPlaceRequest, document: Document | None, run_dir_key: str | None) -> str:
    value = document.find(run_dir_key) if document and run_dir_key else None
    if value is not None and value.plain is not None:
        if not isinstance(value.plain, str) or not value.plain.strip():
            raise ConfigError(f"`{run_dir_key}` must be a directory path", place=value.place)
        assert document is not None  # the value is from the document
        _refuse_unresolved(f"`{run_dir_key}`", value.plain, value.place, document, request.environ)
        text = expanded(value.plain, request.environ)
        if _URL.match(text):
            raise UnusableRunDirectoryKey(f"`{run_dir_key}` is a URL: {text}", place=value.place, fault=PlaceFault.URL)
        return text
    if document is not None:
        # With `--name`, it is replaced.
        stem = Path(document.source).stem
        return os.path.join(DEFAULT_ROOT, stem if request.name is not None else _checked_name(stem))
    if request.name is not None:
        return os.path.join(DEFAULT_ROOT, request.name)
    if request.default_name is not None:
        return os.path.join(DEFAULT_ROOT, _checked_name(request.default_name))
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
    """Raise an error for a config value that tsdia-run can't resolve."""
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
        problem = f"{name}: the environment variable {unset} is not set"
        raise UnusableRunDirectoryKey(problem, place=at, fault=PlaceFault.UNSET_VARIABLE)


def _unset(text: str, environ: Mapping[str, str]) -> str | None:
    """Return the first variable that is unset or empty; an empty one would put the run in the parent directory."""
    names = (match.group(1) or match.group(2) for match in _VARIABLE.finditer(text))
    return next((name for name in names if not environ.get(name)), None)


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """Return ``text`` with ``~``, ``~user``, ``$VAR`` and ``${VAR}`` resolved; an unset variable stays unchanged."""
    text = _VARIABLE.sub(lambda match: environ.get(match.group(1) or match.group(2), match.group()), text)
    if text == "~" or text.startswith("~/"):
        return environ.get("HOME", "~") + text[1:]
    return os.path.expanduser(text)


def is_literal(text: str) -> bool:
    """Return whether every script reads a path in the config literally."""
    return not any(mark in text for mark in "$~{%")


def _checked_name(name: str) -> str:
    fault = run_names.fault(name)
    if fault:
        raise BadRunName(name, fault, run_names.usable(name))
    return name


def _refuse_invalid(path: Path) -> None:
    text = str(path)
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise RunDirectoryError(f"{text!r} has a control character", hint="Use a name without it.")
    if not can_be_path(text):
        raise RunDirectoryError(f"{text!r} has a lone surrogate", hint="Use a name without it.")
    long_part = next((part for part in path.parts if len(os.fsencode(part)) > MAX_NAME_BYTES), None)
    if long_part:
        raise UnusablePlace(
            f"{long_part[:40]}… is {len(os.fsencode(long_part))} bytes long; the limit is {MAX_NAME_BYTES}",
            PlaceFault.LONG_NAME,
        )
    if len(os.fsencode(text)) > _MAX_PATH_BYTES:
        raise UnusablePlace("the path of the run directory is too long", PlaceFault.LONG_PATH)
