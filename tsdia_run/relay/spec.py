"""What the supervisor tells a relay when it starts it: one JSON object."""

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
        modes: What ``termios.tcgetattr`` gave before anything was changed, control characters as numbers.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fd: int = fields["fd"]
        modes: list[Any] = fields["modes"]
        canonical = [bytes([code]) if isinstance(code, int) else code.encode("latin-1") for code in modes[6]]
        self.modes: list[Any] = [*modes[:6], canonical]


class Spec:
    """A relay's work.

    Attributes:
        log: Path of the live log file.
        header: First line of the log; None for none, and not used by a second relay.
        is_restarted: Whether another relay was at work before and died.
        is_terminal: Whether ``sources`` is our side of the training's terminal, and not pipes.
        sources: Descriptors to read: standard output and standard error, or the terminal.
        consoles: Where each source is shown; None for nowhere.
        terminal: The user's terminal; None if it is none, or if the training has it as its standard input.
        control: Read end of a pipe from the supervisor.
        events: Write end of a pipe to the supervisor; None for none.
        progress: Path of the file with the latest progress; None for none.
        max_bytes: Size at which the log is rotated.
        total_bytes: What all parts of the log may take; None for no bound.
        interval_s: How often something that changes all the time enters the log.
        has_timestamps: Whether lines of the log begin with their time.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self.log: str = fields["log"]
        self.header: str | None = fields.get("header")
        self.is_restarted: bool = fields.get("restarted", False)
        self.is_terminal: bool = fields["mode"] == "pty"
        both = ((fields["stdout"], fields.get("console_out")), (fields.get("stderr"), fields.get("console_err")))
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
        """Read it from the command line."""
        return cls(json.loads(text))
