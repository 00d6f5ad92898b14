"""The command that installs a package for an interpreter."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tsdia_run.files.fields import beginning_of

_MADE_BY_UV = re.compile(r"^uv\s*=", re.MULTILINE)


def install_command(python: str, package: str) -> tuple[str, ...]:
    """Return the command that installs a package for an interpreter; environments of uv have no pip."""
    environment = Path(os.path.abspath(python)).parent.parent
    if _MADE_BY_UV.search(beginning_of(environment / "pyvenv.cfg")):
        return ("uv", "pip", "install", "--python", python, package)
    return (python, "-m", "pip", "install", package)
