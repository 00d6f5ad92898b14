"""SIGKILL of the relay at any moment: the log is the log of a relay that nobody killed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.relay import MAIN, Relay, concatenation, no_relay_left, read_all, write_all
from tests.support.slow import slow
from tsdia_run.outcome.journal_files import JournalFiles, write_rest
from tsdia_run.relay.console_pipe import waiting_bytes
from tsdia_run.relay.lines import LineModel
from tsdia_run.rundir.layout import RunLayout

__all__ = ["no_relay_left"]

KILLED_AT = Path(__file__).parents[1] / "support" / "relay_killed_at.py"
BARS = "".join(f"\r{n:3d}%|{'█' * (n // 10):10}| {n}/100 [00:12<00:34]" for n in range(101)) + "\n"


def restart(relay: Relay) -> None:
    """Kill the relay and start another one, as the supervisor does."""
    relay.kill()
    os.close(relay.control)
    os.close(relay.events)
    relay.start()


def output(rng: random.Random) -> Iterator[bytes]:
    """Return pieces of output: lines, bars, empty lines, partial lines, partial characters, very long lines."""
    number = 0
    while True:
        number += 1
        kind = rng.randrange(12)
        if kind == 0:
            data = BARS.encode()
        elif kind == 1:
            data = f"{number} {'long ' * rng.randrange(10_000)}\n".encode()
        elif kind == 2:
            data = f"\n\n{number} naïve █ \x1b[31mred\x1b[0m\r\n".encode()
        elif kind == 3:
            data = f"{number} above\n{number} below\x1b[A\r\x1b[K{number} changed\n\n".encode()
        elif kind == 4:
            data = b"".join(b"line %d of a block %d\n" % (line, number) for line in range(rng.randrange(5_000)))
        else:
            data = b"".join(b"line %d of %d\n" % (line, number) for line in range(rng.randrange(50)))
        cut = rng.randrange(len(data) + 1)
        yield data[:cut]
        yield data[cut:]


def logged(data: bytes) -> bytes:
    """Return the log of one stream."""
    model = LineModel()
    return b"".join([*model.feed(data, 0.0), *model.finish(0.0)])


@pytest.mark.parametrize("seed", [0, 1, *slow(2, 3)])
def test_no_byte_is_lost_doubled_or_reordered_by_many_kills(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    # Lines that are logged early would make the log depend on the time.
    relay = Relay(tmp_path, console=False, header="header", settings={"max_bytes": rng.choice([70_000, 1 << 30])})
    pieces, sent, kills = output(rng), [], 0
    while kills < 60:
        for _ in range(rng.randrange(3)):
            sent.append(next(pieces))
            write_all(relay.out, sent[-1])
        time.sleep(rng.choice([0, 0.001, 0.03, rng.random() * 0.12]))
        restart(relay)
        kills += 1
    relay.end()
    assert concatenation(tmp_path) == b"header\n" + logged(b"".join(sent)) + b"footer\n"


@pytest.mark.parametrize("seed", [0, *slow(1)])
def test_a_journal_in_files_needs_no_process_that_holds_it(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    files = JournalFiles(RunLayout(tmp_path), 0)
    files.folder.parent.mkdir()
    relay = Relay(tmp_path, console=False, header="header", settings={"max_bytes": 70_000}, files=files.create({}))
    pieces, sent = output(rng), []
    for _ in range(30):
        for _ in range(rng.randrange(12)):
            sent.append(next(pieces))
            write_all(relay.out, sent[-1])
        time.sleep(rng.choice([0, 0.001, 0.03, rng.random() * 0.12]))
        relay.kill()
        if rng.random() < 0.5:
            relay.reopen(files.folder)
        os.close(relay.control)
        os.close(relay.events)
        relay.start()
    wait_until_read(relay)
    relay.kill()
    relay.reopen(files.folder, is_closed=True)
    write_rest(RunLayout(tmp_path), 0, "training_x.log")
    end = b"[tsdia-run: end of output; the supervisor had died before]\n"
    assert concatenation(tmp_path) == b"header\n" + logged(b"".join(sent)) + end
    assert not files.folder.exists()


def wait_until_read(relay: Relay) -> None:
    """Wait until the relay has taken everything from its pipe."""
    relay.wait_for(lambda: not waiting_bytes(relay.source), "an empty pipe")


def test_kills_keep_two_streams_complete_and_in_order(tmp_path: Path) -> None:
    rng = random.Random(11)
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 100_000, "timestamps": True})
    count = 0
    for _ in range(40):
        for _ in range(rng.randrange(40)):
            write_all(relay.out, b"".join(b"out %d\n" % (count + line) for line in range(100)))
            write_all(relay.err, b"".join(b"err %d\n" % (count + line) for line in range(100)))
            count += 100
        time.sleep(rng.random() * 0.1)
        restart(relay)
    relay.end()
    lines = [line.split(" ", 1) for line in concatenation(tmp_path).decode().splitlines()]
    for name in ("out", "err"):
        found = [text for _, text in lines if text.startswith(name)]
        assert found == [f"{name} {number}" for number in range(count)]
    assert len(lines) == 2 * count + 1
    times = [stamp for stamp, _ in lines]
    assert all(len(stamp) == 29 for stamp in times)


def test_the_order_of_the_streams_survives_a_kill(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    assert relay.console_out is not None and relay.console_err is not None
    expected = []
    for number in range(30):
        for source, console in ((relay.out, relay.console_out), (relay.err, relay.console_err)):
            write_all(source, b"%d %d\n" % (number, source))
            assert os.read(console, 100) == b"%d %d\n" % (number, source)
            expected.append(f"{number} {source}")
        if number % 3 == 0:
            restart(relay)
    relay.end()
    assert relay.lines() == [*expected, "footer"]


def test_what_was_logged_early_is_logged_once(tmp_path: Path) -> None:
    relay = Relay(tmp_path, settings={"progress_s": 0.6})
    write_all(relay.out, b"bar 1\nbelow")
    relay.wait_for_log(b"bar 1\n")
    relay.wait_for_log(b"below\n")
    restart(relay)
    write_all(relay.out, b"\x1b[A\rbar 2\n\nlast\n")
    relay.wait_for_log(b"last\n")
    restart(relay)
    relay.end()
    assert relay.lines() == ["bar 1", "below", "bar 2", "last", "footer"]


def killed_at(lines: int) -> list[str]:
    """Return how to run a relay that dies before the given line of its code."""
    return [str(KILLED_AT), str(lines), str(MAIN)]


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_a_kill_between_any_two_lines_of_the_relay_changes_nothing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    data = BARS.encode() + b"line\n" * 5_000 + "partial ▌".encode()
    for number in range(25):
        folder = tmp_path / str(number)
        folder.mkdir()
        lines = [rng.randrange(1, 4_000) for _ in range(rng.randrange(1, 4))]
        relay = Relay(folder, header="header", main=killed_at(lines[0]), settings={"max_bytes": 8_192})
        write_all(relay.out, data)
        relay.order(drain=20)
        relay.close_sources()
        relay.order(footer="footer")
        for at in [*lines[1:], 1 << 30]:
            if relay.process.wait(20) == 0:
                break
            os.close(relay.control)
            os.close(relay.events)
            relay.start(main=killed_at(at))
            relay.order(drain=20)
            relay.order(footer="footer")
        relay.ended()
        assert concatenation(folder) == b"header\n" + logged(data) + b"footer\n", lines
        assert relay.console_out is not None
        shown = read_all(relay.console_out)
        assert shown == data, lines
