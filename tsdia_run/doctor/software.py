"""Check what runs the training: the settings, script, interpreter, packages and the Accelerate config."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping

from tsdia_run import config
from tsdia_run.doctor.grades import Finding, fault, fine, refused, warning
from tsdia_run.doctor.situation import Situation
from tsdia_run.errors.launching import InterpreterFails, NoAccelerate, NoInterpreter
from tsdia_run.launch import accelerate_config, command, hardware, interpreter, rank_launcher
from tsdia_run.launch.accelerate_config import CPU_PROCESSES, ONE_PROCESS, AccelerateConfig
from tsdia_run.provenance.environment import ask_interpreter
from tsdia_run.rundir.env import OPTION_PREFIX
from tsdia_run.settings import Launcher, origins
from tsdia_run.text import count, shell, shown

_SHOWN_PACKAGES = ("torch", "accelerate", "transformers", "datasets", "diffusers", "deepspeed", "wandb")
_SMI_LIMIT_S = 2.0
# The compute capabilities that a GPU needs: https://developer.nvidia.com/cuda-gpus
_NEEDS = {"bf16": (8, 0), "fp8": (8, 9)}


def check_settings(situation: Situation) -> Iterator[Finding]:
    """Check that the config and the settings files can be used."""
    yield from (refused("settings", error) for error in situation.setting_errors)
    if not situation.setting_errors:
        sources = [one.source for one in situation.layers if one.values]
        yield fine("settings", f"from {', '.join(sources)}" if sources else "the defaults; no settings file found")


def check_script(situation: Situation) -> Iterator[Finding]:
    """Check that the script exists, if one is named or a config is given."""
    settings, named = situation.settings, origins(situation.layers)
    if settings.module is not None:
        yield fine("script", f"the module {settings.module}")
    elif "entrypoint" not in named and situation.config_file is None:
        yield fine("script", "none given")
    else:
        yield fine("script", shown(command.entrypoint_path(settings, situation.cwd)))


def check_interpreter(situation: Situation) -> Iterator[Finding]:
    """Check that the interpreter runs and has the packages that a start needs."""
    python = interpreter.choose(situation.settings.python, situation.environ, situation.cwd)
    answer = ask_interpreter(python.path, situation.environ)
    where = f"{python.path} ({python.origin})"
    if answer.version is None:
        yield fault("interpreter", f"{where}: {answer.error}", shell([python.path, "-c", "import json"]))
        return
    yield fine("interpreter", f"{where}: Python {answer.version.split()[0]}")
    packages = {name.lower().replace("_", "-"): version for name, version in (answer.packages or {}).items()}
    needed = ("torch", "accelerate") if situation.settings.launcher is Launcher.ACCELERATE else ()
    missing = [name for name in needed if name not in packages]
    if missing:
        install = shell([python.path, "-m", "pip", "install", *missing])
        yield fault("packages", f"{python.path} has no {' and no '.join(missing)}", install)
    else:
        yield _packages(situation, python.path, packages)


def _packages(situation: Situation, python: str, packages: Mapping[str, str]) -> Finding:
    versions = [f"{name} {packages[name]}" for name in _SHOWN_PACKAGES if name in packages]
    text = ", ".join(versions) or "none of torch, accelerate and wandb, which the launcher python does not need"
    devices = visible_devices(situation.variables)
    if devices and packages.get("torch", "").endswith("+cpu"):
        reinstall = shell([python, "-m", "pip", "install", "--force-reinstall", "torch"])
        return warning("packages", f"{text}: this torch can't use the {count(devices, 'GPU')}", reinstall)
    return fine("packages", text)


def visible_devices(environ: Mapping[str, str]) -> int:
    """Return the possible number of accelerators that the training may use."""
    found = hardware.accelerator_devices(environ)
    named = environ.get("CUDA_VISIBLE_DEVICES")
    return found if named is None else min(found, len([one for one in named.split(",") if one.strip()]))


def check_accelerate(situation: Situation) -> Iterator[Finding]:
    """Check the Accelerate config, and its processes and precision against the GPUs."""
    settings = situation.settings
    if settings.launcher is Launcher.PYTHON:
        yield fine("accelerate", "not used: the launcher is python")
        return
    try:
        python = interpreter.choose(settings.python, situation.environ, situation.cwd)
        ranks = rank_launcher.decide(settings, python, situation.environ, situation.cwd)
    except (NoAccelerate, NoInterpreter, InterpreterFails):  # the check of the interpreter reports it
        return
    path = ranks.config_file
    found = accelerate_config.read(path, config.read(path).plain()) if path else AccelerateConfig()
    where = shown(path) if path else "no config file"
    wanted = settings.accelerate.num_processes or found.processes
    text = f"{where}; {_processes(wanted) if wanted else 'processes: as many as accelerators'}"
    file = ["--config_file", str(path)] if path else []
    rewrite = shell([python.path, "-m", "accelerate.commands.accelerate_cli", "config", *file])
    yield _against_devices(situation, found, wanted, text, rewrite)
    precision = settings.accelerate.mixed_precision or found.mixed_precision
    if precision != "no":
        yield _precision(situation, precision, uses_cpu=found.use_cpu)


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _against_devices(
    situation: Situation, found: AccelerateConfig, wanted: int | None, text: str, rewrite: str
) -> Finding:
    devices = visible_devices(situation.variables)
    gpus = f"{count(devices, 'GPU')} visible" if devices else "no GPU visible"
    is_for_cpu = found.use_cpu or found.kind == CPU_PROCESSES
    if not devices and not is_for_cpu and found.kind != ONE_PROCESS:
        return fault("accelerate", f"{text}, for {found.kind}, but {gpus}", rewrite)
    if devices and wanted and wanted > devices and not is_for_cpu:
        return fault("accelerate", f"{text}, but only {gpus}", f"export {OPTION_PREFIX}NUM_PROCESSES={devices}")
    return fine("accelerate", f"{text}; {gpus}")


def _precision(situation: Situation, precision: str, *, uses_cpu: bool) -> Finding:
    devices = visible_devices(situation.variables)
    bf16, full = f"export {OPTION_PREFIX}MIXED_PRECISION=bf16", f"export {OPTION_PREFIX}MIXED_PRECISION=no"
    if not devices or uses_cpu:
        if precision == "bf16":
            return fine("precision", "bf16, on the CPU")
        if precision == "fp16":
            return warning("precision", "fp16 has no effect on the CPU: Accelerate ignores or refuses it", bf16)
        return fault("precision", f"{precision} requires a GPU, and the training runs on the CPU", bf16)
    capabilities, least = _capabilities(situation), _NEEDS.get(precision)
    lowest = min(capabilities, default=None)
    if least is None or lowest is None or lowest >= least:
        return fine("precision", precision)
    has, needs = (".".join(map(str, one)) for one in (lowest, least))
    text = f"{precision} requires GPUs of compute capability {needs}, and a GPU here has {has}"
    if precision == "bf16":
        return warning("precision", f"{text}: it is emulated, and slow", full)
    return fault("precision", text, bf16)


def _capabilities(situation: Situation) -> list[tuple[int, ...]]:
    """Return the compute capability of each NVIDIA GPU; empty if they can't be queried."""
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"],
            env=dict(situation.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SMI_LIMIT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    parts = [line.strip().split(".") for line in answer.splitlines()]
    return [tuple(map(int, one)) for one in parts if all(part.isdecimal() for part in one)]
