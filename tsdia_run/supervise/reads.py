"""Watch whether the script reads the checkpoint of the resume, and answer the ranks that ask.

The watch starts before the training, so that it sees every read. A separate thread answers, also while the supervisor
is busy. If reads can't be seen, the answer is ``unknown``, which stops nothing.
"""

from __future__ import annotations

import os
import select
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import TracebackType

from tsdia_run import checkpoints
from tsdia_run.checkpoints.state_files import SIDE_SUFFIXES, state_files
from tsdia_run.files.atomic import write_bytes
from tsdia_run.files.opening import touch
from tsdia_run.outcome import refusals
from tsdia_run.rundir.checkpoint_layout import ReadsLayout
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt
from tsdia_run.supervise import inotify
from tsdia_run.supervise.inotify import FileEvent, Inotify
from tsdia_run.supervise.opens import NOT_READ, OTHER, READ, UNKNOWN, Opens

Stamp = tuple[int, int, int, int]

# Far more than any sharded state has; each watch costs the kernel one kilobyte.
_MAX_FILES = 20_000
_FILE_EVENTS = inotify.OPEN | inotify.ACCESS | inotify.MODIFY | inotify.CLOSE_WRITE | inotify.CLOSE_NOWRITE


class ReadWatch:
    """Watches one attempt; does nothing if the attempt starts from scratch.

    Args:
        layout: The files of the run.
        attempt: The attempt.
    """

    def __init__(self, layout: RunLayout, attempt: Attempt) -> None:
        self._run = layout
        self._layout = ReadsLayout(layout.reads)
        self._checkpoint = layout.root / attempt.checkpoint if attempt.checkpoint else None
        self._opens = Opens()
        self._found: list[Path] = []
        self._own: tuple[int, int] | None = None
        self._inotify: Inotify | None = None
        # By watch number: None for the checkpoint of the resume, otherwise the name of another checkpoint.
        self._watched: dict[int, str | None] = {}
        self._ours = self._folder = -1
        self._left = _MAX_FILES
        self._thread: Thread | None = None
        self._wake = (-1, -1)
        self._published: str | None = None
        self._warnings_bytes = 0
        self._ended = UNKNOWN
        self._stamps: dict[Path, Stamp | None] = {}

    def __enter__(self) -> ReadWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def start(self) -> None:
        """Watch the checkpoint, before the training starts; never raises."""
        if self._checkpoint is None:
            return
        try:
            self._make_folder()
            self._found = [one.path for one in checkpoints.find(self._run.root)]
            self._own = _identity(self._checkpoint)
            write_bytes(self._layout.protected, self._protected(self._checkpoint), is_durable=False)
            self._inotify = Inotify()
            self._ours = self._inotify.watch(
                self._layout.ours, inotify.OPEN | inotify.CLOSE_NOWRITE | inotify.CLOSE_WRITE
            )
            self._folder = self._inotify.watch(self._layout.root, inotify.CREATE)
            self._watch(self._checkpoint, None)
            self._publish()
        except OSError:  # no inotify or no disk space; without an answer nothing is refused
            self._opens.is_sound = False
            with suppress(OSError):
                self._publish()

    def follow(self) -> None:
        """Watch the other checkpoints too, and start to answer; call it once the training has started."""
        if self._inotify is None:
            return
        self._wake = os.pipe2(os.O_CLOEXEC)
        self._thread = Thread(target=self._answer, args=(self._inotify,), name="reads", daemon=True)
        self._thread.start()

    def finish(self) -> str | None:
        """End the watch.

        Returns:
            Whether the script read the checkpoint, as in ``Opens.answer``; None if there was none to read.
        """
        if self._thread is not None:
            os.write(self._wake[1], b"\0")
            self._thread.join()
            self._thread = None
            for fd in self._wake:
                os.close(fd)
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
            self._ended = self._opens.answer
            if self._ended != READ:
                self._opens.is_sound = False  # no watch is left that would see a read
                with suppress(OSError):
                    self._publish()
        if self._checkpoint is None:
            return None
        # A rank may have seen a read that the watch could not see.
        return READ if os.path.exists(self._layout.noticed) else self._ended

    def closing_warning(self) -> str | None:
        """Return a problem with how the attempt used its checkpoint, after the watch has ended."""
        if self._checkpoint is None:
            return None
        name = os.path.relpath(self._checkpoint, self._run.root)
        name = str(self._checkpoint) if name.startswith("..") else name
        if self._ended == OTHER:  # the ranks use the same sentence
            return f"the script read {self._opens.other} instead of {name}, the checkpoint to resume from"
        # For example by a child program, whose writes no rank sees.
        is_there = os.path.isdir(self._run.root)  # otherwise its disk is gone, and nothing was removed
        if (
            is_there
            and self._ended == NOT_READ
            and any(_stamp(path) != before for path, before in self._stamps.items())
        ):
            return f"{name} was overwritten or removed, though the script did not read it to resume from it"
        return None

    def new_warnings(self) -> tuple[str, ...] | None:
        """Return all warnings of the ranks; None if none was added since the last call."""
        if self._checkpoint is None:
            return None
        try:
            size_bytes = os.stat(self._layout.warnings).st_size
        except OSError:
            return None
        if size_bytes == self._warnings_bytes:
            return None
        self._warnings_bytes = size_bytes
        return refusals.warnings(self._run)

    def _make_folder(self) -> None:
        shutil.rmtree(self._layout.root, ignore_errors=True)
        self._run.own.mkdir(exist_ok=True)  # not its parents: the run directory may be unmounted
        self._layout.root.mkdir()
        touch(self._layout.ours)

    def _protected(self, checkpoint: Path) -> bytes:
        """Return the protected checkpoints for ``boot/overwriting.py``: NUL-ended ``KIND=VALUE`` entries."""
        found = [_identity(path) for path in self._found]
        own = _identity(checkpoint)
        older = self._found[: found.index(own)] if own in found else []
        entries = [("resumed", checkpoint), *((_kind(path), path) for path in (checkpoint, *older))]
        entries += [("state", path) for path in state_files(checkpoint, _MAX_FILES) or ()]
        lines = [os.fsencode(f"{kind}={path}") for kind, path in entries]
        return b"".join(line + b"\0" for line in (*lines, *(b"side=" + one.encode() for one in SIDE_SUFFIXES)))

    def _watch(self, checkpoint: Path, name: str | None) -> None:
        assert self._inotify is not None
        files = state_files(checkpoint, self._left)
        if files is None or not inotify.is_local(checkpoint) or not (files or name):
            self._opens.is_sound = False
            return
        self._left -= len(files)
        if name is None:
            self._stamps = {path: _stamp(path) for path in files}
        for path in files:
            # Two checkpoints may share a file; it then counts for the checkpoint of the resume.
            self._watched.setdefault(self._inotify.watch(path, _FILE_EVENTS), name)

    def _watch_others(self) -> None:
        for path in self._found:
            with suppress(FileNotFoundError):  # was just removed
                if _identity(path) != self._own:
                    self._watch(path, os.path.relpath(path, self._run.root))

    def _answer(self, source: Inotify) -> None:
        try:
            self._watch_others()
        except OSError:  # too many files, or an unreadable file
            self._opens.is_sound = False
        is_open = True
        while is_open:
            ready, _, _ = select.select([source.fd, self._wake[0]], [], [])
            is_open = self._wake[0] not in ready
            self._take(list(source.events()))

    def _take(self, events: Sequence[FileEvent]) -> None:
        for event in events:
            self._note(event)
        try:
            self._publish()
        except OSError:  # a rank that gets no answer assumes ``unknown``
            return
        for event in events:
            if event.watch == self._folder and self._layout.is_question(event.name):
                with suppress(OSError):
                    os.unlink(self._layout.root / event.name)

    def _note(self, event: FileEvent) -> None:
        if event.mask & inotify.OVERFLOW:
            self._opens.is_sound = False
        elif event.watch == self._ours:
            self._opens.announce() if event.mask & inotify.OPEN else self._opens.retract()
        elif event.watch in self._watched:
            self._note_file(event)

    def _note_file(self, event: FileEvent) -> None:
        if event.mask & inotify.OPEN:
            self._opens.opened(event.watch, self._watched[event.watch])
        elif event.mask & (inotify.MODIFY | inotify.CLOSE_WRITE):
            self._opens.written(event.watch)
        else:
            self._opens.used(event.watch)
            if self._opens.is_final:
                self._forget()

    def _forget(self) -> None:
        """Stop all file watches: the answer can't change any more."""
        while self._inotify is not None and self._watched:
            watch, _ = self._watched.popitem()
            self._inotify.forget(watch)

    def _publish(self) -> None:
        answer = self._opens.answer
        if answer == OTHER:
            answer = f"{OTHER}={self._opens.other}"
        if answer != self._published:
            write_bytes(self._layout.answer, os.fsencode(answer), is_durable=False)
            self._published = answer


def _stamp(path: Path) -> Stamp | None:
    """Return values that change if the file is replaced or modified; None if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _kind(path: Path) -> str:
    """Return how a checkpoint is protected: ``file``, ``folder``, or ``numbered`` if its name is a checkpoint's."""
    if path.is_file():
        return "file"
    return "numbered" if checkpoints.parse_name(path) else "folder"
