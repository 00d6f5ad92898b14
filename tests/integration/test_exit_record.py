"""A rank holds the lock of its run while it is running, and leaves its exit record."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.bootstrapped import BASE, ENDINGS, HOSTILE, OURS, both, run
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.training.boot import attempt_files


@dataclass(frozen=True)
class Run:
    """A run directory as the supervisor prepares it."""

    layout: RunLayout

    def environ(self, **more: str) -> dict[str, str]:
        return {"TSDIA_RUN_DIR": str(self.layout.root), "TSDIA_RUN_ATTEMPT": "3", **more}

    def record(self, rank: int = 0) -> dict[str, Any] | None:
        path = self.layout.attempt(3).exit_record(rank)
        return json.loads(path.read_text()) if path.exists() else None

    def is_alive(self) -> bool:
        with self.layout.alive.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


@pytest.fixture
def prepared(tmp_path: Path) -> Run:
    layout = RunLayout(tmp_path / f"run {HOSTILE}")
    layout.attempt(3).root.mkdir(parents=True)
    layout.own.mkdir()
    layout.alive.touch()
    return Run(layout)


@contextmanager
def running(code: str, run: Run, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a script that has printed that it is ready."""
    (tmp_path / "train.py").write_text(f"import sys, time\n{code}\nprint('ready', flush=True)\ntime.sleep(60)\n")
    environ = {**BASE, **run.environ()}
    process = subprocess.Popen(
        [*OURS, str(tmp_path / "train.py")], env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_the_directory_matches_the_layout(prepared: Run) -> None:
    assert attempt_files.attempt_directory(prepared.environ()) == str(prepared.layout.attempt(3).root)


def test_the_lock_is_held_until_the_process_ends(prepared: Run, tmp_path: Path) -> None:
    assert not prepared.is_alive()
    with running("import gc; gc.collect()", prepared, tmp_path) as process:
        assert prepared.is_alive()
        process.kill()
        process.wait()
        assert not prepared.is_alive()


def test_programs_that_the_script_starts_do_not_hold_the_lock(prepared: Run, tmp_path: Path) -> None:
    code = (
        "import subprocess\np = subprocess.Popen(['sleep', '60'], close_fds=False)\nopen('pid', 'w').write(str(p.pid))"
    )
    with running(code, prepared, tmp_path) as process:
        process.kill()
        process.wait()
        assert not prepared.is_alive()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_the_lock_is_taken_although_a_reader_checks_it_at_the_same_moment(prepared: Run) -> None:
    with prepared.layout.alive.open("r+") as asking:
        fcntl.flock(asking, fcntl.LOCK_EX)
        threading.Timer(0.02, fcntl.flock, (asking, fcntl.LOCK_UN)).start()
        fd = attempt_files.hold_alive(prepared.environ())
    assert fd is not None
    assert prepared.is_alive()
    os.close(fd)


def test_an_unavailable_lock_is_skipped(prepared: Run) -> None:
    with prepared.layout.alive.open("r+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert attempt_files.hold_alive(prepared.environ()) is None


@pytest.mark.parametrize("environ", [{}, {"TSDIA_RUN_DIR": ""}, {"TSDIA_RUN_DIR": "/nonexistent/run"}])
def test_without_a_run_there_is_no_lock_and_no_message(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('trained')")
    done = run([*OURS, "train.py"], tmp_path, environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "trained\n", "")


EXITS: dict[str, dict[str, Any] | None] = {
    "nothing": {"exit_code": 0, "signal": None, "exception": None},
    "exit None": {"exit_code": 0, "exception": None},
    "exit 256": {"exit_code": 0, "exception": None},
    "exit 3": {"exit_code": 3, "type": "SystemExit", "message": "3", "at": ("train.py", 1, "<module>")},
    "exit -1": {"exit_code": 255},
    "exit text": {"exit_code": 1, "message": "why"},
    "exception": {"exit_code": 1, "type": "ValueError", "message": "bad", "at": ("train.py", 2, "f")},
    "own class": {"exit_code": 1, "type": "E"},
    "interrupt": {"exit_code": None, "signal": 2, "type": "KeyboardInterrupt"},
    "syntax error": {"exit_code": 1, "type": "SyntaxError", "at": ("train.py", 2, "")},
    "bad import": {"exit_code": 1, "type": "SyntaxError", "at": ("bad.py", 1, "")},
    "thread": {"exit_code": 1, "type": "ZeroDivisionError"},
    "os._exit": None,
    "SIGKILL": None,
    "SIGTERM": None,
}


@pytest.mark.parametrize("name", EXITS)
def test_the_exit_record_describes_the_ending(name: str, prepared: Run, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(ENDINGS[name] + "\n")
    run([*OURS, "train.py"], tmp_path, prepared.environ(RANK="2"))
    record, expected = prepared.record(2), EXITS[name]
    if expected is None:
        assert record is None
        return
    assert record is not None
    assert record["rank"] == 2
    seen = {**record, **(record["exception"] or {})}
    if "at" in expected:
        at = seen["at"]
        seen["at"] = (Path(at["file"]).name, at["line"], at["function"])
    assert {key: seen[key] for key in expected} == expected


def test_the_record_names_the_last_frame_of_the_user_and_the_innermost_ones(prepared: Run, tmp_path: Path) -> None:
    library = tmp_path / "lib" / "site-packages"
    library.mkdir(parents=True)
    (library / "deep.py").write_text(
        "def down(n):\n    if n:\n        down(n - 1)\n    raise RuntimeError('x' * 5000)\n"
    )
    (tmp_path / "train.py").write_text("import deep\ndef train():\n    deep.down(50)  # here\ntrain()\n")
    done = run([*OURS, "train.py"], tmp_path, prepared.environ(PYTHONPATH=str(library)))
    record = prepared.record()
    assert record is not None, done.stderr
    exception = record["exception"]
    at = {"file": str(tmp_path / "train.py"), "line": 3, "function": "train", "source": "deep.down(50)  # here"}
    assert exception["at"] == at
    assert len(exception["frames"]) == 20
    assert {frame["function"] for frame in exception["frames"]} == {"down"}
    assert exception["frames"][-1]["source"].startswith("raise RuntimeError")
    assert len(exception["message"]) == 2000


@pytest.mark.parametrize(
    "code",
    [
        "import os, sys\nif os.fork():\n    os.wait()\n    os._exit(0)\nsys.exit(5)",
        "import multiprocessing, os\np = multiprocessing.get_context('fork').Process(target=exit, args=(5,))\n"
        "p.start()\np.join()\nos._exit(0)",
    ],
)
def test_a_fork_of_the_script_leaves_no_record(code: str, prepared: Run, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(code)
    run([*OURS, "train.py"], tmp_path, prepared.environ())
    assert prepared.record() is None


def test_changes_of_the_environment_by_the_script_do_not_move_the_record(prepared: Run, tmp_path: Path) -> None:
    code = "import os\nos.environ.clear()\nos.chdir('/')\n1/0"
    (tmp_path / "train.py").write_text(code)
    run([*OURS, "train.py"], tmp_path, prepared.environ())
    record = prepared.record()
    assert record is not None
    assert record["exception"]["type"] == "ZeroDivisionError"


UNWRITABLE = {
    "no attempt folder": "import os, shutil\nshutil.rmtree(os.environ['TSDIA_RUN_DIR'] + '/attempts')\nexit(6)",
    "no modules": "import sys\nsys.path.clear()\nsys.modules.pop('json', None)\nsys.exit(6)",
    "json of the script's own": "import sys, types\nsys.modules['json'] = types.ModuleType('json')\nsys.exit(6)",
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_a_record_that_cannot_be_written_is_reported_in_one_line(name: str, prepared: Run, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(UNWRITABLE[name])
    done = run([*OURS, "train.py"], tmp_path, prepared.environ())
    assert done.returncode == 6
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("tsdia-run: could not ")


def test_an_exception_that_cannot_be_inspected_still_ends_the_script(prepared: Run, tmp_path: Path) -> None:
    code = "class E(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise E"
    (tmp_path / "train.py").write_text(code)
    expected, seen = both(["train.py"], tmp_path, prepared.environ())
    assert seen == expected
    record = prepared.record()
    assert record is not None
    assert "__str__ failed" in record["exception"]["message"]


def test_a_rank_writes_its_stacks_on_request_and_leaves_no_empty_file(tmp_path: Path) -> None:
    attempt = tmp_path / "run" / "attempts" / "0"
    attempt.mkdir(parents=True)
    environ = {"TSDIA_RUN_DIR": str(tmp_path / "run"), "TSDIA_RUN_ATTEMPT": "0"}
    (tmp_path / "asked.py").write_text(
        "import os, threading\n"
        "def in_a_thread(): threading.Event().wait(60)\n"
        "threading.Thread(target=in_a_thread, daemon=True).start()\n"
        "def where_it_hangs(): os.kill(os.getpid(), 40)\n"
        "where_it_hangs()\n"
    )
    (tmp_path / "quiet.py").write_text("pass\n")
    assert run([*OURS, "asked.py"], tmp_path, environ).returncode == 0
    told = (attempt / "stacks-rank0.txt").read_text()
    assert "in where_it_hangs" in told
    assert "in in_a_thread" in told
    (attempt / "stacks-rank0.txt").unlink()
    assert run([*OURS, "quiet.py"], tmp_path, environ).returncode == 0
    assert not (attempt / "stacks-rank0.txt").exists()


def test_a_crash_writes_the_python_stack(tmp_path: Path) -> None:
    (tmp_path / "run" / "attempts" / "0").mkdir(parents=True)
    environ = {"TSDIA_RUN_DIR": str(tmp_path / "run"), "TSDIA_RUN_ATTEMPT": "0"}
    (tmp_path / "crash.py").write_text("import ctypes\ndef into_nothing(): ctypes.string_at(0)\ninto_nothing()\n")
    ended = run([*OURS, "crash.py"], tmp_path, environ)
    assert ended.returncode == -11
    assert "in into_nothing" in ended.stderr
