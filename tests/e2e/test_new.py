from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.command import lines_of, log_of, record_of, tsdia_run

HELLO = "import sys; print('hello'); print('oops', file=sys.stderr)\n"


def test_a_run_leaves_a_complete_directory(project: Path) -> None:
    (project / "train.py").write_text(HELLO)
    done = tsdia_run("new", "config.yml", cwd=project)
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "oops\n" in done.stderr
    run_dir = project / "runs" / "exp"
    names = {path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*") if path.is_file()}
    (log,) = {name for name in names if name.startswith("logs/training")}
    assert re.fullmatch(r"logs/training_\d{8}_\d{6}\.log", log)
    assert names >= {
        "config.yml",
        "run.json",
        "attempts/0/config/config.yml",
        "attempts/0/command.json",
        "attempts/0/git.json",
        "attempts/0/environment.json",
        "attempts/0/exit-rank0.json",
    }
    assert (run_dir / "config.yml").read_bytes() == (project / "config.yml").read_bytes()
    assert sorted(lines_of(run_dir)) == ["hello", "oops"]
    header, *_, footer = log_of(run_dir).splitlines()
    assert re.match(r"\[tsdia-run: run exp \(\w+\), attempt 0, started 20\d\d-.*train\.py --config ", header)
    assert re.fullmatch(r"\[tsdia-run: completed after \d+\.\d s: the script exited with code 0\]", footer)
    record = record_of(run_dir)
    assert (record["schema"], record["state"], record["name"]) == (1, "completed", "exp")
    assert record["attempts"][0]["outcome"]["exit_code"] == 0


def test_the_closing_card_shows_the_result_and_commands(project: Path) -> None:
    (project / "train.py").write_text("raise ValueError('bad lr')\n")
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 1
    card = done.stderr[done.stderr.index("✗ exp: failed") :]
    assert "ValueError: bad lr" in card
    assert "train.py" in card
    assert re.search(r"log +runs/exp/logs/training_", card)
    assert "tsdia-run new config.yml" in card


def test_the_script_gets_its_config_with_only_the_edits_of_tsdia_run(project: Path) -> None:
    (project / "train.py").write_text(
        "import sys; print(open(sys.argv[sys.argv.index('--config') + 1]).read(), end='')\n"
    )
    done = tsdia_run("new", "config.yml", "--name", "exp-2", "--set", "training.lr=5e-6", cwd=project)
    original = (project / "config.yml").read_text()
    section = original.index("tsdia_run:")
    expected = original[:section].replace("runs/exp", str(project / "runs" / "exp-2")).replace("1.0e-4", "5.0e-06")
    assert done.stdout == expected
    assert (project / "runs" / "exp-2" / "attempts" / "0" / "config" / "config.yml").read_text() == expected


def test_extra_arguments_and_the_working_directory_are_kept(project: Path) -> None:
    (project / "train.py").write_text("import os, sys; print(os.getcwd()); print(sys.argv)\n")
    done = tsdia_run("new", "config.yml", "--", "--fast", "a b", "--config", cwd=project)
    cwd, argv = done.stdout.splitlines()
    assert cwd == str(project)
    config = str(project / "runs" / "exp" / "attempts" / "0" / "config" / "config.yml")
    assert argv == str(["train.py", "--config", config, "--fast", "a b", "--config"])


def test_a_second_start_is_refused_with_suggested_commands(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, yaml, sys\n"
        "d = yaml.safe_load(open(sys.argv[2]))['training']['checkpoint']['save_dir']\n"
        "os.makedirs(d + '/checkpoint-epoch0-step5')\n"
        "open(d + '/checkpoint-epoch0-step5/model.safetensors', 'w').write('x')\n"
    )
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 0
    before = sorted(path.as_posix() for path in (project / "runs").rglob("*"))
    again = tsdia_run("new", "config.yml", "--set", "training.epochs=5", "--", "--fast", cwd=project)
    assert again.returncode == 73
    assert again.stdout == ""
    assert "a completed run" in again.stderr
    assert "1 checkpoint (newest checkpoint-epoch0-step5)" in again.stderr
    assert "tsdia-run resume runs/exp" in again.stderr
    assert "tsdia-run new config.yml --set training.epochs=5 --name exp-2 -- --fast" in again.stderr
    assert "tsdia-run new config.yml --set training.epochs=5 --move-aside -- --fast" in again.stderr
    assert sorted(path.as_posix() for path in (project / "runs").rglob("*")) == before


def test_a_first_start_that_failed_on_a_typo_does_not_block_the_next_one(project: Path) -> None:
    (project / "train.py").write_text("import torhc\n")
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 1
    (project / "train.py").write_text(HELLO)
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 0
    assert re.search(r"moved the existing contents of runs/exp to runs/\.tsdia-trash/exp-", done.stderr)
    (old,) = (project / "runs" / ".tsdia-trash").iterdir()
    assert record_of(old)["state"] == "failed"


def test_a_dry_run_shows_everything_and_writes_nothing(project: Path) -> None:
    (project / "train.py").write_text(HELLO)
    text = tsdia_run("new", "config.yml", "--dry-run", "--set", "training.epochs=5", cwd=project)
    assert text.returncode == 0
    assert "training.epochs: 3 -> 5" in text.stdout
    assert "TSDIA_RUN_DIR=" in text.stdout
    data = json.loads(tsdia_run("new", "config.yml", "--dry-run", "--json", cwd=project).stdout)
    assert data["run_dir"] == str(project / "runs" / "exp")
    assert data["argv"][-2:] == ["--config", str(project / "runs/exp/attempts/0/config/config.yml")]
    assert sorted(path.name for path in project.iterdir()) == ["config.yml", "train.py"]


def test_the_command_of_a_dry_run_can_be_copied(project: Path) -> None:
    (project / "train.py").write_text("import sys; print(sys.argv[-1])\n")
    text = tsdia_run("new", "config.yml", "--dry-run", "--", "it's \n odd", cwd=project).stdout
    (line,) = [line for line in text.splitlines() if line.startswith("command")]
    done = subprocess.run(
        ["bash", "-c", line.split(None, 1)[1]], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout == "it's \n odd\n"


@pytest.mark.parametrize("name", ["with space", "quo'te\"s", "new\nline", "emoji-🦊", "-dash", "$HOME", "a" * 150])
def test_hostile_directory_names_work(tmp_path: Path, name: str) -> None:
    project = tmp_path / name
    project.mkdir()
    (project / "config.yml").write_text("training: {checkpoint: {save_dir: runs/exp}}\ntsdia_run: {launcher: python}\n")
    (project / "train.py").write_text("import sys, yaml; print(yaml.safe_load(open(sys.argv[2])))\n")
    done = tsdia_run("new", "config.yml", cwd=project)
    if "\n" in name:
        assert (done.returncode, "control character" in done.stderr) == (73, True)
        done = tsdia_run("new", "config.yml", "--run-dir", str(tmp_path / "elsewhere"), cwd=project)
    assert done.returncode == 0, done.stderr
    assert "save_dir" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["new", "absent.yml"], 66, "absent.yml"),
        (["new", "."], 78, "directory"),
        (["new", "config.yml", "--entrypoint", "trian.py"], 66, "Scripts in this directory: train.py"),
        (["new", "config.yml", "--python", "/no/python"], 66, "interpreter not found: /no/python"),
        (["new", "config.yml", "--accelerate-config", "no.yaml", "--launcher", "accelerate"], 66, "no.yaml"),
        (["new", "config.yml", "--run-dir", "."], 73, "is the working directory"),
        (["new", "inner/config.yml", "--run-dir", "inner", "--move-aside"], 73, "it contains the config"),
        (["new", "config.yml", "--run-dir", "/"], 73, "can't be a run directory"),
        (["new", "config.yml", "--name", "a/b"], 2, "is not a valid run name"),
        (["new", "config.yml", "--name", "x" * 300], 73, "bytes long"),
        (["new", "config.yml", "--json"], 2, "--dry-run"),
        (["new", "config.yml", "--num-processes", "2"], 2, "python"),
        (["new"], 2, "--name"),
        (["new", "--set", "a=1", "--name", "x"], 2, "CONFIG"),
        (["new", "config.yml", "--set", "novalue"], 2, "novalue"),
        (["new", "config.yml", "--launcher", "torchrun"], 2, "torchrun"),
        (["new", "config.yml", "--no-such-flag"], 2, "--no-such-flag"),
        (["nwe"], 2, "nwe"),
        (["resume", "absent"], 66, "no run 'absent'"),
        (["resume", "."], 66, "is not a run or a checkpoint"),
    ],
)
def test_bad_input_is_a_clear_error_and_changes_no_file(project: Path, words: list[str], code: int, says: str) -> None:
    (project / "train.py").write_text(HELLO)
    (project / "inner").mkdir()
    (project / "inner" / "config.yml").write_text("lr: 1\n")
    before = sorted(project.rglob("*"))
    done = tsdia_run(*words, cwd=project)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(project.rglob("*")) == before


