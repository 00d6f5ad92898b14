"""Files with a git filter, and files at which git fails: the patch has all others, and no program of theirs is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import record_of, tsdia_run
from tsdia_run.files.redaction import Redactor
from tsdia_run.provenance.git import capture_code

PLAIN = Redactor(())
WHO = ("-c", "user.name=a", "-c", "user.email=a@b")
ATTRIBUTES = """\
*.bin filter=lfs diff=lfs merge=lfs -text
*.nb filter=strip.1
*.slow filter=slow
*.unknown filter=nobody
*.plain -filter
"""
NAMES = ("a.bin", "sub dir/b.nb", "c.slow", "d.unknown", "e.plain", "deleted.bin", "train.py", "caf\udce9\n.bin")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *WHO, *words], cwd=folder, check=True, capture_output=True)
    return os.fsdecode(done.stdout)


def make_repository(top: Path, trap: Path) -> Path:
    """Make a repository with a changed and a new file for each filter; every program in its configuration is a trap."""
    top.mkdir(parents=True)
    git(top, "init", "-q", "-b", "main")
    (top / ".gitattributes").write_text(ATTRIBUTES)
    for name in NAMES:
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text("old\n")
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "first")
    for key, value in {
        "filter.lfs.process": "git-lfs-that-nobody-has filter-process",
        "filter.lfs.clean": "git-lfs-that-nobody-has clean -- %f",
        "filter.lfs.required": "true",
        "filter.strip.1.clean": f"touch '{trap}'; cat",
        "filter.strip.1.smudge": f"touch '{trap}'; cat",
        "filter.slow.clean": "sleep 60",
        "filter.slow.required": "true",
        "diff.lfs.textconv": f"touch '{trap}'; cat",
        "diff.lfs.command": f"touch '{trap}'",
        "core.fsmonitor": f"touch '{trap}'",
    }.items():
        git(top, "config", key, value)
    for name in NAMES:
        (top / name).write_text("new\n")
    (top / "deleted.bin").unlink()
    (top / "untracked.bin").write_text("new\n")
    (top / "untracked.py").write_text("new\n")
    return top


FILTERED = {
    "a.bin": "lfs", "caf\\xe9\\n.bin": "lfs", "sub dir/b.nb": "strip.1", "c.slow": "slow", "untracked.bin": "lfs"
}  # fmt: skip
KEPT = {"d.unknown", "e.plain", "deleted.bin", "train.py", "untracked.py"}


def test_the_patch_has_every_file_without_a_filter(tmp_path: Path) -> None:
    top, trap = make_repository(tmp_path / "project", tmp_path / "trap"), tmp_path / "trap"
    began_s = time.monotonic()
    state, patch = capture_code(top, PLAIN, [])
    assert time.monotonic() - began_s < 10
    assert not trap.exists()
    assert state.error is None
    assert set(state.filtered) == set(FILTERED)
    assert {one.path: one.reason for one in state.left_out} == {
        name: f"tsdia-run does not run its git filter {driver}" for name, driver in FILTERED.items()
    }
    git(tmp_path, "clone", "-q", str(top), "again")
    (tmp_path / "git.patch").write_bytes(patch)
    git(tmp_path / "again", "apply", str(tmp_path / "git.patch"))
    again = tmp_path / "again"
    for name in KEPT - {"deleted.bin"}:
        assert (again / name).read_text() == "new\n", name
    assert not (again / "deleted.bin").exists()
    assert (again / "a.bin").read_text() == "old\n"


def test_filters_of_a_submodule_are_not_run_either(tmp_path: Path) -> None:
    trap, outer = tmp_path / "trap", tmp_path / "outer"
    inner = make_repository(tmp_path / "inner", trap)
    outer.mkdir()
    git(outer, "init", "-q", "-b", "main")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    git(outer, "commit", "-q", "-m", "first")
    git(outer / "sub", "config", "filter.strip.1.clean", f"touch '{trap}'; cat")
    git(outer / "sub", "config", "filter.slow.clean", "sleep 60")
    for name in ("sub dir/b.nb", "c.slow", "train.py"):
        (outer / "sub" / name).write_text("new\n")
    state, patch = capture_code(outer, PLAIN, [])
    assert (state.error, trap.exists()) == (None, False)
    assert set(state.filtered) == {"sub/sub dir/b.nb", "sub/c.slow"}
    assert b"b/sub/train.py" in patch


def test_a_repository_inside_that_is_no_submodule_runs_nothing_either(tmp_path: Path) -> None:
    trap, outer = tmp_path / "trap", tmp_path / "outer"
    inner = make_repository(outer / "inner", trap)
    (inner / ".git" / "info" / "attributes").write_text("*.py filter=late\n")
    git(inner, "config", "filter.late.process", f"touch '{trap}'")
    git(outer, "init", "-q", "-b", "main")
    git(outer, "add", ".")  # without an entry in .gitmodules
    git(outer, "commit", "-q", "-m", "first")
    assert not (outer / ".gitmodules").exists()
    state, _ = capture_code(outer, PLAIN, [])
    assert (state.error, trap.exists()) == (None, False)
    assert {"inner", "inner/train.py", "inner/a.bin"} <= set(state.changed)
    assert "inner" in state.submodules
    assert "inner/train.py" in state.filtered
    subprocess.run(["git", "status"], cwd=outer, check=False, capture_output=True)
    assert trap.exists(), "git itself runs it"


def test_no_program_of_the_configuration_or_of_the_environment_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    top = make_repository(tmp_path / "project", trap)
    spring = f"touch '{trap}'"
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\n{spring}\n")
        (hooks / name).chmod(0o755)
    (tmp_path / "included").write_text(f'[filter "late"]\n\tclean = {spring}\n\tsmudge = {spring}\n')
    (top / ".git/info/attributes").write_text("*.py filter=late diff=late\n")
    for key, value in {
        "includeIf.gitdir:**.path": str(tmp_path / "included"),
        "diff.late.textconv": spring,
        "diff.late.command": spring,
        "diff.external": spring,
        "core.hooksPath": str(hooks),
        "core.pager": spring,
        "core.editor": spring,
        "core.sshCommand": spring,
        "core.askPass": spring,
        "credential.helper": f"!{spring}",
        "core.alternateRefsCommand": spring,
        "gpg.program": spring,
        "alias.status": f"!{spring}",
        "status.submoduleSummary": "true",
        "submodule.recurse": "true",
        # As in a partial clone: git fetches a missing object from there.
        "remote.origin.url": f"ext::sh -c {spring}",
        "remote.origin.uploadpack": spring,
        "remote.origin.promisor": "true",
        "remote.origin.partialclonefilter": "blob:none",
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "protocol.allow": "always",
    }.items():
        git(top, "config", key, value)
    blob = git(top, "rev-parse", "HEAD:e.plain").strip()
    (top / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for name in ("GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_PAGER", "GIT_EDITOR", "GIT_ASKPASS", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, spring)
    state, _ = capture_code(top, PLAIN, [])
    assert not trap.exists()
    assert "train.py" in state.filtered
    assert state.changed


def test_a_file_at_which_git_fails_does_not_lose_the_others(tmp_path: Path) -> None:
    top = tmp_path / "project"
    top.mkdir()
    git(top, "init", "-q", "-b", "main")
    for name in ("a.py", "b.py", "c.py"):
        (top / name).write_text(f"old {name}\n")
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "first")
    # As in a partial clone, which would have to fetch it.
    blob = git(top, "rev-parse", "HEAD:b.py").strip()
    (top / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for name in ("a.py", "b.py", "c.py", "new.py"):
        (top / name).write_text("new\n")
    state, patch = capture_code(top, PLAIN, [])
    assert state.error is None
    assert [one.path for one in state.left_out] == ["b.py"]
    assert state.left_out[0].reason.startswith("git failed: ")
    for name in ("a.py", "c.py", "new.py"):
        assert f"diff --git a/{name} b/{name}" in patch.decode()


def test_files_left_out_are_one_warning(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "project", tmp_path / "trap")
    (top / "train.py").write_text("print('trained')\n")
    (top / "config.yml").write_text("checkpoint: {save_dir: runs/exp, resume: }\ntsdia_run: {launcher: python}\n")
    done = tsdia_run("new", "config.yml", cwd=top)
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1, done.stderr
    assert "git.patch does not contain 5 changed files: tsdia-run runs no git filters" in warnings[0]
    assert "train.py" in (top / "runs/exp/attempts/0/git.patch").read_text(encoding="utf-8", errors="replace")
    assert record_of(top / "runs/exp")["state"] == "completed"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away")
def test_a_repository_of_another_owner_is_one_warning_with_the_solution(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "it's mine", tmp_path / "trap")
    (top / "train.py").write_text("print('trained')\n")
    os.chown(top, 12345, 12345)
    env = {"GIT_CONFIG_GLOBAL": os.devnull}
    done = tsdia_run("new", "--name", "x", "--launcher", "python", "--", "{run_dir}", cwd=top, env=env)
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    assert len(warnings) == 1, done.stderr
    assert "dubious ownership" in warnings[0]
    way_out = warnings[0].partition("To trust it: ")[2]
    config = tmp_path / "gitconfig"
    subprocess.run(way_out, shell=True, check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": str(config)})
    env = {"GIT_CONFIG_GLOBAL": str(config)}
    done = tsdia_run("new", "--name", "y", "--launcher", "python", "--", "{run_dir}", cwd=top, env=env)
    assert "dubious" not in done.stderr


def test_no_repository_gives_no_warning(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    done = tsdia_run("new", "--name", "x", "--launcher", "python", "--", "{run_dir}", cwd=tmp_path)
    assert "warning" not in done.stderr


def test_a_file_of_git_lfs_is_compared_with_its_pointer(tmp_path: Path) -> None:
    top = tmp_path / "project"
    top.mkdir()
    pointer = tmp_path / "pointer.py"
    pointer.write_text(
        "import hashlib, sys\ndata = sys.stdin.buffer.read()\n"
        "print('version https://git-lfs.github.com/spec/v1')\n"
        "print(f'oid sha256:{hashlib.sha256(data).hexdigest()}\\nsize {len(data)}')\n"
    )
    git(top, "init", "-q", "-b", "main")
    git(top, "config", "filter.lfs.clean", f"{sys.executable} {pointer}")
    (top / ".gitattributes").write_text("*.bin filter=lfs\n")
    names = ("same.bin", "sub dir/same \n.bin", "other.bin", "longer.bin", "mode.bin", "empty.bin")
    for name in names:
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_bytes(b"" if name == "empty.bin" else b"weights")
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "first")
    git(top, "config", "filter.lfs.clean", f"touch '{tmp_path / 'trap'}'; cat")
    (top / "other.bin").write_bytes(b"WEIGHTS")
    (top / "longer.bin").write_bytes(b"weights and more")
    (top / "mode.bin").chmod(0o755)
    for name in names:  # as after a copy of the repository
        os.utime(top / name, (1, 1))
    state, patch = capture_code(top, PLAIN, [])
    assert set(state.changed) == {"other.bin", "longer.bin", "mode.bin"}
    assert set(state.filtered) == set(state.changed)
    assert (patch, state.error, (tmp_path / "trap").exists()) == (b"", None, False)
    (top / "train.py").write_text("new\n")
    state, patch = capture_code(top, PLAIN, [])
    assert (patch.count(b"diff --git"), b"train.py" in patch) == (1, True)


def test_no_hook_of_the_configuration_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only git 2.54 and later run such hooks. With any version, each command that could run one must turn it off.
    top, inner, trap = tmp_path / "project", tmp_path / "project" / "inner", tmp_path / "trap"
    inner.mkdir(parents=True)
    for folder, name in ((inner, "other"), (top, "evil.1")):
        git(folder, "init", "-q")
        (folder / "train.py").write_text("old\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "first")
        (folder / "train.py").write_text("new\n")
        for event in ("post-index-change", "reference-transaction", "pre-auto-gc"):
            git(folder, "config", "--add", f"hook.{name}.event", event)
        git(folder, "config", f"hook.{name}.command", f"touch '{trap}'")
    (tmp_path / "bin").mkdir()
    recording = tmp_path / "bin" / "git"
    recording.write_text(f'#!/bin/sh\nprintf "%s " "$PWD" "$@" >> {tmp_path}/calls\necho >> {tmp_path}/calls\n')
    with recording.open("a") as file:
        file.write(f'exec {shutil.which("git")} "$@"\n')
    recording.chmod(0o755)
    monkeypatch.setenv("PATH", f"{recording.parent}:{os.environ['PATH']}")
    state, _ = capture_code(top, PLAIN, [])
    assert state.error is None
    assert not trap.exists()
    calls = (tmp_path / "calls").read_text().splitlines()
    harmless = (" rev-parse ", " config ")
    able = [call for call in calls if not any(word in call for word in harmless)]
    assert len(able) > 3
    assert all("-c hook.evil.1.enabled=false" in call for call in able)
    of_inner = [call for call in able if call.startswith(str(inner))]
    assert of_inner
    assert all("-c hook.other.enabled=false" in call for call in of_inner)
