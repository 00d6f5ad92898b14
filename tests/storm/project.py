"""A training for the storm, and what must be true of its run after any kills."""

from __future__ import annotations

from pathlib import Path

from tests.storm.logs import log_faults
from tsdia_run.errors import TsdiaRunError
from tsdia_run.rundir import record, record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Run, State

# It tells its own file how far its output got, after each write.
_SCRIPT = """\
import os, pathlib, random, sys, time
attempt, rank = os.environ["TSDIA_RUN_ATTEMPT"], os.environ.get("RANK", "0")
numbers = random.Random(attempt + rank)
sys.stdout.reconfigure(line_buffering="WORLD_SIZE" in os.environ)  # ranks that share a pipe write complete lines
run_dir = pathlib.Path(os.environ["TSDIA_RUN_DIR"])
def seal(folder, step):
    # As the hooks of tsdia-run do after save_state, without torch.
    from datetime import datetime, timezone
    from tsdia_run.checkpoints import files, manifest, marks
    from tsdia_run.checkpoints.marks import Mark, SavePhase
    names = tuple(files.stamps(folder))
    mark = Mark(rank=0, world_size=1, run_id=os.environ["TSDIA_RUN_ID"], attempt=int(attempt), save="s", count=1,
                needs_all=False, phase=SavePhase.SEALED, files=names)
    marks.write(folder, mark)
    sizes, now = files.sizes(folder, names), datetime.now(timezone.utc)
    manifest.write(folder, marks.manifest_of((mark,), sizes, manifest_id=f"{attempt}-{step}", at=now))
def tell(name, text):
    with open(f"{name}-{os.environ['TSDIA_RUN_ID']}", "a") as file:
        file.write(text + "\\n")
told = open(f"told-{os.environ['TSDIA_RUN_ID']}-{attempt}-{rank}", "w")
start = os.environ.get("TSDIA_RUN_CHECKPOINT")
if start:
    (pathlib.Path(start) / "state.json").read_text()
if rank == "0":
    tell("started", f"{attempt} {int(start.rpartition('step')[2]) if start else -1}")
number = 0
for step in range(60):
    for _ in range(numbers.choice([1, 30, 3000])):
        sys.stdout.write(f"attempt {attempt} rank {rank} line {number}\\n")
        number += 1
    sys.stdout.write(f"bar {step}\\r")  # one write: another rank may write at the same time
    sys.stdout.flush()
    told.seek(0)
    told.write(f"{number:12}")
    told.flush()
    time.sleep(numbers.random() * 0.25)
    if rank == "0" and step % 10 == 9:
        folder = run_dir / f"checkpoint-epoch{attempt}-step{int(attempt) * 60 + step}"
        folder.mkdir(exist_ok=True)
        (folder / "state.json").write_text("{}")
        (folder / "weights.bin").write_bytes(bytes(5_000_000))
        seal(folder, int(attempt) * 60 + step)
        tell("sealed", f"{attempt} {int(attempt) * 60 + step}")
print(flush=True)
tell("ended", f"{attempt} {rank}")
sys.exit(3 if attempt == "0" and numbers.random() < 0.5 else 0)
"""
_CONFIG = """\
training: {{checkpoint: {{save_dir: runs/exp, resume: }}}}
tsdia_run: {{{launcher}, logs: {{max_size: 256 KiB, journal: {journal}}}}}
"""


class Project:
    """A folder with the training.

    Args:
        root: The folder.
        journal: The setting ``logs.journal``.
        ranks: The number of ranks.
    """

    def __init__(self, root: Path, journal: str, ranks: int) -> None:
        self.root = root
        self.ranks = ranks
        root.mkdir()
        launcher = "launcher: python" if ranks == 1 else f"launcher: accelerate, accelerate: {{num_processes: {ranks}}}"
        (root / "config.yml").write_text(_CONFIG.format(launcher=launcher, journal=journal))
        (root / "train.py").write_text(_SCRIPT)
        self.follow_config()

    def follow_config(self) -> None:
        """From now on, look at the run in the directory that the config names."""
        self.layout = RunLayout(self.root / "runs" / "exp")

    def runs(self) -> dict[str, Run]:
        """Return the record of each run, by its id.

        Raises:
            TsdiaRunError: A record is damaged.
        """
        found = (record_file.read(path) for path in self.root.glob("runs/**/run.json"))
        return {run.run_id: run for run in found}

    def follow(self, run_id: str) -> None:
        """From now on, look at the run with this id."""
        for path in self.root.glob("runs/**/run.json"):
            if record_file.read(path).run_id == run_id:
                self.layout = RunLayout(path.parent)

    def running(self) -> RunLayout | None:
        """Return the run whose record says that it is running; None without one."""
        found = (path for path in self.root.glob("runs/*/run.json") if record_file.read(path).state in record.LIVE)
        return next((RunLayout(path.parent) for path in found), None)

    def told(self, name: str, run_id: str) -> list[tuple[int, int]]:
        """Return the pairs of numbers that the script has written to one of its files."""
        path = self.root / f"{name}-{run_id}"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]

    def newest(self) -> tuple[str, int]:
        """Return the id of the run and the number of its newest attempt."""
        try:
            run = record_file.read(self.layout.record)
        except (TsdiaRunError, OSError):
            return "", 0
        return run.run_id, run.last.number

    def faults(self, lossy: set[tuple[str, int]]) -> list[str]:
        """Return what is wrong with the run.

        Args:
            lossy: The run ids and attempts whose relay and supervisor were killed together.
        """
        if not self.layout.record.exists():
            return []
        try:
            run = record_file.read(self.layout.record)
        except TsdiaRunError as error:
            return [f"the record is damaged: {error}"]
        found, ended = [], self.told("ended", run.run_id)
        for number, attempt in enumerate(run.attempts):
            if attempt.number != number or (attempt.outcome is None) is not (attempt.state in record.LIVE):
                found.append(f"the record of attempt {number} is not legal: {attempt}")
            if attempt.state is State.COMPLETED and sum(one == number for one, _ in ended) != self.ranks:
                found.append(f"attempt {number} reads as completed, but a rank did not end")
            found += log_faults(self.layout, run.run_id, number, attempt.log, is_lossy=(run.run_id, number) in lossy)
        return found
