"""One process that ends by an exception, of every form."""

from __future__ import annotations

from tests.endings.row import Needs, Row

_LONG = "x" * 4000
_END = "(the script exited with code 1)"


def _failed(cause: str, script: str, error: str) -> Row:
    return Row(cause, script, 1, f"{error} {_END}")


def _described(cause: str, script: str, error: str) -> Row:
    """Return a row that differs from others by the description alone, which unit tests check without a process."""
    return Row(cause, script, 1, f"{error} {_END}", is_slow=True)


def _of_3_11(cause: str, script: str, error: str) -> Row:
    return Row(cause, script, 1, f"{error} {_END}", is_slow=True, needs=Needs.PYTHON_3_11)


ROWS = [
    _failed("an exception", "raise ValueError('bad lr')\n", "ValueError: bad lr (train.py:1)"),
    _described("an exception without a message", "raise ValueError\n", "ValueError (train.py:1)"),
    _described("an own class", "class E(Exception): ...\nraise E('x')\n", "E: x (train.py:2)"),
    _described("an assertion", "assert 1 == 2, 'no match'\n", "AssertionError: no match (train.py:1)"),
    _described("a KeyError", "{}['lr']\n", "KeyError: 'lr' (train.py:1)"),
    _described("a missing file", "open('data.bin')\n", "FileNotFoundError: [Errno 2] …: 'data.bin' (train.py:1)"),
    _failed("`raise … from`",
        "try:\n    {}['lr']\nexcept KeyError as e:\n    raise RuntimeError('no config') from e\n",
        "RuntimeError: no config (train.py:4), caused by KeyError: 'lr' (train.py:2)"),
    _described("an exception while another is handled",
        "try:\n    {}['lr']\nexcept KeyError:\n    raise RuntimeError('no config')\n",
        "RuntimeError: no config (train.py:4), while handling KeyError: 'lr' (train.py:2)"),
    _described("`raise … from None`",
        "try:\n    {}['lr']\nexcept KeyError:\n    raise RuntimeError('no config') from None\n",
        "RuntimeError: no config (train.py:4)"),
    _failed("a chain of three",
        "def f(n):\n    try:\n        f(n - 1) if n else 1 / 0\n    except Exception as e:\n"
        "        raise RuntimeError(n) from e\nf(2)\n",
        "RuntimeError: 2 (train.py:5), caused by ZeroDivisionError: division by zero (train.py:3)"),
    _described("a chain that is a circle",
        "a, b = ValueError('a'), ValueError('b')\na.__cause__, b.__cause__ = b, a\nraise a\n",
        "ValueError: a (train.py:3), caused by ValueError: b"),
    _described("a message of several lines", "raise ValueError('one\\ntwo\\nthree')\n",
        "ValueError: one two three (train.py:1)"),
    _failed("a message of 4,000 characters, the cause at its end",
        f"raise ValueError('{_LONG} the cause')\n", "ValueError: xxx…xxx the cause (train.py:1)"),
    _described("a message of 4,000 characters, the cause at its start",
        f"raise ValueError('the cause {_LONG}')\n", "ValueError: the cause xxx…xxx (train.py:1)"),
    _failed("a message with bytes that are not UTF-8",
        "raise ValueError(b'caf\\xe9'.decode('utf-8', 'surrogateescape'))\n",
        "ValueError: caf\\xe9 (train.py:1)"),
    _described("a message with terminal sequences", "raise ValueError('\\x1b[31mred\\x1b[0m')\n",
        "ValueError: red (train.py:1)"),
    _described("a message in other scripts", "raise ValueError('学習 失敗')\n", "ValueError: 学習 失敗 (train.py:1)"),
    _described("a `__str__` that raises",
        "class E(Exception):\n    def __str__(self): raise OSError\nraise E\n",
        "E: <no message: its __str__ failed> (train.py:3)"),
    _failed("a SyntaxError in the script", "x = 1\ndef f(:\n", "SyntaxError: invalid syntax… (train.py:2)"),
    _failed("an IndentationError in the script", "if 1:\npass\n", "IndentationError: expected …(train.py:2)"),
    Row("a SyntaxError in a module", "import model\n", 1,
        f"SyntaxError: … (model.py:1) {_END}", files={"model.py": "x = (\n"}),
    _described("a missing module", "import no_such_module\n",
        "ModuleNotFoundError: No module named 'no_such_module' (train.py:1)"),
    _described("a missing name in a module", "from os import no_such_name\n",
        "ImportError: cannot import name 'no_such_name' from 'os' (…) (train.py:1)"),
    Row("a KeyboardInterrupt that the script raises", "raise KeyboardInterrupt\n", 130,
        "KeyboardInterrupt (train.py:1) (the script was killed by SIGINT)"),
    _failed("endless recursion", "def f():\n    f()\nf()\n",
        "RecursionError: maximum recursion depth exceeded… (train.py:2)"),
    _described("a MemoryError", "raise MemoryError\n", "MemoryError (train.py:1)"),
    _failed("an allocation above RLIMIT_AS",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\nx = bytearray(2**31)\n",
        "MemoryError (train.py:3)"),
    _failed("many allocations up to RLIMIT_AS",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))\nx = []\n"
        "while True:\n    x.append(bytearray(2**16))\n",
        "MemoryError (train.py:5)"),
    _described("a Unicode error", "b'\\xff'.decode()\n", "UnicodeDecodeError: 'utf-8' codec can't decode …(train.py:1)"),
    _failed("an exception in a signal handler",
        "import os, signal\ndef handler(*_):\n    raise ValueError('in handler')\nsignal.signal(10, handler)\n"
        "os.kill(os.getpid(), 10)\nfor _ in range(10**8): pass\n",
        "ValueError: in handler (train.py:3)"),
    _failed("`sys.exit(\"text\")`", "import sys\nsys.exit('no data in /data')\n", "no data in /data (train.py:2)"),
    _failed("`sys.exit` with several lines", "import sys\nsys.exit('no data:\\nmount it')\n",
        "no data: mount it (train.py:2)"),
    _failed("`sys.exit(1)` in `finally` hides an exception",
        "import sys\ntry:\n    raise ValueError('bad')\nfinally:\n    sys.exit(1)\n", "ValueError: bad (train.py:3)"),
    Row("`sys.exit(0)` in `finally` hides an exception",
        "import sys\ntry:\n    raise ValueError('bad')\nfinally:\n    sys.exit(0)\n", 0,
        "the script exited with code 0 after ValueError: bad (train.py:3)", "completed"),
    Row("`except` prints the exception and calls `sys.exit(4)`",
        "import sys, traceback\ntry:\n    raise ValueError('bad')\nexcept ValueError:\n    traceback.print_exc()\n"
        "    sys.exit(4)\n", 4, "ValueError: bad (train.py:3) (the script exited with code 4)"),
    Row("`except` prints the exception and calls `os._exit(4)`",
        "import os, traceback\ntry:\n    raise ValueError('bad')\nexcept ValueError:\n    traceback.print_exc()\n"
        "    os._exit(4)\n", 4, "ValueError: bad (train.py:3) (the script exited with code 4)"),
    Row("a caught exception long before `os._exit(4)`",
        "import os, sys, traceback\ntry:\n    raise ValueError('bad')\nexcept ValueError:\n"
        "    traceback.print_exc(file=sys.stdout)\nfor step in range(50): print('step', step, flush=True)\nos._exit(4)\n", 4, "the script exited with code 4"),
    Row("`sys.exit(-1)`", "import sys\nsys.exit(-1)\n", 255, "the script exited with code 255 in train.py:2"),
    Row("`sys.exit(256)`", "import sys\nsys.exit(256)\n", 0, "the script exited with code 0", "completed"),
    Row("`sys.exit(None)`", "import sys\nsys.exit(None)\n", 0, "the script exited with code 0", "completed", is_slow=True),
    Row("`sys.exit(True)`", "import sys\nsys.exit(True)\n", 1, "the script exited with code 1 in train.py:2", is_slow=True),
    Row("`sys.exit(\"\")`", "import sys\nsys.exit('')\n", 1, "the script exited with code 1 in train.py:2"),
    _failed("`sys.exit` with an exception", "import sys\nsys.exit(ValueError('bad'))\n", "bad (train.py:2)"),
    Row("a class of its own for `sys.exit`", "class Stop(SystemExit): ...\nraise Stop(4)\n", 4,
        "Stop: 4 (train.py:2) (the script exited with code 4)"),
    _failed("a BaseException", "class E(BaseException): ...\nraise E('x')\n", "E: x (train.py:2)"),
    Row("an error that `logging` prints before `sys.exit(1)`",
        "import logging, sys\nlogging.basicConfig()\nlogging.error('no data in /data')\nsys.exit(1)\n", 1,
        'the script exited with code 1 in train.py:4; it printed "ERROR:root:no data in /data"'),
    _failed("`logging.exception` before `sys.exit(1)`",
        "import logging, sys\ntry:\n    1 / 0\nexcept Exception:\n    logging.exception('training failed')\n    sys.exit(1)\n",
        "ZeroDivisionError: division by zero (train.py:3)"),
    Row("Ctrl-C that the script catches, `sys.exit(1)`",
        "import ending, sys\ntry:\n    ending.stop(2)\n    ending.wait()\nexcept KeyboardInterrupt:\n    sys.exit(1)\n", -2,
        "stopped by Ctrl-C (SIGINT); the script exited with code 1", "stopped", is_stopped=True),
    _failed("a closed pipe",
        "import subprocess\nchild = subprocess.Popen(['true'], stdin=subprocess.PIPE)\nchild.wait()\n"
        "child.stdin.write(bytes(2**20))\n", "BrokenPipeError: [Errno 32] Broken pipe (train.py:4)"),
    _failed("a server that does not answer", "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/data')\n",
        "urllib.error.URLError: <urlopen error [Errno 111] Connection refused> (train.py:2), while handling "
        "ConnectionRefusedError: [Errno 111] Connection refused"),
    _failed("a message of many lines with colours and tabs",
        "raise ValueError('\\x1b[31m' + 'line\\n\\t' * 5000 + '\\x1b[0mthe cause')\n",
        "ValueError: line line …line the cause (train.py:1)"),
    _failed("asyncio cancels the script",
        "import asyncio\nasync def main():\n    asyncio.current_task().cancel()\n    await asyncio.sleep(1)\nasyncio.run(main())\n",
        "asyncio.exceptions.CancelledError (train.py:4)"),
    _failed("CUDA is out of memory, as torch prints it",
        "class OutOfMemoryError(RuntimeError): __module__ = 'torch'\nraise OutOfMemoryError('CUDA out of memory. "
        "Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.15 GiB of which 1.20 GiB is free.')\n",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.15 GiB "
        "of which 1.20 GiB is free. (train.py:2)"),
    _failed("an excepthook of the script", "import sys\nsys.excepthook = lambda *_: print('own')\nraise ValueError('bad')\n",
        "ValueError: bad (train.py:3)"),
    Row("an excepthook that calls `os._exit(9)`",
        "import os, sys\nsys.excepthook = lambda *_: os._exit(9)\nraise ValueError('bad')\n", 9,
        "ValueError: bad (train.py:3) (the script exited with code 9)"),
    Row("an exception, then `os._exit(0)` in `atexit`",
        "import atexit, os\natexit.register(os._exit, 0)\nraise ValueError('bad')\n", 0,
        "the script exited with code 0 after ValueError: bad (train.py:3)", "completed"),
    Row("an exception in `atexit`", "import atexit\natexit.register(lambda: 1 / 0)\n", 0,
        "the script exited with code 0", "completed"),
    Row("an exception in `__del__`", "class A:\n    def __del__(self): 1 / 0\nA()\n", 0,
        "the script exited with code 0", "completed"),
    Row("an exception in a thread", "import threading\nthreading.Thread(target=lambda: 1 / 0).start()\n", 0,
        "the script exited with code 0", "completed"),
    Row("`os._exit(5)` in a thread after its exception",
        "import os, threading, traceback\ndef work():\n    try:\n        1 / 0\n    except Exception:\n"
        "        traceback.print_exc()\n        os._exit(5)\nthreading.Thread(target=work).start()\n", 5,
        "ZeroDivisionError: division by zero (train.py:4) (the script exited with code 5)"),
    _described("an exception from a thread pool",
        "from concurrent.futures import ThreadPoolExecutor\ndef work():\n    raise ValueError('bad')\n"
        "with ThreadPoolExecutor(1) as pool:\n    pool.submit(work).result()\n", "ValueError: bad (train.py:3)"),
    _failed("too many open files",
        "files = []\nwhile True:\n    files.append(open('/dev/null'))\n",
        "OSError: [Errno 24] Too many open files: '/dev/null' (train.py:3)"),
    _failed("too many open files, RLIMIT_NOFILE of 20",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\nfiles = []\n"
        "while True:\n    files.append(open('/dev/null'))\n",
        "OSError: [Errno 24] Too many open files: '/dev/null' (train.py:5)"),
    _failed("a file above RLIMIT_FSIZE",
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\nopen('big', 'wb').write(bytes(2**21))\n",
        "OSError: [Errno 27] File too large (train.py:3)"),
    _described("no process can be started (RLIMIT_NPROC)",
        "import errno, os\nraise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))\n",
        "BlockingIOError: [Errno 11] Resource temporarily unavailable (train.py:2)"),
    _described("the disk is full (/dev/full)", "with open('/dev/full', 'w') as f:\n    f.write('x')\n",
        "OSError: [Errno 28] No space left on device (train.py:…)"),
    _described("a child process that fails",
        "import subprocess\nsubprocess.run(['sh', '-c', 'exit 3'], check=True)\n",
        "subprocess.CalledProcessError: Command …returned non-zero exit status 3. (train.py:2)"),
    _failed("a child process that says why it fails",
        "import subprocess\nsubprocess.run(['sh', '-c', 'echo no data >&2; exit 3'], check=True, capture_output=True)\n",
        "subprocess.CalledProcessError: Command …returned non-zero exit status 3. It printed: no data (train.py:2)"),
    _described("a child process that SIGKILL ends",
        "import subprocess\nsubprocess.run(['sh', '-c', 'kill -9 $$'], check=True)\n",
        "subprocess.CalledProcessError: Command …died with <Signals.SIGKILL: 9>. (train.py:2)"),
    _failed("the working directory is removed",
        "import os, shutil\nos.mkdir('w')\nos.chdir('w')\nos.rmdir('../w')\nos.getcwd()\n",
        "FileNotFoundError: [Errno 2] No such file or directory (train.py:5)"),
    _of_3_11("an exception group",
        "raise ExceptionGroup('two', [ValueError('bad'), KeyError('lr')])\n",
        "ExceptionGroup: two (2 sub-exceptions) (train.py:1): ValueError: bad; KeyError: 'lr'"),
    _of_3_11("a group of five",
        "raise ExceptionGroup('all', [ValueError(n) for n in range(5)])\n",
        "ExceptionGroup: all (5 sub-exceptions) (train.py:1): ValueError: 0; ValueError: 1; ValueError: 2; and 2 more"),
    _of_3_11("a group in a group",
        "raise ExceptionGroup('outer', [ExceptionGroup('inner', [ValueError('bad')])])\n",
        "ExceptionGroup: outer (1 sub-exception) (train.py:1): ValueError: bad"),
    _of_3_11("a group in a group, with a cause",
        "try:\n    {}['lr']\nexcept KeyError as e:\n"
        "    raise ExceptionGroup('outer', [ExceptionGroup('inner', [ValueError('bad')]), TypeError('t')]) from e\n",
        "ExceptionGroup: outer (2 sub-exceptions) (train.py:4), caused by KeyError: 'lr' (train.py:2): ValueError: bad; "
        "TypeError: t"),
    _of_3_11("a task group of asyncio",
        "import asyncio\nasync def bad():\n    raise ValueError('bad')\nasync def main():\n"
        "    async with asyncio.TaskGroup() as group:\n        group.create_task(bad())\nasyncio.run(main())\n",
        "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception) (train.py:5): ValueError: bad (train.py:3)"),
    _of_3_11("an exception caused by a group",
        "try:\n    raise ExceptionGroup('two', [ValueError('bad')])\nexcept ExceptionGroup as e:\n"
        "    raise RuntimeError('failed') from e\n",
        "RuntimeError: failed (train.py:4), caused by ExceptionGroup: two (1 sub-exception) (train.py:2): ValueError: bad"),
    _of_3_11("an exception with notes",
        "e = ValueError('bad')\ne.add_note('in batch 7')\nraise e\n", "ValueError: bad in batch 7 (train.py:3)"),
]  # fmt: skip
