"""Make file permissions apply to a command, also if the tests run as root."""

from __future__ import annotations

import ctypes
import os

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _CAP_KILL = 1, 2, 5
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAPABILITY_VERSION = 0x20080522


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


def become(user: int) -> None:
    """Become another user, who may read everything, since the interpreter may be in root's home; before an exec."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, bit = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), 1 << _CAP_DAC_READ_SEARCH
    # Effective, permitted and inheritable; the second half has the capabilities from number 32 on.
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    if libc.capset(header, sets) or libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0):
        raise OSError(ctypes.get_errno(), "capset")
