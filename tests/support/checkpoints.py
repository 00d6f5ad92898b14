"""Checkpoints as save_state writes them, made without torch, and the ways in which files are damaged."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run.checkpoints import files, manifest, marks
from tsdia_run.checkpoints.marks import Mark, SavePhase

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
SIZE = 4096


def safetensors(path: Path, data: bytes = bytes(range(256)) * 16) -> None:
    header = json.dumps({"w": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def torch_file(path: Path, data: bytes = bytes(range(256)) * 16) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
        archive.writestr("archive/data/0", data)


def state(path: Path, ranks: int = 1) -> Path:
    """Make the files that Accelerate writes for ``ranks`` ranks."""
    path.mkdir(parents=True, exist_ok=True)
    safetensors(path / "model.safetensors")
    names = ["optimizer.bin", "scheduler.bin", *(f"random_states_{rank}.pkl" for rank in range(ranks))]
    for name in names:
        torch_file(path / name)
    return path


def mark(rank: int = 0, **changes: object) -> Mark:
    plain = Mark(
        rank=rank,
        world_size=2,
        run_id="r",
        attempt=0,
        save=f"save{rank}",
        count=1,
        needs_all=False,
        phase=SavePhase.SEALED,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def seal(path: Path, *more: Mark, manifest_id: str = "m") -> manifest.Manifest:
    """Seal the contents of a directory as the only save of rank 0, and of the ranks in ``more``."""
    names = tuple(files.stamps(path))
    there = (mark(files=names), *more)
    for one in there:
        marks.write(path, one)
    sealed = marks.manifest_of(there, files.sizes(path, names), manifest_id=manifest_id, at=AT)
    manifest.write(path, sealed)
    return sealed


def _zero_tail(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def _flip(path: Path) -> None:
    """Flip 64 bytes in the middle: the data of a tensor in every file that the tests make."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(byte ^ 0xFF for byte in data[middle : middle + 64])
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "zeroed tail": _zero_tail,
    "64 flipped bytes": _flip,
}
