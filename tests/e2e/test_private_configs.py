"""Who can't read a config can't read a copy of it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.command import record_of, tsdia_run

SCRIPT = """\
import os
os.remove("runs/exp/config.yml")
open("runs/exp/config.yml", "w").write("of the script")
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "base.yml").write_text("lr: 1\n")
    text = "base: base.yml\ncheckpoint: {save_dir: runs/exp, resume: }\ntsdia_run: {launcher: python}\n"
    (tmp_path / "config.yml").write_text(text)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "config.yml").write_text(f"{text}more: sentinel\n")
    return tmp_path


def copies(run_dir: Path) -> dict[str, int]:
    """Return the permissions of the files in a run that have the content of the config or of the file that it names."""
    files = [path for path in run_dir.rglob("*") if path.is_file()]
    found = [path for path in files if b"sentinel" in path.read_bytes() or path.name == "base.yml"]
    return {str(path.relative_to(run_dir)): stat.S_IMODE(path.stat().st_mode) for path in found}


@pytest.mark.parametrize(("mode", "copied"), [(0o600, 0o600), (0o640, 0o640), (0o400, 0o600), (0o755, 0o644)])
def test_copies_of_a_config_have_its_permissions(lab: Path, mode: int, copied: int) -> None:
    for name in ("config.yml", "base.yml"):
        os.chmod(lab / name, mode)
    assert tsdia_run("new", "config.yml", cwd=lab).returncode == 0
    expected = {"config.yml", "attempts/0/config/config.yml", "attempts/0/git.patch"}
    found = copies(lab / "runs/exp")
    assert expected < set(found)
    assert any(name.endswith("base.yml") for name in found)
    patch = found.pop("attempts/0/git.patch")
    assert set(found.values()) == {copied}
    assert patch == (0o644 if mode & 0o004 else 0o600)
    assert tsdia_run("resume", "runs/exp", "--from-scratch", "--again", cwd=lab).returncode == 0
    assert len(record_of(lab / "runs/exp")["attempts"]) == 2
    later = copies(lab / "runs/exp")
    assert later["attempts/1/config/config.yml"] == copied
