"""A check that fails, hangs or has a bug is a red row, and never hides the other rows."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.hints import message_of
from tsdia_run.doctor.checkup import examine, is_red
from tsdia_run.doctor.grades import Finding, Grade, fine
from tsdia_run.doctor.situation import Situation
from tsdia_run.errors import ConfigError, SourcePosition
from tsdia_run.settings import Layer

NEVER = threading.Event()


def healthy(situation: Situation) -> Iterator[Finding]:
    yield fine("healthy", "all is well")


def buggy(situation: Situation) -> Iterator[Finding]:
    yield fine("buggy", "the first half")
    raise ZeroDivisionError("a bug")


def on_a_dead_disk(situation: Situation) -> Iterator[Finding]:
    yield from ()
    os.stat("/nonexistent/folder")


def refusing(situation: Situation) -> Iterator[Finding]:
    yield from ()
    raise ConfigError("not valid", place=SourcePosition("a b.yml", 7, 1, "x"))


def hanging(situation: Situation) -> Iterator[Finding]:
    NEVER.wait()
    yield fine("hanging", "never")


def test_every_kind_of_failing_check_is_a_red_row() -> None:
    situation = Situation(Layer("the command line"), None, Path(), {})
    checks = {"a": buggy, "b": on_a_dead_disk, "c": refusing, "d": hanging, "e": healthy}
    found = examine(situation, checks, limit_s=0.3)
    NEVER.set()
    assert [(one.name, one.grade) for one in found] == [
        ("buggy", Grade.OK),
        *((name, Grade.ERROR) for name in "abcd"),
        ("healthy", Grade.OK),
    ]
    _, bug, disk, refused, late, _ = found
    assert "ZeroDivisionError: a bug" in bug.found
    assert (disk.found, disk.fix) == (
        "this could not be checked: /nonexistent/folder: No such file or directory", "ls -ld /nonexistent/folder",
    )  # fmt: skip
    assert refused.error is not None
    assert "a b.yml:7:1: not valid" in message_of(refused.error)
    assert refused.fix == "${EDITOR:-vi} +7 'a b.yml'"
    assert "no answer within 0.3 s" in late.found
    assert is_red(found)
    assert not is_red(examine(situation, {"e": healthy}))
