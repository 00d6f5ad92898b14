"""The script gets its config with its name, in its format, with references that resolve."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import record_of, tsdia_run

# Reads its config by its suffix, saves into its directory, and prints what it received.
SCRIPT = """\
import json, os, sys
path = sys.argv[sys.argv.index("--config") + 1]
if path.endswith(".toml"):
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib
    config = tomllib.loads(open(path).read())
elif path.endswith((".json", ".conf")):
    config = json.load(open(path))
else:
    import yaml
    config = yaml.safe_load(open(path))
checkpoint = config["checkpoint"]
print(json.dumps({"path": path, "told": os.environ["TSDIA_RUN_CONFIG"], "config": config}))
resumed = checkpoint.get("resume")
[open(os.path.join(resumed, name)).read() for name in (os.listdir(resumed) if resumed else [])]
os.makedirs(checkpoint["save_dir"] + "/checkpoint-epoch0-step5", exist_ok=True)
open(checkpoint["save_dir"] + "/checkpoint-epoch0-step5/state.json", "w").write("{}")
sys.exit(0 if checkpoint.get("resume") else 3)
"""
JSON = """\
{
\t"lr": 1e-5,
\t"on": "yes",
\t"tsdia_run": {"launcher": "python"},
\t"checkpoint": {"save_dir": "$OUT/exp"}
}
"""
YAML = 'lr: 1.0e-05\n"on": "yes"\ntsdia_run: {launcher: python}\ncheckpoint:\n  save_dir: $OUT/exp\n'
TOML = """\
lr = 1e-5  # why
on = "yes"

[tsdia_run]
launcher = "python"

