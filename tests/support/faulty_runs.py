"""A training that can be asked afterwards what became of it, whatever went wrong around it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import lines_of, record_of
from tests.support.faulty import Ended, Zygote
from tests.support.faulty_calls import DIE, Fault
from tsdia_run.errors import RunAliveError
from tsdia_run.rundir import admission, record
from tsdia_run.rundir.layout import RunLayout

LINES = 40
# Its first attempt saves and fails, the others complete.
SCRIPT = f"""\
import os, pathlib, sys
attempt = os.environ["TSDIA_RUN_ATTEMPT"]
with open("trace", "a") as trace:
    trace.write("began " + attempt + "\\n")
for number in range({LINES}):
    print("attempt", attempt, "line", number)
checkpoint = pathlib.Path(os.environ["TSDIA_RUN_DIR"], "checkpoint-epoch0-step5")
checkpoint.mkdir(exist_ok=True)
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
        attempt: The attempt that is about to go wrong.
    """

    root: Path
    attempt: int

    @classmethod
    def make(cls, root: Path) -> Project:
        """A new one, without a run."""
        root.mkdir()
        (root / "config.yml").write_text(CONFIG)
        (root / "train.py").write_text(SCRIPT)
        return cls(root, 0)

    @property
    def run_dir(self) -> Path:
        """The run."""
        return self.root / "runs" / "exp"

    def trace(self) -> list[str]:
        """What the training says of itself."""
        path = self.root / "trace"
        return path.read_text().splitlines() if path.exists() else []

    def check(self, ended: Ended, fault: Fault) -> None:
        """What must be true after a start in which something failed."""
        told = f"{fault}: {ended}"
        assert "Traceback" not in ended.err, told
        assert "bug in" not in ended.err, told
        if fault.how == DIE:
            self._wait_for_the_end()
        self._check_record(told)
        began = f"began {self.attempt}" in self.trace()
        if began:
            assert f"ended {self.attempt}" in self.trace(), told
            self._check_log(told)
        if fault.how == DIE:
            return
        if began:
            assert ended.code == (0 if self.attempt else 3), told
            assert "tsdia-run: error:" not in ended.err, told
        else:
            assert ended.code in (73, 74), told
            assert ended.err.count("tsdia-run: error:") == 1, told

    def finish(self, zygote: Zygote, told: str) -> None:
        """The next command goes on, whatever was left, until the run has completed."""
        had_begun = f"began {self.attempt}" in self.trace()
        for _ in range(2):
            ended = zygote.run("ensure", "config.yml", cwd=self.root)
            if ended.code != 3:
                break
        assert ended.code == 0, f"{told}: {ended}"
        found = record_of(self.run_dir)
        assert found["state"] == "completed", told
        if had_begun:
            attempt = found["attempts"][self.attempt]
            assert attempt["outcome"]["exit_code"] == (0 if self.attempt else 3), f"{told}: {attempt}"

    def _check_record(self, told: str) -> None:
        layout = RunLayout(self.run_dir)
        if not layout.record.exists():
            assert self.attempt == 0, told
            assert self.trace() == [], told
            return
        attempts = record.read(layout.record).attempts
        assert len(attempts) in (self.attempt, self.attempt + 1), told
        for one in attempts:
            assert (one.outcome is None) is (one.state in record.LIVE), told

    def _check_log(self, told: str) -> None:
        expected = [f"attempt {self.attempt} line {number}" for number in range(LINES)]
        deadline = time.monotonic() + _LIMIT_S
        # The relay may have outlived its supervisor.
        while lines_of(self.run_dir, self.attempt) != expected:
            assert time.monotonic() < deadline, f"{told}: {lines_of(self.run_dir, self.attempt)}"
            time.sleep(0.005)

    def _wait_for_the_end(self) -> None:
        deadline = time.monotonic() + _LIMIT_S
        while True:
            try:
                return admission.refuse(RunLayout(self.run_dir))
            except RunAliveError:
                assert time.monotonic() < deadline
                time.sleep(0.005)
