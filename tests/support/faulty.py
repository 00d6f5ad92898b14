"""Runs the command with one of its own calls failing, or with the process dying there.

One warmed process forks for each start, since the imports would take longer than all the rest.

python -m tests.support.faulty FOLDER    a JSON object a line in (Start), one a line out (Ended)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support import faulty_calls
from tests.support.command import environment
from tests.support.faulty_calls import Fault
from tsdia_run.__main__ import main as command

# A start that waits for something that does not come ends by SIGALRM.
_LIMIT_S = 300


@dataclass(frozen=True)
class Ended:
    """How a start ended.

    Attributes:
        code: Its exit code; negative for a signal.
        out: Its standard output.
        err: Its standard error.
        failed: The call that failed; empty where none did.
    """

    code: int
    out: str
    err: str
    failed: str


class Zygote:
    """The warmed process.

    Args:
        folder: An empty folder for its own use.
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.faulty", str(folder)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def run(self, *words: str, cwd: Path, fault: Fault | None = None, kill_after_s: float | None = None) -> Ended:
        """Run the command to the end of its own process, or kill it at some time; a training may outlive it."""
        assert self._process.stdin
        assert self._process.stdout
        start = {
            "words": words,
            "cwd": str(cwd),
            "fault": asdict(fault or Fault(str(cwd))),
            "kill_after_s": kill_after_s,
        }
        self._process.stdin.write(json.dumps(start) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


def _run(words: list[str]) -> int:
    sys.argv = ["tsdia-run", *words]
    try:
        command()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _redirect(fd: int, path: Path | str) -> None:
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(opened, fd)
    os.close(opened)


def _fork(words: list[str], cwd: str, fault: Fault, kill_after_s: float | None, folder: Path) -> Ended:
    out, err, report = (folder / name for name in ("out", "err", "report"))
    report.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        leave = os._exit
        try:
            _redirect(1, out)
            _redirect(2, err)
            os.chdir(cwd)
            signal.alarm(_LIMIT_S)
            if fault.at:
                faulty_calls.install(fault, report)
            leave(_run(words))
        finally:
            leave(99)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(pid, signal.SIGKILL)  # not reaped yet, so it is nobody else's pid
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    failed = report.read_text() if report.exists() else ""
    return Ended(code, out.read_text(), err.read_text(), failed)


def main() -> None:
    """Answer until standard input ends."""
    folder = Path(sys.argv[1])
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    _redirect(0, os.devnull)
    _redirect(1, os.devnull)
    _redirect(2, folder / "warm")
    # One start imports whatever a start imports.
    (folder / "train.py").touch()
    os.chdir(folder)
    code = _run(["new", "--run-dir", "warm-run", "--launcher", "python"])
    assert code == 0, (folder / "warm").read_text()
    for line in requests:
        start = json.loads(line)
        ended = _fork(start["words"], start["cwd"], Fault(**start["fault"]), start["kill_after_s"], folder)
        answers.write(json.dumps(asdict(ended)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