def test_an_unknown_setting_is_reported_with_its_position_and_the_closest_name(project: Path) -> None:
    (project / "train.py").write_text(HELLO)
    (project / "config.yml").write_text("a: 1\ntsdia_run:\n  entrypiont: x.py\n")
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 78
    assert "config.yml:3:" in done.stderr
    assert "Did you mean `entrypoint`?" in done.stderr


def test_a_resume_key_that_points_into_the_run_directory_is_a_resume(project: Path) -> None:
    (project / "train.py").write_text(HELLO)
    text = (project / "config.yml").read_text()
    (project / "config.yml").write_text(text.replace("resume:", "resume: runs/exp/checkpoint-epoch0-step5"))
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 73
    assert "tsdia-run resume" in done.stderr
    other = project / "other" / "checkpoint-1"
    other.mkdir(parents=True)
    (project / "config.yml").write_text(text.replace("resume:", "resume: other/checkpoint-1"))
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 0
    assert record_of(project / "runs" / "exp")["started_from"] == str(other)


def test_a_config_that_the_script_overwrote_is_restored(project: Path) -> None:
    (project / "train.py").write_text("open('runs/exp/config.yml', 'w').write('mine: 1')\n")
    done = tsdia_run("new", "config.yml", cwd=project)
    assert (project / "runs/exp/config.yml").read_bytes() == (project / "config.yml").read_bytes()
    assert "the original was restored" in done.stderr


