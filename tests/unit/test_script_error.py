"""The line that describes an exception: the exception that counts, at any length and of any form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.endings import exceptions
from tests.endings.row import Row
from tsdia_run.outcome.script_error import script_error
from tsdia_run.training.boot.exception_chain import is_consequence, members, origin
from tsdia_run.training.boot.exit_record import exit_record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
)
KEYS = ("type", "message", "at", "origin", "members", "member_count", "frames")


def described(error: BaseException) -> dict[str, Any]:
    record = exit_record(error, error.__traceback__, 0)["exception"]
    assert isinstance(record, dict)
    return record


def chained(length: int) -> ValueError:
    last = ValueError("0")
    for number in range(1, length):
        error = ValueError(str(number))
        error.__cause__ = last
        last = error
    return last


@given(found=st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_exit_record_can_be_described(found: dict[str, Any]) -> None:
    assert script_error(found).text.isprintable()


@given(message=st.text(max_size=5_000), cause=st.text("abc", min_size=1, max_size=60))
def test_the_end_of_a_message_of_any_length_is_shown(message: str, cause: str) -> None:
    assert cause in script_error(described(ValueError(f"{message} {cause}"))).text


@given(message=st.text(max_size=5_000), kind=st.sampled_from(["KeyError", "RuntimeError", "torch.OutOfMemoryError"]))
def test_the_last_exception_of_a_traceback_in_a_message_is_the_cause(message: str, kind: str) -> None:
    inner = f'Traceback (most recent call last):\n  File "/x/data.py", line 7, in f\n    g()\n{kind}: bad sample\n'
    before = "".join(one for one in message if one.isprintable())
    text = script_error(described(ValueError(f"Caught {kind} in worker 3.\n{before}\nOriginal {inner}"))).text
    assert text == f"{kind}: bad sample (data.py:7, in worker 3)"


@pytest.mark.parametrize("length", [2, 50, 900])
def test_the_first_exception_of_a_chain_is_named(length: int) -> None:
    assert script_error(described(chained(length))).text == f"ValueError: {length - 1}, caused by ValueError: 0"


def test_a_chain_that_never_ends_is_described() -> None:
    assert script_error(described(chained(5_000))).text.startswith("ValueError: 4999, caused by ValueError: ")


def test_an_exception_that_ends_a_loop_is_no_cause() -> None:
    error = ValueError("bad")
    error.__context__ = StopIteration()
    assert script_error(described(error)).text == "ValueError: bad"


def test_a_plain_exception_has_no_origin_and_no_members() -> None:
    assert (origin(ValueError()), members(ValueError())) == (None, [])


@pytest.mark.parametrize(
    "text",
    [
        "[pair.cc:534] Connection closed by peer [127.0.0.1]:2323",
        "[pair.cc:547] Read error [127.0.0.1]:2323: Connection reset by peer",
        "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=5, OpType=ALLREDUCE)",
        "NCCL error in: ProcessGroupNCCL.cpp:1970, remote process exited or there was a network error",
        "Timed out waiting 1800000ms for recv operation to complete",
        "Application timeout caused pair closure",
    ],
)
def test_errors_about_other_ranks_are_consequences(text: str) -> None:
    assert is_consequence(RuntimeError(text))


_ABORTED = ConnectionAbortedError(103, "Software caused connection abort", "/a/file/on/FUSE")


@pytest.mark.parametrize(
    "error", [ValueError("bad lr"), KeyError("peer"), MemoryError(), RuntimeError("CUDA error"), _ABORTED]
)
def test_other_errors_are_no_consequences(error: Exception) -> None:
    assert not is_consequence(error)


@pytest.mark.parametrize(
    "row",
    [
        row
        for row in exceptions.ROWS
        if row.is_slow and row.is_possible and not row.reason.startswith("the script exited")
    ],
    ids=lambda row: row.cause,
)
def test_an_exception_of_the_table_of_endings_is_described_as_there(row: Row) -> None:
    code = compile(row.script, "train.py", "exec")
    with pytest.raises(Exception) as raised:
        exec(code, {"__name__": "__main__"})
    assert row.has_reason(f"{script_error(described(raised.value)).text} (the script exited with code 1)")
