"""Find the files that a config names, make their paths absolute in the script's copy, and keep their contents."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document, Edited, Redirect
from tsdia_run.config.references import defaults, references
from tsdia_run.config.source import MAX_CONFIG_BYTES
from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.fields import read_bounded
from tsdia_run.files.redaction import secret_kind
from tsdia_run.launch.secrets import secrets_in

_MAX_FILES = 100
_MAX_BYTES = 16 * MAX_CONFIG_BYTES
_MAX_LEVELS = 20
_HYDRA_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Named:
    """The files that a config names.

    Attributes:
        edited: The config with absolute paths, which can be read from any folder.
        files: The contents of the files by path, including the files that they name in turn.
        warnings: Warnings about files that can't be found or kept.
    """

    edited: Edited
    files: Mapping[Path, bytes]
    warnings: tuple[str, ...]


def resolve(edited: Edited, folder: Path, cwd: Path) -> Named:
    """Find the files that a config names.

    Args:
        edited: The config for the script.
        folder: The folder of the user's file.
        cwd: The working directory of the script.
    """
    document = edited.document
    points: list[Redirect] = []
    missing: list[str] = []
    found: list[Path] = []
    for reference in references(document):
        paths = _files(folder, reference.path)
        if paths and not os.path.isabs(os.path.expanduser(reference.path)):
            points.append(Redirect(reference.key, reference.start, os.path.normpath(folder / reference.path)))
        elif not paths:
            paths = _files(cwd, reference.path)
            if not paths and reference.is_sure and _is_relative(reference.path):
                missing.append(f"`{reference.key}`: {reference.path} does not exist in {folder}")
        found += paths
    composed = list(_composed(document, folder, folder))
    if composed:
        shown = ", ".join(os.path.relpath(path, folder) for path in composed[:3])
        missing.append(
            f"`defaults` names configs next to {document.name} ({shown}), but the script reads a copy in the run"
            " directory and can't find them. Pass the original folder after `--`, or copy these configs into the config"
        )
    files, left_out = _gathered([*found, *composed], folder)
    if left_out:
        missing.append(f"some files named in {document.name} are not kept with the attempt: {left_out}")
    # From the end, since a longer path shifts everything after it.
    points.sort(key=lambda one: -one.start)
    pointed = config.apply(document, points)
    return Named(Edited(pointed.document, (*edited.changes, *pointed.changes)), files, tuple(missing))


def _is_relative(path: str) -> bool:
    return "://" not in path and "::" not in path and not path.startswith(("~", "$", "/"))


def _files(folder: Path, path: str) -> list[Path]:
    """Return the files of a reference: one file, the matches of a pattern, or the files in a folder."""
    if "://" in path or "\0" in path:
        return []
    full = os.path.normpath(os.path.join(folder, os.path.expanduser(path)))
    if os.path.isdir(full):
        full = os.path.join(glob.escape(full), "*")
    if os.path.isfile(full):
        return [Path(full)]
    found = sorted(glob.glob(full)) if glob.has_magic(full) else []
    return [Path(one) for one in found[: _MAX_FILES + 1] if os.path.isfile(one)]


def _composed(document: Document, folder: Path, root: Path) -> Iterator[Path]:
    """Yield the configs of Hydra's ``defaults``, in the folder, or below the root if a name starts with a slash."""
    for name in defaults(document):
        start = root if name.startswith("/") else folder
        for suffix in _HYDRA_SUFFIXES:
            path = start / (name.lstrip("/") + suffix)
            if os.path.isfile(path):
                yield path


def _gathered(paths: list[Path], root: Path) -> tuple[dict[Path, bytes], str]:
    """Return the contents of files and of the files that they name, and why some are missing (empty if none are)."""
    files: dict[Path, bytes] = {}
    seen: set[Path] = set()
    left_out = ""
    level, levels = paths, 0
    while level and levels < _MAX_LEVELS:
        next_level: list[Path] = []
        for path in dict.fromkeys(level):
            if path in seen:
                continue
            seen.add(path)
            if len(files) == _MAX_FILES or sum(map(len, files.values())) > _MAX_BYTES:
                return files, f"the limit is {_MAX_FILES} files or {_MAX_BYTES // 2**20} MiB"
            try:
                data = read_bounded(path, MAX_CONFIG_BYTES)
            except (OSError, ValueError) as error:
                left_out = f"can't read {path}: {error}"
                continue
            document = _parsed(data, path)
            if _has_secret(data, path, document):
                left_out = f"{path} seems to contain a secret"
            else:
                files[path] = data
            next_level += _named_in(document, path, root) if document else []
        level, levels = next_level, levels + 1
    return files, left_out


def _parsed(data: bytes, path: Path) -> Document | None:
    try:
        return config.parse(data, str(path))
    except TsdiaRunError:  # for example a Python file
        return None


def _has_secret(data: bytes, path: Path, document: Document | None) -> bool:
    from tsdia_run.provenance.patch import looks_secret  # imported late, since few configs name other files

    is_named_so = looks_secret(path.name) or secret_kind(data.decode("utf-8", "replace")) is not None
    return is_named_so or (document is not None and bool(secrets_in(document)))


def _named_in(document: Document, path: Path, root: Path) -> list[Path]:
    named = [one for reference in references(document) for one in _files(path.parent, reference.path)]
    return [*named, *_composed(document, path.parent, root)]


def kept_as(paths: Sequence[Path]) -> dict[Path, Path]:
    """Return a relative path for each file, which keeps their relative positions."""
    if not paths:
        return {}
    top = os.path.commonpath([path.parent for path in paths])
    return {path: path.relative_to(top) for path in paths}
