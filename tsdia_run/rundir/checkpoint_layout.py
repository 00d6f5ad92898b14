"""The names of the files that tsdia-run adds to a checkpoint, and of the files that track its reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CheckpointLayout:
    """The files that tsdia-run adds to a checkpoint; see docs/checkpoints.md."""

    root: Path

    @property
    def manifest(self) -> Path:
        """The manifest, which lists the files of the checkpoint; written last."""
        return self.root / "tsdia-checkpoint.json"

    @property
    def hashes(self) -> Path:
        """The SHA-256 hashes of the files, added later; `sha256sum -c` can check them."""
        return self.root / "tsdia-checkpoint.sha256"

    def mark(self, rank: int) -> Path:
        """The save marker of a rank: how far its save is."""
        return self.root / f".tsdia-rank{rank}.json"

    @staticmethod
    def is_ours(name: str) -> bool:
        """Return whether tsdia-run wrote a file of this name, or is writing it."""
        return name.lstrip(".").startswith("tsdia-")


@dataclass(frozen=True)
class ReadsLayout:
    """``RUN_DIR/.tsdia/reads/``: whether the running attempt read the checkpoint that it resumes from.

    Each attempt replaces the folder. ``training/boot/repeated_names.py`` repeats the names.
    """

    root: Path

    @property
    def protected(self) -> Path:
        """The checkpoints that a script must not overwrite before it has read the checkpoint to resume from."""
        return self.root / "protected"

    @property
    def answer(self) -> Path:
        """What the supervisor has observed so far, in the words of ``supervise/opens.py``."""
        return self.root / "answer"

    @property
    def noticed(self) -> Path:
        """Exists once a rank saw its script read the checkpoint."""
        return self.root / "noticed"

    @property
    def warnings(self) -> Path:
        """The warnings of the ranks, each ended by a NUL."""
        return self.root / "warnings"

    @property
    def ours(self) -> Path:
        """Open while tsdia-run itself reads a checkpoint file: such a read does not count as a read by the script."""
        return self.root / "ours"

    @staticmethod
    def is_question(name: str) -> bool:
        """Return whether a file is the request of a rank. It is removed once ``answer`` is up to date."""
        return name.startswith("ask-")
