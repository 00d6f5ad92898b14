"""Measure the relay too, which tsdia-run starts without Python's ``site``. Only `make coverage` loads this plugin.

Coverage imports its plugins in every process that it measures. The supervisor is one of them, so this plugin can remove
the flags that keep ``site`` (and with it coverage) out of the relay from the relay's command line.
"""

from __future__ import annotations

import subprocess
from typing import Any

_WITHOUT_SITE = ["-S", "-E"]


def coverage_init(reg: object, options: object) -> None:
    """Start the relay with ``site``; coverage requires this function of a plugin."""
    start = subprocess.Popen.__init__

    def start_with_site(self: Any, args: Any, *rest: Any, **named: Any) -> None:
        is_relay = isinstance(args, list) and args[1:3] == _WITHOUT_SITE
        start(self, [args[0], *args[3:]] if is_relay else args, *rest, **named)

    subprocess.Popen.__init__ = start_with_site  # type: ignore[method-assign]
