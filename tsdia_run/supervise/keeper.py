"""Keep the record, heartbeat, claim and config in place while an attempt runs, whatever the script or the disk does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tsdia_run.claim.guard import Claim
from tsdia_run.errors import DamagedRunError, RunAliveError, TsdiaRunError
from tsdia_run.errors.placing import Overtaken
from tsdia_run.files.atomic import mode_of, write_bytes
from tsdia_run.files.fields import read_bounded
from tsdia_run.outcome import digest, kept_endings
from tsdia_run.outcome.kept_endings import Unrecorded
from tsdia_run.outcome.settle import settled
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import STACKS_GLOB
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.rundir.record import Attempt, Run, State
from tsdia_run.supervise.held_directory import HeldDirectory

_HEARTBEAT_S = 5.0
# The write of an ending is tried again for five seconds: a network file system may be away for a moment.
_TRIES = 10
_BETWEEN_TRIES_S = 0.5


class RecordKeeper:
    """Keeps the record, the heartbeat, the claim and the original config.

    Args:
        claim: The claim on the run directory.
        run: The record, as it is on disk.
        original_config: The bytes of the config in the run directory; None if there is none.

    Raises:
        OSError: The run directory can't be opened.
    """

    def __init__(self, claim: Claim, run: Run, original_config: bytes | None) -> None:
        self.run = run
        self.warnings: list[str] = []
        self._claim = claim
        self._layout = claim.layout
        self._directory = HeldDirectory(claim.layout.root)
        self._directory.reserve(record_file.as_bytes(run))
        self._original_config = original_config
        self._config = claim.layout.config
        self._config_mode = mode_of(self._config)
        self._is_behind = False
        self._is_taken = False
        # Why the path does not lead to the run directory; None if it does.
        self._absence: str | None = None
        self._next_s = 0.0

    def record(self, attempt: Attempt) -> None:
        """Write the current state of the attempt to the record; a write that fails is tried again by ``tick``."""
        self.run = self.run.with_attempt(attempt)
        self._check_claim()
        self._write()

    def conclude(self, attempt: Attempt, is_hurried: Callable[[], bool]) -> Unrecorded | None:
        """Write the ending of the attempt to the record, or else to the user's state directory.

        An ending that the exit records of the ranks show as well is not lost: a later command records it from them.

        Args:
            attempt: The attempt, with its outcome.
            is_hurried: Polled; no failed write is tried again when it returns True.

        Returns:
            Why the run directory does not have the ending; None if it does.
        """
        self.run = self.run.with_attempt(attempt)
        tries = 1
        while (why := self._write_last()) is not None:
            if tries == _TRIES or self._is_taken or is_hurried():
                break
            tries += 1
            time.sleep(_BETWEEN_TRIES_S)
        else:
            return None
        is_evident = self._state_on_disk() is self.run.state
        is_known = not self._is_behind or kept_endings.keep(self.run)
        if is_evident:
            self._warn(f"could not write the record: {why}; the exit records of the ranks have the ending")
            return None
        return Unrecorded(why, self.run.state if is_known else State.LOST)

    def measure(self, metrics: Summary | None) -> None:
        """Measure the values that `list` shows; the record gets them with the ending.

        Args:
            metrics: The metrics; None if there are none, or too many to read now.
        """
        with suppress(OSError):
            found, before = digest.measure(self._layout, self.run.wandb_id, metrics), self.run.digest
            if metrics is None and before is not None:
                found = replace(found, metric=before.metric, best=before.best, best_step=before.best_step)
            self.run = replace(self.run, digest=found)

    def tick(self, now_s: float) -> None:
        """Touch the heartbeat, and restore what is missing; call it often.

        Args:
            now_s: Monotonic time.
        """
        self._check_claim()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _HEARTBEAT_S
        if not self._is_taken:
            with suppress(OSError):
                self._claim.touch()
        if self._is_behind:
            self._write()
        self._directory.reserve(record_file.as_bytes(self.run))

    def finish(self) -> None:
        """Clean up after the script has ended."""
        self._check_claim()
        self._restore_config()
        with suppress(OSError):
            for stacks in self._layout.attempt(self.run.last.number).root.glob(STACKS_GLOB):
                if not stacks.stat().st_size:  # the rank was killed and never wrote its stacks
                    stacks.unlink()

    def close(self) -> None:
        """Release the run directory. Closing twice has no effect."""
        self._directory.close()

    def _write(self) -> None:
        try:
            self._directory.write(record_file.as_bytes(self.run))
        except OSError:
            self._is_behind = True
        else:
            self._is_behind = False

    def _write_last(self) -> str | None:
        """Return why no command can read the ending in the record; None if it is there."""
        self._check_claim()
        self._is_behind = True
        try:
            self._directory.write_last(record_file.as_bytes(self.run))
        except OSError as error:
            return self._absence or error.strerror or type(error).__name__
        self._is_behind = False  # also if the file system was unmounted: the disk has the ending
        return self._absence

    def _state_on_disk(self) -> State | None:
        """Return the state that a later command finds; None if it can't read the run."""
        try:
            found = record_file.read(self._layout.record)
            if found.run_id != self.run.run_id or found.last.number != self.run.last.number:
                return None
            return settled(found, self._layout, self._layout.last_seen()).state
        except (OSError, TsdiaRunError):
            return None

    def _check_claim(self) -> None:
        if self._is_taken or self._claim.is_in_place():
            self._absence = None
            return
        moved, root = self._claim.moved_to(), self._layout.root
        if moved is not None and self._claim.link_to(moved):
            self._absence = None
            self._warn(
                f"the run directory was moved to {moved}. A symlink leads there from {root}, since the training knows"
                " no other path; remove the symlink when the run has ended"
            )
            return
        try:
            is_ours = self._is_run_at_path()
            self._absence = None if is_ours else self._directory.absence()
            if self._absence is None:
                self._create_again(is_ours, moved)
        except RunAliveError as error:
            self._is_taken = True
            why = f"another run has replaced {root}" if isinstance(error, Overtaken) else error.message
            self._warn(f"{why}; this run records nothing more there")
        except (OSError, TsdiaRunError) as error:
            self._absence = error.strerror if isinstance(error, OSError) else str(error)
        if self._absence is not None:
            self._warn(f"the run directory {self._layout.root} was not available: {self._absence}")

    def _create_again(self, has_record: bool, moved: Path | None) -> None:
        attempt = self._layout.attempt(self.run.last.number).root
        is_complete = has_record and os.path.isdir(attempt)
        self._claim.renew()
        attempt.mkdir(parents=True, exist_ok=True)
        directory = HeldDirectory(self._layout.root)
        self._directory.close()
        self._directory = directory
        if is_complete:
            text = "the lock of the run was removed, or its file system was mounted again; the lock was created again"
        elif moved is not None:
            text = (
                f"the run directory was moved to {moved}, and the training has created {self._layout.root} again: its"
                " record and what it writes from now on are there"
            )
        else:
            text = (
                "the run directory was removed or replaced, by the script or another process; its contents are lost."
                " The record and the lock were created again. For scripts that need an empty directory, set"
                " `script_dir: out` in the tsdia_run section"
            )
        self._warn(text)
        self._write()

    def _is_run_at_path(self) -> bool:
        """Return whether the record at the path is that of this run; False if there is no readable record.

        Raises:
            Overtaken: It is the record of another run.
        """
        try:
            found = record_file.read(self._layout.record)
        except DamagedRunError:  # most likely there is no record
            return False
        if found.run_id != self.run.run_id:
            raise Overtaken(self._layout.root)
        return True

    def _restore_config(self) -> None:
        """Restore the config: TS-DIA's Trainer overwrites it with its own copy."""
        original, path = self._original_config, self._config
        if original is None or self._is_taken or self._absence is not None:
            return
        try:
            if not _has(path, original):
                write_bytes(path, original, mode=self._config_mode)
                self._warn(f"the script overwrote {path.name}; the original was restored")
        except OSError as error:
            self._warn(f"could not restore {path.name}: {error.strerror}")

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def _has(path: Path, data: bytes) -> bool:
    try:
        return read_bounded(path, len(data)) == data
    except (OSError, ValueError):
        return False
