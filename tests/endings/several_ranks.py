"""Two ranks under Accelerate's launcher; ``rank 0`` fails unless the row says otherwise."""

from __future__ import annotations

from tests.endings.row import How, Row

_GLOO = (
    "import os, sys, torch\nfrom torch import distributed\ndistributed.init_process_group('gloo')\n"
    "def reduce(): distributed.all_reduce(torch.zeros(1))\nreduce()\nif distributed.get_rank() == 0:\n    {}\nreduce()\n"
)
_PEER = "import os, signal, sys, ending\nending.wait_for_peer()\n{}\n"
_ALONE = "import os, sys, ending\nif ending.RANK == {}:\n    {}\nending.wait()\n"


def _two(cause: str, script: str, exit_code: int, reason: str, rank: int | None = 0, **more: object) -> Row:
    return Row(cause, script, exit_code, reason, ranks=2, rank=rank, **more)  # type: ignore[arg-type]


ROWS = [
    Row("the code ends on both ranks", "pass\n", 0, "the script exited with code 0", "completed", 2),
    _two("`os._exit(3)` on rank 0 while rank 1 waits for it", _PEER.format("os._exit(3)"), 3,
         "rank 0 exited with code 3"),
    _two("`sys.exit(3)` on rank 0 while rank 1 waits for it", _PEER.format("sys.exit(3)"), 3,
         "rank 0 exited with code 3 in train.py:3"),
    _two("SIGSEGV on rank 0 while rank 1 waits for it", _PEER.format("ending.die(11)"), 139,
         "rank 0 was killed by SIGSEGV"),
    _two("SIGKILL on rank 0 while rank 1 waits for it", _PEER.format("ending.die(9)"), 137,
         "rank 0 was killed by SIGKILL", is_slow=True),
    _two("SIGABRT on rank 0 while rank 1 waits for it", _PEER.format("os.abort()"), 134,
         "rank 0 was killed by SIGABRT", is_slow=True),
    _two("an exception on rank 0 while rank 1 waits for it", _PEER.format("raise ValueError('bad')"), 1,
         "ValueError: bad (train.py:3) on rank 0 (rank 0 exited with code 1)"),
    _two("an exception on rank 0 that is slow to exit", "import atexit, time\n" + _PEER.format(
         "atexit.register(time.sleep, 2); raise ValueError('bad')"), 1,
         "ValueError: bad (train.py:4) on rank 0 (rank 0 exited with code 1)", is_slow=True),
    _two("`os._exit(0)` on rank 0 while rank 1 waits for it", _PEER.format("os._exit(0)"), 1,
         "ConnectionResetError: connection reset by peer (ending.py:…) on rank 1 (rank 1 exited with code 1)"
         "; rank 0 had exited with code 0", rank=1),
    _two("`os._exit(3)` on rank 0 in gloo's all_reduce", _GLOO.format("os._exit(3)"), 3, "rank 0 exited with code 3"),
    _two("SIGSEGV on rank 0 in gloo's all_reduce", _GLOO.format("os.kill(os.getpid(), 11)"), 139,
         "rank 0 was killed by SIGSEGV", is_slow=True),
    _two("SIGKILL on rank 0 in gloo's all_reduce", _GLOO.format("os.kill(os.getpid(), 9)"), 137,
         "rank 0 was killed by SIGKILL", is_slow=True),
    _two("an exception on rank 0 in gloo's all_reduce", _GLOO.format("raise ValueError('bad')"), 1,
         "ValueError: bad (train.py:7) on rank 0 (rank 0 exited with code 1)", is_slow=True),
    _two("`sys.exit(0)` on rank 0 in gloo's all_reduce", _GLOO.format("sys.exit(0)"), 1,
         "RuntimeError: …closed by peer… on rank 1 (rank 1 exited with code 1); rank 0 had exited with code 0",
         rank=1, is_slow=True),
    _two("rank 0 does not come to gloo's all_reduce",
         "import datetime, time, torch\nfrom torch import distributed\n"
         "distributed.init_process_group('gloo', timeout=datetime.timedelta(seconds=3))\n"
         "def reduce(): distributed.all_reduce(torch.zeros(1))\nreduce()\n"
         "if distributed.get_rank() == 0:\n    time.sleep(60)\nreduce()\n", 1,
         "RuntimeError: …(train.py:4) on rank 1 (rank 1 exited with code 1); rank 0 had not ended", rank=1, is_slow=True),
    _two("`os._exit(3)` on rank 1", _ALONE.format(1, "os._exit(3)"), 3, "rank 1 exited with code 3", rank=1),
    _two("`sys.exit(\"text\")` on rank 1", _ALONE.format(1, "sys.exit('no data')"), 1,
         "no data (train.py:3) on rank 1 (rank 1 exited with code 1)", rank=1, is_slow=True),
    _two("SIGTERM on rank 1, not from tsdia-run", _ALONE.format(1, "ending.die(15)"), 143,
         "rank 1 was killed by SIGTERM", rank=1, is_slow=True),
    _two("SIGINT on rank 1, not from tsdia-run", _ALONE.format(1, "ending.die(2)"), 130,
         "rank 1 was killed by SIGINT", rank=1, is_slow=True),
    _two("a KeyboardInterrupt that rank 1 raises", _ALONE.format(1, "raise KeyboardInterrupt"), 130,
         "KeyboardInterrupt (train.py:3) on rank 1 (rank 1 was killed by SIGINT)", rank=1, is_slow=True),
    _two("`raise … from` on rank 1",
         "import ending\nif ending.RANK == 1:\n    raise RuntimeError('failed') from KeyError('lr')\nending.wait()\n", 1,
         "RuntimeError: failed (train.py:3), caused by KeyError: 'lr' on rank 1 (rank 1 exited with code 1)", rank=1,
         is_slow=True),
    _two("a SyntaxError on both ranks", "def f(:\n", 1,
         "SyntaxError: invalid syntax… (train.py:1) on rank … (rank … exited with code 1)", rank=None, is_slow=True),
    _two("`os._exit(4)` on rank 1 after an error message",
         _ALONE.format(1, "print('fatal: no data', flush=True); os._exit(4)"), 4,
         'rank 1 exited with code 4; it printed "fatal: no data"', rank=1),
    _two("`os._exit(4)` on rank 1 after it printed its exception",
         "import os, traceback, ending\nif ending.RANK == 1:\n    try:\n        1 / 0\n    except Exception:\n"
         "        traceback.print_exc()\n        os._exit(4)\nending.wait()\n", 4,
         "ZeroDivisionError: division by zero (train.py:4) on rank 1 (rank 1 exited with code 4)", rank=1, is_slow=True),
    _two("NCCL's watchdog on rank 1, as torch prints it",
         _ALONE.format(1, "raise RuntimeError('[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=5)')"),
         1, "RuntimeError: [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=5) (train.py:3) on rank 1 "
         "(rank 1 exited with code 1); rank 0 had not ended", rank=1, is_slow=True),
    _two("both ranks fail", "import ending\nending.both_ready()\nraise ValueError(f'rank {ending.RANK}')\n", 1,
         "ValueError: rank … (train.py:3) on rank … (rank … exited with code 1)", rank=None, is_slow=True),
    _two("rank 1 fails long after rank 0 has completed",
         "import ending\npeer = ending.both_ready()\nif ending.RANK == 1:\n    ending.wait_for_end_of(peer)\n"
         "    raise ValueError('late')\n", 1, "ValueError: late (train.py:5) on rank 1 (rank 1 exited with code 1)", rank=1,
         is_slow=True),
    _two("an exception on rank 1 without hooks",
         "import os, time\nif os.environ['RANK'] == '1':\n    raise ValueError('bad')\ntime.sleep(60)\n", 1,
         "ValueError: bad (train.py:3) on rank 1 (rank 1 exited with code 1)", rank=1, how=How.NO_HOOKS),
    _two("`os._exit(3)` on rank 1 without hooks",
         "import os, time\nif os.environ['RANK'] == '1':\n    os._exit(3)\ntime.sleep(60)\n", 3,
         "rank 1 exited with code 3", rank=1, how=How.NO_HOOKS, is_slow=True),
    _two("SIGTERM to the launcher, not from tsdia-run",
         "import os, time\nif os.environ['RANK'] == '0':\n    os.kill(os.getppid(), 15)\ntime.sleep(60)\n", 143,
         "the launcher was stopped by SIGTERM, which did not come from tsdia-run", rank=None),
    _two("SIGKILL to the launcher",
         "import os, time\nif os.environ['RANK'] == '0':\n    os.kill(os.getppid(), 9)\ntime.sleep(60)\n", 137,
         "the launcher was killed by SIGKILL", rank=None, is_slow=True),
]  # fmt: skip
