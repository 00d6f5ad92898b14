"""Compare the relay with tee, script and s6-log, as whole processes.

The time of a relay ends when it reports that everything is on the console and in the log. It does not include the
compression of old parts, which continues at the lowest priority. The compression is stopped then, and measured
separately.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import tsdia_run
from tests.bench.measure import Result, alternate
from tsdia_run.relay.log import DEFAULT_MAX_BYTES
from tsdia_run.relay.log_parts import RotatedParts, start_compressing

MAIN = Path(tsdia_run.__file__).parent / "relay" / "__main__.py"
MIB = 1 << 20
RUNS = 15
MEMORY_LIMIT_MIB = 20


@dataclass(frozen=True)
class Cost:
    """The resources that a run used.

    Attributes:
        wall_s: From the start to the last byte.
        cpu_s: User and system time of the one process.
        log_bytes: Size of the log.
        memory_mib: Highest resident memory.
    """

    wall_s: float
    cpu_s: float
    log_bytes: int
    memory_mib: float


def measure(folder: Path) -> list[Result]:
    """Return all results; needs 1.5 GB in the folder, and ``script``."""
    plain = _plain(folder / "plain", 500_000_000)
    short = _plain(folder / "short", 100_000_000)
    bars = _bars(folder / "bars", 3_000_000)
    seen: list[Cost] = []

    def relay(source: Path, *, timestamps: bool = False) -> Cost:
        seen.append(_relay(folder, ["cat", str(source)], timestamps=timestamps))
        return seen[-1]

    def tee(source: Path) -> Cost:
        return _filter(folder, ["tee", str(folder / "tee.log")], source)

    def s6_log(source: Path) -> Cost:
        return _filter(folder, ["s6-log", "--", "T", "n2", "s268435455", str(folder / "s6")], source)

    def both(work: str, source: Path, wall: float, cpu: float) -> list[Result]:
        mine, its = _Figures(lambda: relay(source)), _Figures(lambda: tee(source))
        walls = alternate(work, mine.wall, "tee", its.wall, runs=RUNS, limit=wall)
        mine.replay()
        its.replay()
        return [walls, alternate(f"{work}, CPU", mine.cpu, "tee", its.cpu, runs=RUNS, limit=cpu, unit="s")]

    results = both("500 MB of plain lines, with rotation", plain, 1.2, 1.5)
    results.append(_packing(folder, plain))
    results += both("3 million redraws of a progress bar, from a file", bars, 1.5, 10.0)[:1]
    results.append(
        alternate(
            "30,000 updates of a live tqdm",
            lambda: _relay(folder, _tqdm(30_000)).wall_s,
            "tee",
            lambda: _filter(folder, ["tee", str(folder / "tee.log")], _tqdm(30_000)).wall_s,
            runs=RUNS,
            limit=1.5,
        )
    )
    if shutil.which("s6-log"):
        results.append(
            alternate(
                "100 MB with timestamps",
                lambda: relay(short, timestamps=True).wall_s,
                "s6-log T",
                lambda: s6_log(short).wall_s,
                runs=RUNS,
                limit=1.0,
            )
        )
    else:
        print("not measured: timestamps against s6-log, which is not installed (Debian: apt install s6)")  # noqa: T201
    results.append(
        alternate(
            "100 MB on a terminal",
            lambda: _on_terminal(folder, short, _relay_on_terminal),
            "script -q -f",
            lambda: _on_terminal(folder, short, _script),
            runs=RUNS,
            limit=0.6,
        )
    )
    log, copy = relay(bars).log_bytes, tee(bars).log_bytes
    results.append(_single("log of 3 million redraws", log / 1000, "tee's log", copy / 1000, "kB", 0.001))
    memory = max(cost.memory_mib for cost in seen)
    results.append(_single("relay's memory", memory, "limit", MEMORY_LIMIT_MIB, "MiB", 1.0))
    return results


class _Figures:
    """Two results from the same runs, since each run takes long."""

    def __init__(self, run: Callable[[], Cost]) -> None:
        self._run = run
        self._costs: list[Cost] = []
        self._replayed = iter(self._costs)

    def wall(self) -> float:
        self._costs.append(self._run())
        return self._costs[-1].wall_s

    def replay(self) -> None:
        self._replayed = iter(self._costs)

    def cpu(self) -> float:
        return next(self._replayed).cpu_s


def _single(work: str, ours: float, peer: str, theirs: float, unit: str, limit: float) -> Result:
    ratio = ours / theirs
    return Result(work, ours, peer, theirs, unit, ratio, ratio, ratio, limit)


def _plain(path: Path, size: int) -> Path:
    numbers = random.Random(1)
    line = "step {} loss {:.6f} lr {:.3e} grad {:.4f} tokens/s {} and some more text to fill the line\n"
    block = "".join(
        line.format(step, numbers.random(), numbers.random(), 9 * numbers.random(), numbers.randrange(99999))
        for step in range(60_000)
    ).encode()
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(block)
    return path


def _bars(path: Path, count: int) -> Path:
    with path.open("wb") as file:
        for n in range(count):
            full, rate = n * 10 // count, 45_000 + n * 7919 % 1000
            bar = "█" * full + "▌" + " " * (9 - full)
            file.write(f"\r{n * 100 // count:3d}%|{bar}| {n}/{count} [00:30<00:35, {rate}.00it/s]".encode())
        file.write(b"\n")
    return path


def _tqdm(updates: int) -> list[str]:
    code = f"import sys, tqdm\nfor _ in tqdm.tqdm(range({updates}), mininterval=0, miniters=1, file=sys.stdout): pass"
    return [sys.executable, "-c", code]


def _start_relay(spec: dict[str, object], fds: list[int]) -> tuple[subprocess.Popen[bytes], int, int]:
    control_read, control = os.pipe()
    events, events_write = os.pipe()
    spec |= {"control": control_read, "events": events_write}
    argv = [sys.executable, "-S", "-E", str(MAIN), "tsdia_run relay", json.dumps(spec)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=[*fds, control_read, events_write])
    os.close(control_read)
    os.close(events_write)
    return process, control, events


def _finish_relay(process: subprocess.Popen[bytes], control: int, events: int, start: float, logs: Path) -> Cost:
    os.write(control, b'{"drain": 60}\n')
    while b"drained" not in os.read(events, 4096):
        pass
    wall_s = time.perf_counter() - start
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    memory_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    os.write(control, b'{"footer": ""}\n')
    process.wait()
    os.close(control)
    os.close(events)
    _end_packing(logs)
    size = sum(path.stat().st_size for path in logs.iterdir())
    return Cost(wall_s, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), size, memory_kib / 1024)


def _end_packing(logs: Path) -> None:
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has exited
            if b"relay\0{" in (words := cmdline.read_bytes()) and os.fsencode(logs) in words:
                os.kill(int(cmdline.parent.name), signal.SIGKILL)


def _packing(folder: Path, source: Path) -> Result:
    """Compare the compression of a log in parts with gzip's of the same text."""
    logs = _empty(folder / "logs")
    parts = RotatedParts(str(logs / "training_x.log"))
    with source.open("rb") as text:
        for number in range(1, 1 + source.stat().st_size // DEFAULT_MAX_BYTES):
            Path(parts.path(number)).write_bytes(text.read(DEFAULT_MAX_BYTES))
    size = DEFAULT_MAX_BYTES * len(parts.numbers())
    start = time.perf_counter()
    os.waitpid(start_compressing(parts), 0)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    with source.open("rb") as text:
        gzip = subprocess.Popen(["gzip", "-c"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert gzip.stdin
        while block := text.read(min(MIB, size - text.tell())):
            gzip.stdin.write(block)
        gzip.communicate()
    theirs = time.perf_counter() - start
    return _single("compression of its parts, once", ours, "gzip", theirs, "s", math.inf)


def _relay(folder: Path, source: list[str], *, timestamps: bool = False) -> Cost:
    logs = _empty(folder / "logs")
    read, write = os.pipe()
    console = os.open(os.devnull, os.O_WRONLY)
    start = time.perf_counter()
    spec: dict[str, object] = {
        "log": str(logs / "training_x.log"),
        "mode": "pipes",
        "stdout": read,
        "console_out": console,
        "settings": {"timestamps": timestamps},
    }
    process, control, events = _start_relay(spec, [read, console])
    os.close(read)
    os.close(console)
    writer = subprocess.Popen(source, stdout=write, stderr=write)
    os.close(write)
    writer.wait()
    return _finish_relay(process, control, events, start, logs)


def _filter(folder: Path, argv: list[str], source: Path | list[str]) -> Cost:
    _empty(folder / "s6")
    log = folder / "tee.log"
    log.unlink(missing_ok=True)
    start = time.perf_counter()
    command = source if isinstance(source, list) else ["cat", str(source)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    reader = subprocess.Popen(argv, stdin=writer.stdout, stdout=subprocess.DEVNULL)
    if writer.stdout is not None:
        writer.stdout.close()
    _, _, usage = os.wait4(reader.pid, 0)
    wall_s = time.perf_counter() - start
    reader.returncode = 0
    writer.wait()
    size = log.stat().st_size if log.exists() else 0
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, size, usage.ru_maxrss / 1024)


def _on_terminal(folder: Path, source: Path, run: Callable[[Path, Path, int], float]) -> float:
    """Run with a terminal that a reader reads as fast as possible."""
    master, slave = os.openpty()
    reader = subprocess.Popen(["cat"], stdin=master, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(master)
    try:
        return run(folder, source, slave)
    finally:
        os.close(slave)
        reader.wait()


def _script(folder: Path, source: Path, terminal: int) -> float:
    start = time.perf_counter()
    argv = ["script", "-q", "-f", "-c", f"cat {source}", str(folder / "script.log")]
    subprocess.run(argv, stdin=terminal, stdout=terminal, stderr=terminal, check=True)
    return time.perf_counter() - start


def _relay_on_terminal(folder: Path, source: Path, terminal: int) -> float:
    logs = _empty(folder / "logs")
    start = time.perf_counter()
    master, slave = os.openpty()
    modes = termios.tcgetattr(slave)
    modes[1] &= ~termios.OPOST  # as the supervisor does
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    spec: dict[str, object] = {
        "log": str(logs / "training_x.log"),
        "mode": "pty",
        "stdout": master,
        "console_out": terminal,
    }
    process, control, events = _start_relay(spec, [master, terminal])
    writer = subprocess.Popen(["cat", str(source)], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(master)
    os.close(slave)
    writer.wait()
    return _finish_relay(process, control, events, start, logs).wall_s


def _empty(folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    return folder
