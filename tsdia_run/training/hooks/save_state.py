"""Around ``Accelerator.save_state``: a mark before, a seal after, and pruning last.

No barrier is added: a script may save on one rank only.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from tsdia_run.checkpoints import read_name
from tsdia_run.checkpoints.marks import Mark
from tsdia_run.checkpoints.sealing import Save, begin, seal
from tsdia_run.errors import DamagedRunError
from tsdia_run.training.boot.attempt_files import say
from tsdia_run.training.boot.rank_state import RANK, LoggedProgress
from tsdia_run.training.hooks import unsealed
from tsdia_run.training.hooks.first_step import resume_step, warn_if_before
from tsdia_run.training.hooks.pruning import prune
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, warn

# Their states are in parts, one a rank.
_SHARDED = frozenset({"FSDP", "DEEPSPEED", "MEGATRON_LM"})


class Saving:
    """The hook on ``save_state``.

    Args:
        session: The attempt.
        progress: What the manifest tells about the training.
    """

    def __init__(self, session: Session, progress: LoggedProgress) -> None:
        self._session = session
        self._progress = progress
        self._start_step = resume_step(session)
        self._counts: Counter[Path] = Counter()

    def steps(self, accelerator: Any, output_dir: Any = None, *_: Any, **__: Any) -> Steps:
        """Mark, let Accelerate save, seal."""
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
        """The directory is known once Accelerate has made it, with all ranks waiting for each other before."""
        saves: dict[Path, Save | None] = {}

        def mark(_models: Any, _weights: Any, output_dir: Any) -> None:
            checkpoint = Path(os.path.abspath(output_dir))
            try:
                saves[checkpoint] = self._begin(accelerator, checkpoint, needs_all=True)
            except Exception as error:  # it is Accelerate that calls this: the training goes on without us
                warn("checkpoints", error)

        folder = Path(os.path.abspath(accelerator.project_dir), "checkpoints")
        RANK.check(folder / f"checkpoint_{configuration.iteration}")
        handle = accelerator.register_save_state_pre_hook(mark)
        # Accelerate removes the oldest before it saves: set aside, and done by us when the new one is sealed.
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
            _say_unsealed(checkpoint, error)
            return None

    def _seal(self, checkpoint: Path, save: Save | None) -> bool:
        """Whether the checkpoint is complete now."""
        unsealed.add(checkpoint)
        if save is None:
            return False
        # A script may save into a folder of the numbered one: step_100/state.
        named, told = read_name(checkpoint) or read_name(checkpoint.parent), self._progress
        step = named.step if named and named.step is not None else told.step
        epoch = named.epoch if named and named.epoch is not None else told.epoch
        try:
            if seal(save, step=step, epoch=epoch, metrics=told.metrics) is None:
                return False
        except (OSError, DamagedRunError) as error:
            _say_unsealed(checkpoint, error)
            return False
        unsealed.discard(checkpoint)
        if named is None:
            warn_if_before(checkpoint, told.step, self._start_step)
        return True


def _say_unsealed(checkpoint: Path, error: Exception) -> None:
    reason = error.strerror if isinstance(error, OSError) else error
    say(f"warning: the checkpoint {checkpoint} could not be sealed and does not count as complete: {reason}")
