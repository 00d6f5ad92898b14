"""The state of the code, tested with real repositories."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tsdia_run.files.redaction import Redactor
from tsdia_run.provenance import git as code
from tsdia_run.provenance.code_changes import (
    MAX_FILE_BYTES,
    MAX_TRACKED_BYTES,
    MAX_UNTRACKED_BYTES,
    MAX_UNTRACKED_FILES,
)
from tsdia_run.provenance.environment import capture_environment
from tsdia_run.provenance.git import MAX_NAMES, capture_code
from tsdia_run.rundir.code_state import CodeState, LeftOut

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
    """Make every kind of change to a working tree."""
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
    "diff.mnemonicPrefix": "true",
    "diff.context": "0",
    "diff.relative": "true",
    "diff.orderFile": "/nonexistent",
    "diff.external": "false",
    "diff.renames": "copies",
    "diff.submodule": "log",
    "diff.algorithm": "histogram",
    "diff.suppressBlankEmpty": "true",
    "color.ui": "always",
    "core.autocrlf": "false",
    "core.safecrlf": "true",
    "core.fsmonitor": "false-hook",
    "core.splitIndex": "true",
    "core.pager": "false",
    "core.quotePath": "false",
    "status.showUntrackedFiles": "no",
    "status.relativePaths": "true",
    "status.renames": "copies",
    "status.showStash": "true",
}
VARIABLES = {
    "GIT_DIFF_OPTS": "--unified=0",
    "GIT_EXTERNAL_DIFF": "false",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_INDEX_FILE": "/nonexistent/index",
    "GIT_WORK_TREE": "/nonexistent",
    "GIT_PAGER": "false",
    "GIT_PREFIX": "lib/",
}


def apply(repository: Path, state: CodeState, patch: bytes, place: Path) -> Path:
    """Make a fresh clone at the commit of the state, and apply the patch."""
    git(place, "clone", "-q", str(repository), "again")
    git(place / "again", "checkout", "-q", str(state.commit))
    (place / "git.patch").write_bytes(patch)
    git(place / "again", "apply", "--whitespace=nowarn", str(place / "git.patch"))
    return place / "again"


def files_of_git(top: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in (top / ".git").rglob("*")
        if not path.is_dir()
    }


@pytest.mark.parametrize("has_odd_settings", [False, True])
def test_commit_and_patch_restore_the_code(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_odd_settings: bool
) -> None:
    change(repository)
    with monkeypatch.context() as patched:
        if has_odd_settings:
            for name, value in SETTINGS.items():
                git(repository, "config", name, value)
            for name, value in VARIABLES.items():
                patched.setenv(name, value)
        before = files_of_git(repository)
        state, patch = capture_code(repository / "lib", PLAIN, [])
    assert files_of_git(repository) == before, "nothing is written into the repository"
    assert (state.error, state.branch, state.folder, state.is_dirty) == (None, "main", "lib", True)
    assert (state.left_out, state.is_redacted) == ((), False)
    again = apply(repository, state, patch, tmp_path)
    (repository / "noise.log").unlink()
    assert tree(again) == tree(repository)
    json.dumps(dataclasses.asdict(state)).encode()


def test_line_ends_that_git_converts_are_restored(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "core.autocrlf", "true")
    (repository / "train.py").write_bytes(b"print(2)\r\n")
    (repository / "new.py").write_bytes(b"one\r\ntwo\r\n")
    state, patch = capture_code(repository, PLAIN, [])
    again = apply(repository, state, patch, tmp_path)
    assert (again / "train.py").read_bytes() == b"print(2)\n", "as git would have committed it"
    assert b"one" in (again / "new.py").read_bytes()


def test_a_merge_in_conflict_is_restored(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "-b", "other")
    for branch in ("other", "main"):
        git(repository, "checkout", "-q", branch)
        (repository / "train.py").write_text(f"print('{branch}')\n")
        git(repository, "commit", "-q", "-a", "-m", branch)
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "-q", "other")
    (repository / "new.py").write_text("new\n")
    state, patch = capture_code(repository, PLAIN, [])
    assert tree(apply(repository, state, patch, tmp_path)) == tree(repository)


def test_names_with_newlines_above_the_repository_do_no_harm(repository: Path, tmp_path: Path) -> None:
    moved = tmp_path / "new\nline and 'quote'"
    repository.rename(moved)
    change(moved)
    state, patch = capture_code(moved / "lib", PLAIN, [])
    assert (state.error, state.folder) == (None, "lib")
    again = apply(moved, state, patch, tmp_path)
    (moved / "noise.log").unlink()
    assert tree(again) == tree(moved)


def test_a_second_working_tree_has_its_own_state(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "new.py").write_text("new\n")
    state, patch = capture_code(tmp_path / "side", PLAIN, [])
    assert (state.branch, state.untracked) == ("side", ("new.py",))
    assert b"+new" in patch


def test_no_hook_is_run(repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/hook-ran'\n")
    hook.chmod(0o755)
    (repository / "new.py").touch()
    assert capture_code(repository, PLAIN, [])[0].error is None
    assert not (tmp_path / "hook-ran").exists()


def test_the_remote_may_have_any_name(repository: Path) -> None:
    git(repository, "remote", "add", "upstream", "https://token@host/repo.git")
    assert capture_code(repository, PLAIN, [])[0].remote == "https://[redacted]@host/repo.git"
    git(repository, "remote", "add", "origin", "git@host:me/repo.git")
    assert capture_code(repository, PLAIN, [])[0].remote == "git@host:me/repo.git"


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


def test_outside_a_repository_the_reason_is_reported(tmp_path: Path) -> None:
    assert capture_code(tmp_path, PLAIN, [])[0].error == "not in a git repository"


def test_without_git_the_reason_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert capture_code(tmp_path, PLAIN, [])[0].error == "git is not installed"


def test_git_variables_that_redirect_it_are_ignored(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert capture_code(repository, PLAIN, [])[0].branch == "main"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away")
def test_without_permission_the_reason_is_reported(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    os.chown(repository, 12345, 12345)
    state, patch = capture_code(repository, PLAIN, [])
    assert "dubious ownership" in str(state.error)
    assert patch == b""
    for name, value in {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": "*"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert capture_code(repository, PLAIN, [])[0].error is None


def test_git_that_hangs_is_killed(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = tmp_path / "bin" / "git"
    hanging.parent.mkdir()
    hanging.write_text("#!/bin/sh\nsleep 60 & sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{hanging.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(code, "LIMIT_S", 0.2)
    began = time.monotonic()
    assert capture_code(repository, PLAIN, [])[0].error == "git took too long"
    assert time.monotonic() - began < 10


def test_a_late_failure_does_not_lose_the_commit(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD").strip()
    (repository / ".git" / "index").write_bytes(b"broken")
    state, patch = capture_code(repository, PLAIN, [])
    assert (state.commit, state.is_dirty, patch) == (head, None, b"")
    assert state.error


def test_runs_large_files_and_secrets_are_left_out(repository: Path) -> None:
    (repository / "runs" / "exp").mkdir(parents=True)
    (repository / "runs" / "exp" / "junk.txt").write_text("junk\n")
    (repository / "large.bin").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    (repository / ".env").write_text("A=1\n")
    (repository / "prod.pem").write_text("tracked\n")
    (repository / "runs" / "notes.md").write_text("tracked\n")
    (repository / "secrets.py").write_text("is_code = 1\n")
    (repository / "binary.bin").write_bytes(b"x" * (MAX_TRACKED_BYTES + 1))
    git(repository, "init", "-q", "nested")
    git(repository, "add", "prod.pem", "runs/notes.md")
    state, patch = capture_code(repository, PLAIN, [repository / "runs"])
    assert {one.path: one.reason for one in state.left_out} == {
        "large.bin": f"larger than {MAX_FILE_BYTES} bytes",
        ".env": "looks like a secret",
        "prod.pem": "looks like a secret",
        "runs/notes.md": "inside the run root",
        "binary.bin": f"larger than {MAX_TRACKED_BYTES} bytes",
        "nested/": "a nested git repository",
    }
    assert state.untracked == (".env", "large.bin", "nested/", "secrets.py")
    assert patch.count(b"diff --git") == 1
    assert b"+is_code = 1" in patch


def test_a_data_set_that_is_not_ignored_does_not_displace_the_code(repository: Path) -> None:
    (repository / "data").mkdir()
    for number in range(MAX_UNTRACKED_FILES + 5):
        (repository / "data" / f"{number}.txt").touch()
    (repository / "zoo").mkdir()
    (repository / "zoo" / "new.py").write_text("code\n")
    state, patch = capture_code(repository, PLAIN, [])
    assert b"+code" in patch
    assert (len(state.untracked), state.untracked_count) == (MAX_NAMES, MAX_UNTRACKED_FILES + 6)
    assert (len(state.left_out), state.left_out_count) == (6, 6)


def test_untracked_files_that_are_large_together_are_left_out(repository: Path) -> None:
    names = [f"part{number:02}.bin" for number in range(MAX_UNTRACKED_BYTES // MAX_FILE_BYTES + 1)]
    for name in names:
        (repository / name).write_bytes(bytes(MAX_FILE_BYTES))
    state, _ = capture_code(repository, PLAIN, [])
    reason = f"the untracked files together are larger than {MAX_UNTRACKED_BYTES} bytes"
    assert state.left_out == (LeftOut(names[-1], reason),)


def test_the_changes_of_a_submodule_are_in_the_patch(repository: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "a").write_text("a\n")
    git(inner, "add", ".")
    git(inner, "commit", "-q", "-m", "one")
    with_files = ("-c", "protocol.file.allow=always", "submodule")
    git(repository, *with_files, "add", "-q", str(inner), "sub dir")
    git(repository, "commit", "-q", "-m", "sub")
    (repository / "sub dir" / "a").write_text("changed\n")
    (repository / "sub dir" / "new").write_text("new\n")
    (repository / "sub dir" / ".env").write_text("A=1\n")
    (repository / "train.py").write_text("print(2)\n")
    state, patch = capture_code(repository, PLAIN, [])
    assert (state.error, state.branch, state.submodules) == (None, "main", ("sub dir",))
    assert state.left_out == (LeftOut("sub dir/.env", "looks like a secret"),)
    git(tmp_path, "clone", "-q", str(repository), "again")
    git(tmp_path / "again", *with_files, "update", "-q", "--init")
    (tmp_path / "git.patch").write_bytes(patch)
    git(tmp_path / "again", "apply", str(tmp_path / "git.patch"))
    (repository / "sub dir" / ".env").unlink()
    (repository / "sub dir" / ".git").unlink()
    (tmp_path / "again" / "sub dir" / ".git").unlink()
    assert tree(tmp_path / "again") == tree(repository)


def test_a_patch_that_was_redacted_still_applies_where_the_secret_is_new(repository: Path, tmp_path: Path) -> None:
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowabcdefghijkl\n-----END RSA PRIVATE KEY-----\n"
    (repository / "deploy.py").write_text(f'KEY = """{pem}"""\nTOKEN = "s3cret-value"\n')
    (repository / "train.py").write_text("print(2)\n")
    (repository / "state.bin").write_bytes(b"\0s3cret-value")
    state, patch = capture_code(repository, Redactor(("s3cret-value",)), [])
    assert (state.is_redacted, state.redacted) == (True, ("deploy.py",))
    assert state.left_out == (LeftOut("state.bin", "binary file that contains a secret"),)
    again = apply(repository, state, patch, tmp_path)
    assert (again / "train.py").read_text() == "print(2)\n"
    assert len((again / "deploy.py").read_text().splitlines()) == 5


def test_no_planted_secret_is_written(repository: Path) -> None:
    canaries = {"HF_TOKEN": "canary-in-the-environment", "DB_PASSWORD": "canary-2-ü"}
    redactor = Redactor.from_environment(canaries)
    git(repository, "remote", "add", "origin", "https://me:canary-pw@host/repo.git")
    (repository / "train.py").write_text(
        "token = 'canary-in-the-environment'\nurl = 'https://u:canary-pw@h'\n# canary-2-ü\n"
    )
    (repository / ".env").write_text("X=canary-file\n")
    (repository / ".npmrc").write_text("canary-tracked\n")
    git(repository, "add", ".npmrc")
    git(repository, "checkout", "-q", "-b", "canary-in-the-environment")
    (repository / "canary-in-the-environment").mkdir()
    (repository / "canary-in-the-environment" / "weights.bin").write_bytes(b"\0canary-in-the-environment")
    (repository / "canary-in-the-environment.py").touch()
    state, patch = capture_code(repository / "canary-in-the-environment", redactor, [])
    environment = capture_environment(
        sys.executable,
        {**os.environ, **canaries, "HF_HOME": "/x/canary-2-ü", "HF_ENDPOINT": "https://canary@host"},
        redactor,
    )
    argv = redactor.argv(["--api-key", "canary", "--set=x.password=canary", "--url=https://u:canary@h", "canary-2-ü"])
    composed = [dataclasses.asdict(state), dataclasses.asdict(environment), argv]
    written = json.dumps(composed, ensure_ascii=False).encode() + patch
    assert b"canary" not in written
    assert state.is_redacted
    assert state.remote == "https://[redacted]@host/repo.git"
