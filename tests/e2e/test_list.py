"""`tsdia-run list` as a user types it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import COMMAND, Starter, environment, tsdia_run, wait_for
from tests.support.runs import BEGAN, full_run, make_run, renamed
from tests.support.terminal import shown
from tests.support.unprivileged import obey_permissions
from tsdia_run.rundir.record import Digest, State

SCRIPT = "import sys, time\nprint('ready', flush=True)\ntime.sleep(float(sys.argv[1]))\n"
CONFIG = """\
training: {checkpoint: {save_dir: runs/exp}}
tsdia_run: {launcher: python, args: [%s]}
"""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Make a folder with runs/{good,bad,ami}: one that completed, one that failed, one of TS-DIA."""
    good = make_run(tmp_path / "runs" / "good", began=BEGAN + timedelta(hours=1))
    renamed(good, digest=Digest(9, "val_loss", 0.5, 7, checkpoints=3, size_bytes=2048, wandb_id="wb42"))
    make_run(tmp_path / "runs" / "bad", State.FAILED)
    (tmp_path / "runs" / "ami" / "logs").mkdir(parents=True)
    (tmp_path / "runs" / "ami" / "config.yml").write_text("model: {}\n")
    return tmp_path


def rows_json(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    done = tsdia_run("list", "--json", *words, cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["schema"] == 1
    found = data["runs"]
    assert isinstance(found, list)
    return found


def names(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> set[str]:
    return {run["name"] for run in rows_json(folder, *words, env=env)}


def test_every_run_has_a_row(runs: Path) -> None:
    done = tsdia_run("list", "--sort", "run", cwd=runs)
    assert (done.returncode, done.stderr) == (0, "")
    head, ami, bad, good = done.stdout.splitlines()
    assert head.split() == ["run", "state", "age", "duration", "step", "best", "checkpoints", "size", "wandb"]
    assert ami.split()[:2] == ["ami", "unknown"]
    assert bad.split()[:2] == ["bad", "failed"]
    assert re.fullmatch(r"good  completed +\d+ d +1 h 0 min +9  val_loss 0\.5 @7 +3 +2\.0 KiB  wb42", good)


def test_options(runs: Path) -> None:
    assert names(runs, "--state", "failed", "--state", "completed") == {"good", "bad"}
    assert names(runs, "--since", "2026-11-20T08:30:00+00:00") == {"good", "ami"}
    assert [run["name"] for run in rows_json(runs, "--sort", "-run", "--limit", "2")] == ["good", "bad"]
    done = tsdia_run(
        "list", "--csv", "--columns", "run,best,duration", "--sort", "run", "--state", "completed", cwd=runs
    )
    assert list(csv.reader(io.StringIO(done.stdout))) == [["run", "best", "duration"], ["good", "0.5", "3600.0"]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--state", "faild"], 2, "did you mean failed?"),
        (["--sort", "nothing"], 2, "no column 'nothing'"),
        (["--columns", "run,stat"], 2, "did you mean state?"),
        (["--since", "yesterday"], 2, "--since takes a duration or a date, not"),
        (["nowhere"], 66, "folder not found: "),
    ],
)
def test_invalid_arguments(runs: Path, words: list[str], code: int, said: str) -> None:
    done = tsdia_run("list", *words, cwd=runs)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_runs_yet(tmp_path: Path) -> None:
    done = tsdia_run("list", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "tsdia-run new" in done.stderr
    assert rows_json(tmp_path) == []


def test_roots_of_the_project_file_and_named_ones(runs: Path) -> None:
    make_run(runs / "more" / "far")
    (runs / "tsdia-run.yml").write_text("roots: [runs, more]\n")
    (runs / "sub").mkdir()
    assert names(runs / "sub") == {"good", "bad", "ami", "far"}
    assert names(runs, "more") == {"far"}
    assert names(runs, "runs/good") == {"good"}


def test_runs_of_another_project_are_listed_on_request_and_changed_only_by_path(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "train.py").write_text(SCRIPT)
    (tmp_path / "elsewhere" / "config.yml").write_text(CONFIG % '"0"')
    (tmp_path / "here").mkdir()
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert tsdia_run("new", "config.yml", "-q", cwd=tmp_path / "elsewhere", env=env).returncode == 0
    run_dir = tmp_path / "elsewhere" / "runs" / "exp"
    (only,) = rows_json(tmp_path / "here", "--all", env=env)
    assert (only["name"], only["state"], only["project"]) == ("exp", "completed", str(tmp_path / "elsewhere"))
    table = tsdia_run("list", "--all", cwd=tmp_path / "here", env=env).stdout.splitlines()
    assert table[1].split()[:3] == ["exp", str(tmp_path / "elsewhere"), "completed"]
    assert rows_json(tmp_path / "here", env=env) == rows_json(tmp_path / "here", "--all") == []
    assert "tsdia-run list --all" in tsdia_run("list", cwd=tmp_path / "here", env=env).stderr
    shown_run = tsdia_run("info", "exp", cwd=tmp_path / "here", env=env)
    assert shown_run.returncode == 0
    assert f"showing the run of another project: {run_dir}" in shown_run.stderr
    for words in (["stop", "exp"], ["resume", "exp"], ["stop", "latest"], ["resume", "ex"]):
        refused = tsdia_run(*words, cwd=tmp_path / "here", env=env)
        assert refused.returncode == os.EX_NOINPUT, refused.stderr
        assert (f"tsdia-run {words[0]} {run_dir}" in refused.stderr) == (words[1] == "exp")
    assert tsdia_run("stop", str(run_dir), cwd=tmp_path / "here", env=env).returncode == 0


def test_a_run_while_it_is_running_and_after_it_was_killed(tmp_path: Path, start: Starter) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "config.yml").write_text(CONFIG % '"600"')
    running = start("new", "config.yml", cwd=tmp_path)
    wait_for(running, "ready")
    (live,) = rows_json(tmp_path)
    assert (live["state"], live["ended_at"]) == ("running", None)
    running.kill()
    running.wait()
    (orphaned,) = rows_json(tmp_path)
    assert orphaned["state"] == "running"
    assert "the supervisor was killed; the ranks are still running" in orphaned["reason"]
    assert tsdia_run("stop", "runs/exp", "--now", cwd=tmp_path).returncode == 0
    (ended,) = rows_json(tmp_path)
    assert ended["state"] not in ("running", "completed")


def test_the_row_of_an_ended_run_comes_from_its_record(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import os\nos.mkdir(os.environ['TSDIA_RUN_DIR'] + '/step_7')\n")
    (tmp_path / "config.yml").write_text(CONFIG % '"0"')
    assert tsdia_run("new", "config.yml", "-q", cwd=tmp_path).returncode == 0
    digest = json.loads((tmp_path / "runs" / "exp" / "run.json").read_text())["digest"]
    assert (digest["step"], digest["checkpoints"], digest["wandb_id"]) == (7, 1, None)
    assert digest["size_bytes"] > 1000
    (row,) = rows_json(tmp_path)
    assert {name: row[name] for name in digest} == digest


def locked(run_dir: Path) -> Path:
    run_dir.chmod(0)
    return run_dir


@pytest.fixture
def unreadable(runs: Path) -> Iterator[Path]:
    """Make runs/secret, which may not be entered, and runs/half, whose record may not be read."""
    locked(make_run(runs / "runs" / "secret").layout.root)
    half = full_run(runs / "runs" / "half").layout
    for path in (half.record, half.attempts, half.root / "step_1", half.logs):
        path.chmod(0)
    yield runs
    for path in (runs / "runs" / "secret", half.attempts, half.root / "step_1", half.logs):
        path.chmod(0o755)


def obedient(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=obey_permissions,
    )


def test_an_unreadable_run_is_a_row_among_the_others(unreadable: Path) -> None:
    done = obedient("list", "--sort", "run", cwd=unreadable)
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["ami", "unknown"],
        ["bad", "failed"],
        ["good", "completed"],
        ["half", "damaged"],
        ["secret", "damaged"],
    ]
    assert "runs/secret: Permission denied" in done.stderr
    for words in (["info", "runs/half"], ["info", "runs/secret"], ["info", "runs/half", "--verify", "--json"]):
        looked = obedient(*words, cwd=unreadable)
        assert "Traceback" not in looked.stderr
        assert "bug" not in looked.stderr
        assert looked.returncode in (0, os.EX_DATAERR)
        assert "ermission denied" in looked.stdout
    compared = obedient("compare", "half", "secret", "good", cwd=unreadable)
    assert compared.returncode == 0, compared.stderr


def test_damage_is_reported_below_the_table_with_a_limit(runs: Path) -> None:
    for number in range(8):
        make_run(runs / "runs" / f"broken-{number}").layout.record.write_text("{")
    done = tsdia_run("list", cwd=runs)
    assert done.returncode == 0
    assert done.stderr.count("the record can't be used") == 5
    assert "3 more: tsdia-run list --state damaged --columns path,reason" in done.stderr
    assert "good" in done.stdout


def test_names_that_are_unsafe_on_a_terminal(runs: Path) -> None:
    make_run(runs / "runs" / "a\nb\x1b[31m")
    odd = make_run(runs / "runs" / "plain").layout.root
    odd.rename(os.fsdecode(os.fsencode(odd.parent) + b"/\xff"))
    done = tsdia_run("list", "--columns", "run,path", cwd=runs, env={"PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6
    assert "\x1b" not in done.stdout
    assert len(rows_json(runs)) == 5
    assert tsdia_run("list", "--csv", cwd=runs).returncode == 0


def test_on_a_terminal_states_have_colours(runs: Path) -> None:
    told = shown("list", cwd=runs)
    assert "\x1b[32mcompleted" in told
    assert "\x1b[31mfailed" in told
    assert "wb42" in told


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours(runs: Path, variables: dict[str, str]) -> None:
    told = shown("list", cwd=runs, env=variables)
    assert "\x1b" not in told
    assert "completed" in told


def test_a_narrow_terminal_has_fewer_columns_and_no_broken_lines(runs: Path) -> None:
    narrow = shown("list", cwd=runs, size=(40, 60), env={"NO_COLOR": "1"}).splitlines()
    assert narrow[0].split() == ["run", "state", "age", "duration", "step", "best"]
    assert all(len(line) <= 60 for line in narrow[:4])
    assert "columns hidden for lack of space: checkpoints, size, wandb" in narrow[4]
    asked = shown("list", "--columns", "run,reason,path", cwd=runs, size=(40, 60), env={"NO_COLOR": "1"})
    assert str(runs / "runs" / "good") in asked


def test_runs_of_the_same_name_are_distinguished_by_their_paths(runs: Path) -> None:
    make_run(runs / "more" / "good")
    done = tsdia_run("list", "runs", "more", "--columns", "run", cwd=runs)
    assert set(done.stdout.split()) == {"run", "ami", "bad", str(runs / "runs" / "good"), str(runs / "more" / "good")}


def test_reading_changes_nothing(runs: Path) -> None:
    full_run(runs / "runs" / "full")

    def everything() -> dict[str, tuple[int, int]]:
        paths = sorted((runs / "runs").rglob("*"))
        return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in paths}

    before = everything()
    for words in (
        ["list"],
        ["info", "full"],
        ["info", "full", "--verify"],
        ["compare", "full", "good"],
        ["logs", "full"],
    ):
        assert tsdia_run(*words, cwd=runs).returncode == 0, words
    assert everything() == before
