"""Completion in the real shells: TAB inserts a name as one word, and Enter executes nothing that is in it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.command import tsdia_run
from tests.support.shells import PROMPT, SHELLS, shell
from tsdia_run.cli.bash_words import insertion

TRAP = "k$(touch x)`touch x`; touch x; 'touch x' \"a\\"
# A name, and what is typed of it.
NAMES = [
    ("k$(touch x)", "k"),
    ("k`touch x`", "k"),
    ("k;touch x", "k"),
    ("k && touch x #", "k"),
    ("k<x>x|x&", "k"),
    (TRAP, "k"),
    (TRAP, "'k"),
    (TRAP, '"k'),
    ("k a  b ", "k\\ a"),
    ("k*?[a]{b,c}", "k"),
    ("k~!!^a^", '"k'),
    ("k!!", "'k"),
    ("k:a=b:c d", "k:a=b"),
    ("k@a+b", "k@"),
    ("k日本é ü", "k日"),
    ("$HOME", "\\$"),
    ("k\nb", "k"),
    ("k\x1b[31mb\x07", "k"),
    ("k\u202eb", "'k"),
    ("k\udce9\udcff", "k"),
]


@given(
    st.lists(
        st.tuples(
            st.binary(min_size=1, max_size=10).filter(lambda name: b"\0" not in name),
            st.sampled_from(["", "'", '"', "$'"]),
        ),
        min_size=20,
        max_size=20,
    )
)
@settings(max_examples=10)
def test_bash_reads_what_is_inserted_as_the_name(names: list[tuple[bytes, str]]) -> None:
    line = "printf '%s\\0'"
    for name, quote in names:
        line += f" {quote}"
        line += insertion(os.fsdecode(name), line, "") + quote[-1:]
    read = subprocess.run(["bash", "-c", os.fsencode(line)], stdout=subprocess.PIPE, check=True).stdout
    assert read.split(b"\0")[:-1] == [name for name, _ in names]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one run; a test renames it."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "train.py").write_text("")
    (folder / "config.yml").write_text("tsdia_run: {launcher: python}\n")
    assert tsdia_run("new", "config.yml", cwd=folder).returncode == 0
    return folder


@pytest.fixture(scope="module", params=SHELLS)
def terminal(request: pytest.FixtureRequest, lab: Path) -> Iterator[pexpect.spawn]:
    with shell(request.param, lab) as running:
        yield running


def renamed(lab: Path, name: str) -> None:
    (run,) = (lab / "runs").iterdir()
    run.rename(lab / "runs" / name)


def answered(running: pexpect.spawn, keys: bytes, lab: Path) -> bytes:
    """Type a command whose output goes to the file `answer`, and return it."""
    running.send(keys + b" > answer; touch did\r")
    while not (lab / "did").exists():  # zsh and fish draw the prompt more than once
        running.expect_exact(PROMPT)
    (lab / "did").unlink()
    return (lab / "answer").read_bytes()


def read_as(running: pexpect.spawn, typed: str, lab: Path) -> list[str]:
    """Press TAB after a command line, and return the words that the shell makes of the result."""
    home, end = b"\x01", b"\x05"
    keys = os.fsencode(typed) + b"\t" + home + rb"printf '%s\0' " + end
    return os.fsdecode(answered(running, keys, lab)).split("\0")[:-1]


def test_every_name_is_inserted_as_one_word(terminal: pexpect.spawn, lab: Path) -> None:
    for name, typed in NAMES:
        renamed(lab, name)
        assert read_as(terminal, f"tsdia-run info {typed}", lab) == ["tsdia-run", "info", name], typed
        assert not (lab / "x").exists(), name


def test_the_right_run_is_named_and_nothing_is_executed(terminal: pexpect.spawn, lab: Path) -> None:
    for name, typed in ((TRAP, "k"), ("k b", "'k"), ("k\nb", '"k')):
        renamed(lab, name)
        answer = answered(terminal, f"tsdia-run info --json {typed}\t".encode(), lab)
        assert json.loads(answer)["path"] == str(lab / "runs" / name)
        assert not (lab / "x").exists()


@pytest.mark.parametrize("name", ["-rf", "~root", "latest", "--help"])
def test_a_name_that_a_command_would_read_otherwise_is_a_path(terminal: pexpect.spawn, lab: Path, name: str) -> None:
    renamed(lab, name)
    # fish also offers files: there, `runs` is ambiguous.
    words = read_as(terminal, f"tsdia-run info {'runs/' if terminal.command.endswith('fish') else 'runs'}", lab)
    assert (words[:2], words[2].rstrip("/")) == (["tsdia-run", "info"], f"runs/{name}")


def test_names_that_begin_alike(terminal: pexpect.spawn, lab: Path) -> None:
    renamed(lab, "k $a\n1")
    os.mkdir(lab / "runs" / "k $a\n2")
    (lab / "runs" / "k $a\n2" / "run.json").write_text("{}")
    try:
        # The first TAB inserts what both have in common.
        assert read_as(terminal, "tsdia-run info k\t2", lab)[2] == "k $a\n2"
    finally:
        os.remove(lab / "runs" / "k $a\n2" / "run.json")
        os.rmdir(lab / "runs" / "k $a\n2")
