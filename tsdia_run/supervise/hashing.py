"""Find sealed checkpoints without hashes, and start the hasher for them."""

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
# At the end, for the last checkpoint. The next attempt hashes the rest.
_FINISH_S = 10.0
_POLL_S = 0.05
# A command line is limited to 2 MiB.
_MAX_PATHS = 100


class Hashing:
    """Hashes the checkpoints of a run.

    Args:
        run_dir: The run directory.
        is_on: Whether to add hashes.
    """

    def __init__(self, run_dir: Path, *, is_on: bool) -> None:
        self._run_dir = run_dir
        self._is_on = is_on
        self._next_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        # Each one once: hashing that failed would fail again.
        self._tried: set[str] = set()

    def look(self, now_s: float) -> None:
        """Start the hasher if a checkpoint has no hashes; call it often.

        Args:
            now_s: Monotonic time.
        """
        if now_s >= self._next_s and not self._is_running():
            self._next_s = now_s + _EVERY_S
            self._start()

    def finish(self, is_hurried: Callable[[], bool]) -> None:
        """Hash the remaining checkpoints, for a few seconds at most.

        Args:
            is_hurried: Polled; stops the hasher when it returns True.
        """
        remaining_s = _FINISH_S
        while self._is_running() or self._start():
            if remaining_s <= 0 or is_hurried():
                break
            remaining_s -= _POLL_S
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
        with suppress(OSError):  # no process or memory available; hashes are not important enough to fail
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tsdia_run.supervise.hasher", *map(str, paths)],
                # Python finds modules in the working directory first; the user's directory may contain any module.
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
