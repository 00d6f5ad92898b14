"""Supervise one running attempt: the only owner of the training process and of the record."""

from __future__ import annotations

import gc
import os
import select
import selectors
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from threading import Thread

from tsdia_run.outcome.classify import RankEnd, Stop, judge
from tsdia_run.outcome.exit_records import ExitSummary
from tsdia_run.outcome.journal_files import JournalFiles
from tsdia_run.rundir import env
from tsdia_run.rundir.layout import STACKS_GLOB
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.rundir.record import Outcome, State
from tsdia_run.supervise import evidence, memory, preload, process
from tsdia_run.supervise.hang import HangWatch
from tsdia_run.supervise.hashing import Hashing
from tsdia_run.supervise.job import Job, JobResult
from tsdia_run.supervise.keeper import RecordKeeper
from tsdia_run.supervise.metrics_follower import MetricsFollower, problems
from tsdia_run.supervise.output import Output, RelayEvent
from tsdia_run.supervise.process import TrainingProcess
from tsdia_run.supervise.reads import ReadWatch
from tsdia_run.supervise.run_processes import RunProcesses, adopting
from tsdia_run.supervise.signal_rules import SignalRules
from tsdia_run.supervise.stopping import Stopping
from tsdia_run.text import duration, visible

# Between two checks of the relay, the request file and the clock.
_LOOK_S = 0.5
_WHILE_STARTING_LIMIT_S = 30.0


