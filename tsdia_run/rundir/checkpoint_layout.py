"""The names of what tsdia-run puts beside a checkpoint, and of the files about the reads of one, spelled once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CheckpointLayout:
    """What tsdia-run puts beside the files of a checkpoint: docs/checkpoints.md."""

    root: Path

    @property
    def manifest(self) -> Path:
        """What the checkpoint holds; written last."""
        return self.root / "tsdia-checkpoint.json"

    @property
    def hashes(self) -> Path:
        """Their sha256, added later; `sha256sum -c` understands it."""
        return self.root / "tsdia-checkpoint.sha256"

    def mark(self, rank: int) -> Path:
        """Where a rank stands that saves into it."""
        return self.root / f".tsdia-rank{rank}.json"

    @staticmethod
    def is_ours(name: str) -> bool:
        """Whether a file name is one of these, or of one that is being written."""
        return name.lstrip(".").startswith("tsdia-")


@dataclass(frozen=True)
class ReadsLayout:
    """``RUN_DIR/.tsdia/reads/``: whether the running attempt read the checkpoint that it resumes from.

    Made anew for each attempt. ``training/boot/repeated_names.py`` has the same names.
    """

    root: Path

    @property
    def protected(self) -> Path:
        """The checkpoints that may not be overwritten by a script that did not read its own."""
        return self.root / "protected"

    @property
    def answer(self) -> Path:
        """What the supervisor has observed so far: the words of ``supervise/opens.py``."""
        return self.root / "answer"

    @property
    def noticed(self) -> Path:
        """There once a rank itself saw that its script read the checkpoint."""
        return self.root / "noticed"

    @property
    def warnings(self) -> Path:
        """What the ranks warned about, each text ended by a NUL."""
        return self.root / "warnings"

    @property
    def ours(self) -> Path:
        """Open while a command of tsdia-run opens a file of a checkpoint, which is no read by the script."""
        return self.root / "ours"

    @staticmethod
    def is_question(name: str) -> bool:
        """Whether a file name is of a question of a rank: it is removed when ``answer`` is up to date."""
        return name.startswith("ask-")
