"""Secrets are in no file that tsdia-run writes; what the script prints, and the config that it reads, stay verbatim."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.command import tsdia_run

ENV_SECRET, NAMED, SIGNED = "zq7-from-the-environment", "zq7named1", "zq7%2Fsigned%3D"
SCRIPT = f"""\
import os, sys
print("the script says", os.environ["MY_API_KEY"], sys.argv[3:], flush=True)
client = dict(api_key="zq7literal1")
error = f"401 for https://user:zq7password@host/x?sig={SIGNED}&n=1: {{os.environ['MY_API_KEY']}}"
raise RuntimeError(f"{{error}}, password={{sys.argv[4]}} Authorization: Bearer zq7bearer00")
"""
ARGS = [
    "--auth",
    NAMED,
    "--pat=" + NAMED,
    "--cred",
    "u:" + NAMED,
    f"--url=https://h/?X-Amz-Signature={SIGNED}",
    "--author",
    "me",
]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("old\n")
    (tmp_path / "config.yml").write_text("checkpoint: {save_dir: runs/exp}\ntsdia_run: {launcher: python}\n")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def test_no_record_has_a_secret(lab: Path) -> None:
    env = {"MY_API_KEY": ENV_SECRET, "SHORT_TOKEN": "1", "TEST_PASSWORD": "test"}
    done = tsdia_run("new", "config.yml", "--verbose", "--", *ARGS, cwd=lab, env=env)
    assert done.returncode == 1
    run_dir = lab / "runs/exp"
    for path in run_dir.rglob("*"):
        if path.is_file() and path.parent.name != "logs" and path.name != "progress.json":  # the script's own output
            assert b"zq7" not in path.read_bytes(), path
    (log,) = (run_dir / "logs").glob("*.log")
    ours = [line for line in log.read_text().splitlines() if line.startswith("[tsdia-run: ")]
    assert not [line for line in ours if "zq7" in line]
    assert f"the script says {ENV_SECRET} {ARGS}" in log.read_text()
    assert "--author me" in ours[0]
    said = [line for line in done.stderr.splitlines() if line.startswith(("tsdia-run:", "  "))]
    card = said[next(at for at, line in enumerate(said) if "✗" in line) :]
    assert not [line for line in [*said[:6], *card] if "zq7" in line]
    for words in (["info", "exp"], ["list", "--json"]):
        shown = [line for line in tsdia_run(*words, cwd=lab, env=env).stdout.splitlines() if "zq7" in line]
        assert not [line for line in shown if line.strip() not in log.read_text()], words  # the end of the log
    assert "401 for https://[redacted]@host/x?sig=[redacted]&n=1: [redacted]" in (run_dir / "run.json").read_text()


def test_a_preview_has_no_secret(lab: Path) -> None:
    env = {"MY_API_KEY": ENV_SECRET}
    for words in ([], ["--json"]):
        set_key = ("--set", f"+wandb.api_key={NAMED}")
        done = tsdia_run("new", "config.yml", "--dry-run", *words, *set_key, "--", *ARGS, ENV_SECRET, cwd=lab, env=env)
        assert (done.returncode, "zq7" in done.stdout) == (0, False), done.stdout


@pytest.mark.parametrize(
    "line",
    [
        "api_key: 'zq7literal1' not a value",
        "password: zq7literal1: x",
        "password: zqcorrecthorse: x",
        "tsdia_run: {nosuch: 1, db_password: zqhorse}",
        "checkpoint: {save_dir: 'https://me:zq7literal1@host/x'}",
        "checkpoint: {save_dir: runs/${NO_SUCH}?sig=zq7literal1}",
        "tsdia_run: {python: 1, env: {WANDB_API_KEY: zq7literal1}}",
        "tsdia_run: {nosuch: {hf_token: zq7literal1}}",
        "tsdia_run: {launcher: zq7-from-the-environment}",
    ],
)
def test_an_error_about_the_config_shows_no_secret(tmp_path: Path, line: str) -> None:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "config.yml").write_text(f"a: 1\n{line}\n")
    done = tsdia_run("new", "config.yml", cwd=tmp_path, env={"MY_API_KEY": ENV_SECRET})
    assert done.returncode == 78, done.stderr
    assert "config.yml:2" in done.stderr
    assert "zq" not in done.stderr
