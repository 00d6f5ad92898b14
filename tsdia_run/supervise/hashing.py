"""The supervisor's side of the hashes: it looks for sealed checkpoints without, and starts the hasher on them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import tsdia_run
from tsdia_run.checkpoints import files, find, hashes, manifest
from tsdia_run.errors import DamagedRunError

_EVERY_S = 30.0
# At the end, for the last checkpoint. What is left is for the next attempt.
_FINISH_S = 10.0
_POLL_S = 0.05
# A command line holds 2 MiB.
_MAX_PATHS = 100


class Hashing:
    """Hashes what a training saves.

    Args:
        run_dir: The run directory.
        is_on: Whether hashes are wanted.
    """

    def __init__(self, run_dir: Path, *, is_on: bool) -> None:
        self._run_dir = run_dir
        self._is_on = is_on
        self._next_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        # Not twice: one that could not be hashed can't be hashed the next time either.
        self._tried: set[str] = set()

    def look(self, now_s: float) -> None:
        """Start the hasher if there is something to do; to be called often.

        Args:
            now_s: The monotonic clock.
        """
        if now_s >= self._next_s and not self._is_running():
            self._next_s = now_s + _EVERY_S
            self._start()

    def finish(self, is_hurried: Callable[[], bool]) -> None:
        """Let it do what is left, for some seconds at most.

        Args:
            is_hurried: Asked again and again; ends it.
        """
        left_s = _FINISH_S
        while self._is_running() or self._start():
            if left_s <= 0 or is_hurried():
                break
            left_s -= _POLL_S
            self._wait(_POLL_S)
        if self._process and self._is_running():
            self._process.kill()
            self._process.wait()

    def _wait(self, limit_s: float) -> None:
        if self._process:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(limit_s)

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> bool:
        paths = self._without_hashes() if self._is_on else []
        if not paths:
            return False
        with suppress(OSError):  # no process or memory to be had: there are more important ones
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tsdia_run.supervise.hasher", *map(str, paths)],
                # Python looks for modules in the working directory first, and the user's may have any.
                cwd=Path(tsdia_run.__file__).parents[1],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return True

    def _without_hashes(self) -> list[Path]:
        found = []
        for path in (files.sealed_folder(one.path) for one in find(self._run_dir)):
            try:
                sealed = manifest.read(path)
            except DamagedRunError:
                continue
            if sealed and sealed.id not in self._tried and hashes.read(path, sealed) is None:
                self._tried.add(sealed.id)
                found.append(path.absolute())
            if len(found) == _MAX_PATHS:
                break
        return found
