"""What a script changed in its terminal is undone at the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.relay.modes import Modes

CHANGES = {
    "alternate screen": (b"\x1b[?1049h", b"\x1b[?1049l"),
    "hidden cursor": (b"\x1b[?25l", b"\x1b[?25h"),
    "no wrapping": (b"\x1b[?7l", b"\x1b[?7h"),
    "mouse": (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l"),
    "bracketed paste": (b"\x1b[?2004h", b"\x1b[?2004l"),
    "keypad": (b"\x1b=", b"\x1b>"),
    "line drawing": (b"\x1b(0", b"\x1b(B"),
    "scroll region": (b"\x1b[1;23r", b"\x1b7\x1b[r\x1b8"),
    "cursor shape": (b"\x1b[5 q", b"\x1b[0 q"),
    "keyboard protocol": (b"\x1b[>1u", b"\x1b[<1u"),
    "modified keys": (b"\x1b[>4;2m", b"\x1b[>4;0m"),
    "link": (b"\x1b]8;;https://example.org\x1b\\", b"\x1b]8;;\x1b\\"),
    "colour": (b"\x1b[1;31m", b"\x1b[0m"),
    "half a sequence": (b"\x1b[3", b"\x1b\\"),
    "half a title": (b"\x1b]0;tit", b"\x1b\\"),
}


def undone(*pieces: bytes) -> bytes:
    modes = Modes()
    for piece in pieces:
        modes.feed(piece)
    return modes.undo()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("size", [1, 100])
def test_a_change_is_undone(name: str, size: int) -> None:
    change, undo = CHANGES[name]
    data = b"text" + change + (b"" if name.startswith("half") else b"text\n")
    assert undone(*(data[at : at + size] for at in range(0, len(data), size))) == undo


@pytest.mark.parametrize("name", [name for name in CHANGES if not name.startswith("half")])
def test_nothing_is_undone_twice(name: str) -> None:
    assert undone(*CHANGES[name]) == b""
    assert undone(CHANGES[name][0], b"\x1bc") == b""


@given(st.lists(st.sampled_from([part for pair in CHANGES.values() for part in pair] + [b"x", b"\x1b[0m", b"\n"])))
def test_undoing_leaves_nothing_to_undo(parts: list[bytes]) -> None:
    modes = Modes()
    for part in parts:
        modes.feed(part)
    after = Modes()
    after.feed(b"".join(parts))
    after.feed(modes.undo())
    assert after.undo() == b""


@given(st.text(st.characters(exclude_characters="\x1b")))
def test_text_changes_nothing(text: str) -> None:
    assert undone(text.encode("utf-8", "surrogatepass")) == b""
