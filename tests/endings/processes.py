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
    "def fill():\n    file = open('runs/exp/big', 'ab', buffering=0)\n    for size in (2**20, 4096, 1):\n        try:\n"
    "            while True: file.write(bytes(size))\n        except OSError: pass\n"
)
_FULL = "; the disk of the run directory is full"
_FAIL = "import subprocess\nsubprocess.run(['./fail'], check=True)\n"
_MEMORY = "; out of memory: the kernel's OOM killer was active; the largest process used … MiB of …00.0 MiB"

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
    Row("a data loader's worker is killed for memory", _LOADER.format("[bytearray(2**20) for _ in range(4096)]", 1), 1,
        f"RuntimeError: DataLoader worker (pid…killed by signal: Killed.…{_END}{_MEMORY}", needs=Needs.LARGE_CGROUP,
        is_slow=True),
    Row("the disk of the run directory is full, an exception", f"{_FILL}fill()\nopen('runs/exp/x', 'wb', buffering=0).write(b'x')\n", 1,
        f"OSError: [Errno 28] No space left on device (train.py:8) {_END}{_FULL}", needs=Needs.DISK),
    Row("the disk of the run directory is full, `os._exit(3)`", f"{_FILL}fill()\nimport os\nos._exit(3)\n", 3,
        f"the script exited with code 3{_FULL}", needs=Needs.DISK),
    Row("the disk of the run directory is full, an exception of another kind", f"{_FILL}fill()\n{{}}['lr']\n", 1,
        f"KeyError: 'lr' (train.py:8) {_END}{_FULL}", needs=Needs.DISK),
    Row("the disk of the run directory is full, an exception on rank 1",
        f"{_FILL}import ending\nif ending.RANK == 0: ending.wait()\nfill()\n{{}}['lr']\n", 1,
        f"KeyError: 'lr' (train.py:10) on rank 1 (rank 1 exited with code 1){_FULL}", ranks=2, rank=1, needs=Needs.DISK,
        is_slow=True),
    Row("SIGTERM, the save fails on a full disk",
        f"{_FILL}import ending, signal\ndef save(*_): open('runs/exp/x', 'wb', buffering=0).write(b'x')\nfill()\n"
        "signal.signal(15, save)\nending.stop(15)\nending.wait()\n", -15,
        f"stopped by SIGTERM; then OSError: [Errno 28] No space left on device (train.py:8) {_END}{_FULL}", "stopped",
        is_stopped=True, needs=Needs.DISK),
    Row("the disk of the run directory is unmounted, then an exception", f"{_FAIL}open('runs/exp/x', 'w')\n", 1,
        f"FileNotFoundError: … 'runs/exp/x' (train.py:3) {_END}", needs=Needs.UNMOUNTED),
    Row("the disk of the run directory becomes read-only, then an exception", f"{_FAIL}open('runs/exp/x', 'w')\n", 1,
        f"OSError: [Errno 30] Read-only file system: 'runs/exp/x' (train.py:3) {_END}", needs=Needs.READ_ONLY,
        is_slow=True),
    Row("the FUSE mount of the run directory dies, then an exception", f"{_FAIL}open('runs/exp/x', 'w')\n", 1,
        f"…Error: [Errno 10…] …: 'runs/exp/x' (train.py:3) {_END}", needs=Needs.DEAD, is_slow=True),
    Row("the FUSE mount of the run directory dies, then an exception on rank 1",
        f"import ending\nif ending.RANK == 0: ending.wait()\n{_FAIL}open('runs/exp/x', 'w')\n", 1,
        "…Error: [Errno 10…] …: 'runs/exp/x' (train.py:5) on rank 1 (rank 1 exited with code 1)",
        ranks=2, rank=1, needs=Needs.DEAD, is_slow=True),
]  # fmt: skip
