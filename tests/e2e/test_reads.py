"""A resumed script that does not read its checkpoint, from the user's point of view."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import checkpoints
from tests.support.command import COMMAND, Starter, environment, log_of, record_of, tsdia_run, wait_for, wait_until
from tsdia_run.supervise.hasher import add_hashes

# Attempt 0 saves three checkpoints and dies. Later attempts obey their arguments, and then save as if from the start.
SCRIPT = """\
import os, pathlib, sys, time
out, attempt = pathlib.Path(os.environ["TSDIA_RUN_DIR"]), int(os.environ["TSDIA_RUN_ATTEMPT"])
start = pathlib.Path(os.environ.get("TSDIA_RUN_CHECKPOINT", ""))
def save(step):
    folder = out / f"checkpoint-{step}"
    folder.mkdir(exist_ok=True)
    (folder / "state.bin").write_text(f"step {step} of attempt {attempt}")
if attempt == 0:
    for step in (1, 2, 3):
        save(step)
    os.kill(os.getpid(), 9)
print("started", flush=True)
if "wait" in sys.argv:
    while not (out / "go").exists():
        time.sleep(0.02)
if "read" in sys.argv:
    (start / "state.bin").read_bytes()
for step in (1, 2):
    try:
        save(step)
    except Exception:
        if "catch" not in sys.argv:
            raise
