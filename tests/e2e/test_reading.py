"""`info`, `list` and `compare` over real runs, and over what is left of broken ones."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.support.command import COMMAND, Starter, environment, record_of, tsdia_run, wait_for, wait_until

# Logs, saves and ends as its arguments say, as a script under Accelerate's hooks would leave it.
SCRIPT = """\
import json, os, pathlib, sys, time
run_dir, attempt = pathlib.Path(os.environ["TSDIA_RUN_DIR"]), int(os.environ["TSDIA_RUN_ATTEMPT"])
start = os.environ.get("TSDIA_RUN_CHECKPOINT")
first = int(start.rsplit("step", 1)[1]) + 1 if start else 1
with open(run_dir / "metrics.jsonl", "a") as file:
    for step in range(first, 11):
        line = {"step": step, "time": time.time(), "attempt": attempt, "val_loss": 1 / step + attempt}
        file.write(json.dumps(line) + "\\n")
for step in (5, 10):
    folder = run_dir / f"checkpoint-epoch0-step{step}"
    folder.mkdir(exist_ok=True)
    (folder / "state.json").write_text("{}")
print("the last words", flush=True)
if "wait" in sys.argv:
    print("waiting", flush=True)
    time.sleep(600)
if "fail" in sys.argv:
    raise ValueError("boom")
