from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.hints import hint_of
from tsdia_run.errors import NotFoundError, UsageError
from tsdia_run.launch import command
from tsdia_run.launch.command import BOOTSTRAP, RANKS_LAUNCHER, Target
from tsdia_run.settings import Settings, resolve

SETTINGS: Settings = resolve([])
TARGET = Target(Path("/r/exp"), Path("/r/exp/out"), "exp", Path("/r/exp/attempts/0/config.yml"), None)


def test_placeholders_are_replaced_and_other_braces_stay() -> None:
    arguments = ("--c={config}", "{run_dir}:{output_dir}:{run_name}", '{"json": {}}', "{unknown}")
    assert command.filled(arguments, TARGET) == (
        "--c=/r/exp/attempts/0/config.yml",
        "/r/exp:/r/exp/out:exp",
        '{"json": {}}',
        "{unknown}",
    )


def test_braces_in_a_value_are_not_replaced() -> None:
    assert command.filled(["{run_name}"], replace(TARGET, run_name="{config}")) == ("{config}",)


def test_only_a_resume_has_a_checkpoint() -> None:
    with pytest.raises(UsageError, match="this is not a resume") as caught:
        command.filled(["{checkpoint}"], TARGET)
    assert "resume_args" in hint_of(caught.value)
    target = replace(TARGET, checkpoint=Path("/r/exp/checkpoint-7"))
    assert command.filled(["{checkpoint}", "{checkpoint_name}"], target) == ("/r/exp/checkpoint-7", "checkpoint-7")


def test_a_script_without_a_config_gets_no_config_flag() -> None:
    assert command.templates(SETTINGS, ["--lr"], has_config=False, is_resume=False) == ("--lr",)
    with pytest.raises(UsageError, match="no config is given"):
        command.filled(["{config}"], replace(TARGET, config=None))


def test_resume_args_come_before_the_extra_arguments() -> None:
    settings = replace(SETTINGS, resume_args=("--resume", "{checkpoint}"))
    told = command.templates(settings, ["--fast"], has_config=True, is_resume=True)
    assert told == ("--config", "{config}", "--resume", "{checkpoint}", "--fast")
    assert "--resume" not in command.templates(settings, [], has_config=True, is_resume=False)


def test_a_relative_script_stays_relative(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    built = command.build(SETTINGS, "/usr/bin/python3", tmp_path, ["--x"], None)
    assert built.argv == ("/usr/bin/python3", str(BOOTSTRAP), "train.py", "--x")


def test_a_module_is_run_as_python_runs_it(tmp_path: Path) -> None:
    built = command.build(replace(SETTINGS, module="lab.train"), "py", tmp_path, [], None)
    assert built.argv == ("py", str(BOOTSTRAP), "-m", "lab.train")


def test_the_error_for_a_missing_script_lists_the_scripts_in_the_directory(tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()
    with pytest.raises(NotFoundError, match=r"train\.py does not exist") as caught:
        command.build(SETTINGS, "py", tmp_path, [], None)
    assert "main.py" in hint_of(caught.value)


def test_the_files_that_are_started_by_path_exist() -> None:
    assert BOOTSTRAP.is_file()
    assert RANKS_LAUNCHER.is_file()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--config", "{config}", "--out", "{run_dir}"), ("--out", "{run_dir}")),
        (("--out", "x", "--config={config}"), ("--out", "x")),
        (("{config}", "--fast"), ("--fast",)),
        (("--fast", "config={config}"), ("--fast",)),
    ],
)
def test_a_run_without_a_config_gets_no_words_with_it(args: tuple[str, ...], expected: tuple[str, ...]) -> None:
    settings = replace(SETTINGS, args=args)
    assert command.templates(settings, ["--lr"], has_config=False, is_resume=False) == (*expected, "--lr")
    assert command.templates(settings, ["--lr"], has_config=True, is_resume=False) == (*args, "--lr")
