"""The installed command, and ``python -m tsdia_run``."""

from __future__ import annotations

import gc


def main() -> None:
    """Start the command line."""
    # Collecting garbage while modules are imported costs a tenth of the start; the supervisor turns it on again.
    gc.disable()
    from tsdia_run.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
