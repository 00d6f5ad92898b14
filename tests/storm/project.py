"""A training for the storm, and what must be true of its run after any kills."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tsdia_run.errors import TsdiaRunError
from tsdia_run.rundir import record, record_file
from tsdia_run.rundir.layout import RunLayout

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
told = open(f"told-{os.environ['TSDIA_RUN_ID']}-{attempt}-{rank}", "w")
start = os.environ.get("TSDIA_RUN_CHECKPOINT")
if start:
    (pathlib.Path(start) / "state.json").read_text()
number = 0
for step in range(60):
    for _ in range(numbers.choice([1, 30, 8000])):
        sys.stdout.write(f"attempt {attempt} rank {rank} line {number}\\n")
        number += 1
    sys.stdout.write(f"bar {step}\\r")  # one write: another rank may write at the same time
    sys.stdout.flush()
    told.seek(0)
    told.write(f"{number:12}")
    told.flush()
    time.sleep(numbers.random() * 0.05)
    if rank == "0" and step % 20 == 19:
        folder = run_dir / f"checkpoint-epoch{attempt}-step{int(attempt) * 60 + step}"
        folder.mkdir(exist_ok=True)
        (folder / "state.json").write_text("{}")
        (folder / "weights.bin").write_bytes(bytes(50_000_000))
        seal(folder, int(attempt) * 60 + step)
print(flush=True)
sys.exit(3 if attempt == "0" and numbers.random() < 0.5 else 0)
"""
_CONFIG = """\
training: {{checkpoint: {{save_dir: runs/exp, resume: }}}}
tsdia_run: {{{launcher}, logs: {{max_size: 256 KiB, journal: {journal}}}}}
"""
_LINE = re.compile(r"attempt (\d+) rank (\d+) line (\d+)")


class Project:
    """A folder with the training.

    Args:
        root: The folder.
        journal: The setting ``logs.journal``.
        ranks: The number of ranks.
    """

    def __init__(self, root: Path, journal: str, ranks: int) -> None:
        self.root = root
        root.mkdir()
        launcher = "launcher: python" if ranks == 1 else f"launcher: accelerate, accelerate: {{num_processes: {ranks}}}"
        (root / "config.yml").write_text(_CONFIG.format(launcher=launcher, journal=journal))
        (root / "train.py").write_text(_SCRIPT)
        self.layout = RunLayout(root / "runs" / "exp")

    def faults(self, lossy: set[int]) -> list[str]:
        """Return what is wrong with the run.

        Args:
            lossy: The attempts whose relay and supervisor were killed together.
        """
        if not self.layout.record.exists():
            return []
        try:
            run = record_file.read(self.layout.record)
        except TsdiaRunError as error:
            return [f"the record is damaged: {error}"]
        found = []
        for number, attempt in enumerate(run.attempts):
            if attempt.number != number or (attempt.outcome is None) is not (attempt.state in record.LIVE):
                found.append(f"the record of attempt {number} is not legal: {attempt}")
            found += self._log_faults(run.run_id, number, attempt.log, is_lossy=number in lossy)
        return found

    def _log_faults(self, run_id: str, attempt: int, log: str, *, is_lossy: bool) -> list[str]:
        stem = log.removesuffix("log")
        files = sorted(str(path) for path in self.layout.root.glob(f"{stem}*"))
        text = (
            subprocess.run(["zcat", "-f", *files], capture_output=True, text=True, check=True).stdout if files else ""
        )
        found, lines = [], [line for line in text.splitlines() if line.startswith("attempt ")]
        seen: dict[str, int] = {}
        for line in lines:
            match = _LINE.fullmatch(line)
            if match is None:
                found.append(f"attempt {attempt}: a broken line: {line[:100]!r}")
            elif int(match[3]) != seen.setdefault(match[2], 0):
                return [*found, f"attempt {attempt}: {line!r} instead of line {seen[match[2]]}"]
            else:
                seen[match[2]] += 1
        for told in self.root.glob(f"told-{run_id}-{attempt}-*"):
            printed, rank = int(told.read_text() or 0), told.name.rpartition("-")[2]
            if seen.get(rank, 0) < printed and not is_lossy:
                found.append(f"attempt {attempt} rank {rank}: {seen.get(rank, 0)} of {printed} lines are in the log")
        return found

    def attempt_count(self) -> int:
        """Return the number of attempts in the record."""
        try:
            return len(record_file.read(self.layout.record).attempts)
        except (TsdiaRunError, OSError):
            return 0
