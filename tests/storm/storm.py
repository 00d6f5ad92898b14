"""Follow the suggestions of tsdia-run from one command to the next, under kills."""

from __future__ import annotations

import random
import secrets
import shutil
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from tests.storm import suggested
from tests.storm.processes import MARK, processes, wait_for_end
from tests.storm.project import Project
from tests.storm.suggested import ENSURE, READS, Before, word
from tests.storm.victims import TOGETHER_S, Victims
from tests.support.command import COMMAND, environment, tsdia_run
from tests.support.suggestions import suggested as commands_in

_END_S = 120.0
_COMMAND_S = 120.0
# A start that was refused, or a bug: no command that tsdia-run suggests may end like this.
_REFUSED = {2, *range(64, 79), 126, 127}
_OWN_WORDS = (ENSURE, "tsdia-run new config.yml --move-aside")
# Kills of other processes change nothing about the ending of an attempt.
_FATAL = {"supervisor", "rank", "launcher"}


class Storm:
    """The commands on one run after another, the kills, and the faults that were found.

    Args:
        seed: For the random numbers.
        folder: The folder of the runs.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self._numbers = random.Random(seed)
        self._folder = folder
        self._mark = secrets.token_hex(8)
        self.victims = Victims(self._numbers, self._mark)
        self.commands: Counter[str] = Counter()
        self.faults: list[str] = []

    def run_one(self, number: int) -> bool:
        """Start a run, then follow what tsdia-run suggests, a few times; return whether there was a fault."""
        numbers = self._numbers
        ranks = 2 if numbers.random() < 0.2 else 1
        project = Project(self._folder / str(number), numbers.choice(["memory", "file"]), ranks)
        command, lossy, faults = "tsdia-run new config.yml", set[tuple[str, int]](), list[str]()
        before: Before | None = None
        for _ in range(numbers.randrange(3, 8)):
            before, following, found = self._command(project, command, before, lossy)
            faults += [f"run {number} ({ranks} ranks) after {command!r}: {fault}" for fault in found]
            faults += [f"run {number} ({ranks} ranks) after {command!r}: {fault}" for fault in project.faults(lossy)]
            if faults:
                break
            command = numbers.choice(following) if following and numbers.random() < 0.8 else numbers.choice(_OWN_WORDS)
        self.faults += faults
        if not faults:
            shutil.rmtree(project.root, ignore_errors=True)
        return bool(faults)

    def _env(self, project: Project) -> dict[str, str]:
        path = f"{Path(COMMAND).parent}:/usr/bin:/bin"
        return environment({MARK: self._mark, "XDG_STATE_HOME": str(project.root / "state"), "PATH": path})

    def _command(
        self, project: Project, command: str, before: Before | None, lossy: set[tuple[str, int]]
    ) -> tuple[Before, list[str], list[str]]:
        """Type a command into a shell, under kills.

        Returns:
            The situation after it, the commands that are suggested then, and the faults.
        """
        self.commands[word(command)] += 1
        if command in _OWN_WORDS:
            project.follow_config()
        if command in _OWN_WORDS or before is None:
            before, _ = suggested.look(project, self._env(project))
        started = subprocess.Popen(
            ["bash", "-c", command],
            cwd=project.root,
            env=self._env(project),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
        )
        drained = _Drained(started)
        killed = self._rage(project, word(command), lossy)
        stopped = self._stop(project) if self._numbers.random() < 0.2 and processes(self._mark) else []
        found = stopped + [f"a {kind} is left" for kind in wait_for_end(self._mark, _END_S)]
        out, err = drained.result()
        if "Traceback" in err or "bug in" in err:
            found.append(err)
        if "supervisor" not in killed:
            found += self._ending_faults(command, before, project, killed, started.returncode, err)
        elif len(project.runs()) >= len(before.runs):
            self._follow_any(project, before)
        after, offered = suggested.look(project, self._env(project))
        card = commands_in(out + err)[-1:]
        # A sentence such as "stopped by `tsdia-run stop`" is no command.
        following = [one for one in (*offered, *card) if len(one.split()) > 2]
        starts = [one for one in following if word(one) not in READS]
        following = starts if starts and self._numbers.random() < 0.9 else following
        return after, following, found + suggested.state_faults(after)

    def _ending_faults(
        self, command: str, before: Before, project: Project, killed: set[str], code: int, err: str
    ) -> list[str]:
        if code in _REFUSED:
            return [f"exited with {code}: {err}"]
        found = suggested.faults(command, before, project)
        is_start = word(command) in ("new", "resume", "ensure")
        if not killed & (_FATAL | {"stop"}) and code not in ((0, 3, 143, -15) if is_start else (0,)):
            found.append(f"exited with {code} after kills of {killed}: {err}")
        return found

    def _follow_any(self, project: Project, before: Before) -> None:
        """Look at the run that a killed supervisor may have started."""
        for run_id in project.runs().keys() - before.runs.keys():
            project.follow(run_id)

    def _stop(self, project: Project) -> list[str]:
        """Stop the run, sometimes with a kill of the command that stops it; return the faults."""
        layout = project.running()
        if layout is None:
            return []
        words = ("stop", str(layout.root.relative_to(project.root)))
        self.commands["stop"] += 1
        if self._numbers.random() < 0.4:
            first = subprocess.Popen(
                [COMMAND, *words],
                cwd=project.root,
                env=self._env(project),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.victims.kill_stop(lambda: first.poll() is None)
            first.wait(_COMMAND_S)
        done = tsdia_run(*words, cwd=project.root, limit_s=_COMMAND_S, env=self._env(project))
        left = {kind for kind in processes(self._mark).values() if kind in ("rank", "launcher")}
        if done.returncode:
            return [f"stop exited with {done.returncode}: {done.stderr}"]
        return [f"after stop, {left} are running: {done.stderr}"] if left else []

    def _rage(self, project: Project, command: str, lossy: set[tuple[str, int]]) -> set[str]:
        """Kill processes at random moments; return the kinds, and note attempts whose relay and supervisor died."""
        numbers, killed = self._numbers, set[str]()
        times_s = {"relay": float("-inf"), "supervisor": float("-inf")}
        for _ in range(numbers.choice([0, 4, 8, 16, 32])):
            spares, now_s = set[str](), time.monotonic()
            if "supervisor" in killed:
                spares = {"supervisor", "relay"} if numbers.random() < 0.9 else {"supervisor"}
            elif now_s - times_s["relay"] < TOGETHER_S and numbers.random() < 0.9:
                spares = {"supervisor"}
            newest = project.newest()
            kind = self.victims.kill_next(command, spares=spares, has_launcher=project.ranks > 1)
            if kind is None:
                if not processes(self._mark):
                    break
                continue
            killed.add(kind)
            now_s = time.monotonic()
            times_s[kind] = now_s
            is_alone = "supervisor" in killed
            if is_alone and kind in times_s and (kind == "relay" or now_s - times_s["relay"] < TOGETHER_S):
                lossy |= {newest, project.newest()}
        return killed


class _Drained:
    """Reads the output of a command while it runs, so that it never waits for a reader."""

    def __init__(self, started: subprocess.Popen[str]) -> None:
        self._started = started
        self._texts = ["", ""]
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(2)]
        for thread in self._threads:
            thread.start()

    def _read(self, number: int) -> None:
        stream = (self._started.stdout, self._started.stderr)[number]
        assert stream
        for text in iter(lambda: stream.read(65536), ""):
            self._texts[number] = (self._texts[number] + text)[-65536:]

    def result(self) -> tuple[str, str]:
        """Wait for the end; return the ends of standard output and standard error."""
        self._started.wait(_COMMAND_S)
        for thread in self._threads:
            thread.join(_COMMAND_S)
        return self._texts[0], self._texts[1]
