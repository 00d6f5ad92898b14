"""Start one process directly or with Accelerate's launcher, and refuse contradictions.

tests/integration/test_accelerate_environment.py compares the result with Accelerate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hints import hint_of
from tsdia_run.errors import ConfigError, TsdiaRunError, UsageError
from tsdia_run.launch.accelerate import ConfigFile, Delegated, InProcess, config_path, decide
from tsdia_run.settings import AccelerateSettings

NOTHING = AccelerateSettings(config_file=None, num_processes=None, mixed_precision=None, flags=())
ONE = {"compute_environment": "LOCAL_MACHINE", "distributed_type": "NO", "mixed_precision": "no", "num_processes": 1}
SEVERAL = {"distributed_type": "MULTI_GPU", "num_processes": 2}
HOME = Path("/home/ada")


def decided(
    settings: AccelerateSettings = NOTHING,
    file: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    devices: int = 0,
    version: tuple[int, ...] | None = (1, 15, 0),
) -> InProcess | Delegated:
    config = None if file is None else ConfigFile(Path("/c/accelerate.yaml"), file)
    return decide(settings, config, environ or {}, devices=devices, physical_cores=8, version=version)


def in_place(*args: object, **kwargs: object) -> Mapping[str, str]:
    decision = decided(*args, **kwargs)  # type: ignore[arg-type]
    assert isinstance(decision, InProcess)
    return decision.environment


def delegated(*args: object, **kwargs: object) -> Delegated:
    decision = decided(*args, **kwargs)  # type: ignore[arg-type]
    assert isinstance(decision, Delegated)
    return decision


def test_without_settings_and_accelerators_one_process_runs_directly() -> None:
    assert in_place() == {
        "ACCELERATE_USE_CPU": "False",
        "ACCELERATE_MIXED_PRECISION": "no",
        "ACCELERATE_DYNAMO_BACKEND": "NO",
        "ACCELERATE_DYNAMO_MODE": "default",
        "ACCELERATE_DYNAMO_USE_FULLGRAPH": "False",
        "ACCELERATE_DYNAMO_USE_DYNAMIC": "False",
        "ACCELERATE_DYNAMO_USE_REGIONAL_COMPILATION": "False",
        "OMP_NUM_THREADS": "1",
    }


@pytest.mark.parametrize(
    ("settings", "file", "devices"),
    [
        (replace(NOTHING, num_processes=1), None, 0),
        (replace(NOTHING, num_processes=1), None, 8),
        (NOTHING, ONE, 8),
        (replace(NOTHING, num_processes=1), {**ONE, "num_processes": 4}, 0),
        (NOTHING, {"distributed_type": "NO", "tpu_env": [], "fsdp_config": {}, "commands": None}, 0),
    ],
)
def test_one_process_runs_directly(
    settings: AccelerateSettings, file: Mapping[str, object] | None, devices: int
) -> None:
    assert isinstance(decided(settings, file, devices=devices), InProcess)


@pytest.mark.parametrize(
    ("settings", "file", "devices", "version", "reason"),
    [
        (NOTHING, None, 1, (1, 15), "accelerators"),
        (replace(NOTHING, num_processes=2), None, 0, (1, 15), "2 processes"),
        (NOTHING, SEVERAL, 2, (1, 15), "2 processes"),
        (replace(NOTHING, num_processes=1), SEVERAL, 2, (1, 15), "MULTI_GPU"),
        (NOTHING, {"distributed_type": "FSDP", "num_processes": 1}, 1, (1, 15), "FSDP"),
        (NOTHING, {"distributed_type": "DEEPSPEED", "num_processes": 1}, 1, (1, 15), "DEEPSPEED"),
        (replace(NOTHING, mixed_precision="fp8"), None, 0, (1, 15), "fp8"),
        (NOTHING, {**ONE, "mixed_precision": "fp8"}, 0, (1, 15), "fp8"),
        (NOTHING, {**ONE, "mpirun_config": {"mpirun_ccl": "1"}}, 0, (1, 15), "mpirun_config"),
        (NOTHING, {**ONE, "parallelism_config": {"tp_size": 2}}, 0, (1, 15), "parallelism_config"),
        (NOTHING, {**ONE, "key_of_tomorrow": 1}, 0, (1, 15), "key_of_tomorrow"),
        (NOTHING, {**ONE, "use_cpu": "maybe"}, 0, (1, 15), "use_cpu maybe"),
        (NOTHING, {**ONE, "dynamo_config": {"dynamo_backend": "TVM"}}, 0, (1, 15), "dynamo_config"),
        (NOTHING, {**ONE, "dynamo_config": {"dynamo_of_tomorrow": 1}}, 0, (1, 15), "dynamo_config"),
        (NOTHING, {**ONE, "gpu_ids": "1"}, 2, (1, 15), "gpu_ids"),
        (replace(NOTHING, flags=("--debug",)), None, 0, (1, 15), "--debug"),
        (NOTHING, None, 0, (1, 13, 0), "Accelerate 1.13.0"),
        (NOTHING, None, 0, (1, 16), "Accelerate 1.16"),
        (NOTHING, None, 0, (), "unknown version"),
        (NOTHING, None, 0, None, "unknown version"),
    ],
)
def test_an_unsupported_case_is_delegated(
    settings: AccelerateSettings,
    file: Mapping[str, object] | None,
    devices: int,
    version: tuple[int, ...] | None,
    reason: str,
) -> None:
    decision = delegated(settings, file, devices=devices, version=version)
    assert reason in decision.reason
    assert decision.environment == {} or "2 processes" in reason


def test_several_processes_without_accelerators_run_on_the_cpu() -> None:
    decision = delegated(replace(NOTHING, num_processes=2))
    assert decision.flags == ("--multi_gpu", "--num_processes", "2", "--main_process_port", "0")
    assert decision.environment == {"ACCELERATE_USE_CPU": "true"}


def test_processes_with_accelerators_use_them() -> None:
    decision = delegated(replace(NOTHING, num_processes=2), devices=2)
    assert "--multi_gpu" in decision.flags
    assert decision.environment == {}


@pytest.mark.parametrize("file", [{"distributed_type": "MULTI_CPU", "num_processes": 4}, {**ONE, "use_cpu": True}])
def test_a_file_with_use_cpu_runs_ranks_on_the_cpu_despite_accelerators(file: Mapping[str, object]) -> None:
    decision = delegated(replace(NOTHING, num_processes=4), file, devices=8)
    assert "--multi_gpu" in decision.flags
    assert decision.environment == {"ACCELERATE_USE_CPU": "true"}


@pytest.mark.parametrize(
    ("settings", "file"),
    [
        (NOTHING, SEVERAL),
        (NOTHING, {"distributed_type": "FSDP", "num_processes": 2}),
        (NOTHING, {"distributed_type": "MULTI_CPU", "num_processes": 2, "mpirun_config": {"mpirun_hostfile": "h"}}),
        (replace(NOTHING, num_processes=2, flags=("--use_fsdp",)), None),
    ],
)
def test_a_given_distributed_type_is_kept(settings: AccelerateSettings, file: Mapping[str, object] | None) -> None:
    decision = delegated(settings, file)
    assert "--multi_gpu" not in decision.flags
    assert decision.environment == {}


def test_settings_come_before_the_extra_flags() -> None:
    settings = AccelerateSettings("acc.yaml", 2, "bf16", ("--num_cpu_threads_per_process", "4"))
    assert delegated(settings, SEVERAL).flags == (
        *("--config_file", "acc.yaml", "--num_processes", "2", "--mixed_precision", "bf16"),
        *("--main_process_port", "0", "--num_cpu_threads_per_process", "4"),
    )


@pytest.mark.parametrize(
    ("flags", "file"),
    [
        (("--main_process_port", "29501"), SEVERAL),
        (("--main-process-port=29501",), SEVERAL),
        ((), {**SEVERAL, "main_process_port": 29501}),
    ],
)
def test_the_users_port_is_kept(flags: tuple[str, ...], file: Mapping[str, object]) -> None:
    assert "0" not in delegated(replace(NOTHING, flags=flags), file).flags


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        (replace(NOTHING, flags=("--num_processes", "2")), "--num-processes N"),
        (replace(NOTHING, flags=("--config-file=x",)), "--accelerate-config FILE"),
        (replace(NOTHING, flags=("--mixed_precision", "no")), "--mixed-precision"),
        (replace(NOTHING, flags=("-m",)), "--module"),
        (replace(NOTHING, num_processes=2, flags=("--cpu",)), "ACCELERATE_USE_CPU=true"),
        (replace(NOTHING, flags=("train.py",)), "list of strings"),
    ],
)
def test_flags_that_contradict_the_settings_are_refused(settings: AccelerateSettings, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        decided(settings)
    assert hint in hint_of(caught.value)


@pytest.mark.parametrize(
    ("settings", "file", "message"),
    [
        (NOTHING, {**ONE, "num_machines": 2}, "num_machines is 2"),
        (replace(NOTHING, flags=("--num_machines=3",)), None, "num_machines is 3"),
        (NOTHING, {"compute_environment": "AMAZON_SAGEMAKER"}, "AMAZON_SAGEMAKER"),
        (NOTHING, {"distributed_type": "XLA", "num_processes": 8}, "TPU"),
        (replace(NOTHING, flags=("--tpu",)), None, "TPU"),
        (NOTHING, {"mixed_precision": "no"}, "no distributed_type"),
        (NOTHING, {"distributed_type": False}, "distributed_type False"),
        (NOTHING, {**ONE, "mixed_precision": False}, "mixed_precision False"),
        (NOTHING, {**ONE, "gpu_ids": 0}, "gpu_ids 0"),
        (NOTHING, {**ONE, "num_processes": "two"}, "num_processes 'two'"),
        (NOTHING, {**ONE, "num_processes": 2}, "contradicts itself"),
        (NOTHING, {"distributed_type": "MULTI_GPU"}, "but no num_processes"),
        (NOTHING, {**SEVERAL, "gpu_ids": "0"}, "gpu_ids has only 0"),
        (replace(NOTHING, num_processes=3, flags=("--gpu_ids", "0,1")), None, "gpu_ids has only 0,1"),
    ],
)
def test_a_start_that_is_impossible_here_is_an_error(
    settings: AccelerateSettings, file: Mapping[str, object] | None, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        decided(settings, file)
    assert message in caught.value.message
    assert hint_of(caught.value)


def test_the_given_precision_overrides_the_file() -> None:
    environment = in_place(replace(NOTHING, mixed_precision="fp16"), {**ONE, "mixed_precision": "bf16"})
    assert environment["ACCELERATE_MIXED_PRECISION"] == "fp16"


@pytest.mark.parametrize(
    ("environ", "use_cpu", "threads"),
    [
        ({}, False, "1"),
        ({}, True, "8"),
        ({"OMP_NUM_THREADS": "3"}, True, "3"),
        ({"OMP_NUM_THREADS": "0"}, False, "0"),
        ({"OMP_NUM_THREADS": "-2"}, False, "1"),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, True, "2"),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, False, "1"),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "16"}, True, "1"),
    ],
)
def test_threads_are_counted_as_accelerate_does(environ: Mapping[str, str], use_cpu: bool, threads: str) -> None:
    assert in_place(NOTHING, {**ONE, "use_cpu": use_cpu}, environ)["OMP_NUM_THREADS"] == threads


def test_a_number_of_threads_that_accelerate_cannot_read_is_an_error() -> None:
    with pytest.raises(ConfigError, match="OMP_NUM_THREADS is '4,2'"):
        decided(environ={"OMP_NUM_THREADS": "4,2"})


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, "/home/ada/.cache/huggingface/accelerate/default_config.yaml"),
        ({"XDG_CACHE_HOME": "/cache"}, "/cache/huggingface/accelerate/default_config.yaml"),
        ({"HF_HOME": "/hf", "XDG_CACHE_HOME": "/cache"}, "/hf/accelerate/default_config.yaml"),
        ({"HF_HOME": "~/hf"}, "/home/ada/hf/accelerate/default_config.yaml"),
        ({"HF_HOME": "~"}, "/home/ada/accelerate/default_config.yaml"),
    ],
)
def test_the_default_config_is_at_accelerates_path(environ: Mapping[str, str], path: str) -> None:
    assert config_path(NOTHING, environ, HOME) == Path(path)


def test_a_given_config_is_used_and_the_cpu_flag_uses_no_default() -> None:
    assert config_path(replace(NOTHING, config_file="acc.yaml", flags=("--cpu",)), {}, HOME) == Path("acc.yaml")
    assert config_path(replace(NOTHING, flags=("--cpu",)), {}, HOME) is None


PLAIN = st.none() | st.booleans() | st.integers(-1, 4) | st.sampled_from(["NO", "no", "all", "0,1", "FSDP"]) | st.text()
VALUES = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(), PLAIN, max_size=2)
KEYS = st.sampled_from([*ONE, "gpu_ids", "use_cpu", "debug", "dynamo_config", "mpirun_config", "num_machines"])


@given(st.dictionaries(KEYS, VALUES), st.lists(st.text(max_size=5) | st.just("--cpu"), max_size=3))
def test_any_file_and_flags_are_accepted_or_refused_with_a_hint(file: dict[str, object], flags: list[str]) -> None:
    try:
        decision = decided(replace(NOTHING, flags=tuple(flags)), {"distributed_type": "NO", **file})
    except TsdiaRunError as error:
        assert hint_of(error)
    else:
        if flags:
            assert isinstance(decision, Delegated)
            assert decision.flags[-len(flags) :] == tuple(flags)
