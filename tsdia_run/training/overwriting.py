"""Stops a script that did not read the checkpoint it resumes from before it overwrites or removes that or an older one.

Python announces what a script does to files by audit events; ``torch.save`` and safetensors write without one, so
these are wrapped. Whether the checkpoint was read is the supervisor's to say (``supervise/reads.py``), which sees the
opens of all processes. Without an answer nothing is stopped.

Loaded by path before the script, so it imports only what Python has loaded already.
"""

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False  # importing typing or collections costs milliseconds of somebody's start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType
    from typing import Any

    from tsdia_run.training.observed import Observed

    Key = tuple[int, int]

# Their first function writes a file that no audit event announces: module, function, the path's name and place.
WRITERS = {"torch.serialization": ("save", "f", 1), "safetensors": ("serialize_file", "filename", 1)}

_MOVED = "moved"
_WRITES = os.O_WRONLY | os.O_RDWR
_CREATES = os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Loaded by path: there is no __file__.
_PACKAGE = os.path.dirname(os.path.dirname((lambda: None).__code__.co_filename)) + os.sep


class _Protected:
    """A checkpoint that may not be overwritten: its path, and ``file``, ``numbered`` or ``folder`` (``reads.py``)."""

    def __init__(self, kind: str, path: str) -> None:
        self.kind, self.path = kind, path


class Guard:
    """Stands between the script and the checkpoints of its run.

    Args:
        observed: What the supervisor observes.
    """

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._protected: dict[Key, _Protected] = {}
        self._ancestors: set[Key] = set()
        self._state: dict[str, list[str]] = {}
        self._side: list[str] = []
        self._resumed = ""
        self._is_decided = self._has_saved_below = False
        self._busy: set[int] = set()
        self._load()

    def _load(self) -> None:
        folders: set[str] = set()
        for kind, value in self._observed.protected():
            if kind == "resumed":
                self._resumed = value
            elif kind == "side":
                self._side.append(value)
            elif kind == "state":
                self._state.setdefault(os.path.basename(value), []).append(value)
            else:
                for key in filter(None, (_key(value), _key(value, follows=False))):
                    self._protected.setdefault(key, _Protected(kind, value))
                folders.add(os.path.dirname(os.path.realpath(value) if os.path.islink(value) else value))
                folders.add(os.path.dirname(value))
        ancestors = {path for folder in folders for one in {folder, os.path.realpath(folder)} for path in _chain(one)}
        self._ancestors.update(filter(None, map(_key, ancestors)))
        self._shape = _shape(os.path.basename(self._resumed))
        self._is_decided = not self._protected

    @property
    def writers(self) -> tuple[str, ...]:
        """The modules to ``wrap``."""
        return tuple(WRITERS)

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to guard."""
        return bool(self._resumed)

    def install(self) -> None:
        """Listen to the events from now on; Python has no way to end that."""
        sys.addaudithook(self._listener())
        for name in WRITERS:
            if name in sys.modules:  # by something in site-packages
                self.wrap(sys.modules[name])

    def _listener(self) -> Callable[[str, tuple[Any, ...]], None]:
        state, opened, change = self._state, self._opened, self._change

        # Every import and every open of the script comes here: what is local costs half as much.
        def heard(event: str, args: tuple[Any, ...]) -> None:
            if event == "open":
                path, _, flags = args
                # What is opened for reading and writing is read first: a memory map, most likely.
                if flags & _WRITES and (flags & _WRITES == os.O_WRONLY or flags & _CREATES):
                    change(path, "overwritten", follows=True)
                elif state and type(path) is str and path.rpartition("/")[2] in state:
                    opened(path)
            elif event in _CHANGES:
                for path, folder, doing in _CHANGES[event](args):
                    change(_at(path, folder), doing, follows=False)

        return heard

    def _opened(self, path: str) -> None:
        """A file with the name of one of the checkpoint's is opened, by the script or by a hook of ours."""
        code = sys._getframe(2).f_code
        if code.co_filename.startswith(_PACKAGE) or _thread.get_ident() in self._busy:
            return
        key = _key(path)
        if key and key in map(_key, self._state.get(os.path.basename(path), ())):
            self._read()

    def loaded(self, path: str) -> None:
        """Take note that a checkpoint was loaded."""
        if _key(path) == _key(self._resumed):
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
            not self._is_decided and self._hit(path, follows=True, is_removal=True) is not None and not self._is_read()
        )

    def _refusal(self, place: str, doing: str, *, follows: bool) -> Exception | None:
        hit = self._hit(place, follows=follows, is_removal=not follows)
        # A file that is moved is not lost, may be read next, and stays protected under its new name.
        is_moved_file = doing == _MOVED and hit is not None and hit.kind == "file" and _key(place) in self._protected
        if hit is None or is_moved_file or self._is_read():
            return None
        return self._refuse(hit, doing)

    def _hit(self, place: str, *, follows: bool, is_removal: bool) -> _Protected | None:
        """The protected checkpoint that a path is, is in, or, for a removal, leads to."""
        own = _key(place, follows=follows)
        if own in self._protected:
            return self._protected[own]
        if is_removal and own in self._ancestors:
            return next(iter(self._protected.values()))
        folder, name = os.path.split(place)
        if name.lstrip(".").startswith("tsdia-"):
            return None
        places = [os.path.join(os.path.realpath(folder), name), *([os.path.realpath(place)] if follows else [])]
        keys = (_key(parent) for one in places for parent in _parents(one))
        found = next((self._protected[key] for key in keys if key in self._protected), None)
        return None if found is not None and self._is_aside(name, found) else found

    def _is_aside(self, name: str, found: _Protected) -> bool:
        """Whether a file in a checkpoint's folder is none of its files: a lock; a log, where the name is the user's."""
        if found.kind == "numbered":
            return name.endswith(".lock")
        return name.lower().endswith(tuple(self._side)) or "events.out.tfevents" in name

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

    def _refuse(self, hit: _Protected, doing: str) -> Exception:
        resumed, lost = self._shown(self._resumed), self._shown(hit.path)
        asked = f"the script did not read {resumed}, which it was told to resume from"
        self._observed.refuse(f"{asked}, and would have {doing} {'it' if lost == resumed else lost}")
        text = _MESSAGE.format(path=hit.path, doing=doing, asked=asked, run_dir=_quoted(self._observed.run_dir))
        from tsdia_run.errors import CheckpointNotReadError

        return CheckpointNotReadError(text)

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
            if _shape(name)[0] == shape and _shape(name)[1] < numbers and _same_folder(path, self._resumed):
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
        function, name, place = WRITERS[module.__name__]
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


