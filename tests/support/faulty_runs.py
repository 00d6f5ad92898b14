"""A training that can be checked after a fault."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import lines_of, record_of
from tests.support.zygote import Ended, Zygote
from tsdia_run.claim import live_check
from tsdia_run.errors import RunAliveError
from tsdia_run.outcome.settle import settled
from tsdia_run.rundir import record, record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import State

LINES = 40
# Its first attempt saves and fails; the later ones complete.
SCRIPT = f"""\
import os, pathlib, sys
attempt = os.environ["TSDIA_RUN_ATTEMPT"]
with open("trace", "a") as trace:
    trace.write("began " + attempt + "\\n")
for number in range({LINES}):
    print("attempt", attempt, "line", number)
run_dir = os.environ["TSDIA_RUN_DIR"]
with open(run_dir + "/metrics.jsonl", "a") as metrics:
    metrics.write('{{"step": 5, "time": 1.5, "attempt": ' + attempt + ', "loss": 0.5}}\\n')
with open(run_dir + "/config.yml", "a") as config:
    config.write("# as TS-DIA's Trainer does\\n")
checkpoint = pathlib.Path(run_dir, "checkpoint-epoch0-step5")
checkpoint.mkdir(exist_ok=True)
(checkpoint / "state.json").exists() and (checkpoint / "state.json").read_text()
(checkpoint / "state.json").write_text("{{}}")
with open("trace", "a") as trace:
    trace.write("ended " + attempt + "\\n")
sys.exit(3 if attempt == "0" else 0)
"""
CONFIG = """\
training: {checkpoint: {save_dir: runs/exp, resume: }}
tsdia_run: {launcher: python}
"""
_LIMIT_S = 60


@dataclass(frozen=True)
class Project:
    """A folder with the training.

    Attributes:
        root: The folder.
        attempt: The number of the attempt with the fault.
    """

    root: Path
    attempt: int

    @classmethod
    def make(cls, root: Path) -> Project:
        """Make a new project, without a run."""
        root.mkdir()
        (root / "config.yml").write_text(CONFIG)
        (root / "train.py").write_text(SCRIPT)
        return cls(root, 0)

    @classmethod
    def copy(cls, template: Project, root: Path) -> Project:
        """Make a project with a copy of the template's run."""
        shutil.copytree(template.root, root, symlinks=True)
        for path in root.rglob("*.json"):
            path.write_text(path.read_text().replace(str(template.root), str(root)))
        return cls(root, len(record_of(root / "runs" / "exp")["attempts"]))

    @property
    def run_dir(self) -> Path:
        """Return the run directory."""
        return self.root / "runs" / "exp"

    def trace(self) -> list[str]:
        """Return the trace that the training wrote."""
        path = self.root / "trace"
        return path.read_text().splitlines() if path.exists() else []

    def check(self, ended: Ended, told: str) -> None:
        """Check what must be true after a start with a fault, or after a killed one.

        Args:
            ended: How the start ended.
            told: A description of the fault, for messages.
        """
        was_killed = ended.code == -signal.SIGKILL
        assert "Traceback" not in ended.err, told
        assert "bug in" not in ended.err, told
        if was_killed:
            self._wait_for_the_end()
        self._check_record(told)
        began = f"began {self.attempt}" in self.trace()
        if began:
            assert f"ended {self.attempt}" in self.trace(), told
            self._check_log(told)
        if was_killed:
            return
        if began:
            assert ended.code == (0 if self.attempt else 3), told
            assert "tsdia-run: error:" not in ended.err, told
        else:
            assert ended.code in (73, 74), told
            assert ended.err.count("tsdia-run: error:") == 1, told

    def check_next(self, zygote: Zygote, told: str) -> None:
        """Check that the next command resumes the run, with the first attempt number that is not in the record."""
        began = f"began {self.attempt}" in self.trace()
        coming = len(record_of(self.run_dir)["attempts"]) if RunLayout(self.run_dir).record.exists() else 0
        ended = zygote.run("ensure", "config.yml", cwd=self.root)
        told = f"{told}, then {ended}"
        if began and self.attempt > 0:
            assert "has completed" in ended.err, told
        else:
            assert f"ended {coming}" in self.trace(), told
        assert ended.code == (0 if coming else 3), told
        # As every reader sees it: readers complete the record if a killed supervisor could not write the ending.
        layout = RunLayout(self.run_dir)
        run = settled(record_file.read(layout.record), layout, layout.last_seen())
        assert run.state is (State.COMPLETED if coming else State.FAILED), told
        for attempt in run.attempts:
            if f"began {attempt.number}" in self.trace():
                assert attempt.outcome, told
                assert attempt.outcome.exit_code == (0 if attempt.number else 3), told

    def _check_record(self, told: str) -> None:
        layout = RunLayout(self.run_dir)
        if not layout.record.exists():
            assert self.attempt == 0, told
            assert self.trace() == [], told
            return
        attempts = record_file.read(layout.record).attempts
        assert len(attempts) in (self.attempt, self.attempt + 1), told
        for one in attempts:
            assert (one.outcome is None) is (one.state in record.LIVE), told

    def _check_log(self, told: str) -> None:
        expected = [f"attempt {self.attempt} line {number}" for number in range(LINES)]
        deadline = time.monotonic() + _LIMIT_S
        # The relay may still be running after its supervisor ended.
        while (found := self._lines()) != expected:
            assert time.monotonic() < deadline, f"{told}: {found}"
            time.sleep(0.005)

    def _lines(self) -> list[str]:
        try:
            return lines_of(self.run_dir, self.attempt)
        except FileNotFoundError:
            return []

    def _wait_for_the_end(self) -> None:
        deadline = time.monotonic() + _LIMIT_S
        while True:
            try:
                return live_check.refuse(RunLayout(self.run_dir))
            except RunAliveError:
                assert time.monotonic() < deadline
                time.sleep(0.005)
