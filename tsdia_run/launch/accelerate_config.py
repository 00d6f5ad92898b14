"""Parse an Accelerate config file for a start on this machine (pure).

Source: ``accelerate/commands/config/config_args.py`` and ``commands/launch.py`` of Accelerate 1.14 and 1.15.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.errors import ConfigError
from tsdia_run.errors.launching import AccelerateFault, UnusableAccelerateConfig

ONE_PROCESS = "NO"
CPU_PROCESSES = "MULTI_CPU"
NO_TPU = "on TPUs Accelerate starts a function of the script and not the script; tsdia-run does not support this"

_TPU_KINDS = ("TPU", "XLA")
_DYNAMO_BACKENDS = ("NO", "EAGER", "AOT_EAGER", "INDUCTOR", "CUDAGRAPHS")
_DYNAMO_MODES = ("default", "reduce-overhead", "max-autotune")
_DYNAMO_SWITCHES = ("use_fullgraph", "use_dynamic", "use_regional_compilation")
# Keys that this module reads, or that have no effect on one process.
_KNOWN = {
    "compute_environment",
    "debug",
    "distributed_type",
    "downcast_bf16",
    "dynamo_config",
    "enable_cpu_affinity",
    "gpu_ids",
    "machine_rank",
    "main_process_ip",
    "main_process_port",
    "main_training_function",
    "mixed_precision",
    "num_machines",
    "num_processes",
    "rdzv_backend",
    "same_network",
    "tpu_use_cluster",
    "tpu_use_sudo",
    "use_cpu",
}
# Keys that have no effect if empty.
_KNOWN_EMPTY = {
    "command_file",
    "commands",
    "deepspeed_config",
    "fp8_config",
    "fsdp_config",
    "megatron_lm_config",
    "mpirun_config",
    "parallelism_config",
    "tpu_env",
    "tpu_name",
    "tpu_vm",
    "tpu_zone",
}


@dataclass(frozen=True)
class AccelerateConfig:
    """A valid config file; the defaults are those of a start without a file.

    Attributes:
        kind: The distributed_type.
        processes: The number of processes; None if the command line sets it.
        machines: The number of machines.
        gpu_ids: The GPUs, separated by commas, or "all".
        mixed_precision: The mixed precision; "no" if the file has none.
        use_cpu: Whether to use no accelerators.
        debug: Whether Accelerate checks its collective operations.
        dynamo: The variables of its dynamo_config.
        has_mpi: Whether mpirun starts the processes.
        has_port: Whether it sets the port of the main process.
        beyond: The first key that this module does not handle for one process; None if it handles all.
    """

    kind: str = ONE_PROCESS
    processes: int | None = None
    machines: int = 1
    gpu_ids: str = "all"
    mixed_precision: str = "no"
    use_cpu: bool = False
    debug: bool = False
    dynamo: Mapping[str, str] | None = None
    has_mpi: bool = False
    has_port: bool = False
    beyond: str | None = None


def read(path: Path, values: Mapping[str, object]) -> AccelerateConfig:
    """Check and parse a file.

    Args:
        path: Its path, for messages.
        values: Its content as plain data.

    Raises:
        ConfigError: Accelerate can't use it either, or it is for other machines or for a TPU.
    """
    if values.get("compute_environment", "LOCAL_MACHINE") != "LOCAL_MACHINE":
        raise UnusableAccelerateConfig(
            f"{path} is for {values['compute_environment']}: tsdia-run starts only on this machine",
            AccelerateFault.OTHER_MACHINE,
        )
    kind = values.get("distributed_type")
    if not isinstance(kind, str):
        found = "has no distributed_type" if kind is None else f"has distributed_type {kind!r}"
        raise ConfigError(f"{path} {found}", hint="Write it with quotes: distributed_type: 'NO'")
    if kind in _TPU_KINDS:
        raise UnusableAccelerateConfig(f"{path}: {NO_TPU}", AccelerateFault.TPU)
    processes = _count(path, values, "num_processes", 1 if kind == ONE_PROCESS else -1)
    mpi = values.get("mpirun_config")
    return AccelerateConfig(
        kind=kind,
        processes=None if processes == -1 else processes,
        machines=_count(path, values, "num_machines", 1),
        gpu_ids=_text(path, values, "gpu_ids", "all"),
        mixed_precision=_text(path, values, "mixed_precision", "no"),
        use_cpu=values.get("use_cpu") is True,
        debug=values.get("debug") is True,
        dynamo=dynamo(values.get("dynamo_config")),
        has_mpi=isinstance(mpi, Mapping) and bool(mpi.get("mpirun_hostfile")),
        has_port=values.get("main_process_port") is not None,
        beyond=_beyond(values),
    )


def dynamo(config: object) -> dict[str, str] | None:
    """Return the variables of a ``dynamo_config``, or of no config; None if this module does not handle it."""
    if config is not None and not isinstance(config, Mapping):
        return None
    named = {str(key).removeprefix("dynamo_"): value for key, value in (config or {}).items()}
    backend, mode = named.pop("backend", "no"), named.pop("mode", "default")
    if not isinstance(backend, str) or backend.upper() not in _DYNAMO_BACKENDS or mode not in _DYNAMO_MODES:
        return None
    switches = {name: named.pop(name, False) for name in _DYNAMO_SWITCHES}
    if named or not all(isinstance(value, bool) for value in switches.values()):
        return None
    return {
        "ACCELERATE_DYNAMO_BACKEND": backend.upper(),
        "ACCELERATE_DYNAMO_MODE": str(mode),
        **{f"ACCELERATE_DYNAMO_{name.upper()}": str(value) for name, value in switches.items()},
    }


def _count(path: Path, values: Mapping[str, object], key: str, default: int) -> int:
    value = values.get(key, default)
    if isinstance(value, int) and not isinstance(value, bool) and (value > 0 or value == default):
        return value
    raise ConfigError(f"{path} has {key} {value!r}", hint=f"Write an integer >= 1: {key}: 1")


def _text(path: Path, values: Mapping[str, object], key: str, default: str) -> str:
    value = values.get(key)
    if value is None:
        return default
    if isinstance(value, str):
        return value
    # YAML reads `no` as false and `0` as a number; Accelerate accepts neither.
    text = "no" if value is False else value
    raise ConfigError(f"{path} has {key} {value!r}, not a string", hint=f"Write it with quotes: {key}: '{text}'")


def _beyond(values: Mapping[str, object]) -> str | None:
    for key, value in values.items():
        if key not in _KNOWN and not (key in _KNOWN_EMPTY and not value):
            return key
    for key in ("debug", "use_cpu"):
        if not isinstance(values.get(key, False), bool):
            return f"{key} {values[key]}"
    if values.get("mixed_precision") not in (None, "no", "fp16", "bf16"):
        return f"mixed_precision {values['mixed_precision']}"
    return "dynamo_config" if dynamo(values.get("dynamo_config")) is None else None
