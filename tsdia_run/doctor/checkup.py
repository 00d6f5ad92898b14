"""Carry out all checks at the same time, and turn a check that fails or hangs into a finding."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from tsdia_run.doctor import limits, software, storage, tracking
from tsdia_run.doctor.grades import Check, Finding, Grade, fault, refused
from tsdia_run.doctor.situation import Situation
from tsdia_run.errors import TsdiaRunError
from tsdia_run.report.suggestions import check_as_json
from tsdia_run.text import shell

# A file system that does not answer must not block the others.
_LIMIT_S = 2.5

CHECKS: dict[str, Check] = {
    "settings": software.check_settings,
    "script": software.check_script,
    "interpreter": software.check_interpreter,
    "accelerate": software.check_accelerate,
    "memory": limits.check_memory,
    "shared memory": limits.check_shared_memory,
    "limits": limits.check_limits,
    "scheduler": limits.check_scheduler,
    "disk": storage.check_disk,
    "locks": storage.check_locks,
    "links": storage.check_links,
    "claims": storage.check_claims,
    "wandb": tracking.check_wandb,
}


class _Examination(threading.Thread):
    """One check in its own thread, which does not keep the process from exiting."""

    def __init__(self, name: str, check: Check, situation: Situation) -> None:
        super().__init__(daemon=True)
        self.check_name, self._check, self._situation = name, check, situation
        self.findings: list[Finding] | None = None

    def run(self) -> None:
        found: list[Finding] = []
        try:
            found.extend(self._check(self._situation))
        except TsdiaRunError as error:
            found.append(refused(self.check_name, error))
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            look = shell(["ls", "-ld", str(error.filename or ".")])
            found.append(fault(self.check_name, f"this could not be checked: {what}", look))
        except Exception as error:  # One check must not hide the results of the others.
            found.append(_bug(self.check_name, error))
        self.findings = found


def examine(situation: Situation, checks: Mapping[str, Check] = CHECKS, limit_s: float = _LIMIT_S) -> list[Finding]:
    """Return the findings of all checks, in their order.

    Args:
        situation: What the checks are about.
        checks: The checks by name.
        limit_s: How long all of them may take together.
    """
    running = [_Examination(name, check, situation) for name, check in checks.items()]
    for one in running:
        one.start()
    end = time.monotonic() + limit_s
    for one in running:
        one.join(max(0.0, end - time.monotonic()))
    return [finding for one in running for finding in (_late(one, limit_s) if one.findings is None else one.findings)]


def is_red(findings: Sequence[Finding]) -> bool:
    """Return whether a start would fail."""
    return any(one.grade is Grade.ERROR for one in findings)


def _bug(name: str, error: Exception) -> Finding:
    found = f"this could not be checked. Please report this bug in tsdia-run: {type(error).__name__}: {error}"
    return fault(name, found, check_as_json())


def _late(one: _Examination, limit_s: float) -> Sequence[Finding]:
    found = f"no answer within {limit_s:g} s: a file system or a command does not respond"
    return [fault(one.check_name, found, "cat /proc/mounts")]
