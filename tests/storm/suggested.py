"""The commands that tsdia-run suggests after a storm, and what each one must have done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.storm.project import Project
from tests.support.command import tsdia_run
from tests.support.suggestions import suggested
from tsdia_run.rundir.record import LIVE, Run, State

ENSURE = "tsdia-run ensure config.yml"
READS = ("info", "logs", "list")


@dataclass(frozen=True)
class Before:
    """What a command found.

    Attributes:
        runs: The records, by run id.
        run_id: The run that it is about.
        state: The state of that run, as ``info`` shows it; None if there is no run.
        sealed: The newest step of that run that was saved completely; -1 without one.
    """

    runs: dict[str, Run]
    run_id: str
    state: State | None
    sealed: int


def word(command: str) -> str:
    """Return the subcommand of a command line."""
    return command.partition("tsdia-run ")[2].split()[0]


def look(project: Project, env: dict[str, str]) -> tuple[Before, list[str]]:
    """Return the situation before the next command, and the commands that ``info`` suggests."""
    runs, run_id = project.runs(), project.newest()[0]
    if run_id not in runs:
        return Before(runs, run_id, None, -1), []
    words = ("info", str(project.layout.root.relative_to(project.root)))
    shown = tsdia_run(*words, cwd=project.root, env=env).stdout
    state = State(re.split(r"[ ,:;]+", shown.partition("\n")[0])[2])
    sealed = max((step for _, step in project.told("sealed", run_id)), default=-1)
    return Before(runs, run_id, state, sealed), suggested(shown)


def faults(command: str, before: Before, project: Project) -> list[str]:
    """Return what a command that started something did wrong, and follow the run that it started."""
    after = project.runs()
    gained = [run for run in after.values() if run.attempts != _attempts(before, run) and _is_newer(before, run)]
    lost = [run_id for run_id in before.runs if run_id not in after]
    found = [f"{command!r} lost the run {run_id}" for run_id in lost]
    if word(command) in READS or (word(command) == "ensure" and before.state is State.COMPLETED):
        return [*found, f"{command!r} started {gained}"] if gained else found
    if len(gained) != 1:
        return [*found, f"{command!r} started {len(gained)} attempts; the run was {before.state}"]
    (run,) = gained
    project.follow(run.run_id)
    if word(command) == "new" and run.run_id in before.runs:
        found.append(f"{command!r} continued a run")
    if word(command) == "resume" and run.run_id != before.run_id:
        found.append(f"{command!r} resumed another run")
    return found + _checkpoint_faults(command, before, run, project)


def state_faults(before: Before) -> list[str]:
    """Return what is wrong with the state of a run that has no process."""
    return [f"info shows {before.state} without a process"] if before.state in LIVE else []


def _attempts(before: Before, run: Run) -> object:
    return before.runs[run.run_id].attempts if run.run_id in before.runs else ()


def _is_newer(before: Before, run: Run) -> bool:
    known = before.runs.get(run.run_id)
    return known is None or len(run.attempts) > len(known.attempts)


def _checkpoint_faults(command: str, before: Before, run: Run, project: Project) -> list[str]:
    """A resumed run starts at its newest complete checkpoint."""
    started = dict(project.told("started", run.run_id)).get(run.last.number)
    if run.run_id != before.run_id or started is None or "--from-scratch" in command:
        return []
    return [f"{command!r} started at {started}, not at {before.sealed}"] if started < before.sealed else []
