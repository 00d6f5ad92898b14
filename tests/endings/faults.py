"""Faults in native code, and limits of the system."""

from __future__ import annotations

from tests.endings.row import Row

_LIMIT = "; it reached its limit of CPU time (RLIMIT_CPU)"
_SHORTER = "; a mapped file became shorter, or the disk or shared memory is full"


def _killed(cause: str, script: str, signal: str, number: int, where: str, **more: object) -> Row:
    return Row(cause, script, 128 + number, f"the script was killed by {signal}{where}", **more)  # type: ignore[arg-type]


ROWS = [
    _killed("RLIMIT_CPU", "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 10))\nwhile True: pass\n",
            "SIGXCPU", 24, _LIMIT),
    _killed("RLIMIT_CPU as `ulimit -t` sets it",
            "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass\n", "SIGKILL", 9, _LIMIT),
    Row("RLIMIT_CPU on rank 1",
        "import ending, resource\nif ending.RANK == 0: ending.wait()\nresource.setrlimit(resource.RLIMIT_CPU, (5, 99))\n"
        "while True: pass\n", 152, f"rank 1 was killed by SIGXCPU{_LIMIT}", ranks=2, rank=1, is_slow=True),
    _killed("RLIMIT_FSIZE, with the default action of SIGXFSZ",
            "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\nopen('big', 'wb').write(bytes(2**21))\n",
            "SIGXFSZ", 25, "; it reached its limit of a file's size (RLIMIT_FSIZE)", is_slow=True),
    _killed("a mapped file becomes shorter",
            "import mmap\nfile = open('map', 'w+b')\nfile.truncate(8192)\nmap = mmap.mmap(file.fileno(), 8192)\n"
            "file.truncate(0)\nmap[5000]\n", "SIGBUS", 7, f" in train.py:6{_SHORTER}"),
    _killed("a null pointer in C, in a thread of Python",
            "import ctypes, threading, time\ndef work():\n    ctypes.string_at(0)\nthreading.Thread(target=work).start()\n"
            "time.sleep(60)\n", "SIGSEGV", 11, " in train.py:3"),
    _killed("a fault in a thread of C",
            "import ctypes, time\nthread = ctypes.c_ulong()\n"
            "ctypes.CDLL(None).pthread_create(ctypes.byref(thread), None, ctypes.c_void_p(8), None)\ntime.sleep(60)\n",
            "SIGSEGV", 11, "…", is_slow=True),
    _killed("the C stack is full",
            "import sys\nsys.setrecursionlimit(10**9)\ndef f(n):\n    return sorted([1, 2], key=lambda x: f(n + 1))\nf(0)\n",
            "SIGSEGV", 11, "…", is_slow=True),
    _killed("memory is freed twice in C",
            "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n"
            "memory = ctypes.c_void_p(libc.malloc(100))\nlibc.free(memory)\nlibc.free(memory)\n", "SIGABRT", 6,
            " in train.py:6", is_slow=True),
    Row("`faulthandler.dump_traceback_later(…, exit=True)`",
        "import faulthandler, time\nfaulthandler.dump_traceback_later(0.1, exit=True)\ntime.sleep(60)\n", 1,
        'the script exited with code 1; it printed "Timeout (0:00:00.100000)!"'),
    Row("an alarm whose handler raises",
        "import signal, time\ndef handler(*_): raise TimeoutError('no batch')\nsignal.signal(14, handler)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.1)\ntime.sleep(60)\n", 1,
        "TimeoutError: no batch (train.py:2) (the script exited with code 1)", is_slow=True),
]  # fmt: skip
