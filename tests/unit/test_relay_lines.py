"""The log contains what a terminal would show at the end; the oracle is pyte."""

from __future__ import annotations

import itertools
import re

import pyte
import pyte.modes
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tsdia_run.relay.lines import HEIGHT, LineModel
from tsdia_run.relay.row import DRAWINGS_KEPT, LONG_LINE

COLUMNS = 400


def log_of(*pieces: bytes) -> bytes:
    model = LineModel()
    return b"".join(part for piece in pieces for part in model.feed(piece, 0.0)) + b"".join(model.finish(0.0))


def shown(data: bytes, columns: int = COLUMNS) -> list[str]:
    """Return the lines of a terminal, scrolled ones first; without spaces and blank lines at the end.

    The lines of the alternate screen, which pyte does not support, appear where the program left it.
    """
    return [line for part in re.split(rb"\x1b\[\?1049[hl]", data) for line in _shown(part, columns)]


def _shown(data: bytes, columns: int) -> list[str]:
    screen = pyte.HistoryScreen(columns, HEIGHT, history=100_000)
    screen.set_mode(pyte.modes.LNM)
    stream = pyte.ByteStream(screen)
    stream.feed(data)
    lines = [*screen.history.top, *(screen.buffer[y] for y in range(HEIGHT))]
    return without_blank_end(["".join(line[x].data for x in range(max(line, default=-1) + 1)) for line in lines])


def without_blank_end(lines: list[str]) -> list[str]:
    lines = [line.expandtabs(8).rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


words = st.text("ab█▌é .", min_size=1, max_size=12)
moves = st.one_of(
    st.sampled_from(
        ["\r", "\n", "\r\n", "\n\r", "\b", "\b\b\b", "\a", "\x1b[31m", "\x1b[0;1m", "\x1b[?25l", "\x1b]0;title\x07"]
    ),
    st.sampled_from(["\x1b[A", "\x1b[2A", "\x1b[3A", "\x1b[F", "\x1b[B", "\x1b[C", "\x1b[4C", "\x1b[2D", "\x1b[5G"]),
    st.sampled_from(["\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[J", "\x1b[1J", "\x1b[P", "\x1b[2@", "\x1b[3X"]),
)
nested = st.integers(1, 4).map(lambda n: "\n" * n + "\rinner " + "x" * n + "\x1b[A" * n)
floods = st.integers(1, 120).map(lambda n: "plain line\n" * n)
anything = st.lists(st.one_of(words, words, moves, nested, floods), max_size=40)
streams = anything.map(lambda parts: "".join(parts).encode())


@settings(max_examples=250, deadline=None)
@given(streams)
@example(b"a\n" * 60 + b"\x1b[3Ab\r")
@example(b"\r 10%\r 9%")
def test_the_log_is_what_a_terminal_shows_at_the_end(data: bytes) -> None:
    assert without_blank_end(log_of(data).decode().splitlines()) == shown(data)


jumps = st.builds("\x1b[{};{}H".format, st.integers(0, 12), st.integers(0, 30))
displays = st.lists(st.one_of(words, words, moves, jumps, st.sampled_from(["\x1b[H", "\x1b[2J", "\x1b[2J\x1b[H"])))


@settings(max_examples=250, deadline=None)
@given(displays.map(lambda parts: "".join(parts[:30]).encode()))
def test_a_display_that_fills_the_terminal_leaves_its_last_state(data: bytes) -> None:
    assert without_blank_end(log_of(b"\x1b[?1049h", data).decode().splitlines()) == shown(data)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


# Each part is as frequent as its weight, so that a failing example is readable.
oddities = [b"\xe6\xbc\xa2", b"\xe6\xbc", b"\x80", b"e\xcc\x81", b"\t", b"\0", b"\x1b]0;"]
drawings = [b"\r\xe2\x96\x88\xe2\x96\x88", b"\r\tbar", b"\rwide \xe6\xbc\xa2", b"\rplain  ", b"\r"]
fillers = [b"x", b"\xe2\x96\x88", b"\x80", b"y\ty"]
hostile = st.lists(
    st.one_of(
        st.tuples(st.binary(max_size=30), st.just(1)),
        st.tuples(streams, st.just(1)),
        st.tuples(st.sampled_from(oddities), st.just(1)),
        st.tuples(st.sampled_from([b"\x1b[?1049h", b"\x1b[3;2H", b"\x1b[2J", b"\x1b[?1049l"]), st.just(1)),
        st.tuples(st.sampled_from(drawings), st.sampled_from([1, 2, DRAWINGS_KEPT, DRAWINGS_KEPT + 3])),
        st.tuples(st.sampled_from(fillers), st.sampled_from([LONG_LINE - 3, LONG_LINE + 3])),
        st.tuples(st.just(b"y" * 300 + b"\n"), st.sampled_from([3, 100])),
    ),
    max_size=10,
)


def bytes_of(parts: list[tuple[bytes, int]]) -> bytes:
    return b"".join(part * times for part, times in parts)


@settings(max_examples=250, deadline=None)
@given(hostile, st.lists(st.integers(0, 1 << 20), max_size=20))
@example([(b"a\r", 1), (b"x", LONG_LINE), (b"\r", 1), (b"y\ty", LONG_LINE)], [100, LONG_LINE + 2])
@example([(b"\n", 1), (b"x", LONG_LINE + 9), (b"\n\x1b[Aa", 1)], [1])
@example([(b"\rone", 3), (b"x", LONG_LINE), (b"\rtwo", 2), (b"y", LONG_LINE)], [1])
@example([(b"drawn\rdraw\b", 1), (b"x", 3 * LONG_LINE), (b"\r\x1b[K", 1)], [LONG_LINE])
def test_the_log_does_not_depend_on_the_chunks(parts: list[tuple[bytes, int]], places: list[int]) -> None:
    data = bytes_of(parts)
    assert log_of(*cut(data, places)) == log_of(data)


@settings(max_examples=100, deadline=None)
@given(hostile)
def test_one_byte_at_a_time_gives_the_same_log(parts: list[tuple[bytes, int]]) -> None:
    short = bytes_of(parts)[:2000]
    assert log_of(*(short[at : at + 1] for at in range(len(short)))) == log_of(short)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t"), max_size=300))
def test_plain_text_is_logged_unchanged(text: str) -> None:
    expected = text if text.endswith("\n") or not text else text + "\n"
    assert log_of(text.encode()).decode() == expected


@given(st.lists(st.binary(max_size=20).filter(lambda line: not set(line) & {*range(32), 127}), max_size=30))
def test_only_broken_utf8_is_repaired(lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    assert log_of(data) == data.decode("utf-8", "replace").encode()


@pytest.mark.parametrize("piece", [b"\x1b[1000@", "\u0301".encode()], ids=["inserted blanks", "accents"])
def test_one_line_that_is_edited_endlessly_stays_small(piece: bytes) -> None:
    assert len(log_of(b"ab\b", piece * 20_000)) <= 2 * LONG_LINE
