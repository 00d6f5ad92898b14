"""One living attempt: the one owner of the training process and of the record."""

from __future__ import annotations

import gc
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from threading import Thread

from tsdia_run.rundir import record
from tsdia_run.rundir.atomic import write_bytes
from tsdia_run.rundir.ending import RankEnd, judge
from tsdia_run.rundir.guard import Claim
from tsdia_run.rundir.record import Outcome, Run, State
from tsdia_run.settings import LogSettings
from tsdia_run.supervise import evidence, process
from tsdia_run.supervise.hashing import Hashing
from tsdia_run.supervise.ladder import Ladder, Rung
from tsdia_run.supervise.output import Event, Output
from tsdia_run.supervise.process import TrainingProcess
from tsdia_run.supervise.signals import SignalPipe
from tsdia_run.words import duration

# Between two looks at the relay, and between two heartbeats.
_RELAY_CHECK_S = 0.5
_HEARTBEAT_S = 5.0
_BESIDE_LIMIT_S = 30.0


@dataclass(frozen=True)
class Job:
    """What is to be supervised.

    Attributes:
        claim: The right to the run directory.
        run: The record, with the attempt that is to start as its last.
        argv: The command line.
        cwd: Its working directory.
        environment: Its whole environment, with the tag of the run.
        is_delegated: Whether ``argv`` is a launcher of several ranks.
        grace_s: How long the script may take after the first request to stop.
        shown_command: The command line for people, without secrets.
        logs: How the log is kept.
        use_terminal: Whether the training may get a terminal of its own, if we have one.
        beside: Work to be done while the training starts; what it raises becomes a warning.
        hash_checkpoints: Whether sealed checkpoints get hashes.
        original_config: The bytes of RUN_DIR/config.yml, put back if the script wrote over it.
    """

    claim: Claim
    run: Run
    argv: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    is_delegated: bool
    grace_s: float
    shown_command: str
    logs: LogSettings
    use_terminal: bool
    beside: Callable[[], None]
    hash_checkpoints: bool
    original_config: bytes | None


@dataclass(frozen=True)
class Ended:
    """What is left to tell.

    Attributes:
        run: The record with the outcome.
        stop: The signal that asked to stop, if one did.
        warnings: What went wrong around the training.
        error: The exception that ended the script, in one line.
    """

    run: Run
    stop: signal.Signals | None
    warnings: tuple[str, ...]
    error: str | None


