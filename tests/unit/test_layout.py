"""The path of an attempt's config, in runs of this version and of earlier ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdia_run.files.atomic import write_bytes
from tsdia_run.rundir.layout import AttemptLayout, RunLayout


@pytest.mark.parametrize(
    "name",
    ["exp.yml", "exp.yaml", "exp.json", "exp.toml", "my exp (2).v1.yml", "exp", ".hidden", ".exp.7", "config",
     "references", "ä🦊.yml", "a\nb.yml", "-x.yml", "x" * 255, "🦊" * 63, "command.json"],
)  # fmt: skip
def test_the_copy_has_the_name_of_the_users_file(tmp_path: Path, name: str) -> None:
    attempt = AttemptLayout(tmp_path / "attempts" / "0")
    attempt.config_named(name).parent.mkdir(parents=True)
    write_bytes(attempt.config_named(name), b"x: 1\n")
    assert attempt.config == attempt.config_named(name)
    assert attempt.config.name == name
    assert [path.name for path in attempt.config.parent.iterdir()] == [name]


def test_a_leftover_of_a_killed_start_is_not_the_config(tmp_path: Path) -> None:
    attempt = AttemptLayout(tmp_path)
    attempt.config_named("exp.yml").parent.mkdir()
    attempt.config_named(".exp.yml.4711").write_text("x:")
    attempt.config_named("exp.yml").write_text("x: 1\n")
    assert attempt.config.name == "exp.yml"


def test_earlier_versions_called_it_config_yml(tmp_path: Path) -> None:
    attempt = AttemptLayout(tmp_path)
    assert attempt.config == tmp_path / "config.yml"
    (tmp_path / "config.yml").write_text("x: 1\n")
    assert attempt.config == tmp_path / "config.yml"


@pytest.mark.parametrize(
    ("name", "kept_as"),
    [("exp.toml", "config.toml"), ("exp.TOML", "config.toml"), ("exp.json", "config.yml"), ("exp", "config.yml")],
)
def test_the_run_has_one_name_for_each_format(tmp_path: Path, name: str, kept_as: str) -> None:
    layout = RunLayout(tmp_path)
    assert layout.config.name == "config.yml"
    assert layout.config_named(name) == tmp_path / kept_as
    layout.attempt(0).config_named(name).parent.mkdir(parents=True)
    layout.attempt(0).config_named(name).write_text("")
    assert layout.config == tmp_path / kept_as
