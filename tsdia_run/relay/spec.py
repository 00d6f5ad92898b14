"""The arguments with which the supervisor starts a relay: one JSON object."""

from __future__ import annotations

import json

from tsdia_run.relay.log import DEFAULT_MAX_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class TerminalSpec:
    """The user's terminal.

    Attributes:
        fd: Its descriptor, for keys and size.
        modes: The result of ``termios.tcgetattr`` before any change, with control characters as numbers.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fd: int = fields["fd"]
        modes: list[Any] = fields["modes"]
        canonical = [bytes([code]) if isinstance(code, int) else code.encode("latin-1") for code in modes[6]]
        self.modes: list[Any] = [*modes[:6], canonical]


class Spec:
    """The arguments of a relay.

    Attributes:
        log: Path of the live log file.
        header: First line of the log; None to write none. A relay that continues a log does not write it.
        journal: Descriptors of the journal: its data and its state; None for a journal that ends with this relay.
        terminal_pipe: Both ends of a pipe for the output of a terminal; None for a pipe that ends with this relay.
        is_terminal: Whether ``sources`` is the master side of the training's pseudo-terminal; otherwise pipes.
        sources: Descriptors to read: standard output and standard error, or the terminal. None to end a log with what
            a journal has.
        consoles: The console of each source; None to show it nowhere.
        console_pipes: A pipe for the way to each console; empty for pipes that end with this relay.
        terminal: The user's terminal; None if there is none, or if it is the training's standard input.
        control: Read end of a pipe from the supervisor.
        events: Write end of a pipe to the supervisor; None to send no events.
        progress: Path of the file for the latest progress; None to write none.
        max_bytes: Size at which the log is rotated.
        total_bytes: Limit for all parts of the log; None for no limit.
        interval_s: How often a line that keeps changing is logged.
        has_timestamps: Whether log lines start with a timestamp.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self.log: str = fields["log"]
        self.header: str | None = fields.get("header")
        self.journal: tuple[int, int] | None = _pair(fields.get("journal"))
        self.console_pipes: list[tuple[int, int]] = [(one[0], one[1]) for one in fields.get("console_pipes", ())]
        self.terminal_pipe: tuple[int, int] | None = _pair(fields.get("terminal_pipe"))
        self.is_terminal: bool = fields["mode"] == "pty"
        both = ((fields.get("stdout"), fields.get("console_out")), (fields.get("stderr"), fields.get("console_err")))
        self.sources: list[int] = [source for source, _ in both if source is not None]
        self.consoles: list[int | None] = [console for source, console in both if source is not None]
        self.terminal = TerminalSpec(fields["terminal"]) if fields.get("terminal") else None
        self.control: int = fields["control"]
        self.events: int | None = fields.get("events")
        self.progress: str | None = fields.get("progress")
        settings = fields.get("settings", {})
        self.max_bytes: int = settings.get("max_bytes", DEFAULT_MAX_BYTES)
        self.total_bytes: int | None = settings.get("total_bytes")
        self.interval_s: float = settings.get("progress_s", 30.0)
        self.has_timestamps: bool = settings.get("timestamps", False)

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Parse the JSON of the command line."""
        return cls(json.loads(text))


def _pair(found: list[int] | None) -> tuple[int, int] | None:
    return None if found is None else (found[0], found[1])
