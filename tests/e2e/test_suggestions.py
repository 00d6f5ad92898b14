"""Every kind of command that tsdia-run suggests works as described when the user pastes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Starter, record_of, tsdia_run, wait_for
from tests.support.slow import slow
from tests.support.suggestions import paste, suggested, the

# Saves checkpoints as files if a file `save` exists; exits with 3 unless `x` is a number and a file `go` exists.
SCRIPT = """\
import json, os, sys, yaml
config = yaml.safe_load(open(sys.argv[2]))
checkpoint = config["training"]["checkpoint"]
print("arguments", sys.argv[3:], "from", checkpoint["resume"] and os.path.basename(checkpoint["resume"]))
for step in (5, 10) if os.path.exists("save") else ():
    folder = f"{checkpoint['save_dir']}/checkpoint-{step}"
    os.makedirs(folder, exist_ok=True)
    if not os.listdir(folder):
        open(folder + "/state.json", "w").write("{}")
sys.exit(0 if os.path.exists("go") and isinstance(config["training"]["epochs"], int) else 3)
"""
# tsdia-run does not find the option in its declaration, since its name is in a variable.
FLAGS = """\
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--output_dir", required=True)
name = "--resume_from_checkpoint"
parser.add_argument(name)
options = parser.parse_args()
start = options.resume_from_checkpoint
if os.path.exists("finds") and os.path.exists(options.output_dir + "/checkpoint-200"):
    start = options.output_dir + "/checkpoint-200"
print("from", start)
if start:
    open(start + "/state.json").read()
os.makedirs(options.output_dir + "/checkpoint-200", exist_ok=True)
open(options.output_dir + "/checkpoint-200/state.json", "a").write("{}")
raise SystemExit(0 if start else 3)
"""


@pytest.fixture
def lab(project: Path) -> Path:
    (project / "train.py").write_text(SCRIPT)
    (project / "flags.py").write_text(FLAGS)
    return project


def states(run_dir: Path) -> list[str]:
    return [attempt["state"] for attempt in record_of(run_dir)["attempts"]]


def test_a_second_start_under_a_name(lab: Path) -> None:
    (lab / "save").touch()
    words = ("new", "config.yml", "--name=v2", "--set", "training.epochs=7", "--", "--seed", "1")
    assert tsdia_run(*words, cwd=lab).returncode == 3
    refused = tsdia_run(*words, cwd=lab)
    assert refused.returncode == 73
    (lab / "go").touch()
    beside = paste(the(refused.stderr, "--name v2-2"), lab)
    assert beside.returncode == 0
    assert "arguments ['--seed', '1']" in beside.stdout
    assert "epochs: 7" in (lab / "runs/v2-2/attempts/0/config/config.yml").read_text()
    assert paste(the(refused.stderr, "resume"), lab).returncode == 0
    assert states(lab / "runs/v2") == ["failed", "completed"]
    assert paste(the(refused.stderr, "--move-aside"), lab).returncode == 0
    assert states(lab / "runs/v2") == ["completed"]
    assert len(list((lab / "runs/.tsdia-trash").iterdir())) == 1


@pytest.mark.parametrize("where", ["card", "info", "resume"])
def test_a_failed_start_moves_no_other_run(lab: Path, where: str) -> None:
    (lab / "go").touch()
    assert tsdia_run("new", "config.yml", cwd=lab).returncode == 0
    failed = tsdia_run("new", "config.yml", "--set", "training.epochs=oops", "--name", "bad", cwd=lab)
    assert failed.returncode == 3
    said = {
        "card": lambda: failed.stderr,
        "info": lambda: tsdia_run("info", "runs/bad", cwd=lab).stdout,
        "resume": lambda: tsdia_run("resume", "runs/bad", cwd=lab).stderr,
    }[where]()
    assert paste(the(said, "new"), lab).returncode == 3
    assert states(lab / "runs/exp") == ["completed"]
    assert states(lab / "runs/bad") == ["failed"]
    assert [path.name.rpartition("-202")[0] for path in (lab / "runs/.tsdia-trash").iterdir()] == ["bad"]


def test_a_suggestion_names_the_directory_where_the_run_was_started(lab: Path, tmp_path: Path) -> None:
    tsdia_run("new", "config.yml", cwd=lab)
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    said = tsdia_run("info", str(lab / "runs/exp"), cwd=elsewhere).stdout
    (lab / "go").touch()
    assert paste(the(said, "new"), elsewhere).returncode == 0
    assert states(lab / "runs/exp") == ["completed"]
    assert not (elsewhere / "runs").exists()


def test_a_moved_run_starts_over_at_its_new_path(lab: Path) -> None:
    tsdia_run("new", "config.yml", cwd=lab)
    (lab / "runs/exp").rename(lab / "runs/moved")
    said = tsdia_run("info", "runs/moved", cwd=lab).stdout
    (lab / "go").touch()
    assert paste(the(said, "--from-scratch"), lab).returncode == 0
    assert states(lab / "runs/moved") == ["failed", "completed"]
    assert not (lab / "runs/exp").exists()


def test_a_completed_run(lab: Path) -> None:
    (lab / "go").touch()
    (lab / "save").touch()
    done = tsdia_run("new", "config.yml", "--", "--fast", cwd=lab)
    another = paste(the(done.stderr, "new"), lab)
    assert (another.returncode, record_of(lab / "runs/exp-2")["name"]) == (0, "exp-2")
    assert "--fast" in another.stdout
    refused = tsdia_run("resume", "runs/exp", "--set", "training.epochs=9", cwd=lab)
    assert refused.returncode == 73
    again = paste(the(refused.stderr, "--again"), lab)
    assert again.returncode == 0
    assert "training.epochs: 3 -> 9" in again.stderr
    said = tsdia_run("info", "runs/exp", cwd=lab).stdout
    assert paste(the(said, "resume"), lab).returncode == 0
    assert paste(the(said, "logs"), lab).returncode == 0


@pytest.mark.parametrize("how", ["resume", "ensure", "card", "info", "new"])
def test_a_script_without_a_config_receives_the_checkpoint(lab: Path, how: str) -> None:
    start = ("--entrypoint", "flags.py", "--launcher", "python", "--name", "fl", "--", "--output_dir", "{run_dir}")
    first = tsdia_run("new", *start, cwd=lab)
    assert first.returncode == 3
    if how in ("resume", "ensure"):
        refused = tsdia_run("resume", "runs/fl", cwd=lab) if how == "resume" else tsdia_run("ensure", *start, cwd=lab)
        assert refused.returncode == 78
        assert "the script does not receive the checkpoint to resume from" in refused.stderr
        assert len(states(lab / "runs/fl")) == 1
        assert (lab / "runs/fl/checkpoint-200/state.json").read_text() == "{}"
    if how == "new":
        refused = tsdia_run("new", *start, cwd=lab)
    said = {"card": first.stderr, "info": tsdia_run("info", "runs/fl", cwd=lab).stdout}.get(how) or refused.stderr
    done = paste(the(said, "--resume-args", "{checkpoint}"), lab)
    assert done.returncode == 0, done.stderr
    assert f"from {lab}/runs/fl/checkpoint-200" in done.stdout
    assert states(lab / "runs/fl") == ["failed", "completed"]


def test_a_script_that_finds_its_checkpoint_itself(lab: Path) -> None:
    start = ("--entrypoint", "flags.py", "--launcher", "python", "--name", "fl", "--", "--output_dir", "{run_dir}")
    tsdia_run("new", *start, cwd=lab)
    refused = tsdia_run("resume", "runs/fl", cwd=lab).stderr
    (lab / "finds").touch()
    done = paste(the(refused, "--resume-args ''"), lab)
    assert (done.returncode, "/checkpoint-200" in done.stdout) == (0, True), done.stderr
    assert tsdia_run("resume", "runs/fl", "--again", "--dry-run", cwd=lab).returncode == 0


def test_a_script_that_starts_over(lab: Path) -> None:
    start = ("--entrypoint", "flags.py", "--launcher", "python", "--name", "fl", "--", "--output_dir", "{run_dir}")
    tsdia_run("new", *start, cwd=lab)
    refused = tsdia_run("resume", "runs/fl", cwd=lab).stderr
    done = paste(the(refused, "--from-scratch"), lab)
    assert (done.returncode, done.stdout) == (3, "from None\n")  # it ran, and failed as before
    assert tsdia_run("resume", "runs/fl", cwd=lab).returncode == 78


def test_a_script_that_ignores_its_checkpoint(lab: Path) -> None:
    words = ("--entrypoint", "flags.py", "--launcher", "python", "--name", "fl", "--resume-args", "")
    tsdia_run("new", *words, "--", "--output_dir", "{run_dir}", cwd=lab)
    failed = tsdia_run("resume", "runs/fl", cwd=lab)
    assert failed.returncode == 1
    (lab / "finds").touch()  # the script is fixed
    assert "fix the script first" in failed.stderr
    card = failed.stderr[failed.stderr.index("✗") :]
    assert paste(the(card, "resume"), lab).returncode == 0
    assert record_of(lab / "runs/fl")["attempts"][2]["checkpoint_read"] == "read"


def test_restarts_do_not_start_over_and_overwrite_the_checkpoints(lab: Path) -> None:
    start = ("--entrypoint", "flags.py", "--launcher", "python", "--name", "fl", "--max-restarts", "2")
    done = tsdia_run("new", *start, "--", "--output_dir", "{run_dir}", cwd=lab)
    assert done.returncode == 3
    assert "no restart: the script does not receive the checkpoint to resume from" in done.stderr
    assert len(states(lab / "runs/fl")) == 1
    assert (lab / "runs/fl/checkpoint-200/state.json").read_text() == "{}"


def test_an_option_that_cannot_be_guessed_is_shown_as_a_placeholder(lab: Path) -> None:
    (lab / "flags.py").write_text(FLAGS.replace("resume_from_checkpoint", "zustand"))
    start = ("--entrypoint", "flags.py", "--launcher", "python", "--name", "fl", "--", "--output_dir", "{run_dir}")
    said = tsdia_run("new", *start, cwd=lab).stderr
    assert "replace --OPTION with the script's checkpoint option" in said
    assert paste(the(said, "--OPTION").replace("--OPTION", "--zustand"), lab).returncode == 0


def test_ensure_in_a_directory_not_created_by_tsdia_run(lab: Path) -> None:
    (lab / "runs/exp").mkdir(parents=True)
    (lab / "runs/exp/thesis.txt").write_text("words")
    (lab / "go").touch()
    refused = tsdia_run("ensure", "config.yml", cwd=lab)
    assert refused.returncode == 73
    assert paste(the(refused.stderr, "--name exp-2"), lab).returncode == 0
    assert paste(the(refused.stderr, "--move-aside"), lab).returncode == 0
    assert (states(lab / "runs/exp"), states(lab / "runs/exp-2")) == (["completed"], ["completed"])


@pytest.mark.parametrize("is_done", [False, True])
def test_ensure_with_another_config(lab: Path, is_done: bool) -> None:
    (lab / "save").touch()
    if is_done:
        (lab / "go").touch()
    tsdia_run("ensure", "config.yml", "--", "--fast", cwd=lab)
    (lab / "go").touch()
    refused = tsdia_run("ensure", "config.yml", "--set", "training.epochs=9", "--", "--fast", cwd=lab)
    assert refused.returncode == 73
    beside = paste(the(refused.stderr, "ensure"), lab)
    assert (beside.returncode, states(lab / "runs/exp-2")) == (0, ["completed"])
    changed = paste(the(refused.stderr, "resume"), lab)
    assert (changed.returncode, states(lab / "runs/exp")[-1]) == (0, "completed")
    assert "arguments ['--fast']" in changed.stdout
    assert "training.epochs: 3 -> 9" in changed.stderr


def test_an_intended_change_of_the_model(lab: Path) -> None:
    (lab / "save").touch()
    tsdia_run("new", "config.yml", cwd=lab)
    (lab / "go").touch()
    refused = tsdia_run("resume", "runs/exp", "--set", "model.size=9", cwd=lab)
    assert refused.returncode == 2
    assert paste(the(refused.stderr, "--allow model"), lab).returncode == 0


def test_a_live_run(lab: Path, start: Starter) -> None:
    (lab / "train.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    wait_for(start("new", "config.yml", cwd=lab), "ready")
    refused = tsdia_run("new", "config.yml", cwd=lab)
    assert refused.returncode == 75
    wait_beside = the(refused.stderr, "--name exp-2")
    assert tsdia_run("resume", "runs/exp", cwd=lab).stderr.count("--name") == 0
    said = tsdia_run("info", "runs/exp", cwd=lab).stdout
    assert {command.split()[1] for command in suggested(said)} == {"logs", "stop"}
    assert paste(the(refused.stderr, "stop"), lab).returncode == 0
    assert states(lab / "runs/exp") == ["stopped"]
    (lab / "train.py").write_text("")
    assert (paste(wait_beside, lab).returncode, states(lab / "runs/exp-2")) == (0, ["completed"])


def test_a_detached_run(lab: Path) -> None:
    (lab / "train.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    said = tsdia_run("new", "config.yml", "--detach", cwd=lab).stderr
    assert "ready" in paste(f"timeout 3 {the(said, 'logs -f')}", lab).stdout
    assert paste(the(said, "stop"), lab).returncode == 0


def test_places_that_cannot_be_a_run_directory(lab: Path) -> None:
    (lab / "go").touch()
    assert tsdia_run("new", "config.yml", cwd=lab).returncode == 0
    (lab / "linked").symlink_to("runs/exp-9")
    (lab / "file").touch()
    places = {"runs/exp/in": "runs/exp-2", "linked": "runs/exp-9", "file": "file-2", "runs": "runs-2"}
    for place, run_dir in places.items():
        refused = tsdia_run("new", "config.yml", "--run-dir", place, cwd=lab)
        assert refused.returncode == 73, place
        (command,) = suggested(refused.stderr)
        assert paste(command, lab).returncode == 0, command
        assert states(lab / run_dir) == ["completed"]


def test_a_config_that_resumes_from_the_run_itself(lab: Path) -> None:
    (lab / "save").touch()
    tsdia_run("new", "config.yml", cwd=lab)
    config = lab / "config.yml"
    config.write_text(config.read_text().replace("resume:", "resume: runs/exp/checkpoint-5"))
    (lab / "go").touch()
    refused = tsdia_run("new", "config.yml", cwd=lab)
    assert refused.returncode == 73
    done = paste(the(refused.stderr, "resume"), lab)
    assert (done.returncode, "from checkpoint-5" in done.stdout) == (0, True)


def test_words_that_a_shell_would_split(lab: Path) -> None:
    (lab / "go").touch()
    start = ("new", "config.yml", "--name", "it's $HOME", "--set", "model.size='a b'", "--", "--x", "a  b", "*")
    assert tsdia_run(*start, cwd=lab).returncode == 0
    refused = tsdia_run(*start, cwd=lab)
    command = next(line.split(":", 1)[1].strip() for line in refused.stderr.splitlines() if "--move-aside" in line)
    done = paste(command, lab)
    assert done.returncode == 0
    assert "arguments ['--x', 'a  b', '*']" in done.stdout
    assert states(lab / "runs/it's $HOME") == ["completed"]


def test_options_given_by_the_environment_are_repeated(lab: Path) -> None:
    named = {"TSDIA_RUN_OPT_NAME": "env"}
    assert tsdia_run("new", "config.yml", cwd=lab, env=named).returncode == 3
    said = tsdia_run("info", "runs/env", cwd=lab).stdout
    (lab / "go").touch()
    assert (paste(the(said, "new"), lab).returncode, states(lab / "runs/env")) == (0, ["completed"])


def test_a_run_whose_checkpoints_are_all_damaged(lab: Path) -> None:
    (lab / "save").touch()
    tsdia_run("new", "config.yml", "--name", "v2", cwd=lab)
    for checkpoint in (lab / "runs/v2").glob("checkpoint-*"):
        (checkpoint / "state.json").unlink()
    refused = tsdia_run("resume", "runs/v2", cwd=lab)
    assert refused.returncode == 65
    (lab / "go").touch()
    done = paste(the(refused.stderr, "--from-scratch"), lab)
    assert (done.returncode, "from None" in done.stdout) == (0, True)
    assert paste(the(refused.stderr, "--move-aside"), lab).returncode == 0
    assert states(lab / "runs/v2") == ["completed"]
    assert not (lab / "runs/exp").exists()


def test_unknown_names_of_runs(lab: Path) -> None:
    (lab / "go").touch()
    tsdia_run("new", "config.yml", cwd=lab)
    for words in (["info", "exq"], ["info", "./runs"], ["compare", "exp"], ["list", "nowhere"]):
        refused = tsdia_run(*words, cwd=lab)
        assert refused.returncode in (2, 66)
        (command,) = suggested(refused.stderr)
        listed = paste(command, lab)
        assert (listed.returncode, "exp" in listed.stdout) == (0, True)


def test_unknown_metrics(lab: Path) -> None:
    (lab / "go").touch()
    tsdia_run("new", "config.yml", cwd=lab)
    values = {f"metric{number}": number for number in range(50)}
    (lab / "runs/exp/metrics.jsonl").write_text(json.dumps({"step": 1, "time": 1.0, "attempt": 0, **values}) + "\n")
    tsdia_run("new", "config.yml", "--name", "later", cwd=lab)
    said = tsdia_run("info", "runs/exp", cwd=lab).stdout
    shown = json.loads(paste(the(said, "--json"), lab).stdout)
    assert len(shown["metrics"]) == 50


ODD = """\
import os, sys
out = os.environ["TSDIA_RUN_DIR"]
start = int(sys.argv[2].rpartition("-")[2].split(".")[0]) if len(sys.argv) > 2 else 0
print("from", start)
os.makedirs(out + "/net", exist_ok=True)
for step in range(start + 10, 31, 10):
    open(f"{out}/net/v3-{step}.msgpack", "x").write("state")
    if step == 20:
        sys.exit(3)
