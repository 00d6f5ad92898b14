"""Read and write a stop request: a file of the attempt, so that it works across containers and hosts.

The file is ``attempts/N/stop.json``, described in docs/run-directory.md. The file itself is the request, whatever it
contains: the training processes only check whether it exists.
"""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass
from datetime import datetime, timezone

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import read_object
from tsdia_run.files.opening import touch
from tsdia_run.outcome.classify import Stop
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.text import visible

_MAX_BYTES = 64 * 1024
_MAX_WHY_CHARACTERS = 200


@dataclass(frozen=True)
class StopRequest:
    """A request to stop.

    Attributes:
        stop: The signal and the reason.
        is_now: Whether to stop without a grace period.
    """

    stop: Stop
    is_now: bool = False


def write(attempt: AttemptLayout, request: StopRequest) -> None:
    """Write a stop request; an empty one on a full disk.

    Raises:
        OSError: The file can't be written.
    """
    content = {
        "requested_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "signal": request.stop.signal.name,
        "why": request.stop.why,
        "now": request.is_now,
    }
    try:
        write_json(attempt.stop, content)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or request.is_now:
            raise
        touch(attempt.stop)


def read(attempt: AttemptLayout) -> StopRequest | None:
    """Return the stop request of an attempt; None if there is none."""
    if not os.path.exists(attempt.stop):
        return None
    data = read_object(attempt.stop, _MAX_BYTES)
    name, why = data.get("signal"), data.get("why")
    known = {one.name: one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)}
    stop = Stop(
        known.get(name, signal.SIGTERM) if isinstance(name, str) else signal.SIGTERM,
        visible(why)[:_MAX_WHY_CHARACTERS] if isinstance(why, str) and why else "stop requested",
    )
    return StopRequest(stop, data.get("now") is True)