"""


@pytest.fixture
def runs(project: Path) -> Path:
    """Three runs: one that completed, one that failed, one that was resumed from an older checkpoint."""
    (project / "train.py").write_text(SCRIPT)
    assert tsdia_run("new", "config.yml", "--name", "good", cwd=project).returncode == 0
    assert tsdia_run(
        "new", "config.yml", "--name", "bad", "--set", "training.lr=5", "--", "fail", cwd=project
    ).returncode
    assert tsdia_run("new", "config.yml", "--name", "twice", cwd=project).returncode == 0
    assert tsdia_run("resume", "twice", "--from", "5", "--again", cwd=project).returncode == 0
    return project


def test_info_tells_what_happened_and_what_to_do(runs: Path) -> None:
    shown = tsdia_run("info", "bad", cwd=runs)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("✗ bad: failed\n")
    for part in (
        "ValueError: boom (train.py:",
        "training.lr=5",
        "val_loss  last 0.1 @10  best 0.1 @10  █▄▃▂▁▁▁▁▁▁",
        "checkpoint-epoch0-step10  epoch 0  step 10",
        "the last words",
        "tsdia-run resume runs/bad",
    ):
        assert part in shown.stdout, part
    assert "\x1b" not in shown.stdout


def test_info_leaves_out_what_a_resume_went_back_behind(runs: Path) -> None:
    shown = json.loads(tsdia_run("info", "twice", "--json", cwd=runs).stdout)
    assert (shown["schema"], shown["state"], len(shown["attempts"])) == (1, "completed", 2)
    assert [one["first_step"] for one in shown["attempts"]] == [1, 6]
    values = [value for _, value in shown["metrics"]["val_loss"]["points"]]
    assert values[:5] == [1 / step for step in range(1, 6)]
    assert values[5:] == [1 / step + 1 for step in range(6, 11)]
    # The second attempt saved step 10 anew, and step 5, from which it started.
    assert [one["is_superseded"] for one in shown["checkpoints"]] == [False, False]


def test_info_of_a_live_run_and_of_one_without_a_supervisor(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    running = start("new", "config.yml", "--", "wait", cwd=project)
    wait_for(running, "waiting")
    # The relay takes down the latest line once a second at most.
    wait_until(lambda: "says      waiting" in tsdia_run("info", cwd=project).stdout)
    shown = tsdia_run("info", "latest", cwd=project).stdout
    assert shown.startswith("▶ exp: running\n")
    assert f"pid {running.pid} on " in shown
    assert "tsdia-run stop runs/exp" in shown
    running.send_signal(signal.SIGKILL)
    running.wait()
    shown = tsdia_run("info", "exp", cwd=project).stdout
    assert "its supervisor was killed; the ranks go on" in shown
    (row,) = json.loads(tsdia_run("list", "--json", cwd=project).stdout)["runs"]
    assert row["state"] == "running"
    assert tsdia_run("stop", "exp", "--now", cwd=project).returncode == 0
    assert tsdia_run("info", "exp", cwd=project).stdout.startswith("✗ exp: lost\n")


def test_watch_follows_a_run_to_its_end(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    running = start("new", "config.yml", "--", "wait", cwd=project)
    wait_for(running, "waiting")
    watching = pexpect.spawn(
        COMMAND, ["info", "exp", "--watch"], cwd=str(project), env=environment(), encoding="utf-8", timeout=60
    )
    watching.expect("exp: running")
    running.send_signal(signal.SIGTERM)
    watching.expect("exp: stopped")
    watching.expect(pexpect.EOF)
    watching.close()
    assert watching.exitstatus == 0


def test_verify_reads_checkpoints_through(project: Path) -> None:
    (project / "train.py").write_text(
        "import torch\n"
        "from accelerate import Accelerator\n"
        "accelerator = Accelerator(cpu=True)\n"
        "model = accelerator.prepare(torch.nn.Linear(100, 100))\n"
        "accelerator.save_state('runs/exp/checkpoint-1')\n"
    )
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 0
    checked = tsdia_run("info", "exp", "--verify", cwd=project)
    assert (checked.returncode, "whole, hashes agree" in checked.stdout) == (0, True)
    weights = project / "runs/exp/checkpoint-1/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-64:] = bytes(byte ^ 0xFF for byte in data[-64:])
    weights.write_bytes(data)
    assert "torn" not in tsdia_run("info", "exp", cwd=project).stdout
    checked = tsdia_run("info", "exp", "--verify", cwd=project)
    assert checked.returncode == 65
    assert "torn: model.safetensors has other contents" in checked.stdout


def test_list_in_all_its_forms(runs: Path) -> None:
    plain = tsdia_run("list", cwd=runs).stdout.splitlines()
    assert plain[0].split() == "run state age duration step best checkpoints size wandb".split()
    assert [line.split()[:2] for line in plain[1:]] == [
        ["twice", "completed"],
        ["bad", "failed"],
        ["good", "completed"],
    ]
    assert all("val_loss 0.1 @10" in line for line in plain[2:])
    (failed,) = json.loads(tsdia_run("list", "--state", "failed", "--json", cwd=runs).stdout)["runs"]
    assert (failed["name"], failed["step"], failed["checkpoints"]) == ("bad", 10, 2)
    assert failed["path"] == str(runs / "runs/bad")
    table = list(csv.DictReader(io.StringIO(tsdia_run("list", "--csv", "--columns", "run,best", cwd=runs).stdout)))
    assert {row["run"]: float(row["best"]) for row in table} == {"good": 0.1, "bad": 0.1, "twice": pytest.approx(0.2)}
    best = tsdia_run("list", "--sort", "-best", "--limit", "1", "--columns", "run", cwd=runs).stdout.split()
    assert best == ["run", "twice"]
    assert tsdia_run("list", "--since", "1h", cwd=runs).stdout.count("\n") == 4
    (runs / "elsewhere").mkdir()
    assert "no runs here" in tsdia_run("list", "elsewhere", cwd=runs).stderr
    wrong = tsdia_run("list", "--sort", "ages", cwd=runs)
    assert (wrong.returncode, "did you mean age?" in wrong.stderr) == (2, True)


def test_a_run_that_can_not_be_read_is_a_row_of_its_own(runs: Path) -> None:
    (runs / "runs/broken").mkdir()
    (runs / "runs/broken/run.json").write_text('{"schema": 1, "attempts": [')
    (runs / "runs/newer").mkdir()
    (runs / "runs/newer/run.json").write_text('{"schema": 99, "attempts": []}')
    (runs / "runs/theirs/checkpoint-5").mkdir(parents=True)
    (runs / "runs/theirs/config.yml").write_text("a: 1\n")
    (runs / "runs/theirs/logs").mkdir()
    rows = {row["name"]: row for row in json.loads(tsdia_run("list", "--json", cwd=runs).stdout)["runs"]}
    assert set(rows) == {"good", "bad", "twice", "broken", "newer", "theirs"}
    assert (rows["broken"]["state"], rows["good"]["state"]) == ("damaged", "completed")
    assert "newer tsdia-run" in rows["newer"]["reason"]
    assert "made without tsdia-run" in rows["theirs"]["reason"]
    for name in ("broken", "newer", "theirs"):
        shown = tsdia_run("info", name, cwd=runs)
        assert (shown.returncode, "Traceback" in shown.stderr) == (0, False)


def test_compare_shows_what_differs_and_nothing_else(runs: Path) -> None:
    shown = tsdia_run("compare", "good", "bad", "twice", cwd=runs)
    assert shown.returncode == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["training.lr", "0.0001", "5", "0.0001"] in lines
    assert not any(line and line[0] in ("training.epochs", "training.checkpoint.save_dir") for line in lines)
    assert "val_loss over steps 1 to 10" in shown.stdout
    made = json.loads(tsdia_run("compare", "good", "twice", "--metric", "val_loss", "--json", cwd=runs).stdout)
    assert made["runs"] == {"good": str(runs / "runs/good"), "twice": str(runs / "runs/twice")}
    curves = made["tables"][-1]["rows"]
    assert [len(curve) for _, curve in curves] == [10, 10]
    assert "| training.lr | 0.0001 | 5 |" in tsdia_run("compare", "good", "bad", "--md", cwd=runs).stdout
    assert "config,training.lr,0.0001,5" in tsdia_run("compare", "good", "bad", "--csv", cwd=runs).stdout


def test_compare_says_what_it_can_not_compare(runs: Path) -> None:
    alone = tsdia_run("compare", "good", cwd=runs)
    assert (alone.returncode, "two runs or more" in alone.stderr) == (2, True)
    unknown = tsdia_run("compare", "good", "bad", "--metric", "val_los", cwd=runs)
    assert (unknown.returncode, "did you mean val_loss?" in unknown.stderr) == (2, True)


def test_looking_changes_nothing(runs: Path) -> None:
    def stamps() -> dict[str, tuple[int, int]]:
        found = [path for path in (runs / "runs").rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in found}

    before = stamps()
    for words in (["list"], ["info", "bad"], ["compare", "good", "bad"], ["logs", "bad"], ["info", "good", "--verify"]):
        assert tsdia_run(*words, cwd=runs).returncode == 0
    assert stamps() == before
    assert record_of(runs / "runs/bad")["digest"]["metric"] == "val_loss"


def test_looking_works_without_torch_and_yaml_free_where_it_can(runs: Path) -> None:
    asked = "import sys; sys.modules['torch'] = sys.modules['accelerate'] = sys.modules['wandb'] = None\n"
    code = f"{asked}sys.argv[1:] = {{words!r}}\nfrom tsdia_run.cli.main import main\nmain()\n"
    for words in (["list"], ["info", "bad"], ["compare", "good", "bad"], ["logs", "bad"]):
        done = subprocess.run(
            [str(Path(COMMAND).with_name("python")), "-c", code.format(words=words)],
            cwd=runs,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
