"""A script that replaces itself keeps its hooks, lock and exit record, or a warning reports that they are lost."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bootstrapped import BASE, OURS, both
from tests.support.command import TWO_RANKS, log_of, record_of, tsdia_run
from tsdia_run.launch.command import BOOTSTRAP
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.training.boot.reexec import with_bootstrap

PYTHON = os.path.realpath(sys.executable)
BASH = "/bin/sh"

WAYS = {
    "execv": "os.execv(sys.executable, [sys.executable, *sys.argv])",
    "execv with options": "os.execv(sys.executable, [sys.executable, '-uB', '-Xdev', '-W', 'ignore', *sys.argv])",
    "execv of bytes": "os.execv(sys.executable.encode(), [one.encode() for one in (sys.executable, *sys.argv)])",
    "execve": "os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, 'LD_LIBRARY_PATH': '/none'})",
    "execve with little": "os.execve(sys.executable, [sys.executable, *sys.argv], {'PYTHONHASHSEED': '0'})",
    "execve by keyword": "os.execve(path=sys.executable, argv=[sys.executable, *sys.argv], env=dict(os.environ))",
    "execl": "os.execl(sys.executable, sys.executable, *sys.argv)",
    "execvp": "os.environ['PATH'] = f'/nonexistent:{os.path.dirname(sys.executable)}'\n"
    "    os.execvp('python', ['python', *sys.argv])",
    "orig_argv": "os.execv(sys.executable, sys.orig_argv)",
}
SCRIPT = """\
import os, sys
if os.environ.get("PYTHONHASHSEED") != "0":
    os.environ["PYTHONHASHSEED"] = "0"
    {way}
