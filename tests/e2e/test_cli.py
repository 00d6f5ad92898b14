"""The command line itself: its output without arguments, for typos, and for the TAB key."""

from __future__ import annotations

import json
from pathlib import Path

import pexpect
import pytest

from tests.support.command import COMMAND, environment, record_of, tsdia_run

SAVES = """\
import os, pathlib
folder = pathlib.Path(os.environ["TSDIA_RUN_DIR"], "checkpoint-epoch0-step5")
folder.mkdir(exist_ok=True)
(folder / "state.json").exists() and (folder / "state.json").read_text()
(folder / "state.json").write_text("{}")
"""


def test_without_arguments_it_shows_how_to_start(tmp_path: Path) -> None:
    shown = tsdia_run(cwd=tmp_path)
    assert shown.returncode == 2  # a script that forgot the command should notice
    assert len(shown.stdout.splitlines()) <= 15
    assert sum(line.startswith("  tsdia-run ") for line in shown.stdout.splitlines()) == 3


def test_the_version(tmp_path: Path) -> None:
    assert tsdia_run("--version", cwd=tmp_path).stdout.startswith("tsdia-run 0.")


@pytest.mark.parametrize(
    "command", ["new", "resume", "ensure", "stop", "info", "list", "compare", "logs", "completion"]
)
def test_each_help_has_its_examples_before_its_options(tmp_path: Path, command: str) -> None:
    shown = tsdia_run(command, "--help", cwd=tmp_path).stdout
    assert f"\n  {'eval' if command == 'completion' else 'tsdia-run ' + command}" in shown.partition("Options:")[0] or (
        command == "ensure" and "tsdia-run ensure config.yml" in shown.partition("Options:")[0]
    )


def test_a_typo_suggests_the_right_word(tmp_path: Path) -> None:
    command = tsdia_run("resmue", "runs/exp", cwd=tmp_path)
    assert (command.returncode, "Did you mean 'resume'?" in command.stderr) == (2, True)
    option = tsdia_run("new", "--mvoe-aside", cwd=tmp_path)
    assert (option.returncode, "--move-aside" in option.stderr) == (2, True)
    shell = tsdia_run("completion", "bsh", cwd=tmp_path)
    assert (shell.returncode, "tsdia-run completion bash" in shell.stderr) == (2, True)


def test_resume_accepts_the_name_of_a_run(project: Path) -> None:
    (project / "train.py").write_text(SAVES)
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 0
    resumed = tsdia_run("resume", "exp", "--again", cwd=project)
    assert resumed.returncode == 0, resumed.stderr
    assert len(record_of(project / "runs/exp")["attempts"]) == 2
    unknown = tsdia_run("resume", "expp", cwd=project)
    assert (unknown.returncode, "did you mean exp?" in unknown.stderr) == (66, True)


def test_bash_completes_commands_flags_runs_and_checkpoints(project: Path) -> None:
    (project / "train.py").write_text(SAVES)
    tsdia_run("new", "config.yml", cwd=project)
    env = {**environment(), "PS1": "ready> ", "PATH": f"{Path(COMMAND).parent}:/usr/bin:/bin", "INPUTRC": "/dev/null"}
    shell = pexpect.spawn("bash", ["--norc", "--noprofile"], cwd=str(project), env=env, encoding="utf-8", timeout=30)
    shell.setwinsize(50, 200)
    shell.expect("ready> ")
    shell.sendline("bind 'set enable-bracketed-paste off'; eval \"$(tsdia-run completion bash)\"; echo sour''ced")
    shell.expect("sourced")
    for typed, completed in (
        ("tsdia-run resu", "tsdia-run resume "),
        ("tsdia-run new --move-a", "tsdia-run new --move-aside "),
        ("tsdia-run info ex", "tsdia-run info exp "),
        ("tsdia-run resume runs/exp/check", "tsdia-run resume runs/exp/checkpoint-epoch0-step5 "),
        ("tsdia-run resume exp --from che", "tsdia-run resume exp --from checkpoint-epoch0-step5 "),
        ("tsdia-run new conf", "tsdia-run new config.yml "),  # files, where tsdia-run has no completions
    ):
        shell.send(f"{typed}\t")
        shell.expect_exact(completed)
        shell.sendcontrol("u")
    shell.close(force=True)


def test_two_dashes_end_the_options(project: Path) -> None:
    (project / "train.py").write_text("")
    for name in ("a b", "other"):
        assert tsdia_run("new", "config.yml", "--name", name, cwd=project).returncode == 0
    for words in (
        ["info", "--json", "--", "a b"],
        ["--", "info", "--json", "a b"],
        ["info", "--json", "--", "runs/a b"],
    ):
        assert json.loads(tsdia_run(*words, cwd=project).stdout)["name"] == "a b", words
    (project / "runs/other").rename(project / "-rf")
    for command in ("info", "logs", "stop", "compare"):
        done = tsdia_run(command, "--", "-rf", *["a b"][: command == "compare"], cwd=project)
        assert (done.returncode, done.stderr if command != "stop" else "") == (0, ""), command
    assert tsdia_run("list", "--", "a", "b", cwd=project).returncode == 66