class Supervisor:
    """Starts the training, passes signals on, and records how it ended."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._layout = job.claim.layout
        self._attempt = self._layout.attempt(job.run.last.number)
        self._keeper = RecordKeeper(job.claim, job.run, job.original_config)
        self._processes = RunProcesses(job.run.run_id, self._layout)
        is_inner = env.RUN_ID in os.environ
        self._stopping = Stopping(self._attempt, self._processes, job.grace_s, self._say, is_inner=is_inner)
        self._hashing = Hashing(self._layout.root, is_on=job.hash_checkpoints)
        self._metrics = MetricsFollower(self._layout)
        self._memory = memory.Watch()
        self._warnings: list[str] = []
        self._reads = ReadWatch(self._layout, job.run.last)
        self._hung: str | None = None
        self._summary: Summary | None = None
        # The ranks that had not ended at the last look before SIGKILL.
        self._stopped_ranks: tuple[int, ...] = ()

    def supervise(self) -> JobResult:
        """Run the attempt to its end; errors of the training or the disk raise nothing."""
        with adopting(), self._reads:
            output = self._output = Output(
                self._layout.root / self._job.run.last.log,
                self._layout.progress,
                self._header(),
                self._job.logs,
                JournalFiles(self._layout, self._job.run.last.number),
                use_terminal=self._job.use_terminal,
            )
            self._signals = SignalRules(self._job, self._processes, self._stopping, output, self._listen)
            self._hang = HangWatch(self._layout, self._job.run.last, self._job.hang_timeouts, output.bytes_read)
            child = self._start_in_time()
            output.ends.close()
            if isinstance(child, Outcome):
                self._listen(self._output.drain())
                return self._ended(child, ExitSummary())
            gc.enable()  # it was off during the start; from here on the process may run for weeks
            self._keeper.record(replace(self._job.run.last, state=State.RUNNING))
            starting = self._run_while_starting()
            preload.start(output.copy)
            self._loop(child)
            end = RankEnd.of(child.wait())
            self._signals.end(end.signal)
            self._clean_up()
            starting.join(_WHILE_STARTING_LIMIT_S)
            ended = self._conclude(end)
            with suppress(OSError):
                self._hashing.finish(self._is_hurried)
            return ended

    def _wait(self) -> None:
        """Wait until it is time to start, or a stop is requested."""
        start_s = time.monotonic() + self._job.delay_s
        self._signals.handle()
        while (now_s := time.monotonic()) < start_s and self._stopping.stop is None:
            select.select([self._job.signals.fd], [], [], min(_LOOK_S, start_s - now_s))
            self._signals.handle()
            self._stopping.look(now_s)
            self._keeper.tick(now_s)
            self._listen(self._output.keep_alive())

    def _start_in_time(self) -> TrainingProcess | Outcome:
        """Start the training; return the outcome if it can't start or a stop was requested."""
        self._wait()
        if self._stopping.stop is not None:
            return Outcome(State.STOPPED, f"{self._stopping.stop.why} before the training started")
        self._reads.start()
        try:
            alive_fd = self._job.claim.open_alive()
        except OSError as error:  # its file system is gone
            reason = f"could not start the training: {self._layout.alive}: {error.strerror}"
            return Outcome(State.FAILED, reason, exit_code=os.EX_IOERR)
        try:
            return self._start(alive_fd)
        except OSError as error:
            return _not_started(self._job.argv, error)

    def _start(self, alive_fd: int) -> TrainingProcess:
        try:
            child = TrainingProcess.start(
                self._job.argv,
                cwd=self._job.cwd,
                environment=self._job.environment,
                ends=self._output.ends,
                keep=alive_fd,
                unblock=self._job.signals.unblock,
            )
        finally:
            os.close(alive_fd)
        self._reads.follow()
        self._processes.start(child.pid)
        self._stopping.child = child
        self._stopping.limit(self._job.time_limit_s, time.monotonic())
        return child

    def _loop(self, child: TrainingProcess) -> None:
        """Handle events until the direct child has ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._job.signals.fd, selectors.EVENT_READ)
            selector.register(child.pidfd, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(_LOOK_S)}
                self._memory.look()
                self._signals.handle()
                if child.pidfd in ready:
                    return
                now_s = time.monotonic()
                self._note_ranks(child)
                self._stopping.look(now_s)
                self._listen(self._output.read_events())
                self._listen(self._output.keep_alive())
                with suppress(OSError):  # the file system of the run may be gone; the training continues
                    self._look_at_files(now_s)
                self._keeper.tick(now_s)
                self._processes.reap(now_s)

    def _look_at_files(self, now_s: float) -> None:
        self._look_for_hang(now_s)
        self._metrics.tick(now_s)
        self._record_warnings()
        self._hashing.look(now_s)

    def _note_ranks(self, child: TrainingProcess) -> None:
        """Record which ranks are running, while they stop: SIGKILL also ends the launcher, which would know it."""
        if self._job.is_delegated and self._stopping.stop is not None and not self._stopping.is_killing:
            self._stopped_ranks = tuple(sorted(process.living_ranks(child.pid))) or self._stopped_ranks

    def _say(self, text: str) -> None:
        """Tell the user what tsdia-run does now; a terminal that takes no output must not delay it."""
        self._listen(self._output.begin_line())
        Thread(target=self._job.say, args=(text,), name="say", daemon=True).start()

    def _record_warnings(self) -> None:
        """Write new warnings of the ranks to the record immediately."""
        texts = self._reads.new_warnings()
        if texts is not None:
            self._keeper.record(replace(self._keeper.run.last, warnings=texts))

    def _look_for_hang(self, now_s: float) -> None:
        if self._stopping.stop is not None:
            return
        if self._hung is not None:
            # One check after the request for stack traces: of two pending signals, SIGTERM would be delivered first.
            self._stopping.ask(Stop(signal.SIGTERM, self._hung, is_hang=True), now_s)
            return
        self._hung = self._hang.look(now_s)
        if self._hung is not None and process.show_stacks(self._processes):
            self._hung += f"; stack traces: {self._attempt.root.relative_to(self._layout.root)}/{STACKS_GLOB}"

    def _run_while_starting(self) -> Thread:
        def work() -> None:
            try:
                self._warnings += self._job.while_starting()
            except Exception as error:  # The training continues after any error; the user gets a warning.
                self._warnings.append(f"could not record the state of code and environment: {error}")

        thread = Thread(target=work, name="provenance", daemon=True)
        thread.start()
        return thread

    def _is_hurried(self) -> bool:
        """Whether the user asks to end the wait after the script has ended."""
        return self._signals.handle() or self._stopping.is_killing

    def _is_wait_over(self) -> bool:
        """Whether the user asks to end the wait for leftover processes; keeps record and relay alive meanwhile."""
        now_s = time.monotonic()
        self._stopping.look(now_s)
        self._listen(self._output.keep_alive())
        self._keeper.tick(now_s)
        self._processes.reap(now_s)
        return self._is_hurried()

    def _clean_up(self) -> None:
        if self._stopping.stop is not None:
            self._processes.ask_inner(signal.SIGTERM)
        has_record = os.path.exists(self._attempt.launcher_record)
        if self._job.is_delegated and not has_record and self._processes.own():
            # A killed launcher leaves its ranks behind, and they may still save.
            process.end_orphans(self._processes, self._job.grace_s, self._is_wait_over)
        left = process.end_leftovers(self._processes, self._is_wait_over)
        if left.ended:
            self._warnings.append(f"ended leftover processes of the training: {', '.join(left.ended)}")
        if left.remaining:
            names = ", ".join(left.remaining)
            self._warnings.append(f"could not end leftover processes of the training, which another user owns: {names}")

    def _listen(self, events: Iterable[RelayEvent]) -> None:
        for event in events:
            if event.kind == "warning":
                self._warnings.append(event.text)
            elif event.is_cut:
                self._warnings.append("another process keeps the training's output open; later output is not logged")

    def _conclude(self, end: RankEnd) -> JobResult:
        self._listen(self._output.drain())
        log = self._layout.root / self._keeper.run.last.log
        found = evidence.gather(self._layout, self._attempt, log, end, is_delegated=self._job.is_delegated)
        found = replace(found, stop=self._stopping.stop, memory=self._memory.verdict(found.ended_at))
        if self._stopping.is_killing and not found.ranks:
            found = replace(found, unended=self._stopped_ranks)
        self._summary = self._metrics.finish()
        self._warnings += problems(self._summary)
        self._keeper.finish()
        self._conclude_reads()
        return self._ended(judge(found), evidence.words(self._attempt, found))

    def _conclude_reads(self) -> None:
        self._record_warnings()
        last, answer = self._keeper.run.last, self._reads.finish()
        warning = self._reads.closing_warning()
        if warning is not None and not any(warning in text for text in last.warnings):
            # No rank has reported the problem: no rank reached or saw a save that is affected.
            self._warnings.append(warning)
            last = replace(last, warnings=(*last.warnings, warning))
        self._keeper.record(replace(last, checkpoint_read=answer))

    def _ended(self, outcome: Outcome, words: ExitSummary) -> JobResult:
        now = datetime.now(timezone.utc)
        last = self._keeper.run.last
        lasted = duration((now - last.started_at).total_seconds())
        self._output.finish(visible(f"[tsdia-run: {outcome.sentence(f' after {lasted}')}]"))
        self._keeper.measure(self._summary)
        unrecorded = self._keeper.conclude(last.with_outcome(outcome, now), self._is_hurried)
        self._keeper.close()
        warnings = (*self._warnings, *self._keeper.warnings)
        return JobResult(
            self._keeper.run, self._stopping.stop, warnings, words, unrecorded, is_last=self._stopping.was_late
        )

    def _header(self) -> str:
        run, last = self._job.run, self._job.run.last
        return visible(
            f"[tsdia-run: run {run.name} ({run.run_id}), attempt {last.number}, started"
            f" {last.started_at.astimezone():%Y-%m-%d %H:%M:%S %z}: {self._job.shown_command}]"
        )


def _not_started(argv: Sequence[str], error: OSError) -> Outcome:
    # The codes of a shell: found but not executable, or not found.
    code = 126 if isinstance(error, PermissionError) else 127
    return Outcome(State.FAILED, f"could not start {argv[0]}: {error.strerror}", exit_code=code)