def test_a_script_that_creates_its_directory_itself_gets_a_hint_and_a_setting(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, sys, yaml\nos.mkdir(yaml.safe_load(open(sys.argv[2]))['training']['checkpoint']['save_dir'])\n"
    )
    done = tsdia_run("new", "config.yml", cwd=project)
    assert "script_dir: out" in done.stderr
    (project / "config.yml").write_text((project / "config.yml").read_text() + "  script_dir: out\n")
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 0
    assert (project / "runs/exp/out").is_dir()


def test_a_script_that_saves_without_its_directory_is_warned_about(project: Path) -> None:
    saves = "open('model.txt', 'w').close()\n"
    for name, text, words, is_warned in (
        ("bare", saves, (), True),
        ("told", saves, ("--", "{run_dir}"), False),
        ("asks", f"import os\nos.chdir(os.environ['TSDIA_RUN_DIR'])\n{saves}", (), False),
        ("silent", HELLO, (), False),
    ):
        (project / "train.py").write_text(text)
        done = tsdia_run("new", "--name", name, "--launcher", "python", *words, cwd=project)
        assert done.returncode == 0
        warning = "the script does not receive the run directory and may write elsewhere"
        assert (warning in done.stderr) == is_warned, name


def test_a_moved_run_can_be_resumed(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, sys, yaml\n"
        "c = yaml.safe_load(open(sys.argv[2]))['training']['checkpoint']\n"
        "print('from', c['resume'], 'in', c['save_dir'])\n"
        "os.makedirs(c['save_dir'] + '/checkpoint-epoch0-step5', exist_ok=True)\n"
        "os.environ.get('TSDIA_RUN_CHECKPOINT') and open(os.environ['TSDIA_RUN_CHECKPOINT'] + '/state.json').read()\n"
        "open(c['save_dir'] + '/checkpoint-epoch0-step5/state.json', 'w').write('{}')\n"
    )
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 0
    (project / "archive").mkdir()
    moved = (project / "runs" / "exp").rename(project / "archive" / "exp")
    done = tsdia_run("resume", "archive/exp", "--again", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"from {moved}/checkpoint-epoch0-step5 in {moved}\n"
    assert not (project / "runs" / "exp").exists()


def test_every_flag_has_an_environment_variable_and_an_example(project: Path) -> None:
    done = tsdia_run("new", "--help", cwd=project, env={"COLUMNS": "200"})
    flags = set(re.findall(r"--[a-z][a-z-]+", done.stdout)) - {"--help"}
    for flag in ("--entrypoint", "--set", "--move-aside", "--dry-run", "--debug"):
        assert flag in flags
    (project / "train.py").write_text(HELLO)
    named = tsdia_run(
        "new", "config.yml", cwd=project, env={"TSDIA_RUN_OPT_NAME": "from-env", "TSDIA_RUN_OPT_QUIET": "1"}
    )
    assert named.returncode == 0
    assert (project / "runs" / "from-env" / "run.json").exists()
    assert named.stderr == "oops\n"


def test_no_planted_secret_is_in_files_of_tsdia_run(project: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "remote", "add", "origin", "https://me:canary-pw@host/x.git"], cwd=project, check=True)
    (project / "train.py").write_text("key = 'canary-in-the-environment'\n")
    (project / ".env").write_text("X=canary-file\n")
    (project / ".gitignore").write_text("config.yml\n")  # the user's own text is kept, also as a part of the code
    (project / "config.yml").write_text(
        (project / "config.yml").read_text() + "  env: {SOME_TOKEN: canary-setting}\n"
        '  args: ["--config", "{config}", "--password", "canary-args"]\nmodel_api_key: x\n'
    )
    done = tsdia_run(
        "new", "config.yml", "--set", "model_api_key=canary-override",
        "--", "--api-key", "canary-argument", "--url=http://u:canary-pw2@h/",
        cwd=project, env={"WANDB_API_KEY": "canary-in-the-environment"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {
        path.name for path in (project / "runs" / "exp").rglob("*") if path.is_file() and b"canary" in path.read_bytes()
    }
    assert found == {"config.yml"}, "the config is the user's words; the rest is ours"
    assert re.search(r"config\.yml:\d+:21: `tsdia_run\.env\.SOME_TOKEN` looks like a secret", done.stderr)
    assert "+key = '[redacted]'" in (project / "runs/exp/attempts/0/git.patch").read_text()


def test_names_that_are_not_utf_8_survive_a_resume(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, sys\nprint(os.fsencode(sys.argv[3]))\nos.makedirs('runs/exp/checkpoint-1', exist_ok=True)\n"
        "os.environ.get('TSDIA_RUN_CHECKPOINT') and open(os.environ['TSDIA_RUN_CHECKPOINT'] + '/state.json').read()\n"
        "open('runs/exp/checkpoint-1/state.json', 'w').write('{}')\n"
    )
    name = os.fsdecode(b"caf\xe9")
    assert tsdia_run("new", "config.yml", "--", name, cwd=project).stdout == "b'caf\\xe9'\n"
    assert tsdia_run("resume", "runs/exp", "--again", cwd=project).stdout == "b'caf\\xe9'\n"


def test_a_run_inside_a_run_receives_only_its_own_directory(project: Path) -> None:
    (project / "train.py").write_text(
        "import os; print(os.environ['TSDIA_RUN_DIR'], os.environ.get('TSDIA_RUN_CHECKPOINT'))\n"
    )
    done = tsdia_run(
        "new", "config.yml", cwd=project, env={"TSDIA_RUN_DIR": "/outer", "TSDIA_RUN_CHECKPOINT": "/outer/c"}
    )
    assert done.stdout == f"{project}/runs/exp None\n"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts a small tmpfs")
def test_a_full_disk_is_refused_before_any_file_is_changed(project: Path) -> None:
    (project / "train.py").write_text(HELLO)
    small = project / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=True)
    try:
        done = tsdia_run("new", "config.yml", "--run-dir", "small/exp", cwd=project)
        assert (done.returncode, "is full" in done.stderr) == (73, True)
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
