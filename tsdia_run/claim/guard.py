"""The claim: the exclusive right to write into a run directory.

A start claims a run directory by renaming a prepared folder to ``.tsdia`` in it; the folder contains a claim file that
is already locked. The rename succeeds for exactly one of any number of starts, and a claimed directory always has its
lock. The lock ends with the process, so no unlock is ever needed. On file systems without locks, ``lockless.py``
replaces the lock.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tsdia_run.claim import live_check, lockless, owner
from tsdia_run.errors.placing import Overtaken, PlaceFault, UnusablePlace
from tsdia_run.files.atomic import write_all, write_bytes
from tsdia_run.files.locks import Locking, lock, lock_patiently
from tsdia_run.files.opening import open_fd, touch
from tsdia_run.files.ownership import other_owner
from tsdia_run.rundir.layout import OWN_DIR_NAME, RunLayout

_TOKEN_PREFIX = f"{OWN_DIR_NAME}."
_CLAIM = RunLayout(Path()).claim.name
_HEARTBEAT = RunLayout(Path()).heartbeat.name
_ALIVE = RunLayout(Path()).alive.name
_RENEWALS = 20


class Claim:
    """The exclusive right to write into a run directory; it ends with ``close`` or with the process.

    Args:
        layout: The files of the run.
        claim_fd: The descriptor of the locked file; -1 before the file exists.
        held_fd: The descriptor that replaces the lock on a file system without locks; -1 with locks.
    """

    def __init__(self, layout: RunLayout, claim_fd: int = -1, held_fd: int = -1) -> None:
        self.layout = layout
        self._claim_fd = claim_fd
        self._held_fd = held_fd

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the user about the claim."""
        if self._held_fd < 0:
            return ()
        text = f"the file system of {self.layout.root} has no locks: a file protects the run, and no other machine can"
        return (f"{text} take over the run if this machine goes down",)

    def close(self) -> None:
        """Release the directory. Closing twice has no effect."""
        if self._claim_fd < 0:
            return
        if self._held_fd >= 0:
            lockless.release(self._held_fd)
        os.close(self._claim_fd)
        self._claim_fd = self._held_fd = -1

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def open_alive(self) -> int:
        """Return a descriptor with the shared lock of a running rank, for the process that is about to start."""
        fd = open_fd(self.layout.alive)
        lock(fd, shared=True)
        return fd

    def touch(self) -> None:
        """Update the heartbeat: after a kill of everything, it shows when the run was last running."""
        os.utime(self.layout.heartbeat, follow_symlinks=False)

    def sign(self) -> None:
        """Record this process as the owner, after a fork of the process that claimed the run."""
        write_bytes(self.layout.heartbeat, owner.this_process().as_bytes())
        if self._held_fd >= 0:
            lockless.sign(self._held_fd)

    def is_in_place(self) -> bool:
        """Return whether the claim still exists; the directory may have been removed or replaced."""
        return _is_same(self._claim_fd, self.layout.claim)

    def renew(self) -> None:
        """Create the directory and the claim again after they were removed.

        Raises:
            RunAliveError: Another process has claimed the directory in the meantime.
            RunDirectoryError: It can't be created or written.
        """
        for tries_left in reversed(range(_RENEWALS)):
            try:
                fresh = self._claim_again()
                break
            except Overtaken as error:
                # The process that removes the directory has removed the new one too.
                if not tries_left or not isinstance(error.__cause__, FileNotFoundError):
                    raise
        self.close()
        self._claim_fd, self._held_fd = fresh._claim_fd, fresh._held_fd

    def _claim_again(self) -> Claim:
        run_dir = self.layout.root
        with _refusals(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
        # No check for running ranks: they belong to this run.
        return _claim_own_folder(self.layout) if self.layout.own.is_dir() else _claim_unclaimed(run_dir)

    def moved_to(self) -> Path | None:
        """Return where the run directory is now, if it was moved."""
        try:
            claim = Path(os.readlink(f"/proc/self/fd/{self._claim_fd}"))
        except OSError:
            return None
        return claim.parents[1] if claim != self.layout.claim and _is_same(self._claim_fd, claim) else None

    def link_to(self, moved: Path) -> bool:
        """Put a symlink to the moved run directory at its old path, the only one that its training knows.

        Returns:
            Whether that worked; the path may be in use again.
        """
        root = self.layout.root
        with suppress(OSError):
            if root.is_symlink() and not root.exists():  # the directory was moved twice
                root.unlink()
            root.parent.mkdir(parents=True, exist_ok=True)
            root.symlink_to(moved)
        return self.is_in_place()


def claim_new(run_dir: Path) -> Claim:
    """Create ``run_dir`` and claim it; an existing empty directory can be claimed too.

    Raises:
        Overtaken: The directory is not empty; nothing was changed.
        RunDirectoryError: It can't be created, or is not a directory.
    """
    with _refusals(run_dir):
        run_dir.parent.mkdir(parents=True, exist_ok=True)
        run_dir.mkdir(exist_ok=True)
    return _claim_unclaimed(run_dir, must_be_free=True)


def claim_existing(run_dir: Path) -> Claim:
    """Claim a directory with contents: a run, or the output of a script that ran without tsdia-run.

    Raises:
        RunAliveError: Its supervisor or a rank is running.
        Overtaken: Another start replaced or claimed it just now.
        RunDirectoryError: It can't be written.
    """
    layout = RunLayout(run_dir)
    if not layout.own.is_dir():
        return _claim_unclaimed(run_dir)
    return _claim_own_folder(layout, live_check.refuse_ranks)


def _claim_own_folder(layout: RunLayout, check: Callable[[RunLayout], None] = lambda _: None) -> Claim:
    with _refusals(layout.root), ExitStack() as always, ExitStack() as on_failure:
        # By descriptor: another start may move the run to the trash and create a new one at its path.
        own_fd = live_check.open_folder(layout.own)
        always.callback(os.close, own_fd)
        claim_fd = open_fd(_CLAIM, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644, dir_fd=own_fd)
        claim = on_failure.enter_context(Claim(layout, claim_fd))
        claim._held_fd = _lock(layout, claim_fd, own_fd, check)
        if not claim.is_in_place():
            raise Overtaken(layout.root)
        touch(layout.alive)
        claim.sign()
        on_failure.pop_all()
    return claim


def _lock(layout: RunLayout, claim_fd: int, own_fd: int, check: Callable[[RunLayout], None]) -> int:
    """Lock an existing claim, or create the replacement of the lock; return its descriptor, -1 with a lock."""
    locking = lock_patiently(claim_fd)
    if locking is Locking.BUSY:
        raise live_check.supervised(layout)
    newest = live_check.refuse_owned(layout, own_fd)
    check(layout)
    if locking is Locking.LOCKED:
        return -1
    held_fd = lockless.take(own_fd, newest)
    if held_fd is None:
        live_check.refuse_owned(layout, own_fd)  # names the faster process, if it is still running
        raise Overtaken(layout.root)
    return held_fd


def refuse_running(run_dir: Path) -> None:
    """Check, without changing anything, that the run in ``run_dir`` is not running.

    Raises:
        RunAliveError: Its supervisor or a rank is running.
    """
    live_check.refuse(RunLayout(run_dir))


def _claim_unclaimed(run_dir: Path, *, must_be_free: bool = False) -> Claim:
    """Create the ``.tsdia`` folder under a temporary name, with its claim file locked, and rename it."""
    token = f"{_TOKEN_PREFIX}{os.urandom(6).hex()}"
    with _refusals(run_dir), ExitStack() as always, ExitStack() as on_failure:
        # Never through a symlink, so that nothing is created at a path that the user did not name.
        dir_fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        always.callback(os.close, dir_fd)
        # On a failure, this runs last: the folder is removed while it is locked.
        claim = on_failure.enter_context(Claim(RunLayout(run_dir)))
        on_failure.callback(_remove, token, dir_fd)
        os.mkdir(token, dir_fd=dir_fd)
        _fill(claim, token, dir_fd)
        if not _rename(token, dir_fd):
            raise Overtaken(run_dir)
        on_failure.callback(_remove, OWN_DIR_NAME, dir_fd)
        if must_be_free and not all(found == OWN_DIR_NAME or is_token(found) for found in os.listdir(dir_fd)):
            raise Overtaken(run_dir)
        on_failure.pop_all()
    return claim


def _fill(claim: Claim, token: str, dir_fd: int) -> None:
    with ExitStack() as opened:
        fd = os.open(token, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        opened.callback(os.close, fd)
        claim._claim_fd = _create(_CLAIM, fd)
        if lock(claim._claim_fd) is Locking.UNKNOWN:
            claim._held_fd = lockless.put_first(fd)
        # Created now, so that a full disk fails the start at once and not later.
        os.close(_create(_ALIVE, fd))
        heartbeat_fd = _create(_HEARTBEAT, fd)
        opened.callback(os.close, heartbeat_fd)
        write_all(heartbeat_fd, owner.this_process().as_bytes())


def _create(name: str, dir_fd: int) -> int:
    return open_fd(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=dir_fd)


def _rename(token: str, dir_fd: int) -> bool:
    try:
        os.rename(token, OWN_DIR_NAME, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _remove(own: str, dir_fd: int) -> None:
    """Remove a ``.tsdia`` folder that has no other contents yet."""
    with suppress(OSError):
        own_fd = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        lockless.remove_first(own_fd)
        for name in (_HEARTBEAT, _ALIVE, _CLAIM):
            with suppress(OSError):
                os.unlink(name, dir_fd=own_fd)
        os.close(own_fd)
        os.rmdir(own, dir_fd=dir_fd)


def _is_same(fd: int, path: Path) -> bool:
    """Return whether ``path`` is still the opened file; the directory may have been moved in the meantime."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False


def is_token(name: str) -> bool:
    """Return whether a name in a run directory is the temporary folder of a start, running or killed."""
    return name.startswith(_TOKEN_PREFIX)


@contextmanager
def _refusals(run_dir: Path) -> Iterator[None]:
    """Turn errors of the file system into errors for the user."""
    try:
        yield
    except FileNotFoundError as error:  # it existed a moment ago
        raise Overtaken(run_dir) from error
    except OSError as error:
        own = os.path.basename(error.filename) if isinstance(error.filename, str) else ""
        user = other_owner(run_dir) if error.errno in (errno.EACCES, errno.EPERM) else None
        if user is not None:
            reason = f"can't write {run_dir}: {error.strerror} (it belongs to {user})"
        elif own in (_CLAIM, _ALIVE):  # something else is in its place
            reason = f"can't use {RunLayout(run_dir).own / own}: {error.strerror}"
        elif error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EEXIST):
            wrong = next((path for path in (run_dir, *run_dir.parents) if os.path.lexists(path)), run_dir)
            reason = f"{wrong} is {'a symlink' if wrong.is_symlink() else 'not a directory'}"
        else:
            reason = f"can't create or write {run_dir}: {error.strerror}"
        raise UnusablePlace(reason, PlaceFault.NOT_CREATED) from error
