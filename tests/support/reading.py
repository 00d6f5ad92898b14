"""A resumed attempt of a run: a script under the bootstrap, while the supervisor watches which files it reads."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tests.support.zygote import Zygote
from tsdia_run.launch.command import BOOTSTRAP, RANKS_LAUNCHER
from tsdia_run.outcome import refusals
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt, State
from tsdia_run.supervise.reads import ReadWatch

LIMIT_S = 120
MULTI = ("--multi_gpu", "--num_processes", "2", "--main_process_port", "0")


@dataclass(frozen=True)
class Done:
    """The result of the attempt.

    Attributes:
        code: The exit code.
        err: The standard error.
        answer: The supervisor's observation.
        refusal: The reason why a save was refused.
        warnings: The warnings for the record.
    """

    code: int
    err: str
    answer: str | None
    refusal: str | None
    warnings: tuple[str, ...]


@contextmanager
def locked(layout: RunLayout) -> Iterator[int]:
    """Hold the claim, as the supervisor does."""
    layout.own.mkdir(parents=True, exist_ok=True)
    fd = os.open(layout.claim, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def resume(
    root: Path,
    checkpoint: str,
    script: str,
    *,
    hooks: str = "checkpoints",
    ranks: int = 1,
    meanwhile: Callable[[ReadWatch], None] = lambda _: None,
    trainings: Zygote | None = None,
) -> Done:
    """Run a script as attempt 1, which resumes from a checkpoint of the run.

    Args:
        root: The run directory.
        checkpoint: The checkpoint, relative to it.
        script: The source code of the script; it can use the strings ``OUT`` and ``CKPT``.
        hooks: The enabled hooks.
        ranks: The number of processes.
        meanwhile: A function to call once the script has started.
        trainings: Starts scripts of one rank that save with Accelerate alone without the time of their imports; None
            for a cold start.
    """
    layout = RunLayout(root)
    layout.attempt(1).root.mkdir(parents=True, exist_ok=True)
    attempt = Attempt(1, State.RUNNING, datetime.now(timezone.utc), "log", "host", checkpoint=checkpoint)
    file = root.parent / "train.py"
    head = 'import os, sys\nOUT, CKPT = os.environ["TSDIA_RUN_DIR"], os.environ["TSDIA_RUN_CHECKPOINT"]\n'
    file.write_text(head + script)
    launcher = [str(RANKS_LAUNCHER), *MULTI] if ranks > 1 else []
    with locked(layout), ReadWatch(layout, attempt) as watch:
        watch.start()
        if trainings:
            watch.follow()
            ended = trainings.run(str(file), cwd=root.parent, env=_environment(root, checkpoint, hooks))
            return _done(layout, ended.code, ended.err, watch.finish())
        running = subprocess.Popen(
            [sys.executable, *launcher, str(BOOTSTRAP), str(file)],
            env=_environment(root, checkpoint, hooks),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        watch.follow()
        meanwhile(watch)
        _, err = running.communicate(timeout=LIMIT_S)
        answer = watch.finish()
    return _done(layout, running.returncode, err, answer)


def _done(layout: RunLayout, code: int, err: str, answer: str | None) -> Done:
    return Done(code, err, answer, refusals.refusal(layout.attempt(1)), refusals.warnings(layout))


def _environment(root: Path, checkpoint: str, hooks: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "HF_HOME": str(root),
        "CUDA_VISIBLE_DEVICES": "",
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "TSDIA_RUN_ID": "the-run",
        "TSDIA_RUN_DIR": str(root),
        "TSDIA_RUN_ATTEMPT": "1",
        "TSDIA_RUN_HOOKS": hooks,
        "TSDIA_RUN_CHECKPOINT": str(root / checkpoint),
    }
