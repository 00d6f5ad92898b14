"""The page and the JSON of `tsdia-run info`."""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support.checkpoints import DAMAGES, seal, state
from tests.support.runs import Made, full_run, log_metrics, make_run, renamed
from tsdia_run.checkpoints import Soundness
from tsdia_run.report.formatting import aligned
from tsdia_run.report.info_json import to_json
from tsdia_run.report.info_page import page
from tsdia_run.report.run_info import Info, gather
from tsdia_run.report.status import look
from tsdia_run.rundir.record import State

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.chdir(tmp_path)
    return full_run(tmp_path / "runs" / "exp")


def info_of(made: Made) -> Info:
    return gather(look(made.layout.root))


def sections(made: Made) -> dict[str, str]:
    """Return title and text of each section."""
    return {section.title: "\n".join(section.lines) for section in page(info_of(made), NOW)}


def next_commands(made: Made) -> str:
    return sections(made)["next"]


def test_the_head(full: Made) -> None:
    parts = sections(full)
    head = parts["✗ exp: failed"].splitlines()
    told = {label: " ".join(text.split()) for label, text in (re.split(" {2,}", line, maxsplit=1) for line in head)}
    assert told["directory"] == "runs/exp"
    assert told["why"] == "ValueError: boom (train.py:7) (the script exited with code 1)"
    assert told["duration"] == "2 h 0 min in 2 attempts"
    assert told["code"] == "0123456789 on main, with changes"
    patch = full.layout.attempt(1).patch
    assert told["check out"] == f"git checkout {'0123456789' * 4} && git apply {patch}"
    assert told["command"] == "python --x"
    assert told["machine"] == "node1, 2 × A100"
    assert told["config"] == "training.lr=0.0001 training.epochs=3"
    assert told["set"] == "training.lr=1e-4"
    assert told["wandb"] == "https://wandb.example/wb42"
    assert "metrics.jsonl" in told["disk"]


def test_files_missing_from_the_patch_are_counted(full: Made) -> None:
    git = full.layout.attempt(1).git
    git.write_text(json.dumps({**json.loads(git.read_text()), "left_out_count": 2}))
    head = sections(full)["✗ exp: failed"]
    assert "0123456789 on main, with changes; 2 files not in git.patch" in head


def test_attempts_are_a_timeline(full: Made) -> None:
    first, second = sections(full)["attempts"].splitlines()
    assert first.split("  ")[0] == "0"
    assert "from the beginning  steps 0 to 4  failed: ValueError: boom" in first
    assert "from step_2         steps 3 to 5  failed: ValueError: boom" in second


def test_metrics_leave_out_superseded_values(full: Made) -> None:
    by_name = {one.name: one for one in info_of(full).metrics}
    loss = by_name["val/loss"]
    assert loss.series.count == 3 + 3
    assert loss.series.last
    assert loss.series.last.value == 2 / 6
    assert loss.best
    assert (loss.best.step, loss.best.value) == (2, 1 / 3)
    assert by_name["train/lr"].best is None
    lines = sections(full)["metrics"].splitlines()
    assert lines[0].startswith("val/loss  last 0.3333 @5  best 0.3333 @2  ")


