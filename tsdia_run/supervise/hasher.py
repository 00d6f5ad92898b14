"""Add hashes to sealed checkpoints, in a separate process that only uses idle CPU and disk time.

python -m tsdia_run.supervise.hasher CHECKPOINT...
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from tsdia_run.checkpoints import Manifest, Soundness, hashes, judge


def main() -> None:
    """Hash each given checkpoint; a checkpoint that can't be hashed keeps only its manifest."""
    with suppress(OSError):
        # The I/O priority class follows from this scheduling class.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    for path in map(Path, sys.argv[1:]):
        # Removed or overwritten in the meantime, or a full disk.
        with suppress(OSError):
            add_hashes(path)


def add_hashes(checkpoint: Path) -> None:
    """Hash the files of a complete checkpoint, and write the hashes if it is still complete.

    Raises:
        OSError: A file can't be read, or the hashes can't be written.
    """
    sealed = _sealed(checkpoint)
    if sealed is None or hashes.read(checkpoint, sealed) is not None:
        return
    digests = {name: hashes.digest(checkpoint / name, leaves_cache=True) for name in sealed.files}
    if _sealed(checkpoint) == sealed:
        hashes.write(checkpoint, sealed, digests)


def _sealed(checkpoint: Path) -> Manifest | None:
    verdict = judge(checkpoint)
    return verdict.manifest if verdict.state is Soundness.COMPLETE else None


if __name__ == "__main__":
    main()