class Supervisor:
    """Starts the training, passes signals on, and records what became of it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._run = job.run
        self._layout = job.claim.layout
        self._ladder = Ladder(job.grace_s)
        self._hashing = Hashing(self._layout.root, is_on=job.hash_checkpoints)
        self._warnings: list[str] = []

    def supervise(self) -> Ended:
        """Run the attempt to its end; never raises for what the training or the disk does."""
        with SignalPipe() as signals:
            output = Output(
                self._layout.root / self._run.last.log,
                self._layout.progress,
                self._header(),
                self._job.logs,
                use_terminal=self._job.use_terminal,
            )
            alive_fd = self._job.claim.open_alive()
            try:
                child = TrainingProcess.start(
                    self._job.argv,
                    cwd=self._job.cwd,
                    environment=self._job.environment,
                    ends=output.ends,
                    keep=alive_fd,
                )
            except OSError as error:
                output.ends.close()
                return self._ended(output, _not_started(self._job.argv, error), None)
            finally:
                os.close(alive_fd)
            output.ends.close()
            gc.enable()  # the start had turned it off; from here on we may live for weeks
            self._record(replace(self._run.last, state=State.RUNNING))
            beside = self._start_beside()
            self._loop(child, signals, output)
            end = RankEnd.of(child.wait())
            self._clean_up()
            beside.join(_BESIDE_LIMIT_S)
            ended = self._conclude(end, output)
            self._hashing.finish(lambda: self._ladder.rung is Rung.KILL or bool(signals.read()))
            return ended

    def _loop(self, child: TrainingProcess, signals: SignalPipe, output: Output) -> None:
        """Until the direct child has ended."""
        heartbeat_s = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(signals.fd, selectors.EVENT_READ)
            selector.register(child.pidfd, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(_RELAY_CHECK_S)}
                for number in signals.read():
                    self._on_signal(number, child, output)
                if child.pidfd in ready:
                    return
                now_s = time.monotonic()
                self._climb(self._ladder.waited(now_s), child)
                self._listen(output.read_events())
                if output.keep_alive():
                    self._warnings.append("the relay was killed and started again; the log has a mark there")
                self._hashing.look(now_s)
                if now_s - heartbeat_s >= _HEARTBEAT_S:
                    heartbeat_s = now_s
                    with suppress(OSError):
                        self._job.claim.touch()

    def _on_signal(self, number: signal.Signals, child: TrainingProcess, output: Output) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._climb(self._ladder.asked(number, time.monotonic()), child)
        elif number in (signal.SIGUSR1, signal.SIGUSR2):
            if not self._job.is_delegated:  # torch's launcher would die of it and orphan its ranks
                child.send(number)
        elif number == signal.SIGTSTP:
            output.suspend()
            process.signal_members(self._run.run_id, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            process.signal_members(self._run.run_id, signal.SIGCONT)
            output.resume()

    def _climb(self, ladder: Ladder, child: TrainingProcess) -> None:
        if ladder == self._ladder:
            return
        self._ladder = ladder
        if ladder.rung is Rung.PASS_ON and ladder.requested is not None:
            child.send(ladder.requested)
        elif ladder.rung is Rung.TERMINATE:
            child.send(signal.SIGTERM)
        else:
            process.signal_members(self._run.run_id, signal.SIGKILL)
            child.send(signal.SIGKILL)

    def _start_beside(self) -> Thread:
        def work() -> None:
            try:
                self._job.beside()
            except Exception as error:  # Whatever it is, the training goes on; the user is told.
                self._warnings.append(f"the state of code and environment could not be recorded: {error}")

        thread = Thread(target=work, name="provenance", daemon=True)
        thread.start()
        return thread

    def _clean_up(self) -> None:
        grace_s = 0.0 if self._ladder.rung is Rung.KILL else process.LEFTOVER_GRACE_S
        names = process.end_leftovers(self._run.run_id, grace_s)
        if names:
            self._warnings.append(f"ended what the training had left behind: {', '.join(sorted(set(names)))}")

    def _listen(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.kind == "warning":
                self._warnings.append(event.text)
            elif event.is_cut:
                self._warnings.append("another process keeps the training's output open; it is not read any more")

    def _conclude(self, end: RankEnd, output: Output) -> Ended:
        found = evidence.gather(
            self._layout.attempt(self._run.last.number), end, self._job.is_delegated, self._ladder.requested
        )
        self._put_back_config()
        return self._ended(output, judge(found), found.error)

    def _ended(self, output: Output, outcome: Outcome, error: str | None) -> Ended:
        now = datetime.now(timezone.utc)
        self._listen(output.drain())
        lasted = duration((now - self._run.last.started_at).total_seconds())
        output.finish(f"[tsdia-run: {outcome.state.value} after {lasted}: {outcome.reason}]")
        self._record(record.ended(self._run.last, outcome, now))
        return Ended(self._run, self._ladder.requested, tuple(self._warnings), error)

    def _header(self) -> str:
        last = self._run.last
        return (
            f"[tsdia-run: run {self._run.name} ({self._run.run_id}), attempt {last.number}, started"
            f" {last.started_at.astimezone():%Y-%m-%d %H:%M:%S %z}: {self._job.shown_command}]"
        )

    def _record(self, attempt: record.Attempt) -> None:
        self._run = self._run.with_attempt(attempt)
        try:
            record.write(self._layout.record, self._run)
        except OSError as error:
            self._warnings.append(f"the record could not be written: {error.strerror} ({self._layout.record})")

    def _put_back_config(self) -> None:
        """TS-DIA's Trainer copies the config that it got over the original."""
        original, path = self._job.original_config, self._layout.config
        try:
            if original is not None and (not path.is_file() or path.read_bytes() != original):
                write_bytes(path, original)
                self._warnings.append("the script wrote over config.yml; the original is back in its place")
        except OSError as error:
            self._warnings.append(f"config.yml could not be put back: {error.strerror}")


def _not_started(argv: Sequence[str], error: OSError) -> Outcome:
    # The codes of a shell: found but not executable, or not found.
    code = 126 if isinstance(error, PermissionError) else 127
    return Outcome(State.FAILED, f"{argv[0]} could not be started: {error.strerror}", exit_code=code)
