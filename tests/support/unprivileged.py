"""Make file permissions apply to a command, also if the tests run as root."""

from __future__ import annotations

import ctypes
import os

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _CAP_KILL = 1, 2, 5


def obey_permissions() -> None:
    """Drop root's right to read everything, but keep its user id; runs between fork and exec."""
    if os.geteuid() == 0:
        _drop(_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH)


def signal_only_own_processes() -> None:
    """Drop root's right to signal the processes of other users; runs between fork and exec."""
    _drop(_CAP_KILL)


def _drop(*capabilities: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in capabilities:
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
