"""Run a script with plain Python and under the bootstrap; the ways in which scripts end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tsdia_run.launch.command import BOOTSTRAP

SCRIPTS = Path(__file__).resolve().with_name("scripts")
PYTHON = [sys.executable]
OURS = [sys.executable, str(BOOTSTRAP)]
BASE = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
LIMIT_S = 60
HOSTILE = 'it\'s a "dir" $HOME\nwith {braces}'


def run(command: list[str], cwd: Path, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**BASE, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def both(words: list[str], cwd: Path, environ: Mapping[str, str] | None = None) -> list[tuple[int, str, str]]:
    ends = [run([*start, *words], cwd, environ) for start in (PYTHON, OURS)]
    return [(end.returncode, end.stdout, end.stderr) for end in ends]


ENDINGS = {
    "nothing": "",
    "exit 3": "import sys; sys.exit(3)",
    "exit 256": "import sys; sys.exit(256)",
    "exit -1": "import sys; sys.exit(-1)",
    "exit text": "import sys; sys.exit('why')",
    "exit None": "import sys; sys.exit(None)",
    "exit True": "raise SystemExit(True)",
    "exit object": "raise SystemExit([1])",
    "exception": "def f():\n    raise ValueError('bad')\nf()",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('x') from e",
    "context": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}['x']",
    "own class": "class E(Exception):\n    pass\nraise E('x')",
    "note": "e = ValueError('x')\ngetattr(e, 'add_note', id)('more')\nraise e",
    "interrupt": "raise KeyboardInterrupt",
    "interrupted": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)",
    "interrupt caught": "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    raise SystemExit(7)",
    "os._exit": "import os; os._exit(7)",
    "SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "SIGSEGV": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "SIGTERM": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "abort": "import os; os.abort()",
    "syntax error": "x = 1\ndef f(:\n    pass",
    "latin-1": "# -*- coding: latin-1 -*-\nassert '\\xe9' == chr(0xe9)\nraise ValueError(1)",
    "assert": "assert 1 == 2, 'no'",
    "missing module": "import no_such_module_anywhere",
    "bad import": "import importlib, pathlib\npathlib.Path('bad.py').write_text('(')\nimport bad",
    "atexit": "import atexit\natexit.register(print, 'at exit')\nraise ValueError('x')",
    "atexit and exit": "import atexit, sys\natexit.register(print, 'at exit')\nsys.exit(4)",
    "thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.1), print('late'))).start()\n1/0",
    "own hook": "import sys\nsys.excepthook = lambda k, e, t: print(k, e, t.tb_frame.f_code.co_name, t.tb_lineno)\n1/0",
    "hook and traceback": "import sys, traceback\nsys.excepthook = lambda *a: traceback.print_exception(*a)\n1/0",
    "hook that exits": "import sys\nsys.excepthook = lambda *a: sys.exit(9)\n1/0",
    "last": "import atexit, sys, traceback\natexit.register(lambda: traceback.print_tb(sys.last_traceback))\n1/0",
    "fork": "import os\nif os.fork():\n    os.wait()\nelse:\n    1/0",
    "system exit in thread": "import threading\nthreading.Thread(target=exit, args=(3,)).start()",
    "exception in thread": "import threading\nthreading.Thread(target=lambda: 1/0, name='t').start()",
    "warning": "import warnings\nwarnings.warn('careful', DeprecationWarning)",
    "no stdout": "import sys\nsys.stdout = None\n1/0",
}
if sys.version_info >= (3, 11):
    ENDINGS["group"] = "try:\n    1/0\nexcept Exception as e:\n    raise ExceptionGroup('two', [e, ValueError('v')])"
