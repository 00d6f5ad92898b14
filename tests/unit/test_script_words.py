"""Which of the typed words belong to the command, and which to the script; what is said about other words."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.cli.completion import candidates
from tsdia_run.cli.foreign_words import refusal
from tsdia_run.cli.main import build
from tsdia_run.cli.script_words import KnownOptions, Split, split
from tsdia_run.settings.launchers import is_launcher

_GROUP: Any = typer.main.get_command(build(["new", "resume"]))
NEW, RESUME = (KnownOptions.of(_GROUP.commands[name]) for name in ("new", "resume"))
LAUNCHERS = [
    "python",
    "python3",
    "python3.12",
    "accelerate",
    "torchrun",
    "deepspeed",
    ".venv/bin/python",
    "./accelerate",
]
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["--name", "--", "-q", "--lr", "--debug", "python", "--set", "-"]
)
OURS = st.lists(
    st.sampled_from([("--name", "x"), ("--name=x",), ("-q",), ("-qv",), ("--set", "a=1"), ("--resume-args", "--r {c}")])
)


def sorted_words(*typed: str, known: KnownOptions = NEW, **more: bool) -> Split:
    return split(typed, known, os.path.exists, **more)


@given(OURS, st.sampled_from(LAUNCHERS), st.lists(WORDS))
def test_after_a_launcher_every_word_is_the_scripts(
    ours: list[tuple[str, ...]], launcher: str, rest: list[str]
) -> None:
    before = [word for option in ours for word in option]
    found = sorted_words(*before, launcher, *rest)
    assert (found.ours, found.script) == (tuple(before), (launcher, *rest))
    assert (found.words, found.foreign) == ((), ())


@given(OURS, OURS, st.lists(WORDS))
def test_after_two_dashes_every_word_is_the_scripts(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]], rest: list[str]
) -> None:
    ours = [word for option in before for word in option] + ["config.yml"] + [word for one in after for word in one]
    found = sorted_words(*ours, "--", *rest)
    assert (found.ours, found.words, found.script, found.foreign) == (tuple(ours), ("config.yml",), tuple(rest), ())


@pytest.mark.parametrize(
    "word", ["train.py", "python.py", "python2", "pythonic", "my-accelerate", "runs/torchrun/", "-python"]
)
def test_other_words_are_not_launchers(word: str) -> None:
    assert not is_launcher(word)


def test_the_shell_completes_no_options_of_tsdia_run_after_a_launcher() -> None:
    for before, has_options in ((["new"], True), (["new", "-q"], True), (["new", "-q", "python", "train.py"], False)):
        assert ("--name" in candidates(("new",), build, before, "--n")) is has_options


def test_a_run_may_be_named_like_a_launcher() -> None:
    found = sorted_words("python", "--from", "best", known=RESUME, takes_launchers=False)
    assert (found.words, found.script) == (("python",), ())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yml").write_text("a: 1\n")
    (tmp_path / "train.py").touch()
    (tmp_path / "my script.py").touch()
    return tmp_path


FOREIGN = [
    ("new config.yml --lr 1e-3", ["no such option: --lr", "new config.yml -- --lr 1e-3"]),
    ("new --lr 1e-3 config.yml --name a", ["no such option: --lr", "new config.yml --name a -- --lr 1e-3"]),
    ("new --fast config.yml", ["no such option: --fast", "new config.yml -- --fast"]),
    ("new config.yml --lr=1 -q -- --b", ["no such option: --lr", "new config.yml -q -- --lr=1 --b"]),
    ("new config.yml --tag 'a b' --x -1", ["no such option: --tag", "new config.yml -- --tag 'a b' --x -1"]),
    ("new config.yml lr=1", ["unexpected argument: lr=1", "new config.yml -- lr=1"]),
    ("new 'my script.py' --lr 1", ["no such option: --lr", "new 'my script.py' -- --lr 1"]),
    ("new --lr 1", ["no such option: --lr", "new train.py -- --lr 1"]),
    ("new --entrypoint my.py --lr 1", ["no such option: --lr", "new --entrypoint my.py -- --lr 1"]),
    ("new -m pkg.train --lr 1", ["no such option: -m", "new -- python -m pkg.train --lr 1"]),
    ("new config.yml train.py", ["unexpected argument: train.py", "new config.yml --entrypoint train.py"]),
    ("new config.yml python train.py --lr 1",
     ["unexpected argument: python", "new config.yml --entrypoint train.py -- --lr 1"]),
    ("new train.py config.yml",
     ["unexpected argument: config.yml", "new config.yml --entrypoint train.py", "new train.py -- config.yml"]),
    ("new train.py --config config.yml --lr 1",
     ["no such option: --config", "new config.yml --entrypoint train.py -- --lr 1",
      "new train.py -- --config config.yml --lr 1"]),
    ("new train.py --config=config.yml",
     ["no such option: --config", "new config.yml --entrypoint train.py", "new train.py -- --config=config.yml"]),
    ("new --config config.yml", ["no such option: --config", "new config.yml"]),
    ("new env A=1 python x.py", ["unexpected argument: A=1", "new {env} -- A=1 python x.py"]),
    ("resume runs/exp --lr 1", ["no such option: --lr", "resume runs/exp -- --lr 1"]),
    ("resume runs/exp lr=1", ["unexpected argument: lr=1", "resume runs/exp -- lr=1"]),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "said"), FOREIGN)
def test_the_error_for_a_foreign_word_has_the_corrected_command(project: Path, typed: str, said: list[str]) -> None:
    command, *words = shlex.split(typed)
    known = NEW if command == "new" else RESUME
    error = refusal(command, split(words, known, os.path.exists), known)
    message, *commands = said
    assert error.message == message
    suggested = [line.partition(": tsdia-run ")[2] for line in error.hint.splitlines()]
    assert suggested == [one.format(env=shutil.which("env")) for one in commands]
    for one in suggested:
        assert split(shlex.split(one)[1:], known, os.path.exists).foreign == ()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("--nmae", "--name"), ("--num_processes", "--num-processes"), ("--dryrun", "--dry-run"), ("--max_steps", None),
     ("--seed", None), ("--output-dir", None)],
)  # fmt: skip
def test_a_similar_option_of_tsdia_run_is_named(project: Path, typed: str, meant: str | None) -> None:
    hint = refusal("new", sorted_words("config.yml", typed, "2"), NEW).hint
    assert ("Did you mean" in hint) == (meant is not None)
    assert meant is None or f"Did you mean {meant}?" in hint


def test_without_any_script_no_command_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal("new", sorted_words("--lr", "1"), NEW).hint == "Arguments of the script go after `--`."


ARGUMENT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@given(
    st.lists(st.from_regex(r"--zz[a-z]{0,6}(=[a-z .']{0,5})?", fullmatch=True), min_size=1, max_size=3),
    st.lists(ARGUMENT, max_size=3),
)
def test_a_corrected_command_passes_every_foreign_word_in_order(flags: list[str], args: list[str]) -> None:
    typed = ["config.yml", *flags, "--", *args]
    error = refusal("new", split(typed, NEW, lambda word: word == "config.yml"), NEW)
    line = error.hint.splitlines()[-1].partition(": tsdia-run ")[2]
    assert shlex.split(line) == ["new", "config.yml", "--", *flags, *args]
