"""Stops, hangs, and kills of tsdia-run's own processes."""

from __future__ import annotations

from tests.endings.row import Row

_TERM, _INT = "stopped by SIGTERM", "stopped by Ctrl-C (SIGINT)"
_NAMES = {15: _TERM, 2: _INT}
_HUNG = "hung: no output, metrics or checkpoint for … since the start; stack traces: attempts/0/stacks-rank*.txt"
_HANG = ("--hang-timeout", "1s")
_SHORT = "  stop_grace_s: 1\n"
_UNSEEN = "; its supervisor did not record this"
_HANDLER = (
    "import signal, sys, ending\ndef handler(*_):\n    {}\nsignal.signal({}, handler)\nending.stop({})\nending.wait()\n"
)
_HANDLER_TWO = (
    "import signal, sys, ending\ndef handler(*_):\n    {}\nsignal.signal(15, handler)\nending.both_ready()\n"
    "ending.stop(15)\nending.wait()\n"
)
_KILL = "import os, time, ending\nos.kill(ending.supervisor(), 9)\ntime.sleep(0.3)\n{}\n"
_KILL_TWO = (
    "import os, time, ending\nending.both_ready()\nif ending.RANK == 0:\n    os.kill(ending.supervisor(), 9)\n"
    "time.sleep(0.3)\n{}\n"
)


def _stopped(cause: str, script: str, number: int, how: str = "", **more: object) -> Row:
    reason = _NAMES[number] + how
    return Row(cause, script, -number, reason, "stopped", is_stopped=True, **more)  # type: ignore[arg-type]


def _both(cause: str, body: str, how: str) -> list[Row]:
    return [
        _stopped(f"{name}, {cause}", _HANDLER.format(body, n, n), n, how)
        for n, name in ((15, "SIGTERM"), (2, "Ctrl-C"))
    ]


_STOPS = [
    _stopped("SIGTERM, no handler", "import ending\nending.stop(15)\nending.wait()\n", 15),
    _stopped("Ctrl-C, no handler", "import ending\nending.stop(2)\nending.wait()\n", 2),
    *_both("the handler calls `sys.exit(0)`", "sys.exit(0)", "; the script exited with code 0"),
    *_both("the handler calls `sys.exit(7)`", "sys.exit(7)", "; the script exited with code 7"),
    *_both("the save in the handler fails", "raise OSError(28, 'No space left on device')",
           "; then OSError: [Errno 28] No space left on device (train.py:3) (the script exited with code 1)"),
    _stopped("Ctrl-C, the save after KeyboardInterrupt fails",
             "import ending\nending.stop(2)\ntry:\n    ending.wait()\nexcept KeyboardInterrupt:\n    {}['lr']\n", 2,
             "; then KeyError: 'lr' (train.py:6) (the script exited with code 1)"),
    _stopped("SIGTERM, SIGSEGV in the save", _HANDLER.format("ending.die(11)", 15, 15), 15,
             "; the script was killed by SIGSEGV…"),
    _stopped("SIGTERM that the script ignores",
             "import signal, ending\nsignal.signal(15, signal.SIG_IGN)\nending.stop(15)\nending.wait()\n", 15,
             "; the script was killed by SIGKILL", settings=_SHORT),
    _stopped("Ctrl-C and SIGTERM that the script ignores",
             "import signal, ending\nsignal.signal(2, signal.SIG_IGN)\nsignal.signal(15, signal.SIG_IGN)\n"
             "ending.stop(2)\nending.wait()\n", 2, "; the script was killed by SIGKILL", settings=_SHORT, is_slow=True),
    _stopped("SIGTERM, two ranks", "import ending\nending.both_ready()\nending.stop(15)\nending.wait()\n", 15, ranks=2),
    _stopped("Ctrl-C, two ranks", "import ending\nending.both_ready()\nending.stop(2)\nending.wait()\n", 2, ranks=2,
             is_slow=True),
    _stopped("SIGTERM, the handler of both ranks calls `sys.exit(0)`", _HANDLER_TWO.format("sys.exit(0)"), 15,
             "; ranks 0 and 1 exited with code 0", ranks=2),
    _stopped("SIGTERM, the handler calls `sys.exit(7)` on rank 1", _HANDLER_TWO.format("sys.exit(ending.RANK * 7)"), 15,
             "; rank 0 exited with code 0, rank 1 exited with code 7", ranks=2, is_slow=True),
    _stopped("SIGTERM that rank 1 ignores",
             "import os, signal, ending\nif ending.RANK == 1: signal.signal(15, signal.SIG_IGN)\npeer = ending.both_ready()\n"
             "ending.stop(15)\nif ending.RANK == 1:\n    ending.wait_for_end_of(peer)\n"
             "    os.kill(ending.supervisor(), 2)\nending.wait()\n", 15, "; rank 1 was killed by SIGKILL", ranks=2, rank=1),
    _stopped("SIGTERM that both ranks ignore",
             "import signal, ending\nsignal.signal(15, signal.SIG_IGN)\nending.both_ready()\n"
             "ending.stop(15)\nending.wait()\n", 15, "; ranks 0 and 1 were killed by SIGKILL", ranks=2, rank=0,
             settings=_SHORT, is_slow=True),
    _stopped("SIGTERM, the save on rank 1 fails",
             "import signal, ending\ndef handler(*_):\n    if ending.RANK == 1: raise OSError(28, 'No space left')\n"
             "    raise SystemExit(0)\nsignal.signal(15, handler)\nending.both_ready()\nending.stop(15)\nending.wait()\n",
             15, "; then OSError: [Errno 28] No space left (train.py:3) on rank 1 (rank 1 exited with code 1)", ranks=2,
             rank=1),
]  # fmt: skip

