"""The checkpoints that a resumed script may not overwrite, and which of them a change to a path would hit.

Loaded before the script, so it imports only what Python has loaded already.
"""

from __future__ import annotations

import os

from tsdia_run.training.boot.file_changes import chain, file_key, parents
from tsdia_run.training.boot.repeated_names import OWN_PREFIX

TYPE_CHECKING = False  # importing typing or collections costs milliseconds of somebody's start
if TYPE_CHECKING:
    from tsdia_run.training.boot.file_changes import Key


class Protected:
    """A checkpoint that may not be overwritten: its path, and ``file``, ``numbered`` or ``folder`` (``reads.py``)."""

    def __init__(self, kind: str, path: str) -> None:
        self.kind, self.path = kind, path


class ProtectedCheckpoints:
    """All of them, known by the files themselves, whatever path leads to them."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Protected] = {}
        self._folders: set[str] = set()
        self._ancestors: set[Key] = set()
        self._side: list[str] = []

    def add(self, kind: str, value: str) -> None:
        """Protect a path; of the kind ``side``, the ending of names that are no part of a checkpoint."""
        if kind == "side":
            self._side.append(value)
            return
        for key in filter(None, (file_key(value), file_key(value, follows=False))):
            self._by_key.setdefault(key, Protected(kind, value))
        self._folders.add(os.path.dirname(os.path.realpath(value) if os.path.islink(value) else value))
        self._folders.add(os.path.dirname(value))

    def complete(self) -> None:
        """After the last ``add``: find the directories above, which may not be removed either."""
        places = {path for folder in self._folders for one in {folder, os.path.realpath(folder)} for path in chain(one)}
        self._ancestors.update(filter(None, map(file_key, places)))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to protect."""
        return not self._by_key

    def has(self, path: str) -> bool:
        """Whether a path is itself one of them."""
        return file_key(path) in self._by_key

    def hit(self, place: str, *, follows: bool, is_removal: bool) -> Protected | None:
        """The protected checkpoint that a path is, is in, or, for a removal, leads to."""
        own = file_key(place, follows=follows)
        if own in self._by_key:
            return self._by_key[own]
        if is_removal and own in self._ancestors:
            return next(iter(self._by_key.values()))
        folder, name = os.path.split(place)
        if name.lstrip(".").startswith(OWN_PREFIX):
            return None
        places = [os.path.join(os.path.realpath(folder), name), *([os.path.realpath(place)] if follows else [])]
        keys = (file_key(parent) for one in places for parent in parents(one))
        found = next((self._by_key[key] for key in keys if key in self._by_key), None)
        return None if found is not None and self._is_aside(name, found) else found

    def _is_aside(self, name: str, found: Protected) -> bool:
        """Whether a file in a checkpoint's folder is none of its files: a lock; a log, where the name is the user's."""
        if found.kind == "numbered":
            return name.endswith(".lock")
        return name.lower().endswith(tuple(self._side)) or "events.out.tfevents" in name
