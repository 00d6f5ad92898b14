"""Nothing runs because a file of another user says so: project files, recorded commands, modules in the directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Starter, environment, tsdia_run, wait_for
from tests.support.unprivileged import become
from tsdia_run.rundir.layout import RunLayout

STRANGER, ME = 5151, 4242
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to other users")
READING = (["list"], ["list", "--json"], ["info", "latest"], ["completion", "--words", "2", "tsdia-run", "info", ""])
STARTS = (["new", "--name", "a"], ["new", "--name", "a", "--dry-run"], ["ensure", "config.yml", "--dry-run"])


@pytest.fixture
def shared() -> Iterator[Path]:
    """A sticky folder of all users, such as /tmp; the stranger has put a project file there, and I have a folder."""
    with tempfile.TemporaryDirectory() as temporary:  # pytest's own folders are closed to other users
        yield fill(Path(temporary))


def fill(folder: Path) -> Path:
    folder.chmod(0o1777)
    (folder / "evil").write_text(f'#!/bin/sh\ntouch {folder}/ran\nexec python3 "$@"\n')
    (folder / "evil").chmod(0o755)
    (folder / "tsdia-run.yml").write_text("python: ./evil\nlauncher: python\n")
    for name in ("evil", "tsdia-run.yml"):
        os.chown(folder / name, STRANGER, STRANGER)
    inner = folder / "me" / "project"
    inner.mkdir(parents=True)
    (inner / "train.py").write_text("print('trained')\n")
    (inner / "config.yml").write_text("training: {checkpoint: {save_dir: runs/exp}}\n")
    for path in (inner.parent, inner, *inner.iterdir()):
        os.chown(path, ME, ME)
    return folder


def run_as_me(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words],
        cwd=cwd,
        env=environment(variables),
        preexec_fn=lambda: become(ME),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.root
@as_root
@pytest.mark.parametrize("words", STARTS)
def test_a_project_file_of_another_user_runs_nothing(shared: Path, words: list[str]) -> None:
    inner = shared / "me" / "project"
    done = run_as_me(*words, cwd=inner)
    assert done.returncode == 78
    assert f"{shared}/tsdia-run.yml sets what runs (`python`, `launcher`)" in done.stderr
    assert f'export TSDIA_RUN_TRUSTED_DIRS="$TSDIA_RUN_TRUSTED_DIRS":{shared}' in done.stderr
    assert not (shared / "ran").exists()
    assert not (inner / "runs").exists()


@pytest.mark.root
@as_root
def test_the_two_remedies_of_the_message_work(shared: Path) -> None:
    inner = shared / "me" / "project"
    trusting = run_as_me("new", "--name", "a", "--dry-run", cwd=inner, TSDIA_RUN_TRUSTED_DIRS=f":{shared}")
    assert f"interpreter    {shared}/evil" in trusting.stdout
    (inner / "tsdia-run.yml").write_text("launcher: python\n")
    os.chown(inner / "tsdia-run.yml", ME, ME)
    (inner / "train.py").write_text("import os; print(os.environ['TSDIA_RUN_TRUSTED_DIRS'])\n")
    done = run_as_me("new", "--name", "a", cwd=inner, TSDIA_RUN_TRUSTED_DIRS=f":{shared}")
    assert (done.returncode, done.stdout) == (0, f":{shared}\n"), "a tsdia-run in a training trusts the same folders"


@pytest.mark.root
@as_root
@pytest.mark.parametrize("words", READING)
def test_commands_that_only_read_work_below_such_a_file(shared: Path, words: list[str]) -> None:
    inner = shared / "me" / "project"
    assert run_as_me("new", "--name", "a", cwd=inner, TSDIA_RUN_TRUSTED_DIRS="/").returncode == 0
    assert (shared / "ran").exists()
    (shared / "ran").unlink()
    done = run_as_me(*words, cwd=inner)
    assert done.returncode == 0, done.stderr
    assert not (shared / "ran").exists()


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A project with a completed run."""
    (tmp_path / "train.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('x')\n")
    (tmp_path / "config.yml").write_text(
        "training: {checkpoint: {save_dir: runs/exp}}\ntsdia_run: {launcher: python}\n"
    )
    assert tsdia_run("new", "config.yml", cwd=tmp_path).returncode == 0
    (tmp_path / "ran").unlink()
    return tmp_path


RECORDED = ("", "run.json", "attempts/0", "attempts/0/command.json", "attempts/0/config/config.yml")


