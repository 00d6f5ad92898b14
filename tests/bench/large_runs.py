"""Make the runs for `tests.bench.reading`: thousands of small ones, and one with many metric lines and large logs."""

from __future__ import annotations

import math
import os
import random
import shutil
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.support.checkpoints import seal, state
from tests.support.runs import make_run, renamed
from tsdia_run.relay.log_parts import member
from tsdia_run.report.logs.parts import LogParts
from tsdia_run.rundir import summary_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.rundir.record import Digest, State

_LINE = "{at} INFO train step {step:>9} loss {loss:.6f} learning_rate 1.0e-04 grad_norm 0.71 tokens/s 18234\n"
_MEMBER_BYTES = 1024 * 1024
_MEMBERS = 64
_PACKAGES = 300


def many(root: Path, number: int) -> None:
    """Make ended runs of one or two attempts, each with its digest; their records are as the supervisor writes them."""
    chance = random.Random(1)
    templates: list[str] = []
    for states in ((State.COMPLETED,), (State.FAILED, State.COMPLETED), (State.STOPPED,)):
        made = make_run(root.parent / f"template-{len(templates)}", *states)
        digest = Digest(750, "val_loss", 0.12345, 700, checkpoints=5, size_bytes=123456789, wandb_id="00aa11bb22cc")
        templates.append(renamed(made, digest=digest).layout.record.read_text())
    for at in range(number):
        layout = RunLayout(root / f"exp-{at:05d}")
        layout.logs.mkdir(parents=True)
        layout.own.mkdir()
        text = chance.choice(templates).replace("0.12345", f"{chance.random():.5f}")
        layout.record.write_text(text.replace("00aa11bb22cc", f"{at:012x}"))


def large(run_dir: Path, lines: int, log_bytes: int) -> RunLayout:
    """Make a failed run with a file of each kind."""
    began = datetime.now(timezone.utc) - timedelta(days=2)
    made = make_run(run_dir, State.LOST, State.FAILED, began=began)
    layout = made.layout
    layout.config.write_text("model: {size: 10}\ntraining: {lr: 1.0e-4, epochs: 3}\n")
    _metrics(layout, lines)
    for attempt in made.run.attempts:
        _attempt(layout, attempt.number)
        _log(layout.root / attempt.log, log_bytes // len(made.run.attempts))
    for step in range(10):
        seal(state(run_dir / f"step_{step}"))
    return layout


def without_summary(run_dir: Path, lines: int, names: int) -> RunLayout:
    """Make a run that logs one of many metrics at a time, and whose summary was deleted."""
    layout = make_run(run_dir, State.COMPLETED).layout
    with layout.metrics.open("w") as file:
        for at in range(lines):
            text = f'"step": {at // names}, "time": {1.7e9 + at / 100}, "attempt": 0'
            file.write(f'{{{text}, "layer{at % names}/grad_norm": {random.random()}}}\n')
    layout.metrics_summary.unlink(missing_ok=True)
    return layout


def with_checkpoints(run_dir: Path, number: int) -> RunLayout:
    """Make a run with many small sealed checkpoints."""
    layout = make_run(run_dir, State.COMPLETED).layout
    for step in range(number):
        seal(state(run_dir / "checkpoints" / f"checkpoint-{step}"))
    return layout


def linked(source: Path, target: Path) -> None:
    """Make the same run at another path; the two share their files."""
    shutil.copytree(source, target, copy_function=os.link)


def _metrics(layout: RunLayout, lines: int) -> None:
    now_s = time.time()
    with layout.metrics.open("w") as file:
        for step in range(lines):
            loss = 2 * math.exp(-3 * step / lines) + 0.1 * math.sin(step)
            text = f'"train/loss":{loss:.6f},"train/lr":0.0001,"train/grad_norm":{abs(loss):.4f}'
            file.write(f'{{"step":{step},"time":{now_s:.3f},"attempt":0,{text},"val/loss":{loss + 0.1:.6f}}}\n')
    summary = Summary()
    while summary_file.catch_up(summary, layout.metrics):
        pass
    summary_file.save(summary, layout.metrics_summary)


def _attempt(layout: RunLayout, number: int) -> None:
    attempt = layout.attempt(number)
    attempt.root.mkdir(parents=True)
    attempt.config.write_bytes(layout.config.read_bytes())
    packages = ", ".join(f'"package-{at}": "{number}.{at}"' for at in range(_PACKAGES))
    attempt.environment.write_text(f'{{"python": "3.11.7", "host": "node1", "packages": {{{packages}}}}}')
    attempt.git.write_text(
        '{"commit": "0123456789abcdef0123456789abcdef01234567", "branch": "main", "is_dirty": false}'
    )


def _log(live: Path, size_bytes: int) -> None:
    """Write parts of 64 MiB, all but the last one compressed, with the index of times; the log covers two days."""
    began_s = time.time() - 2 * 86_400
    text = "".join(_LINE.format(at=began_s, step=step, loss=1 / (1 + step)) for step in range(10_000)).encode()
    piece = (text * (_MEMBER_BYTES // len(text) + 1))[:_MEMBER_BYTES]
    packed, parts, pieces = member(piece), LogParts(live), size_bytes // _MEMBER_BYTES
    times = []
    for part in range(1, math.ceil(pieces / _MEMBERS) + 1):
        count = min(_MEMBERS, pieces - (part - 1) * _MEMBERS)
        is_live = part * _MEMBERS >= pieces
        with (live if is_live else parts.rotated(part)).open("wb") as file:
            file.writelines([piece if is_live else packed] * count)
        at_s = began_s + (part - 1) * _MEMBERS * 2 * 86_400 / pieces
        times += [f"{at_s + at * 2 * 86_400 / pieces:.3f} {part} {at * _MEMBER_BYTES}\n" for at in range(count)]
    parts.times.write_text("".join(times))
