"""The state of the environment, tested with real interpreters; limits come from files like those of the kernel."""

from __future__ import annotations

import json
import os
import sys
import venv
from pathlib import Path

import pytest

from tsdia_run.files.redaction import Redactor
from tsdia_run.provenance.environment import capture_environment
from tsdia_run.provenance.machine import Limits, limits

PLAIN = Redactor(())


def test_the_packages_are_those_of_the_interpreter() -> None:
    state = capture_environment(sys.executable, os.environ, PLAIN)
    assert state.error is None
    assert state.packages["torch"].startswith("2.")
    assert "pytest" in state.packages
    assert state.packages["tsdia_run"].startswith("0.")
    assert state.usable_cpus >= 1
    assert (state.memory_bytes or 0) > 2**28


def test_another_interpreter_lists_its_own_packages(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    site = next((tmp_path / "venv" / "lib").iterdir()) / "site-packages"
    (site / "only_there-1.2.dist-info").mkdir()
    (site / "~nly_there-1.1.dist-info").mkdir()
    (site / "old.egg-info").mkdir()
    (site / "old.egg-info" / "PKG-INFO").write_text("Name: old\nVersion: 3.1\n")
    (site / "sitecustomize.py").write_text("print('hello')\n")
    (site / "edited-0.1.dist-info").mkdir()
    (site / "edited-0.1.dist-info" / "direct_url.json").write_text(
        json.dumps({"url": "https://me:pw@host/e.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}})
    )
    state = capture_environment(str(tmp_path / "venv" / "bin" / "python"), {}, PLAIN)
    assert state.error is None
    assert state.packages == {"edited": "0.1 @ https://[redacted]@host/e.git@abc123", "only_there": "1.2", "old": "3.1"}
    assert state.prefix == str(tmp_path / "venv")


def test_an_interpreter_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    state = capture_environment(str(tmp_path / "python"), {}, PLAIN)
    assert state.packages == {}
    assert state.error == f"can't list the packages of {tmp_path / 'python'}: broken"
    assert state.host


def test_the_path_of_the_training_is_used(tmp_path: Path) -> None:
    (tmp_path / "only_here-2.0.dist-info").mkdir()
    state = capture_environment(sys.executable, {**os.environ, "PYTHONPATH": str(tmp_path)}, PLAIN)
    assert state.packages["only_here"] == "2.0"
    assert "only_here" not in capture_environment(sys.executable, os.environ, PLAIN).packages


def test_variables_that_affect_a_training_are_kept() -> None:
    variables = {"OMP_NUM_THREADS": "2", "LOCAL_RANK": "0", "WANDB_API_KEY": "x", "HOME": "/home/me", "EDITOR": "vi"}
    state = capture_environment(sys.executable, variables, PLAIN)
    assert state.variables == {"LOCAL_RANK": "0", "OMP_NUM_THREADS": "2", "WANDB_API_KEY": "[redacted]"}


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {}, Limits(None, None)),
        ("0::/\n", {"cpu.max": "max 100000", "memory.max": "max"}, Limits(None, None)),
        (
            "0::/job/step\n",
            {"job/memory.max": "2048", "job/step/memory.max": "4096", "job/step/cpu.max": "150000 100000"},
            Limits(1.5, 2048),
        ),
        ("0::/of/the/host\n", {"memory.max": "1024"}, Limits(None, 1024)),
        (
            "4:memory:/job\n1:cpu,cpuacct:/job\n",
            {
                "memory/job/memory.limit_in_bytes": "4096",
                "memory/memory.limit_in_bytes": str(2**63 - 4096),
                "cpu,cpuacct/job/cpu.cfs_quota_us": "50000",
                "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            Limits(0.5, 4096),
        ),
        ("0::/../../above\n", {"memory.max": "1024"}, Limits(None, 1024)),
    ],
)
def test_the_lowest_limit_counts(tmp_path: Path, groups: str, files: dict[str, str], expected: Limits) -> None:
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text + "\n")
    (tmp_path / "groups").write_text(groups)
    assert limits(tmp_path / "groups", tmp_path / "fs") == expected
