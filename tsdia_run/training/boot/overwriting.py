"""Stop a script before it overwrites or removes a checkpoint, if it did not read the checkpoint it resumes from.

This protects the checkpoint of the resume and all older ones. Python's audit events announce most file changes;
``torch.save`` and safetensors write without an event, so they are wrapped. The supervisor (``supervise/reads.py``) sees
the opens of all processes and knows whether the checkpoint was read. Without an answer nothing is stopped.

This module is loaded before the script, so it imports only modules that Python has already loaded.
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

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
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
    """Protects the checkpoints of the run from a script that did not read its checkpoint.

    Args:
        observed: The connection to the supervisor.
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
        """Whether the run has a checkpoint to guard."""
        return bool(self._resumed)

    def install(self) -> None:
        """Start to listen to audit events; Python can't remove an audit hook."""
        sys.addaudithook(self._listener())
        for name in self.writers:
            if name in sys.modules:  # imported by a package in site-packages
                self.wrap(sys.modules[name])

    def _listener(self) -> Callable[[str, tuple[Any, ...]], None]:
        state, opened, change, changes = self._state, self._opened, self._change, changes_by_event()

        # Called for every import and open of the script: local variables take half the time of attributes.
        def on_event(event: str, args: tuple[Any, ...]) -> None:
            if event == "open":
                path, _, flags = args
                # A file opened for reading and writing is read first: it is probably a memory map.
                if flags & _WRITES and (flags & _WRITES == os.O_WRONLY or flags & _CREATES):
                    change(path, "overwritten", follows=True)
                elif state and type(path) is str and path.rpartition("/")[2] in state:
                    opened(path)
            elif event in changes:
                for path, folder, doing in changes[event](args):
                    change(absolute(path, folder), doing, follows=False)

        return on_event

    def _opened(self, path: str) -> None:
        """Handle the open of a file with the name of a checkpoint file, by the script or by a hook of tsdia-run."""
        code = sys._getframe(2).f_code
        if code.co_filename.startswith(_PACKAGE) or _thread.get_ident() in self._busy:
            return
        key = file_key(path)
        if key and key in map(file_key, self._state.get(os.path.basename(path), ())):
            self._read()

    def loaded(self, path: str) -> None:
        """Record that a checkpoint was loaded."""
        if file_key(path) == file_key(self._resumed):
            self._read()

    def _read(self) -> None:
        """Record that the checkpoint was read, for all ranks."""
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
            place = _absolute(os.fsdecode(path))
            if place is None:
                return
            refused = None if self._is_decided else self._refusal(place, doing, follows=follows)
            if refused is None:
                self._check_number(place, doing)
        except Exception as error:  # an error of tsdia-run must not end the training
            self._observed.say(f"warning: could not check whether a write is safe: {type(error).__name__}: {error}")
            self._is_decided = True
        finally:
            self._busy.discard(me)
        if refused is not None:
            raise refused

    def check(self, path: str) -> None:
        """Raise before the script writes to a path or into a directory, if that is not allowed.

        Raises:
            CheckpointNotReadError: The path is in a protected checkpoint, and the script did not read its checkpoint.
        """
        self._change(path, "overwritten", follows=True)

    def is_kept(self, path: str) -> bool:
        """Return whether a checkpoint must not be removed now."""
        return (
            not self._is_decided
            and self._protected.hit(path, follows=True, is_removal=True) is not None
            and not self._is_read()
        )

    def _refusal(self, place: str, doing: str, *, follows: bool) -> Exception | None:
        hit = self._protected.hit(place, follows=follows, is_removal=not follows)
        # A moved file is not lost: the script may read it next, and it stays protected under its new name.
        is_moved_file = doing == MOVED and hit is not None and hit.kind == "file" and self._protected.has(place)
        if hit is None or is_moved_file or self._is_read():
            return None
        return self._refuse(hit, doing)

    def _is_read(self) -> bool:
        """Return whether the checkpoint was read or that is unknown; both answers are final."""
        answer, _, other = self._observed.answer().partition("=")
        if answer == "not read":
            return False
        self._is_decided = True
        if other:
            name = self._shown(self._resumed)
            text = f"the script read {other} instead of {name}, the checkpoint to resume from"
            self._observed.warn_once("other", text)
        return True

    def _refuse(self, hit: Protected, doing: str) -> Exception:
        resumed, lost = self._shown(self._resumed), self._shown(hit.path)
        not_read = f"the script did not read {resumed}, the checkpoint to resume from"
        self._observed.refuse(f"{not_read}, and would have {doing} {'it' if lost == resumed else lost}")
        return refusal(hit.path, doing, not_read, self._observed.run_dir)

    def _shown(self, path: str) -> str:
        relative = os.path.relpath(path, self._observed.run_dir)
        return path if relative.startswith("..") else relative

    def _check_number(self, place: str, doing: str) -> None:
        """Warn once about a save whose name comes before the checkpoint to resume from."""
        if self._has_saved_below or doing != "overwritten":
            return
        shape, numbers = self._shape
        if "#.#" in shape:  # the name contains a decimal number, such as a loss
            return
        for path in (place, os.path.dirname(place), os.path.dirname(os.path.dirname(place))):
            name = os.path.basename(path)
            if name_shape(name)[0] == shape and name_shape(name)[1] < numbers and same_folder(path, self._resumed):
                self.warn_below(name)

    def warn_first_step(self, step: int, expected: int) -> None:
        """Warn once that the attempt logs a step before the step of its checkpoint."""
        saved = f"{self._shown(self._resumed)} was saved at {expected}"
        text = f"the first logged step is {step}, but {saved}: the script seems to have started over"
        self._observed.warn_once("step", text)

    def warn_below(self, saved: str, at: str = "") -> None:
        """Warn once that the attempt saves a checkpoint from before the one that it resumed from."""
        self._has_saved_below = True
        resumed = f"{os.path.basename(self._resumed)}{at}"
        self._observed.warn_once(
            "below", f"this attempt resumed from {resumed} and now saves {saved}, which is earlier"
        )

    def wrap(self, module: ModuleType) -> None:
        """Wrap a module's function that writes files without an audit event, to check each path before the write."""
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


def _absolute(path: str) -> str | None:
    """Return the absolute path; None in a working directory that was removed, where the system refuses any write."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        return None


def guard_checkpoints(observed: ObservedReads) -> OverwriteGuard | None:
    """Guard the checkpoints of the run; None if the supervisor named none."""
    guard = OverwriteGuard(observed)
    if not guard.is_needed:
        return None
    guard.install()
    return guard
