"""``best_checkpoint``: a relative link that is replaced atomically and never dangles."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run.errors import NotFoundError


def point(link: Path, checkpoint: Path) -> None:
    """Set the link to a checkpoint.

    Raises:
        NotFoundError: The checkpoint does not exist.
        OSError: The file system refused; the link is unchanged.
    """
    if not os.path.exists(checkpoint):
        raise NotFoundError(f"{checkpoint} not found: {link.name} can't link to it")
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(checkpoint, link.parent))
    temporary.replace(link)


def target(link: Path) -> Path | None:
    """Return the checkpoint that the link points to; None if the link does not exist or dangles.

    TS-DIA's own link points to a sibling of the link, although the checkpoint is in ``checkpoints/``: both places
    are searched.
    """
    try:
        named = Path(os.readlink(link))
    except OSError:
        return None
    places = (link.parent / named, link.parent / "checkpoints" / named.name)
    return next((Path(os.path.abspath(place)) for place in places if os.path.exists(place)), None)
