"""The files that a supervisor keeps in its run directory, whatever happens to the directory."""

from __future__ import annotations

from pathlib import Path

from tests.support.runs import make_run
from tsdia_run.claim import guard
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import State
from tsdia_run.supervise.keeper import RecordKeeper


def test_a_record_is_never_written_into_another_run(tmp_path: Path) -> None:
    run_dir = tmp_path / "exp"
    ours = make_run(tmp_path / "template", State.RUNNING, run_id="00000000aaaa").run
    theirs = make_run(tmp_path / "other", State.RUNNING, run_id="00000000bbbb").run
    with guard.claim_new(run_dir) as claim:
        record_file.write(RunLayout(run_dir).record, ours)
        keeper = RecordKeeper(claim, ours, None)
        run_dir.rename(tmp_path / "moved")
        with guard.claim_new(run_dir):
            record_file.write(RunLayout(run_dir).record, theirs)
            keeper.record(ours.last)
            assert record_file.read(RunLayout(run_dir).record).run_id == theirs.run_id
            assert "another run has replaced" in keeper.warnings[0]
            keeper.record(ours.last)
            keeper.tick(0.0)
            assert len(keeper.warnings) == 1
