"""Keep the record, heartbeat, claim and config in place while an attempt runs, whatever the script or the disk does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tsdia_run.claim.guard import Claim
from tsdia_run.errors import DamagedRunError, TsdiaRunError
from tsdia_run.errors.placing import Overtaken
from tsdia_run.files.atomic import write_bytes
from tsdia_run.outcome import digest
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import STACKS_GLOB
from tsdia_run.rundir.record import Attempt, Run

_HEARTBEAT_S = 5.0


class RecordKeeper:
    """Keeps the record, the heartbeat, the claim and the original config.

    Args:
        claim: The claim on the run directory.
        run: The record, as it is on disk.
        original_config: The bytes of the config in the run directory; None if there is none.
    """

    def __init__(self, claim: Claim, run: Run, original_config: bytes | None) -> None:
        self.run = run
        self.warnings: list[str] = []
        self._claim = claim
        self._layout = claim.layout
        self._original_config = original_config
        self._config = claim.layout.config
        self._is_behind = False
        self._is_taken = False
        self._next_s = 0.0

    def record(self, attempt: Attempt) -> None:
        """Write the current state of the attempt to the record."""
        self.run = self.run.with_attempt(attempt)
        self._write()

    def measure(self) -> None:
        """Measure the values that `list` shows; the record gets them with the ending."""
        self.run = replace(self.run, digest=digest.measure(self._layout, self.run.wandb_id))

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

    def finish(self) -> None:
        """Clean up after the script has ended."""
        self._check_claim()
        self._restore_config()
        for stacks in self._layout.attempt(self.run.last.number).root.glob(STACKS_GLOB):
            with suppress(OSError):
                if not stacks.stat().st_size:  # the rank was killed and never wrote its stacks
                    stacks.unlink()

    def _write(self) -> None:
        if not self._is_taken and not self._claim.is_in_place():
            self._check_claim()  # never write into another run; this writes if the claim is renewed
            return
        if self._is_taken:
            return
        was_behind, self._is_behind = self._is_behind, False
        try:
            record_file.write(self._layout.record, self.run)
        except OSError as error:
            self._is_behind = True
            if not was_behind:
                self.warnings.append(f"could not write the record: {error.strerror} ({self._layout.record})")

    def _check_claim(self) -> None:
        if self._is_taken or self._claim.is_in_place():
            return
        moved, root = self._claim.moved_to(), self._layout.root
        if moved is not None and self._claim.link_to(moved):
            self.warnings.append(
                f"the run directory was moved to {moved}. A symlink leads there from {root}, since the training knows"
                " no other path; remove the symlink when the run has ended"
            )
            return
        try:
            self._refuse_other_run()
            self._claim.renew()
            self._layout.attempt(self.run.last.number).root.mkdir(parents=True, exist_ok=True)
        except Overtaken:
            self._is_taken = True
            self.warnings.append(f"another run has replaced {self._layout.root}; this run records nothing more there")
        except (OSError, TsdiaRunError) as error:
            self._is_taken = True
            self.warnings.append(f"the run directory was removed and can't be created again: {error}")
        else:
            self.warnings.append(
                f"the run directory was moved to {moved}, and the training has created {root} again: its record and"
                " what it writes from now on are there"
                if moved is not None
                else "the run directory was removed or replaced, by the script or another process; its contents are"
                " lost. The record and the lock were created again. For scripts that need an empty directory, set"
                " `script_dir: out` in the tsdia_run section"
            )
            self._write()

    def _refuse_other_run(self) -> None:
        try:
            found = record_file.read(self._layout.record)
        except DamagedRunError:  # most likely there is no record
            return
        if found.run_id != self.run.run_id:
            raise Overtaken(self._layout.root)

    def _restore_config(self) -> None:
        """Restore the config: TS-DIA's Trainer overwrites it with its own copy."""
        original, path = self._original_config, self._config
        try:
            if original is not None and not self._is_taken and not _has(path, original):
                write_bytes(path, original)
                self.warnings.append(f"the script overwrote {path.name}; the original was restored")
        except OSError as error:
            self.warnings.append(f"could not restore {path.name}: {error.strerror}")


def _has(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
