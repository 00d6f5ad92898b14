"""An upgrade of tsdia-run while a training runs: no file of the package can be imported any more."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tsdia_run

PACKAGE = Path(tsdia_run.__file__).parent
LIMIT_S = 60.0
PLAIN = """\
import os, sys, time
print("first line", flush=True)
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
print("last line", flush=True)
"""
HOOKED = """\
import os, sys, time
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
print("first line", flush=True)
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
accelerator.log({"loss": 0.5}, step=3)
accelerator.save_state(os.path.join(os.environ["TSDIA_RUN_DIR"], "checkpoint-epoch0-step3"))
accelerator.load_state(os.path.join(os.environ["TSDIA_RUN_DIR"], "checkpoint-epoch0-step3"))
print("last line", flush=True)
"""


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


class Upgraded:
    """A run whose package is a separate copy, which is replaced once the script is ready."""

    def __init__(self, folder: Path, script: str, *words: str) -> None:
        self.folder = folder
        shutil.copytree(PACKAGE, folder / "lib" / "tsdia_run", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "train.py").write_text(script)
        environ = {**os.environ, "PYTHONPATH": str(folder / "lib"), "XDG_STATE_HOME": str(folder / "state")}
        command = [sys.executable, "-m", "tsdia_run", "new", "--run-dir", "run", "--launcher", "python", *words]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda: (folder / "ready").exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()
        # The relay has finished its imports once it writes. The supervisor imports in a thread, after it has copied
        # the relay.
        wait_for(lambda: any("first line" in path.read_text() for path in (folder / "run" / "logs").glob("*.log")))
        wait_for(self.has_copied)
        wait_for(lambda: len(os.listdir(f"/proc/{self.process.pid}/task")) == 1)
        for path in (folder / "lib" / "tsdia_run").rglob("*.py"):
            path.write_text('raise RuntimeError("replaced")\n')

    def has_copied(self) -> bool:
        fds = Path(f"/proc/{self.process.pid}/fd")
        return any("tsdia-run-relay" in os.readlink(fds / name) for name in os.listdir(fds))

    def finish(self) -> tuple[int, str, str]:
        (self.folder / "go").touch()
        out, err = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, out, err

    def attempt(self) -> Any:
        return json.loads((self.folder / "run" / "run.json").read_bytes())["attempts"][-1]


def test_a_script_that_completes(tmp_path: Path) -> None:
    run = Upgraded(tmp_path, PLAIN)
    code, out, err = run.finish()
    assert code == 0, err
    assert "last line" in out
    assert "✓ run: completed" in err
    assert "tsdia-run info" in err or "tsdia-run new" in err
    assert "Traceback" not in err
    assert "replaced" not in out + err
    assert run.attempt()["state"] == "completed"
    assert (tmp_path / "run" / "attempts" / "0" / "exit-rank0.json").exists()


def test_a_script_that_fails(tmp_path: Path) -> None:
    run = Upgraded(tmp_path, PLAIN + "raise SystemExit(3)\n")
    code, out, err = run.finish()
    assert code == 3, err
    assert "✗ run: failed" in err
    assert "Traceback" not in err
    assert "replaced" not in out + err
    assert run.attempt()["state"] == "failed"


def test_a_relay_that_is_killed_afterwards(tmp_path: Path) -> None:
    run = Upgraded(tmp_path, PLAIN)
    children = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text().split()
    (relay,) = [int(pid) for pid in children if b"tsdia_run relay" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    (log,) = (tmp_path / "run" / "logs").glob("*.log")
    os.kill(relay, signal.SIGKILL)
    code, out, err = run.finish()
    assert code == 0, err
    assert "last line" in out
    assert "replaced" not in out + err
    text = log.read_text()
    assert "first line" in text
    assert "last line" in text


def test_hooks_that_save_and_load_afterwards(tmp_path: Path) -> None:
    run = Upgraded(tmp_path, HOOKED)
    code, out, err = run.finish()
    assert code == 0, err
    assert "replaced" not in out + err
    assert (tmp_path / "run" / "checkpoint-epoch0-step3" / "tsdia-checkpoint.json").exists()
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text())["loss"] == 0.5
    assert "newest checkpoint-epoch0-step3" in err
