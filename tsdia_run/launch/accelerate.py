"""Decide what `accelerate launch` would do, without importing Accelerate (pure).

One process needs no launcher: it gets the environment that `accelerate launch` would set. This saves the two seconds in
which `accelerate launch` imports torch once more. Every case that this module does not fully handle is left to
Accelerate's own code.
Source: ``accelerate/commands/launch.py`` and ``utils/launch.py`` of Accelerate 1.14 and 1.15.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.errors import ConfigError, UsageError
from tsdia_run.errors.launching import AccelerateFault, SettingAmongFlags, UnusableAccelerateConfig
from tsdia_run.launch.accelerate_config import (
    CPU_PROCESSES,
    NO_TPU,
    ONE_PROCESS,
    AccelerateConfig,
    dynamo,
    read,
)
from tsdia_run.settings import AccelerateSettings

# The versions that set this environment for one process. 1.8 to 1.12 always set KMP_* and CCL_WORKER_COUNT, 1.13 never
# sets KMP_*, and 1.6 and earlier have no regional compilation.
_KNOWN_FROM, _KNOWN_BEFORE = (1, 14), (1, 16)

# Accelerate's names of flags that are also settings of tsdia-run; only the setting is allowed.
_OUR_FLAGS = ("config_file", "num_processes", "mixed_precision", "m", "module", "no_python")
_KIND_FLAGS = ("multi_gpu", "use_deepspeed", "use_fsdp", "use_megatron_lm")
_MPI_SIZES = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE")


@dataclass(frozen=True)
class InProcess:
    """One process, started without Accelerate's launcher.

    Attributes:
        environment: The variables that `accelerate launch` would add to the user's.
    """

    environment: Mapping[str, str]


@dataclass(frozen=True)
class Delegated:
    """Started by Accelerate's launch code.

    Attributes:
        flags: The command-line flags before the script.
        environment: More variables that it needs, added to the user's.
        reason: Why, as text for users that follows "because of".
    """

    flags: tuple[str, ...]
    environment: Mapping[str, str]
    reason: str


@dataclass(frozen=True)
class ConfigFile:
    """An Accelerate config file.

    Attributes:
        path: Its path.
        values: Its content as plain data.
    """

    path: Path
    values: Mapping[str, object]


def config_path(settings: AccelerateSettings, environ: Mapping[str, str], home: Path) -> Path | None:
    """Return the config file that Accelerate uses: the given one, which must exist, else the default one, if it exists.

    Returns:
        Its path; None if Accelerate reads no config file.
    """
    if settings.config_file is not None:
        return Path(settings.config_file)
    if "cpu" in _named(settings.flags):
        return None
    hf_home = environ.get("HF_HOME", f"{environ.get('XDG_CACHE_HOME', '~/.cache')}/huggingface")
    if hf_home == "~" or hf_home.startswith("~/"):
        hf_home = f"{home}{hf_home[1:]}"
    return Path(hf_home, "accelerate", "default_config.yaml")


def decide(
    settings: AccelerateSettings,
    file: ConfigFile | None,
    environ: Mapping[str, str],
    *,
    devices: int,
    physical_cores: int,
    version: tuple[int, ...] | None,
) -> InProcess | Delegated:
    """Decide how to start the ranks.

    Args:
        settings: The user's settings.
        file: The Accelerate config file in use, given or default.
        environ: The environment of the training.
        devices: The possible number of accelerators; 0 only if the machine certainly has none.
        physical_cores: The number of cores, without hardware threads.
        version: The version of the training's Accelerate; None or empty if unknown.

    Raises:
        UsageError: The flags for Accelerate contradict the other settings.
        ConfigError: More than one machine, a TPU, too few GPUs, or a file that Accelerate can't use either.
    """
    flags = _named(settings.flags)
    _refuse_flags(flags, settings)
    config = AccelerateConfig(dynamo=dynamo(None)) if file is None else read(file.path, file.values)
    _refuse_machines(flags, config)
    if file is not None and settings.num_processes is None:
        _refuse_number(file.path, config, flags)
    processes = config.processes if settings.num_processes is None else settings.num_processes
    several = processes is not None and processes > 1
    if several:
        _refuse_few_gpus(flags.get("gpu_ids", config.gpu_ids), processes or 0)
    reason = _why_delegated(settings, config, processes, devices, version)
    if reason is None:
        return InProcess(_environment(settings, config, environ, physical_cores))
    multi = several and not config.has_mpi and not _has_kind(flags) and config.kind in (ONE_PROCESS, CPU_PROCESSES)
    on_cpu = multi and (devices == 0 or config.use_cpu or config.kind == CPU_PROCESSES)
    # Without this variable, each rank on the CPU would act as a single process.
    environment = {"ACCELERATE_USE_CPU": "true"} if on_cpu else {}
    return Delegated(_launch_flags(settings, flags, config, multi=multi), environment, reason)


def _named(flags: tuple[str, ...]) -> dict[str, str]:
    """Return the flags by Accelerate's names; a switch has an empty value."""
    found = {}
    for flag, following in zip(flags, (*flags[1:], "-"), strict=False):
        if flag.startswith("-"):
            name, equals, value = flag.lstrip("-").partition("=")
            found[name.replace("-", "_")] = value if equals or following.startswith("-") else following
    return found


def _has_kind(flags: Mapping[str, str]) -> bool:
    return any(name in flags for name in _KIND_FLAGS)


