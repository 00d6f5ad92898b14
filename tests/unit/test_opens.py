"""Deduce from file opens whether a checkpoint was read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.supervise.opens import NOT_READ, OTHER, READ, UNKNOWN, Opens

MINE, OTHERS = 1, 2
# The events of one process and one file, in the order of inotify.
ACTS = {
    "read": ["opened", "used", "used"],
    "map": ["opened"],
    "read and write": ["opened", "used", "written"],
    "write": ["opened", "written", "written"],
    "truncate first": ["written", "opened", "written"],
    "append": ["opened", "written"],
}
READING = {"read", "map", "read and write"}


def after(*acts: tuple[str, int], opens: Opens | None = None) -> Opens:
    opens = opens or Opens()
    for act, file in acts:
        for event in ACTS[act]:
            if event == "opened":
                opens.opened(file, None if file == MINE else "step_1")
            else:
                getattr(opens, event)(file)
    return opens


acts = st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from([MINE, OTHERS]))


@given(st.lists(acts, max_size=6))
def test_a_file_that_is_read_first_counts_and_one_that_is_only_written_does_not(done: list[tuple[str, int]]) -> None:
    answer = after(*done).answer
    reads = {file for act, file in done if act in READING}
    if not reads:
        assert answer == NOT_READ
    elif any(act in READING - {"map"} and file == MINE for act, file in done):
        assert answer == READ
    if MINE not in reads:
        assert answer in (NOT_READ, OTHER)


@given(st.lists(acts, max_size=6))
def test_if_some_opens_were_missed_nothing_counts_as_unread(done: list[tuple[str, int]]) -> None:
    opens = after(*done)
    seen = opens.answer
    opens.is_sound = False
    assert opens.answer == (READ if seen == READ else UNKNOWN)


@given(st.integers(1, 5), st.booleans(), st.booleans())
def test_opens_of_tsdia_run_are_excused_one_by_one(times: int, reads_too: bool, is_nested: bool) -> None:
    opens = Opens()
    for _ in range(times):
        opens.announce()
        if is_nested:  # two commands at a time
            opens.announce()
            after(("read", MINE), opens=opens)
        after(("read", MINE), opens=opens)
        opens.retract()
        if is_nested:
            opens.retract()
    if reads_too:
        after(("read", MINE), opens=opens)
    assert opens.answer == (READ if reads_too else NOT_READ)


def test_an_unused_excuse_does_not_outlive_its_announcement() -> None:
    opens = Opens()
    opens.announce()
    opens.retract()
    assert after(("read", MINE), opens=opens).answer == READ


def test_a_read_next_to_an_announced_open_counts() -> None:
    opens = Opens()
    opens.announce()
    after(("read", MINE), ("read", MINE), opens=opens)
    opens.retract()
    assert opens.answer == READ


def test_the_first_other_checkpoint_is_named() -> None:
    opens = after(("read", OTHERS))
    opens.opened(3, "step_9")
    assert (opens.answer, opens.other, opens.is_final) == (OTHER, "step_1", False)
    assert after(("read", MINE), opens=opens).is_final