print(hash("a"), [name for name in os.environ if name.endswith("ALIVE_FD")], sys.argv[1:], flush=True)
sys.exit(3)
"""


def prepare(root: Path) -> RunLayout:
    layout = RunLayout(root / "run")
    layout.attempt(0).root.mkdir(parents=True)
    layout.own.mkdir()
    layout.alive.touch()
    return layout


def environ(layout: RunLayout) -> dict[str, str]:
    return {**BASE, "TSDIA_RUN_DIR": str(layout.root), "TSDIA_RUN_ATTEMPT": "0", "TSDIA_RUN_ID": "abc"}


@pytest.mark.parametrize("way", WAYS)
def test_the_exit_record_is_that_of_the_new_process(tmp_path: Path, way: str) -> None:
    layout = prepare(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT.format(way=WAYS[way]))
    done = subprocess.run(
        [*OURS, "train.py", "--a b"], cwd=tmp_path, env=environ(layout), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.endswith("[] ['--a b']\n")
    record = json.loads(layout.attempt(0).exit_record(0).read_bytes())
    assert (record["exit_code"], record["exception"]["at"]["line"]) == (
        3,
        len(SCRIPT.format(way=WAYS[way]).splitlines()),
    )


def test_modules_keep_them_too(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    (tmp_path / "tool").mkdir()
    way = "os.execv(sys.executable, [sys.executable, '-m', 'tool.train', *sys.argv[1:]])"
    (tmp_path / "tool" / "train.py").write_text(SCRIPT.format(way=way))
    done = subprocess.run([*OURS, "-m", "tool.train"], cwd=tmp_path, env=environ(layout), check=False)
    assert done.returncode == 3
    assert json.loads(layout.attempt(0).exit_record(0).read_bytes())["exit_code"] == 3


def test_the_lock_is_held_throughout_and_not_inherited_by_the_scripts_programs(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    (tmp_path / "train.py").write_text(
        "import os, subprocess, sys\n"
        "left = int(sys.argv[1])\n"
        "if left:\n"
        "    os.execv(sys.executable, [sys.executable, 'train.py', str(left - 1)])\n"
        "child = subprocess.Popen(['sleep', '60'], close_fds=False, stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [*OURS, "train.py", "8"], cwd=tmp_path, env=environ(layout), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as training:
        assert training.stdout
        free = []
        began = False
        os.set_blocking(training.stdout.fileno(), False)
        while not (said := training.stdout.read()):
            with layout.alive.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    free.append(began)
                except BlockingIOError:
                    began = True
        training.communicate(b"\n")
    assert began
    assert not any(free)
    with layout.alive.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(int(said), 9)


@pytest.mark.parametrize(
    "way",
    [
        "os.execv('/bin/sh', ['sh', '-c', 'exit 3'])",
        "os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(3)'])",
        "os.execlp('sh', 'sh', '-c', 'exit 3')",
    ],
)
def test_a_program_without_hooks_is_one_warning(tmp_path: Path, way: str) -> None:
    layout = prepare(tmp_path)
    (tmp_path / "train.py").write_text(f"import os, sys\n{way}\n")
    done = subprocess.run(
        [*OURS, "train.py"], cwd=tmp_path, env=environ(layout), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr.count("runs without hooks") == 1
    assert not layout.attempt(0).exit_record(0).exists()


PLAIN = {
    "missing": "os.execv('/nonexistent', ['x'])",
    "no words": "os.execv(sys.executable, [])",
    "no text": "os.execv(sys.executable, [1])",
    "no path": "os.execvp('nobody-has-this', ['x'])",
    "a child": "if os.fork():\n    print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    "else:\n    os.execv('/bin/sh', ['sh', '-c', 'exit 5'])",
    "spawn": "print(os.spawnv(os.P_WAIT, '/bin/sh', ['sh', '-c', 'exit 5']))",
}


@pytest.mark.parametrize("way", PLAIN)
def test_everything_else_is_as_under_plain_python(tmp_path: Path, way: str) -> None:
    (tmp_path / "train.py").write_text(f"import os, sys\n{PLAIN[way]}\n")
    layout = prepare(tmp_path)
    plain, our = both(["train.py"], tmp_path, environ(layout))
    # The frames of tsdia-run are not hidden if the script continues in an `except`.
    assert plain[:2] == our[:2]
    assert plain[2].splitlines()[-1:] == our[2].splitlines()[-1:]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train.py", "-c"], ["B", "train.py", "-c"]),
        (["-u", "train.py"], ["-u", "B", "train.py"]),
        (["-Xdev", "-W", "ignore", "train.py"], ["-Xdev", "-W", "ignore", "B", "train.py"]),
        (["-uX", "dev", "train.py"], ["-uX", "dev", "B", "train.py"]),
        (["--check-hash-based-pycs", "never", "train.py"], ["--check-hash-based-pycs", "never", "B", "train.py"]),
        (["-m", "tool", "x"], ["B", "-m", "tool", "x"]),
        (["-um", "tool", "x"], ["-u", "B", "-m", "tool", "x"]),
        (["-mtool", "x"], ["B", "-m", "tool", "x"]),
        (["B", "train.py"], ["B", "train.py"]),
        (["-m", "torch.distributed.run", "train.py"], None),
        (["-c", "pass"], None),
        (["-"], None),
        ([], None),
        (["-u"], None),
        (["missing.py"], None),
    ],
)
def test_the_position_of_the_bootstrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str] | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    bootstrap = str(BOOTSTRAP)
    given = ["python", *(bootstrap if word == "B" else word for word in words)]
    found = with_bootstrap(PYTHON, given, bootstrap, "tool")
    wanted = None if expected is None else ["python", *(bootstrap if word == "B" else word for word in expected)]
    assert found == wanted
    assert with_bootstrap(BASH, given, bootstrap, "tool") is None


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_hooks_are_in_place_afterwards(tmp_path: Path, ranks: int) -> None:
    (tmp_path / "train.py").write_text(
        "import os, sys\n"
        "if os.environ.get('PYTHONHASHSEED') != '0':\n"
        "    os.environ['PYTHONHASHSEED'] = '0'\n"
        "    os.execv(sys.executable, [sys.executable, *sys.argv])\n"
        "from accelerate import Accelerator\n"
        "accelerator = Accelerator(cpu=True)\n"
        "accelerator.log({'loss': 0.5}, step=3)\n"
        "accelerator.save_state(os.environ['TSDIA_RUN_DIR'] + '/step_3')\n"
        "raise ValueError('told')\n"
    )
    flags = TWO_RANKS if ranks > 1 else ("--launcher", "accelerate")
    env = {"ACCELERATE_USE_CPU": "true"} if ranks > 1 else {}
    done = tsdia_run("new", "--name", "x", *flags, "--", "{run_dir}", cwd=tmp_path, env=env)
    assert done.returncode == 1, done.stderr
    run_dir = tmp_path / "runs/x"
    assert json.loads((run_dir / "metrics.jsonl").read_text())["loss"] == 0.5
    assert (run_dir / "step_3/tsdia-checkpoint.json").exists()
    outcome = record_of(run_dir)["attempts"][0]["outcome"]
    assert (outcome["state"], "ValueError: told" in outcome["reason"]) == ("failed", True)
    assert "without hooks" not in log_of(run_dir)
