"""Record the values of ``Accelerator.log``, and confirm that validation metrics reached the trackers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from tsdia_run.rundir import command_record
from tsdia_run.text import visible
from tsdia_run.training.hooks import forwarding, metric_log
from tsdia_run.training.hooks.metric_log import MetricSource
from tsdia_run.training.hooks.metrics_file import are_plain, numbers_in
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, wrap


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``, and the trackers that it forwards to."""
    log_of_process = metric_log.of(session)
    source = MetricSource(log_of_process)
    recorded = command_record.read(session.attempt)
    patterns = recorded.validation_metrics if recorded else ()
    left_out: set[str] = set()

    # Every process calls the method; it logs only on the main process.
    def log(accelerator: Any, values: Any, step: int | None = None, log_kwargs: Any = None) -> Steps:
        if not accelerator.is_main_process:
            return
        if log_of_process.process.is_this():
            source.add(values if are_plain(values) else _numbers(values, left_out), step)
        yield None
        if accelerator.trackers and any(fnmatchcase(str(name), one) for one in patterns for name in values):
            confirm(step)

    wrap(accelerator_class, "log", "metrics", log)
    for tracker_class in set(sys.modules["accelerate.tracking"].LOGGER_TYPE_TO_CLASS.values()):
        forwarding.mark(tracker_class, "log", "metrics")


def _numbers(values: Mapping[Any, Any], left_out: set[str]) -> dict[str, float]:
    """Return the numbers by name, and name each metric once that has no number."""
    found: dict[str, float] = {}
    for name, value, number in numbers_in(values, "/"):  # TensorBoard draws nested mappings in one chart
        if number is not None:
            found[name] = number
        elif name not in left_out:
            left_out.add(name)
            say(f"{visible(name)} is not a number ({type(value).__name__}): not written to metrics.jsonl")
    return found


def confirm(step: int | None) -> None:
    """Print that the validation metrics were logged to the trackers."""
    at = "" if step is None else f" at step {step}"
    say(f"✓ Validation metrics logged to trackers{at}", prefix="", file=sys.stdout)


def say(text: str, prefix: str = "tsdia-run: ", file: Any = None) -> None:
    """Print a line of tsdia-run into the training's output, above its progress bars."""
    stream = file or sys.stderr
    text = prefix + text
    text = text.encode(stream.encoding or "utf-8", "replace").decode(stream.encoding or "utf-8")
    tqdm = sys.modules.get("tqdm")
    if tqdm is not None and hasattr(tqdm, "tqdm"):
        tqdm.tqdm.write(text, file=stream)
    else:
        stream.write(f"{text}\n")
    stream.flush()
