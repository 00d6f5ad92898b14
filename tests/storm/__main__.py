"""`make storm`: start, resume and stop runs, and SIGKILL each kind of process at random moments; print a table.

python -m tests.storm [MINUTES [SEED]]
"""

from __future__ import annotations

import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from tests.storm.processes import MARK, kill, processes, wait_for_end
from tests.storm.project import Project
from tests.support.command import COMMAND, environment, tsdia_run
from tests.support.suggestions import suggested

# How often each kind of process is chosen.
_WEIGHTS = {"supervisor": 1, "relay": 16, "rank": 1, "launcher": 4, "hasher": 30, "compressor": 30}
_NONE_WEIGHT = 20
_END_S = 60.0
_COMMAND_S = 120.0
# A start that was refused, or a bug: no command that tsdia-run suggests may end like this.
_REFUSED = {2, *range(64, 79)}
# A relay that is killed so soon after the supervisor has no successor.
_TOGETHER_S = 0.7


class Storm:
    """The commands on one run after another, the kills, and the faults that were found."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._numbers = random.Random(seed)
        self._folder = folder
        self._mark = secrets.token_hex(8)
        self.kills: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.faults: list[str] = []

    def run_one(self, number: int) -> None:
        """Start a run, then follow what tsdia-run suggests, a few times."""
        numbers = self._numbers
        ranks = 2 if numbers.random() < 0.25 else 1
        project = Project(self._folder / str(number), numbers.choice(["memory", "file"]), ranks)
        words = ["new", "config.yml"]
        lossy: set[int] = set()
        for _ in range(numbers.randrange(2, 6)):
            before = len(self.faults)
            lossy |= self._command(project, words)
            self.faults += [f"run {number} after {words}: {fault}" for fault in project.faults(lossy)]
            if len(self.faults) > before:
                break
            words = self._next(project)
        shutil.rmtree(project.root, ignore_errors=True)

    def _next(self, project: Project) -> list[str]:
        if self._numbers.random() < 0.3 or not project.layout.record.exists():
            return self._numbers.choice([["ensure", "config.yml"], ["new", "config.yml", "--move-aside"]])
        shown = tsdia_run("info", "runs/exp", cwd=project.root)
        found = [command.split() for command in suggested(shown.stdout) if " resume " in command or " new " in command]
        if shown.returncode or not found:
            return ["ensure", "config.yml"]
        return found[-1][1:]

    def _command(self, project: Project, words: list[str]) -> set[int]:
        """Run a command under kills; return the attempts whose output may lack its end."""
        self.commands[words[0]] += 1
        env = environment({MARK: self._mark})
        started = subprocess.Popen(
            [COMMAND, *words],
            cwd=project.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        is_alone, lossy = self._rage(started, project)
        is_stopped = self._numbers.random() < 0.2
        if is_stopped:
            self.commands["stop"] += 1
            tsdia_run("stop", "runs/exp", cwd=project.root, limit_s=_COMMAND_S)
        for kind in wait_for_end(self._mark, _END_S):
            self.faults.append(f"{words}: a {kind} is left")
        _, err = started.communicate(timeout=_COMMAND_S)
        if "Traceback" in err or "bug in" in err:
            self.faults.append(f"{words}: {err}")
        if started.returncode in _REFUSED and not is_alone and words[:2] != ["ensure", "config.yml"]:
            self.faults.append(f"{words} exited with {started.returncode}: {err}")
        if is_alone:
            tsdia_run("ensure", "config.yml", cwd=project.root, limit_s=_COMMAND_S, env={MARK: self._mark})
            wait_for_end(self._mark, _END_S)
        return lossy

    def _rage(self, started: subprocess.Popen[str], project: Project) -> tuple[bool, set[int]]:
        """Kill processes at random moments.

        Returns:
            Whether the supervisor was killed, and the attempts whose relay died with it or after it.
        """
        numbers, lossy, is_alone = self._numbers, set[int](), False
        relay_s = 0.0
        end_s, wanted_kills = time.monotonic() + numbers.uniform(1, 10), numbers.randrange(4, 25)
        while time.monotonic() < end_s and wanted_kills and processes(self._mark):
            time.sleep(numbers.choice([0.0, 0.02, 0.3]) * numbers.random())
            found = processes(self._mark)
            kinds = sorted({*_WEIGHTS} & {*found.values()})
            wanted = numbers.choices([*kinds, ""], [*(_WEIGHTS[kind] for kind in kinds), _NONE_WEIGHT])[0]
            if is_alone and wanted == "relay" and numbers.random() < 0.8:
                continue
            pids = [pid for pid, kind in found.items() if kind == wanted]
            if not pids or not kill(numbers.choice(pids)):
                continue
            self.kills[wanted] += 1
            wanted_kills -= 1
            now_s = time.monotonic()
            relay_s = now_s if wanted == "relay" else relay_s
            is_alone = is_alone or wanted == "supervisor" or started.poll() is not None
            if is_alone and relay_s and now_s - relay_s < _TOGETHER_S:
                lossy.add(max(0, project.attempt_count() - 1))
        return is_alone, lossy


def main(minutes: float, seed: int) -> int:
    """Run for a time; return 1 if there was a fault."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="tsdia-storm-"))
    storm, end_s, number = Storm(seed, folder), time.monotonic() + 60 * minutes, 0
    console.print(f"seed {seed}, {minutes:g} minutes, in {folder}")
    while time.monotonic() < end_s:
        known = len(storm.faults)
        storm.run_one(number)
        number += 1
        for fault in storm.faults[known:]:
            console.print(f"FAULT {fault}")
    console.print(f"\n{'process':<12} kills")
    for kind in _WEIGHTS:
        console.print(f"{kind:<12} {storm.kills[kind]:5}")
    commands = ", ".join(f"{count} {name}" for name, count in storm.commands.most_common())
    console.print(
        f"{'together':<12} {storm.kills.total():5}, in {number} runs ({commands}); {len(storm.faults)} faults"
    )
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if storm.faults else 0


if __name__ == "__main__":
    sys.exit(main(float((sys.argv[1:] or ["5"])[0]), int((sys.argv[2:] or ["1"])[0])))
