"""A rank asks the supervisor whether the checkpoint was read, through files; `test_reads.py` runs both sides."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.support.reading import locked
from tsdia_run.outcome import refusals
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.training.boot.observed import ObservedReads
from tsdia_run.training.boot.repeated_names import ANSWER_FILE, NOTICED_FILE, QUESTION_PREFIX, READS_DIR


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    layout = RunLayout(tmp_path)
    (tmp_path / READS_DIR).mkdir(parents=True)
    layout.attempt(1).root.mkdir(parents=True)
    return layout


def observed(layout: RunLayout, told: list[str] | None = None) -> ObservedReads:
    say = (told if told is not None else []).append
    return ObservedReads(str(layout.root), str(layout.attempt(1).root), say)


def answers(layout: RunLayout, text: str) -> None:
    (layout.root / READS_DIR / ANSWER_FILE).write_text(text)


@pytest.mark.parametrize("text", ["read", "unknown"])
def test_a_final_answer_is_used_without_a_question(layout: RunLayout, text: str) -> None:
    answers(layout, text)
    assert observed(layout).answer() == text


def test_without_an_answer_it_is_unknown(layout: RunLayout) -> None:
    assert observed(layout).answer() == "unknown"


@pytest.mark.parametrize("text", ["not read", "other=checkpoint-100"])
def test_an_answer_that_may_be_out_of_date_is_unknown_without_a_supervisor(layout: RunLayout, text: str) -> None:
    answers(layout, text)
    assert observed(layout).answer() == "unknown"  # the claim does not exist
    with locked(layout):
        pass
    assert observed(layout).answer() == "unknown"  # the supervisor has ended


def test_a_rank_that_noticed_a_read_answers_for_all_ranks(layout: RunLayout) -> None:
    answers(layout, "not read")
    assert observed(layout).note(NOTICED_FILE)
    assert observed(layout).answer() == "read"


def test_a_question_that_cannot_be_written_is_unknown(layout: RunLayout) -> None:
    answers(layout, "not read")
    with locked(layout):
        (layout.root / READS_DIR / f"{QUESTION_PREFIX}{os.getpid()}-{threading.get_ident()}").touch()
        assert observed(layout).answer() == "unknown"


def test_a_warning_is_given_by_one_rank_and_recorded(layout: RunLayout) -> None:
    told: list[str] = []
    for rank in (observed(layout, told), observed(layout, told)):
        rank.warn_once("step", "the first logged step is 1")
        rank.warn_once("other", "the script read another checkpoint")
    assert told == ["warning: the first logged step is 1", "warning: the script read another checkpoint"]
    assert list(refusals.warnings(layout)) == [text.removeprefix("warning: ") for text in told]


def test_the_first_refusal_is_kept(layout: RunLayout) -> None:
    observed(layout).refuse("first")
    observed(layout).refuse("second")
    assert refusals.refusal(layout.attempt(1)) == "first"