[checkpoint]
save_dir = "$OUT/exp"
"""


def received(done: Any) -> dict[str, Any]:
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("name", "text", "kept_as"),
    [
        ("my exp.v2.json", JSON, "config.yml"),
        ("exp.conf", JSON, "config.yml"),
        ("exp", YAML, "config.yml"),
        ("exp.toml", TOML, "config.toml"),
    ],
)
def test_a_config_keeps_its_name_from_new_to_compare(tmp_path: Path, name: str, text: str, kept_as: str) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / name).write_text(text)
    (tmp_path / "train.py").write_text(SCRIPT)
    run_dir, env = tmp_path / "runs" / "exp", {"OUT": "runs"}
    new = tsdia_run("new", f"configs/{name}", "--set", "lr=5e-6", "--set", "+model.name=off", cwd=tmp_path, env=env)
    assert new.returncode == 3, new.stderr
    copy = run_dir / "attempts" / "0" / "config" / name
    model = {"name": False if kept_as == "config.yml" and text is YAML else "off"}
    expected = {"lr": 5e-6, "on": "yes", "checkpoint": {"save_dir": str(run_dir)}, "model": model}
    assert received(new) == {"path": str(copy), "told": str(copy), "config": expected}
    assert "YAML" not in new.stderr
    assert (run_dir / kept_as).read_bytes() == text.encode()
    resumed = tsdia_run("resume", "exp", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    newest = str(run_dir / "checkpoint-epoch0-step5")
    assert received(resumed)["path"] == str(run_dir / "attempts" / "1" / "config" / name)
    assert received(resumed)["config"] == {**expected, "checkpoint": {"save_dir": str(run_dir), "resume": newest}}
    again = tsdia_run(
        "ensure", f"configs/{name}", "--set", "lr=5e-6", "--set", "+model.name=off", cwd=tmp_path, env=env
    )
    assert again.returncode == 0, again.stderr
    assert "lr=5e-06" in tsdia_run("info", "exp", cwd=tmp_path).stdout
    other = tsdia_run("new", f"configs/{name}", "--name", "exp-2", cwd=tmp_path, env=env)
    assert other.returncode == 3
    assert "lr" in tsdia_run("compare", "exp", "exp-2", cwd=tmp_path).stdout


def test_a_run_of_an_earlier_version_resumes_with_its_old_config_name(tmp_path: Path) -> None:
    (tmp_path / "exp.yml").write_text(YAML)
    (tmp_path / "train.py").write_text(SCRIPT)
    env = {"OUT": "runs"}
    assert tsdia_run("new", "exp.yml", cwd=tmp_path, env=env).returncode == 3
    attempt = tmp_path / "runs" / "exp" / "attempts" / "0"
    (attempt / "config" / "exp.yml").rename(attempt / "config.yml")
    (attempt / "config").rmdir()
    assert "lr=1e-05" in tsdia_run("info", "exp", cwd=tmp_path).stdout
    resumed = tsdia_run("resume", "exp", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert received(resumed)["path"] == str(tmp_path / "runs" / "exp" / "attempts" / "1" / "config" / "config.yml")
    assert tsdia_run("ensure", "exp.yml", cwd=tmp_path, env=env).returncode == 0
    assert tsdia_run("new", "exp.yml", "--name", "b", "--set", "lr=1", cwd=tmp_path, env=env).returncode == 3
    assert "lr" in tsdia_run("compare", "exp", "b", cwd=tmp_path).stdout


def test_another_config_on_a_resume_keeps_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "exp.yml").write_text(YAML)
    (tmp_path / "lower.toml").write_text(TOML)
    (tmp_path / "train.py").write_text(SCRIPT)
    assert tsdia_run("new", "exp.yml", cwd=tmp_path, env={"OUT": "runs"}).returncode == 3
    resumed = tsdia_run("resume", "exp", "--config", "lower.toml", cwd=tmp_path)
    run_dir = tmp_path / "runs" / "exp"
    assert received(resumed)["path"] == str(run_dir / "attempts" / "1" / "config" / "lower.toml")
    assert sorted(path.name for path in run_dir.glob("config*")) == ["config.yml"]
    assert (run_dir / "config.yml").read_text() == YAML


def test_a_toml_config_is_restored_and_its_errors_have_a_position(tmp_path: Path) -> None:
    config = tmp_path / "exp.toml"
    config.write_text(TOML)
    (tmp_path / "train.py").write_text(SCRIPT + "open(checkpoint['save_dir'] + '/config.toml', 'w').write('x = 1')\n")
    (tmp_path / "train.py").write_text((tmp_path / "train.py").read_text().replace("sys.exit", "print, "))
    done = tsdia_run("new", "exp.toml", cwd=tmp_path, env={"OUT": "runs"})
    assert "overwrote config.toml" in done.stderr
    assert (tmp_path / "runs" / "exp" / "config.toml").read_text() == TOML
    config.write_text(TOML.replace("launcher", "lancher"))
    unknown = tsdia_run("new", "exp.toml", cwd=tmp_path)
    assert unknown.returncode == 78
    assert "exp.toml:5:11: unknown setting `lancher`" in unknown.stderr
    config.write_text("lr = \n")
    assert "exp.toml:1:6: not valid TOML" in tsdia_run("new", "exp.toml", cwd=tmp_path).stderr


def test_references_work_from_the_copy_and_are_kept(tmp_path: Path) -> None:
    (tmp_path / "configs" / "base").mkdir(parents=True)
    (tmp_path / "configs" / "base" / "b.yml").write_text("_base_: c.yml\nx: 1\n")
    (tmp_path / "configs" / "base" / "c.yml").write_text("y: 1\n")
    (tmp_path / "configs" / "exp.yml").write_text(f"_base_: base/b.yml\n{YAML}")
    # As mmengine does: relative to the config that the script received.
    (tmp_path / "train.py").write_text(
        SCRIPT.replace("checkpoint =", "open(os.path.join(os.path.dirname(path), config['_base_']))\ncheckpoint =", 1)
    )
    env = {"OUT": "runs"}
    done = tsdia_run("new", "configs/exp.yml", cwd=tmp_path, env=env)
    assert done.returncode == 3, done.stderr
    assert received(done)["config"]["_base_"] == str(tmp_path / "configs" / "base" / "b.yml")
    kept = tmp_path / "runs" / "exp" / "attempts" / "0" / "references"
    assert (kept / "b.yml").read_text() == "_base_: c.yml\nx: 1\n"
    assert (kept / "c.yml").read_text() == "y: 1\n"
    (tmp_path / "configs" / "base" / "c.yml").write_text("y: 2\n")
    resumed = tsdia_run("resume", "exp", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr.count("changed config:") == 1
    assert "changed config: c.yml (named in the config) has different contents" in resumed.stderr
    assert (kept.parents[1] / "1" / "references" / "b.yml").exists()
    assert tsdia_run("ensure", "configs/exp.yml", cwd=tmp_path, env=env).returncode == 0
    (tmp_path / "configs" / "lost.yml").write_text(f"_base_: nowhere.yml\n{YAML}")
    lost = tsdia_run("new", "configs/lost.yml", "--name", "lost", "--dry-run", cwd=tmp_path, env=env)
    assert "`_base_`: nowhere.yml does not exist" in lost.stdout


def test_an_unusable_run_directory_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "exp.yml").write_text(YAML.replace("$OUT", "${model.name}"))
    refused = tsdia_run("new", "exp.yml", cwd=tmp_path)
    assert refused.returncode == 78
    assert "${model.name}, which only the script can resolve" in refused.stderr
    named = tsdia_run("new", "exp.yml", "--run-dir", "runs/here", cwd=tmp_path)
    assert received(named)["config"]["checkpoint"]["save_dir"] == str(tmp_path / "runs" / "here")
    (tmp_path / "exp.yml").write_text(YAML.replace("$OUT", "s3://bucket"))
    assert tsdia_run("new", "exp.yml", cwd=tmp_path).returncode == 78
    assert tsdia_run("new", "exp.yml", "--run-dir", "s3://bucket/x", cwd=tmp_path).returncode == 73
    assert tsdia_run("new", "exp.yml", "--run-dir", "$NOPE/x", cwd=tmp_path).returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exp.yml", "runs", "train.py"]


def test_a_hydra_app_gets_no_config_argument(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import json, os, sys\nprint(json.dumps(sys.argv[1:]))\n"
        "if False:\n    from hydra import main as hydra_main\n    hydra_main()\nsys.exit(3)\n"
    )
    (tmp_path / "exp.yml").write_text(YAML)
    bare = tsdia_run("new", "exp.yml", cwd=tmp_path, env={"OUT": "runs"})
    assert json.loads(bare.stdout) == [f"hydra.run.dir={tmp_path / 'runs' / 'exp'}"]
    assert "train.py is a Hydra app, so it does not get --config" in bare.stderr
    assert "passing the run directory as hydra.run.dir (found in train.py:5)" in bare.stderr
    words = ["--name", "b", "--", "hydra.run.dir={run_dir}", "lr=1"]
    given = tsdia_run("new", "exp.yml", *words, cwd=tmp_path, env={"OUT": "runs"})
    assert json.loads(given.stdout) == [f"hydra.run.dir={tmp_path / 'runs' / 'b'}", "lr=1"]
    assert "receive" not in given.stderr
    (tmp_path / "runs" / "b" / "checkpoint-epoch0-step5").mkdir()
    (tmp_path / "runs" / "b" / "checkpoint-epoch0-step5" / "state.json").write_text("{}")
    refused = tsdia_run("resume", "b", cwd=tmp_path)
    assert refused.returncode == 78
    assert "does not receive the checkpoint to resume from" in refused.stderr


FINE_TUNING = """\
tsdia_run: {launcher: python}
checkpoint:
  save_dir: runs/exp
  resume: %s
  resume_restore_optimizer: false   # new data
  resume_restore_scheduler: false
  resume_restore_trainer_state: %s
