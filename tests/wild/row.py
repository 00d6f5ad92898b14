"""Run one row: a style with a number of ranks, through new, SIGKILL, resume, info and compare."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Any

from tests.support.command import Starter, lines_of
from tests.wild.styles import Style

SCRIPTS = Path(__file__).with_name("scripts")
COLUMNS = ("new", "resume", "info", "compare")
STEPS = 18  # as in scripts/toy.py
HELD_AT = 14  # after the save of step 12, within no save
LIMIT_S = 180
STARTED = re.compile(r"start step (\d+)$")
STEP = re.compile(r"step (\d+) loss (\S+)$")
ERROR = re.compile(r"error: |\w+(Error|Exception): |^Error: ")
ENVIRONMENT = {"ACCELERATE_USE_CPU": "true", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
WEIGHTS = (".pt", ".pth", ".ckpt", ".tar", ".safetensors", ".msgpack", ".bin", ".pkl")
OURS = ("tsdia-checkpoint.*", ".tsdia-*")  # added to a checkpoint later


class FaultError(Exception):
    """An error in a row."""


@dataclass(frozen=True)
class Outcome:
    """The columns that a row passed, and the reason for its failure."""

    style: str
    ranks: int
    seconds: float
    passed: frozenset[str]
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Row:
    """A style in its own folder."""

    style: Style
    ranks: int
    folder: Path
    files: dict[str, tuple[int, int]] = field(default_factory=dict)  # what the killed run had saved

    def run(self) -> Outcome:
        """Run every column; the columns after `new` only run if it passed."""
        began_s = time.monotonic()
        passed: set[str] = set()
        faults: dict[str, str] = {}
        steps = {"new": self._new, "resume": self._resume, "info": self._info, "compare": self._compare}
        for column, step in steps.items():
            try:
                step()
            except (FaultError, AssertionError, OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
                faults[column] = f"{column}: {error or type(error).__name__}"
                if column == "new":
                    break
            else:
                passed.add(column)
        return Outcome(self.style.name, self.ranks, time.monotonic() - began_s, frozenset(passed), faults)

    def _path(self, run: str) -> Path:
        return self.folder / "runs" / run

    def _words(self, run: str) -> tuple[str, ...]:
        style = self.style
        ranks = ("--num-processes", "2") if self.ranks == 2 and not style.starts_ranks else ()
        config = (style.config,) if style.config else ()
        arguments = (word.replace("RANKS", str(self.ranks)) for word in style.arguments)
        return ("new", *config, "--run-dir", f"runs/{run}", *style.flags, *ranks, "--", *arguments)

    def _new(self) -> None:
        shutil.copytree(SCRIPTS / self.style.script, self.folder, dirs_exist_ok=True)
        for shared in SCRIPTS.glob("*.py"):
            shutil.copy(shared, self.folder)
        (self.folder / "tsdia-run.yml").write_text(self.style.settings)
        self._command(*self._words("reference"))
        steps = self._losses("reference", 0)
        _check(sorted(steps) == list(range(1, STEPS + 1)), f"the reference trained the steps {sorted(steps)}")
        self._start_and_kill()
        _check(self._losses("killed", 0) == {step: steps[step] for step in range(1, HELD_AT + 1)}, "other losses")
        self.files = dict(_saved_files(self._path("killed")))

    def _start_and_kill(self) -> None:
        held = self.folder / "held"
        held.mkdir()
        start = Starter()
        try:
            hold = {"WILD_HOLD_AT": str(HELD_AT), "WILD_HELD": str(held)}
            running = start(*self._words("killed"), cwd=self.folder, env={**ENVIRONMENT, **hold})
            deadline_s = time.monotonic() + LIMIT_S
            while len(list(held.iterdir())) < self.ranks or not self._is_logged(f"step {HELD_AT} loss"):
                if running.poll() is not None:
                    raise FaultError(f"ended early: {_last_line(running.communicate()[1])}")
                _check(time.monotonic() < deadline_s, f"not at step {HELD_AT} in {LIMIT_S} s")
                time.sleep(0.05)
        finally:
            start.close()  # SIGKILL to the supervisor, then to every other process of the run

    def _is_logged(self, text: str) -> bool:
        return any(text in log.read_text() for log in self._path("killed").glob("logs/*.log"))

    def _resume(self) -> None:
        _check(self._facts("killed")["state"] == "lost", f"state after SIGKILL: {self._facts('killed')['state']}")
        self._check_newest(self._saved_step)
        result = self._call("resume", "runs/killed")
        self._check_kept()
        if self.style.ignores:
            _check(result.returncode != 0, "exit code 0, although the script ignored its checkpoint")
            first = self.style.saved.format(step=self.style.save_every)
            _check(first in result.stdout + result.stderr, f"no error names {first}, which a save would overwrite")
            return
        _check(result.returncode == 0, f"exit code {result.returncode}: {_last_line(result.stderr)}")
        reference = self._losses("reference", 0)
        start, steps = self._start("killed", 1), self._losses("killed", 1)
        _check(start == self._saved_step, f"began at step {start} instead of {self._saved_step}")
        _check(steps == {step: reference[step] for step in range(start + 1, STEPS + 1)}, "losses differ")

    def _info(self) -> None:
        facts = self._facts("killed")
        attempts = facts["attempts"]
        states = [attempt["state"] for attempt in attempts]
        ending = "failed" if self.style.ignores else "completed"
        _check(states == ["lost", ending], f"attempts {states}")
        _check(facts["state"] == ending, f"state {facts['state']}")
        name = PurePath(attempts[1]["checkpoint"] or "").name
        _check(name in self.style.names(self._saved_step), f"resumed from {name or 'nothing'}")
        self._check_newest(self._saved_step if self.style.ignores else STEPS)
        exports = {PurePath(path).parts[0] for path in facts.get("exports", ())}
        _check(exports == set(self.style.exports), f"exports {sorted(exports)} instead of {list(self.style.exports)}")
        if self.style.has_metrics:
            last = {name: metric["last"]["step"] for name, metric in facts["metrics"].items()}
            _check(bool(last) and set(last.values()) == {STEPS}, f"metrics end at {last}")

    def _compare(self) -> None:
        self._command("compare", "runs/killed", "runs/reference")
        differences = json.loads(self._command("compare", "runs/killed", "runs/reference", "--json"))
        _check(bool(differences), "nothing in --json")

    @property
    def _saved_step(self) -> int:
        return HELD_AT - HELD_AT % self.style.save_every

    def _check_newest(self, step: int) -> None:
        """Check that the newest usable checkpoint in `info` is the one of this step."""
        names = [
            PurePath(one["name"]).name
            for one in self._facts("killed")["checkpoints"]
            if not one["is_superseded"] and one["soundness"] not in ("torn", "incomplete", "damaged")
        ]
        newest = names[-1] if names else "none"
        _check(newest in self.style.names(step), f"newest checkpoint {newest}, expected step {step}")

    def _check_kept(self) -> None:
        """Check that no saved file was changed or removed since the kill, except those that each save replaces."""
        now = dict(_saved_files(self._path("killed")))
        rewritten = [
            path
            for path, saved in self.files.items()
            if now.get(path) != saved and not any(fnmatch(PurePath(path).name, name) for name in self.style.rewritten)
        ]
        _check(not rewritten, f"wrote over {', '.join(rewritten[:3])}")

    def _facts(self, run: str) -> dict[str, Any]:
        facts = json.loads(self._command("info", f"runs/{run}", "--json"))
        assert isinstance(facts, dict)
        return facts

    def _command(self, *words: str) -> str:
        result = self._call(*words)
        _check(result.returncode == 0, f"{words[0]}: exit code {result.returncode}: {_last_line(result.stderr)}")
        return result.stdout

    def _call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command until it exits, and leave none of its processes running."""
        start = Starter()
        try:
            running = start(*words, cwd=self.folder, env=ENVIRONMENT)
            output, errors = running.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired as error:
            raise FaultError(f"{words[0]} {words[1]}: not at its end after {LIMIT_S} s") from error
        finally:
            start.close()
        return subprocess.CompletedProcess(words, running.returncode, output, errors)

    def _losses(self, run: str, attempt: int) -> dict[int, str]:
        lines = lines_of(self._path(run), attempt)
        return {int(found[1]): found[2] for line in lines if (found := STEP.search(line))}

    def _start(self, run: str, attempt: int) -> int:
        found = [int(match[1]) for line in lines_of(self._path(run), attempt) if (match := STARTED.search(line))]
        _check(len(found) == 1, f"{len(found)} lines tell the first step")
        return found[0]


def _saved_files(run_dir: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Return the files that a script saved: each file with a weight suffix, and each file next to one; size and time.

    A script that started again would write the same bytes, so the time is compared and the contents are not.
    """
    weights = [path for path in run_dir.rglob("*") if path.suffix in WEIGHTS]
    folders = {path.parent for path in weights} - {run_dir}
    for path in {*weights, *(path for folder in folders for path in folder.iterdir() if path.is_file())}:
        if not any(fnmatch(path.name, name) for name in OURS):
            yield str(path.relative_to(run_dir)), (path.stat().st_size, path.stat().st_mtime_ns)


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise FaultError(otherwise)


def _last_line(text: str) -> str:
    """Return the first line that reports an error, or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no output"]
    return next((line for line in lines if ERROR.search(line)), lines[-1])
