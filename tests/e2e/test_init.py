"""`init` shows what it finds in a script and writes a project file that `new` uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.zygote import Ended, Zygote

SCRIPT = """\
import argparse, sys
parser = argparse.ArgumentParser()
parser.add_argument("--output_dir")
parser.add_argument("--resume")
print(sys.argv[1:])
"""


def init(zygote: Zygote, cwd: Path, *words: str) -> Ended:
    return zygote.run("init", *words, cwd=cwd)


def test_the_file_of_init_starts_the_script(tmp_path: Path, zygote: Zygote) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    done = init(zygote, tmp_path)
    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines()] == [
        ["train.py", "(argparse)"],
        ["config", "not", "found"],
        ["run", "directory", "--output_dir", "{output_dir}", "train.py:3"],
        ["checkpoint", "--resume", "{checkpoint}", "(path)", "train.py:4"],
        ["wrote", "tsdia-run.yml"],
        ["start", "it:", "tsdia-run", "new", "--name", "exp-1"],
    ]
    started = zygote.run("new", "--name", "exp-1", cwd=tmp_path, env=environment({"TSDIA_RUN_OPT_LAUNCHER": "python"}))
    assert started.out == f"['--output_dir', '{tmp_path / 'runs' / 'exp-1'}']\n"
    assert "passing" not in started.err  # it is configured now

    again = init(zygote, tmp_path)
    assert again.code == 73
    assert "tsdia-run.yml exists; it was not changed" in again.err


@pytest.mark.parametrize(
    ("files", "words", "code", "says"),
    [
        (("src/train.py", "a.py"), (), 0, "src/train.py"),
        (("a.py", "pretrain_model.py"), (), 0, "pretrain_model.py"),
        (("a.py", "b.py"), (), 66, "tsdia-run init a.py"),
        ((), (), 66, "tsdia-run init path/to/train.py"),
        (("a.py",), ("b.py",), 66, "b.py does not exist"),
        (("train.py", "pyproject.toml"), (), 73, "pyproject.toml exists"),
    ],
)
def test_which_script(
    tmp_path: Path, zygote: Zygote, files: tuple[str, ...], words: tuple[str, ...], code: int, says: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("[tool.tsdia-run]\n" if name.endswith(".toml") else SCRIPT)
    done = init(zygote, tmp_path, *words)
    assert done.code == code, done
    assert says in done.out + done.err
    assert (tmp_path / "tsdia-run.yml").exists() == (code == 0)


def test_what_was_found_as_json(tmp_path: Path, zygote: Zygote) -> None:
    (tmp_path / "my train.py").write_text(SCRIPT)
    data = json.loads(init(zygote, tmp_path, "my train.py", "--json").out)
    assert data["script"] == "my train.py"
    assert data["libraries"] == ["argparse"]
    assert data["config"] is None
    assert data["run_dir"] == {"words": ["--output_dir", "{output_dir}"], "file": "my train.py", "line": 3}
    assert data["checkpoint"]["form"] == "path"
    assert data["settings"]["resume_args"] == ["--resume", "{checkpoint}"]
