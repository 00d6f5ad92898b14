"""The relay between pipes: what reaches the console and the log, and which failures it survives."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.relay import MAIN, Relay, no_relay_left, read_all, write_all

__all__ = ["no_relay_left"]

GONE = "[tsdia-run: end of output; the supervisor had died before]"


def test_streams_stay_apart_on_the_console_and_come_in_order_in_the_log(tmp_path: Path) -> None:
    relay = Relay(tmp_path, header="header")
    for text in (b"one\n", b"two\n", b"three\n"):
        write_all(relay.out, text)
        relay.wait_for(lambda: relay.console_out is not None and b"\n" in os.read(relay.console_out, 100), "out")
        write_all(relay.err, b"err " + text)
        relay.wait_for(lambda: relay.console_err is not None and b"\n" in os.read(relay.console_err, 100), "err")
    write_all(relay.out, b"no newline at the end")
    assert relay.end()[-1] == {"event": "drained", "is_cut": False}
    expected = ["header", "one", "err one", "two", "err two", "three", "err three", "no newline at the end", "footer"]
    assert relay.lines() == expected


def test_the_console_gets_every_byte_and_the_log_clean_lines(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    data = b"\x1b[31mred\x1b[0m\r\n 10%\r 20%\r100%\n\0nul\xff\n"
    write_all(relay.out, data)
    relay.end()
    assert relay.console_out is not None
    assert read_all(relay.console_out) == data
    assert relay.lines() == ["red", "100%", "nul\ufffd", "footer"]


def test_a_finished_line_is_logged_within_a_second_and_a_bar_after_the_interval(tmp_path: Path) -> None:
    relay = Relay(tmp_path, settings={"progress_s": 0.5})
    write_all(relay.out, b"a line\n")
    relay.wait_for_log(b"a line\n")
    write_all(relay.err, b"\r 10%|#   | 1/10 [00:01<00:09, 1.00it/s]")
    relay.wait_for_log(b" 10%|#   | 1/10 [00:01<00:09, 1.00it/s]\n")
    relay.end()


def test_signals_of_the_terminal_and_of_a_batch_system_do_not_end_it(tmp_path: Path) -> None:
    relay = Relay(tmp_path, header="header")
    relay.wait_for_log(b"header")
    for name in ("INT", "TERM", "HUP", "QUIT", "PIPE", "TSTP", "TTIN", "TTOU", "USR1", "USR2", "WINCH"):
        relay.process.send_signal(getattr(signal, f"SIG{name}"))
    write_all(relay.out, b"still here\n")
    relay.end()
    assert relay.lines() == ["header", "still here", "footer"]


def test_it_continues_to_the_end_of_the_output_when_the_supervisor_dies(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    write_all(relay.out, b"before\n")
    os.close(relay.control)
    os.close(relay.events)
    relay.wait_for_log(b"before\n")
    write_all(relay.out, b"after\n")
    relay.close_sources()
    assert relay.process.wait(20) == 0
    assert relay.lines() == ["before", "after", GONE]


def test_a_closed_console_loses_no_line(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    assert relay.console_out is not None
    os.close(relay.console_out)
    data = b"".join(b"line %d\n" % number for number in range(100_000))
    write_all(relay.out, data)
    relay.end()
    assert "\n".join(relay.lines()).encode() == data + b"footer"


def test_a_stalled_console_never_blocks_the_training_and_reports_skipped_bytes(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    assert relay.console_out is not None
    data = b"".join(b"%099d\n" % number for number in range(100_000))
    write_all(relay.out, data)  # 10 MB; no process reads the console
    relay.wait_for(lambda: relay.log.stat().st_size >= len(data) - 100 * 100, "everything in the log")
    shown = b""
    while not shown.endswith(data[-200:]):  # the last lines, although no output follows
        shown += os.read(relay.console_out, 65536)
    write_all(relay.out, b"again\nand again\n")
    relay.close_sources()
    relay.order(drain=5)
    relay.order(footer="footer")
    relay.close_console_writers()
    shown += read_all(relay.console_out)
    relay.ended()
    head, skipped, tail = around_mark(shown, data)
    assert (data + b"again\nand again\n").endswith(tail)
    assert len(tail) > 3_000
    assert head + skipped + len(tail) == len(data) + 16
    assert relay.lines()[-3:] == ["again", "and again", "footer"]


def around_mark(shown: bytes, data: bytes) -> tuple[int, int, bytes]:
    """Return how much of ``data`` a console got before the mark, how much was skipped, and what it got after it."""
    head, mark, tail = re.split(rb"(\[tsdia-run: \d+ bytes skipped here[^\n]*\n)", shown)
    if not data.startswith(head):  # the line was cut short, and ended before the mark
        head = head.removesuffix(b"\n")
    assert data.startswith(head)
    return len(head), int(mark.split()[1]), tail


def test_a_slow_console_delays_the_end_by_a_few_seconds_at_most(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    data = b"".join(b"a line of a stream %8d\n" % number for number in range(60_000))
    write_all(relay.out, data)
    relay.close_sources()
    relay.order(drain=5)
    relay.order(footer="footer")
    relay.close_console_writers()
    assert relay.console_out is not None
    shown = b""
    end = time.monotonic() + 8
    while relay.process.poll() is None:
        assert time.monotonic() < end, "it waits for the console"
        shown += os.read(relay.console_out, 4096)
        time.sleep(0.05)
    shown += read_all(relay.console_out)
    relay.ended()
    head, skipped, tail = around_mark(shown, data)
    assert len(tail) > 3_000
    assert data.endswith(tail)
    assert head + skipped + len(tail) == len(data)
    assert relay.lines()[-2:] == ["a line of a stream    59999", "footer"]


def test_a_socket_as_console_is_not_changed_and_blocks_nothing(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        relay = Relay(tmp_path, console=False, console_out=theirs.fileno())
        data = b"a line of a stream\n" * 100_000
        write_all(relay.out, data)  # no process reads yet
        relay.wait_for(lambda: relay.log.stat().st_size >= len(data) - 20 * 100, "everything in the log")
        assert os.get_blocking(theirs.fileno())
        assert data.startswith(ours.recv(100_000))
        relay.end()


def test_a_killed_relay_is_replaced_and_the_log_continues(tmp_path: Path) -> None:
    relay = Relay(tmp_path, header="header")
    write_all(relay.out, b"before\n")
    relay.wait_for_log(b"before\n")
    relay.kill()
    write_all(relay.out, b"between\n")  # the pipe keeps the data
    os.close(relay.control)
    os.close(relay.events)
    relay.start()
    write_all(relay.out, b"after\n")
    relay.end()
    assert relay.lines() == ["header", "before", "between", "after", "footer"]


def test_a_process_that_holds_the_pipe_open_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    write_all(relay.out, b"last words\n")
    start = time.monotonic()
    relay.order(drain=0.5)
    relay.order(footer="footer")
    events = relay.ended()
    assert 0.4 < time.monotonic() - start < 5
    assert events == [{"event": "drained", "is_cut": True}]
    lines = relay.lines()
    assert lines[0] == "last words"
    assert "another process keeps its output open" in lines[1]
    relay.close_sources()


@pytest.mark.lean
def test_memory_stays_flat_for_an_endless_line_random_bytes_and_a_flood(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 1 << 40})
    noise = os.urandom(1 << 20)
    for data in (
        b"x" * (1 << 20),
        b"\r" + b"y" * (1 << 20),
        noise,
        b"short line\n" * 100_000,
        b"\r 50%|##  |" * 100_000,
    ):
        for _ in range(15):
            write_all(relay.out, data)
    assert relay.rss_kib() < 20 * 1024
    relay.end()


def test_memory_stays_flat_over_as_many_rotations_as_ten_hours_have(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 16 * 1024, "progress_s": 0})
    kinds = (
        "step {0} loss 0.{0}\n" * 50,
        "\r{0:3d}%|{1}| {0}/500 [00:12<00:34]" * 50 + "\n",
        "{0}: \x1b[31mred\x1b[0m naïve\n\n{1}\x1b[A\r\x1b[K{0} above\n" * 10,
    )
    memory_kib = []
    for number in range(9_000):
        write_all(relay.out, kinds[number % 3].format(number, "█" * (number % 40)).encode())
        write_all(relay.err, f"W {number}\n".encode() * 800)
        if number % 1_000 == 999:
            memory_kib.append(relay.rss_kib("VmRSS"))
    relay.end()
    assert len(list(tmp_path.glob("training_x.0*"))) > 200
    # Python takes memory from the system by the MiB (its arenas), so only more than that shows a leak:
    # 0.2 bytes for each of the lines between, 4 KiB for each rotation.
    assert min(memory_kib[-2:]) - memory_kib[1] < 1024


def test_the_latest_progress_is_in_a_small_file(tmp_path: Path) -> None:
    progress = tmp_path / "progress.json"
    relay = Relay(tmp_path, progress=str(progress))
    write_all(relay.err, "\rTraining:  45%|████▌     | 45/100 [00:30<00:36,  1.50it/s]".encode())
    relay.wait_for(progress.exists, "progress")
    said = json.loads(progress.read_text())
    assert said.pop("time") > 0
    assert said.pop("last_line").startswith("Training:  45%")
    assert said == {
        "description": "Training",
        "percent": "45",
        "n": "45",
        "total": "100",
        "rate": "1.50it/s",
        "eta": "00:36",
    }
    relay.end()


def test_lines_have_the_time_at_which_they_began(tmp_path: Path) -> None:
    relay = Relay(tmp_path, header="header", settings={"timestamps": True})
    write_all(relay.out, b"first\n" * 3000 + b"slow")
    time.sleep(1.1)
    write_all(relay.out, b" line\n")
    relay.end()
    lines = [line.split(" ", 1) for line in relay.lines()]
    assert [text for _, text in lines] == ["header", *["first"] * 3000, "slow line", "footer"]
    times = [time.mktime(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) for stamp, _ in lines]
    assert times[-2] - times[1] <= 1 <= times[-1] - times[-2]


@pytest.mark.lean
def test_it_needs_no_installed_package_and_imports_little() -> None:
    code = (
        f"import sys; sys.argv = ['x']; main = {str(MAIN)!r};"
        "exec(open(main).read(), {'__name__': 'relay', '__file__': main}); print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-S", "-E", "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "typing",
        "dataclasses",
        "inspect",
        "pathlib",
        "subprocess",
        "logging",
        "threading",
        "socket",
        "unicodedata",
    }
    assert heavy.isdisjoint(done.stdout.split())
    assert "tsdia_run.errors" not in done.stdout.split()


def test_no_message_of_tsdia_run_ends_it(tmp_path: Path) -> None:
    relay = Relay(tmp_path, header="run \ud800 \udce9")
    write_all(relay.out, b"a line\n")
    relay.end("failed: \ud800 \udce9")
    assert relay.lines() == ["run \\ud800 \\udce9", "a line", "failed: \\ud800 \\udce9"]
