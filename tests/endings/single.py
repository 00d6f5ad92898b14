"""One process that exits, raises or dies."""

from __future__ import annotations

import signal

from tests.endings.row import Row

_DEFAULT = "the script exited with code {}"


# The codes that `make endings` runs too; they take the same path as the others.
_MORE_CODES = (1, 2, 64, 75, 126, 127, 255)


def _exits() -> list[Row]:
    rows = [Row("the code ends", "pass\n", 0, _DEFAULT.format(0), "completed")]
    for code in (0, 1, 2, 3, 64, 75, 126, 127, 137, 255):
        state = "failed" if code else "completed"
        place = " in train.py:2" if code else ""
        is_slow = code in _MORE_CODES
        reason = _DEFAULT.format(code)
        script = f"import sys\nsys.exit({code})\n"
        rows.append(Row(f"`sys.exit({code})`", script, code, reason + place, state, is_slow=is_slow))
        script = f"import os\nos._exit({code})\n"
        rows.append(Row(f"`os._exit({code})`", script, code, reason, state, is_slow=is_slow))
    return rows


_MEANINGS = {
    signal.SIGXCPU: "; it reached its limit of CPU time (RLIMIT_CPU)",
    signal.SIGXFSZ: "; it reached its limit of a file's size (RLIMIT_FSIZE)",
    signal.SIGPIPE: "; it wrote to a pipe or socket that was closed at the other end",
    signal.SIGBUS: " in train.py:2; a mapped file became shorter, or the disk or shared memory is full",
    signal.SIGSYS: "; it made a system call that its sandbox forbids",
    **dict.fromkeys((signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL), " in train.py:2"),
}
_BY_FAULT_HANDLER = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS}
_SIGNALS = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM XCPU XFSZ VTALRM PROF SYS IO PWR"
).split()


_MORE_SIGNALS = "HUP QUIT ILL TRAP FPE USR2 ALRM VTALRM PROF IO PWR".split()


def _signals() -> list[Row]:
    rows = []
    for name in _SIGNALS:
        number = signal.Signals[f"SIG{name}"]
        reset = (
            "" if number in _BY_FAULT_HANDLER or number == signal.SIGKILL else f"s.signal({int(number)}, s.SIG_DFL); "
        )
        script = f"import os, signal as s, time\n{reset}os.kill(os.getpid(), {int(number)}); time.sleep(60)\n"
        reason = f"the script was killed by SIG{name}{_MEANINGS.get(number, '')}"
        rows.append(Row(f"SIG{name}", script, 128 + number, reason, is_slow=name in _MORE_SIGNALS))
    rows.append(
        Row(
            "a null pointer in C",
            "import ctypes\ndef f():\n    ctypes.string_at(0)\nf()\n",
            139,
            "the script was killed by SIGSEGV in train.py:3",
        )
    )
    rows.append(
        Row(
            "the code ends, then SIGSEGV while Python exits",
            "import atexit, os\natexit.register(lambda: os.kill(os.getpid(), 11))\n",
            139,
            "the script was killed by SIGSEGV in train.py:2 after its code had ended",
        )
    )
    rows.append(
        Row(
            "an exception, then SIGABRT while Python exits",
            "import atexit, os\natexit.register(os.abort)\nraise ValueError('bad')\n",
            134,
            "ValueError: bad (train.py:3) (the script was killed by SIGABRT)",
        )
    )
    return rows


ROWS = [*_exits(), *_signals()]
