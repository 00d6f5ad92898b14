"""What `accelerate launch` would do, decided without importing it (pure).

One process needs no launcher: it gets the environment that `accelerate launch` would have given it, and saves the two
seconds in which that imports torch a second time. What is not understood exactly is left to Accelerate's own code.
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

# The versions that give one process the environment which is computed here. 1.8 to 1.12 set KMP_* and CCL_WORKER_COUNT
# in any case, 1.13 sets KMP_* in none; 1.6 and earlier know no regional compilation.
_KNOWN_FROM, _KNOWN_BEFORE = (1, 14), (1, 16)

# Flags that are settings of ours, by Accelerate's name; each is said in one place only.
_OUR_FLAGS = ("config_file", "num_processes", "mixed_precision", "m", "module", "no_python")
_KIND_FLAGS = ("multi_gpu", "use_deepspeed", "use_fsdp", "use_megatron_lm")
_MPI_SIZES = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE")


@dataclass(frozen=True)
class InProcess:
    """One process, started without Accelerate's launcher.

    Attributes:
        environment: What `accelerate launch` would set, on top of the user's.
    """

    environment: Mapping[str, str]


@dataclass(frozen=True)
class Delegated:
    """Left to Accelerate's launch code.

    Attributes:
        flags: Its command line, before the script.
        environment: What it needs besides, on top of the user's.
        reason: Why, in words that follow "because of".
    """

    flags: tuple[str, ...]
    environment: Mapping[str, str]
    reason: str


@dataclass(frozen=True)
class ConfigFile:
    """An Accelerate config file as it was read.

    Attributes:
        path: Where it lies.
        values: Its content as plain data.
    """

    path: Path
    values: Mapping[str, object]


def config_path(settings: AccelerateSettings, environ: Mapping[str, str], home: Path) -> Path | None:
    """The config file that Accelerate takes: the named one, which has to exist, else the default one, if it exists.

    Returns:
        Its path; None where Accelerate looks for none.
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
    """How the ranks are started.

    Args:
        settings: What the user asks for.
        file: The Accelerate config file that applies, named or default.
        environ: The environment of the training.
        devices: How many accelerators there may be; 0 only where there is certainly none.
        physical_cores: Cores without their hardware threads.
        version: The version of the training's Accelerate; None or empty where it is not known.

    Raises:
        UsageError: The flags for Accelerate contradict the other settings.
        ConfigError: More than one machine, a TPU, too few GPUs, or a file that Accelerate could not use either.
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
    # Without this variable, ranks on the CPU would each think that they are alone.
    environment = {"ACCELERATE_USE_CPU": "true"} if on_cpu else {}
    return Delegated(_launch_flags(settings, flags, config, multi=multi), environment, reason)


def _named(flags: tuple[str, ...]) -> dict[str, str]:
    """Flags by Accelerate's name for them; a switch has an empty value."""
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
            f"the flags for accelerate launch start with {settings.flags[0]!r}, which is no flag",
            hint="Write them as a list of words, such as: flags: [--num_cpu_threads_per_process, '4']",
        )
    for name in _OUR_FLAGS:
        if name in flags:
            raise SettingAmongFlags(name)
    if "cpu" in flags and (settings.num_processes or 1) > 1:
        raise UsageError(
            f"--cpu makes accelerate launch start one process, but {settings.num_processes} are asked for",
            hint="Leave --cpu out of the flags and set ACCELERATE_USE_CPU=true in `env`.",
        )
    if "tpu" in flags:
        raise UnusableAccelerateConfig(NO_TPU, AccelerateFault.TPU)


def _refuse_machines(flags: Mapping[str, str], config: AccelerateConfig) -> None:
    asked = flags.get("num_machines", str(config.machines))
    if asked != "1":
        raise UnusableAccelerateConfig(
            f"{asked} machines are asked for; tsdia-run starts on one", AccelerateFault.SEVERAL_MACHINES
        )


def _refuse_number(path: Path, config: AccelerateConfig, flags: Mapping[str, str]) -> None:
    if config.processes is None:
        raise UnusableAccelerateConfig(
            f"{path} says distributed_type {config.kind}, but not how many processes", AccelerateFault.NO_NUMBER
        )
    if config.processes > 1 and config.kind == ONE_PROCESS and not _has_kind(flags):
        raise UnusableAccelerateConfig(
            f"{path} contradicts itself: distributed_type NO, but num_processes {config.processes}",
            AccelerateFault.CONTRADICTION,
        )


def _refuse_few_gpus(gpu_ids: str, processes: int) -> None:
    if gpu_ids != "all" and len(gpu_ids.split(",")) < processes:
        raise ConfigError(
            f"{processes} processes are asked for, but gpu_ids names only {gpu_ids}",
            hint="Ask for as many processes as GPUs, or set gpu_ids to 'all'.",
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
        (processes is None and devices > 0, "accelerators, whose number decides the number of processes"),
        (settings.mixed_precision == "fp8", "fp8"),
        (config.beyond is not None, f"{config.beyond} in its config file"),
        (config.gpu_ids != "all" and devices > 0, "gpu_ids, whose variable depends on the kind of accelerator"),
        (not version, "a version of Accelerate that is not known"),
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
    """Threads of the process, of which ``cores`` may be shared out."""
    wanted = _whole_number(environ, "OMP_NUM_THREADS")
    if wanted:
        return wanted
    sizes = (_whole_number(environ, name) for name in _MPI_SIZES)
    share = cores // (next((size for size in sizes if size is not None), 1) or 1)
    if share > 1:
        return share
    return 1 if wanted is None else wanted


def _whole_number(environ: Mapping[str, str], name: str) -> int | None:
    """As Accelerate reads it: a negative number is none."""
    try:
        value = int(environ.get(name, "-1"))
    except ValueError as error:
        raise ConfigError(
            f"{name} is {environ[name]!r}, which Accelerate can't read", hint=f"Set {name} to a whole number."
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
        # Any free one, so that two starts at once don't meet on the default port.
        chosen += ["--main_process_port", "0"]
    return (*chosen, *settings.flags)
