"""The state of a relay that its journal saves (pure)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsdia_run.relay.clock import Clock
    from tsdia_run.relay.lines import LineModel
    from tsdia_run.relay.modes import Modes


class TranscriptState:
    """What the text of later entries depends on.

    Attributes:
        clock: The clock of the timestamps.
        models: The screen of each stream.
        size: Rows and columns of the training's terminal; zeros if it has none.
        modes: What the script changed in its terminal; None if it has none.
        are_torn: Whether the latest output of each stream did not end with a newline.
        is_fresh: Whether tsdia-run has moved the consoles to a new line since the latest output.
        latest: The stream that had the latest output.
        writer: The stream whose text was written last.
        is_torn: Whether the text so far does not end with a newline.
        bar: The latest progress bar.
        is_finished: Whether all output is in the log.
        is_cut: Whether another process kept the output open, so that later output is not in the log.
        is_ended: Whether the last line is in the log.
    """

    def __init__(self, clock: Clock, modes: Modes | None) -> None:
        self.clock = clock
        self.models: list[LineModel] = []
        self.size = (0, 0)
        self.modes = modes
        self.are_torn = [False, False]
        self.is_fresh = True
        self.latest = self.writer = 0
        self.is_torn = False
        self.bar: dict[str, str] = {}
        self.is_finished = False
        self.is_cut = False
        self.is_ended = False


class SinkState:
    """What a console has still to get.

    Attributes:
        backlog: The output that waits.
        skipped: How many bytes after it were skipped.
        tail: The end of the skipped bytes.
        is_torn: Whether the console does not end with a newline.
    """

    def __init__(self, backlog: bytes = b"", skipped: int = 0, tail: bytes = b"", *, is_torn: bool = False) -> None:
        self.backlog = backlog
        self.skipped = skipped
        self.tail = tail
        self.is_torn = is_torn
