"""Reading logs and their parts. The code that writes logs creates the compressed members."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.runs import make_run
from tsdia_run.relay.log_parts import member
from tsdia_run.report.logs import seek, stream
from tsdia_run.report.logs.parts import LogParts, Position, text_of
from tsdia_run.report.logs.reader import Reader
from tsdia_run.report.logs.stream import Piece
from tsdia_run.report.status import look
from tsdia_run.rundir.record import State


def text(first: int, count: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, first + count))


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Make lines 0 to 599: two compressed parts (one of two members), a plain one, and the live file."""
    live = tmp_path / "training_x.log"
    parts = LogParts(live)
    parts.rotated(1).write_bytes(member(text(0, 100)) + member(text(100, 100)))
    parts.rotated(2).write_bytes(member(text(200, 100)))
    parts.rotated(3).write_bytes(text(300, 200))
    live.write_bytes(text(500, 100))
    return live


def everything(live: Path, start: Position | None = None) -> bytes:
    return b"".join(Reader(live, start).read())


def test_a_log_is_its_parts_in_order(live: Path) -> None:
    assert everything(live) == text(0, 600)


@pytest.mark.parametrize("line", [0, 50, 99, 100, 101, 199])
def test_any_position_in_a_compressed_part_is_found(live: Path, line: int) -> None:
    offset = len(text(0, line))
    assert b"".join(text_of(LogParts(live).rotated(1), offset)) == text(line, 200 - line)
    assert everything(live, Position(1, offset)) == text(line, 600 - line)


def test_a_reader_continues_across_rotation_and_compression(live: Path) -> None:
    reader, parts = Reader(live), LogParts(live)
    assert b"".join(reader.read()) == text(0, 600)
    assert b"".join(reader.read()) == b""
    with live.open("ab") as file:
        file.write(text(600, 10))
    live.rename(parts.rotated(4))
    live.write_bytes(text(610, 10))
    live.rename(parts.rotated(5))
    parts.rotated(4).write_bytes(member(text(500, 110)))
    live.write_bytes(text(620, 5))
    assert b"".join(reader.read()) == text(600, 25)


def test_a_deleted_log_is_read_from_its_new_start(live: Path) -> None:
    reader = Reader(live)
    list(reader.read())
    live.unlink()
    assert b"".join(reader.read()) == b""
    live.write_bytes(b"[tsdia-run: the log file was deleted]\n")
    assert b"".join(reader.read()) == b"[tsdia-run: the log file was deleted]\n"


def test_removed_parts_are_replaced_by_a_notice(live: Path) -> None:
    parts = LogParts(live)
    parts.rotated(2).unlink()
    parts.cut.write_bytes(b"[tsdia-run: left out]\n")
    assert everything(live) == text(0, 200) + b"[tsdia-run: left out]\n" + text(300, 300)


def test_damage_loses_only_the_damaged_member(live: Path) -> None:
    first, second = member(text(0, 100)), member(text(100, 100))
    broken = first[:60] + bytes([first[60] ^ 0xFF]) + first[61:]
    LogParts(live).rotated(1).write_bytes(broken + second)
    read = everything(live)
    assert re.match(rb"\[tsdia-run: \d+ bytes of training_x.000001.log.gz can't be read", read)
    assert read.endswith(text(100, 500))


def test_a_truncated_part_or_one_of_another_tool_is_reported(live: Path) -> None:
    for data in (member(text(0, 100)) + b"\x1f\x8b\x08", gzip.compress(text(0, 100))):
        LogParts(live).rotated(1).write_bytes(data)
        assert b"the rest of training_x.000001.log.gz can't be read" in everything(live)


