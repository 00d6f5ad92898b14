"""How many ranks a checkpoint is of."""

from __future__ import annotations

import re
from pathlib import Path

from tsdia_run.checkpoints import files
from tsdia_run.checkpoints.manifest import Manifest

_RANDOM_STATES = re.compile(r"random_states_\d+\.pkl")


def world_size(checkpoint: Path, manifest: Manifest | None) -> int | None:
    """How many ranks saved it: by its manifest, else by the random states; None where there is neither."""
    if manifest is not None:
        return manifest.world_size
    return sum(_RANDOM_STATES.fullmatch(name) is not None for name in files.stamps(checkpoint)) or None


def is_sharded(checkpoint: Path) -> bool:
    """Whether each rank has a part of the state: FSDP and DeepSpeed save into folders of their own."""
    return any("/" in name for name in files.stamps(checkpoint))
