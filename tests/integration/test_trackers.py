"""The config that real trackers store with the hooks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import wandb_file
from tests.support.command import environment
from tsdia_run.launch.command import BOOTSTRAP, RANKS_LAUNCHER

CONFIG = """\
model: {size: 3, layers: [1, 2], name: null}
training:
  lr: 0.1
  api_key: "0123456789abcdef"
"""
HEAD = "import os, sys\n"


class Run:
    """An attempt that contains only the files that the hooks read."""

    def __init__(self, folder: Path) -> None:
        self.run_dir = folder / "run"
        self.script = folder / "train.py"

    def attempt(
        self,
        body: str,
        number: int = 0,
        *,
        head: str = HEAD,
        config: str | None = CONFIG,
        ranks: int = 1,
        hooks: str = "trackers",
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        attempt = self.run_dir / "attempts" / str(number)
        attempt.mkdir(parents=True)
        variables = {
            "TSDIA_RUN_ID": "run1",
            "TSDIA_RUN_NAME": "exp",
            "TSDIA_RUN_DIR": str(self.run_dir),
            "TSDIA_RUN_ATTEMPT": str(number),
            "TSDIA_RUN_HOOKS": hooks,
            "ACCELERATE_USE_CPU": "true",
            "WANDB_DIR": str(self.run_dir),
            "WANDB_SILENT": "true",
            "HOME": str(self.run_dir),
        }
        if config is not None:
            (attempt / "config.yml").write_text(config)
            variables["TSDIA_RUN_CONFIG"] = str(attempt / "config.yml")
        # Its import takes longer than most of the scripts.
        accelerate = "from accelerate import Accelerator\n" if "Accelerator(" in body else ""
        self.script.write_text(head + accelerate + body)
        argv = [sys.executable, str(BOOTSTRAP), str(self.script)]
        if ranks > 1:
            flags = ["--multi_gpu", "--num_processes", str(ranks), "--main_process_port", "0"]
            argv = [sys.executable, str(RANKS_LAUNCHER), *flags, *argv[1:]]
        done = subprocess.run(
            argv,
            env={**environment(), **variables, **(env or {})},
            cwd=self.run_dir,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    def wandb_info(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run_dir / "wandb_info.json").read_text())
        return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def events(folder: Path) -> list[Any]:
    """Return every event of a TensorBoard folder, file by file."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    files = sorted(folder.rglob("events.out.*"), key=lambda path: path.stat().st_mtime)
    return [event for file in files for event in LegacyEventFileLoader(str(file)).Load()]


def offline_configs(run_dir: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Return id, name and config of each run in W&B's own files, in the order of their start."""
    found = []
    for path in sorted(run_dir.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_ctime):
        config: dict[str, Any] = {}
        identity = name = ""
        for record in wandb_file.read(path):
            if record.HasField("run"):
                identity, name = record.run.run_id, record.run.display_name
            for update in [*record.run.config.update, *record.config.update]:
                config[update.key or "/".join(update.nested_key)] = json.loads(update.value_json)
        found.append((identity, name, config))
    return found


def hyperparameters(folder: Path) -> dict[str, Any]:
    """Return the values that TensorBoard's HParams page shows."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found: dict[str, Any] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                for name, one in data.session_start_info.hparams.items():
                    found[name] = getattr(one, one.WhichOneof("kind"))
    return found


TENSORBOARD = """\
accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=".")
accelerator.init_trackers("tb", config={"lr": 0.5, "nested": {"sizes": [1, 2]}, "none": None})
for step in range(int(sys.argv[1]) if sys.argv[1:] else 0, 6):
    accelerator.log({"loss": step + 0.5}, step=step)
accelerator.end_training()
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_tensorboard_has_the_complete_config_flat(run: Run, ranks: int) -> None:
    done = run.attempt(TENSORBOARD, ranks=ranks)
    assert "hook failed" not in done.stderr
    assert hyperparameters(run.run_dir / "tb") == {
        "lr": 0.5,
        "nested.sizes": "[1, 2]",
        "none": "null",
        "config_file.model.size": 3,
        "config_file.model.layers": "[1, 2]",
        "config_file.model.name": "null",
        "config_file.training.lr": 0.1,
        "config_file.training.api_key": "[redacted]",
    }
    assert "0123456789abcdef" not in str(events(run.run_dir / "tb"))


