"""The saved state of a relay: it continues exactly, and its bytes can do nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.relay import saved_state
from tsdia_run.relay.clock import Clock
from tsdia_run.relay.lines import LineModel
from tsdia_run.relay.modes import Modes
from tsdia_run.relay.state import SinkState, TranscriptState

SHORT = ("text", "\n", "\r", "\x1b[A", "\x1b[2K", "\x1b[?1049h", "\x1b[?1049l", "\t", "\b", "█", "\x1b[", "3;4H")
PIECES = st.lists(
    st.sampled_from([*map(str.encode, SHORT), b"\xe2", b"long " * 5_000, b"line\n" * 5_000]),
)


def state_of(clock: Clock, model: LineModel) -> TranscriptState:
    state = TranscriptState(clock, Modes())
    state.models.append(model)
    return state


def test_a_line_that_fills_a_high_terminal_can_be_saved() -> None:
    model = LineModel(columns=20, height=250)
    model.feed(b"wide line " * 500 + b"\x1b[A", 0.0)
    state, _ = saved_state.read(saved_state.save(state_of(Clock(is_shown=False), model), []))
    assert b"".join(state.models[0].finish(0.0)) == b"wide line " * 500 + b"\n"


@given(before=PIECES, after=PIECES, is_stamped=st.booleans())
def test_a_model_that_was_saved_and_read_continues_as_the_original(
    before: list[bytes], after: list[bytes], is_stamped: bool
) -> None:
    clock = Clock(is_shown=is_stamped)
    model = LineModel(stamp=clock.stamp if is_stamped else None, columns=80, height=24)
    for time, piece in enumerate(before):
        model.feed(piece, time / 3)
        model.settle(time / 3 + 0.1)
    state, _ = saved_state.read(saved_state.save(state_of(clock, model), []))
    (copy,) = state.models
    for time, piece in enumerate(after, len(before)):
        assert b"".join(copy.feed(piece, time / 3)) == b"".join(model.feed(piece, time / 3))
        assert b"".join(copy.settle(time / 3 + 0.1)) == b"".join(model.settle(time / 3 + 0.1))
        assert copy.last_texts(8) == model.last_texts(8)
    assert b"".join(copy.finish(1e6)) == b"".join(model.finish(1e6))


def test_the_clock_of_the_state_is_the_clock_of_its_models() -> None:
    clock = Clock(is_shown=True)
    model = LineModel(stamp=clock.stamp)
    state, consoles = saved_state.read(saved_state.save(state_of(clock, model), [SinkState(b"x", 1, b"y")]))
    state.clock.offset = 1e9
    stamped = b"".join([*state.models[0].feed(b"line\n", 0.0), *state.models[0].finish(0.0)])
    assert stamped.startswith(b"2001-09-0")
    assert (consoles[0].backlog, consoles[0].skipped, consoles[0].tail) == (b"x", 1, b"y")


class _Calls:
    def __init__(self, call: Callable[..., object], *args: object) -> None:
        self.reduced = (call, args)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.reduced


@pytest.mark.parametrize(
    "harmful", [_Calls(eval, "1"), _Calls(getattr, "text", "upper"), _Calls(getattr, Clock(is_shown=True), "__class__")]
)
def test_bytes_that_call_something_else_are_refused(harmful: object) -> None:
    with pytest.raises(Exception, match="is not a part of the state"):
        saved_state.read(pickle.dumps((harmful, [])))
