"""The read side of logs, tested on the output of a real relay while it writes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.relay import Relay, concatenation, no_relay_left, write_all
from tests.support.runs import make_run
from tsdia_run.claim import guard
from tsdia_run.claim.liveness import RunningProcesses, living
from tsdia_run.report.logs import seek
from tsdia_run.report.logs.reader import Reader
from tsdia_run.report.status import look
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import State

__all__ = ["no_relay_left"]


def numbered(first: int, count: int) -> bytes:
    return b"".join(b"line %d of the stream, which is %d\n" % (n, n * 7) for n in range(first, first + count))


def test_a_follower_sees_every_line_once_while_the_log_rotates_and_is_compressed(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 100_000})
    reader, seen = Reader(relay.log), bytearray()
    for first in range(0, 60_000, 1_000):
        write_all(relay.out, numbered(first, 1_000))
        seen += b"".join(reader.read())
    relay.end()
    end = time.monotonic() + 20
    while not seen.endswith(b"footer\n"):
        seen += b"".join(reader.read())
        assert time.monotonic() < end
    assert bytes(seen) == numbered(0, 60_000) + b"footer\n"


def test_a_time_in_the_index_of_a_real_log_leads_to_the_lines_of_that_time(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 20_000})
    write_all(relay.out, numbered(0, 3_000))
    relay.end()
    began_s = float((tmp_path / ".training_x.times").read_text().split()[0])
    start = seek.at_time(relay.log, began_s)
    assert start is not None
    assert b"".join(Reader(relay.log, start).read()) == concatenation(tmp_path)
    assert seek.at_time(relay.log, began_s + 3600) is None


def test_the_last_lines_of_a_real_log(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 20_000})
    write_all(relay.out, numbered(0, 3_000))
    relay.end()
    relay.wait_for(
        lambda: all(path.read_bytes()[:2] == b"\x1f\x8b" for path in tmp_path.glob("*.gz")), "every part is packed"
    )
    found = seek.at_tail(relay.log, 2_500)
    assert b"".join(Reader(relay.log, found.start).read()) == numbered(501, 2_499) + b"footer\n"


def lock_holder(path: Path, kind: int) -> subprocess.Popen[str]:
    """Start a process that holds a lock until its standard input ends."""
    code = (
        f"import fcntl, sys; file = open({str(path)!r}, 'a'); fcntl.flock(file, {kind});"
        " print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_running_processes_are_recognised_by_their_locks(tmp_path: Path) -> None:
    layout = make_run(tmp_path / "exp", State.RUNNING).layout
    layout.claim.touch()
    assert living(layout) is RunningProcesses.NOTHING
    with lock_holder(layout.claim, fcntl.LOCK_EX):
        assert living(layout) is RunningProcesses.SUPERVISED
    with lock_holder(layout.alive, fcntl.LOCK_SH):
        assert living(layout) is RunningProcesses.RANKS_ONLY
        assert look(layout.root).state is State.RUNNING
    assert living(layout) is RunningProcesses.NOTHING
    assert look(layout.root).state is State.LOST


def test_a_fresh_heartbeat_counts_only_from_another_host(tmp_path: Path) -> None:
    layout = make_run(tmp_path / "exp", State.RUNNING).layout
    layout.claim.touch()
    layout.heartbeat.write_text('{"host": "node-of-another-rack", "pid": 1, "since": "2026"}')
    assert living(layout) is RunningProcesses.SUPERVISED
    os.utime(layout.heartbeat, (1e9, 1e9))
    assert living(layout) is RunningProcesses.NOTHING
    layout.heartbeat.write_text(f'{{"host": "{os.uname().nodename}", "pid": 1, "since": "2026"}}')
    assert living(layout) is RunningProcesses.NOTHING


def test_constant_reading_never_blocks_a_start(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path / "exp")
    guard.claim_new(layout.root).close()
    code = f"""
from pathlib import Path
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.claim.liveness import living
print("looking", flush=True)
while True:
    living(RunLayout(Path({str(layout.root)!r})))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as looking:
        assert looking.stdout
        assert looking.stdout.readline() == "looking\n"
        try:
            for _ in range(300):
                with guard.claim_existing(layout.root) as claim:
                    os.close(claim.open_alive())
        finally:
            looking.kill()


def test_a_fresh_heartbeat_does_not_override_a_recorded_ending(tmp_path: Path) -> None:
    layout = make_run(tmp_path / "exp", State.FAILED).layout
    layout.heartbeat.write_text('{"host": "node-of-another-rack", "pid": 1, "since": "2026"}')
    assert living(layout) is RunningProcesses.NOTHING
    layout.record.unlink()
    assert living(layout) is RunningProcesses.SUPERVISED
