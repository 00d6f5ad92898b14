"""The log contains what a terminal would show at the end; the oracle is pyte."""

from __future__ import annotations

import itertools
import tracemalloc
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.reference_terminal import shown, without_blank_end
from tsdia_run.relay.lines import LineModel
from tsdia_run.relay.row import DRAWINGS_KEPT, LONG_LINE
from tsdia_run.relay.screen import HEIGHT, UNBOUNDED

COLUMNS = 400


def log_of(*pieces: bytes, columns: int = UNBOUNDED, height: int = HEIGHT) -> bytes:
    model = LineModel(columns=columns, height=height)
    return b"".join(part for piece in pieces for part in model.feed(piece, 0.0)) + b"".join(model.finish(0.0))


def lines_of(data: bytes, *, columns: int = UNBOUNDED, height: int = HEIGHT) -> list[str]:
    return without_blank_end(log_of(data, columns=columns, height=height).decode().splitlines())


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


@given(streams)
@example(b"a\n" * 60 + b"\x1b[3Ab\r")
@example(b"\r 10%\r 9%")
def test_the_log_is_what_a_terminal_shows_at_the_end(data: bytes) -> None:
    assert lines_of(data) == shown(data, COLUMNS, HEIGHT)


jumps = st.builds("\x1b[{};{}H".format, st.integers(2, 12), st.integers(0, 30))
displays = st.lists(st.one_of(words, words, moves, jumps, st.sampled_from(["\x1b[H", "\x1b[2J", "\x1b[2J\x1b[H"])))


@given(displays.map(lambda parts: "".join(parts[:30]).encode()))
def test_a_display_that_fills_the_terminal_leaves_its_last_state(data: bytes) -> None:
    assert lines_of(b"\x1b[?1049h" + data) == shown(data, COLUMNS, HEIGHT)


# On a terminal with a right edge. The characters take one cell: pyte cuts a wide one at the edge.
long_words = st.builds(
    lambda text, times: text * times, st.text("ab\u2588\u00e9 .", min_size=1, max_size=4), st.integers(1, 70)
)
full_rows = st.sampled_from(
    ["x" * 80, "y" * 80 + "\r", "z" * 79 + "\b", "w" * 160, "bar " + " " * 76, "q" * 81 + "\x1b[A"]
)
at_an_edge = st.lists(st.one_of(words, long_words, moves, full_rows, nested, floods), max_size=40)


@given(at_an_edge.map(lambda parts: "".join(parts).encode()), st.integers(78, 82), st.integers(5, 30))
@example(b"q" * 79 + b"\x1b[A\x1b[P", 78, 5)
def test_lines_wrap_where_the_terminal_wraps_them(data: bytes, columns: int, rows: int) -> None:
    assert lines_of(data, columns=columns, height=rows) == shown(data, columns, rows)


regions = st.builds("\x1b[{};{}r".format, st.integers(0, 1), st.integers(4, 12))
inner_regions = st.builds("\x1b[{};{}r".format, st.integers(2, 3), st.integers(4, 12))
saved = st.builds("\x1b7\x1b[{};1H{}\x1b8".format, st.integers(8, 14), words)
shifts = st.sampled_from(["\x1b[L", "\x1b[2M", "\x1bM"])
others = st.sampled_from(["\x1bD", "\x1b[7d", "\x1b[?7l", "\x1b[?7h", "\x1b7\x1b[r\x1b8"])
bottoms = st.builds("\n\n\x1b7\x1b[1;12r\x1b8\x1b[2A\x1b7\x1b[13;1H\x1b[2Kbar {}\x1b8".format, st.integers(1, 99))
painting = [words, words, moves, jumps, saved, others, bottoms]
painted = st.lists(st.one_of(*painting, long_words, regions), max_size=30)
painted_below_a_heading = st.lists(st.one_of(*painting, shifts, inner_regions), max_size=30)