_HANGS = [
    Row("a hang", "import ending\ndef load():\n    ending.wait()\nload()\n", 143,
        f"{_HUNG}; the script was in ending.py:… (wait); the script was killed by SIGTERM", flags=_HANG, settings=_SHORT),
    Row("a hang in a lock", "import threading\ndef load():\n    threading.Event().wait()\nload()\n", 143,
        f"{_HUNG}; the script was in train.py:3 (load); the script was killed by SIGTERM", flags=_HANG, settings=_SHORT,
        is_slow=True),
    Row("a hang that exits with 0 on SIGTERM",
        "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(0))\ntime.sleep(60)\n", 1,
        f"{_HUNG}; the script was in train.py:3; the script exited with code 0", flags=_HANG, settings=_SHORT),
    Row("a hang that ignores SIGTERM",
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(60)\n", 137,
        f"{_HUNG}; the script was in train.py:3; the script was killed by SIGKILL", flags=_HANG, settings=_SHORT),
    Row("a hang of rank 0 while rank 1 waits for it",
        "import time, ending\ndef load():\n    time.sleep(60)\ndef reduce():\n    time.sleep(60)\n"
        "load() if ending.RANK == 0 else reduce()\n", 143,
        f"{_HUNG}; rank 0 was in train.py:3 (load), rank 1 was in train.py:5 (reduce); ranks 0 and 1 were killed by SIGTERM", ranks=2,
        flags=("--hang-timeout", "4s"), is_slow=True),
]  # fmt: skip

_KILLS = [
    Row("SIGKILL of tsdia-run, the script ends", _KILL.format("pass"), -9,
        f"the script exited with code 0{_UNSEEN}", "completed"),
    Row("SIGKILL of tsdia-run, `sys.exit(3)`", _KILL.format("raise SystemExit(3)"), -9,
        f"the script exited with code 3 in train.py:4{_UNSEEN}"),
    Row("SIGKILL of tsdia-run, an exception", _KILL.format("raise ValueError('bad')"), -9,
        f"ValueError: bad (train.py:4) (the script exited with code 1){_UNSEEN}"),
    Row("SIGKILL of tsdia-run, KeyboardInterrupt", _KILL.format("raise KeyboardInterrupt"), -9,
        f"KeyboardInterrupt (train.py:4) (the script was killed by SIGINT){_UNSEEN}", is_slow=True),
    Row("SIGKILL of tsdia-run, SIGSEGV", _KILL.format("os.kill(os.getpid(), 11)"), -9,
        f"the script was killed by SIGSEGV in train.py:4{_UNSEEN}"),
    Row("SIGKILL of tsdia-run, SIGABRT", _KILL.format("os.abort()"), -9,
        f"the script was killed by SIGABRT in train.py:4{_UNSEEN}", is_slow=True),
    Row("SIGKILL of tsdia-run, SIGKILL of the script", _KILL.format("os.kill(os.getpid(), 9)"), -9,
        "no heartbeat and no recorded ending: killed with its supervisor, or the machine went down", "lost"),
    Row("SIGKILL of tsdia-run, `tsdia-run stop`",
        _KILL.format("import subprocess, sys\n"
                     "subprocess.Popen(['tsdia-run', 'stop', os.environ['TSDIA_RUN_DIR']],\n"
                     "                 env={k: v for k, v in os.environ.items() if 'TSDIA' not in k},\n"
                     "                 start_new_session=True)\nending.wait()"), -9,
        f"stopped by `tsdia-run stop` on …; its processes ended without an exit record{_UNSEEN}", "stopped", is_stopped=True),
    Row("SIGKILL of tsdia-run, an exception on rank 1",
        _KILL_TWO.format("if ending.RANK == 1: raise ValueError('bad')\nending.wait()"), -9,
        f"ValueError: bad (train.py:6) on rank 1 (rank 1 exited with code 1){_UNSEEN}", ranks=2, rank=1),
    Row("SIGKILL of tsdia-run, `os._exit(3)` on rank 0",
        _KILL_TWO.format("if ending.RANK == 0: os._exit(3)\nending.wait()"), -9,
        f"rank 0 exited with code 3{_UNSEEN}", ranks=2, rank=0, is_slow=True),
    Row("SIGKILL of the relay, then an exception",
        "import os, time, ending\nos.kill(ending.relay(), 9)\ntime.sleep(1)\nraise ValueError('bad')\n", 1,
        "ValueError: bad (train.py:4) (the script exited with code 1)"),
    Row("the run directory is removed, then an exception",
        "import os, shutil, time\nrun = os.environ['TSDIA_RUN_DIR']\nshutil.rmtree(run, ignore_errors=True)\n"
        "while not os.path.isdir(run + '/attempts/0'): time.sleep(0.05)\nraise ValueError('bad')\n", 1,
        "ValueError: bad (train.py:5) (the script exited with code 1)"),
    Row("the run directory is moved, then `os._exit(3)`",
        "import os\nos.rename(os.environ['TSDIA_RUN_DIR'], 'moved')\nos._exit(3)\n", 3, "the script exited with code 3"),
]  # fmt: skip

ROWS = [*_STOPS, *_HANGS, *_KILLS]