"""


def test_a_fine_tuning_run_that_resumes_itself_restores_everything(tmp_path: Path) -> None:
    other = tmp_path / "pretrained" / "checkpoint-epoch9-step900"
    other.mkdir(parents=True)
    (tmp_path / "train.py").write_text(SCRIPT[: SCRIPT.index("sys.exit")] + "sys.exit(3)\n")
    (tmp_path / "exp.yml").write_text(FINE_TUNING % (other, "true"))
    new = tsdia_run("new", "exp.yml", cwd=tmp_path)
    names = ["resume_restore_optimizer", "resume_restore_scheduler", "resume_restore_trainer_state"]
    restored = [received(new)["config"]["checkpoint"][name] for name in names]
    assert (restored, "resuming the same run: set" in new.stderr) == ([False, False, True], False)
    resumed = tsdia_run("resume", "exp", cwd=tmp_path)
    assert [received(resumed)["config"]["checkpoint"][name] for name in names] == [True, True, True]
    (note,) = [line for line in resumed.stderr.splitlines() if "resuming the same run: set" in line]
    assert "resume_restore_optimizer" in note
    assert "resume_restore_scheduler" in note
    assert "trainer_state" not in note
    assert "changed config" not in resumed.stderr
    copy = tmp_path / "runs" / "exp" / "attempts" / "1" / "config" / "exp.yml"
    assert "resume_restore_optimizer: true   # new data" in copy.read_text()
    assert tsdia_run("resume", "exp", cwd=tmp_path).stderr.count("resuming the same run: set") == 0
    key = "checkpoint.resume_restore_optimizer"
    meant = tsdia_run("resume", "exp", "--set", f"{key}=false", cwd=tmp_path)
    assert received(meant)["config"]["checkpoint"]["resume_restore_optimizer"] is False
    anew = tsdia_run("resume", "exp", "--from-scratch", cwd=tmp_path)
    assert received(anew)["config"]["checkpoint"]["resume"] == str(other)
    assert [received(anew)["config"]["checkpoint"][name] for name in names] == [False, False, True]


def test_an_automatic_restart_restores_everything_too(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "exp.yml").write_text((FINE_TUNING % ("null", "false")).replace("  resume: null\n", ""))
    key = "checkpoint.resume_restore_optimizer"
    (tmp_path / "exp.yml").write_text(
        (tmp_path / "exp.yml")
        .read_text()
        .replace("{launcher: python}", "{launcher: python, restarts: {max: 1, backoff_s: 0}}")
    )
    done = tsdia_run("new", "exp.yml", "--set", f"{key}=false", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line)["config"]["checkpoint"] for line in done.stdout.splitlines())
    assert (first["resume_restore_optimizer"], second["resume_restore_optimizer"]) == (False, True)
    assert second["resume"] == str(tmp_path / "runs" / "exp" / "checkpoint-epoch0-step5")
    assert "resuming the same run: set" in done.stderr


def test_from_scratch_removes_what_a_resume_added(tmp_path: Path) -> None:
    for name, text in (("a.yml", YAML), ("b.json", JSON), ("c.toml", TOML)):
        (tmp_path / name).write_text(text)
        (tmp_path / "train.py").write_text(SCRIPT)
        assert tsdia_run("new", name, cwd=tmp_path, env={"OUT": "runs"}).returncode == 3
        assert "resume" in received(tsdia_run("resume", "exp", cwd=tmp_path))["config"]["checkpoint"]
        anew = tsdia_run("resume", "exp", "--again", "--from-scratch", cwd=tmp_path)
        assert anew.returncode == 3, anew.stderr
        assert received(anew)["config"]["checkpoint"].get("resume") is None
        shutil.rmtree(tmp_path / "runs")


def test_a_changed_scheduler_gets_a_hint(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "raise RuntimeError('Number of custom checkpoints in folder x does not match the number of registered objects:"
        "\\n\\tFound checkpoints: 1')\n"
    )
    (tmp_path / "exp.yml").write_text(YAML)
    done = tsdia_run("new", "exp.yml", cwd=tmp_path, env={"OUT": "runs"})
    assert "its scheduler was replaced" in done.stderr
    assert "its scheduler was replaced" in tsdia_run("info", "exp", cwd=tmp_path).stdout
    assert record_of(tmp_path / "runs" / "exp")["state"] == "failed"
