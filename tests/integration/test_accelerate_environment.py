"""The script gets the same environment and arguments as under the real ``accelerate launch``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from tsdia_run.launch import hardware
from tsdia_run.launch.accelerate import ConfigFile, Delegated, InProcess, config_path, decide
from tsdia_run.launch.command import BOOTSTRAP, RANKS_LAUNCHER
from tsdia_run.launch.launcher_commands import ACCELERATE_SWITCHES
from tsdia_run.settings import AccelerateSettings

SCRIPTS = Path(__file__).resolve().parents[1] / "support" / "scripts"
DUMP = str(SCRIPTS / "dump_environment.py")
ACCELERATE = str(Path(sys.executable).with_name("accelerate"))
VERSION = tuple(int(part) for part in version("accelerate").split(".")[:3])
LIMIT_S = 60
# For these versions only, tsdia-run starts one process without Accelerate's launcher (tsdia_run/launch/accelerate.py).
in_place_only = pytest.mark.skipif(not (1, 14) <= VERSION < (1, 16), reason="this Accelerate has its own launcher")

ONE = {"compute_environment": "LOCAL_MACHINE", "distributed_type": "NO", "mixed_precision": "no", "num_processes": 1}
# As `accelerate config` writes it.
WRITTEN = {
    **ONE,
    "debug": False,
    "downcast_bf16": "no",
    "enable_cpu_affinity": False,
    "gpu_ids": "all",
    "machine_rank": 0,
    "main_training_function": "main",
    "num_machines": 1,
    "rdzv_backend": "static",
    "same_network": True,
    "tpu_env": [],
    "tpu_use_cluster": False,
    "tpu_use_sudo": False,
    "use_cpu": True,
}
DYNAMO = {
    "dynamo_backend": "INDUCTOR",
    "dynamo_mode": "max-autotune",
    "use_dynamic": True,
    "dynamo_use_fullgraph": True,
}


@dataclass(frozen=True)
class Case:
    """A start of one process.

    Attributes:
        name: A name for the output of the test.
        num_processes: As on the command line.
        mixed_precision: As on the command line.
        file: The contents of the config file; None for no file.
        environ: The variables that the user has set.
    """

    name: str
    num_processes: int | None = None
    mixed_precision: str | None = None
    file: Mapping[str, Any] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    def settings(self, folder: Path) -> AccelerateSettings:
        path = folder / f"{self.name}.yaml"
        if self.file is not None:
            path.write_text(yaml.safe_dump(dict(self.file)))
        return AccelerateSettings(str(path) if self.file else None, self.num_processes, self.mixed_precision, ())


CASES = [
    Case("nothing"),
    Case("one", num_processes=1),
    Case("bf16", mixed_precision="bf16"),
    Case("fp16", mixed_precision="fp16", num_processes=1),
    Case("threads", environ={"OMP_NUM_THREADS": "3"}),
    Case("no_threads", environ={"OMP_NUM_THREADS": "0"}),
    Case("overruled", environ={"ACCELERATE_MIXED_PRECISION": "bf16", "ACCELERATE_USE_CPU": "true"}),
    Case("written", file=WRITTEN),
    Case("written_threads", file=WRITTEN, environ={"OMP_NUM_THREADS": "2"}),
    Case("written_ranks", file=WRITTEN, environ={"MPI_LOCALNRANKS": "2"}),
    Case("smallest", file={"distributed_type": "NO"}),
    Case("dynamo_debug", file={**ONE, "debug": True, "mixed_precision": "bf16", "dynamo_config": DYNAMO}),
    Case("precision_wins", file={**ONE, "mixed_precision": "bf16"}, mixed_precision="fp16"),
    Case("gpu_ids", file={**ONE, "gpu_ids": "1"}),
    Case("affinity", file={**ONE, "enable_cpu_affinity": True}),
    Case("number_wins", file={**ONE, "num_processes": 4}, num_processes=1),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Set up no accelerator and no default config."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "HF_HOME": str(tmp_path_factory.mktemp("hf_home")), "CUDA_VISIBLE_DEVICES": ""}


def accelerate_flags(settings: AccelerateSettings) -> list[str]:
    named = {
        "--config_file": settings.config_file,
        "--num_processes": settings.num_processes,
        "--mixed_precision": settings.mixed_precision,
    }
    return [word for flag, value in named.items() if value is not None for word in (flag, str(value))]


def dumped(path: Path) -> dict[str, Any]:
    data = json.loads(path.read_text())
    return {**data["environ"], "sys.argv": [data["argv"][0], *data["argv"][2:]]}


def decided(settings: AccelerateSettings, file: ConfigFile | None, environ: Mapping[str, str]) -> InProcess | Delegated:
    devices, cores = hardware.accelerator_devices(environ), hardware.physical_cores()
    return decide(settings, file, environ, devices=devices, physical_cores=cores, version=VERSION)


def run_in_place(decision: InProcess | Delegated, environ: Mapping[str, str], target: Path) -> dict[str, Any]:
    assert isinstance(decision, InProcess)
    command = [sys.executable, str(BOOTSTRAP), DUMP, str(target), "--x", "a b"]
    subprocess.run(command, env={**environ, **decision.environment}, check=True, timeout=LIMIT_S)
    return dumped(target)


@pytest.fixture(scope="module")
def real(base: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the output of each case under accelerate launch."""
    folder = tmp_path_factory.mktemp("real")
    cases = [
        {
            "environ": {**base, **case.environ},
            "argv": [*accelerate_flags(case.settings(folder)), DUMP, str(folder / case.name), "--x", "a b"],
        }
        for case in CASES
    ]
    (folder / "cases.json").write_text(json.dumps(cases))
    command = [sys.executable, str(SCRIPTS / "launch_many.py"), str(folder / "cases.json")]
    subprocess.run(command, env=base, check=True, timeout=LIMIT_S, capture_output=True)
    return folder


