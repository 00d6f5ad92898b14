"""The signals to this process, with their senders, in one descriptor, so that one event loop sees all events."""

from __future__ import annotations

import os
import signal
import struct
import time
from dataclasses import dataclass
from types import FrameType

# Identical signals in this time are one request: timeout, npm and docker deliver a signal twice.
REPEAT_S = 1.0
# SIGCONT, SIGCHLD and SIGWINCH do no harm. The kernel sends SIGPIPE and SIGXFSZ about this process's own writes.
_LEFT_ALONE = frozenset(
    {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGCHLD, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ}
)
# The training gets these with their default action, even if this process was started with them ignored (nohup, `&`).
_RESET = ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "TSTP")
# From signal(7) and signalfd(2): the kernel's own si_code, the size of the structure, and its first four fields.
_SI_KERNEL = 0x80
_INFO_BYTES = 128
_INFO = struct.Struct("=IiiI")
_SIGSET_BITS = 1024
# The C library uses these itself, and changes neither their actions nor their masks for its caller. The kernel does.
_OF_C_LIBRARY = (32, 33)
_RT_SIGACTION = {"x86_64": 13, "aarch64": 134}
# The kernel's sigaction: the action comes first, and the mask of 8 bytes is last.
_ACTION_BYTES = 32
_IGNORED = struct.pack(f"=Q{_ACTION_BYTES - 8}x", signal.SIG_IGN)


@dataclass(frozen=True)
class Arrival:
    """A signal that arrived.

    Attributes:
        number: The signal.
        is_typed: Whether the kernel sent it, as it does for a key on the terminal; otherwise a process sent it.
    """

    number: int
    is_typed: bool = False


class RepeatFilter:
    """Recognises the second delivery of one request."""

    def __init__(self) -> None:
        self._counted_s: dict[int, float] = {}

    def counts(self, arrival: Arrival, now_s: float) -> bool:
        """Return whether a signal is a request of its own: typed, or not identical to one within the last second."""
        before_s = self._counted_s.get(arrival.number)
        if not arrival.is_typed and before_s is not None and now_s - before_s < REPEAT_S:
            return False
        self._counted_s[arrival.number] = now_s
        return True


class SignalQueue:
    """Collects signals while it is open, instead of their actions; none of them can end this process meanwhile.

    The signals are blocked. A child process inherits that unless it calls ``unblock`` before it executes its program.
    A signal for which this process has its own handler keeps it, unless it is one that this package handles.

    Args:
        until_exit: Whether to leave the signals blocked at the end, since this process is about to exit.
    """

    def __init__(self, *, until_exit: bool = False) -> None:
        self._until_exit = until_exit

    def __enter__(self) -> SignalQueue:
        self._repeats = RepeatFilter()
        reset = [signal.Signals[f"SIG{name}"] for name in _RESET]
        # Without a handler, an ignored signal would stay ignored in the training.
        self._handlers = {number: signal.signal(number, _ignore) for number in reset}
        others = {one for one in signal.valid_signals() - _LEFT_ALONE if not callable(signal.getsignal(one))}
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*reset, *others})
        self.fd = _signalfd({*reset, *others})
        self._actions = {number: _sigaction(number, _IGNORED) for number in _OF_C_LIBRARY}
        return self

    def __exit__(self, *exc: object) -> None:
        self.read()
        os.close(self.fd)
        if self._until_exit:
            return
        self.unblock()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def unblock(self) -> None:
        """Give this process, or a fork of it, its own signals back."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        for number, before in self._actions.items():
            # The C library may have set its own action meanwhile, for a new thread.
            if _sigaction(number, None)[:8] == _IGNORED[:8]:
                _sigaction(number, before)

    def read(self) -> list[Arrival]:
        """Return the signals since the last call, without repeated deliveries."""
        try:
            data = os.read(self.fd, 64 * _INFO_BYTES)
        except BlockingIOError:
            return []
        now_s = time.monotonic()
        found = [_INFO.unpack_from(data, start) for start in range(0, len(data), _INFO_BYTES)]
        arrivals = [Arrival(number, is_typed=code == _SI_KERNEL) for number, _, code, _ in found]
        return [one for one in arrivals if self._repeats.counts(one, now_s)]


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing with a signal that arrives between the last read and the end."""


def _sigaction(number: int, action: bytes | None) -> bytes:
    """Set the action of a signal without the C library; return the action before: rt_sigaction(2)."""
    import ctypes

    before = ctypes.create_string_buffer(_ACTION_BYTES)
    call = _RT_SIGACTION.get(os.uname().machine)
    if call is not None:
        ctypes.CDLL(None).syscall(call, number, action, before, 8)
    return before.raw


def _signalfd(numbers: set[int]) -> int:
    import ctypes  # takes 2 ms

    mask = sum(1 << (number - 1) for number in numbers).to_bytes(_SIGSET_BITS // 8, "little")
    fd: int = ctypes.CDLL(None, use_errno=True).signalfd(-1, mask, os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd
