"""The entrypoint and the arguments in `info`, `list` and `compare`; a start from a missing checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import record_of
from tests.support.zygote import Zygote


@pytest.fixture
def three(project: Path, zygote: Zygote) -> Path:
    """Make a run of a script, one of a module, one of an executable."""
    (project / "train.py").write_text("")
    (project / "tool").mkdir()
    (project / "tool" / "fit.py").write_text("")
    (project / "go.sh").write_text("#!/bin/sh\nexit 0\n")
    (project / "go.sh").chmod(0o755)
    for name, words in {
        "script": ("--", "--lr=1e-3", "--bs", "8"),
        "module": ("--module", "tool.fit", "--", "--bs", "8", "--lr", "2e-3", "--fast"),
        "executable": ("--entrypoint", "./go.sh", "--", "--bs", "8", "--lr", "1e-3"),
    }.items():
        ended = zygote.run("new", "config.yml", "--name", name, *words, cwd=project)
        assert ended.code == 0, ended
    return project


NAMES = {"script": "train.py", "module": "-m tool.fit", "executable": "./go.sh"}


def test_every_view_names_the_entrypoint(three: Path, zygote: Zygote) -> None:
    listed = zygote.run("list", "--columns", "run,entrypoint", "--sort", "entrypoint", cwd=three)
    assert dict(line.split(maxsplit=1) for line in listed.out.splitlines()[1:]) == NAMES
    rows = json.loads(zygote.run("list", "--json", cwd=three).out)["runs"]
    assert {row["name"]: row["entrypoint"] for row in rows} == NAMES
    for name, entrypoint in NAMES.items():
        shown = zygote.run("info", name, cwd=three).out.splitlines()
        assert [line.split(maxsplit=1) for line in shown if "entrypoint" in line] == [["entrypoint", entrypoint]]
        assert json.loads(zygote.run("info", name, "--json", cwd=three).out)["facts"]["entrypoint"] == entrypoint
    compared = zygote.run("compare", "script", "module", cwd=three).out
    assert ["entrypoint", "train.py", "-m", "tool.fit"] in [line.split() for line in compared.splitlines()]


def test_arguments_are_compared_flag_by_flag(three: Path, zygote: Zygote) -> None:
    def rows(*runs: str) -> list[list[str]]:
        tables = json.loads(zygote.run("compare", *runs, "--json", cwd=three).out)["tables"]
        return next((table["rows"] for table in tables if table["title"] == "arguments"), [])

    assert rows("script", "executable") == []
    assert rows("script", "module") == [["--lr", "1e-3", "2e-3"], ["--fast", "-", "(given)"]]


def test_records_without_an_entrypoint_can_be_read(three: Path, zygote: Zygote) -> None:
    for name in NAMES:
        data = record_of(three / "runs" / name)
        del data["entrypoint"]
        (three / "runs" / name / "run.json").write_text(json.dumps(data))
    test_every_view_names_the_entrypoint(three, zygote)


@pytest.mark.parametrize("resume", ["/nonexistent/checkpoint-5", "runs/gone/checkpoint-5", "./gone", "checkpoint-500"])
def test_a_config_that_names_a_missing_checkpoint_is_refused(project: Path, zygote: Zygote, resume: str) -> None:
    (project / "train.py").write_text("")
    (project / "config.yml").write_text(f"a: 1\ncheckpoint:\n  save_dir: runs/exp\n  resume: {resume}\n")
    ended = zygote.run("new", "config.yml", cwd=project)
    assert ended.code == 66
    assert f"config.yml:4:11: `checkpoint.resume` names a checkpoint that does not exist: {resume}" in ended.err
    assert not (project / "runs").exists()
    assert zygote.run("new", "config.yml", "--set", "checkpoint.resume=null", cwd=project).code == 0
    # The check is for the start of a new run: a completed run does not need the checkpoint.
    assert zygote.run("ensure", "config.yml", "--set", "checkpoint.resume=null", cwd=project).code == 0


def test_an_override_or_an_argument_that_names_a_missing_checkpoint_is_refused(project: Path, zygote: Zygote) -> None:
    (project / "train.py").write_text("")
    for words in (
        ("--set", "training.checkpoint.resume=/nonexistent/x"),
        ("--", "--resume_from_checkpoint", "/nonexistent/x"),
        ("--", "--resume_from_checkpoint=./gone"),
    ):
        ended = zygote.run("new", "config.yml", *words, cwd=project)
        assert (ended.code, "names a checkpoint that does not exist" in ended.err) == (66, True), ended
        assert not (project / "runs").exists()


def test_an_argument_that_may_name_a_checkpoint_is_only_warned_about(project: Path, zygote: Zygote) -> None:
    (project / "train.py").write_text("")
    ended = zygote.run("new", "config.yml", "--", "--load", "/nonexistent/x", cwd=project)
    assert ended.code == 0
    assert "warning: --load /nonexistent/x: the path does not exist" in ended.err


@pytest.mark.parametrize(
    "value",
    ["latest", "auto", "true", "org/name", "s3://a/b/c", "$SCRATCH/x", "team/project/model:v3", "models:/name/1"],
)
def test_values_that_are_not_paths_are_left_to_the_script(project: Path, zygote: Zygote, value: str) -> None:
    (project / "train.py").write_text("")
    (project / "odd.yml").write_text(f"checkpoint: {{save_dir: runs/exp, resume: '{value}'}}\n")
    ended = zygote.run("new", "odd.yml", "--", "--resume_from_checkpoint", value, cwd=project)
    assert (ended.code, "does not exist" in ended.err) == (0, False), ended
