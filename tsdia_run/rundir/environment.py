"""The environment of an attempt: interpreter, packages, machine, and the variables that steer a training."""

from __future__ import annotations

import glob
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.rundir import packages
from tsdia_run.rundir.redaction import Redactor

_PROBE_LIMIT_S = 30.0
_GPU_LIMIT_S = 10.0
_GPU_FIELDS = ("name", "memory.total", "driver_version", "uuid")
_PREFIXES = tuple(
    "ACCELERATE_ CONDA_ CUBLAS_ CUDA_ CUDNN_ FSDP_ GLOO_ HF_ HIP_ HUGGINGFACE_ KMP_ MASTER_ MKL_ NCCL_ NVIDIA_ OMP_"
    " OPENBLAS_ PL_ PYTHON PYTORCH_ RANK ROCM_ ROCR_ SLURM_ TF_ TOKENIZERS_ TORCH TPU_ TRANSFORMERS_ TRITON_ WANDB_"
    " WORLD_SIZE XLA_ LD_LIBRARY_PATH LD_PRELOAD PATH VIRTUAL_ENV".split()
)


@dataclass(frozen=True)
class Gpu:
    """A GPU as nvidia-smi names it."""

    name: str
    memory: str
    driver: str
    uuid: str


@dataclass(frozen=True)
class EnvironmentState:
    """Where an attempt runs.

    Attributes:
        python: The interpreter's version; None where it could not be asked.
        executable: Its path.
        prefix: Its environment.
        platform: System, release, machine, libc.
        host: Name of the machine.
        cpu: Model of the processor.
        cpus: Logical processors of the machine.
        usable_cpus: Those that this process may use.
        memory_bytes: Memory of the machine.
        memory_limit_bytes: What the control group allows; None where it does not limit.
        gpus: NVIDIA GPUs.
        packages: Every installed package: version, and where it came from if not from an index.
        variables: Environment variables that steer a training, without secrets.
        error: What could not be found out.
    """

    python: str | None
    executable: str
    prefix: str | None
    platform: str
    host: str
    cpu: str | None
    cpus: int | None
    usable_cpus: int
    memory_bytes: int | None
    memory_limit_bytes: int | None
    gpus: tuple[Gpu, ...]
    packages: Mapping[str, str]
    variables: Mapping[str, str]
    error: str | None = None


def capture_environment(python: str, environ: Mapping[str, str], redactor: Redactor) -> EnvironmentState:
    """The environment of a training.

    Args:
        python: Its interpreter.
        environ: Its environment variables.
        redactor: Knows the secrets.
    """
    try:
        version, prefix, found = _ask(python, environ)
        error = None
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as failure:
        version, prefix, found, error = None, None, {}, f"{python} could not be asked for its packages: {failure}"
    return EnvironmentState(
        python=version,
        executable=python,
        prefix=prefix,
        platform=f"{platform.platform()} {' '.join(platform.libc_ver())}".strip(),
        host=platform.node(),
        cpu=_cpu_model(),
        cpus=os.cpu_count(),
        usable_cpus=len(os.sched_getaffinity(0)),
        memory_bytes=_memory_bytes(),
        memory_limit_bytes=_number_in("/sys/fs/cgroup/memory.max"),
        gpus=_gpus(),
        packages={name: redactor.url(version) for name, version in found.items()},
        variables=redactor.environment(
            {name: value for name, value in sorted(environ.items()) if name.startswith(_PREFIXES)}
        ),
        error=error,
    )


def _ask(python: str, environ: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
    if python == sys.executable:
        return sys.version, sys.prefix, packages.installed(sys.path)
    answer = subprocess.run(
        [python, packages.__file__],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_PROBE_LIMIT_S,
        check=True,
    )
    said = json.loads(answer.stdout)
    return said["version"], said["prefix"], said["packages"]


def _cpu_model() -> str | None:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), None)
    except OSError:
        return None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _number_in(path: str) -> int | None:
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdecimal() else None


def _gpus() -> tuple[Gpu, ...]:
    if not glob.glob("/dev/nvidia[0-9]*"):
        return ()
    try:
        answer = subprocess.run(
            ["nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_GPU_LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [line.split(", ") for line in answer.stdout.splitlines()]
    return tuple(Gpu(*row) for row in rows if len(row) == len(_GPU_FIELDS))
