"""The checkpoints that a resumed script must not overwrite, and the search for the one that a path belongs to.

This module is loaded before the script, so it imports only modules that Python has already loaded.
"""

from __future__ import annotations

import os

from tsdia_run.training.boot.file_changes import chain, file_key, parents
from tsdia_run.training.boot.repeated_names import OWN_PREFIX

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
if TYPE_CHECKING:
    from tsdia_run.training.boot.file_changes import Key


class Protected:
    """A protected checkpoint: its path, and its kind: ``file``, ``numbered`` or ``folder`` (see ``reads.py``)."""

    def __init__(self, kind: str, path: str) -> None:
        self.kind, self.path = kind, path


class ProtectedCheckpoints:
    """All protected checkpoints, by device and inode, so that any path to them is recognized."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Protected] = {}
        self._folders: set[str] = set()
        self._ancestors: set[Key] = set()
        self._side: list[str] = []

    def add(self, kind: str, value: str) -> None:
        """Protect a path; for the kind ``side``, the value is a suffix of files that are not part of a checkpoint."""
        if kind == "side":
            self._side.append(value)
            return
        for key in filter(None, (file_key(value), file_key(value, follows=False))):
            self._by_key.setdefault(key, Protected(kind, value))
        self._folders.add(os.path.dirname(os.path.realpath(value) if os.path.islink(value) else value))
        self._folders.add(os.path.dirname(value))

    def complete(self) -> None:
        """Find the directories above, which must not be removed either; call it after the last ``add``."""
        places = {path for folder in self._folders for one in {folder, os.path.realpath(folder)} for path in chain(one)}
        self._ancestors.update(filter(None, map(file_key, places)))

    @property
    def is_empty(self) -> bool:
        """Whether no checkpoint is protected."""
        return not self._by_key

    def has(self, path: str) -> bool:
        """Return whether a path is a protected checkpoint itself."""
        return file_key(path) in self._by_key

    def hit(self, place: str, *, follows: bool, is_removal: bool) -> Protected | None:
        """Return the protected checkpoint at or above a path; for a removal, also one below it."""
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
        """Return whether a file in a checkpoint is not part of it: a lock, or a log if the user chose the name."""
        if found.kind == "numbered":
            return name.endswith(".lock")
        return name.lower().endswith(tuple(self._side)) or "events.out.tfevents" in name
