"""A start by the command line that the user has: a script, or python, accelerate, torchrun and their arguments."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.support.command import environment, record_of, tsdia_run
from tests.support.zygote import Ended, Zygote

# It prints its arguments and where they came to, and saves a checkpoint that a resume reads.
SCRIPT = """\
import json, os, sys
print(json.dumps({"argv": sys.argv, "python": sys.executable, "unbuffered": os.environ.get("PYTHONUNBUFFERED")}))
folder = os.path.join(os.environ["TSDIA_RUN_DIR"], "checkpoint-1")
if os.environ.get("TSDIA_RUN_CHECKPOINT"):
    open(os.path.join(os.environ["TSDIA_RUN_CHECKPOINT"], "state.json")).read()
os.makedirs(folder, exist_ok=True)
open(os.path.join(folder, "state.json"), "w").write("{}")
"""
# Words that are also options of tsdia-run, and some that a shell would change.
ARGS = ["--name", "x", "--debug", "-q", "--", "--set", "a=1", "--lr=1e-3", "two words", "$HOME"]


@pytest.fixture
def started(project: Path) -> Path:
    """Make a project with a script, the same as a module, and a program."""
    (project / "train.py").write_text(SCRIPT)
    (project / "pkg").mkdir()
    (project / "pkg" / "fit.py").write_text(SCRIPT)
    (project / "go.sh").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (project / "go.sh").chmod(0o755)
    return project


def argv(ended: Ended) -> list[str]:
    """Return the arguments that the script received."""
    assert ended.code == 0, ended
    found: list[str] = json.loads(ended.out.splitlines()[-1])["argv"][1:]
    return found


COMMANDS = {
    "train": ["python", "train.py"],
    "fit": ["python", "-u", "-m", "pkg.fit"],
    "accelerated": ["--name", "accelerated", "accelerate", "launch", "--num_processes", "1", "train.py"],
    "named": ["--name", "named", "--", "python", "train.py"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_taken_verbatim_and_resumed(started: Path, zygote: Zygote, name: str) -> None:
    ended = zygote.run("new", *COMMANDS[name], *ARGS, cwd=started)
    assert argv(ended) == ARGS
    assert record_of(started / "runs" / name)["state"] == "completed"
    resumed = zygote.run("resume", f"runs/{name}", "--again", "--", "--more", cwd=started)
    assert argv(resumed) == [*ARGS, "--more"]
    # The command that the closing card suggests starts the same again, under another name.
    suggested = next(line for line in ended.err.splitlines() if line.startswith("  next"))
    again = zygote.run(*shlex.split(suggested)[2:], cwd=started)
    assert argv(again) == ARGS
    assert (started / "runs" / f"{name}-2" / "run.json").exists()


def test_a_script_in_place_of_a_config(started: Path, zygote: Zygote) -> None:
    assert argv(zygote.run("new", "train.py", "--", *ARGS, cwd=started)) == ARGS
    assert record_of(started / "runs" / "train")["entrypoint"] == "train.py"
    done = zygote.run("ensure", "train.py", "--", *ARGS, cwd=started)
    assert (done.code, done.out) == (0, "")
    shell = zygote.run("new", "./go.sh", "--", *ARGS, cwd=started)
    assert shell.out == "".join(f"{word}|" for word in ARGS)
    assert record_of(started / "runs" / "go")["entrypoint"] == "./go.sh"
    module = zygote.run("new", "--module", "pkg.fit", "--", "a", cwd=started)
    assert argv(module) == ["a"]
    assert record_of(started / "runs" / "fit")["entrypoint"] == "-m pkg.fit"


def test_ensure_resumes_the_command_of_a_failed_run(started: Path, zygote: Zygote) -> None:
    words = ("ensure", "--name", "e", "python", "train.py", "--name", "x")
    (started / "train.py").write_text(
        f"{SCRIPT}sys.exit(3 * (len(os.listdir(os.environ['TSDIA_RUN_DIR'] + '/attempts')) == 1))\n"
    )
    first, second, third = (zygote.run(*words, cwd=started) for _ in range(3))
    assert (first.code, second.code, third.code) == (3, 0, 0)
    assert argv(second) == ["--name", "x"]
    assert third.out == ""


def test_a_dry_run_shows_the_settings_of_a_command(started: Path, zygote: Zygote) -> None:
    def preview(*words: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(zygote.run("new", "--dry-run", "--json", *words, cwd=started).out)
        return found

    accelerate = preview(
        "accelerate", "launch", "--num_processes=2", "--mixed_precision", "bf16", "--debug", "train.py"
    )
    settings = accelerate["settings"]
    assert isinstance(settings, dict)
    assert settings["accelerate"] | {"config_file": None} == {
        "config_file": None, "num_processes": 2, "mixed_precision": "bf16", "flags": ["--debug"],
    }  # fmt: skip
    assert "accelerate launch" in str(accelerate["launcher"])
    # Python starts one process, unless an option before it asks for more.
    assert preview("python", "train.py")["launcher"] == "plain Python"
    two = preview("--num-processes", "2", "python", "train.py", "--num-processes", "3")
    assert "accelerate launch (2 processes)" in str(two["launcher"])
    assert not (started / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["python"], "`python` is typed without a script"),
        (["accelerate", "launch", "--cpu"], "`accelerate launch` is typed without a script"),
        (
            ["--launcher", "python", "accelerate", "launch", "train.py"],
            "`launcher` is python as an option of tsdia-run",
        ),
        (["accelerate", "launch", "--num_processes", "two", "train.py"], "--num-processes must be an integer"),
        (["train.py", "--entrypoint", "other.py"], "`entrypoint` is other.py as an option of tsdia-run"),
        (["train.py", "--module", "pkg.fit"], "--entrypoint cannot be combined with --module"),
        (["--logs-size", "2", "python", "train.py"], "Options before `python` are those of tsdia-run."),
        (["config.yml", "--lr", "1"], "tsdia-run new config.yml -- --lr 1"),
        (["config.yml", "lr=1", "--debug"], "tsdia-run new config.yml --debug -- lr=1"),
    ],
)
def test_a_contradiction_is_refused(started: Path, zygote: Zygote, words: list[str], said: str) -> None:
    ended = zygote.run("new", *words, cwd=started)
    assert (ended.code, ended.out, said in ended.err) == (2, "", True), ended.err
    assert not (started / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.py"], "the training script gone.py does not exist"),
        (["python", "gone.py"], "the training script gone.py does not exist"),
        (["no/bin/python", "train.py"], "interpreter not found: no/bin/python"),
        (["no/bin/torchrun", "train.py"], "no/bin/torchrun not found"),
        (["sh", "--", "go.sh"], "sh is neither a config nor a script"),
    ],
)
def test_what_does_not_exist_is_refused(started: Path, zygote: Zygote, words: list[str], said: str) -> None:
    ended = zygote.run("new", *words, cwd=started)
    assert (ended.code, said in ended.err) == (66, True), ended.err
    assert not (started / "runs").exists()


def test_a_program_in_the_project_folder_is_named_by_its_path(started: Path, zygote: Zygote) -> None:
    ended = zygote.run("new", "sh", "--", "go.sh", "a", cwd=started)
    hint = ended.err.splitlines()[-1].partition(": tsdia-run ")[2]
    again = zygote.run(*shlex.split(hint), cwd=started)
    assert (again.code, again.out) == (0, "a|")


def test_the_shell_finds_the_interpreter(started: Path, tmp_path: Path) -> None:
    """An environment whose folder is on the PATH is as good as an active one."""
    env = tmp_path / "env" / "bin"
    env.mkdir(parents=True)
    (env.parent / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (env / "python").write_text('#!/bin/sh\necho "this one"\n')
    (env / "python").chmod(0o755)
    done = tsdia_run("new", "python", "train.py", cwd=started, env={"PATH": f"{env}:{environment()['PATH']}"})
    assert done.stdout == "this one\n"
    assert f"python {env}/python (as set); plain Python" in done.stderr
