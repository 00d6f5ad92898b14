"""Compare arguments flag by flag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.launch import changes
from tsdia_run.launch.changes import ChangeKind, Situation
from tsdia_run.rundir.arguments import by_flag, changed

WORDS = st.lists(
    st.sampled_from(["--lr", "--lr=1e-3", "1e-3", "-1", "--", "-v", "data", "a.b=2", "--x=--y", "--seeds", "1", ""])
    | st.text(max_size=5),
    max_size=8,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("--lr 1e-3", "--lr=1e-3"),
        ("--lr=1e-3 data", "--lr 1e-3 data"),
        ("--a 1 --b 2", "--b 2 --a 1"),
        ("--fast --lr -1", "--lr=-1 --fast"),
        ("--layers 1 2 -3", "--layers=1 2 -3"),
        ("lr=0.1 --x 1", "--x 1 lr=0.1"),
        ("--seed 1 --seed 2", "--seed=1 --seed=2"),
    ],
)
def test_the_same_value_written_differently_is_no_change(one: str, other: str) -> None:
    assert changed(one.split(), other.split()) == {}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("--lr 1e-3 --bs 8", "--lr 2e-3 --bs 8", {"--lr": ("1e-3", "2e-3")}),
        ("--config c --fast", "--config c --fast --slow", {"--slow": ("(not there)", "(given)")}),
        ("--fast", "--no-fast", {"--fast": ("(given)", "(not there)"), "--no-fast": ("(not there)", "(given)")}),
        ("--shift -1", "--shift -.5", {"--shift": ("-1", "-.5")}),
        ("--shift=-1e-3", "--shift 2", {"--shift": ("-1e-3", "2")}),
        ("--layers 1 2 3", "--layers 1 4 3", {"--layers": ("1 2 3", "1 4 3")}),
        ("--seed 1 --seed 2", "--seed 1 --seed 3", {"--seed": ("1, 2", "1, 3")}),
        ("train big --lr 1", "train small --lr 1", {"argument 2": ("big", "small")}),
        ("a.b=1 +c=2", "a.b=1 +c=3", {"+c": ("2", "3")}),
        ("--x -- --y", "--x -- --z", {"argument 1": ("--y", "--z")}),
        ("--fast --lr 1", "--fast on --lr 1", {"--fast": ("(given)", "on")}),
        ("", "--lr 1", {"--lr": ("(not there)", "1")}),
    ],
)
def test_only_changes_are_named(before: str, now: str, expected: dict[str, tuple[str, str]]) -> None:
    assert changed(before.split(), now.split()) == expected


@given(WORDS)
def test_every_argument_appears_in_the_result(words: list[str]) -> None:
    told = "\n".join([*by_flag(words), *by_flag(words).values()])
    assert all(part in told for word in words if word != "--" for part in word.split("=", 1))
    assert changed(words, words) == {}


def test_changed_arguments_of_a_resume_name_only_what_changed() -> None:
    before, now = (Situation(arguments=tuple(text.split())) for text in ("--lr 1 --bs=8", "--bs 8 --lr=2"))
    found = changes.compare(before, now, expected=(), is_sharded=False)
    assert [(one.kind, one.text) for one in found] == [(ChangeKind.ARGUMENTS, "--lr: 1 -> 2")]


def test_many_changed_arguments_are_counted() -> None:
    now = tuple(f"--flag{number}" for number in range(20))
    found = changes.compare(Situation(arguments=()), Situation(arguments=now), expected=(), is_sharded=False)
    assert (len(found), found[-1].text) == (9, "… and 12 arguments more")
