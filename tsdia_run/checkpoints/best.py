"""``best_checkpoint``: a relative link, replaced in one step, that never leads nowhere."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run.errors import NotFoundError


def point(link: Path, checkpoint: Path) -> None:
    """Let the link lead to a checkpoint.

    Raises:
        NotFoundError: There is no such checkpoint.
        OSError: The file system refused; the link leads where it led.
    """
    if not os.path.exists(checkpoint):
        raise NotFoundError(f"{checkpoint} is not there, so {link.name} can't lead to it")
    beside = link.with_name(f".{link.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    beside.symlink_to(os.path.relpath(checkpoint, link.parent))
    beside.replace(link)


def target(link: Path) -> Path | None:
    """The checkpoint that the link leads to; None where there is no link, or it leads nowhere.

    TS-DIA's own link names a checkpoint in ``checkpoints/`` as if it lay beside the link: it is found there too.
    """
    try:
        named = Path(os.readlink(link))
    except OSError:
        return None
    places = (link.parent / named, link.parent / "checkpoints" / named.name)
    return next((Path(os.path.abspath(place)) for place in places if os.path.exists(place)), None)
