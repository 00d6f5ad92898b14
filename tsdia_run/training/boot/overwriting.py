"""Stops a script that did not read the checkpoint it resumes from before it overwrites or removes that or an older one.

Python announces what a script does to files by audit events; ``torch.save`` and safetensors write without one, so
these are wrapped. Whether the checkpoint was read is the supervisor's to say (``supervise/reads.py``), which sees the
opens of all processes. Without an answer nothing is stopped.

Loaded before the script, so it imports only what Python has loaded already.
"""

from __future__ import annotations

import _thread
import os
import sys

from tsdia_run.training.boot.file_changes import (
    MOVED,
    WRITERS,
    absolute,
    changes_by_event,
    file_key,
    name_shape,
    same_folder,
)
from tsdia_run.training.boot.protected import ProtectedCheckpoints
from tsdia_run.training.boot.refusal import refusal

TYPE_CHECKING = False  # importing typing or collections costs milliseconds of somebody's start
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from tsdia_run.training.boot.observed import ObservedReads
    from tsdia_run.training.boot.protected import Protected

_WRITES = os.O_WRONLY | os.O_RDWR
_CREATES = os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep


class OverwriteGuard:
    """Stands between the script and the checkpoints of its run.

    Args:
        observed: What the supervisor observes.
    """

    def __init__(self, observed: ObservedReads) -> None:
        self._observed = observed
        self._protected = ProtectedCheckpoints()
        self._state: dict[str, list[str]] = {}
        self._resumed = ""
        self._is_decided = self._has_saved_below = False
        self._busy: set[int] = set()
        self._load()

    def _load(self) -> None:
        for kind, value in self._observed.protected():
            if kind == "resumed":
                self._resumed = value
            elif kind == "state":
                self._state.setdefault(os.path.basename(value), []).append(value)
            else:
                self._protected.add(kind, value)
        self._protected.complete()
        self._shape = name_shape(os.path.basename(self._resumed))
        self._is_decided = self._protected.is_empty

    @property
    def writers(self) -> tuple[str, ...]:
        """The modules to ``wrap``."""
        return tuple(name for name, *_ in WRITERS)

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to guard."""
        return bool(self._resumed)

    def install(self) -> None:
        """Listen to the events from now on; Python has no way to end that."""
        sys.addaudithook(self._listener())
        for name in self.writers:
            if name in sys.modules:  # by something in site-packages
                self.wrap(sys.modules[name])

    def _listener(self) -> Callable[[str, tuple[Any, ...]], None]:
        state, opened, change, changes = self._state, self._opened, self._change, changes_by_event()

        # Every import and every open of the script comes here: what is local costs half as much.
        def heard(event: str, args: tuple[Any, ...]) -> None:
            if event == "open":
                path, _, flags = args
                # What is opened for reading and writing is read first: a memory map, most likely.
                if flags & _WRITES and (flags & _WRITES == os.O_WRONLY or flags & _CREATES):
                    change(path, "overwritten", follows=True)
                elif state and type(path) is str and path.rpartition("/")[2] in state:
                    opened(path)
            elif event in changes:
                for path, folder, doing in changes[event](args):
                    change(absolute(path, folder), doing, follows=False)

        return heard

    def _opened(self, path: str) -> None:
        """A file with the name of one of the checkpoint's is opened, by the script or by a hook of ours."""
        code = sys._getframe(2).f_code
        if code.co_filename.startswith(_PACKAGE) or _thread.get_ident() in self._busy:
            return
        key = file_key(path)
        if key and key in map(file_key, self._state.get(os.path.basename(path), ())):
            self._read()

    def loaded(self, path: str) -> None:
        """Take note that a checkpoint was loaded."""
        if file_key(path) == file_key(self._resumed):
            self._read()

    def _read(self) -> None:
        """The checkpoint was read; said to all ranks."""
        self._is_decided = True
        self._state.clear()
        self._observed.note("noticed")

    def _change(self, path: Any, doing: str, *, follows: bool) -> None:
        me = _thread.get_ident()
        if (self._is_decided and self._has_saved_below) or isinstance(path, int) or me in self._busy:
            return
        self._busy.add(me)
        refused = None
        try:
            place = os.path.abspath(os.fsdecode(path))
            refused = None if self._is_decided else self._refusal(place, doing, follows=follows)
            if refused is None:
                self._look_at_number(place, doing)
        except Exception as error:  # it is somebody's training, which a fault of ours must not end
            self._observed.say(f"warning: could not check what is written: {type(error).__name__}: {error}")
            self._is_decided = True
        finally:
            self._busy.discard(me)
        if refused is not None:
            raise refused

    def check(self, path: str) -> None:
        """Raise before something is written to a path, or into it.

        Raises:
            CheckpointNotReadError: It is a protected checkpoint, and the script did not read its own.
        """
        self._change(path, "overwritten", follows=True)

    def is_kept(self, path: str) -> bool:
        """Whether a checkpoint may not be removed now."""
        return (
            not self._is_decided
            and self._protected.hit(path, follows=True, is_removal=True) is not None
            and not self._is_read()
        )

    def _refusal(self, place: str, doing: str, *, follows: bool) -> Exception | None:
        hit = self._protected.hit(place, follows=follows, is_removal=not follows)
        # A file that is moved is not lost, may be read next, and stays protected under its new name.
        is_moved_file = doing == MOVED and hit is not None and hit.kind == "file" and self._protected.has(place)
        if hit is None or is_moved_file or self._is_read():
            return None
        return self._refuse(hit, doing)

    def _is_read(self) -> bool:
        """Whether it was read, or nobody knows: then for good."""
        word, _, other = self._observed.answer().partition("=")
        if word == "not read":
            return False
        self._is_decided = True
        if other:
            name = self._shown(self._resumed)
            text = f"the script read {other} instead of {name}, which it was told to resume from"
            self._observed.warn_once("other", text)
        return True

    def _refuse(self, hit: Protected, doing: str) -> Exception:
        resumed, lost = self._shown(self._resumed), self._shown(hit.path)
        asked = f"the script did not read {resumed}, which it was told to resume from"
        self._observed.refuse(f"{asked}, and would have {doing} {'it' if lost == resumed else lost}")
        return refusal(hit.path, doing, asked, self._observed.run_dir)

    def _shown(self, path: str) -> str:
        relative = os.path.relpath(path, self._observed.run_dir)
        return path if relative.startswith("..") else relative

    def _look_at_number(self, place: str, doing: str) -> None:
        """Warn once about a save that by its name comes before the checkpoint that is resumed from."""
        if self._has_saved_below or doing != "overwritten":
            return
        shape, numbers = self._shape
        if "#.#" in shape:  # a loss is part of the name
            return
        for path in (place, os.path.dirname(place), os.path.dirname(os.path.dirname(place))):
            name = os.path.basename(path)
            if name_shape(name)[0] == shape and name_shape(name)[1] < numbers and same_folder(path, self._resumed):
                self.warn_below(name)

    def warn_first_step(self, step: int, expected: int) -> None:
        """Warn once that the attempt logs an older step than that of its checkpoint."""
        resumed = self._shown(self._resumed)
        text = (
            f"the first logged step is {step}, but {resumed} was saved at {expected}: it seems to train from the start"
        )
        self._observed.warn_once("step", text)

    def warn_below(self, saved: str, at: str = "") -> None:
        """Warn once that the attempt saves something older than what it resumed from."""
        self._has_saved_below = True
        resumed = f"{os.path.basename(self._resumed)}{at}"
        self._observed.warn_once(
            "below", f"this attempt resumed from {resumed} and now saves {saved}, which is before it"
        )

    def wrap(self, module: ModuleType) -> None:
        """Check before a module's function writes a file that no audit event announces."""
        _, function, name, place = next(writer for writer in WRITERS if writer[0] == module.__name__)
        original = getattr(module, function)
        import functools

        @functools.wraps(original)
        def checked(*args: Any, **kwargs: Any) -> Any:
            path = kwargs.get(name, args[place] if len(args) > place else None)
            if isinstance(path, (str, bytes, os.PathLike)):
                self.check(os.fsdecode(path))
            return original(*args, **kwargs)

        setattr(module, function, checked)
        parent = sys.modules.get(module.__name__.partition(".")[0])
        if parent is not None and getattr(parent, function, None) is original:
            setattr(parent, function, checked)


def guard_checkpoints(observed: ObservedReads) -> OverwriteGuard | None:
    """Guard the checkpoints of this process's run, if the supervisor named some."""
    guard = OverwriteGuard(observed)
    if not guard.is_needed:
        return None
    guard.install()
    return guard
