"""The log on the disk: rotation, compression, limits, and disk errors."""

from __future__ import annotations

import errno
import gzip
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.relay import Relay, concatenation, no_relay_left, write_all
from tsdia_run.relay.log import Log
from tsdia_run.relay.log_parts import RotatedParts, member

__all__ = ["no_relay_left"]

SMALL_PARTS = {"max_bytes": 200_000}


def numbered(count: int, start: int = 0) -> bytes:
    return b"".join(
        b"line %d of the stream, which is %d\n" % (number, number * 7) for number in range(start, start + count)
    )


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("training_x.*.log.gz"))


def is_packed(part: Path) -> bool:
    with part.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def wait_for_packing(relay: Relay) -> None:
    relay.wait_for(lambda: all(map(is_packed, parts(relay.folder))), "every part is packed")


def test_parts_in_the_order_of_their_names_are_the_stream(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings=SMALL_PARTS)
    data = numbered(60_000)
    write_all(relay.out, data)
    relay.end()
    assert concatenation(tmp_path) == data + b"footer\n"  # some parts are not compressed yet
    wait_for_packing(relay)
    assert len(parts(tmp_path)) > 5
    assert concatenation(tmp_path) == data + b"footer\n"
    assert (tmp_path / "training_x.log").read_bytes().endswith(b"footer\n")
    found = subprocess.run(
        ["zgrep", "-h", "-c", "", *map(str, sorted(tmp_path.glob("training_x.*")))], capture_output=True, check=True
    )
    assert sum(map(int, found.stdout.split())) == 60_001
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [".training_x.times"]


def test_a_part_can_be_read_from_its_middle(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 3_000_000})
    write_all(relay.out, numbered(120_000))
    relay.end()
    wait_for_packing(relay)
    packed = parts(tmp_path)[0].read_bytes()
    whole = gzip.decompress(packed)
    at = offset = members = 0
    while at < len(packed):
        assert packed[at + 12 : at + 16] == b"TD\x08\x00"
        size = int.from_bytes(packed[at + 16 : at + 20], "little")
        text_size = int.from_bytes(packed[at + 20 : at + 24], "little")
        assert gzip.decompress(packed[at : at + size]) == whole[offset : offset + text_size]
        assert whole[offset + text_size - 1] == 0x0A
        at, offset, members = at + size, offset + text_size, members + 1
    assert members >= 3
    assert offset == len(whole)


def test_times_lead_to_positions_in_the_parts(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings=SMALL_PARTS)
    before = time.time()
    write_all(relay.out, numbered(20_000))
    relay.end()
    entries = [line.split() for line in (tmp_path / ".training_x.times").read_text().splitlines()]
    assert entries[0][1:] == ["1", "0"]
    assert before - 1 <= float(entries[0][0]) <= time.time() + 1


def test_a_total_limit_keeps_head_and_tail_and_marks_the_cut(tmp_path: Path) -> None:
    bound = 2_000_000
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 200_000, "total_bytes": bound})
    data = numbered(200_000)
    rng = random.Random(1)
    noise = "".join(f"{rng.getrandbits(256):x}\n" for _ in range(100_000)).encode()  # hardly compressible
    write_all(relay.out, data + noise)
    relay.end()
    assert sum(path.stat().st_size for path in tmp_path.glob("training_x.*")) <= bound
    log = concatenation(tmp_path)
    marks = [line for line in log.splitlines() if line.startswith(b"[tsdia-run: parts 2 to ")]
    assert len(marks) == 1
    left_out = int(marks[0].split(b", ")[1].split()[0])
    head, tail = log.split(marks[0] + b"\n")
    assert data.startswith(head) and len(head) >= 200_000
    assert (data + noise + b"footer\n").endswith(tail) and len(tail) >= 200_000
    assert len(head) + left_out + len(tail) == len(data + noise + b"footer\n")


def test_kill_9_at_any_moment_of_rotation_and_compression_neither_loses_nor_repeats_nor_reorders_lines(
    tmp_path: Path,
) -> None:
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 70_000})
    rng = random.Random(7)
    sent = 0
    for _ in range(25):
        for _ in range(rng.randrange(1, 6)):
            write_all(relay.out, numbered(500, sent))
            sent += 500
        time.sleep(rng.random() * 0.05)
        if rng.random() < 0.5:
            for pid in compressors(relay.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        relay.kill()
        os.close(relay.control)
        os.close(relay.events)
        log = concatenation(tmp_path)
        assert numbered(sent).startswith(log)
        relay.start()
    write_all(relay.out, numbered(20_000, sent))
    sent += 20_000
    relay.end()
    wait_for_packing(relay)
    assert concatenation(tmp_path) == numbered(sent) + b"footer\n"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".training_x.0")]


