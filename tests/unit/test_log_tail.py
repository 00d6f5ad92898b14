"""What the last lines of a log say about processes that leave no exit record."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.outcome.classify import RankEnd
from tsdia_run.outcome.log_tail import InnerEnd, error_of, first_to_fail, inner_end, last_lines
from tsdia_run.outcome.traceback_text import crash, exceptions

TRACEBACK = """\
Traceback (most recent call last):
  File "/x/train.py", line 3, in <module>
    f()
  File "/usr/lib/python3.11/json/__init__.py", line 9, in f
    g()
ValueError: bad
""".splitlines()
TORCHRUN = """\
============================================================
train.py FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-25_19:07:49
  rank      : {} (local_rank: 1)
  exitcode  : {} (pid: 13151)
  error_file: <N/A>
============================================================"""


def torchrun(rank: int, code: int) -> list[str]:
    return TORCHRUN.format(rank, code).splitlines()


@given(lines=st.lists(st.text() | st.sampled_from(TRACEBACK + torchrun(1, 3)), max_size=30), is_program=st.booleans())
def test_any_text_can_be_read(lines: list[str], is_program: bool) -> None:
    found = inner_end(lines, is_program=is_program)
    assert (found.error or "").isprintable()
    assert (found.line or "").isprintable()
    crash(lines)


def test_the_innermost_line_of_the_users_code_is_the_place() -> None:
    assert inner_end(TRACEBACK, is_program=False) == InnerEnd(error="ValueError: bad (train.py:3)")


@pytest.mark.parametrize(("code", "end"), [(3, RankEnd(exit_code=3)), (-9, RankEnd(signal=9))])
def test_torchrun_names_the_rank_that_failed_first(code: int, end: RankEnd) -> None:
    assert inner_end([*TRACEBACK, *torchrun(1, code)], is_program=True) == InnerEnd(end, 1)


def test_a_script_that_prints_the_report_of_a_launcher_is_no_launcher() -> None:
    assert inner_end(torchrun(1, 3), is_program=False).end is None


def test_the_exception_of_the_failed_rank_is_found_among_those_of_others() -> None:
    others = [f"[rank0]: {line}" for line in TRACEBACK[:-1]] + ["[rank0]: RuntimeError: Connection closed by peer"]
    lines = [*others, *(f"[rank1]: {line}" for line in TRACEBACK), *torchrun(1, 1)]
    assert error_of(lines, RankEnd(exit_code=1), 1) == "ValueError: bad (train.py:3)"


def test_of_a_chain_the_last_exception_counts() -> None:
    second = [line.replace("ValueError: bad", "RuntimeError: failed") for line in TRACEBACK]
    between = ["", "The above exception was the direct cause of the following exception:", ""]
    assert [one.kind for one in exceptions([*TRACEBACK, *between, *second])] == ["RuntimeError"]


def test_an_exception_that_the_script_survived_is_not_the_cause() -> None:
    assert inner_end([*TRACEBACK, *map(str, range(100))], is_program=False) == InnerEnd()


def test_lines_of_tsdia_run_and_times_are_not_output_of_the_script(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("[tsdia-run: run]\n2026-11-25 19:07:49 fatal: no data\ntsdia-run: rank 0 exited with code 3\n")
    assert last_lines(log) == ["fatal: no data"]


def test_a_log_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "missing.log") == last_lines(tmp_path) == []


def test_the_newest_output_counts_if_the_disk_of_the_log_has_failed(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("step 1\nstep 2\n")
    newest = b"step 1\r\nstep 2\r\n" + "\r\n".join(TRACEBACK).encode() + b"\r\n"
    assert last_lines(log, newest)[-1] == last_lines(tmp_path / "missing.log", newest)[-1] == TRACEBACK[-1]


@pytest.mark.parametrize("newest", [b"step 2\n", b"step 2", b"", b"\x1b[32mstep 2\x1b[0m\n", b" 50%\r100%\n"])
def test_the_log_counts_if_it_has_the_newest_output(tmp_path: Path, newest: bytes) -> None:
    log = tmp_path / "a.log"
    log.write_text("step 1\nstep 2\n")
    assert last_lines(log, newest) == ["step 1", "step 2"]


def test_the_launcher_names_the_rank_that_failed_first() -> None:
    lines = ["tsdia-run: rank 1 was killed by signal 9 (first to fail)", "tsdia-run: warning: a disk"]
    assert first_to_fail(lines) == InnerEnd(RankEnd(signal=9), 1)
    assert first_to_fail(lines[1:]) == InnerEnd()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["train: line 3: DATA: unbound variable"], "train: line 3: DATA: unbound variable"),
        (["Error: no data", "train: line 2: 12584 Segmentation fault      python3 inner.py"], "Error: no data"),
        (["Killed"], None),
        (["Timeout (0:10:00)!", *(f'  File "a.py", line {n} in f' for n in range(9))], "Timeout (0:10:00)!"),
        (["make: unrecognized option '--x'", "Usage: make", *map(str, range(9))], "make: unrecognized option '--x'"),
        (["Usage: train", "Try 'train --help'", "Error: missing option"], "Error: missing option"),
        (["step 7", "step 8"], None),
        ([], None),
    ],
)
def test_the_error_message_is_found_between_other_lines(lines: list[str], message: str | None) -> None:
    assert inner_end(lines, is_program=True).line == message


def test_of_a_launcher_the_message_of_its_script_counts() -> None:
    lines = ["inner.py: error: unrecognized arguments: --x", *TRACEBACK[:-1], "ChildFailedError:", *torchrun(0, 2)]
    assert inner_end(lines, is_program=True) == InnerEnd(RankEnd(exit_code=2), 0, None, lines[0])
