"""Find checkpoints that a config or an argument names but that do not exist."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tsdia_run.checkpoints import parse_name
from tsdia_run.rundir.arguments import pairs

_WHAT = r"(?:_(?:checkpoint|ckpt|path|dir|folder|file|model|weights|state))*"
_RESUME_FLAG = re.compile(rf"resume(?:_from)?{_WHAT}|ckpt_path")
_LOAD_FLAG = re.compile(rf"(?:load|restore|restart|init|start)(?:_from)?{_WHAT}|from{_WHAT}")
_WEIGHTS = (".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors", ".npz", ".pkl", ".msgpack", ".h5")


def is_missing(value: str, folders: Iterable[Path]) -> bool:
    """Return whether a value is clearly a path that does not exist.

    Words such as ``latest`` or ``auto``, names on a hub (``org/name``), URLs and values with variables are not treated
    as paths.

    Args:
        value: The value.
        folders: The possible bases of a relative path.
    """
    if not value or "$" in value or "{" in value or "://" in value or not _is_path(value, folders := list(folders)):
        return False
    return not any(os.path.exists(folder / os.path.expanduser(value)) for folder in folders)


def _is_path(value: str, folders: Sequence[Path]) -> bool:
    if value.startswith(("/", "./", "../", "~/")) or value.lower().endswith(_WEIGHTS):
        return True
    if ":" in value:  # a W&B artifact (``team/project/model:v3``), or MLflow's ``models:/name/1``
        return False
    parts = value.rstrip("/").split("/")
    is_below = len(parts) > 1 and any((folder / parts[0]).is_dir() for folder in folders)
    return is_below or len(parts) > 2 or (parse_name(Path(value)) is not None and not value.isdecimal())


def in_arguments(words: Sequence[str], folders: Sequence[Path]) -> Iterator[tuple[str, str, bool]]:
    """Yield the flags that name a checkpoint that does not exist.

    Args:
        words: The script's arguments.
        folders: The possible bases of a relative path.

    Yields:
        The flag, its value, and whether the flag certainly names a checkpoint to resume from.
    """
    for flag, values in pairs(words):
        name = flag.lstrip("-+").rpartition(".")[2].replace("-", "_").lower()
        is_resume = _RESUME_FLAG.fullmatch(name) is not None
        if len(values) == 1 and (is_resume or _LOAD_FLAG.fullmatch(name)) and is_missing(values[0], folders):
            yield flag, values[0], is_resume
