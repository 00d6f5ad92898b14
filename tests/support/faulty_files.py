"""A run whose own files were edited, cut short, or replaced by something else."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import checkpoints
from tests.support.command import record_of
from tests.support.faulty_runs import Project
from tests.support.zygote import Zygote

CHECKPOINT = "checkpoint-epoch0-step5"
OWN_FILES = (
    "run.json",
    "config.yml",
    "metrics.jsonl",
    "wandb_info.json",
    "hyperparameters.json",
    "best_checkpoint",
    "attempts/0/command.json",
    "attempts/0/config/config.yml",
    "attempts/0/environment.json",
    "attempts/0/exit-rank0.json",
    "attempts/0/git.json",
    "attempts/0/git.patch",
    "attempts/0/ranks.json",
    "attempts/0/stop.json",
    f"{CHECKPOINT}/.tsdia-rank0.json",
    f"{CHECKPOINT}/tsdia-checkpoint.json",
    f"{CHECKPOINT}/tsdia-checkpoint.sha256",
    ".tsdia/alive",
    ".tsdia/claim",
    ".tsdia/heartbeat.json",
    ".tsdia/metrics.json",
    ".tsdia/progress.json",
)
# More than a reader reads of any of them.
_HUGE_BYTES = 512 * 1024**2


def make_run(zygote: Zygote, root: Path) -> Project:
    """Make a run with a sealed checkpoint and a file of each kind, whose supervisor could not record the ending."""
    project = Project.make(root)
    assert zygote.run("new", "config.yml", cwd=root).code == 3
    (root / "train.py").write_text("print('trained')\n")  # the next attempts do not change the files
    run_dir = project.run_dir
    shutil.rmtree(run_dir / CHECKPOINT)
    checkpoints.seal(checkpoints.state(run_dir / CHECKPOINT))
    (run_dir / "best_checkpoint").symlink_to(CHECKPOINT)
    found = record_of(run_dir)
    found["state"] = found["attempts"][0]["state"] = "running"
    found["attempts"][0]["outcome"] = None
    (run_dir / "run.json").write_text(json.dumps(found))
    for name, content in (
        ("wandb_info.json", {"run_id": "a", "run_url": "https://wandb.ai/a/b/runs/a"}),
        ("hyperparameters.json", {"lr": 0.1}),
        ("attempts/0/stop.json", {"requested_at": "2026-11-23T05:41:27+00:00", "signal": "SIGTERM"}),
        ("attempts/0/ranks.json", {"first": 0, "ranks": {"0": {"exit_code": 3}}}),
    ):
        (run_dir / name).write_text(json.dumps(content))
    (run_dir / "attempts/0/git.patch").write_text("diff\n")
    missing = [name for name in OWN_FILES if not (run_dir / name).exists()]
    assert set(missing) <= {f"{CHECKPOINT}/tsdia-checkpoint.sha256"}, missing
    return project


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _cut(path: Path) -> None:
    data = path.read_bytes() if path.is_file() else b"{}"
    _remove(path)
    path.write_bytes(data[: len(data) // 2])


def _fill(data: bytes) -> Callable[[Path], None]:
    def fill(path: Path) -> None:
        _remove(path)
        path.write_bytes(data)

    return fill


def _huge(path: Path) -> None:
    _remove(path)
    path.touch()
    os.truncate(path, _HUGE_BYTES)


def _folder(path: Path) -> None:
    _remove(path)
    path.mkdir()


def _pipe(path: Path) -> None:
    _remove(path)
    os.mkfifo(path)


def _socket(path: Path) -> None:
    _remove(path)
    with socket.socket(socket.AF_UNIX) as bound:  # the path of a socket is limited to 108 characters
        folder = os.open(path.parent, os.O_RDONLY)
        bound.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)


def _endless(path: Path) -> None:
    _remove(path)
    path.symlink_to("/dev/zero")


def _terminal(path: Path) -> None:
    _remove(path)
    path.symlink_to("/dev/ptmx")


def _loop(path: Path) -> None:
    _remove(path)
    path.symlink_to(path.name)


REPLACEMENTS: dict[str, Callable[[Path], None]] = {
    "removed": _remove,
    "cut short": _cut,
    "empty": _fill(b""),
    "bytes": _fill(bytes(range(256)) * 20),
    "nested": _fill(b"[" * 200_000),
    "huge": _huge,
    "folder": _folder,
    "pipe": _pipe,
    "socket": _socket,
    "device": _endless,
    "terminal": _terminal,
    "link to itself": _loop,
}


def change(data: Any, way: list[int], value: object) -> Any:
    """Replace one part of a JSON value.

    Args:
        data: The value.
        way: The path to the part: positions, each taken modulo the number of parts at its depth.
        value: The new value of the part.
    """
    if not way or not isinstance(data, (dict, list)) or not data:
        return value
    if isinstance(data, list):
        at = way[0] % len(data)
        return [*data[:at], change(data[at], way[1:], value), *data[at + 1 :]]
    name = list(data)[way[0] % len(data)]
    return {**data, name: change(data[name], way[1:], value)}
