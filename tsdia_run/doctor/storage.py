"""Check where runs are kept: free space, locks, dangling links, and claims whose owner is gone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.checkpoints.files import size_bytes
from tsdia_run.claim import lockless
from tsdia_run.claim.liveness import RunningProcesses
from tsdia_run.claim.owner import Life
from tsdia_run.doctor.grades import Finding, fault, fine, warning
from tsdia_run.doctor.situation import Situation
from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.locks import Locking, lock
from tsdia_run.launch.checks import MIN_FREE_BYTES
from tsdia_run.report.status import RunStatus, look
from tsdia_run.report.suggestions import Suggestions
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE
from tsdia_run.text import count, shell, shown, size

_MAX_SHOWN = 5
_OCTAL = re.compile(r"\\([0-7]{3})")
_MIN_FREE_FILES = 1000
# A save needs room for the new checkpoint before an old one is removed.
_ROOM_FOR = 3
_REMOTE_LOCKS = ("nolock", "local_lock=all", "local_lock=flock")


def check_disk(situation: Situation) -> Iterator[Finding]:
    """Check that the disk has room for the next checkpoints."""
    folder = situation.folder()
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    text = f"{size(free)} of {size(disk.f_blocks * disk.f_frsize)} free in {shown(folder)}"
    newest = _newest_checkpoint(situation)
    needed = size_bytes(newest) if newest else 0
    if newest:
        text += f"; the newest checkpoint ({shown(newest)}) has {size(needed)}"
    fix = f"du -sh {shell([shown(folder)])}/* | sort -h"
    if not os.access(folder, os.W_OK | os.X_OK):
        yield fault("disk", f"{shown(folder)} is not writable", f"ls -ld {shell([shown(folder)])}")
    elif free < max(MIN_FREE_BYTES, needed):
        yield fault("disk", text, fix)
    elif free < _ROOM_FOR * needed:
        yield warning("disk", text, fix)
    elif disk.f_files and disk.f_favail < _MIN_FREE_FILES:
        yield warning("disk", f"{text}, but only {count(disk.f_favail, 'file')} can be created", fix)
    else:
        yield fine("disk", text)


def _newest_checkpoint(situation: Situation) -> Path | None:
    """Return the newest checkpoint of the config's run, else of the newest run that has one."""
    own = [situation.run_dir] if situation.run_dir and situation.run_dir.is_dir() else []
    for run_dir in (*own, *situation.runs()):
        found = checkpoints.find(run_dir)
        if found:
            return found[-1].path
    return None


def check_locks(situation: Situation) -> Iterator[Finding]:
    """Check that locks work where runs are kept, with a file that has no name."""
    folder = situation.folder()
    kind, options = _mount_of(folder)
    where = f"{shown(folder)} ({kind})" if kind else shown(folder)
    local = next((one for one in options if one in _REMOTE_LOCKS), None)
    result = _tried(folder)
    if result is not None:
        found = (
            f"{where}: {result}. After a crash, only the same machine can start the run again. Use another file system"
        )
        yield warning("locks", found, "df -hT")
    elif local is not None:
        found = f"{where}: its mount option {local} limits locks to this machine. Start each run on one machine only"
        yield warning("locks", found, shell(["findmnt", "-T", str(folder)]))
    else:
        yield fine("locks", f"{where}: flock works")


def _tried(folder: Path) -> str | None:
    """Return why a lock is not exclusive; None if it is."""
    try:
        first = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # not every file system has nameless files, and this may be a read-only one
        first = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if lock(first) is not Locking.LOCKED:
            return Locking.UNKNOWN.value
        second = os.open(f"/proc/self/fd/{first}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return None if lock(second) is Locking.BUSY else "two processes can hold the same lock"
        finally:
            os.close(second)
    finally:
        os.close(first)


def _mount_of(folder: Path) -> tuple[str, tuple[str, ...]]:
    """Return the type and the options of the file system of a folder: proc_pid_mountinfo(5)."""
    real = os.path.realpath(folder)
    best: tuple[str, str, tuple[str, ...]] = ("", "", ())
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            place = _OCTAL.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])
            is_above = real == place or real.startswith(place.rstrip("/") + "/")
            if is_above and len(place) >= len(best[0]):
                kind, _, options = after.strip().split(" ", 2)
                best = (place, kind, tuple(options.split(",")))
    return best[1], best[2]


def check_links(situation: Situation) -> Iterator[Finding]:
    """Check that no link in the folders of runs leads nowhere."""
    dangling = [path for folder in situation.linked_folders() for path in _dangling(folder)]
    if not dangling:
        yield fine("links", "no dangling links")
        return
    names = ", ".join(map(shown, dangling[:_MAX_SHOWN])) + (" …" if len(dangling) > _MAX_SHOWN else "")
    verb = "leads" if len(dangling) == 1 else "lead"
    found = f"{count(len(dangling), 'link')} in the folders of runs {verb} nowhere: {names}"
    yield warning("links", found, shell(["rm", "--", *map(shown, dangling)]))


def _dangling(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(one.path) for one in entries if one.is_symlink() and not os.path.exists(one.path))


def check_claims(situation: Situation) -> Iterator[Finding]:
    """Check that every run that is recorded as running is running, and that its supervisor is too."""
    runs = situation.runs()
    found = [finding for run_dir in runs for finding in _claim_of(run_dir)]
    yield from found or [fine("claims", f"{count(len(runs), 'run')} examined, no stale claim")]


def _claim_of(run_dir: Path) -> Iterator[Finding]:
    layout, status = RunLayout(run_dir), look(run_dir)
    suggest, name = Suggestions(run_dir), shown(run_dir)
    if status.living is RunningProcesses.RANKS_ONLY:
        yield warning("claims", f"{name}: its supervisor was killed, and its ranks are still running", suggest.stop())
    elif not status.is_living:
        yield from _without_lock(layout)
        if _is_recorded_as_live(layout, status):
            yield warning("claims", f"{name}: recorded as running, but {status.ending}", suggest.resume())


def _is_recorded_as_live(layout: RunLayout, status: RunStatus) -> bool:
    try:
        return status.run is not None and record_file.read(layout.record).state in LIVE
    except TsdiaRunError:  # `info` explains it
        return False


def _without_lock(layout: RunLayout) -> Iterator[Finding]:
    with suppress(OSError):  # a run without such a folder has no such claim
        fd = os.open(layout.own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            newest = lockless.look(fd)
        finally:
            os.close(fd)
        if newest.life is Life.UNKNOWN:
            owner = newest.owner or "an unknown process"
            found = f"{shown(layout.root)}: claimed by {owner}, on another machine. Remove the claim if that has ended"
            yield warning("claims", found, shell(["rm", "-r", shown(layout.lockless_claim(newest.number))]))