def _refuse_flags(flags: Mapping[str, str], settings: AccelerateSettings) -> None:
    if settings.flags and not settings.flags[0].startswith("-"):
        raise UsageError(
            f"the flags for accelerate launch start with {settings.flags[0]!r}, which is not a flag",
            hint="Write them as a list of strings, for example: flags: [--num_cpu_threads_per_process, '4']",
        )
    for name in _OUR_FLAGS:
        if name in flags:
            raise SettingAmongFlags(name)
    if "cpu" in flags and (settings.num_processes or 1) > 1:
        raise UsageError(
            f"--cpu makes accelerate launch start one process, but num_processes is {settings.num_processes}",
            hint="Remove --cpu from the flags, and set ACCELERATE_USE_CPU=true in `env`.",
        )
    if "tpu" in flags:
        raise UnusableAccelerateConfig(NO_TPU, AccelerateFault.TPU)


def _refuse_machines(flags: Mapping[str, str], config: AccelerateConfig) -> None:
    machines = flags.get("num_machines", str(config.machines))
    if machines != "1":
        raise UnusableAccelerateConfig(
            f"num_machines is {machines}: tsdia-run starts only on one machine", AccelerateFault.SEVERAL_MACHINES
        )


def _refuse_number(path: Path, config: AccelerateConfig, flags: Mapping[str, str]) -> None:
    if config.processes is None:
        raise UnusableAccelerateConfig(
            f"{path} has distributed_type {config.kind}, but no num_processes", AccelerateFault.NO_NUMBER
        )
    if config.processes > 1 and config.kind == ONE_PROCESS and not _has_kind(flags):
        raise UnusableAccelerateConfig(
            f"{path} contradicts itself: distributed_type is NO, but num_processes is {config.processes}",
            AccelerateFault.CONTRADICTION,
        )


def _refuse_few_gpus(gpu_ids: str, processes: int) -> None:
    if gpu_ids != "all" and len(gpu_ids.split(",")) < processes:
        raise ConfigError(
            f"num_processes is {processes}, but gpu_ids has only {gpu_ids}",
            hint="Use as many processes as GPUs, or set gpu_ids to 'all'.",
        )


def _why_delegated(
    settings: AccelerateSettings,
    config: AccelerateConfig,
    processes: int | None,
    devices: int,
    version: tuple[int, ...] | None,
) -> str | None:
    reasons = (
        (processes is not None and processes > 1, f"{processes} processes"),
        (bool(settings.flags), f"the flags {' '.join(settings.flags)}"),
        (config.kind != ONE_PROCESS, f"distributed_type {config.kind}"),
        (processes is None and devices > 0, "the number of accelerators, which sets the number of processes"),
        (settings.mixed_precision == "fp8", "fp8"),
        (config.beyond is not None, f"{config.beyond} in its config file"),
        (config.gpu_ids != "all" and devices > 0, "gpu_ids, for which the variable depends on the kind of accelerator"),
        (not version, "an unknown version of Accelerate"),
        (not _KNOWN_FROM <= (version or ()) < _KNOWN_BEFORE, f"Accelerate {'.'.join(map(str, version or ()))}"),
    )
    return next((words for applies, words in reasons if applies), None)


def _environment(
    settings: AccelerateSettings, config: AccelerateConfig, environ: Mapping[str, str], physical_cores: int
) -> dict[str, str]:
    environment = {
        "ACCELERATE_USE_CPU": str(config.use_cpu),
        "ACCELERATE_MIXED_PRECISION": settings.mixed_precision or config.mixed_precision,
        "OMP_NUM_THREADS": str(_threads(environ, physical_cores if config.use_cpu else 0)),
        **(config.dynamo or {}),
    }
    if config.debug:
        environment["ACCELERATE_DEBUG_MODE"] = "true"
    if config.gpu_ids != "all":
        environment["CUDA_VISIBLE_DEVICES"] = config.gpu_ids
    if config.use_cpu:
        environment |= {"KMP_AFFINITY": "granularity=fine,compact,1,0", "KMP_BLOCKTIME": "1"}
    return environment


def _threads(environ: Mapping[str, str], cores: int) -> int:
    """Return the number of threads of the process; ``cores`` are divided among the processes of the machine."""
    given = _integer(environ, "OMP_NUM_THREADS")
    if given:
        return given
    sizes = (_integer(environ, name) for name in _MPI_SIZES)
    share = cores // (next((size for size in sizes if size is not None), 1) or 1)
    if share > 1:
        return share
    return 1 if given is None else given


def _integer(environ: Mapping[str, str], name: str) -> int | None:
    """Return an integer as Accelerate reads it: a negative number counts as unset."""
    try:
        value = int(environ.get(name, "-1"))
    except ValueError as error:
        raise ConfigError(
            f"{name} is {environ[name]!r}, which Accelerate can't read", hint=f"Set {name} to an integer."
        ) from error
    return value if value >= 0 else None


def _launch_flags(
    settings: AccelerateSettings, flags: Mapping[str, str], config: AccelerateConfig, *, multi: bool
) -> tuple[str, ...]:
    chosen = []
    if settings.config_file is not None:
        chosen += ["--config_file", settings.config_file]
    if multi:
        chosen.append("--multi_gpu")
    if settings.num_processes is not None:
        chosen += ["--num_processes", str(settings.num_processes)]
    if settings.mixed_precision is not None:
        chosen += ["--mixed_precision", settings.mixed_precision]
    if "main_process_port" not in flags and not config.has_port:
        # Any free port, so that two starts at the same time do not both use the default port.
        chosen += ["--main_process_port", "0"]
    return (*chosen, *settings.flags)
