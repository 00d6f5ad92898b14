"""`--set`: a key must exist in the config; `+` adds; settings of tsdia-run are refused."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hints import message_of
from tsdia_run import config
from tsdia_run.cli import hints
from tsdia_run.config import Document, Format, parse
from tsdia_run.errors import TsdiaRunError
from tsdia_run.errors.launching import KeyNotInConfig, NoConfigToSet, SectionReplaced, SettingAssigned
from tsdia_run.launch.assignments import edits_of
from tsdia_run.rundir.typed_command import TypedCommand
from tsdia_run.settings import SETTINGS

YAML = b"""\
training: {epochs: 3, opt.lr: 1, schedule: '${defaults.schedule}'}
layers: [{size: 1}, {size: 2}]
base: &base {width: 8}
model:
  <<: *base
  name: a
empty:
1: one
"""
DOCUMENT = parse(YAML, "config.yml")
NAMES = st.from_regex(r"[a-z_]{1,3}(\.[a-z]{1,2})?", fullmatch=True)
INNER = st.recursive(st.integers(), lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner), max_leaves=6)
TREES = st.dictionaries(NAMES, INNER, min_size=1, max_size=4)


def refused(assignment: str, document: Document = DOCUMENT) -> TsdiaRunError:
    with pytest.raises(TsdiaRunError) as caught:
        edits_of([assignment], document, Path())
    return caught.value


def lines_for(assignment: str, error: TsdiaRunError) -> list[str]:
    typed = TypedCommand(
        "new", ("config.yml",), (("--set", "training.epochs=1"), ("--set", assignment)), (), os.getcwd()
    )
    return hints.hint(error, typed).splitlines()


def keys(data: object, key: str = "") -> list[str]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [
        found
        for name, inner in items
        for own in [f"{key}.{name}" if key else str(name)]
        for found in (own, *keys(inner, own))
    ]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("training.epoch", "training.epochs"),
        ("epochs", "training.epochs"),
        ("trainer.epochs", "training.epochs"),
        ("training.opt.l", "training.opt.lr"),
        ("layers.0.siz", "layers.0.size"),
        ("model.widht", "model.width"),
        ("layers.2", "layers.1"),
        ("zzz", None),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(key: str, near: str | None) -> None:
    error = refused(f"{key}=5")
    assert isinstance(error, KeyNotInConfig)
    assert (error.exit_code, error.near) == (os.EX_CONFIG, near)
    assert f"--set {key}=5: config.yml has no key `{key}`" in message_of(error)
    if near:
        meant = lines_for(f"{key}=5", error)[0].partition("? ")[2]
        assert shlex.split(meant)[-2:] == ["--set", f"{near}=5"]


@pytest.mark.parametrize(
    "key", ["training.epochs", "training.opt.lr", "layers.1.size", "layers", "model.width", "model", "empty", "1"]
)
def test_a_key_of_any_kind_can_be_set(key: str) -> None:
    (edit,), _ = edits_of([f"{key}=null"], DOCUMENT, Path())
    found = config.apply(DOCUMENT, [edit]).document.find(key)
    assert found is not None
    assert found.plain is None


@pytest.mark.parametrize("plus", ["+", "++"])
@pytest.mark.parametrize("key", ["training.epoch", "new.section.key", "empty.a", "layers.0.rank", "training.epochs"])
def test_a_plus_adds_a_key_or_sets_it(plus: str, key: str) -> None:
    edits, warnings = edits_of([f"{plus}{key}=5e-6"], DOCUMENT, Path())
    found = config.apply(DOCUMENT, edits).document.find(key)
    assert found is not None
    assert (found.plain, warnings) == (5e-6, [])


def test_a_key_of_an_added_section_needs_no_plus() -> None:
    edits, _ = edits_of(["+ema={decay: 1}", "ema.decay=2"], DOCUMENT, Path())
    assert config.apply(DOCUMENT, edits).document.plain()["ema"] == {"decay": 2}


@pytest.mark.parametrize(("key", "why"), [("layers.7", "a list of 2 items"), ("training.schedule.x", "${defaults.s")])
def test_a_path_through_a_value_says_where_it_ends_and_is_never_suggested(key: str, why: str) -> None:
    error = refused(f"{key}=1")
    assert why in message_of(error)
    assert not any("To add the key" in line for line in lines_for(f"{key}=1", error))
    assert isinstance(error, KeyNotInConfig)
    assert error.near not in (key.rpartition(".")[0], "layers")


@pytest.mark.parametrize(
    ("value", "is_warned"),
    [("5", True), ("x", True), ("[1]", True), ("null", False), ("false", False), ("{a: 1}", False)],
)
def test_a_value_that_replaces_a_section_is_a_warning(value: str, is_warned: bool) -> None:
    _, warnings = edits_of([f"layers.0={value}"], DOCUMENT, Path())
    assert warnings == [SectionReplaced("layers.0", "1 key", "size")] * is_warned


@given(TREES, st.data())
def test_exactly_the_keys_of_a_config_can_be_set(tree: dict[str, object], data: st.DataObject) -> None:
    document = parse(json.dumps(tree).encode(), "c.json", Format.JSON)
    known = keys(tree)
    key = data.draw(st.sampled_from(known) | NAMES)
    if document.find(key) is not None:
        assert edits_of([f"{key}=1"], document, Path())[0] == [config.parse_override(f"{key}=1", document)]
        return
    error = refused(f"{key}=1", document)
    assert isinstance(error, KeyNotInConfig)
    assert error.near is None or error.near in known
    if error.can_add:
        edits, _ = edits_of([f"+{key}=1"], document, Path())
        found = config.apply(document, edits).document.find(key)
        assert found is not None
        assert found.plain == 1


@pytest.mark.parametrize(
    ("name", "text", "key", "allowed"),
    [
        ("base.yml", "_base_: base.yml\nx: 1\n", "training.epochs", True),
        ("base.yml", "_base_: base.yml\nx: 1\n", "training.epoch", False),
        ("sub/vit.yaml", "defaults: [{sub: vit}]\nx: 1\n", "sub.training.epochs", True),
        ("inner.yml", "model: !include inner.yml\n", "model.training.epochs", False),
    ],
)
def test_a_key_of_a_config_that_the_config_names_can_be_set(
    tmp_path: Path, name: str, text: str, key: str, allowed: bool
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("training: {epochs: 3}\n")
    document = parse(text.encode(), str(tmp_path / "c.yml"))
    if allowed:
        assert len(edits_of([f"{key}=5"], document, tmp_path)[0]) == 1
    else:
        assert isinstance(refused(f"{key}=5", document), KeyNotInConfig)


@pytest.mark.parametrize("plus", ["", "+"])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.key)
def test_every_setting_is_refused_with_its_flag_or_its_place(setting: object, plus: str) -> None:
    key, flag = setting.key, setting.flag  # type: ignore[attr-defined]
    value = str(flag.gives).lower() if flag and not flag.metavar else "x"
    assignment = f"{plus}tsdia_run.{key}={value}"
    error = refused(assignment)
    assert isinstance(error, SettingAssigned)
    assert error.exit_code == 2
    (line,) = lines_for(assignment, error)
    if flag is None:
        assert f"`{key}: {value}`" in line
    else:
        words = shlex.split(line.partition(": ")[2])
        assert words[-2:] == ([flag.name, "x"] if flag.metavar else [words[-2], flag.name])
        assert assignment not in words


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("tsdia_run.restart.max=2", "Did you mean `restarts.max`?"),
        ("tsdia_run.env.X=1", "`env: {X: 1}`"),
        ("tsdia_run.pty=true", "`pty: true`"),
        ("tsdia_run=1", "Write it in"),
    ],
)
def test_other_words_below_the_section_of_tsdia_run(assignment: str, words: str) -> None:
    assert words in lines_for(assignment, refused(assignment))[0]


def test_without_a_config_the_values_become_options_of_the_script() -> None:
    typed = TypedCommand("new", (), (("--name", "a"), ("--set", "lr=1"), ("--set", "+x=a b")), ("--fast",), os.getcwd())
    (line,) = hints.hint(NoConfigToSet(("lr=1", "+x=a b")), typed).splitlines()
    assert line.endswith(": tsdia-run new --name a -- --fast --lr 1 --x 'a b'")
