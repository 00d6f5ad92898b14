"""Run the command, or a training under the bootstrap, while one of its calls fails or kills the process.

One warm process forks for each start, because the imports would take longer than everything else.

python -m tests.support.zygote PROGRAM FOLDER    a JSON object a line in (see _fork), one a line out (Ended)

PROGRAM is ``command``, or ``training``: the arguments of ``training`` are those of the bootstrap, the script and its
arguments.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from tests.support import faulty_calls
from tests.support.command import environment
from tests.support.faulty_calls import Fault
from tsdia_run.__main__ import main as command
from tsdia_run.launch.command import BOOTSTRAP

# A start that waits for too long is ended by SIGALRM.
_LIMIT_S = 300
# The modules that a first step and a first checkpoint import.
_IMPORTS = """\
import torch
from accelerate import Accelerator
accelerator = Accelerator(cpu=True, project_dir="warm-run")
model = torch.nn.Linear(1, 1)
model, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
accelerator.save_state("warm-run/checkpoint")
accelerator.load_state("warm-run/checkpoint")
"""


@dataclass(frozen=True)
class Ended:
    """How a start ended.

    Attributes:
        code: Its exit code; negative for a signal.
        out: Its standard output.
        err: Its standard error.
        failed: The call that failed; empty if none did.
    """

    code: int
    out: str
    err: str
    failed: str


class Zygote:
    """The warm process.

    Args:
        folder: An empty folder for the process.
        program: The program to start.
    """

    def __init__(self, folder: Path, program: str = "command") -> None:
        self._folder, self._program = folder, program
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        folder = tempfile.mkdtemp(dir=self._folder)
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote", self._program, folder],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def run(
        self,
        *words: str,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        fault: Fault | None = None,
        kill_after_s: float | None = None,
    ) -> Ended:
        """Run the program until its process exits, or kill it after some time; its training may still be running
        afterwards.

        Args:
            words: Its arguments.
            cwd: Its working directory.
            env: Its whole environment; None for that of ``tests.support.command``.
            fault: The fault to inject.
            kill_after_s: The time after which it is killed.
        """
        start = {
            "words": words,
            "cwd": str(cwd),
            "env": dict(environment() if env is None else env),
            "fault": asdict(fault or Fault(str(cwd))),
            "kill_after_s": kill_after_s,
        }
        try:
            return Ended(**json.loads(self._answer(json.dumps(start))))
        except BaseException:  # such as pytest's timeout: the next test would read the answer to this start
            self._process.kill()
            self._process.communicate()
            self._process = self._start()
            raise

    def _answer(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def _run_command(words: list[str]) -> None:
    sys.argv = ["tsdia-run", *words]
    command()


def _run_training(words: list[str]) -> None:
    sys.argv = [str(BOOTSTRAP), *words]
    spec = spec_from_file_location("__main__", BOOTSTRAP)
    assert spec
    assert spec.loader
    spec.loader.exec_module(module_from_spec(spec))


def _warm_up_command(folder: Path) -> None:
    # One start imports the modules that every start imports.
    (folder / "train.py").touch()
    code = _ended(_run_command, ["new", "--run-dir", "warm-run", "--launcher", "python"])
    assert code == 0, (folder / "warm").read_text()


def _warm_up_training(folder: Path) -> None:
    script = folder / "train.py"
    script.write_text(_IMPORTS)
    code = _ended(_run_training, [str(script)])
    assert code == 0, (folder / "warm").read_text()
    # The hooks are installed when it is imported.
    sys.meta_path.pop(0)
    for name in [*sys.modules]:
        if name.startswith(("accelerate", "tsdia_run.training")):
            del sys.modules[name]


PROGRAMS = {"command": (_warm_up_command, _run_command), "training": (_warm_up_training, _run_training)}


def _ended(run: Callable[[list[str]], None], words: list[str]) -> int:
    """Return the exit code that Python would return."""
    try:
        run(words)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _redirect(fd: int, path: Path | str) -> None:
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(opened, fd)
    os.close(opened)


def _fork(
    run: Callable[[list[str]], None],
    folder: Path,
    words: list[str],
    cwd: str,
    env: dict[str, str],
    fault: Fault,
    kill_after_s: float | None,
) -> Ended:
    out, err, report = (folder / name for name in ("out", "err", "report"))
    report.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        leave = os._exit
        try:
            _redirect(1, out)
            _redirect(2, err)
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(env)
            signal.alarm(_LIMIT_S)
            if fault.at:
                faulty_calls.install(fault, report)
            leave(_ended(run, words))
        finally:
            leave(99)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(pid, signal.SIGKILL)  # not reaped yet, so no other process can have its pid
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    failed = report.read_text() if report.exists() else ""
    return Ended(code, out.read_text(), err.read_text(), failed)


@contextmanager
def _unchanged_signals() -> Iterator[None]:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    handlers = {
        number: signal.getsignal(number) for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    }
    yield
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def main() -> None:
    """Answer requests until standard input ends."""
    warm_up, run = PROGRAMS[sys.argv[1]]
    folder = Path(sys.argv[2])
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    _redirect(0, os.devnull)
    _redirect(1, os.devnull)
    _redirect(2, folder / "warm")
    os.chdir(folder)
    with _unchanged_signals():  # tsdia-run blocks them until it exits
        warm_up(folder)
    # The supervisor imports modules in a thread: a fork meanwhile could never import them.
    for thread in set(threading.enumerate()) - {threading.current_thread()}:
        thread.join()
    for line in requests:
        start = json.loads(line)
        ended = _fork(run, folder, **start | {"fault": Fault(**start["fault"])})
        answers.write(json.dumps(asdict(ended)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
