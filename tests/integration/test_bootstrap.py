"""A script under the bootstrap behaves as under plain Python."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.bootstrapped import ENDINGS, HOSTILE, OURS, PYTHON, SCRIPTS, both, run
from tsdia_run.launch.command import BOOTSTRAP


def facts(command: list[str], cwd: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    done = run(command, cwd, environ)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a user's folder: a script, a link to it, a package, a folder with a hostile name."""
    root = tmp_path_factory.mktemp("project").resolve()
    shutil.copy(SCRIPTS / "introspect.py", root / "train.py")
    (root / "links").mkdir()
    (root / "links" / "linked.py").symlink_to(root / "train.py")
    (root / HOSTILE).mkdir()
    shutil.copy(SCRIPTS / "introspect.py", root / HOSTILE / "train it.py")
    package = root / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "sibling.py").write_text("value = 1\n")
    source = (SCRIPTS / "introspect.py").read_text()
    (package / "main.py").write_text(source)
    (package / "__main__.py").write_text(source.replace("import json", "import json\nfrom .sibling import value", 1))
    return root


# The modules of tsdia-run that every start loads; each one costs start time.
BOOT = "tsdia_run.training.boot"
BOOT_MODULES = {
    "", ".attempt_files", ".exception_chain", ".exit_record", ".import_hooks", ".repeated_names", ".rank",
    ".rank_state", ".reexec",
}  # fmt: skip

STARTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "relative": (["train.py", "--config", "x y", ""], {}),
    "dotted": (["./train.py"], {}),
    "up and down": (["links/../train.py"], {}),
    "absolute": (["{root}/train.py"], {}),
    "link": (["links/linked.py"], {}),
    "hostile": ([f"{{root}}/{HOSTILE}/train it.py", "-m", "{braces}", "\n"], {}),
    "safe path": (["train.py"], {"PYTHONSAFEPATH": "1"}),
    "python path": (["train.py"], {"PYTHONPATH": "{root}/package"}),
    "options": (["train.py"], {"PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1", "PYTHONDEVMODE": "1"}),
    "module": (["-m", "train", "-c", "1"], {}),
    "module in a package": (["-m", "package.main"], {}),
    "package": (["-m", "package", "1"], {}),
    "module and safe path": (["-m", "train"], {"PYTHONSAFEPATH": "1", "PYTHONPATH": "{root}"}),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_script_sees_itself_as_under_plain_python(name: str, project: Path) -> None:
    words, environ = STARTS[name]
    words = [word.replace("{root}", str(project)) for word in words]
    environ = {key: value.replace("{root}", str(project)) for key, value in environ.items()}
    expected = facts([*PYTHON, *words], project, environ)
    seen = facts([*OURS, *words], project, environ)
    # Each import before the script costs start time, and may hide a module of the user.
    more = set(seen.pop("modules")) - set(expected.pop("modules"))
    assert {one for one in more if not one.startswith(BOOT)} <= {"fcntl", "__future__"}
    assert {one.removeprefix(BOOT) for one in more if one.startswith(BOOT)} == BOOT_MODULES
    assert seen == expected


@pytest.mark.lean  # under coverage a pool of spawned workers waits for ever; the cause is not known
def test_processes_of_every_start_method_work(tmp_path: Path) -> None:
    ends = both([str(SCRIPTS / "pools.py"), str(tmp_path / "ended")], tmp_path)
    assert ends[1] == ends[0]
    results = json.loads(ends[1][1])
    assert results["spawn"] == results["fork"] == results["forkserver"] == [2, 4]
    assert results["fork to the end"] == [5]


def test_dataloader_workers_work(tmp_path: Path) -> None:
    methods = ["fork", "spawn"]
    done = run([*OURS, str(SCRIPTS / "workers.py"), *methods], tmp_path)
    assert done.stdout.splitlines() == [f"{method} [[0, 1], [4, 9]]" for method in methods], done.stderr


@pytest.mark.parametrize("name", ENDINGS)
def test_a_script_ends_as_under_plain_python(name: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(ENDINGS[name] + "\n", encoding="latin-1")
    expected, seen = both(["train.py"], tmp_path)
    assert seen == expected


@pytest.mark.parametrize("name", ["exit 3", "exception", "group", "interrupt", "syntax error", "own hook"])
def test_a_module_ends_as_under_plain_python_with_the_traceback_of_its_own_file(name: str, tmp_path: Path) -> None:
    if name not in ENDINGS:
        pytest.skip("this Python has no exception groups")
    (tmp_path / "train.py").write_text(ENDINGS[name] + "\n")
    expected, seen = both(["-m", "train"], tmp_path)
    assert seen[0] == expected[0]
    assert "runpy" not in seen[2]
    assert str(BOOTSTRAP.parent) not in seen[2]
    assert seen[2].splitlines()[-1:] == expected[2].splitlines()[-1:]


def test_a_missing_script_or_module_ends_as_under_plain_python(tmp_path: Path) -> None:
    for words in (["missing.py"], ["-m", "missing"], ["-m", "missing.inner"]):
        expected, seen = both(words, tmp_path)
        assert seen == expected


def test_a_signal_that_the_parent_process_ignores_reaches_the_script(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import signal; print(signal.getsignal(signal.SIGINT).__name__)")
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = run([*OURS, "train.py"], tmp_path)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert done.stdout == "default_int_handler\n"


def test_a_script_can_import_tsdia_run_where_it_is_not_installed(tmp_path: Path) -> None:
    code = "import tsdia_run.errors, sys; print(tsdia_run.__file__, tsdia_run.errors.TsdiaRunError.exit_code)"
    (tmp_path / "train.py").write_text(code)
    bare = [sys.executable, "-S", "-E"]
    assert "No module named 'tsdia_run'" in run([*bare, "train.py"], tmp_path).stderr
    done = run([*bare, str(BOOTSTRAP), "train.py"], tmp_path)
    assert done.stdout == f"{BOOTSTRAP.parents[2] / '__init__.py'} 70\n", done.stderr