def test_a_nan_has_the_step_since_when(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp")
    log_metrics(made.layout, 0, range(9), lambda step: math.nan if step > 5 else 1.0)
    assert sections(made)["metrics"].splitlines()[0].endswith("NaN since step 6")
    told = json.loads(json.dumps(to_json(info_of(made)), allow_nan=False))
    assert told["metrics"]["val/loss"]["last"]["value"] == "NaN"


def test_checkpoints_best_latest_and_superseded(full: Made) -> None:
    seal(state(full.layout.root / "step_3"))
    first, second = full.run.attempts
    later = datetime.now(timezone.utc) + timedelta(minutes=1)
    second = replace(second, started_at=later, ended_at=later, superseded=("step_3",))
    renamed(full, attempts=(first, second))
    lines = sections(full)["checkpoints"].splitlines()
    assert [line.split()[0] for line in lines] == ["step_1", "step_2", "step_3"]
    assert lines[0].endswith("complete  best")
    assert lines[1].endswith("complete  latest")
    assert lines[2].endswith("complete  superseded")


@pytest.mark.parametrize("damage", ["missing", "cut in half", "empty"])
def test_an_unusable_checkpoint_has_a_reason(full: Made, damage: str) -> None:
    DAMAGES[damage](full.layout.root / "step_2" / "model.safetensors")
    incomplete = info_of(full).checkpoints[-1]
    assert incomplete.soundness is Soundness.INCOMPLETE
    assert "incomplete: model.safetensors" in sections(full)["checkpoints"]


def test_without_verify_no_checkpoint_is_read_completely(full: Made) -> None:
    DAMAGES["64 flipped bytes"](full.layout.root / "step_2" / "model.safetensors")
    assert info_of(full).checkpoints[-1].soundness is Soundness.COMPLETE


def test_a_checkpoint_without_a_manifest(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.LOST)
    state(made.layout.root / "step_1")
    only = info_of(made).checkpoints[0]
    assert (only.soundness, only.is_hashed) == (Soundness.UNVERIFIED, False)
    assert only.size_bytes == sum(path.stat().st_size for path in (made.layout.root / "step_1").iterdir())


def test_the_last_lines_of_a_failed_run(full: Made) -> None:
    assert sections(full)["last lines of the log"] == "attempt 1\nValueError: boom"


def test_the_log_of_a_completed_run_is_not_shown(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp")
    (made.layout.root / made.run.last.log).write_text("all went well\n")
    assert "last lines of the log" not in sections(made)


def test_the_next_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed = make_run(tmp_path / "failed", State.FAILED)
    assert "tsdia-run resume failed --from-scratch" in next_commands(failed)
    seal(state(failed.layout.root / "step_1"))
    assert next_commands(failed).startswith("tsdia-run resume failed ")
    completed = make_run(tmp_path / "completed")
    assert next_commands(completed).startswith("tsdia-run logs completed ")
    seal(state(completed.layout.root / "step_1"))
    assert next_commands(completed).startswith("tsdia-run resume completed --again")
    running = make_run(tmp_path / "running", State.RUNNING)
    with running.layout.claim.open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        assert next_commands(running).splitlines()[1].startswith("tsdia-run stop running ")
    assert next_commands(running).startswith("tsdia-run resume running --from-scratch")


def test_a_running_run_shows_its_progress(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.RUNNING)
    layout = made.layout
    bar = {"description": "epoch 1", "percent": 23, "n": 174, "total": 750, "rate": "23.56it/s", "eta": "00:24"}
    layout.progress.write_text(json.dumps({"time": NOW.timestamp() - 3, **bar, "last_line": "saved step_1"}))
    layout.heartbeat.write_text(json.dumps({"host": "node7", "pid": 42, "since": "2026-11-20T08:00:00+00:00"}))
    with layout.claim.open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        head = sections(made)["▶ exp: running"]
    assert "progress     epoch 1, 23 %, 174/750, 23.56it/s, ETA 00:24" in head
    assert "last output  saved step_1   (3 s ago)" in head
    assert "held by      pid 42 on node7 since 2026-11-20T08:00:00+00:00" in head


def test_a_running_run_whose_owner_is_not_recorded(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.RUNNING)
    with made.layout.claim.open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        assert "held by    unknown" in sections(made)["▶ exp: running"]


def test_a_run_of_tsdias_own_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "ami"
    (own / "logs").mkdir(parents=True)
    (own / "logs" / "training_20260101_000000.log").write_text("hello\n")
    (own / "config.yml").write_text("training: {lr: 0.1}\n")
    (own / "wandb_info.json").write_text(json.dumps({"run_id": "x", "run_url": "https://wandb.example/x"}))
    state(own / "checkpoints" / "checkpoint-epoch1-step50")
    os.symlink("checkpoint-epoch1-step50", own / "best_checkpoint")
    parts = {one.title: "\n".join(one.lines) for one in page(gather(look(own)), NOW)}
    head = parts["? ami: unknown"]
    assert "not created by tsdia-run" in head
    assert "training.lr=0.1" in head
    assert "https://wandb.example/x" in head
    assert parts["checkpoints"].endswith("best, latest")
    assert "unverified: no manifest" in parts["checkpoints"]
    assert parts["next"].startswith("tsdia-run resume ami ")


def test_json_of_a_full_run(full: Made) -> None:
    told = json.loads(json.dumps(to_json(info_of(full)), allow_nan=False))
    assert (told["schema"], told["name"], told["state"]) == (1, "exp", "failed")
    assert [attempt["last_step"] for attempt in told["attempts"]] == [4, 5]
    assert told["headline"] == "val/loss"
    assert told["facts"]["code"]["commit"] == "0123456789" * 4
    assert [one["soundness"] for one in told["checkpoints"]] == ["complete", "complete"]
    assert told["checkpoints"][0]["is_best"] is True


def test_columns_of_text() -> None:
    assert aligned([("a", "", "1"), ("bbb", "", "22")]) == ("a    1", "bbb  22")
    assert aligned([]) == ()
    assert aligned([("a\nb\x07", "c")]) == ("a\\nb\\x07  c",)


def test_the_page_looks_at_the_newest_checkpoints_and_the_best(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.FAILED)
    for step in range(1, 31):
        seal(state(made.layout.root / f"checkpoint-{step}"))
    made.layout.best.symlink_to("checkpoint-3")
    found = gather(look(made.layout.root), newest=5)
    assert [one.step for one in found.checkpoints] == [3, 26, 27, 28, 29, 30]
    assert found.checkpoints[0].is_best
    assert page(found, NOW) and "… and 24 older checkpoints" in str(page(found, NOW))
    # The newest ones can't be used: an older one can.
    for step in range(26, 31):
        (made.layout.root / f"checkpoint-{step}" / "optimizer.bin").unlink()
    assert "resume" in str(page(gather(look(made.layout.root), newest=5), NOW)[-1])
    assert len(info_of(made).checkpoints) == 30
