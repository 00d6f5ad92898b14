"""Checkpoints outside the run directory, and the setting that would change it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tsdia_run.report.outside import outside
from tsdia_run.rundir import outside_saves
from tsdia_run.rundir.layout import AttemptLayout, RunLayout


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AttemptLayout:
    monkeypatch.chdir(tmp_path)
    attempt = RunLayout(tmp_path / "runs" / "exp").attempt(0)
    attempt.config_named("c.yml").parent.mkdir(parents=True)
    return attempt


def saved(attempt: AttemptLayout, *names: str, config: str = "a: 1\n", args: str = "", script: str = "") -> str:
    """Return what is said about checkpoints of a script with this config, these arguments and this source."""
    cwd = attempt.root.parents[3]
    attempt.config_named("c.yml").write_text(config)
    (cwd / "train.py").write_text(script)
    recorded = {"cwd": str(cwd), "settings": {"entrypoint": "train.py"}, "extra_args": args.split()}
    attempt.command.write_text(json.dumps(recorded))
    for name in names:
        outside_saves.add(attempt, cwd / name)
    return outside(attempt) or ""


def test_nothing_is_said_without_them(attempt: AttemptLayout) -> None:
    assert saved(attempt) == ""
    attempt.outside.write_bytes(b"\0\xff\nrelative/path\n\n")
    assert outside(attempt) is None


@pytest.mark.parametrize(
    ("names", "where"),
    [
        (["outputs/step_1"], "1 checkpoint outside the run directory: outputs/step_1;"),
        (["outputs/step_1", "outputs/step_2", "outputs/step_1"], "2 checkpoints outside the run directory: outputs/…;"),
        (["outputs/a/step_1", "outputs/b/step_2"], "2 checkpoints outside the run directory: outputs/…;"),
        (["out\x1b[31mputs/step_1"], "1 checkpoint outside the run directory: outputs/step_1;"),
    ],
)
def test_where_they_are(attempt: AttemptLayout, names: list[str], where: str) -> None:
    assert saved(attempt, *names).startswith(where)


@pytest.mark.parametrize(
    ("config", "args", "script", "remedy"),
    [
        ("train: {output: outputs}\nother: x\n", "", "", "set `run_dir_key: train.output`"),
        ("root: .\nbase: outputs\nstem: outputs/run1\n", "", "", "set `run_dir_key: stem`"),
        ("root: ./\nhome: '/'\n", "--out outputs/run1", "", "pass `--out {run_dir}` to the script"),
        ("a: 1\n", "--lr 1 --out=outputs", "", "pass `--out {run_dir}` to the script"),
        ("a: 1\n", "hydra.run.dir=outputs", "", "pass `hydra.run.dir={run_dir}` to the script"),
        ("a: 1\n", "", 'add_argument("--log_dir"); add_argument("--output_dir", default="outputs")',
         "pass `--output_dir {run_dir}` to the script"),
        ("a: 1\n", "", "save_state('outputs')", "set `run_dir_key` to the config key of its directory, or pass"),
        ("[", "", "", "set `run_dir_key` to"),
    ],
)  # fmt: skip
def test_which_setting_would_change_it(
    attempt: AttemptLayout, config: str, args: str, script: str, remedy: str
) -> None:
    said = saved(attempt, "outputs/run1/step_1", "outputs/run1/step_2", config=config, args=args, script=script)
    assert f"; to change it, {remedy}" in said


def test_what_is_outside(tmp_path: Path) -> None:
    run, disk = tmp_path / "run", tmp_path / "disk"
    for folder in (run, disk):
        folder.mkdir()
    (run / "on_disk").symlink_to(disk)
    (tmp_path / "same_run").symlink_to(run)
    assert not outside_saves.is_outside(run / "a" / "step_1", run)
    assert not outside_saves.is_outside(run / "on_disk" / "step_1", run)
    assert not outside_saves.is_outside(tmp_path / "same_run" / "step_1", run)
    assert outside_saves.is_outside(disk / "step_1", run)
    assert outside_saves.is_outside(tmp_path / "run-2" / "step_1", run)
