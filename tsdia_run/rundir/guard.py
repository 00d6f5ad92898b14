"""Who may write into a run directory: exclusive creation, the two locks, and moving an old run aside.

A run directory is claimed by putting a folder ``.tsdia`` into it, with a claim file that is locked already, by one
rename. The rename succeeds for exactly one of any number of starters, and no moment exists in which a claimed directory
is without its lock. The lock ends with the process, so no unlock is ever needed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shlex
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run.errors import RunAliveError, RunDirectoryError
from tsdia_run.rundir.atomic import write_json
from tsdia_run.rundir.layout import OWN_DIR_NAME, TRASH_DIR_NAME, RunLayout

_TOKEN_PREFIX = f"{OWN_DIR_NAME}."
_CLAIM = RunLayout(Path()).claim.name
_HEARTBEAT = RunLayout(Path()).heartbeat.name
_TRIES = 5
_BETWEEN_TRIES_S = 0.01
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class TakenError(Exception):
    """The directory is not empty, or another start was faster."""


@dataclass(frozen=True)
class Holder:
    """Who holds a claim.

    Attributes:
        host: Name of the machine.
        pid: Process id of the supervisor on it.
        since: When it took the claim, ISO 8601.
    """

    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host} since {self.since}"


class Claim:
    """The exclusive right to write into a run directory; ends with ``close`` or with the process."""

    def __init__(self, layout: RunLayout, claim_fd: int) -> None:
        self.layout = layout
        self._claim_fd = claim_fd

    def close(self) -> None:
        """Give the directory free. Closing twice is harmless."""
        if self._claim_fd >= 0:
            os.close(self._claim_fd)
            self._claim_fd = -1

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def open_alive(self) -> int:
        """A descriptor with the shared lock of a living rank, for the process that is about to be started."""
        fd = os.open(self.layout.alive, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return fd

    def touch(self) -> None:
        """Beat: what is read as "was alive then" after everything was killed."""
        os.utime(self.layout.heartbeat)

    def sign(self) -> None:
        """Name this process as the holder: a fork of the one that claimed."""
        write_json(self.layout.heartbeat, asdict(_ourselves()))

    def is_standing(self) -> bool:
        """Whether the claim is in its place: somebody may have removed or replaced the directory."""
        return _is_same(self._claim_fd, self.layout.claim)

    def renew(self) -> None:
        """Make directory and claim again after they were removed.

        Raises:
            TakenError: Somebody else has claimed the directory meanwhile.
            RunDirectoryError: It can't be made or written.
        """
        run_dir = self.layout.root
        with _refusals(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
            if self.layout.own.is_dir():
                fd = os.open(self.layout.claim, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
                if not _lock_patiently(fd, run_dir):
                    os.close(fd)
                    raise TakenError(run_dir)
                self.sign()
            else:
                dir_fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fd = _put_own_folder(run_dir, dir_fd)
                finally:
                    os.close(dir_fd)
        os.close(self._claim_fd)
        self._claim_fd = fd


def claim_new(run_dir: Path) -> Claim:
    """Create ``run_dir`` and claim it; an existing empty directory may be claimed too.

    Raises:
        TakenError: Something is in there; nothing was changed.
        RunDirectoryError: It can't be created, or is no directory.
    """
    with _refusals(run_dir):
        run_dir.parent.mkdir(parents=True, exist_ok=True)
        run_dir.mkdir(exist_ok=True)
    claim = _claim_unclaimed(run_dir)
    if all(name == OWN_DIR_NAME or is_token(name) for name in os.listdir(run_dir)):
        return claim
    claim.layout.heartbeat.unlink()
    claim.layout.claim.unlink()
    claim.layout.own.rmdir()
    claim.close()
    raise TakenError(run_dir)


def claim_existing(run_dir: Path) -> Claim:
    """Claim a directory with something in it: a run, or what a script left without us.

    Raises:
        RunAliveError: A supervisor or a rank of it lives.
        TakenError: It was replaced or claimed by another start at this moment.
        RunDirectoryError: It can't be written.
    """
    layout = RunLayout(run_dir)
    if not layout.own.is_dir():
        return _claim_unclaimed(run_dir)
    with _refusals(run_dir):
        claim_fd = os.open(layout.claim, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        if not _lock_patiently(claim_fd, run_dir):
            raise _alive_error(run_dir)
        if not _is_same(claim_fd, layout.claim):
            raise TakenError(run_dir)
        _refuse_living_ranks(layout)
        with _refusals(run_dir):
            write_json(layout.heartbeat, asdict(_ourselves()))
    except BaseException:
        os.close(claim_fd)
        raise
    return Claim(layout, claim_fd)


def refuse_living(run_dir: Path) -> None:
    """Ask, without changing anything, whether a run lives in ``run_dir``.

    Raises:
        RunAliveError: A supervisor or a rank of it lives.
    """
    layout = RunLayout(run_dir)
    try:
        fd = os.open(layout.claim, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not _lock_patiently(fd, run_dir):
            raise _alive_error(run_dir)
        _refuse_living_ranks(layout)
    finally:
        os.close(fd)


def _alive_error(run_dir: Path) -> RunAliveError:
    return RunAliveError(
        f"a live run holds {run_dir}: {holder(run_dir) or 'its holder is not known'}",
        hint=f"Stop it: tsdia-run stop {shlex.quote(str(run_dir))}\nOr start beside it: --name ANOTHER_NAME",
    )


def holder(run_dir: Path) -> Holder | None:
    """Who wrote the heartbeat; None where that can't be read."""
    try:
        data = json.loads(RunLayout(run_dir).heartbeat.read_bytes())
        return Holder(host=str(data["host"]), pid=int(data["pid"]), since=str(data["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def move_aside(claim: Claim) -> Path:
    """Move a claimed directory into the trash folder beside it and give the claim up.

    Returns:
        Where it is now.

    Raises:
        RunDirectoryError: It can't be moved, being a mount point, say; it stands as it was.
    """
    run_dir = claim.layout.root
    trash = run_dir.parent / TRASH_DIR_NAME
    stamp = f"{datetime.now():%Y%m%d_%H%M%S}"
    target = trash / f"{run_dir.name}-{stamp}-{secrets.token_hex(2)}"
    try:
        trash.mkdir(exist_ok=True)
        if trash.is_symlink():
            raise RunDirectoryError(f"{trash} is a link; nothing is moved through it", hint="Remove the link.")
        run_dir.rename(target)
    except OSError as error:
        raise RunDirectoryError(
            f"can't move {run_dir} to {target}: {error.strerror}", hint="Start beside it with --name ANOTHER_NAME."
        ) from error
    finally:
        claim.close()
    return target


def _claim_unclaimed(run_dir: Path) -> Claim:
    with _refusals(run_dir):
        # Never through a link, so that nothing is created in a place that the user did not name.
        dir_fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return Claim(RunLayout(run_dir), _put_own_folder(run_dir, dir_fd))
    finally:
        os.close(dir_fd)


def _put_own_folder(run_dir: Path, dir_fd: int) -> int:
    """Make the folder under another name, lock its claim file, and rename it: the descriptor that holds the lock."""
    token = f"{_TOKEN_PREFIX}{secrets.token_hex(6)}"
    claim_fd = -1
    try:
        with _refusals(run_dir):
            os.mkdir(token, dir_fd=dir_fd)
            claim_fd = _create(f"{token}/{_CLAIM}", dir_fd)
            _lock(claim_fd, run_dir)
            heartbeat_fd = _create(f"{token}/{_HEARTBEAT}", dir_fd)
            os.write(heartbeat_fd, json.dumps(asdict(_ourselves())).encode())
            os.close(heartbeat_fd)
        os.rename(token, OWN_DIR_NAME, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException as error:
        if claim_fd >= 0:
            os.close(claim_fd)
        _remove(token, dir_fd)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise TakenError(run_dir) from error
        raise
    return claim_fd


def _create(name: str, dir_fd: int) -> int:
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=dir_fd)


def _remove(token: str, dir_fd: int) -> None:
    for name in (_CLAIM, _HEARTBEAT):
        with suppress(OSError):
            os.unlink(f"{token}/{name}", dir_fd=dir_fd)
    with suppress(OSError):
        os.rmdir(token, dir_fd=dir_fd)


def _ourselves() -> Holder:
    return Holder(
        host=socket.gethostname(), pid=os.getpid(), since=datetime.now(timezone.utc).isoformat(timespec="seconds")
    )


def _lock(fd: int, run_dir: Path) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise RunDirectoryError(
            f"the file system of {run_dir} has no locks ({error.strerror}), so a run in it can't be guarded",
            hint="Put the run directory on another file system with --run-dir.",
        ) from error
    return True


def _lock_patiently(fd: int, run_dir: Path) -> bool:
    """Lock, though somebody may be asking at this moment whether it is locked."""
    for _ in range(_TRIES):
        if _lock(fd, run_dir):
            return True
        time.sleep(_BETWEEN_TRIES_S)
    return False


def _is_same(fd: int, path: Path) -> bool:
    """Whether ``path`` still is the file that was opened: the directory may have been moved away meanwhile."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False


def _refuse_living_ranks(layout: RunLayout) -> None:
    try:
        fd = os.open(layout.alive, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not _lock_patiently(fd, layout.root):
            raise RunAliveError(
                f"the training in {layout.root} still runs, though its supervisor ({holder(layout.root)}) is gone",
                hint=f"Wait for it to end, or end it: tsdia-run stop {shlex.quote(str(layout.root))}",
            )
    finally:
        os.close(fd)


def is_token(name: str) -> bool:
    """Whether a name in a run directory is that of a start which tries to claim it, or died trying."""
    return name.startswith(_TOKEN_PREFIX)


@contextmanager
def _refusals(run_dir: Path) -> Iterator[None]:
    """Turn what the file system refuses into words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EEXIST):
            wrong = next((path for path in (run_dir, *run_dir.parents) if os.path.lexists(path)), run_dir)
            reason = f"{wrong} is {'a link' if wrong.is_symlink() else 'not a directory'}"
        else:
            reason = f"can't create or write {run_dir}: {error.strerror}"
        raise RunDirectoryError(
            reason, hint="Name another place with --run-dir, or another name with --name."
        ) from error
