"""Restarts after failures, and hangs."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from tests.support.command import Starter, log_of, record_of, tsdia_run, wait_until

# Saves as a plain script does, fails as its arguments say for each attempt, and completes after three checkpoints.
SCRIPT = """\
import os, pathlib, sys, time
out, attempt = pathlib.Path(os.environ["TSDIA_RUN_DIR"]), int(os.environ["TSDIA_RUN_ATTEMPT"])
start = os.environ.get("TSDIA_RUN_CHECKPOINT")
step = int(start.rsplit("step", 1)[1]) if start else 0
print("attempt", attempt, "from", step, flush=True)
way = (sys.argv[1:] + ["ok"] * 9)[sys.argv[1:].index("--") + 1 + attempt] if "--" in sys.argv else "ok"
def save(step):
    folder = out / f"checkpoint-epoch0-step{step}"
    folder.mkdir()
    (folder / "state.json").write_text("{}")
if "save" in way:
    save(step + 1)
if "kill" in way:
    os.kill(os.getpid(), 9)
if "fail" in way:
    raise RuntimeError(f"bad luck {way}")
if "usage" in way:
    sys.exit(2)
if "hang" in way:
    time.sleep(600)
"""
CONFIG = """\
training: {checkpoint: {save_dir: runs/exp, resume: }}
tsdia_run: {launcher: python, args: ["--"], restarts: {backoff_s: 0.2}}
"""


def restarted(project: Path, *words: str, ways: tuple[str, ...]) -> tuple[int, str, list[tuple[str, str | None]]]:
    """Return the exit code, the output, and each attempt's state and start."""
    (project / "train.py").write_text(SCRIPT)
    (project / "config.yml").write_text(CONFIG)
    done = tsdia_run("new", "config.yml", *words, "--", *ways, cwd=project)
    attempts = record_of(project / "runs/exp")["attempts"]
    return done.returncode, done.stderr, [(one["state"], one["checkpoint"]) for one in attempts]


def test_a_failed_attempt_is_restarted_from_the_newest_checkpoint(project: Path) -> None:
    code, said, attempts = restarted(project, "--max-restarts", "1", ways=("save-kill", "save-fail", "fail", "save"))
    # Two attempts that made progress, and one that did not: the restart limit allows that one.
    assert (code, [state for state, _ in attempts]) == (0, ["failed", "failed", "failed", "completed"])
    assert [start for _, start in attempts] == [
        None,
        "checkpoint-epoch0-step1",
        "checkpoint-epoch0-step2",
        "checkpoint-epoch0-step2",
    ]
    assert "restarting in 0.2 s from runs/exp/checkpoint-epoch0-step1 (it made progress)" in said
    assert "(restart 1 of 1)" in said
    assert "was killed by SIGKILL" in said
    assert said.count("logs/training_resume_") >= 3
    assert "attempt 3 from 2" in log_of(project / "runs/exp", 3)


def test_attempts_without_progress_reach_the_limit(project: Path) -> None:
    code, said, attempts = restarted(project, "--max-restarts", "2", ways=("kill", "kill", "kill", "ok"))
    assert (code, [state for state, _ in attempts]) == (137, ["failed"] * 3)
    assert "from the beginning, since no checkpoint was saved" in said
    assert "no restart: 3 consecutive attempts saved no new checkpoint" in said


def test_a_failure_that_would_repeat_is_not_retried(project: Path) -> None:
    code, said, attempts = restarted(project, "--max-restarts", "5", ways=("usage", "ok"))
    assert (code, len(attempts)) == (2, 1)
    assert "no restart: exit code 2" in said
    (project / "runs/exp").rename(project / "runs/first")
    code, said, attempts = restarted(project, "--max-restarts", "5", ways=("fail", "fail", "ok"))
    assert (code, len(attempts)) == (1, 2)
    assert "no restart: it failed in the same way twice" in said


def test_without_the_flag_nothing_is_restarted(project: Path) -> None:
    code, said, attempts = restarted(project, ways=("save-kill", "ok"))
    assert (code, len(attempts)) == (137, 1)
    assert "restart" not in said


def test_a_stop_during_the_backoff_ends_the_run(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    (project / "config.yml").write_text(CONFIG.replace("0.2", "600"))
    running = start("new", "config.yml", "--max-restarts", "1", "--", "save-kill", "ok", cwd=project)
    second = project / "runs/exp/attempts/1/command.json"
    wait_until(second.exists)
    assert tsdia_run("stop", "runs/exp", cwd=project).returncode == 0
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGTERM
    outcome = record_of(project / "runs/exp")["attempts"][1]["outcome"]
    assert outcome["state"] == "stopped"
    assert outcome["reason"].endswith(" before the training started")


def test_a_hang_is_recorded_stopped_and_restarted(project: Path) -> None:
    settings = ("--hang-timeout", "1.5s", "--max-restarts", "1")
    code, said, attempts = restarted(project, *settings, ways=("save-hang", "save"))
    assert (code, [state for state, _ in attempts]) == (0, ["failed", "completed"]), said
    outcome = record_of(project / "runs/exp")["attempts"][0]["outcome"]
    assert outcome["reason"].startswith("hung: no output, metrics or checkpoint for 1")
    assert "attempts/0/stacks-rank*.txt" in outcome["reason"]
    stacks = (project / "runs/exp/attempts/0/stacks-rank0.txt").read_text()
    assert re.search(r'train\.py", line \d+ in <module>', stacks)


def test_the_timeout_is_longer_at_the_start(project: Path) -> None:
    code, _, attempts = restarted(project, "--hang-timeout", "1s", ways=("hang",))
    assert (code, attempts[0][0]) == (143, "failed")
    reason = record_of(project / "runs/exp")["attempts"][0]["outcome"]["reason"]
    seconds = float(reason.removeprefix("hung: no output, metrics or checkpoint for ").split()[0])
    assert seconds >= 3
    assert "since the start" in reason


def test_a_training_with_output_is_not_hung(project: Path) -> None:
    (project / "train.py").write_text(
        "import time\nfor i in range(30):\n    print('.', end='', flush=True)\n    time.sleep(0.1)\n"
    )
    (project / "config.yml").write_text(
        CONFIG.replace("restarts", "hang: {timeout: 1.0, start_timeout: 1.0}, restarts")
    )
    done = tsdia_run("new", "config.yml", cwd=project)
    assert (done.returncode, done.stdout) == (0, "." * 30)
