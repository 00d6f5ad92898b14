"""Start, resume and stop a run from Python, without a command line or a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support import workflow_alone

_SCRIPT = """\
import os, sys
from pathlib import Path
import torch
from accelerate import Accelerator

accelerator = Accelerator()
model = accelerator.prepare(torch.nn.Linear(1, 1))
if sys.argv[1:]:
    accelerator.load_state(sys.argv[1])
accelerator.save_state(str(Path(os.environ["TSDIA_RUN_DIR"], "checkpoints", f"checkpoint_{len(sys.argv) - 1}")))
sys.exit(0 if sys.argv[1:] else 3)
"""


def _carry_out(what: str, cwd: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, workflow_alone.__file__, what],
        cwd=cwd,
        env={**os.environ, "XDG_STATE_HOME": str(cwd / "state")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["loaded"] == []
    return found


def test_a_run_starts_fails_and_resumes(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(_SCRIPT)
    first = _carry_out("new", tmp_path)
    assert (first["kind"], first["state"], first["exit_code"]) == ("Ended", "failed", 3)
    assert ["opening", 0, None] in first["told"]
    assert first["told"][-1] == ["closing", "failed"]

    planned = _carry_out("preview", tmp_path)
    assert (planned["kind"], planned["told"]) == ("Preview", [])
    assert len(json.loads((tmp_path / "runs/exp/run.json").read_text())["attempts"]) == 1

    second = _carry_out("resume", tmp_path)
    assert (second["kind"], second["state"], second["exit_code"]) == ("Ended", "completed", 0)
    assert ["opening", 1, "checkpoints/checkpoint_0"] in second["told"]

    third = _carry_out("ensure", tmp_path)
    assert (third["kind"], third["told"]) == ("AlreadyCompleted", [])


def test_a_detached_run_stops(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    assert _carry_out("detach", tmp_path)["kind"] == "Detached"
    stopped = _carry_out("stop", tmp_path)
    assert stopped["state"] == "stopped"
    assert stopped["told"][-1][1].startswith("runs/exp: stopped by")
