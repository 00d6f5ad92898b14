"""A separate process adds the hashes, and never damages a checkpoint."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import checkpoints as made
from tsdia_run.checkpoints import Soundness, hashes, judge, manifest, marks
from tsdia_run.checkpoints.marks import SavePhase
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout
from tsdia_run.supervise.hasher import add_hashes
from tsdia_run.supervise.hashing import Hashing

LIMIT_S = 60.0


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    for step in (1, 2):
        made.seal(made.state(tmp_path / "exp" / f"checkpoint-{step}"), manifest_id=f"m{step}")
    return tmp_path / "exp"


def has_hashes(checkpoint: Path) -> bool:
    sealed = manifest.read(checkpoint)
    return sealed is not None and hashes.read(checkpoint, sealed) is not None


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def test_only_sealed_checkpoints_get_hashes(run_dir: Path) -> None:
    made.state(run_dir / "checkpoint-3")
    (made.state(run_dir / "checkpoint-4") / "tsdia-checkpoint.json").write_text("{")
    (run_dir / "checkpoint-2" / "optimizer.bin").unlink()
    hashing = Hashing(run_dir, is_on=True)
    hashing.look(0.0)
    hashing.finish(lambda: False)
    assert [path.parent.name for path in run_dir.glob("*/*.sha256")] == ["checkpoint-1"]
    assert judge(run_dir / "checkpoint-1", hashed=True).is_hashed


def test_checkpoints_sealed_later_get_hashes_at_the_end(run_dir: Path) -> None:
    hashing = Hashing(run_dir, is_on=True)
    hashing.look(0.0)
    made.seal(made.state(run_dir / "checkpoint-3"), manifest_id="m3")
    hashing.finish(lambda: False)
    assert has_hashes(run_dir / "checkpoint-3")


def test_if_switched_off_no_hashes_are_added(run_dir: Path) -> None:
    hashing = Hashing(run_dir, is_on=False)
    hashing.look(0.0)
    hashing.finish(lambda: False)
    assert not list(run_dir.glob("*/*.sha256"))


def test_hashing_ends_early_when_requested(run_dir: Path) -> None:
    with (run_dir / "checkpoint-2" / "data.pt").open("wb") as file:
        file.truncate(2**40)  # sparse: reading it takes too long
    made.seal(run_dir / "checkpoint-2", manifest_id="huge")
    hashing = Hashing(run_dir, is_on=True)
    hashing.finish(lambda: True)
    assert children() == ""
    assert not has_hashes(run_dir / "checkpoint-2")


def test_a_checkpoint_stays_complete_if_the_hasher_is_killed(tmp_path: Path) -> None:
    checkpoint = made.state(tmp_path / "checkpoint-1")
    with (checkpoint / "data.pt").open("wb") as file:
        file.truncate(2**40)
    made.seal(checkpoint)
    hasher = [sys.executable, "-m", "tsdia_run.supervise.hasher", str(checkpoint)]
    with subprocess.Popen(hasher) as process:
        deadline = time.monotonic() + LIMIT_S
        while not any("data.pt" in name for name in open_files(process.pid)):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
        process.kill()
    assert process.returncode == -signal.SIGKILL
    verdict = judge(checkpoint, hashed=True)
    assert (verdict.state, verdict.is_hashed) == (Soundness.WHOLE, False)


def open_files(pid: int) -> list[str]:
    folder = Path(f"/proc/{pid}/fd")
    return [os.readlink(path) for path in folder.iterdir() if path.is_symlink()]


def test_a_checkpoint_that_is_overwritten_during_hashing_gets_no_hashes(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, digest = run_dir / "checkpoint-1", hashes.digest

    def slow_digest(path: Path, *, leaves_cache: bool) -> str:
        marks.write(checkpoint, made.mark(save="the next one", count=2, phase=SavePhase.SAVING))
        return digest(path, leaves_cache=leaves_cache)

    monkeypatch.setattr(hashes, "digest", slow_digest)
    add_hashes(checkpoint)
    assert not CheckpointLayout(checkpoint).hashes.exists()


def test_the_page_cache_is_released_after_reading(run_dir: Path) -> None:
    fincore = shutil.which("fincore")
    if fincore is None:
        pytest.skip("no fincore to look into the page cache")
    checkpoint = run_dir / "checkpoint-1"
    big = checkpoint / "data.pt"
    big.write_bytes(os.urandom(64 * 2**20))
    made.seal(checkpoint, manifest_id="big")
    with big.open("rb") as file:
        os.fsync(file.fileno())
    add_hashes(checkpoint)
    assert has_hashes(checkpoint)
    told = subprocess.run([fincore, "-bnr", "-o", "RES", str(big)], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 8 * 2**20
