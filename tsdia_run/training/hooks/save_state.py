"""The hook on ``Accelerator.save_state``: write a save marker before it, seal after it, and prune last.

It adds no barrier: a script may save on one rank only.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from tsdia_run.checkpoints import read_name
from tsdia_run.checkpoints.marks import Mark
from tsdia_run.checkpoints.sealing import Save, begin, seal
from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir import outside_saves
from tsdia_run.training.boot.attempt_files import say
from tsdia_run.training.boot.rank_state import RANK, LoggedProgress
from tsdia_run.training.hooks import unsealed
from tsdia_run.training.hooks.first_step import resume_step, warn_if_before
from tsdia_run.training.hooks.pruning import prune
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, warn

# Each rank saves a part of the state.
_SHARDED = frozenset({"FSDP", "DEEPSPEED", "MEGATRON_LM"})


class Saving:
    """The hook on ``save_state``.

    Args:
        session: The attempt.
        progress: The progress to write into the manifest.
    """

    def __init__(self, session: Session, progress: LoggedProgress) -> None:
        self._session = session
        self._progress = progress
        self._start_step = resume_step(session)
        self._counts: Counter[Path] = Counter()
        self._outside: set[Path] = set()

    def steps(self, accelerator: Any, output_dir: Any = None, *_: Any, **__: Any) -> Steps:
        """Write the save marker, let Accelerate save, and seal."""
        configuration = accelerator.project_configuration
        if configuration.automatic_checkpoint_naming:
            yield from self._named_by_accelerate(accelerator, configuration)
        elif output_dir is not None:
            checkpoint = Path(os.path.abspath(output_dir))
            RANK.check(checkpoint)
            checkpoint.mkdir(parents=True, exist_ok=True)
            save = self._begin(accelerator, checkpoint, needs_all=False)
            yield None
            self._seal(checkpoint, save)

    def _named_by_accelerate(self, accelerator: Any, configuration: Any) -> Steps:
        """Save into Accelerate's directory: known once Accelerate has made it, after all ranks have waited."""
        saves: dict[Path, Save | None] = {}

        def mark(_models: Any, _weights: Any, output_dir: Any) -> None:
            checkpoint = Path(os.path.abspath(output_dir))
            try:
                saves[checkpoint] = self._begin(accelerator, checkpoint, needs_all=True)
            except Exception as error:  # Accelerate calls this: the training must continue
                warn("checkpoints", error)

        folder = Path(os.path.abspath(accelerator.project_dir), "checkpoints")
        RANK.check(folder / f"checkpoint_{configuration.iteration}")
        handle = accelerator.register_save_state_pre_hook(mark)
        # Accelerate removes the oldest one before it saves. So the limit is unset, and applied below after the seal.
        limit, configuration.total_limit = configuration.total_limit, None
        try:
            yield None
        finally:
            configuration.total_limit = limit
            handle.remove()
        for checkpoint, save in saves.items():
            if self._seal(checkpoint, save) and limit is not None:
                prune(checkpoint, limit, self._session)

    def _begin(self, accelerator: Any, checkpoint: Path, *, needs_all: bool) -> Save | None:
        unsealed.discard(checkpoint)
        self._counts[checkpoint] += 1
        mark = Mark(
            rank=accelerator.process_index,
            world_size=accelerator.num_processes,
            run_id=self._session.run_id,
            attempt=self._session.number,
            save=uuid.uuid4().hex,
            count=self._counts[checkpoint],
            needs_all=needs_all or accelerator.distributed_type.value in _SHARDED,
        )
        try:
            return begin(checkpoint, mark)
        except OSError as error:
            _warn_unsealed(checkpoint, error)
            return None

    def _seal(self, checkpoint: Path, save: Save | None) -> bool:
        """Seal the checkpoint, and return whether it is complete now."""
        unsealed.add(checkpoint)
        self._note_outside(checkpoint)
        if save is None:
            return False
        # A script may save into a folder of the numbered directory: step_100/state.
        named, logged = read_name(checkpoint) or read_name(checkpoint.parent), self._progress
        step = named.step if named and named.step is not None else logged.step
        epoch = named.epoch if named and named.epoch is not None else logged.epoch
        try:
            if seal(save, step=step, epoch=epoch, metrics=logged.metrics) is None:
                return False
        except (OSError, DamagedRunError) as error:
            _warn_unsealed(checkpoint, error)
            return False
        unsealed.discard(checkpoint)
        if named is None:
            warn_if_before(checkpoint, logged.step, self._start_step)
        return True

    def _note_outside(self, checkpoint: Path) -> None:
        """Record a checkpoint that is not in the run directory, where no later command would find it."""
        run_dir = self._session.layout.root
        if checkpoint not in self._outside and outside_saves.is_outside(checkpoint, run_dir):
            self._outside.add(checkpoint)
            with suppress(OSError):  # only the closing card is worse without it
                outside_saves.add(self._session.attempt, checkpoint)


def _warn_unsealed(checkpoint: Path, error: Exception) -> None:
    reason = error.strerror if isinstance(error, OSError) else error
    say(f"warning: the checkpoint {checkpoint} could not be sealed and does not count as complete: {reason}")