_MESSAGE = """\
{path} was not {doing}: {asked}, so it trains from the beginning.
Tell the script what to load: name the config key with `resume_key`, or an argument with `resume_args`, and use it,
as in trainer.train(resume_from_checkpoint=...) or torch.load(...). TSDIA_RUN_CHECKPOINT holds the path.
To start over in the same run: tsdia-run resume {run_dir} --from-scratch
If the script takes its state from elsewhere: set `hooks.checkpoints: false`."""


def _renamed(args: tuple[Any, ...]) -> Iterator[tuple[Any, Any, str]]:
    source, target, source_folder, target_folder = args
    yield target, target_folder, "overwritten"
    yield source, source_folder, _MOVED


def _removed(args: tuple[Any, ...]) -> Iterator[tuple[Any, Any, str]]:
    yield args[0], args[1] if len(args) > 1 else -1, "removed"


def _truncated(args: tuple[Any, ...]) -> Iterator[tuple[Any, Any, str]]:
    yield args[0], -1, "overwritten"


# https://docs.python.org/3/library/audit_events.html
_CHANGES: dict[str, Callable[[tuple[Any, ...]], Iterator[tuple[Any, Any, str]]]] = {
    "os.rename": _renamed,
    "os.remove": _removed,
    "os.rmdir": _removed,
    "shutil.rmtree": _removed,
    "os.truncate": _truncated,
}

# The guard of this process; None where there is nothing to guard.
GUARD: Guard | None = None


def install(observed: Observed) -> Guard | None:
    """Guard the checkpoints of this process's run, if the supervisor named some."""
    global GUARD  # noqa: PLW0603 - hooks of this process find it here
    guard = Guard(observed)
    if guard.is_needed:
        guard.install()
        GUARD = guard
    return GUARD


def check(checkpoint: Path) -> None:
    """Raise before a checkpoint is written.

    Raises:
        CheckpointNotReadError: It would overwrite a protected one, and the script did not read its own.
    """
    if GUARD is not None:
        GUARD.check(str(checkpoint))


def is_kept(checkpoint: Path) -> bool:
    """Whether a checkpoint may not be removed now."""
    return GUARD is not None and GUARD.is_kept(str(checkpoint))


def loaded(checkpoint: Path) -> None:
    """Take note that ``load_state`` has loaded a checkpoint."""
    if GUARD is not None:
        GUARD.loaded(str(checkpoint))


def _at(path: Any, folder: Any) -> Any:
    """A path that is relative to an open folder, from that folder."""
    if isinstance(folder, int) and folder >= 0 and not isinstance(path, int):
        return os.path.join(f"/proc/self/fd/{folder}", os.fsdecode(path))
    return path


def _key(path: str, *, follows: bool = True) -> Key | None:
    """What tells a file, whatever leads to it."""
    try:
        found = os.stat(path) if follows else os.lstat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _parents(path: str) -> Iterator[str]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def _chain(path: str) -> Iterator[str]:
    yield path
    yield from _parents(path)


def _same_folder(one: str, other: str) -> bool:
    return _key(os.path.dirname(one)) == _key(os.path.dirname(other))


def _shape(name: str) -> tuple[str, list[int]]:
    """A name without its numbers, and these."""
    shape, numbers, digits = "", [], ""
    for letter in f"{name}\0":
        if letter.isdecimal() and letter.isascii():
            digits += letter
            continue
        if digits:
            numbers.append(int(digits[:18]))
            shape, digits = f"{shape}#", ""
        shape += letter
    return shape, numbers


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
