"""Rows of the list, from the record only or from all files of a run."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support.checkpoints import seal, state
from tests.support.runs import BEGAN, REASONS, full_run, log_metrics, make_run, renamed
from tsdia_run.errors import UsageError
from tsdia_run.report.columns import COLUMNS, DEFAULT, aligned, cells, chosen, sort
from tsdia_run.report.formatting import NoState
from tsdia_run.report.places import Places
from tsdia_run.report.rows import RunRow, in_states, rows, since_then
from tsdia_run.report.rows_json import to_json
from tsdia_run.rundir.record import Digest, State

DIGEST = Digest(step=9, metric="val_loss", best=0.5, best_step=7, checkpoints=3, size_bytes=2048, wandb_id="wb42")
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=timezone.utc)


def found(root: Path) -> Mapping[str, RunRow]:
    return {row.name: row for row in rows(Places((root,)))}


def test_the_row_of_an_ended_run_is_read_only_from_its_record(tmp_path: Path) -> None:
    made = renamed(make_run(tmp_path / "exp", State.FAILED, State.COMPLETED), digest=DIGEST)
    seal(state(made.layout.root / "checkpoints" / "checkpoint_0"))
    os.utime(made.layout.root, (os.stat(made.layout.record).st_mtime,) * 2)
    row = found(tmp_path)["exp"]
    assert row.digest == DIGEST
    assert (row.state, row.reason, row.attempts, row.host) == (State.COMPLETED, REASONS[State.COMPLETED], 2, "node1")
    assert row.started_at == BEGAN + timedelta(hours=2)
    assert row.ended_at == BEGAN + timedelta(hours=3)
    assert row.duration_s == 2 * 3600


def test_a_run_whose_folder_changed_after_its_end_is_measured_again(tmp_path: Path) -> None:
    made = renamed(make_run(tmp_path / "exp"), digest=DIGEST)
    seal(state(made.layout.root / "step_4"))
    log_metrics(made.layout, 0, [3, 4], lambda step: 1 / step)
    later = os.stat(made.layout.record).st_mtime + 60
    os.utime(made.layout.root, (later, later))
    digest = found(tmp_path)["exp"].digest
    assert (digest.step, digest.metric, digest.best, digest.best_step) == (4, "val/loss", 0.25, 4)
    assert digest.checkpoints == 1
    assert digest.size_bytes > 4096


def test_a_record_without_a_digest_is_measured(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.STOPPED)
    (made.layout.root / "step_6").mkdir()
    row = found(tmp_path)["exp"]
    assert (row.state, row.digest.step, row.digest.checkpoints) == (State.STOPPED, 6, 1)


def test_superseded_values_do_not_count(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.FAILED, State.FAILED)
    log_metrics(made.layout, 0, range(10), lambda step: 1 / (1 + step))
    log_metrics(made.layout, 1, range(4, 6), lambda _: 5.0)
    digest = found(tmp_path)["exp"].digest
    assert (digest.step, digest.best, digest.best_step) == (5, 0.25, 3)


def test_a_run_recorded_as_running_without_a_process_is_lost(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.RUNNING)
    assert found(tmp_path)["exp"].state is State.LOST
    with made.layout.claim.open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        row = found(tmp_path)["exp"]
    assert (row.state, row.ended_at) == (State.RUNNING, None)
    assert row.duration_s
    assert row.duration_s > 0


def test_ranks_that_outlive_their_supervisor_are_a_running_run(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.RUNNING)
    made.layout.claim.touch()
    with made.layout.alive.open("w") as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)
        row = found(tmp_path)["exp"]
    assert row.state is State.RUNNING
    assert "the supervisor was killed" in row.reason


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "not an object"),
        ('{"schema": 99, "attempts": []}', "newer tsdia-run"),
        ("[" * 100_000, "nested too deeply"),
        ("", "Expecting value"),
    ],
)
def test_a_damaged_record_is_a_row_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    make_run(tmp_path / "broken").layout.record.write_text(text)
    make_run(tmp_path / "sound")
    by_name = found(tmp_path)
    assert by_name["broken"].state is NoState.DAMAGED
    assert why in by_name["broken"].reason
    assert by_name["sound"].state is State.COMPLETED


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_a_directory_or_special_file_instead_of_a_file(tmp_path: Path, kind: str) -> None:
    made = full_run(tmp_path / "exp")
    layout = made.layout
    for path in (layout.metrics, layout.metrics_summary, layout.record):
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
        row = found(tmp_path)["exp"]
    assert row.state is NoState.DAMAGED


def test_a_run_of_tsdias_own_scripts(tmp_path: Path) -> None:
    own = tmp_path / "ami"
    (own / "logs").mkdir(parents=True)
    (own / "config.yml").write_text("model: {}\n")
    state(own / "checkpoints" / "checkpoint-epoch1-step50")
    row = found(tmp_path)["ami"]
    assert (row.state, row.digest.step, row.digest.checkpoints) == (NoState.UNKNOWN, 50, 1)
    assert "not created by tsdia-run" in row.reason


def test_a_run_that_is_being_created(tmp_path: Path) -> None:
    (tmp_path / "exp" / ".tsdia").mkdir(parents=True)
    with (tmp_path / "exp" / ".tsdia" / "claim").open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        assert found(tmp_path)["exp"].state is State.PREPARING
    assert found(tmp_path)["exp"].state is State.LOST


def some_rows(tmp_path: Path) -> list[RunRow]:
    for hours, (name, best) in enumerate([("a", 0.5), ("b", None), ("c", 0.25)]):
        made = make_run(tmp_path / name, State.FAILED, began=BEGAN + timedelta(hours=hours))
        renamed(made, digest=Digest(metric="val_loss", best=best))
    return list(rows(Places((tmp_path,))))


@pytest.mark.parametrize(
    ("by", "order"),
    [("age", "cba"), ("-age", "abc"), ("best", "cab"), ("-best", "acb"), ("run", "abc"), ("-run", "cba")],
)
def test_the_order(tmp_path: Path, by: str, order: str) -> None:
    assert "".join(row.name for row in sort(some_rows(tmp_path), by)) == order


def test_states_and_times(tmp_path: Path) -> None:
    some = some_rows(tmp_path)
    assert list(in_states(some, ["completed"])) == []
    assert len(list(in_states(some, ["completed", "failed"]))) == 3
    assert {row.name for row in since_then(some, BEGAN + timedelta(hours=1))} == {"b", "c"}
    with pytest.raises(UsageError, match="did you mean failed"):
        list(in_states(some, ["faild"]))


def test_columns(tmp_path: Path) -> None:
    assert chosen(None) == DEFAULT
    assert [column.name for column in chosen("best, run")] == ["best", "run"]
    assert [column.name for column in chosen("+path")] == [*(column.name for column in DEFAULT), "path"]
    with pytest.raises(UsageError, match="did you mean duration") as caught:
        chosen("durations")
    assert "checkpoints" in caught.value.hint
    with pytest.raises(UsageError):
        sort(some_rows(tmp_path), "nothing")


def test_plain_lines_are_aligned(tmp_path: Path) -> None:
    columns = chosen("run,best,age")
    lines = aligned(cells(sort(some_rows(tmp_path), "run"), columns, NOW), columns)
    assert lines == [
        "run  best           age",
        "a    val_loss 0.5   3 d",
        "b    -              2 d",
        "c    val_loss 0.25  2 d",
    ]


def test_no_name_breaks_the_table(tmp_path: Path) -> None:
    make_run(tmp_path / "a\nb\x1b[31m")
    lines = aligned(cells(list(rows(Places((tmp_path,)))), COLUMNS, NOW), COLUMNS)
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_json(tmp_path: Path) -> None:
    renamed(make_run(tmp_path / "exp"), digest=DIGEST)
    told = json.loads(json.dumps(to_json(rows(Places((tmp_path,))))))
    assert told["schema"] == 1
    assert told["runs"] == [
        {
            "name": "exp",
            "path": str(tmp_path / "exp"),
            "project": None,
            "run_id": "00aa11bb22cc",
            "state": "completed",
            "suspended": False,
            "reason": REASONS[State.COMPLETED],
            "started_at": "2026-11-20T08:00:00.000+00:00",
            "ended_at": "2026-11-20T09:00:00.000+00:00",
            "duration_s": 3600.0,
            "attempts": 1,
            "entrypoint": None,
            "host": "node1",
            "step": 9,
            "metric": "val_loss",
            "best": 0.5,
            "best_step": 7,
            "checkpoints": 3,
            "size_bytes": 2048,
            "wandb_id": "wb42",
        }
    ]