@in_place_only
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_process_gets_the_environment_of_accelerate_launch(
    case: Case, base: dict[str, str], real: Path, tmp_path: Path
) -> None:
    settings = case.settings(tmp_path)
    file = None if case.file is None else ConfigFile(Path(settings.config_file or ""), case.file)
    environ = {**base, **case.environ}
    assert run_in_place(decided(settings, file, environ), environ, tmp_path / "ours") == dumped(real / case.name)


@in_place_only
def test_the_default_config_is_used_as_in_accelerate_launch(base: dict[str, str], tmp_path: Path) -> None:
    nothing = AccelerateSettings(None, None, None, ())
    environ = {name: value for name, value in base.items() if name != "HF_HOME"} | {"XDG_CACHE_HOME": str(tmp_path)}
    path = config_path(nothing, environ, Path.home())
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({**WRITTEN, "mixed_precision": "bf16"}))
    command = [ACCELERATE, "launch", DUMP, str(tmp_path / "real"), "--x", "a b"]
    subprocess.run(command, env=environ, check=True, timeout=LIMIT_S, capture_output=True)
    decision = decided(nothing, ConfigFile(path, yaml.safe_load(path.read_text())), environ)
    ours = run_in_place(decision, environ, tmp_path / "ours")
    assert ours["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert ours == dumped(tmp_path / "real")


def test_two_ranks_get_the_environment_of_accelerate_launch(base: dict[str, str], tmp_path: Path) -> None:
    arguments = ["--mixed_precision", "bf16", DUMP]
    real_command = [
        ACCELERATE,
        "launch",
        "--multi_gpu",
        "--num_processes",
        "2",
        *arguments,
        str(tmp_path / "real"),
        "x",
    ]
    environ = {**base, "ACCELERATE_USE_CPU": "true"}
    # Any free port, since other tests may run at the same time.
    real_command[2:2] = ["--main_process_port", "0"]
    subprocess.run(real_command, env=environ, check=True, timeout=LIMIT_S, capture_output=True)

    decision = decided(AccelerateSettings(None, 2, "bf16", ()), None, base)
    assert isinstance(decision, Delegated)
    command = [sys.executable, str(RANKS_LAUNCHER), *decision.flags, str(BOOTSTRAP), DUMP, str(tmp_path / "ours"), "x"]
    subprocess.run(command, env={**base, **decision.environment}, check=True, timeout=LIMIT_S, capture_output=True)

    chance = {"MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_ERROR_FILE"}
    for rank in ("0", "1"):
        seen, expected = dumped(tmp_path / f"ours{rank}"), dumped(tmp_path / f"real{rank}")
        assert {key: seen[key] for key in seen.keys() - chance} == {
            key: expected[key] for key in expected.keys() - chance
        }
        assert (seen["RANK"], seen["WORLD_SIZE"], seen["LOCAL_RANK"]) == (rank, "2", rank)
        assert int(seen["MASTER_PORT"]) > 0


def test_the_flags_without_a_value_are_those_of_the_parser() -> None:
    """A typed `accelerate launch` is split at the first word that is neither a flag nor its value."""
    from accelerate.commands.launch import launch_command_parser

    options = [action for action in launch_command_parser()._actions if action.option_strings]
    assert {action.nargs for action in options} == {0, None}
    switches = {name.lstrip("-").replace("-", "_") for one in options if one.nargs == 0 for name in one.option_strings}
    with_value = {
        name.lstrip("-").replace("-", "_") for one in options if one.nargs is None for name in one.option_strings
    }
    assert switches <= ACCELERATE_SWITCHES
    assert not with_value & ACCELERATE_SWITCHES
