"""What the scripts of the table import as ``ending``."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

RANK = int(os.environ.get("RANK", "0"))
_RUN = Path(os.environ["TSDIA_RUN_DIR"])


def supervisor() -> int:
    """Return the process id of tsdia-run."""
    return int(json.loads((_RUN / ".tsdia/heartbeat.json").read_text())["pid"])


def parent_of(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(pid: int) -> list[int]:
    """Return the children of a process."""
    return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]


def relay() -> int:
    """Return the process id of the relay: the child of tsdia-run that is no parent of this process."""
    words = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children_of(supervisor())}
    return next(pid for pid, line in words.items() if b"tsdia_run relay" in line)


def stop(number: int = signal.SIGTERM) -> None:
    """Send a signal to tsdia-run; only rank 0 does."""
    if RANK == 0:
        os.kill(supervisor(), number)


def die(number: int) -> None:
    """End this process by a signal."""
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(60)


def wait() -> None:
    """Wait until this process is ended."""
    time.sleep(60)


def both_ready() -> int:
    """Wait until both ranks are here; return the process id of the other one."""
    Path(f"own.{RANK}").write_text(str(os.getpid()))
    os.rename(f"own.{RANK}", f"ready-{RANK}")
    while not Path(f"ready-{1 - RANK}").exists():
        time.sleep(0.01)
    return int(Path(f"ready-{1 - RANK}").read_text())


def wait_for_end_of(pid: int) -> None:
    """Wait until a process has ended."""
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        time.sleep(0.01)


def wait_for_peer() -> None:
    """Wait on rank 1 for data from rank 0 until rank 0 ends, as a collective does; return on rank 0 at once."""
    path = str(Path("peer").resolve())
    if RANK == 0:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            connection, _ = server.accept()
        os.dup2(connection.detach(), 99)  # open until this process ends
        return
    with socket.socket(socket.AF_UNIX) as client:
        while client.connect_ex(path):
            time.sleep(0.01)
        if not client.recv(1):
            raise ConnectionResetError("connection reset by peer")
