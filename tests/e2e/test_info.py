"""`tsdia-run info` as a user types it."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.support.checkpoints import DAMAGES, seal, state
from tests.support.command import Starter, record_of, tsdia_run, wait_for, wait_until
from tests.support.runs import full_run, make_run
from tests.support.terminal import shown, spawn
from tsdia_run.checkpoints import hashes
from tsdia_run.rundir.record import State

ROOT = Path(__file__).parents[2]
SCRIPT = """\
import json, os, sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.support.checkpoints import state
run_dir, attempt = Path(os.environ["TSDIA_RUN_DIR"]), int(os.environ["TSDIA_RUN_ATTEMPT"])
first = 2 if attempt else 0
if attempt:
    [path.read_bytes() for path in Path(os.environ["TSDIA_RUN_CHECKPOINT"]).iterdir()]
for step in range(first, first + 4):
    with (run_dir / "metrics.jsonl").open("a") as file:
        line = {{"step": step, "time": time.time(), "attempt": attempt, "val_loss": 1.0 / (1 + step + 10 * attempt)}}
        file.write(json.dumps(line) + "\\n")
    state(run_dir / f"step_{{step}}")
print("ready", flush=True)
{end}
"""


def script(end: str) -> str:
    """Return a script of four steps, or from step 2 on a resume, with the given ending."""
    return SCRIPT.format(root=str(ROOT), end=end)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    full_run(tmp_path / "runs" / "exp")
    return tmp_path


def info_json(folder: Path, *words: str) -> dict[str, Any]:
    done = tsdia_run("info", "--json", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert isinstance(data, dict)
    assert data["schema"] == 1
    return data


def test_without_a_name_the_last_started_run_is_shown(full: Path) -> None:
    make_run(full / "runs" / "old", began=make_run(full / "far").run.created_at.replace(year=2025))
    assert info_json(full)["name"] == "exp"
    assert info_json(full, "old")["name"] == "old"
    assert info_json(full, "wb42")["name"] == "exp"


def test_the_page_is_plain_without_a_terminal(full: Path) -> None:
    done = tsdia_run("info", "exp", cwd=full)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    titles = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert titles == ["✗ exp: failed", "attempts", "metrics", "checkpoints", "last lines of the log", "next"]
    assert done.stdout.splitlines()[-2].split("  ")[1].strip() == "tsdia-run resume runs/exp"


def test_on_a_terminal_titles_are_highlighted_and_long_lines_are_not_cut(full: Path) -> None:
    page = shown("info", "exp", cwd=full, size=(40, 60))
    assert "\x1b[31m\x1b[1m✗ exp: failed\x1b[0m" in page
    assert re.search(r"git checkout \w{40} && git apply \S+git\.patch\r\n", page)
    assert "\x1b" not in shown("info", "exp", cwd=full, env={"NO_COLOR": "1"})


def test_a_real_run_its_resume_and_its_superseded_values(project: Path) -> None:
    (project / "train.py").write_text(script("sys.exit(3 if not attempt else 0)"))
    assert tsdia_run("new", "config.yml", "-q", cwd=project).returncode == 3
    first = info_json(project)
    assert (first["state"], first["metrics"]["val_loss"]["count"]) == ("failed", 4)
    assert first["last_lines"] == ["ready"]
    resumed = tsdia_run("resume", "runs/exp", "--from", "1", "-q", cwd=project)
    assert resumed.returncode == 0, resumed.stderr
    second = info_json(project)
    assert (second["state"], second["reason"]) == ("completed", "the script exited with code 0")
    assert [tuple(one[key] for key in ("checkpoint", "first_step", "last_step")) for one in second["attempts"]] == [
        (None, 0, 3),
        ("step_1", 2, 5),
    ]
    assert second["metrics"]["val_loss"]["count"] == 2 + 4
    assert second["metrics"]["val_loss"]["best"]["step"] == 5
    assert second["last_lines"] == []
    assert {one["soundness"] for one in second["checkpoints"]} == {"unverified"}
    page = tsdia_run("info", cwd=project).stdout
    assert "in 2 attempts" in page
    assert re.search(r"0 .* steps 0 to 3 ", page)
    assert re.search(r"1 .* steps 2 to 5 ", page)
    assert "from step_1" in page


def test_watch_follows_a_run_to_its_end(project: Path, start: Starter) -> None:
    (project / "train.py").write_text(
        script("sys.stdin.read() if os.path.exists('wait') else None\nwhile os.path.exists('wait'): time.sleep(0.05)")
    )
    (project / "wait").touch()
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    watching = spawn("info", "--watch", cwd=project, size=(60, 120))
    watching.expect("exp: running")
    watching.expect("tsdia-run stop runs/exp")
    (project / "wait").unlink()
    watching.expect("exp: completed")
    watching.expect(pexpect.EOF)
    watching.close()
    assert watching.exitstatus == 0
    assert running.wait(60) == 0


def test_watch_ends_with_ctrl_c_and_restores_the_cursor(project: Path, start: Starter) -> None:
    (project / "train.py").write_text(script("time.sleep(600)"))
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    watching = spawn("info", "--watch", cwd=project)
    watching.expect("exp: running")
    watching.sendintr()
    watching.expect(re.escape("\x1b[?25h"))
    watching.expect(pexpect.EOF)
    watching.close()
    assert watching.signalstatus == signal.SIGINT
    assert info_json(project)["state"] == "running"


def test_watch_without_a_terminal_shows_the_page_once_the_run_has_ended(full: Path) -> None:
    done = tsdia_run("info", "exp", "--watch", cwd=full)
    assert done.returncode == 0
    assert "✗ exp: failed" in done.stdout


def test_a_run_whose_supervisor_was_killed(project: Path, start: Starter) -> None:
    (project / "train.py").write_text(script("time.sleep(600)"))
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    wait_until(lambda: record_of(project / "runs" / "exp")["state"] == "running")
    running.kill()
    running.wait()
    alone = info_json(project)
    assert (alone["state"], alone["living"]) == ("running", "ranks only")
    assert "the supervisor was killed" in alone["reason"]
    assert tsdia_run("stop", "runs/exp", "--now", cwd=project).returncode == 0
    lost = info_json(project)
    assert lost["state"] in ("lost", "stopped")
    assert lost["living"] == "nothing"


def test_verify_finds_damage_that_does_not_change_sizes(tmp_path: Path) -> None:
    made = make_run(tmp_path / "runs" / "exp", State.FAILED)
    for step in (1, 2):
        path = state(made.layout.root / f"step_{step}")
        manifest = seal(path)
        hashes.write(path, manifest, {name: hashes.digest(path / name) for name in manifest.files})
    verified = tsdia_run("info", "exp", "--verify", cwd=tmp_path)
    assert verified.returncode == 0
    assert verified.stdout.count("complete, hashes match") == 2
    DAMAGES["64 flipped bytes"](made.layout.root / "step_2" / "model.safetensors")
    assert tsdia_run("info", "exp", cwd=tmp_path).returncode == 0
    damaged = tsdia_run("info", "exp", "--verify", cwd=tmp_path)
    assert damaged.returncode == os.EX_DATAERR
    assert "damaged: model.safetensors differs from what was saved" in damaged.stdout
    as_json = tsdia_run("info", "exp", "--verify", "--json", cwd=tmp_path)
    assert as_json.returncode == os.EX_DATAERR
    assert [one["soundness"] for one in json.loads(as_json.stdout)["checkpoints"]] == ["complete", "damaged"]


def test_it_needs_no_torch(full: Path) -> None:
    (full / "without").mkdir()
    for name in ("torch", "accelerate", "wandb", "numpy"):
        (full / "without" / f"{name}.py").write_text("raise ImportError('there is none')\n")
    for words in (["info", "exp"], ["list"], ["logs", "exp"], ["compare", "exp", "runs/exp/../exp"]):
        done = tsdia_run(*words, cwd=full, env={"PYTHONPATH": str(full / "without")})
        assert "there is none" not in done.stderr
        assert done.returncode == (2 if words[0] == "compare" else 0), done.stderr


def test_a_moved_run(full: Path) -> None:
    (full / "runs" / "exp").rename(full / "elsewhere")
    data = info_json(full, "elsewhere")
    assert (data["name"], data["path"]) == ("elsewhere", str(full / "elsewhere"))
    assert [one["soundness"] for one in data["checkpoints"]] == ["complete", "complete"]
    assert record_of(full / "elsewhere")["name"] == "exp"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing"], 66, "no run 'nothing'"),
        (["runs/none"], 66, "runs/none does not exist"),
        (["exp", "--watch", "--json"], 2, "--watch cannot be combined with --json"),
        (["exp", "--wach"], 2, "--watch"),
    ],
)
def test_invalid_arguments(full: Path, words: list[str], code: int, said: str) -> None:
    done = tsdia_run("info", *words, cwd=full)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