@pytest.mark.root
@as_root
@pytest.mark.parametrize("name", RECORDED)
def test_a_resume_runs_nothing_that_another_user_recorded(trained: Path, name: str) -> None:
    run_dir = trained / "runs" / "exp"
    os.chown(run_dir / name, STRANGER, STRANGER)
    words = ("resume", "runs/exp", "--again", "--from-scratch")
    for more in ([], ["--dry-run"]):
        done = tsdia_run(*words, *more, cwd=trained)
        assert done.returncode == 73, done.stderr
        assert "the user with the id 5151" in done.stderr
        assert "TSDIA_RUN_TRUSTED_DIRS" in done.stderr
    assert not (trained / "ran").exists()
    done = tsdia_run(*words, cwd=trained, env={"TSDIA_RUN_TRUSTED_DIRS": str(run_dir)})
    assert done.returncode == 0, done.stderr
    assert (trained / "ran").exists()


@pytest.mark.parametrize("name", RECORDED)
def test_a_resume_runs_nothing_that_every_user_can_record(trained: Path, name: str) -> None:
    path = trained / "runs" / "exp" / name
    path.chmod(path.stat().st_mode | 0o002)
    done = tsdia_run("resume", "runs/exp", "--again", "--from-scratch", cwd=trained)
    assert done.returncode == 73, done.stderr
    assert not (trained / "ran").exists()


@pytest.mark.root
@as_root
def test_a_resume_of_a_directory_without_a_record_asks_for_the_owner_of_its_config(tmp_path: Path) -> None:
    run_dir = tmp_path / "old"
    (run_dir / "checkpoint-5").mkdir(parents=True)
    (run_dir / "checkpoint-5" / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (run_dir / "logs").mkdir()
    (run_dir / "config.yml").write_text("training: {checkpoint: {resume: }}\ntsdia_run: {python: ./evil}\n")
    os.chown(run_dir / "config.yml", STRANGER, STRANGER)
    done = tsdia_run("resume", "old", cwd=tmp_path)
    assert done.returncode == 73, done.stderr


def test_the_probe_of_an_interpreter_imports_no_module_from_the_working_directory(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    for name in ("json", "importlib", "encodings", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (tmp_path / "train.sh").write_text("#!/bin/sh\n")
    (tmp_path / "train.sh").chmod(0o755)
    shutil.copy(tmp_path / "train.sh", tmp_path / "train.py")
    python = str(tmp_path / "env" / "bin" / "python")
    done = tsdia_run("new", "--name", "a", "--dry-run", "--python", python, cwd=tmp_path)
    assert "can't import accelerate" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.root
@as_root
def test_a_script_that_another_user_recorded_is_not_read_for_suggestions(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("OPTIONS = ['--secret-resume']\nraise SystemExit(3)\n")
    assert tsdia_run("new", "--name", "exp", "--launcher", "python", cwd=tmp_path).returncode == 3
    checkpoint = tmp_path / "runs" / "exp" / "checkpoint-5"
    checkpoint.mkdir()
    (checkpoint / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    assert "--secret-resume" in tsdia_run("info", "exp", cwd=tmp_path).stdout
    os.chown(tmp_path / "runs" / "exp" / "attempts" / "0" / "command.json", STRANGER, STRANGER)
    shown = tsdia_run("info", "exp", cwd=tmp_path).stdout
    assert "--resume-args" in shown
    assert "secret" not in shown


@pytest.mark.root
@as_root
def test_a_run_of_another_user_is_readable_and_nobody_else_stops_or_resumes_it(start: Starter, shared: Path) -> None:
    (shared / "tsdia-run.yml").unlink()
    lab = shared / "lab"
    lab.mkdir()
    (lab / "config.yml").write_text("training: {checkpoint: {save_dir: exp}}\ntsdia_run: {launcher: python}\n")
    (lab / "train.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    running = start("new", "config.yml", "--python", "/usr/bin/python3", cwd=lab)
    wait_for(running, "ready")
    for words in (["stop", "exp"], ["stop", "exp", "--now"]):
        done = run_as_me(*words, cwd=lab)
        assert (done.returncode, "exp: it belongs to the user root\n" in done.stderr) == (73, True), done.stderr
        assert "as root" in done.stderr
    assert not RunLayout(lab / "exp").attempt(0).stop.exists()
    assert ": running" in run_as_me("info", "exp", cwd=lab).stdout
    assert "ready" in run_as_me("logs", "exp", cwd=lab).stdout
    for words in (["resume", "exp"], ["ensure", "config.yml"]):
        assert run_as_me(*words, cwd=lab).returncode == 75
    assert tsdia_run("stop", "exp", "--now", cwd=lab).returncode == 0
    assert "stopped" in run_as_me("stop", "exp", cwd=lab).stderr
    for words in (["resume", "exp", "--from-scratch"], ["ensure", "config.yml"]):
        done = run_as_me(*words, cwd=lab)
        assert (done.returncode, "(it belongs to the user root)" in done.stderr) == (73, True), done.stderr