def compressors(relay_pid: int) -> list[int]:
    children = Path(f"/proc/{relay_pid}/task/{relay_pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def test_compression_runs_at_the_lowest_priority(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False, settings={"max_bytes": 30_000_000})
    write_all(relay.out, numbered(1_500_000))
    relay.wait_for(lambda: bool(compressors(relay.process.pid)), "the compressor")
    (pid,) = compressors(relay.process.pid)
    relay.wait_for(lambda: os.sched_getscheduler(pid) == os.SCHED_IDLE, "lowest priority")
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    assert len(os.listdir(f"/proc/{pid}/fd")) <= 2  # no process waits for an end that it prevents
    relay.end()
    wait_for_packing(relay)


def test_a_deleted_log_is_started_again_with_a_note(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False)
    write_all(relay.out, b"before\n")
    relay.wait_for_log(b"before\n")
    relay.log.unlink()
    write_all(relay.out, b"after\n")
    events = relay.end()
    assert relay.lines() == ["[tsdia-run: the log file was deleted; 7 bytes are lost]", "after", "footer"]
    assert [event["event"] for event in events] == ["warning", "drained"]


def test_a_log_that_was_deleted_on_another_machine_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    log = Log(str(tmp_path / "training_x.log"), warn=warnings.append)
    log.write([b"before\n"])
    (tmp_path / "training_x.log").unlink()

    def stale(_fd: int) -> os.stat_result:
        monkeypatch.undo()
        raise OSError(errno.ESTALE, "Stale file handle")  # as NFS does

    monkeypatch.setattr(os, "fstat", stale)
    log.write([b"after\n"])
    log.close()
    assert concatenation(tmp_path) == b"[tsdia-run: the log file was deleted; 7 bytes are lost]\nafter\n"
    assert len(warnings) == 1


def test_two_compressors_at_the_same_time_compress_a_part_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts_of_log = RotatedParts(str(tmp_path / "training_x.log"))
    part = Path(parts_of_log.path(1))
    part.write_bytes(b"text\n")
    listdir, looks = os.listdir, list[str]()

    def other_is_ready(folder: str) -> list[str]:
        looks.append(folder)
        if len(looks) == 2:  # between the relay's check of the part and its work on it
            part.with_suffix(".other").write_bytes(member(b"text\n"))
            part.with_suffix(".other").rename(part)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", other_is_ready)
    parts_of_log.compress_all()
    assert gzip.decompress(part.read_bytes()) == b"text\n"


def test_a_removed_folder_is_created_again_and_a_removed_run_is_not(tmp_path: Path) -> None:
    logs = tmp_path / "run" / "logs"
    logs.mkdir(parents=True)
    relay = Relay(logs, console=False)
    write_all(relay.out, b"one\n")
    relay.wait_for_log(b"one\n")
    shutil.rmtree(logs)
    write_all(relay.out, b"two\n")
    relay.wait_for_log(b"two\n")
    shutil.rmtree(tmp_path / "run")
    write_all(relay.out, b"three\n")
    events = relay.end()
    assert not (tmp_path / "run").exists()
    assert [event["event"] for event in events] == ["warning", "warning", "drained"]


def test_a_file_size_limit_makes_more_parts_and_loses_nothing(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False)
    resource.prlimit(relay.process.pid, resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    data = numbered(50_000)
    write_all(relay.out, data)
    events = relay.end()
    assert concatenation(tmp_path) == data + b"footer\n"
    assert [event["event"] for event in events] == ["drained"]


def test_a_tiny_file_size_limit_drops_bytes_and_counts_them(tmp_path: Path) -> None:
    relay = Relay(tmp_path, console=False)
    relay.wait_for(relay.log.exists, "the log")
    resource.prlimit(relay.process.pid, resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
    data = numbered(5_000)
    write_all(relay.out, data)
    relay.wait_for(lambda: relay.log.stat().st_size == 10_000, "the limit")
    resource.prlimit(relay.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    relay.wait_for_log(b" bytes dropped here: File too large]")
    write_all(relay.out, b"after\n")
    relay.end()
    check_dropped(relay.log.read_bytes(), data + b"after\nfooter\n")


def check_dropped(log: bytes, stream: bytes) -> None:
    """Check that the log equals the stream except for one place, where it reports how many bytes are missing."""
    mark = next(line for line in log.splitlines(keepends=True) if line.startswith(b"[tsdia-run: "))
    head, tail = log.split(mark)
    assert stream.endswith(tail)
    missing = int(mark.split()[1])
    if not stream.startswith(head):  # an incomplete line was ended first
        assert head.endswith(b"\n")
        head = head[:-1]
    assert stream.startswith(head)
    assert len(head) + missing + len(tail) == len(stream)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.getuid() != 0:
        pytest.skip("needs root to mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("no mounts here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.root
def test_a_full_disk_never_blocks_the_training_and_the_log_reports_missing_bytes(small_disk: Path) -> None:
    relay = Relay(small_disk, console=False)
    data = numbered(30_000)
    write_all(relay.out, data)
    relay.wait_for(lambda: shutil.disk_usage(small_disk).free == 0, "a full disk")
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    relay.wait_for_log(b" bytes dropped here: No space left on device]")
    write_all(relay.out, b"after\n")
    events = relay.end()
    check_dropped(relay.log.read_bytes(), data + b"after\nfooter\n")
    assert [event["event"] for event in events] == ["warning", "drained"]


@pytest.mark.root
def test_a_read_only_disk_is_survived(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    relay = Relay(small_disk, console=False)
    write_all(relay.out, b"lost\n")
    time.sleep(0.7)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    relay.wait_for_log(b"[tsdia-run: 5 bytes dropped here: Read-only file system]\n")
    write_all(relay.out, b"after\n")
    relay.end()
    assert relay.lines()[1:] == ["after", "footer"]
