"""Record the environment of an attempt: interpreter, packages, machine, and the variables that affect a training."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from tsdia_run.files.redaction import Redactor
from tsdia_run.provenance import machine, packages
from tsdia_run.rundir.environment_state import EnvironmentState
from tsdia_run.text import visible

_PROBE_LIMIT_S = 30.0
_PREFIXES = tuple(
    "ACCELERATE_ BNB_ CONDA_ CUBLAS_ CUDA_ CUDNN_ DEEPSPEED_ DS_ FSDP_ GLOO_ HF_ HIP_ HSA_ HUGGINGFACE_ KMP_"
    " LD_LIBRARY_PATH LD_PRELOAD LOCAL_ MASTER_ MIOPEN_ MKL_ NCCL_ NUMEXPR_ NVIDIA_ NODE_RANK GROUP_RANK OMP_"
    " OPENBLAS_ PATH PL_ PYTHON PYTORCH_ RANK RCCL_ ROCM_ ROCR_ SLURM_ TF_ TOKENIZERS_ TORCH TPU_ TRANSFORMERS_"
    " TRITON_ VIRTUAL_ENV WANDB_ WORLD_SIZE XLA_".split()
)


@dataclass(frozen=True)
class InterpreterAnswer:
    """The properties of an interpreter, or the reason why it could not be queried.

    Attributes:
        version: Its version; None if it does not run.
        implementation: CPython or another implementation.
        prefix: Its environment.
        packages: Its packages with their versions.
        error: Why it could not be queried, as text for users.
    """

    version: str | None = None
    implementation: str | None = None
    prefix: str | None = None
    packages: Mapping[str, str] | None = None
    error: str | None = None


def capture_environment(python: str, environ: Mapping[str, str], redactor: Redactor) -> EnvironmentState:
    """Record the environment of a training.

    Args:
        python: The interpreter of the training.
        environ: The environment variables of the training.
        redactor: Removes the secrets.
    """
    answer = ask_interpreter(python, environ)
    gpus, gpu_error = machine.gpus()
    limits = machine.limits()
    return EnvironmentState(
        python=answer.version,
        implementation=answer.implementation,
        executable=python,
        prefix=answer.prefix,
        platform=platform.platform(),
        host=visible(platform.node()),
        cpu=machine.cpu_model(),
        cpus=os.cpu_count(),
        usable_cpus=len(os.sched_getaffinity(0)),
        cpu_limit=limits.cpus,
        memory_bytes=machine.memory_bytes(),
        memory_limit_bytes=limits.memory_bytes,
        gpus=gpus,
        packages={name: redactor.url(version) for name, version in (answer.packages or {}).items()},
        variables=redactor.environment(
            {name: value for name, value in sorted(environ.items()) if name.startswith(_PREFIXES)}
        ),
        error=redactor.url("; ".join(error for error in (answer.error, gpu_error) if error)) or None,
    )


def ask_interpreter(python: str, environ: Mapping[str, str]) -> InterpreterAnswer:
    """Return the version and the packages of an interpreter."""
    # A different PYTHONPATH means a different set of packages.
    if python == sys.executable and environ.get("PYTHONPATH") == os.environ.get("PYTHONPATH"):
        return InterpreterAnswer(sys.version, sys.implementation.name, sys.prefix, packages.installed(sys.path))
    try:
        answer = subprocess.run(
            [python, packages.__file__],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_LIMIT_S,
            check=True,
        )
        # Start-up files of the environment may print something first.
        found = json.loads(answer.stdout.splitlines()[-1])
        return InterpreterAnswer(found["version"], found["implementation"], found["prefix"], found["packages"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
        stderr = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace").strip().splitlines()
        return InterpreterAnswer(error=f"can't list the packages of {python}: {stderr[-1] if stderr else error}")
