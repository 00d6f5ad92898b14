"""Checkpoints under the installed command: sealed, hashed, pruned, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkpoints import DAMAGES
from tests.support.command import record_of, tsdia_run
from tsdia_run.checkpoints import Soundness, find, judge

SCRIPT = """\
import sys
import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration

naming = ProjectConfiguration(project_dir=sys.argv[1], automatic_checkpoint_naming=True, total_limit=2)
accelerator = Accelerator(cpu=True, project_config=naming)
model = torch.nn.Linear(64, 64)
model, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
if len(sys.argv) > 2:
    accelerator.load_state(sys.argv[2])
for step in range(3):
    accelerator.log({"loss": 1.0}, step=step)
    accelerator.save_state()
"""
CONFIG = """\
training: {checkpoint: {save_dir: runs/exp}}
tsdia_run:
  args: ["{run_dir}"]
  checkpoints: {hash: %s}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "config.yml").write_text(CONFIG % "true")
    return tmp_path


def test_a_training_saves_complete_checkpoints_and_a_damaged_one_stops_the_next_attempt(project: Path) -> None:
    done = tsdia_run("new", "config.yml", cwd=project, limit_s=180)
    assert done.returncode == 0, done.stderr
    found = find(project / "runs" / "exp")
    assert [checkpoint.iteration for checkpoint in found] == [1, 2]
    verdict = judge(found[-1].path, hashed=True)
    assert (verdict.state, verdict.is_hashed) == (Soundness.WHOLE, True)
    assert verdict.manifest
    assert verdict.manifest.run_id == record_of(project / "runs" / "exp")["run_id"]
    assert verdict.manifest.step == 2

    DAMAGES["64 flipped bytes"](found[-1].path / "model.safetensors")
    command = ("new", "config.yml", "--name", "next", "--", str(found[-1].path))
    refused = tsdia_run(*command, cwd=project, limit_s=180)
    assert refused.returncode == 1
    assert "checkpoint_2 is torn: model.safetensors has other contents than when it was saved" in refused.stderr
    reason = record_of(project / "runs" / "next")["attempts"][0]["outcome"]["reason"]
    assert "Nothing was loaded" in reason
    assert "(train.py:11)" in reason


def test_without_hashes_and_without_hooks(project: Path) -> None:
    (project / "config.yml").write_text(CONFIG % "false")
    assert tsdia_run("new", "config.yml", cwd=project, limit_s=180).returncode == 0
    verdict = judge(find(project / "runs" / "exp")[-1].path, hashed=True)
    assert (verdict.state, verdict.is_hashed) == (Soundness.WHOLE, False)

    assert tsdia_run("new", "config.yml", "--name", "bare", "--no-hooks", cwd=project, limit_s=180).returncode == 0
    assert judge(find(project / "runs" / "bare")[-1].path).state is Soundness.UNVERIFIED