def test_tensorboard_discards_values_after_the_step_of_the_manifest(run: Run) -> None:
    body = """
import time
from accelerate import Accelerator
accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=".")
accelerator.init_trackers("logs")
for step in range(1, 6):
    accelerator.log({"loss": 1.0}, step=step)
accelerator.log({"val_loss": 1.0}, step=0)
if not os.environ.get("TSDIA_RUN_CHECKPOINT"):
    accelerator.save_state("epoch_0")
accelerator.end_training()
"""
    run.attempt(body, hooks="trackers,checkpoints")
    run.attempt(body, 1, hooks="trackers,checkpoints", env={"TSDIA_RUN_CHECKPOINT": str(run.run_dir / "epoch_0")})
    starts = [event.step for event in events(run.run_dir) if event.session_log.status == 1]
    assert starts == [6]


def test_tensorboard_stores_the_text_of_a_config_without_secrets(run: Run) -> None:
    run.attempt(TENSORBOARD, config="model: {size: 3}  # with its comment\n")
    assert "# with its comment" in str(events(run.run_dir / "tb"))


def test_no_step_appears_twice_after_a_resume(run: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run.attempt(TENSORBOARD)
    body = TENSORBOARD.replace("int(sys.argv[1]) if sys.argv[1:] else 0", "4").replace("0.5}", "100}")
    run.attempt(body, 1, env={"TSDIA_RUN_CHECKPOINT": str(run.run_dir / "checkpoint-epoch0-step3")})
    accumulator = EventAccumulator(str(run.run_dir / "tb"), size_guidance={"scalars": 0})
    accumulator.Reload()
    scalars = [(event.step, event.value) for event in accumulator.Scalars("loss")]
    assert scalars == [(0, 0.5), (1, 1.5), (2, 2.5), (3, 3.5), (4, 104), (5, 105)]


WANDB = """\
accelerator = Accelerator(cpu=True, log_with="wandb")
accelerator.init_trackers("proj", config={"lr": 0.5, "model": "mine"})
accelerator.log({"loss": 1.0}, step=1)
accelerator.end_training()
"""
OFFLINE = {"WANDB_MODE": "offline"}


@pytest.mark.parametrize("ranks", [1, 2])
def test_wandb_has_the_complete_nested_config_and_the_id_of_the_run(run: Run, ranks: int) -> None:
    done = run.attempt(WANDB, ranks=ranks, env={**OFFLINE, "TSDIA_RUN_WANDB_NAME": "a name"})
    assert "hook failed" not in done.stderr
    ((identity, name, config),) = offline_configs(run.run_dir)
    assert (identity, name) == ("run1", "a name")
    assert config["config_file"]["model"] == {"size": 3, "layers": [1, 2], "name": None}
    assert config["config_file"]["training"]["api_key"] == "[redacted]"
    assert (config["lr"], config["model"]) == (0.5, "mine")
    info = run.wandb_info()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", info.pop("timestamp"))
    assert info == {"run_id": "run1", "run_name": "a name", "run_url": None, "project": "proj", "entity": None}


FILE = {"model": {"size": 3, "layers": [1, 2], "name": None}, "training": {"lr": 0.1, "api_key": "[redacted]"}}


def config_records(run_dir: Path) -> list[Any]:
    """Return every record of W&B's own files that contains the config file."""
    found = []
    for path in sorted(run_dir.glob("wandb/offline-run-*/*.wandb")):
        for record in wandb_file.read(path):
            updates = [*record.run.config.update, *record.config.update]
            found += [json.loads(one.value_json) for one in updates if "config_file" in (one.key, *one.nested_key)]
    return found


@pytest.mark.parametrize(
    "body",
    [
        "one = wandb.init(project='p')",
        "one = wandb.init(project='p', config={'lr': 0.5})",
        "one = wandb.init(project='p')\nwandb.config.update({'lr': 0.5, 'model': 'mine'})",
        "one = wandb.init(project='p')\nassert dict(wandb.config) == {}",
        "one = wandb.init(project='p')\nwandb.init().log({'a': 1})",
        "one = wandb.init(project='p')\na = Accelerator(log_with='wandb')\na.init_trackers('p', config={'lr': 1})",
        "a = Accelerator(cpu=True, log_with='wandb')\na.init_trackers('p', config={'lr': 1})\none = a.trackers[0].run",
        "a = Accelerator(cpu=True, log_with='wandb')\na.init_trackers('p')\none = a.trackers[0].run",
    ],
)
def test_wandb_has_the_complete_config_once_for_every_way_to_start_it(run: Run, body: str) -> None:
    done = run.attempt(f"import wandb\n{body}\none.finish()\n", env=OFFLINE)
    assert "hook failed" not in done.stderr
    assert config_records(run.run_dir) == [FILE]


@pytest.mark.parametrize(
    "body",
    [
        "one = wandb.init(project='p', config={'config_file': 'mine'})",
        "import argparse\none = wandb.init(project='p', config=argparse.Namespace(config_file='mine'))",
        "one = wandb.init(project='p')\nwandb.config.update({'config_file': 'mine'})",
        "one = wandb.init(project='p')\nwandb.config.config_file = 'mine'",
        "a = Accelerator(log_with='wandb')\na.init_trackers('p', {'config_file': 'mine'})\none = a.trackers[0].run",
    ],
)
def test_a_key_set_by_the_script_has_priority(run: Run, body: str) -> None:
    run.attempt(f"import wandb\n{body}\none.finish()\n", env=OFFLINE)
    ((_, _, config),) = offline_configs(run.run_dir)
    assert config["config_file"] == "mine"


def test_a_transformers_trainer_gives_wandb_the_complete_config_too(run: Run) -> None:
    pytest.importorskip("transformers")
    run.attempt(
        "import torch, transformers\n"
        "class Model(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(1, 1)\n"
        "    def forward(self, x, labels=None):\n"
        "        out = self.layer(x)\n"
        "        return {'loss': ((out - labels) ** 2).mean(), 'logits': out}\n"
        "data = [{'x': torch.ones(1), 'labels': torch.ones(1)}] * 4\n"
        "given = transformers.TrainingArguments('out', report_to='wandb', max_steps=2, use_cpu=True, logging_steps=1)\n"
        "transformers.Trainer(Model(), given, train_dataset=data).train()\n",
        env=OFFLINE,
    )
    ((identity, _, config),) = offline_configs(run.run_dir)
    assert (identity, config["config_file"], config["max_steps"]) == ("run1", FILE, 2)
    assert config_records(run.run_dir) == [FILE]


def test_without_a_config_nothing_is_added(run: Run) -> None:
    run.attempt("import wandb\nwandb.init(project='p', config={'lr': 1}).finish()\n", config=None, env=OFFLINE)
    assert config_records(run.run_dir) == []


def test_all_attempts_use_one_wandb_run_and_further_inits_make_others(run: Run) -> None:
    body = (
        "import wandb, subprocess\n"
        "for _ in range(2):\n    one = wandb.init(project='p'); one.log({'a': 1}); one.finish()\n"
        "child = \"import wandb; wandb.init(project='p').finish()\"\n"
        "subprocess.run([sys.executable, '-c', child], check=True)\n"
    )
    run.attempt(body, env=OFFLINE)
    run.attempt(body, 1, env=OFFLINE)
    ids = [identity for identity, _, _ in offline_configs(run.run_dir)]
    assert [identity == "run1" for identity in ids] == [True, False, False] * 2
    assert len(set(ids)) == 5
    assert run.wandb_info()["run_id"] == "run1"


@pytest.mark.parametrize(
    ("arguments", "env"),
    [("id='own', name=None", {}), ("settings=wandb.Settings(run_id='own')", {}), ("", {"WANDB_RUN_ID": "own"})],
)
def test_an_id_set_by_the_script_or_the_user_is_used(run: Run, arguments: str, env: dict[str, str]) -> None:
    run.attempt(f"import wandb\nwandb.init(project='p', {arguments}).finish()\n", env={**OFFLINE, **env})
    assert [identity for identity, _, _ in offline_configs(run.run_dir)] == ["own"]
    assert run.wandb_info()["run_id"] == "own"


def test_arguments_that_are_none_count_as_not_given(run: Run) -> None:
    body = "import wandb\none = wandb.init(project='p', id=None, name=None, resume=None, reinit=True)\n"
    run.attempt(body + "assert one.settings.resume == 'allow'\none.finish()\n", env=OFFLINE)
    ((identity, name, _),) = offline_configs(run.run_dir)
    assert (identity, name) == ("run1", "exp")


def test_the_info_is_written_at_the_start_and_at_the_end(run: Run) -> None:
    body = (
        "import json, wandb\none = wandb.init(project='p')\n"
        "assert json.load(open('wandb_info.json'))['run_name'] == 'exp'\n"
        "one.name = 'another name'\nraise SystemExit(0)\n"
    )
    run.attempt(body, env=OFFLINE)
    assert run.wandb_info()["run_name"] == "another name"


@pytest.mark.parametrize("mode", ["disabled", "online"])
def test_without_wandb_the_training_runs_and_does_not_prompt(run: Run, mode: str) -> None:
    done = run.attempt(WANDB + "print('done')\n", env={"WANDB_MODE": mode})
    assert done.stdout.endswith("done\n")
    assert not (run.run_dir / "wandb_info.json").exists()
    assert ("no W&B API key found: using W&B offline mode" in done.stderr) == (mode == "online")


def test_the_training_runs_if_wandb_is_not_installed(run: Run) -> None:
    # With None in sys.modules, Python does not find the module.
    done = run.attempt(
        "a = Accelerator(log_with='all', project_dir='logs')\n"
        "a.init_trackers('p', config={'lr': 1})\n"
        "print([tracker.name for tracker in a.trackers])\n",
        head=f"import sys\nsys.modules['wandb'] = None\n{HEAD}",
    )
    assert "'wandb'" not in done.stdout.splitlines()[-1]
    assert not (run.run_dir / "wandb_info.json").exists()
    assert not (run.run_dir / "wandb").exists()


def test_other_ranks_do_not_use_the_shared_id(run: Run) -> None:
    body = "import wandb\nwandb.init(project='p').finish()\n"
    run.attempt(body, env={**OFFLINE, "RANK": "1"})
    ((identity, _, _),) = offline_configs(run.run_dir)
    assert identity != "run1"
    assert not (run.run_dir / "wandb_info.json").exists()


MLFLOW = """\
accelerator = Accelerator(cpu=True, log_with="mlflow")
accelerator.init_trackers("proj", config={"lr": 0.5, "odd(name)": {"deep": [1]}})
accelerator.end_training()
import mlflow
(found,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
print(found.data.params)
"""


def test_mlflow_has_the_complete_config_flat(run: Run) -> None:
    pytest.importorskip("mlflow")
    run.run_dir.mkdir()
    done = run.attempt(MLFLOW, env={"MLFLOW_TRACKING_URI": f"sqlite:///{run.run_dir}/mlflow.db"})
    params = eval(done.stdout.splitlines()[-1])
    assert params["config_file.model.layers"] == "[1, 2]"
    assert params["odd_name_.deep"] == "[1]"
    assert params["lr"] == "0.5"


def test_a_custom_tracker_is_not_changed(run: Run) -> None:
    body = (
        "from accelerate.tracking import GeneralTracker\n"
        "class Tracker(GeneralTracker):\n"
        "    name, requires_logging_directory, tracker = 'mine', False, None\n"
        "    def store_init_configuration(self, values): print('stored', values)\n"
        "    def log(self, *a, **k): pass\n"
        "accelerator = Accelerator(cpu=True, log_with=Tracker())\n"
        "accelerator.init_trackers('p')\n"
        "accelerator.init_trackers('p', config={'a': [1]})\n"
    )
    assert run.attempt(body).stdout.splitlines()[0] == "stored {'a': [1]}"
