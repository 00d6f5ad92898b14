"""Entrypoints that start the script themselves: shell scripts, Python, torchrun, accelerate launch."""

from __future__ import annotations

from tests.endings.row import How, Row

_ALONE = "import os, time\nif os.environ['RANK'] == '1':\n    {}\ntime.sleep(60)\n"
_TORCHRUN = "#!/bin/sh\nexec torchrun --nproc-per-node 2 inner.py\n"
_ACCELERATE = "#!/bin/sh\nexec accelerate launch --num_processes 1 inner.py\n"
_TWO = "#!/bin/sh\nexec accelerate launch --multi_gpu --num_processes 2 inner.py\n"


def _program(cause: str, script: str, exit_code: int, reason: str, inner: str = "", **more: object) -> Row:
    return Row(cause, script, exit_code, reason, how=How.PROGRAM, files={"inner.py": inner}, **more)  # type: ignore[arg-type]


_END = "(the script exited with code 1)"
ROWS = [
    _program("a shell script that exits with 0", "#!/bin/sh\ntrue\n", 0, "the script exited with code 0",
             state="completed"),
    _program("a shell script that exits with 3", "#!/bin/sh\nexit 3\n", 3, "the script exited with code 3"),
    _program("a command that does not exist", "#!/bin/sh\nno_such_command\n", 127,
             'the script exited with code 127; it printed "…no_such_command: not found"'),
    _program("a shell script whose command SIGKILL ends", "#!/bin/sh\nsh -c 'kill -9 $$'\n", 137,
             'the script exited with code 137, as a shell does after SIGKILL…'),
    _program("a shell script whose command SIGSEGV ends", "#!/bin/sh\nsh -c 'kill -11 $$'\n", 139,
             'the script exited with code 139, as a shell does after SIGSEGV…'),
    _program("SIGKILL of a shell script", "#!/bin/sh\nkill -9 $$\n", 137, "the script was killed by SIGKILL"),
    _program("a shell script with an error message", "#!/bin/sh\necho 'fatal: no data' >&2\nexit 4\n", 4,
             'the script exited with code 4; it printed "fatal: no data"'),
    _program("a variable that is not set in a shell script", "#!/bin/bash\nset -u\necho $NO_SUCH_VARIABLE\n", 1,
             'the script exited with code 1; it printed "…NO_SUCH_VARIABLE: unbound variable"'),
    _program("a time limit of `timeout` in a shell script", "#!/bin/sh\ntimeout 0.1 sleep 60\n", 124,
             "the script exited with code 124, as timeout does at its time limit"),
    _program("`die` in Perl", "#!/usr/bin/perl\ndie 'nothing here';\n", 255,
             'the script exited with code 255; it printed "nothing here at … line 2."', is_slow=True),
    _program("a damaged program", "\x7fELF\n", 126,
             "could not start …/train: Exec format error"),
    _program("a program whose interpreter does not exist", "#!/no/such/interpreter\n", 126,
             "could not start …/train: the interpreter in its first line does not exist"),
    _program("an exception in a pipeline with `pipefail`", "#!/bin/bash\nset -o pipefail\npython3 inner.py | cat\n", 1,
             f"ValueError: bad (inner.py:1) {_END}", "raise ValueError('bad')\n"),
    _program("an exception in a pipeline without `pipefail`", "#!/bin/bash\npython3 inner.py | cat\n", 0,
             "the script exited with code 0", "raise ValueError('bad')\n", state="completed", is_slow=True),
    _program("an exception under a shell script that a shell script starts",
             "#!/bin/sh\nsh -c 'python3 inner.py' || exit 9\n", 9,
             "ValueError: bad (inner.py:1) (the script exited with code 9)", "raise ValueError('bad')\n"),
    _program("an exception under a shell script", "#!/bin/sh\npython3 inner.py\n", 1,
             f"ValueError: bad (inner.py:1) {_END}", "raise ValueError('bad')\n"),
    _program("a chain of exceptions under a shell script", "#!/bin/sh\npython3 inner.py\n", 1,
             f"RuntimeError: failed (inner.py:4) {_END}",
             "try:\n    1 / 0\nexcept Exception as e:\n    raise RuntimeError('failed') from e\n"),
    _program("`sys.exit(5)` under a shell script", "#!/bin/sh\npython3 inner.py\n", 5, "the script exited with code 5",
             "raise SystemExit(5)\n"),
    _program("an exception under `python`", "#!/usr/bin/env python3\nimport runpy\nrunpy.run_path('inner.py')\n", 1,
             f"ValueError: bad (inner.py:1) {_END}", "raise ValueError('bad')\n"),
    _program("a SyntaxError under `python`", "#!/bin/sh\nexec python3 inner.py\n", 1,
             f"SyntaxError: …(inner.py:1) {_END}", "def f(:\n"),
    _program("`sys.exit(3)` under `accelerate launch`", _ACCELERATE, 3, "the script exited with code 3",
             "raise SystemExit(3)\n"),
    _program("an exception under `accelerate launch`", _ACCELERATE, 1, f"ValueError: bad (inner.py:1) {_END}",
             "raise ValueError('bad')\n", is_slow=True),
    _program("SIGKILL under `accelerate launch`", _ACCELERATE, 137, "the script was killed by SIGKILL",
             "import os\nos.kill(os.getpid(), 9)\n", is_slow=True),
    _program("`os._exit(3)` on rank 1 under `torchrun`", _TORCHRUN, 3, "rank 1 exited with code 3",
             _ALONE.format("os._exit(3)"), rank=1),
    _program("an exception on rank 1 under `torchrun`", _TORCHRUN, 1,
             "ValueError: bad (inner.py:3) on rank 1 (rank 1 exited with code 1)",
             _ALONE.format("raise ValueError('bad')"), rank=1, is_slow=True),
    _program("SIGKILL of rank 1 under `torchrun`", _TORCHRUN, 137, "rank 1 was killed by SIGKILL",
             _ALONE.format("os.kill(os.getpid(), 9)"), rank=1, is_slow=True),
    _program("an exception on rank 1 under `torchrun`, with `@record`", _TORCHRUN, 1,
             "ValueError: bad (inner.py:6) on rank 1 (rank 1 exited with code 1)",
             "import os, time\nfrom torch.distributed.elastic.multiprocessing.errors import record\n@record\n"
             "def main():\n    if os.environ['RANK'] == '1':\n        raise ValueError('bad')\n    time.sleep(60)\nmain()\n",
             rank=1, is_slow=True),
    _program("`os._exit(3)` on rank 1 under `accelerate launch`", _TWO, 3, "rank 1 exited with code 3",
             _ALONE.format("os._exit(3)"), rank=1, is_slow=True),
    Row("`os._exit(3)` on rank 1 under `-m torch.distributed.run`", "", 3, "rank 1 exited with code 3", rank=1,
        how=How.MODULE, files={"inner.py": _ALONE.format("os._exit(3)")}, is_slow=True,
        flags=("--module", "torch.distributed.run"),
        settings="  args: [--nproc-per-node, \"2\", inner.py]\n"),
    Row("an exception without hooks", "raise ValueError('bad')\n", 1, f"ValueError: bad (train.py:1) {_END}",
        how=How.NO_HOOKS),
    Row("SIGSEGV without hooks", "import os\nos.kill(os.getpid(), 11)\n", 139, "the script was killed by SIGSEGV",
        how=How.NO_HOOKS),
    Row("`sys.exit(3)`", "import sys\nsys.exit(3)\n", 3, "the script exited with code 3", how=How.NO_HOOKS),
    Row("`sys.exit(3)`", "import sys\nsys.exit(3)\n", 3, "the script exited with code 3 in train.py:2",
        how=How.ACCELERATE),
    Row("an exception", "raise ValueError('bad')\n", 1, f"ValueError: bad (train.py:1) {_END}", how=How.ACCELERATE),
    Row("SIGKILL", "import os\nos.kill(os.getpid(), 9)\n", 137, "the script was killed by SIGKILL", how=How.ACCELERATE),
]  # fmt: skip
