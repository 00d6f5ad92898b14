"""Around ``Accelerator.load_state``: refuse unusable checkpoints, and warn about what was not restored."""

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

# accelerate/checkpointing.py says so at level INFO, and nothing else: 0.26 to 1.15.
_NOT_RESTORED = "Could not load random states"
# How long a rank that is behind may take to seal what this one wants to load.
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
        """Judge, let Accelerate load, look at what it did."""
        is_automatic = accelerator.project_configuration.automatic_checkpoint_naming
        folder = Path(accelerator.project_dir, "checkpoints") if is_automatic else None
        asked = Path(os.path.expanduser(input_dir)) if input_dir is not None else self._newest_or_resumed(folder)
        if asked is None or not asked.is_dir():
            return  # Accelerate says so
        self._is_first = False
        if not self._is_from_this_attempt(asked, accelerator.process_index):
            self._refuse_unusable(asked)
        with _listening() as heard:
            yield Call((accelerator, str(asked), *args), kwargs) if input_dir is None else None
        RANK.loaded(asked)
        if _NOT_RESTORED in heard:
            _say_not_restored(asked, accelerator.process_index)
        if folder is not None:
            _go_on_after(folder, accelerator.project_configuration)

    def _is_from_this_attempt(self, checkpoint: Path, rank: int) -> bool:
        """Whether other ranks of this attempt are still at it, and what this one reads is there.

        ``save_state`` ends without a barrier: what this rank has saved, another may not have sealed yet. Waits for what
        is missing.
        """
        deadline_s = time.monotonic() + _OTHER_RANKS_S
        while time.monotonic() < deadline_s:
            try:
                there = marks.read(checkpoint) if self._is_being_saved(checkpoint) else ()
            except (OSError, DamagedRunError):
                return False  # the verdict says so
            if not there or marks.has_all_for(rank, there):
                return bool(there)
            time.sleep(_POLL_S)
        return False

    def _is_being_saved(self, checkpoint: Path) -> bool:
        ours = (self._session.run_id, self._session.number)
        open_saves = unfinished(checkpoint)
        return any(mark.world_size > 1 and (mark.run_id, mark.attempt) == ours for mark in open_saves)

    def _refuse_unusable(self, checkpoint: Path) -> None:
        verdict = judge(checkpoint, hashed=True)
        if not verdict.is_usable and unsealed.is_unsealed(checkpoint):
            # Saved by this very process. That we could not seal it was told then, and is no reason to end a training.
            verdict = judge(checkpoint, by_structure=True)
        if verdict.is_usable:
            return
        beside = (found for found in find(checkpoint.parent) if found.path.parent == checkpoint.parent)
        other = newest_complete(beside).chosen
        instead = f" (usable in the same directory: {other.path.name})" if other else ""
        raise UnusableCheckpointError(
            f"{checkpoint} is {verdict.state.value}: {verdict.reason}. Nothing was loaded{instead}"
        )

    def _newest_or_resumed(self, folder: Path | None) -> Path | None:
        """What ``load_state()`` means: on a resume first what the user resumes from, else Accelerate's newest."""
        if folder is None or not folder.is_dir():
            return None
        resumed = self._session.checkpoint
        if self._is_first and resumed and os.path.realpath(resumed.parent) == os.path.realpath(folder):
            return resumed
        numbered = _numbered(folder)
        return folder / max(numbered)[1] if numbered else None


def _numbered(folder: Path) -> list[tuple[int, str]]:
    """As Accelerate numbers them: by the first number in the name, whatever the name."""
    numbers = ((re.search(r"\d+", name), name) for name in os.listdir(folder))
    return [(int(number.group()), name) for number, name in numbers if number]


class _Ear:
    """A logger that keeps what it is told."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self.heard: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def info(self, message: str, *args: Any, **kwargs: Any) -> None:
        self.heard.append(message)
        self._logger.info(message, *args, **kwargs)


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What Accelerate's loading says to its logger, which passes none of it on by default."""
    module: Any = sys.modules["accelerate.checkpointing"]
    logger = module.logger
    module.logger = ear = _Ear(logger)
    try:
        yield ear.heard
    finally:
        module.logger = logger


def _say_not_restored(checkpoint: Path, rank: int) -> None:
    file = checkpoint / f"random_states_{rank}.pkl"
    why = f"Accelerate could not read {file}" if file.exists() else f"{file} is missing"
    say(f"warning: the random states of rank {rank} were not restored, so the run does not go on exactly: {why}")


def _go_on_after(folder: Path, configuration: Any) -> None:
    """Accelerate counts from 0 again, and then fails over the first checkpoint that already exists."""
    last = max((number for number, _ in _numbered(folder)), default=-1)
    configuration.iteration = max(configuration.iteration, last + 1)
