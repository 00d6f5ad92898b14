"""A run as it stands at this moment, whatever state its record is in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tsdia_run.claim.liveness import Living, living
from tsdia_run.errors import DamagedRunError
from tsdia_run.outcome.exit_records import settled
from tsdia_run.report.formatting import DAMAGED, UNKNOWN
from tsdia_run.rundir import record
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Attempt, Run, State

MADE_ELSEWHERE = "made without tsdia-run: there is no run.json"
_NEVER_BEGAN = "killed before it was recorded"


@dataclass(frozen=True)
class RunStatus:
    """What is known of a run.

    Attributes:
        layout: Its files.
        run: Its record, in which an attempt that died with its supervisor has its ending; None where it can't be read.
        state: Where the run stands; None where nothing says so.
        reason: Why, in one sentence; empty while it runs.
        living: What lives of it.
        trouble: Why the record can't be used; None where it can, and where there never was one.
    """

    layout: RunLayout
    run: Run | None
    state: State | None
    reason: str
    living: Living
    trouble: str | None = None

    @property
    def name(self) -> str:
        """What the run is called: the last part of where it is now."""
        return self.layout.root.name

    @property
    def word(self) -> str:
        """The state in a word, or why nobody knows it."""
        return self.state.value if self.state else DAMAGED if self.trouble else UNKNOWN

    @property
    def is_living(self) -> bool:
        """Whether any process of it lives."""
        return self.living is not Living.NOTHING

    @property
    def is_live(self) -> bool:
        """Whether its state is one of a run that has not ended."""
        return self.state in LIVE

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All that the record knows of."""
        return self.run.attempts if self.run else ()


def look(run_dir: Path) -> RunStatus:
    """See how a run stands. Never raises for what is in the directory."""
    layout = RunLayout(run_dir)
    alive = living(layout)
    try:
        run = record.read(layout.record)
    except DamagedRunError as error:
        cause = error.__cause__
        return _without_record(layout, alive, (cause.strerror if isinstance(cause, OSError) else None) or str(cause))
    if run.state in LIVE and alive is Living.NOTHING:
        # A run that ends at this moment records its ending before it gives its locks free.
        run = settled(_again(layout, run), layout, layout.last_seen())
    outcome = run.last.outcome
    reason = outcome.reason if outcome else ""
    if run.state in LIVE and alive is Living.RANKS_ONLY:
        reason = "its supervisor was killed; the ranks go on, and so does the log"
    return RunStatus(layout, run, run.state, reason, alive)


def _again(layout: RunLayout, run: Run) -> Run:
    try:
        return record.read(layout.record)
    except DamagedRunError:
        return run


def _without_record(layout: RunLayout, alive: Living, trouble: str) -> RunStatus:
    try:
        has_record, is_claimed = layout.record.exists(), layout.claim.exists()
    except OSError:  # the directory may not be entered
        return RunStatus(layout, None, None, trouble, alive, trouble)
    if has_record:
        return RunStatus(layout, None, None, f"the record can't be used: {trouble}", alive, trouble)
    if not is_claimed:
        return RunStatus(layout, None, None, MADE_ELSEWHERE, alive)
    if alive is Living.NOTHING:
        return RunStatus(layout, None, State.LOST, _NEVER_BEGAN, alive)
    return RunStatus(layout, None, State.PREPARING, "", alive)
