from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.command import Starter, record_of, tsdia_run

SCRIPT = """\
import json, os, sys, yaml
config = yaml.safe_load(open(sys.argv[2]))
checkpoint = config["training"]["checkpoint"]
told = os.environ.get("TSDIA_RUN_CHECKPOINT")
print(json.dumps({"argv": sys.argv, "cwd": os.getcwd(), "config": config, "from": told}))
for step in (5, 20, 100):
    folder = f"{checkpoint['save_dir']}/checkpoint-epoch0-step{step}"
    os.makedirs(folder, exist_ok=True)
    if not os.listdir(folder):
        open(f"{folder}/state.json", "w").write("{}")
sys.exit(1 if checkpoint["resume"] is None else 0)
"""


@pytest.fixture
def failed_run(project: Path) -> Path:
    (project / "train.py").write_text(SCRIPT)
    done = tsdia_run("new", "config.yml", "--set", "training.epochs=7", "--", "--fast", cwd=project)
    assert done.returncode == 1
    assert "tsdia-run resume runs/exp" in done.stderr
    return project / "runs" / "exp"


def test_a_resume_starts_from_the_newest_checkpoint_by_step_with_the_same_settings(
    failed_run: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = tsdia_run("resume", str(failed_run), cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    newest = str(failed_run / "checkpoint-epoch0-step100")
    assert seen["from"] == newest
    assert seen["config"]["training"]["checkpoint"]["resume"] == newest
    assert seen["config"]["training"]["epochs"] == 7
    assert "tsdia_run" not in seen["config"]
    assert seen["argv"] == ["train.py", "--config", str(failed_run / "attempts/1/config/config.yml"), "--fast"]
    assert seen["cwd"] == str(failed_run.parent.parent)


def test_the_earlier_attempt_is_not_changed(failed_run: Path) -> None:
    before = {
        path: path.read_bytes()
        for folder in ("attempts/0", "logs")
        for path in (failed_run / folder).rglob("*")
        if path.is_file()
    } | {failed_run / "config.yml": (failed_run / "config.yml").read_bytes()}
    assert tsdia_run("resume", str(failed_run), cwd=failed_run).returncode == 0
    assert {path: path.read_bytes() for path in before} == before
    record = record_of(failed_run)
    assert [attempt["number"] for attempt in record["attempts"]] == [0, 1]
    assert record["attempts"][1]["checkpoint"] == "checkpoint-epoch0-step100"
    assert re.fullmatch(r"logs/training_resume_1_\d{8}_\d{6}\.log", record["attempts"][1]["log"])


def test_a_checkpoint_can_be_named_through_a_link_and_with_a_slash(failed_run: Path) -> None:
    (failed_run / "best_checkpoint").symlink_to("checkpoint-epoch0-step20")
    for name in ("checkpoint-epoch0-step20/", "best_checkpoint"):
        done = tsdia_run("resume", f"runs/exp/{name}", "--dry-run", "--json", cwd=failed_run.parent.parent)
        assert json.loads(done.stdout)["checkpoint"] == str(failed_run / "checkpoint-epoch0-step20")


def test_overrides_and_arguments_are_added(failed_run: Path) -> None:
    done = tsdia_run("resume", str(failed_run), "--set", "training.epochs=9", "--", "--slow", cwd=failed_run)
    seen = json.loads(done.stdout)
    assert seen["config"]["training"]["epochs"] == 9
    assert seen["argv"][-2:] == ["--fast", "--slow"]


def test_resume_args_replace_a_key(project: Path) -> None:
    (project / "config.yml").write_text(
        "out: x\ntsdia_run:\n  launcher: python\n  run_dir_key: out\n"
        '  resume_args: ["--resume_from_checkpoint", "{checkpoint_name}"]\n'
    )
    (project / "train.py").write_text(
        "import os, sys, yaml\n"
        "out = yaml.safe_load(open(sys.argv[2]))['out']\n"
        "if sys.argv[3:]: open(out + '/checkpoint-30/state.json').read()\n"
        "os.makedirs(out + '/checkpoint-30', exist_ok=True)\n"
        "open(out + '/checkpoint-30/state.json', 'w').write('{}')\n"
        "print(sys.argv[3:])\n"
    )
    assert tsdia_run("new", "config.yml", cwd=project).stdout == "[]\n"
    assert tsdia_run("resume", "x", "--again", cwd=project).stdout == "['--resume_from_checkpoint', 'checkpoint-30']\n"


def test_a_run_without_a_checkpoint_suggests_how_to_start_again(project: Path) -> None:
    (project / "train.py").write_text("raise SystemExit(1)\n")
    tsdia_run("new", "config.yml", cwd=project)
    done = tsdia_run("resume", "runs/exp", cwd=project)
    assert done.returncode == 65
    assert "tsdia-run new config.yml --move-aside" in done.stderr


def test_a_wrong_checkpoint_name_lists_the_existing_ones(failed_run: Path) -> None:
    done = tsdia_run("resume", str(failed_run / "logs"), cwd=failed_run)
    assert done.returncode == 65
    assert "checkpoint-epoch0-step100" in done.stderr


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": 1}', b"\xff\xfe", b'{"schema": 9}'])
def test_a_damaged_record_is_a_clear_error(failed_run: Path, damage: bytes) -> None:
    (failed_run / "run.json").write_bytes(damage)
    done = tsdia_run("resume", str(failed_run), cwd=failed_run)
    assert done.returncode == 65
    assert "run.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_live_run_is_not_resumed(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, sys\nos.makedirs('runs/exp/checkpoint-epoch0-step5')\nprint('ready', flush=True)\n"
        "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.02)\n"
    )
    running = start("new", "config.yml", cwd=project)
    assert running.stdout
    running.stdout.readline()
    refused = tsdia_run("resume", "runs/exp", cwd=project)
    assert refused.returncode == 75
    assert f"pid {running.pid}" in refused.stderr
    (project / "go").touch()
    running.communicate(timeout=30)
    assert running.returncode == 0


def test_secrets_are_required_again_and_not_recorded(project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    tsdia_run("new", "config.yml", "--", "--api-key", "s3cr3t-canary-value", cwd=project)
    assert "s3cr3t-canary-value" not in (project / "runs/exp/attempts/0/command.json").read_text()
    done = tsdia_run("resume", "runs/exp", cwd=project)
    assert done.returncode == 2
    assert "secret" in done.stderr


def checkpoint_of(run_dir: Path, *words: str) -> str | None:
    done = tsdia_run("resume", str(run_dir), *words, "--dry-run", "--json", cwd=run_dir)
    assert done.returncode == 0, done.stderr
    path = json.loads(done.stdout)["checkpoint"]
    return None if path is None else Path(path).name


def test_another_checkpoint_by_step_by_name_and_the_best(failed_run: Path) -> None:
    (failed_run / "best_checkpoint").symlink_to("checkpoint-epoch0-step20")
    assert checkpoint_of(failed_run, "--from", "5") == "checkpoint-epoch0-step5"
    assert checkpoint_of(failed_run, "--from", "checkpoint-epoch0-step5/") == "checkpoint-epoch0-step5"
    assert checkpoint_of(failed_run, "--from", "best") == "checkpoint-epoch0-step20"
    assert checkpoint_of(failed_run, "--from", "latest") == "checkpoint-epoch0-step100"
    wrong = tsdia_run("resume", str(failed_run), "--from", "7", cwd=failed_run)
    assert wrong.returncode == 66
    assert "checkpoint-epoch0-step100" in wrong.stderr
    twice = tsdia_run("resume", f"{failed_run}/checkpoint-epoch0-step5", "--from", "5", cwd=failed_run)
    assert twice.returncode == 2


def test_checkpoints_after_the_start_are_kept_and_not_chosen_again(failed_run: Path) -> None:
    (failed_run.parents[1] / "train.py").write_text("raise SystemExit(1)\n")
    done = tsdia_run("resume", str(failed_run), "--from", "5", cwd=failed_run)
    assert "superseded (kept, but no longer used): checkpoint-epoch0-step20, checkpoint-epoch0-step100" in done.stderr
    attempt = record_of(failed_run)["attempts"][1]
    assert attempt["superseded"] == ["checkpoint-epoch0-step20", "checkpoint-epoch0-step100"]
    assert checkpoint_of(failed_run) == "checkpoint-epoch0-step5"
    assert checkpoint_of(failed_run, "--from", "100") == "checkpoint-epoch0-step100"
    # Saved again under the old name, it counts as new.
    (failed_run / "checkpoint-epoch0-step20" / "more.json").touch()
    assert checkpoint_of(failed_run) == "checkpoint-epoch0-step20"


def test_a_completed_run_is_resumed_only_on_request(failed_run: Path) -> None:
    assert tsdia_run("resume", str(failed_run), cwd=failed_run).returncode == 0
    refused = tsdia_run("resume", str(failed_run), cwd=failed_run)
    assert refused.returncode == 73
    assert "--again" in refused.stderr
    assert tsdia_run("resume", str(failed_run), "--again", cwd=failed_run).returncode == 0


def test_from_scratch_restores_the_first_config(failed_run: Path) -> None:
    (failed_run.parents[1] / "train.py").write_text(SCRIPT.replace("else 0", "else 2"))
    assert tsdia_run("resume", str(failed_run), "--set", "training.lr=3", cwd=failed_run).returncode == 2
    done = tsdia_run("resume", str(failed_run), "--from-scratch", cwd=failed_run)
    seen = json.loads(done.stdout)
    assert seen["config"]["training"]["checkpoint"]["resume"] is None
    assert seen["config"]["training"]["lr"] == 3
    assert seen["from"] is None
    assert "from the beginning" in done.stderr


def test_changes_are_reported_and_another_model_needs_allow(failed_run: Path) -> None:
    (failed_run.parents[1] / "new.yml").write_text(
        "model: {size: 9}\ntraining: {epochs: 4, checkpoint: {save_dir: elsewhere, resume: }}\n"
    )
    words = ["resume", "runs/exp", "--config", "new.yml", "--", "--slow"]
    refused = tsdia_run(*words, cwd=failed_run.parents[1])
    assert refused.returncode == 2
    assert "model.size: 8 -> 9" in refused.stderr
    assert "--allow model" in refused.stderr
    assert len(record_of(failed_run)["attempts"]) == 1
    done = tsdia_run(*words[:-2], "--allow", "model", *words[-2:], cwd=failed_run.parents[1])
    assert done.returncode == 0, done.stderr
    assert "changed config: training.epochs: 7 -> 4" in done.stderr
    told = [line for line in done.stderr.splitlines() if "changed arguments" in line]
    assert told == ["tsdia-run: changed arguments: --slow: (not set) -> (given)"]
    seen = json.loads(done.stdout)
    assert seen["config"]["model"] == {"size": 9}
    assert seen["config"]["training"]["checkpoint"]["save_dir"] == str(failed_run)
    assert "epochs: 3" in (failed_run / "config.yml").read_text()
    unknown = tsdia_run("resume", "runs/exp", "--allow", "modle", cwd=failed_run.parents[1])
    assert unknown.returncode == 2
    assert "Did you mean model?" in unknown.stderr


def test_other_keys_can_change_only_on_a_resume(project: Path) -> None:
    config = project / "config.yml"
    config.write_text(config.read_text() + "  resume_set: {training.lr: 0.5, training.restore: true}\n")
    (project / "train.py").write_text(SCRIPT)
    seen = json.loads(tsdia_run("new", "config.yml", cwd=project).stdout)
    assert seen["config"]["training"]["lr"] == 0.0001
    done = tsdia_run("resume", "runs/exp", cwd=project)
    training = json.loads(done.stdout)["config"]["training"]
    assert (training["lr"], training["restore"]) == (0.5, True)
    assert "changed config" not in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("checkpoint-epoch2-step30", ""),
        ("checkpoints/checkpoint_3", ""),
        ("checkpoint-30", ""),
        ("epoch_2", ""),
        ("step_30", ""),
        ("any name", "random_states_0.pkl"),
    ],
)
def test_a_directory_not_created_by_tsdia_run_is_adopted_and_not_changed(project: Path, name: str, said: str) -> None:
    theirs = project / "theirs"
    (theirs / name).mkdir(parents=True)
    (theirs / "config.yml").write_text("training: {checkpoint: {save_dir: theirs, resume: }}\n")
    (theirs / name / (said or "state.json")).write_bytes(b"\x80\2}.")
    (project / "train.py").write_text("import sys, yaml\nprint(yaml.safe_load(open(sys.argv[2]))['training'])\n")
    before = {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()}
    done = tsdia_run("resume", "theirs", "--launcher", "python", cwd=project)
    assert done.returncode == 0, done.stderr
    assert f"'resume': '{theirs / name}'" in done.stdout
    assert {path: path.read_bytes() for path in before} == before
    attempts = record_of(theirs)["attempts"]
    assert [attempt["state"] for attempt in attempts] == ["lost", "completed"]
    assert attempts[1]["checkpoint"] == name
    assert tsdia_run("resume", "theirs", "--again", cwd=project).returncode == 0