print("saved", flush=True)
"""
CONFIG = """\
training: {checkpoint: {save_dir: runs/exp, resume: }}
tsdia_run: {launcher: python, args: ["--"], restarts: {backoff_s: 0.1}}
"""
REASON = "the script did not read checkpoint-3, the checkpoint to resume from, and would have overwritten checkpoint-1"


@pytest.fixture
def killed(project: Path) -> Path:
    """Make a project with a run that was killed after its third checkpoint."""
    (project / "train.py").write_text(SCRIPT)
    (project / "config.yml").write_text(CONFIG)
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 137
    return project


def last(project: Path) -> dict[str, Any]:
    """Return the newest attempt in the record."""
    newest: dict[str, Any] = record_of(project / "runs/exp")["attempts"][-1]
    return newest


def state(project: Path) -> list[str]:
    """Return the contents of the checkpoints."""
    return [path.read_text() for path in sorted(project.glob("runs/exp/checkpoint-*/state.bin"))]


OF_ATTEMPT_0 = ["step 1 of attempt 0", "step 2 of attempt 0", "step 3 of attempt 0"]


def test_it_fails_before_any_file_is_written_and_is_not_retried(killed: Path) -> None:
    done = tsdia_run("resume", "runs/exp", "--max-restarts", "3", cwd=killed)
    assert done.returncode == 1
    assert state(killed) == OF_ATTEMPT_0
    record = record_of(killed / "runs/exp")
    assert len(record["attempts"]) == 2
    assert (record["state"], last(killed)["checkpoint_read"]) == ("failed", "not read")
    assert last(killed)["outcome"]["reason"] == f"{REASON} (the script exited with code 1)"
    assert "no restart: the script would not read its checkpoint next time either" in done.stderr
    assert f"tsdia-run resume {killed / 'runs/exp'} --from-scratch" in log_of(killed / "runs/exp", 1)
    shown = tsdia_run("info", "runs/exp", cwd=killed).stdout
    assert "from checkpoint-3 (not read)" in shown
    assert REASON in shown


def test_from_scratch_may_overwrite_existing_checkpoints(killed: Path) -> None:
    assert tsdia_run("resume", "runs/exp", "--from-scratch", cwd=killed).returncode == 0
    assert state(killed) == ["step 1 of attempt 1", "step 2 of attempt 1", OF_ATTEMPT_0[2]]
    assert last(killed)["checkpoint_read"] is None


def test_a_script_that_catches_the_error_still_counts_as_failed(killed: Path) -> None:
    done = tsdia_run("resume", "runs/exp", "--", "catch", cwd=killed)
    assert (done.returncode, last(killed)["state"]) == (1, "failed")
    assert last(killed)["outcome"]["reason"] == f"{REASON} (the script exited with code 0)"
    assert state(killed) == OF_ATTEMPT_0


def test_a_script_that_reads_its_checkpoint_may_save_anything_and_is_warned_about(killed: Path) -> None:
    done = tsdia_run("resume", "runs/exp", "--", "read", cwd=killed)
    assert (done.returncode, last(killed)["checkpoint_read"]) == (0, "read")
    assert state(killed)[:2] == ["step 1 of attempt 1", "step 2 of attempt 1"]
    text = "this attempt resumed from checkpoint-3 and now saves checkpoint-1, which is earlier"
    assert last(killed)["warnings"] == [text]
    assert done.stderr.count(text) == 1
    assert text in tsdia_run("info", "runs/exp", cwd=killed).stdout


def test_reads_by_the_user_do_not_count(killed: Path, start: Starter) -> None:
    """Sealed without hashes, so that the hasher reads it too."""
    for step in (1, 2, 3):
        checkpoints.seal(killed / f"runs/exp/checkpoint-{step}", manifest_id=f"m{step}")
    add_hashes(killed / "runs/exp/checkpoint-2")
    running = start("resume", "runs/exp", "--", "wait", cwd=killed)
    wait_for(running, "started")
    for words in (["info", "runs/exp", "--verify"], ["list"], ["info", "runs/exp", "--json"]):
        assert tsdia_run(*words, cwd=killed).returncode == 0
    wait_until((killed / "runs/exp/checkpoint-3/tsdia-checkpoint.sha256").exists)
    (killed / "runs/exp/go").touch()
    running.communicate(timeout=60)
    assert (running.returncode, last(killed)["checkpoint_read"]) == (1, "not read")
    assert state(killed) == OF_ATTEMPT_0


def test_after_the_supervisor_was_killed_nothing_is_stopped(killed: Path, start: Starter) -> None:
    running = start("resume", "runs/exp", "--", "wait", cwd=killed)
    wait_for(running, "started")
    running.kill()
    running.wait()
    (killed / "runs/exp/go").touch()
    wait_until((killed / "runs/exp/attempts/1/exit-rank0.json").exists)
    assert state(killed)[:2] == ["step 1 of attempt 1", "step 2 of attempt 1"]
    # The next command records the ending and the warnings.
    assert tsdia_run("ensure", "config.yml", cwd=killed).returncode == 0
    assert "now saves checkpoint-1, which is earlier" in str(last(killed)["warnings"])


def test_a_refusal_is_reported_although_the_supervisor_was_killed_after_it(killed: Path, start: Starter) -> None:
    script = SCRIPT.replace('print("saved"', 'print("refused", flush=True)\ntime.sleep(1)\nprint("saved"')
    (killed / "train.py").write_text(script)
    running = start("resume", "runs/exp", "--", "catch", cwd=killed)
    wait_for(running, "refused")
    running.send_signal(signal.SIGKILL)
    running.wait()
    wait_until((killed / "runs/exp/attempts/1/exit-rank0.json").exists)
    wait_until(lambda: tsdia_run("resume", "runs/exp", "--", "read", cwd=killed).returncode == 0)
    ended = record_of(killed / "runs/exp")["attempts"][1]
    assert ended["state"] == "failed"
    assert ended["outcome"]["reason"].startswith(REASON)


def test_without_inotify_it_is_unknown_and_nothing_is_stopped(killed: Path) -> None:
    none = "echo 0 > /proc/sys/user/max_inotify_instances"
    command = ["unshare", "-Ur", "sh", "-c", f'{none} && exec "$@"', "sh", COMMAND, "resume", "runs/exp"]
    if not shutil.which("unshare") or subprocess.run(["unshare", "-Ur", "sh", "-c", none], check=False).returncode:
        pytest.skip("needs user namespaces")
    done = subprocess.run(command, cwd=killed, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, last(killed)["checkpoint_read"]) == (0, "unknown"), done.stderr
    assert state(killed)[0] == "step 1 of attempt 1"


def test_without_hooks_nothing_is_stopped_and_the_record_shows_it(killed: Path) -> None:
    assert tsdia_run("resume", "runs/exp", "--no-hooks", cwd=killed).returncode == 0
    assert (last(killed)["state"], last(killed)["checkpoint_read"]) == ("completed", "not read")
