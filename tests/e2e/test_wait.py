"""`tsdia-run wait` as a user types it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pexpect

from tests.support.command import COMMAND, Starter, environment, tsdia_run, wait_for, wait_until

# Logs a metric, and ends once its file exists: with the code in it.
SCRIPT = """\
import json, os, sys, time
attempt = int(os.environ["TSDIA_RUN_ATTEMPT"])
def log(step, loss):
    with open(os.environ["TSDIA_RUN_DIR"] + "/metrics.jsonl", "a") as file:
        file.write(json.dumps({"step": step, "time": time.time(), "attempt": attempt, "val/loss": loss}) + "\\n")
log(1, 3.0)
print("ready", flush=True)
while not os.path.exists(f"end-{attempt}"):
    if os.path.exists("low"):
        log(2, 1.5)
        os.remove("low")
    time.sleep(0.02)
sys.exit(int(open(f"end-{attempt}").read()))
"""
START = ("new", "--name", "exp", "--launcher", "python")


def project(folder: Path) -> Path:
    (folder / "train.py").write_text(SCRIPT)
    return folder


def end(folder: Path, attempt: int, code: int) -> None:
    (folder / "draft").write_text(str(code))
    (folder / "draft").rename(folder / f"end-{attempt}")


def test_a_wait_follows_restarts_and_exits_with_the_code_of_the_run(tmp_path: Path, start: Starter) -> None:
    running = start(*START, "--max-restarts", "1", cwd=project(tmp_path), env={"TSDIA_RUN_OPT_QUIET": "1"})
    wait_for(running, "ready")
    waiting, reached = start("wait", "exp", cwd=tmp_path), start("wait", "--until", "val/loss<2", cwd=tmp_path)
    timed_out = tsdia_run("wait", "exp", "--timeout", "0.2", "--json", cwd=tmp_path)
    told = json.loads(timed_out.stdout)
    assert (timed_out.returncode, told["end"], told["exit_code"], told["state"]) == (124, "timeout", 124, "running")
    (tmp_path / "low").touch()
    assert reached.communicate(timeout=60) == ("", "")
    assert reached.returncode == 0
    end(tmp_path, 0, 4)
    record = tmp_path / "runs" / "exp" / "run.json"
    wait_until(lambda: json.loads(record.read_text())["attempts"][0]["state"] == "failed")
    between = tsdia_run("wait", "exp", "--timeout", "0", cwd=tmp_path)
    assert between.returncode == 124  # the supervisor waits 10 s before the restart
    end(tmp_path, 1, 5)
    _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == running.wait(60) == 5
    assert "exp: failed: the script exited with code 5" in said
    again = tsdia_run("wait", "exp", "--json", cwd=tmp_path)
    assert (again.returncode, json.loads(again.stdout)["attempts"]) == (5, 2)


def test_a_wait_for_a_run_whose_supervisor_was_killed(tmp_path: Path, start: Starter) -> None:
    running = start(*START, cwd=project(tmp_path))
    wait_for(running, "ready")
    waiting = start("wait", cwd=tmp_path)
    running.kill()
    running.wait()
    assert tsdia_run("wait", "--timeout", "0.2", cwd=tmp_path).returncode == 124
    end(tmp_path, 0, 6)
    waiting.communicate(timeout=60)
    assert waiting.returncode == tsdia_run("wait", cwd=tmp_path).returncode == 6


def test_a_wait_on_a_terminal_shows_progress_until_ctrl_c(tmp_path: Path, start: Starter) -> None:
    running = start(*START, cwd=project(tmp_path))
    wait_for(running, "ready")
    words = ["wait", "exp", "--until", "val/loss<2"]
    child = pexpect.spawn(COMMAND, words, cwd=tmp_path, env=environment(), encoding="utf-8", timeout=30)
    child.expect_exact("exp is running, step 1, val/loss 3, waiting for")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus == signal.SIGINT
    asked = start("wait", cwd=tmp_path)
    assert tsdia_run("stop", "exp", "--now", cwd=tmp_path).returncode == 0
    asked.communicate(timeout=60)
    assert asked.returncode == 143


def test_words_that_a_wait_does_not_take(tmp_path: Path) -> None:
    for words, code, said in (
        (["exp"], os.EX_NOINPUT, "no run 'exp'"),
        ([], os.EX_NOINPUT, "no runs yet"),
        (["--timeout", "soon"], 2, "--timeout must be a time such as"),
        (["--until", "loss"], 2, "'loss' is not a condition"),
    ):
        refused = tsdia_run("wait", *words, cwd=tmp_path)
        assert (refused.returncode, said in refused.stderr) == (code, True), refused.stderr
