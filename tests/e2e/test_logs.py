from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.checkpoints import state
from tests.support.command import COMMAND, Starter, environment, record_of, tsdia_run

SCRIPT = """\
import os, sys
attempt = os.environ["TSDIA_RUN_ATTEMPT"]
for number in range(400):
    print(f"attempt {attempt} line {number} ünïcode")
sys.exit(1 if attempt == "0" else 0)
"""


@pytest.fixture
def failed(project: Path) -> Path:
    """Make a failed run whose log is in several parts."""
    (project / "train.py").write_text(SCRIPT)
    (project / "tsdia-run.yml").write_text("logs: {max_size: 4 KiB}\n")
    assert tsdia_run("new", "config.yml", "-q", cwd=project).returncode == 1
    assert list((project / "runs" / "exp" / "logs").glob("*.gz"))
    state(project / "runs" / "exp" / "step_1")
    return project


def test_the_whole_log_through_its_parts_byte_for_byte(failed: Path) -> None:
    done = tsdia_run("logs", "exp", cwd=failed)
    assert done.returncode == 0
    said = done.stdout.splitlines()
    assert said[0].startswith("[tsdia-run: run exp ")
    assert said[1:401] == [f"attempt 0 line {number} ünïcode" for number in range(400)]
    assert said[-1].startswith("[tsdia-run: failed after ")


def test_attempts_lines_and_patterns(failed: Path) -> None:
    assert tsdia_run("resume", "runs/exp", "-q", cwd=failed).returncode == 0
    everything = tsdia_run("logs", cwd=failed).stdout
    assert everything.index("attempt 0 line 399") < everything.index("attempt 1 line 0")
    assert "attempt 0" not in tsdia_run("logs", "exp", "--attempt", "1", "--grep", "^attempt", cwd=failed).stdout
    last = tsdia_run("logs", "exp", "--attempt", "0", "-n", "3", cwd=failed).stdout.splitlines()
    assert last[0] == "attempt 0 line 398 ünïcode"
    found = tsdia_run("logs", "exp", "--grep", r"line 39\d ün", "--json", cwd=failed).stdout.splitlines()
    assert [json.loads(line)["attempt"] for line in found] == [0] * 10 + [1] * 10
    assert json.loads(found[0]) == {"schema": 1, "attempt": 0, "line": "attempt 0 line 390 ünïcode"}
    assert tsdia_run("logs", "exp", "--since", "1h", cwd=failed).stdout == everything
    assert tsdia_run("logs", "exp", "--since", "2100-01-01", cwd=failed).stdout == ""


def test_a_deleted_log_is_reported(failed: Path) -> None:
    assert tsdia_run("resume", "runs/exp", "-q", cwd=failed).returncode == 0
    logs = failed / "runs" / "exp" / "logs"
    first = next(logs.glob("training_2*[0-9].log"))
    first.unlink()
    assert "attempt 0 line 3" in tsdia_run("logs", "exp", cwd=failed).stdout  # its parts still exist
    for part in logs.glob(f"{first.stem}.0*"):
        part.unlink()
    done = tsdia_run("logs", "exp", "-n", "1000", cwd=failed)
    assert done.returncode == 0
    assert done.stderr == f"tsdia-run: the log of attempt 0 was deleted: {first}\n"
    assert "attempt 0" not in done.stdout
    assert "attempt 1 line 0" in done.stdout


def test_following_continues_through_a_resume_and_ends_when_the_run_has_completed(failed: Path, start: Starter) -> None:
    following = start("logs", "exp", "-f", "-n", "2", cwd=failed)
    assert following.stdout
    assert following.stderr
    assert following.stdout.readline() == "attempt 0 line 399 ünïcode\n"
    assert "waiting for a resume" in following.stderr.readline()
    assert tsdia_run("resume", "runs/exp", "-q", cwd=failed).returncode == 0
    rest = following.stdout.read()
    assert following.wait(60) == 0
    assert [line for line in rest.splitlines() if line.startswith("attempt 1")] == [
        f"attempt 1 line {number} ünïcode" for number in range(400)
    ]
    assert rest.splitlines()[-1].startswith("[tsdia-run: completed after ")


def test_following_an_attempt_ends_when_all_of_its_processes_were_killed(project: Path, start: Starter) -> None:
    (project / "train.py").write_text("import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(600)\n")
    running = start("new", "config.yml", cwd=project)
    assert running.stdout
    pid = int(running.stdout.readline().split()[1])
    following = start("logs", "-f", "--attempt", "0", cwd=project)
    assert following.stdout
    assert following.stdout.readline().startswith("[tsdia-run: run exp ")
    running.kill()
    os.kill(pid, signal.SIGKILL)
    # Not with `communicate`, which skips the data that `readline` has read already.
    assert following.stdout.readline() == f"pid {pid}\n"
    assert following.wait(60) == 0


def test_bytes_that_are_not_text_are_printed_unchanged(failed: Path) -> None:
    log = failed / "runs" / "exp" / record_of(failed / "runs" / "exp")["attempts"][0]["log"]
    with log.open("ab") as file:
        file.write(b"\xff\x00 \xc3\n")
    done = subprocess.run(
        [COMMAND, "logs", "exp", "-n", "1"], check=True, cwd=failed, env=environment(), capture_output=True
    )
    assert done.stdout == b"\xff\x00 \xc3\n"
    found = tsdia_run("logs", "exp", "--grep", "\\udcff", "--json", cwd=failed)
    assert json.loads(found.stdout)["line"] == "\udcff\x00 \udcc3"


def test_a_reader_that_stops_reading(failed: Path, start: Starter) -> None:
    writing = start("logs", "exp", cwd=failed)
    assert writing.stdout
    writing.stdout.close()
    assert writing.wait(60) in (0, -signal.SIGPIPE)
    assert writing.stderr
    assert writing.stderr.read() == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing"], 66, "no run 'nothing'"),
        (["exp", "--attempt", "7"], 66, "exp has no attempt 7"),
        (["exp", "--grep", "("], 2, "is not a valid regular expression"),
        (["exp", "--since", "soon"], 2, "--since takes"),
        (["exp", "--since", "1h", "-n", "5"], 2, "--since cannot be combined with --lines"),
    ],
)
def test_logs_that_cannot_be_shown(failed: Path, words: list[str], code: int, said: str) -> None:
    done = tsdia_run("logs", *words, cwd=failed)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["training_{}.log", "training_{}.000001.log.gz", ".training_{}.times"])
def test_a_pipe_in_place_of_a_file_does_not_block(failed: Path, name: str) -> None:
    logs = failed / "runs/exp/logs"
    log = record_of(failed / "runs/exp")["attempts"][0]["log"]
    there = logs / name.format(Path(log).stem.removeprefix("training_"))
    there.unlink()
    os.mkfifo(there)
    for words in ((), ("--since", "1h"), ("--lines", "3")):
        done = tsdia_run("logs", "exp", *words, cwd=failed)
        assert done.returncode == 0, done.stderr
    if not name.startswith("."):
        assert (
            f"[tsdia-run: {there.name} can't be read: not a regular file]"
            in tsdia_run("logs", "exp", cwd=failed).stdout
        )


def test_a_run_is_found_by_name_from_any_directory(failed: Path, tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert tsdia_run("new", "config.yml", "-q", "--name", "far-away", cwd=failed, env=state).returncode == 1
    done = tsdia_run("logs", "far-away", "-n", "1", cwd=Path(os.sep), env=state)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[tsdia-run: failed after ")