@given(wanted=st.integers(1, 700))
def test_the_last_lines(tmp_path_factory: pytest.TempPathFactory, wanted: int) -> None:
    folder = tmp_path_factory.mktemp("log")
    live = folder / "training_x.log"
    parts = LogParts(live)
    parts.rotated(1).write_bytes(member(text(0, 100)) + member(text(100, 100)))
    parts.rotated(2).write_bytes(text(200, 100))
    live.write_bytes(text(300, 300) + b"torn")
    found = seek.at_tail(live, wanted)
    whole = (text(0, 600) + b"torn").splitlines(keepends=True)
    assert everything(live, found.start) == b"".join(whole[-wanted:])
    assert found.lines == min(wanted, 601)


def test_the_last_lines_of_a_missing_log(tmp_path: Path) -> None:
    assert seek.at_tail(tmp_path / "training_x.log", 5).lines == 0


def test_a_time_is_found_by_the_index(live: Path) -> None:
    LogParts(live).times.write_bytes(b"1000.000 1 0\n1010.000 1 790\n2000.500 3 90\nsomething else\n3000.000 4 45\n")
    assert seek.at_time(live, 0) == Position(1, 0)
    assert seek.at_time(live, 1012) == Position(1, 790)  # lines up to five seconds after an entry belong to it
    assert seek.at_time(live, 1015) == Position(3, 90)
    assert seek.at_time(live, 2999) == Position(4, 45)
    assert seek.at_time(live, 3005) is None


def test_a_clock_set_back_hides_no_lines(live: Path) -> None:
    LogParts(live).times.write_bytes(b"1000.000 1 0\n9000.000 1 100\n1020.000 2 0\n1030.000 3 0\n")
    assert seek.at_time(live, 1010) == Position(1, 100)


def test_a_log_without_an_index_is_read_completely_or_not_at_all(live: Path) -> None:
    assert seek.at_time(live, 0) == Position()
    assert seek.at_time(live, 1e12) is None


@given(st.lists(st.binary(max_size=12), max_size=8))
def test_lines_do_not_depend_on_the_chunks(chunks: list[bytes]) -> None:
    found = [piece.data for piece in stream.lines(Piece(0, chunk) for chunk in chunks)]
    assert b"".join(found) == b"".join(chunks)
    assert all(line.endswith(b"\n") for line in found[:-1])
    assert all(b"\n" not in line[:-1] for line in found)


def test_a_line_is_not_joined_with_one_of_the_next_attempt(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.LOST, State.COMPLETED)
    first, second = stream.attempt_logs(look(tmp_path / "exp"))
    first.live.write_bytes(b"torn")
    second.live.write_bytes(b"whole\n")
    pieces = list(stream.read(stream.beginnings([first, second])))
    assert b"".join(piece.data for piece in pieces) == b"torn\nwhole\n"
    assert {piece.attempt for piece in pieces} == {0, 1}
    assert made.run.attempts[1].log.startswith("logs/training_resume_1_")


def test_the_last_lines_include_earlier_attempts(tmp_path: Path) -> None:
    make_run(tmp_path / "exp", State.LOST, State.COMPLETED)
    first, second = stream.attempt_logs(look(tmp_path / "exp"))
    first.live.write_bytes(text(0, 10))
    second.live.write_bytes(text(10, 2))
    pieces = stream.read(stream.tail([first, second], 5))
    assert b"".join(piece.data for piece in pieces) == text(7, 5)


def test_a_pattern_matches_text_next_to_invalid_utf_8() -> None:
    pieces = [Piece(0, "Verlust für Epoche 1\n".encode()), Piece(0, b"\xff loss nan\r\n"), Piece(0, b"loss 1.0\n")]
    assert list(stream.matching(pieces, re.compile(r"f\wr|nan$"))) == pieces[:2]


def test_tsdias_own_logs_are_found_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "ami" / "logs"
    folder.mkdir(parents=True)
    (tmp_path / "ami" / "config.yml").touch()
    for name in ("training_resume_2_20260103_000000.log", "training_20260101_000000.log", "notes.txt"):
        (folder / name).touch()
    found = stream.attempt_logs(look(tmp_path / "ami"))
    assert [log.number for log in found] == [0, 2]
