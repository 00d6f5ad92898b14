from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.patterns import compiled
from tsdia_run.report.suggestions import TypedCommand, free_name, line, pattern_for, resume_args
from tsdia_run.text import shown

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)


@given(st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3).map("/".join))
def test_a_pattern_matches_its_own_file(path: str) -> None:
    found = compiled(pattern_for(path))
    assert found is not None
    assert found.fullmatch(path)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("weights/ck-100.msgpack", "weights/ck-{step}.msgpack"),
        ("epoch1/v3-20.h5", "epoch1/v3-{step}.h5"),
        ("net.pkl", "net.pkl"),
        ("a[1]/b.npz", "a?{step}?/b.npz"),
    ],
)
def test_the_last_number_is_the_step(path: str, pattern: str) -> None:
    assert pattern_for(path) == pattern


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@given(st.lists(WORDS, max_size=3), st.lists(st.tuples(st.just("--set"), WORDS), max_size=3))
def test_a_command_line_equals_the_typed_command(args: list[str], options: list[tuple[str, str]]) -> None:
    typed = TypedCommand("new", ("c.yml",), tuple(options), tuple(args), os.getcwd())
    flat = [word for option in options for word in option]
    if all(word.isprintable() for word in (*args, *flat)):
        assert shlex.split(line(typed)) == ["tsdia-run", "new", "c.yml", *flat, *(["--", *args] if args else [])]


def test_an_option_replaces_the_same_option() -> None:
    typed = TypedCommand("new", (), (("--name", "a"), ("--set", "x=1"), ("--set", "y=2")), (), os.getcwd())
    assert line(typed.having("--name", "b")) == "tsdia-run new --set x=1 --set y=2 --name b"
    assert line(typed.adding("--set", "y=2", "z=3")) == "tsdia-run new --name a --set x=1 --set y=2 --set z=3"


def test_a_path_is_never_read_as_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (shown(tmp_path / "-rf"), shown(tmp_path / "a")) == ("./-rf", "a")
    assert line(TypedCommand("resume", ("-rf",), (), (), str(tmp_path))) == "tsdia-run resume ./-rf"


def test_a_free_name_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "exp-2").symlink_to("nowhere")
    assert free_name(tmp_path / "exp") == "exp-3"


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ('add_argument("--resume_from_checkpoint")', "--resume_from_checkpoint"),
        ('add_argument("--load"); add_argument("--resume-from")', "--resume-from"),
        ("@click.option('-r', '--resume', 'path')", "--resume"),
        ('add_argument("--checkpoint_dir"); add_argument("--ckpt")', "--ckpt"),
        ('add_argument("--checkpointing_steps"); add_argument("--load_in_8bit")', "--OPTION"),
    ],
)
def test_the_checkpoint_option_of_a_script(tmp_path: Path, text: str, option: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(text)
    value, advice = resume_args(script)
    assert value == f"{option} {{checkpoint}}"
    assert bool(advice) == (option == "--OPTION")
