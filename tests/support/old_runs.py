"""Runs that tsdia-run 0.1.0 made, and the output of its commands with ``--json``.

The archive contains a project. ``done`` completed. ``killed`` was killed after step 5, with a checkpoint of step 4.
``resumed`` failed, and was resumed from step 2 with another learning rate. ``flags`` has no config; its script failed.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

_ARCHIVE = Path(__file__).parent / "old" / "runs-0.1.0.tar.gz"
_CHECKOUT = Path(__file__).parents[2]


def unpack(project: Path) -> Path:
    """Unpack the project into a folder, and adapt its paths to that folder."""
    places = {b"@PROJECT@": project, b"@PYTHON@": Path(sys.executable), b"@CHECKOUT@": _CHECKOUT}
    with tarfile.open(_ARCHIVE) as archive:
        for member in archive:
            target = project / member.name
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            elif file := archive.extractfile(member):
                data = file.read()
                for mark, place in places.items():
                    data = data.replace(mark, str(place).encode())
                target.write_bytes(data)
    return project