"""


@pytest.mark.parametrize("command", ["ensure", "resume"])
def test_files_that_may_be_checkpoints(lab: Path, command: str) -> None:
    (lab / "odd.py").write_text(ODD)
    start = ("--entrypoint", "odd.py", "--launcher", "python", "--name", "odd", "--resume-args", "--load {checkpoint}")
    assert tsdia_run("new", *start, cwd=lab).returncode == 3
    words = start if command == "ensure" else ("runs/odd",)
    refused = tsdia_run(command, *words, cwd=lab)
    assert refused.returncode == 65
    assert "net/v3-20.msgpack" in refused.stderr
    assert "checkpoints.pattern" in refused.stderr
    assert len(states(lab / "runs/odd")) == 1
    done = paste(the(refused.stderr, "--checkpoint-pattern"), lab)
    assert (done.returncode, done.stdout) == (0, "from 20\n"), done.stderr
    assert states(lab / "runs/odd") == ["failed", "completed"]


def test_files_that_are_not_checkpoints(lab: Path) -> None:
    (lab / "odd.py").write_text(ODD.replace('"x"', '"w"'))
    start = ("--entrypoint", "odd.py", "--launcher", "python", "--name", "odd", "--resume-args", "")
    assert tsdia_run("new", *start, cwd=lab).returncode == 3
    refused = tsdia_run("ensure", *start, cwd=lab)
    assert paste(the(refused.stderr, "--from-scratch"), lab).stdout == "from 0\n"


def test_restarts_stop_where_files_may_be_checkpoints(lab: Path) -> None:
    (lab / "odd.py").write_text(ODD)
    start = ("--entrypoint", "odd.py", "--launcher", "python", "--name", "odd", "--resume-args", "--load {checkpoint}")
    done = tsdia_run("new", *start, "--max-restarts", "2", cwd=lab)
    assert done.returncode == 65
    assert "net/v3-20.msgpack" in done.stderr
    assert states(lab / "runs/odd") == ["failed"]
    assert paste(the(done.stderr, "--checkpoint-pattern"), lab).stdout == "from 20\n"


def test_exports_are_not_overwritten_by_a_training(lab: Path) -> None:
    (lab / "weights.py").write_text(
        "import os, sys\n"
        "path = os.environ['TSDIA_RUN_DIR'] + '/model.safetensors'\n"
        "os.path.exists(path) and open(path, 'rb').read()\n"
        "open(path, 'wb').write(b'\\x02' + b'\\0' * 7 + b'{}')\n"
        "sys.exit(3 if os.environ['TSDIA_RUN_ATTEMPT'] == '0' else 0)\n"
    )
    words = ("--entrypoint", "weights.py", "--launcher", "python", "--name", "w", "--resume-args", "")
    restarted = tsdia_run("new", *words, "--max-restarts", "1", cwd=lab)
    assert restarted.returncode == 65
    refused = tsdia_run("ensure", *words, cwd=lab)
    assert refused.returncode == 65
    assert "only weights: model.safetensors" in refused.stderr
    assert states(lab / "runs/w") == ["failed"]
    done = paste(the(refused.stderr, "--allow weights"), lab)
    assert (done.returncode, states(lab / "runs/w")) == (0, ["failed", "completed"]), done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "-rf",
        "~root",
        "latest",
        "a b;touch x",
        "it's $(touch x)",
        "a\nb",
        "caf\udce9",
        *slow("--help", ".hidden", "=ls", "!!"),
    ],
)
def test_commands_about_a_run_with_any_name(lab: Path, name: str) -> None:
    assert tsdia_run("new", "config.yml", cwd=lab).returncode == 3
    (lab / "save").touch()
    (lab / "runs/exp").rename(lab / "runs" / name)
    (lab / "runs/.tsdia-trash").mkdir()
    for cwd, path in ((lab, f"runs/{name}"), (lab / "runs", f"./{name}"), (lab / "runs/.tsdia-trash", f"../{name}")):
        said = tsdia_run("info", path, cwd=cwd)
        assert said.returncode == 0
        commands = suggested(said.stdout)
        assert {command.split()[1] for command in commands} >= {"resume", "logs"}
        for command in commands:
            done = paste(command, cwd)
            assert done.returncode in (0, 3), (command, done.stderr)
    assert [attempt["state"] for attempt in record_of(lab / "runs" / name)["attempts"]] == ["failed"] * 4
    assert not list(lab.rglob("x"))


@pytest.mark.parametrize("name", ["latest", "-rf", ".hidden", "~me", "a/b", "", "."])
def test_a_name_that_commands_could_not_use(lab: Path, name: str) -> None:
    refused = tsdia_run("new", "config.yml", "--name", name, cwd=lab)
    assert refused.returncode == 2
    assert paste(the(refused.stderr, "--name"), lab).returncode == 3
    assert len(list((lab / "runs").iterdir())) == 1


def test_a_config_whose_name_is_not_a_name_for_a_run(lab: Path) -> None:
    (lab / "config.yml").rename(lab / "latest.yml")
    (lab / "latest.yml").write_text((lab / "latest.yml").read_text().replace("save_dir: runs/exp", "save_dir:"))
    refused = tsdia_run("new", "latest.yml", cwd=lab)
    assert (refused.returncode, (lab / "runs").exists()) == (2, False)
    paste(the(refused.stderr, "--name"), lab)
    assert [path.name for path in (lab / "runs").iterdir()] == ["latest-run"]


def test_several_runs_of_one_name_are_shown_as_words(lab: Path) -> None:
    for folder in ("a", "$(touch x)"):
        assert tsdia_run("new", "config.yml", "--run-dir", f"runs/{folder}/exp", cwd=lab).returncode == 3
    said = tsdia_run("info", "exp", cwd=lab).stderr
    commands = [line.strip() for line in said.splitlines() if line.strip().endswith(("exp", "exp'"))]
    assert [paste(command, lab).returncode for command in commands] == [0, 0]
    assert not (lab / "x").exists()
