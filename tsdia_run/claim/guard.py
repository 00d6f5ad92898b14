"""Who may write into a run directory: exclusive creation, and the claim.

A run directory is claimed by putting a folder ``.tsdia`` into it, with a claim file that is locked already, by one
rename. The rename succeeds for exactly one of any number of starters, and no moment exists in which a claimed directory
is without its lock. The lock ends with the process, so no unlock is ever needed. Where the file system has no locks,
``lockless.py`` takes their place.
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
from tsdia_run.rundir.layout import OWN_DIR_NAME, RunLayout

_TOKEN_PREFIX = f"{OWN_DIR_NAME}."
_CLAIM = RunLayout(Path()).claim.name
_HEARTBEAT = RunLayout(Path()).heartbeat.name
_ALIVE = RunLayout(Path()).alive.name


class Claim:
    """The exclusive right to write into a run directory; ends with ``close`` or with the process.

    Args:
        layout: The files of the run.
        claim_fd: The locked file; -1 where there is none yet.
        held_fd: What takes the lock's place where the file system has none; -1 where it has.
    """

    def __init__(self, layout: RunLayout, claim_fd: int = -1, held_fd: int = -1) -> None:
        self.layout = layout
        self._claim_fd = claim_fd
        self._held_fd = held_fd

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about it."""
        if self._held_fd < 0:
            return ()
        text = f"the file system of {self.layout.root} has no locks; the run is guarded by a file, which no other"
        return (f"{text} machine takes over if this one goes down",)

    def close(self) -> None:
        """Give the directory free. Closing twice is harmless."""
        if self._claim_fd < 0:
            return
        if self._held_fd >= 0:
            lockless.give_back(self._held_fd)
        os.close(self._claim_fd)
        self._claim_fd = self._held_fd = -1

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def open_alive(self) -> int:
        """A descriptor with the shared lock of a living rank, for the process that is about to be started."""
        fd = os.open(self.layout.alive, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        lock(fd, shared=True)
        return fd

    def touch(self) -> None:
        """Beat: what is read as "was alive then" after everything was killed."""
        os.utime(self.layout.heartbeat)

    def sign(self) -> None:
        """Name this process as the holder: a fork of the one that claimed."""
        write_bytes(self.layout.heartbeat, owner.ourselves().as_bytes())
        if self._held_fd >= 0:
            lockless.sign(self._held_fd)

    def is_standing(self) -> bool:
        """Whether the claim is in its place: somebody may have removed or replaced the directory."""
        return _is_same(self._claim_fd, self.layout.claim)

    def renew(self) -> None:
        """Make directory and claim again after they were removed.

        Raises:
            RunAliveError: Somebody else has claimed the directory meanwhile.
            RunDirectoryError: It can't be made or written.
        """
        run_dir = self.layout.root
        with _refusals(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
        # Our own ranks live.
        fresh = _claim_own_folder(self.layout) if self.layout.own.is_dir() else _claim_unclaimed(run_dir)
        self.close()
        self._claim_fd, self._held_fd = fresh._claim_fd, fresh._held_fd


def claim_new(run_dir: Path) -> Claim:
    """Create ``run_dir`` and claim it; an existing empty directory may be claimed too.

    Raises:
        Overtaken: Something is in there; nothing was changed.
        RunDirectoryError: It can't be created, or is no directory.
    """
    with _refusals(run_dir):
        run_dir.parent.mkdir(parents=True, exist_ok=True)
        run_dir.mkdir(exist_ok=True)
    return _claim_unclaimed(run_dir, must_be_free=True)


def claim_existing(run_dir: Path) -> Claim:
    """Claim a directory with something in it: a run, or what a script left without us.

    Raises:
        RunAliveError: A supervisor or a rank of it lives.
        Overtaken: It was replaced or claimed by another start at this moment.
        RunDirectoryError: It can't be written.
    """
    layout = RunLayout(run_dir)
    if not layout.own.is_dir():
        return _claim_unclaimed(run_dir)
    return _claim_own_folder(layout, live_check.refuse_ranks)


def _claim_own_folder(layout: RunLayout, check: Callable[[RunLayout], None] = lambda _: None) -> Claim:
    with _refusals(layout.root), ExitStack() as always, ExitStack() as on_failure:
        # By its descriptor, since another start may move the run aside and have a new one in its place meanwhile.
        own_fd = live_check.open_folder(layout.own)
        always.callback(os.close, own_fd)
        claim_fd = os.open(_CLAIM, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644, dir_fd=own_fd)
        claim = on_failure.enter_context(Claim(layout, claim_fd))
        claim._held_fd = _lock(layout, claim_fd, own_fd, check)
        if not claim.is_standing():
            raise Overtaken(layout.root)
        layout.alive.touch()
        claim.sign()
        on_failure.pop_all()
    return claim


def _lock(layout: RunLayout, claim_fd: int, own_fd: int, check: Callable[[RunLayout], None]) -> int:
    """Lock a claim that exists, or take what counts in the lock's place: its descriptor, -1 with a lock."""
    locking = lock_patiently(claim_fd)
    if locking is Locking.BUSY:
        raise live_check.supervised(layout)
    newest = live_check.refuse_held(layout, own_fd)
    check(layout)
    if locking is Locking.LOCKED:
        return -1
    held_fd = lockless.take(own_fd, newest)
    if held_fd is None:
        live_check.refuse_held(layout, own_fd)  # it names who was faster, if that one still is there
        raise Overtaken(layout.root)
    return held_fd


def refuse_living(run_dir: Path) -> None:
    """Ask, without changing anything, whether a run lives in ``run_dir``.

    Raises:
        RunAliveError: A supervisor or a rank of it lives.
    """
    live_check.refuse(RunLayout(run_dir))


def _claim_unclaimed(run_dir: Path, *, must_be_free: bool = False) -> Claim:
    """Make the own folder under another name, with its claim file locked, and rename it."""
    token = f"{_TOKEN_PREFIX}{os.urandom(6).hex()}"
    with _refusals(run_dir), ExitStack() as always, ExitStack() as on_failure:
        # Never through a link, so that nothing is created in a place that the user did not name.
        dir_fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        always.callback(os.close, dir_fd)
        # What is called last on a failure: the folder is removed while it is locked.
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
        # Now, since a disk that is full must refuse the start, not be found out in its midst.
        os.close(_create(_ALIVE, fd))
        heartbeat_fd = _create(_HEARTBEAT, fd)
        opened.callback(os.close, heartbeat_fd)
        write_all(heartbeat_fd, owner.ourselves().as_bytes())


def _create(name: str, dir_fd: int) -> int:
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=dir_fd)


def _rename(token: str, dir_fd: int) -> bool:
    try:
        os.rename(token, OWN_DIR_NAME, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _remove(own: str, dir_fd: int) -> None:
    """Remove an own folder in which nobody has put anything else yet."""
    with suppress(OSError):
        own_fd = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        lockless.remove_first(own_fd)
        for name in (_HEARTBEAT, _ALIVE, _CLAIM):
            with suppress(OSError):
                os.unlink(name, dir_fd=own_fd)
        os.close(own_fd)
        os.rmdir(own, dir_fd=dir_fd)


def _is_same(fd: int, path: Path) -> bool:
    """Whether ``path`` still is the file that was opened: the directory may have been moved away meanwhile."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False


def is_token(name: str) -> bool:
    """Whether a name in a run directory is that of a start which tries to claim it, or died trying."""
    return name.startswith(_TOKEN_PREFIX)


@contextmanager
def _refusals(run_dir: Path) -> Iterator[None]:
    """Turn what the file system refuses into words."""
    try:
        yield
    except FileNotFoundError as error:  # it was made, or seen, a moment ago
        raise Overtaken(run_dir) from error
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EEXIST):
            wrong = next((path for path in (run_dir, *run_dir.parents) if os.path.lexists(path)), run_dir)
            reason = f"{wrong} is {'a link' if wrong.is_symlink() else 'not a directory'}"
        else:
            reason = f"can't create or write {run_dir}: {error.strerror}"
        raise UnusablePlace(reason, PlaceFault.NOT_CREATED) from error