@given((painted | painted_below_a_heading).map(lambda parts: ("\x1b[2H" + "".join(parts)).encode()))
@example(b"\x1b[2H" + b"a" * 80 + b"\x1b[Aa\x1b[A\x1b[K")
def test_numbered_rows_and_scroll_regions_work_as_on_a_terminal(data: bytes) -> None:
    assert lines_of(data, columns=80, height=14) == shown(data, 80, 14)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


# Each part is as frequent as its weight, so that a failing example is readable.
oddities = [b"\xe6\xbc\xa2", b"\xe6\xbc", b"\x80", b"e\xcc\x81", b"\t", b"\0", b"\x1b]0;"]
drawings = [b"\r\xe2\x96\x88\xe2\x96\x88", b"\r\tbar", b"\rwide \xe6\xbc\xa2", b"\rplain  ", b"\r"]
sequences = [
    b"\x1b[2;5r",
    b"\x1b7",
    b"\x1b8",
    b"\x1b[M",
    b"\x1bM",
    b"\x1b[7b",
    b"\xc2\x9b2A",
    b"\xc2",
    b"\x1b[?7l",
    b"\x1bPq\n",
]
# A line that just fits in the log, or just does not.
fillers = [
    (part, size // len(part))
    for part in (b"x", b"\xe2\x96\x88", b"\x80", b"y\ty")
    for size in (LONG_LINE - 3, LONG_LINE + 6)
]
hostile = st.lists(
    st.one_of(
        st.tuples(st.binary(max_size=30), st.just(1)),
        st.tuples(streams, st.just(1)),
        st.tuples(st.sampled_from(oddities), st.just(1)),
        st.tuples(st.sampled_from([b"\x1b[?1049h", b"\x1b[3;2H", b"\x1b[2J", b"\x1b[?1049l"]), st.just(1)),
        st.tuples(st.sampled_from(sequences), st.just(1)),
        st.tuples(st.sampled_from(drawings), st.sampled_from([1, 2, DRAWINGS_KEPT, DRAWINGS_KEPT + 3])),
        st.sampled_from(fillers),
        st.tuples(st.just(b"y" * 300 + b"\n"), st.sampled_from([3, 100])),
    ),
    max_size=10,
)


widths = st.sampled_from([UNBOUNDED, 80, 7])


def bytes_of(parts: list[tuple[bytes, int]]) -> bytes:
    return b"".join(part * times for part, times in parts)


@given(hostile, st.lists(st.integers(0, 1 << 20), max_size=20), widths)
@example([(b"a\r", 1), (b"x", LONG_LINE), (b"\r", 1), (b"y\ty", LONG_LINE)], [100, LONG_LINE + 2], UNBOUNDED)
@example([(b"\n", 1), (b"x", LONG_LINE + 9), (b"\n\x1b[Aa", 1)], [1], UNBOUNDED)
@example([(b"\rone", 3), (b"x", LONG_LINE), (b"\rtwo", 2), (b"y", LONG_LINE)], [1], UNBOUNDED)
@example([(b"drawn\rdraw\b", 1), (b"x", 3 * LONG_LINE), (b"\r\x1b[K", 1)], [LONG_LINE], UNBOUNDED)
def test_the_log_does_not_depend_on_the_chunks(parts: list[tuple[bytes, int]], places: list[int], columns: int) -> None:
    data = bytes_of(parts)
    assert log_of(*cut(data, places), columns=columns) == log_of(data, columns=columns)


@given(hostile, widths)
def test_one_byte_at_a_time_gives_the_same_log(parts: list[tuple[bytes, int]], columns: int) -> None:
    short = bytes_of(parts)[:2000]
    assert log_of(*(short[at : at + 1] for at in range(len(short))), columns=columns) == log_of(short, columns=columns)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t"), max_size=300))
def test_plain_text_is_logged_unchanged(text: str) -> None:
    expected = text if text.endswith("\n") or not text else text + "\n"
    assert log_of(text.encode()).decode() == expected


def has_control(line: bytes) -> bool:
    """Whether a line has a control character of ASCII or, in UTF-8, of C1."""
    return any(unicodedata.category(char) == "Cc" for char in line.decode("utf-8", "replace"))


@given(st.lists(st.binary(max_size=20).filter(lambda line: not has_control(line)), max_size=30))
def test_only_broken_utf8_is_repaired(lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    assert log_of(data) == data.decode("utf-8", "replace").encode()


@pytest.mark.parametrize("piece", [b"\x1b[1000@", "\u0301".encode()], ids=["inserted blanks", "accents"])
def test_one_line_that_is_edited_endlessly_stays_small(piece: bytes) -> None:
    assert len(log_of(b"ab\b", piece * 20_000)) <= 2 * LONG_LINE


def resized(before: bytes, after: bytes, *, columns: int) -> list[str]:
    model = LineModel(height=24, columns=80)
    pieces = model.feed(before, 0.0)
    model.resize(24, columns)
    pieces += [*model.feed(after, 0.0), *model.finish(0.0)]
    return b"".join(pieces).decode().splitlines()


@given(st.lists(st.integers(0, 200), min_size=1, max_size=30), st.integers(20, 200))
def test_a_new_size_of_the_terminal_changes_no_line(lengths: list[int], columns: int) -> None:
    lines = ["".join(chr(97 + at % 26) for at in range(length)) for length in lengths]
    text = "\n".join([*lines, "bar  10%"]).encode()
    assert resized(text, b"\r\x1b[A\x1b[Bbar 100%\n", columns=columns) == [*lines, "bar 100%"]


def test_a_bar_as_wide_as_the_terminal_is_redrawn_after_a_new_size() -> None:
    bar = b"\r" + b"#" * 80
    assert resized(b"before\n" + bar, b"\r\x1b[K\x1b[Aafter\x1b[K", columns=40) == ["before", "after"]
    assert resized(b"before\n" + bar, b" and more\n", columns=120) == ["before", "#" * 80 + " and more"]


@pytest.mark.parametrize(
    "hidden",
    [
        b"\x1b]52;c;" + b"QUJD" * 10_000 + b"\x07",
        b"\x1b]1337;File=inline=1:" + b"QUJD" * 10_000 + b"\x1b\\",
        b"\x1bPq" + b"#0~~@@vv\n" * 10_000 + b"\x1b\\",
        b"\x1b_Gf=100;" + b"QUJD" * 10_000 + b"\x1b\\",
        b"\xc2\x9d0;title\xc2\x9c",
        b"\xc2\x9b31m\xc2\x85"[:-2],
        b"\x1bPtmux;\x1b\x1b]52;c;QUJD\x07\x1b\\",
    ],
    ids=["clipboard", "image", "sixel", "kitty", "title in C1", "colour in C1", "tmux"],
)
@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_strings_of_any_length_are_hidden(hidden: bytes, size: int) -> None:
    data = b"before " + hidden + b"after\n"
    assert log_of(*(data[at : at + size] for at in range(0, len(data), size))) == b"before after\n"


def test_a_string_that_never_ends_takes_no_memory_and_a_newline_ends_it() -> None:
    model = LineModel()
    tracemalloc.start()
    for _ in range(1000):
        model.feed(b"\x1b]52;c;" + b"A" * 10_000, 0.0)
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()
    model.feed(b"\nline\n", 0.0)
    assert b"".join(model.finish(0.0)).splitlines()[-1] == b"line"


def test_lines_before_a_display_are_kept_wherever_the_terminal_showed_them() -> None:
    frames = b"".join(b"\x1b[Hframe %d\x1b[K\r\nrow two\x1b[K" % number for number in range(50))
    assert lines_of(b"one\ntwo\nthree\n" + frames, columns=80, height=24) == [
        "one",
        "two",
        "three",
        "frame 49",
        "row two",
    ]


def test_wide_characters_wrap_before_the_edge() -> None:
    text = "漢" * 15
    assert lines_of(f"{text}\r\x1b[A!\n".encode(), columns=7, height=24) == ["漢" * 9 + "! " + "漢" * 5]
