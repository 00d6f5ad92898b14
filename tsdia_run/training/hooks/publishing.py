"""Write the files that describe an attempt, for scripts that do not write them.

Each attempt has its own (``attempts/N``). The files in the run directory are those of the newest attempt. A file of the
script never changes: a file is replaced only if it is equal to that of an attempt.
"""

from __future__ import annotations

from pathlib import Path

from tsdia_run.files.atomic import write_bytes
from tsdia_run.files.fields import read_bounded
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.training.hooks.session import Session

_MAX_BYTES = 16 * 1024 * 1024


def publish(session: Session, which: str, data: bytes, mode: int) -> None:
    """Write a file of the attempt, and its copy in the run directory.

    Args:
        session: The attempt.
        which: The file, as the layouts name it.
        data: Its content.
        mode: Its permissions.

    Raises:
        OSError: The file can't be written.
    """

    def place(layout: AttemptLayout | RunLayout) -> Path:
        path: Path = getattr(layout, which)
        return path

    shared = place(session.layout)
    # Not durable: a script may change its hyperparameters in hundreds of calls, and the disk would delay each one.
    if not shared.exists() or _is_copy(shared, [place(session.layout.attempt(n)) for n in range(session.number + 1)]):
        write_bytes(shared, data, mode=mode, is_durable=False)
    write_bytes(place(session.attempt), data, mode=mode, is_durable=False)


def _is_copy(path: Path, attempts: list[Path]) -> bool:
    data = _content(path)
    return data is not None and any(_content(copy) == data for copy in reversed(attempts))


def _content(path: Path) -> bytes | None:
    try:
        return read_bounded(path, _MAX_BYTES)
    except (OSError, ValueError):  # not a file that tsdia-run wrote
        return None
