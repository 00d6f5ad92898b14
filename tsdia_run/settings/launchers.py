"""The commands that start a script: after one of them, every word belongs to the script's command line (pure)."""

from __future__ import annotations

import re

_LAUNCHER = re.compile(r"python(3(\.\d+)?)?|accelerate(-launch)?|torchrun|deepspeed")


def is_launcher(word: str) -> bool:
    """Return whether a word is ``python``, ``accelerate``, ``torchrun`` or ``deepspeed``, or a path to one of them."""
    return _LAUNCHER.fullmatch(word.rpartition("/")[2]) is not None
