"""Where settings come from: `config show`, the user's own file, and which settings a resume reads again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import environment
from tests.support.zygote import Ended, Zygote

SCRIPT = """\
import os, sys
folder = os.path.join(os.environ["TSDIA_RUN_DIR"], "checkpoint-1")
os.makedirs(folder, exist_ok=True)
if "TSDIA_RUN_CHECKPOINT" in os.environ:
    open(os.path.join(os.environ["TSDIA_RUN_CHECKPOINT"], "state.json")).read()
open(os.path.join(folder, "state.json"), "w").write("{}")
sys.exit(3)
"""
CONFIG = "checkpoint: {save_dir: runs/exp}\ntsdia_run:\n  launcher: python\n"


class Project:
    """A project whose settings are in a config, a project file and a file of the user."""

    def __init__(self, root: Path, zygote: Zygote) -> None:
        self.root, self.zygote = root, zygote
        self.config, self.project = root / "config.yml", root / "tsdia-run.yml"
        self.env = {"XDG_CONFIG_HOME": str(root / "xdg"), "XDG_STATE_HOME": os.path.join(os.devnull, "state")}
        (root / "xdg" / "tsdia-run").mkdir(parents=True)
        self.user = root / "xdg" / "tsdia-run" / "config.yml"
        (root / "train.py").write_text(SCRIPT)
        self.config.write_text(CONFIG)

    def run(self, *words: str, env: dict[str, str] | None = None) -> Ended:
        return self.zygote.run(*words, cwd=self.root, env=environment({**self.env, **(env or {})}))

    def attempt(self, number: int) -> dict[str, Any]:
        found = json.loads((self.root / f"runs/exp/attempts/{number}/command.json").read_text())
        assert isinstance(found, dict)
        return found


@pytest.fixture
def project(tmp_path: Path, zygote: Zygote) -> Project:
    return Project(tmp_path, zygote)


def notes(ended: Ended) -> list[str]:
    mark = "tsdia-run: changed settings: "
    return sorted(line.removeprefix(mark) for line in ended.err.splitlines() if line.startswith(mark))


def test_a_resume_reads_files_again_and_keeps_flags_and_a_restart_keeps_everything(project: Project) -> None:
    project.config.write_text(CONFIG + "  logs: {max_size: 1 MiB}\n  wandb: {console: wrap}\n")
    project.project.write_text(
        "restarts: {max: 1, backoff_s: 0}\nenv: {A: '1', GONE: '1'}\ntime_limit: 9h\npty: false\n"
    )
    project.user.write_text("logs: {progress_interval_s: 5}\nhang: {timeout: 30m}\n")
    first = project.run("new", "config.yml", "--time-limit", "1h", env={"TSDIA_RUN_OPT_STOP_GRACE": "7s"})
    assert first.code == 3, first.err
    assert notes(first) == []
    project.config.write_text(CONFIG + "  logs: {max_size: 2 MiB}\n")
    project.project.write_text(
        "restarts: {max: 0, backoff_s: 0}\nenv: {A: '2', NEW: x}\ntime_limit: 8h\nstop_grace_s: 9\n"
    )
    project.user.write_text("logs: {progress_interval_s: 6}\nhang: {timeout: 30m}\n")
    resumed = project.run("resume", "exp")
    assert notes(resumed) == sorted(
        [
            "env.A: 2 (was 1), from tsdia-run.yml:2",
            "env.GONE: not set (was 1), since the project file no longer sets it",
            "env.NEW: x (was not set), from tsdia-run.yml:2",
            "logs.max_size: 2 MiB (was 1 MiB), from config.yml:4",
            "logs.progress_interval_s: 6 (was 5), from xdg/tsdia-run/config.yml:1",
            "pty: true (was false), since the project file no longer sets it",
            "restarts.max: 0 (was 1), from tsdia-run.yml:1",
            "wandb.console: W&B's default (was wrap), since the config no longer sets it",
        ]
    )
    settings = [project.attempt(number)["settings"] for number in range(3)]
    assert settings[0] == settings[1], "attempt 1 is an automatic restart"
    kept = ("time_limit", "stop_grace_s", "hang", "launcher", "python")
    assert [settings[2][key] for key in kept] == [settings[0][key] for key in kept]
    assert (settings[2]["time_limit"], settings[2]["stop_grace_s"]) == (3600, 7)
    assert settings[2]["env"] == {"A": "2", "NEW": "x"}
    again = project.run("resume", "exp", "--time-limit", "2h")
    assert (again.code, notes(again)) == (3, [])
    assert project.attempt(3)["settings"] == {**settings[2], "time_limit": 7200}


def test_the_settings_of_a_config_that_is_gone_or_broken_are_kept(project: Project) -> None:
    project.config.write_text(CONFIG + "  logs: {max_size: 1 MiB}\n")
    assert project.run("new", "config.yml").code == 3
    for text in ("tsdia_run: {logs: {max_sice: 2 MiB}}\n", None):
        project.config.unlink() if text is None else project.config.write_text(text)
        resumed = project.run("resume", "exp")
        assert (resumed.code, notes(resumed)) == (3, [])
        assert ("the settings of the last attempt are used" in resumed.err) == (text is not None)
    assert project.attempt(2)["settings"] == project.attempt(0)["settings"]
    project.project.write_text("logs: {max_sice: 1}\n")
    broken = project.run("resume", "exp")
    assert (broken.code, "logs.max_size" in broken.err) == (78, True)


def test_a_secret_that_a_file_sets_is_read_again_and_never_shown(project: Project) -> None:
    project.project.write_text("env: {MY_TOKEN: canary-1}\nargs: [--api-key, canary-3]\n")
    assert project.run("new", "config.yml").code == 3
    project.project.write_text("env: {MY_TOKEN: canary-2}\nargs: [--api-key, canary-4]\n")
    resumed = project.run("resume", "exp")
    assert (resumed.code, "canary" in resumed.err, "not recorded" in resumed.err) == (3, False, False), resumed.err
    shown = project.run("config", "show", "--origin")
    assert ("canary" in shown.out, "env.MY_TOKEN" in shown.out) == (False, True)


def test_a_run_of_an_earlier_version_keeps_its_settings(project: Project) -> None:
    project.project.write_text("restarts: {max: 0}\nstop_grace_s: 7\nenv: {A: '1'}\n")
    assert project.run("new", "config.yml", "--time-limit", "1h").code == 3
    path = project.root / "runs/exp/attempts/0/command.json"
    path.write_text(json.dumps({k: v for k, v in project.attempt(0).items() if k not in ("origins", "config_source")}))
    project.project.write_text("stop_grace_s: 8\n")
    resumed = project.run("resume", "exp")
    assert (resumed.code, notes(resumed)) == (3, [])
    assert project.attempt(1)["settings"] == project.attempt(0)["settings"]


def test_config_show_names_every_place(project: Project) -> None:
    project.config.write_text(CONFIG + "  logs:\n    max_size: 1 MiB\n")
    (project.root / "pyproject.toml").write_text("[tool.tsdia-run]\nhang.timeout = '30m'\nroots = ['out']\n")
    project.user.write_text("env: {A: '1'}\nhang: {timeout: 1h}\nrestarts:\n  max: 2\n")
    words = ("config", "show", "config.yml", "--time-limit", "1h")
    env = {"TSDIA_RUN_OPT_NUM_PROCESSES": "2"}
    shown = project.run(*words, "--json", env=env)
    rows = {row["key"]: (row["value"], row["source"], row["place"]) for row in json.loads(shown.out)["settings"]}
    expected = {
        "time_limit": (3600.0, "flag", "--time-limit"),
        "accelerate.num_processes": (2, "environment variable", "TSDIA_RUN_OPT_NUM_PROCESSES"),
        "launcher": ("python", "config", "config.yml:3"),
        "logs.max_size": (2**20, "config", "config.yml:5"),
        "hang.timeout": (1800.0, "project file", "pyproject.toml:2"),
        "roots": ([str(project.root / "out")], "project file", "pyproject.toml:3"),
        "restarts.max": (2, "user file", "xdg/tsdia-run/config.yml:4"),
        "env.A": ("1", "user file", "xdg/tsdia-run/config.yml:1"),
        "pty": (True, "default", None),
    }
    assert {key: rows[key] for key in expected} == expected
    text = project.run(*words, "--origin", env=env).out
    assert len(text.splitlines()) == len(rows)
    assert any(line.split() == ["logs.max_size", "1", "MiB", "config:", "config.yml:5"] for line in text.splitlines())
    for wrong, hint in (("shwo", "tsdia-run config show"), ("config.yml", "tsdia-run config show config.yml")):
        ended = project.run("config", wrong)
        assert (ended.code, ended.err.rstrip().endswith(hint)) == (2, True)


def test_the_users_file_has_the_lowest_rank_and_its_errors_name_it(project: Project) -> None:
    project.user.write_text("roots: [elsewhere]\nlauncher: accelerate\n")
    (project.root / "elsewhere").mkdir()
    assert project.run("new", "config.yml", "--run-dir", "elsewhere/exp").code == 3
    assert json.loads(project.run("list", "--json").out)["runs"][0]["name"] == "exp"
    project.project.write_text("roots: [runs]\n")
    assert json.loads(project.run("list", "--json").out)["runs"] == []
    project.user.write_text("launcher: python\nrestart: {max: 1}\n")
    refused = project.run("new", "config.yml", "--name", "other")
    assert (refused.code, f"{project.user}:2:10: unknown setting `restart`" in refused.err) == (78, True), refused.err
    assert project.run("list", "--json").code == 0, "`list` uses none of it"


@pytest.mark.root
def test_a_users_file_that_another_user_could_have_written_runs_nothing(project: Project) -> None:
    project.user.write_text("entrypoint: evil.py\n")
    project.user.chmod(0o666)
    refused = project.run("new", "config.yml")
    assert (refused.code, "is not trusted: every user can write to it" in refused.err) == (78, True)
    assert "tsdia-run.yml" not in refused.err, "a project file would not replace it"
    project.user.write_text("hang: {timeout: 1h}\n")
    assert project.run("new", "config.yml").code == 3


def test_a_typed_command_persists_although_the_project_file_names_another_script(project: Project) -> None:
    project.project.write_text("entrypoint: other.py\nlauncher: accelerate\nlogs: {timestamps: false}\n")
    first = project.run("new", "--name", "exp", "--log-timestamps", "python", "train.py")
    assert first.code == 3
    resumed = project.run("resume", "runs/exp")
    assert resumed.code == 3, resumed.err
    settings = project.attempt(1)["settings"]
    assert (settings["entrypoint"], settings["launcher"]) == ("train.py", "python")
    assert settings["logs"]["timestamps"] is True
    shown = project.run("config", "show", "train.py", "--origin", "--json")
    found = {one["key"]: (one["value"], one["source"]) for one in json.loads(shown.out)["settings"]}
    assert found["entrypoint"] == ("train.py", "flag")
    assert found["logs.timestamps"][1] == "project file"


def test_the_settings_of_a_script_are_shown_as_it_takes_them(project: Project) -> None:
    text = (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--output_dir')\np.parse_args()\nsave('x.pt')\n"
    )
    (project.root / "flags.py").write_text(text)
    shown = project.run("config", "show", "flags.py", "--origin")
    assert shown.code == 0
    line = next(line for line in shown.out.splitlines() if line.startswith("args "))
    assert "--output_dir" in line
    assert line.endswith("as the script takes it")
    checked = project.run("doctor", "flags.py")
    assert "ok       script         flags.py" in checked.out
