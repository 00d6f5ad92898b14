"""The hook on ``Accelerator.load_state``: refuse unusable checkpoints, and warn about states that were not loaded."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsdia_run.checkpoints import find, judge, marks, newest_complete, unfinished
from tsdia_run.errors import DamagedRunError, UnusableCheckpointError
from tsdia_run.training.boot.attempt_files import say
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import unsealed
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Call, Steps

# The only sign of it: accelerate/checkpointing.py logs this at level INFO, in 0.26 to 1.15.
_NOT_RESTORED = "Could not load random states"
# How long another rank may take to seal the checkpoint that this rank wants to load.
_OTHER_RANKS_S = 120.0
_POLL_S = 0.05


class Loading:
    """The hook on ``load_state``.

    Args:
        session: The attempt.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._is_first = True

    def steps(self, accelerator: Any, input_dir: Any = None, *args: Any, **kwargs: Any) -> Steps:
        """Check the checkpoint, let Accelerate load it, and warn about random states that it did not load."""
        is_automatic = accelerator.project_configuration.automatic_checkpoint_naming
        folder = Path(accelerator.project_dir, "checkpoints") if is_automatic else None
        checkpoint = Path(os.path.expanduser(input_dir)) if input_dir is not None else self._newest_or_resumed(folder)
        if checkpoint is None or not checkpoint.is_dir():
            return  # Accelerate raises the error
        self._is_first = False
        if not self._is_from_this_attempt(checkpoint, accelerator.process_index):
            self._refuse_unusable(checkpoint)
        with _logged_messages() as messages:
            yield Call((accelerator, str(checkpoint), *args), kwargs) if input_dir is None else None
        RANK.loaded(checkpoint)
        if _NOT_RESTORED in messages:
            _warn_not_restored(checkpoint, accelerator.process_index)
        if folder is not None:
            _number_after(folder, accelerator.project_configuration)

    def _is_from_this_attempt(self, checkpoint: Path, rank: int) -> bool:
        """Return whether other ranks of this attempt are still saving it, and all files that this rank reads exist.

        ``save_state`` ends without a barrier: another rank may not have sealed a checkpoint that this rank has saved.
        This waits for the missing files.
        """
        deadline_s = time.monotonic() + _OTHER_RANKS_S
        while time.monotonic() < deadline_s:
            try:
                found = marks.read(checkpoint) if self._is_being_saved(checkpoint) else ()
            except (OSError, DamagedRunError):
                return False  # the verdict has the reason
            if not found or marks.has_all_for(rank, found):
                return bool(found)
            time.sleep(_POLL_S)
        return False

    def _is_being_saved(self, checkpoint: Path) -> bool:
        this_attempt = (self._session.run_id, self._session.number)
        open_saves = unfinished(checkpoint)
        return any(mark.world_size > 1 and (mark.run_id, mark.attempt) == this_attempt for mark in open_saves)

    def _refuse_unusable(self, checkpoint: Path) -> None:
        verdict = judge(checkpoint, hashed=True)
        if not verdict.is_usable and unsealed.is_unsealed(checkpoint):
            # This process saved it and has already warned that it could not seal it; that must not end the training.
            verdict = judge(checkpoint, by_structure=True)
        if verdict.is_usable:
            return
        siblings = (found for found in find(checkpoint.parent) if found.path.parent == checkpoint.parent)
        other = newest_complete(siblings).chosen
        instead = f" (usable in the same directory: {other.path.name})" if other else ""
        raise UnusableCheckpointError(
            f"{checkpoint} is {verdict.state.value}: {verdict.reason}. Nothing was loaded{instead}"
        )

    def _newest_or_resumed(self, folder: Path | None) -> Path | None:
        """Return the checkpoint of ``load_state()``: first that of the resume, otherwise Accelerate's newest."""
        if folder is None or not folder.is_dir():
            return None
        resumed = self._session.checkpoint
        if self._is_first and resumed and os.path.realpath(resumed.parent) == os.path.realpath(folder):
            return resumed
        numbered = _numbered(folder)
        return folder / max(numbered)[1] if numbered else None


def _numbered(folder: Path) -> list[tuple[int, str]]:
    """Return numbers and names as Accelerate counts them: by the first number in any name."""
    numbers = ((re.search(r"\d+", name), name) for name in os.listdir(folder))
    return [(int(number.group()), name) for number, name in numbers if number]


class _RecordingLogger:
    """A logger that also keeps its INFO messages."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self.messages: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def info(self, message: str, *args: Any, **kwargs: Any) -> None:
        self.messages.append(message)
        self._logger.info(message, *args, **kwargs)


@contextmanager
def _logged_messages() -> Iterator[list[str]]:
    """Collect the messages of Accelerate's logger while it loads; by default the logger shows none of them."""
    module: Any = sys.modules["accelerate.checkpointing"]
    logger = module.logger
    module.logger = recording = _RecordingLogger(logger)
    try:
        yield recording.messages
    finally:
        module.logger = logger


def _warn_not_restored(checkpoint: Path, rank: int) -> None:
    file = checkpoint / f"random_states_{rank}.pkl"
    why = f"Accelerate could not read {file}" if file.exists() else f"{file} is missing"
    say(f"warning: the random states of rank {rank} were not restored, so the resume is not exact: {why}")


def _number_after(folder: Path, configuration: Any) -> None:
    """Set the next number: Accelerate would start from 0 again, and fail at the first checkpoint that exists."""
    last = max((number for number, _ in _numbered(folder)), default=-1)
    configuration.iteration = max(configuration.iteration, last + 1)