def test_a_checkpoint_not_created_by_tsdia_run_is_enough(project: Path) -> None:
    (project / "out" / "checkpoint-7").mkdir(parents=True)
    (project / "out" / "checkpoint-7" / "state.json").write_text("{}")
    (project / "train.py").write_text("import sys\nprint(sys.argv[1:])\n")
    (project / "tsdia-run.yml").write_text('launcher: python\nresume_args: ["--from", "{checkpoint}"]\n')
    done = tsdia_run("resume", "out/checkpoint-7", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"['--from', '{project}/out/checkpoint-7']\n"
    assert (project / "out" / "run.json").exists()


def test_a_damaged_checkpoint_is_skipped_and_refused_by_name(failed_run: Path) -> None:
    newest = failed_run / "checkpoint-epoch0-step100"
    (newest / "optimizer.bin").write_bytes(b"")
    done = tsdia_run("resume", str(failed_run), "--dry-run", cwd=failed_run)
    assert "skipped        checkpoint-epoch0-step100: random_states_0.pkl is missing" in done.stdout
    assert checkpoint_of(failed_run) == "checkpoint-epoch0-step20"
    for words in ([str(newest)], [str(failed_run), "--from", "100"]):
        refused = tsdia_run("resume", *words, cwd=failed_run)
        assert refused.returncode == 65
        assert "random_states_0.pkl is missing" in refused.stderr
    assert newest.is_dir()


def test_with_no_complete_checkpoint_nothing_starts_from_zero_by_itself(failed_run: Path) -> None:
    for checkpoint in failed_run.glob("checkpoint-*"):
        (checkpoint / "state.json").unlink()
    refused = tsdia_run("resume", str(failed_run), cwd=failed_run)
    assert refused.returncode == 65
    assert refused.stderr.count(": it is empty") == 3
    assert "tsdia-run resume . --from-scratch" in refused.stderr
    ensured = tsdia_run("ensure", "config.yml", "--set", "training.epochs=7", cwd=failed_run.parents[1])
    assert ensured.returncode == 65
    assert len(record_of(failed_run)["attempts"]) == 1
