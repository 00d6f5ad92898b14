"""The state of the code and of the environment, from real repositories and real interpreters."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tsdia_run.rundir.environment import capture_environment
from tsdia_run.rundir.git import MAX_FILE_BYTES, capture_code
from tsdia_run.rundir.redaction import Redactor

PLAIN = Redactor(())
WHO = ("-c", "user.name=a", "-c", "user.email=a@b")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *WHO, *words], cwd=folder, check=True, capture_output=True)
    return os.fsdecode(done.stdout)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    top = tmp_path / "project"
    top.mkdir()
    git(top, "init", "-q", "-b", "main")
    for name, data in {
        "train.py": b"print(1)\n",
        "lib/model.py": b"x = 1\n",
        "old.py": b"gone\n",
        "mode.sh": b"#!/bin/sh\n",
        "crlf.txt": b"one\r\ntwo\r\n",
        "binary.bin": bytes(range(256)),
        ".gitignore": b"*.log\n",
    }.items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_bytes(data)
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "first")
    return top


def change(top: Path) -> None:
    """Everything that can happen to a working tree."""
    (top / "train.py").write_text("print(2)\n")
    git(top, "add", "train.py")
    (top / "train.py").write_text("print(3)\n")
    (top / "old.py").unlink()
    git(top, "mv", "lib/model.py", "lib/renamed.py")
    (top / "mode.sh").chmod(0o755)
    (top / "crlf.txt").write_bytes(b"one\r\nthree\r\n")
    (top / "binary.bin").write_bytes(bytes(reversed(range(256))))
    (top / "new dir").mkdir()
    (top / "new dir" / "new file.py").write_text("y = 1\n")
    (top / "no newline.txt").write_text("end")
    (top / "odd\nname.txt").write_text("odd\n")
    (top / os.fsdecode(b"caf\xe9.txt")).write_text("latin\n")
    (top / ":(top)magic").write_text("magic\n")
    (top / "empty").touch()
    (top / "link").symlink_to("train.py")
    (top / "noise.log").write_text("ignored\n")


def tree(top: Path) -> dict[bytes, object]:
    found: dict[bytes, object] = {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        if b".git" in folders:
            folders.remove(b".git")
        for name in files:
            path = os.path.join(folder, name)
            data = os.readlink(path) if os.path.islink(path) else Path(os.fsdecode(path)).read_bytes()
            found[os.path.relpath(path, os.fsencode(top))] = (data, os.lstat(path).st_mode & 0o100)
    return found


SETTINGS = {
    "diff.noprefix": "true",
    "color.ui": "always",
    "diff.external": "false",
    "core.autocrlf": "false",
    "core.fsmonitor": "false-hook",
    "diff.renames": "copies",
    "status.showUntrackedFiles": "no",
    "core.pager": "false",
}


@pytest.mark.parametrize("has_odd_settings", [False, True])
def test_commit_and_patch_give_the_code_back(repository: Path, tmp_path: Path, has_odd_settings: bool) -> None:
    change(repository)
    if has_odd_settings:
        for name, value in SETTINGS.items():
            git(repository, "config", name, value)
    before = git(repository, "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "-z", "-uall")
    state, patch = capture_code(repository / "lib", PLAIN, [])
    assert git(repository, "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "-z", "-uall") == before
    assert (state.error, state.branch, state.folder, state.is_dirty) == (None, "main", "lib/", True)
    again = tmp_path / "again"
    git(tmp_path, "clone", "-q", str(repository), str(again))
    git(again, "checkout", "-q", str(state.commit))
    (tmp_path / "git.patch").write_bytes(patch)
    git(again, "apply", "--whitespace=nowarn", str(tmp_path / "git.patch"))
    (repository / "noise.log").unlink()
    assert tree(again) == tree(repository)
    json.dumps(dataclasses.asdict(state)).encode()


def test_a_clean_repository_has_no_patch(repository: Path) -> None:
    state, patch = capture_code(repository, PLAIN, [])
    assert (state.is_dirty, patch, state.commit) == (False, b"", git(repository, "rev-parse", "HEAD").strip())


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert capture_code(repository, PLAIN, [])[0].branch is None


def test_before_the_first_commit_everything_is_in_the_patch(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "train.py").write_text("print(1)\n")
    state, patch = capture_code(tmp_path, PLAIN, [])
    assert (state.commit, state.error) == (None, None)
    assert b"+print(1)" in patch


def test_outside_of_a_repository_the_reason_is_told(tmp_path: Path) -> None:
    assert capture_code(tmp_path, PLAIN, [])[0].error == "not in a git repository"


def test_without_git_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert capture_code(tmp_path, PLAIN, [])[0].error == "git is not installed"


def test_redirected_git_is_not_believed(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert capture_code(repository, PLAIN, [])[0].branch == "main"


def test_runs_large_files_and_secrets_are_left_out(repository: Path) -> None:
    (repository / "runs" / "exp").mkdir(parents=True)
    (repository / "runs" / "exp" / "junk.txt").write_text("junk\n")
    (repository / "large.bin").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    (repository / ".env").write_text("A=1\n")
    (repository / "prod.pem").write_text("tracked\n")
    git(repository, "add", "prod.pem")
    state, patch = capture_code(repository, PLAIN, [repository / "runs"])
    assert {one.path: one.reason for one in state.left_out} == {
        "large.bin": f"larger than {MAX_FILE_BYTES} bytes",
        ".env": "looks like a secret",
        "prod.pem": "looks like a secret",
    }
    assert patch == b""


def test_a_submodule_is_told(repository: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "a").touch()
    git(inner, "add", ".")
    git(inner, "commit", "-q", "-m", "one")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    git(repository, "commit", "-q", "-m", "sub")
    (repository / "sub" / "a").write_text("changed\n")
    assert capture_code(repository, PLAIN, [])[0].submodules == ("sub",)


def test_no_planted_secret_is_in_what_is_written(repository: Path) -> None:
    canaries = {"HF_TOKEN": "canary-in-the-environment", "DB_PASSWORD": "canary-2-ü"}
    redactor = Redactor.from_environment(canaries)
    git(repository, "remote", "add", "origin", "https://me:canary-pw@host/repo.git")
    (repository / "train.py").write_text(
        "token = 'canary-in-the-environment'\nurl = 'https://u:canary-pw@h'\n# canary-2-ü\n"
    )
    (repository / ".env").write_text("X=canary-file\n")
    (repository / "canary-in-the-environment.py").touch()
    state, patch = capture_code(repository, redactor, [])
    environment = capture_environment(sys.executable, {**os.environ, **canaries, "HF_HOME": "/x/canary-2-ü"}, redactor)
    written = (
        json.dumps([dataclasses.asdict(state), dataclasses.asdict(environment)], ensure_ascii=False).encode() + patch
    )
    assert b"canary" not in written
    assert state.is_redacted
    assert state.remote == "https://[redacted]@host/repo.git"


def test_the_packages_are_those_of_the_interpreter() -> None:
    state = capture_environment(sys.executable, os.environ, PLAIN)
    assert state.error is None
    assert state.packages["torch"].startswith("2.")
    assert "pytest" in state.packages
    assert state.packages["tsdia_run"].startswith("0.")
    assert state.usable_cpus >= 1
    assert (state.memory_bytes or 0) > 2**28


def test_another_interpreter_is_asked_for_its_own(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    site = next((tmp_path / "venv" / "lib").iterdir()) / "site-packages"
    (site / "only_there-1.2.dist-info").mkdir()
    (site / "edited-0.1.dist-info").mkdir()
    (site / "edited-0.1.dist-info" / "direct_url.json").write_text(
        json.dumps({"url": "https://me:pw@host/e.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}})
    )
    state = capture_environment(str(tmp_path / "venv" / "bin" / "python"), {}, PLAIN)
    assert state.error is None
    assert state.packages == {"edited": "0.1 @ https://[redacted]@host/e.git@abc123", "only_there": "1.2"}
    assert state.prefix == str(tmp_path / "venv")


def test_an_interpreter_that_does_not_answer_is_told(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    state = capture_environment(str(tmp_path / "python"), {}, PLAIN)
    assert state.packages == {}
    assert "could not be asked" in str(state.error)
