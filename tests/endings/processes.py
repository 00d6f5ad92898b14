"""Child processes: forks, pools, data loaders; and kills for memory."""

from __future__ import annotations

from tests.endings.row import Needs, Row

_END = "(the script exited with code 1)"
_LOADER = (
    "import os, torch\nfrom torch.utils.data import DataLoader, Dataset\nclass Data(Dataset):\n"
    "    def __len__(self): return 8\n    def __getitem__(self, n):\n        {}\n        return torch.zeros(1)\n"
    "if __name__ == '__main__':\n    for batch in DataLoader(Data(), num_workers={}): pass\n"
)
_FILL = (
    "import os\nfree = os.statvfs('runs/exp')\nfile = open('runs/exp/big', 'wb', buffering=0)\n"
    "file.write(bytes(free.f_bavail * free.f_frsize - 40 * 1024))\n"
)
_MEMORY = "; out of memory: the kernel's OOM killer was active; the largest process used … MiB of 200.0 MiB"

ROWS = [
    Row("a fork that fails, its parent does not", "import os\nif not os.fork():\n    os._exit(3)\nos.wait()\n", 0,
        "the script exited with code 0", "completed"),
    Row("a fork that raises, its parent calls `sys.exit(1)`",
        "import os, sys\nif not os.fork():\n    raise ValueError('in the fork')\n_, status = os.wait()\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n", 1,
        f"ValueError: in the fork (train.py:3) {_END}"),
    Row("an exception in a process pool",
        "from multiprocessing import Pool\ndef work(n):\n    raise ValueError(n)\nif __name__ == '__main__':\n"
        "    with Pool(1) as pool: pool.map(work, [7])\n", 1,
        f"ValueError: 7 (train.py:5), in a child process (train.py:3) {_END}"),
    Row("an exception in a spawned process pool",
        "import multiprocessing\ndef work(n):\n    raise ValueError(n)\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool: pool.map(work, [7])\n", 1,
        f"ValueError: 7 (train.py:5), in a child process (train.py:3) {_END}"),
    Row("an exception in a ProcessPoolExecutor",
        "from concurrent.futures import ProcessPoolExecutor\ndef work(n):\n    raise ValueError(n)\n"
        "if __name__ == '__main__':\n    with ProcessPoolExecutor(1) as pool: print(list(pool.map(work, [7])))\n", 1,
        f"ValueError: 7 (train.py:5), in a child process (train.py:3) {_END}"),
    Row("SIGKILL of a ProcessPoolExecutor's worker",
        "import os\nfrom concurrent.futures import ProcessPoolExecutor\ndef work(n):\n    os.kill(os.getpid(), 9)\n"
        "if __name__ == '__main__':\n    with ProcessPoolExecutor(1) as pool: print(list(pool.map(work, [7])))\n", 1,
        "concurrent.futures.process.BrokenProcessPool: A process in the process pool was terminated abruptly …"
        f"(train.py:6) {_END}"),
    Row("an exception in a data loader's worker", _LOADER.format("raise ValueError('bad sample')", 1), 1,
        f"ValueError: bad sample (train.py:6, in DataLoader worker process 0) {_END}"),
    Row("an exception with a long traceback in a data loader's worker",
        _LOADER.format("exec('def f(n): return f(n - 1) if n else 1 / 0'); globals().update(locals()); f(60)", 1), 1,
        f"ZeroDivisionError: division by zero (train.py:6, in DataLoader worker process 0) {_END}", is_slow=True),
    Row("`os._exit(3)` in a data loader's worker", _LOADER.format("os._exit(3)", 1), 1,
        f"RuntimeError: DataLoader worker (pid(s) …) exited unexpectedly…(train.py:9)…{_END}", is_slow=True),
    Row("SIGKILL of both workers of a data loader", _LOADER.format("os.kill(os.getpid(), 9)", 2), 1,
        f"RuntimeError: DataLoader worker (pid…killed by signal: Killed.…{_END}"),
    Row("SIGSEGV in a data loader's worker", _LOADER.format("os.kill(os.getpid(), 11)", 2), 1,
        f"RuntimeError: DataLoader worker (pid…killed by signal: Segmentation fault.…{_END}", is_slow=True),
    Row("an exception in torch.multiprocessing.spawn",
        "import torch.multiprocessing as mp\ndef work(rank):\n    raise ValueError('bad')\n"
        "if __name__ == '__main__':\n    mp.spawn(work, nprocs=1)\n", 1,
        f"ValueError: bad (train.py:3, in Process 0) {_END}", is_slow=True),
    Row("the script is killed for memory", "food = [bytearray(2**20) for _ in range(4096)]\n", 137,
        f"the script was killed by SIGKILL{_MEMORY}", needs=Needs.CGROUP),
    Row("a child is killed for memory, the script survives, SIGKILL later",
        "import os, subprocess, sys, time\n"
        "subprocess.run([sys.executable, '-c', 'food = [bytearray(2**20) for _ in range(4096)]'])\n"
        "time.sleep(1.5)\nos.kill(os.getpid(), 9)\n", 137, "the script was killed by SIGKILL", needs=Needs.CGROUP),
    Row("a child is killed for memory, the script fails",
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'food = [bytearray(2**20) for _ in range(4096)]'], check=True)\n", 1,
        f"subprocess.CalledProcessError: Command …died with <Signals.SIGKILL: 9>. (train.py:2) {_END}{_MEMORY}",
        needs=Needs.CGROUP),
    Row("a worker of a pool is killed for memory",
        "from concurrent.futures import ProcessPoolExecutor\ndef work(n):\n"
        "    return [bytearray(2**20) for _ in range(4096)]\nif __name__ == '__main__':\n"
        "    with ProcessPoolExecutor(1) as pool: list(pool.map(work, [7]))\n", 1,
        f"concurrent.futures.process.BrokenProcessPool: …(train.py:5) {_END}{_MEMORY}", needs=Needs.CGROUP),
    Row("the disk of the run directory is full",
        f"{_FILL}os.posix_fallocate(file.fileno(), 0, 2**28)\n", 1,
        f"OSError: [Errno 28] No space left on device (train.py:5) {_END}; the disk of the run directory is full",
        needs=Needs.DISK),
    Row("a full disk, `os._exit(3)`",
        f"{_FILL}os._exit(3)\n", 3,
        "the script exited with code 3; the disk of the run directory is full", needs=Needs.DISK),
]  # fmt: skip
