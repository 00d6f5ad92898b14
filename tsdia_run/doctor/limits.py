"""Check the limits of the machine: memory, shared memory, limits of the process, and the scheduler's grace."""

from __future__ import annotations

import math
import os
import re
import resource
import subprocess
from collections.abc import Iterator

from tsdia_run.doctor.grades import Finding, fine, warning
from tsdia_run.doctor.situation import Situation
from tsdia_run.provenance import machine
from tsdia_run.rundir.env import OPTION_PREFIX
from tsdia_run.text import size

_SHARED_MEMORY = "/dev/shm"
_MIN_SHARED_BYTES = 512 * 2**20
_MIN_MEMORY_BYTES = 2**30
_MIN_FILES = 1024
_SCONTROL_LIMIT_S = 1.5
# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/, https://slurm.schedmd.com/slurm.conf.html
_KUBERNETES_GRACE_S = 30
_KILL_WAIT = re.compile(r"^KillWait\s*=\s*(\d+)", re.MULTILINE)
# A process needs this long to exit after it has saved.
_MARGIN_S = 5


def check_memory(situation: Situation) -> Iterator[Finding]:
    """Check that memory is available."""
    limit, total = machine.limits().memory_bytes, machine.memory_bytes()
    available = _available_bytes()
    known = [one for one in (limit, total) if one is not None]
    of = f" of {size(min(known))}" if known else ""
    text = f"{size(available)}{of} available" if available is not None else f"{of[4:] or 'unknown'}"
    if limit is not None and (total is None or limit < total):
        text += ", which is the limit of the control group"
    if available is not None and available < _MIN_MEMORY_BYTES:
        yield warning("memory", text, "ps -eo pid,rss,comm k -rss | head")
    else:
        yield fine("memory", text)


def _available_bytes() -> int | None:
    with open("/proc/meminfo", encoding="ascii", errors="replace") as file:
        found = re.search(r"^MemAvailable:\s*(\d+) kB", file.read(), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def check_shared_memory(situation: Situation) -> Iterator[Finding]:
    """Check the size of /dev/shm: the workers of a data loader pass batches through it."""
    if not os.path.isdir(_SHARED_MEMORY):
        yield warning("shared memory", f"{_SHARED_MEMORY} does not exist", f"mkdir -m 1777 {_SHARED_MEMORY}")
        return
    disk = os.statvfs(_SHARED_MEMORY)
    total, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
    text = f"{size(free)} of {size(total)} free in {_SHARED_MEMORY}"
    if total < _MIN_SHARED_BYTES:
        text += ": few for the workers of a data loader (in Docker, --shm-size=8g sets it)"
        yield warning("shared memory", text, f"mount -o remount,size=8G {_SHARED_MEMORY}")
    elif free < _MIN_SHARED_BYTES:
        yield warning("shared memory", text, f"ls -lS {_SHARED_MEMORY}")
    else:
        yield fine("shared memory", text)


def check_limits(situation: Situation) -> Iterator[Finding]:
    """Check the limits of processes that this shell starts: open files, memory, core files."""
    files, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    memory, most_memory = resource.getrlimit(resource.RLIMIT_AS)
    problems = False
    if files != resource.RLIM_INFINITY and files < _MIN_FILES:
        problems = True
        raised = f"ulimit -n {most_files}" if most_files > files else "sudo prlimit --pid $$ --nofile=65536"
        yield warning("limits", f"a process may open only {files} files", raised)
    if memory != resource.RLIM_INFINITY:
        problems = True
        is_hard = most_memory != resource.RLIM_INFINITY
        raised = "sudo prlimit --pid $$ --as=unlimited" if is_hard else "ulimit -v unlimited"
        yield warning("limits", f"a process may use only {size(memory)} of addresses", raised)
    core, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if core != 0 and _writes_cores():
        problems = True
        most_bytes = "" if core == resource.RLIM_INFINITY else f" of up to {size(core)}"
        found = f"a crash writes a core file{most_bytes} into the working directory"
        yield warning("limits", found, "ulimit -c 0")
    if not problems:
        yield fine("limits", f"{files} open files, no core files")


def _writes_cores() -> bool:
    """Return whether a crash writes a file into the working directory: core(5)."""
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8", errors="replace") as file:
        return not file.read().startswith(("|", "/", "\n"))


def check_scheduler(situation: Situation) -> Iterator[Finding]:
    """Check that the scheduler waits as long as the script may save."""
    environ, grace_s = situation.environ, situation.settings.stop_grace_s
    if "SLURM_JOB_ID" in environ:
        found = _KILL_WAIT.search(_scontrol(situation))
        if found is None:
            yield warning("scheduler", "Slurm: its KillWait can't be read", "scontrol show config | grep KillWait")
        else:
            yield _compared("Slurm", "KillWait", int(found.group(1)), grace_s)
    elif "KUBERNETES_SERVICE_HOST" in environ:
        name = "terminationGracePeriodSeconds (30 s unless the pod sets it)"
        yield _compared("Kubernetes", name, _KUBERNETES_GRACE_S, grace_s)
    else:
        yield fine("scheduler", "none found (Slurm, Kubernetes)")


def _compared(scheduler: str, name: str, scheduler_s: int, grace_s: float) -> Finding:
    grace = "no limit" if math.isinf(grace_s) else f"{grace_s:g} s"
    text = f"{scheduler} kills after {name}: {scheduler_s} s; a script may save for {grace} (stop_grace_s)"
    if grace_s <= scheduler_s:
        return fine("scheduler", text)
    less = max(1, scheduler_s - _MARGIN_S)
    return warning("scheduler", text, f"export {OPTION_PREFIX}STOP_GRACE={less}s")


def _scontrol(situation: Situation) -> str:
    try:
        return subprocess.run(
            ["scontrol", "show", "config"],
            env=dict(situation.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SCONTROL_LIMIT_S,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
