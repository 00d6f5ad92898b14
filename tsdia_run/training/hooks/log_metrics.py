"""Write the values of ``Accelerator.log`` to metrics.jsonl; rundir/metrics.py describes the format.

Each call is one write, so that the file has every finished call, however the process ends.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tsdia_run.files.opening import open_to_append
from tsdia_run.rundir import command_record
from tsdia_run.rundir.metrics import ATTEMPT, OWN_KEYS, STEP, TIME, as_text
from tsdia_run.text import visible
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks.first_step import FirstStep
from tsdia_run.training.hooks.rank_process import RankProcess
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, wrap

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_PLAIN = (int, float)
_PLAIN_TYPES = frozenset(_PLAIN)
_OWN = frozenset(OWN_KEYS)


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``."""
    file = MetricsFile(session.layout.metrics, session.number)
    first = FirstStep(session)
    recorded = command_record.read(session.attempt)
    patterns = recorded.validation_metrics if recorded else ()

    # Every process calls the method; it logs only on the main process.
    def log(accelerator: Any, values: Any, step: int | None = None, log_kwargs: Any = None) -> Steps:
        if not accelerator.is_main_process:
            return
        RANK.progress.logged(values, step)
        if first.is_open:
            first.logged(values, step)
        file.append(values, step)
        yield None
        if accelerator.trackers and any(fnmatchcase(str(name), one) for one in patterns for name in values):
            confirm(step)

    wrap(accelerator_class, "log", "metrics", log)


class MetricsFile:
    """The file, which stays open until the process ends.

    Args:
        path: metrics.jsonl.
        attempt: The attempt's number.
    """

    def __init__(self, path: Path, attempt: int) -> None:
        self._path = path
        self._attempt = attempt
        self._fd = -1
        self._process = RankProcess()
        self._is_line_open = False
        self._left_out: set[str] = set()

    def append(self, values: Mapping[str, Any], step: int | None) -> None:
        """Write one line; write nothing in a fork that is not a rank.

        Raises:
            OSError: The file can't be written.
        """
        if not self._process.is_this():
            return
        record: dict[str, Any] = {STEP: step, TIME: round(time.time(), 3), ATTEMPT: self._attempt}
        # Set operations, because this runs in each training step: they save 2 microseconds for 20 values.
        if type(step) is int and _PLAIN_TYPES.issuperset(map(type, values.values())) and _OWN.isdisjoint(values):
            record.update(values)
        else:
            record[STEP] = None if step is None else int(step)
            record.update(self._numbers(values))
        line = _encode(record)
        if "\\" in line or not line.isprintable():  # for example a name with control characters, which JSON escapes
            record = {visible(str(name)): value for name, value in record.items()}
            line = _encode(record)
        if "NaN" in line or "Infinity" in line:  # JSON has no such numbers
            line = _encode({name: _json_number(value) for name, value in record.items()})
        self._write(line.encode("utf-8", "backslashreplace") + b"\n")

    def _write(self, data: bytes) -> None:
        if self._fd < 0:
            self._open()
        if self._is_line_open:
            data = b"\n" + data
        self._is_line_open = True
        self._is_line_open = os.write(self._fd, data) != len(data)

    def _open(self) -> None:
        self._fd = open_to_append(self._path)
        size = os.fstat(self._fd).st_size
        self._is_line_open = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"

    def _numbers(self, values: Mapping[str, Any], lead: str = "") -> Iterator[tuple[str, float]]:
        for key, value in values.items():
            name = f"{lead}{key}"
            if isinstance(value, Mapping):  # TensorBoard draws these in one chart
                yield from self._numbers(value, f"{name}/")
                continue
            number = _number(value)
            if number is not None:
                yield (f"logged/{name}" if name in OWN_KEYS else name), number
            elif name not in self._left_out:
                self._left_out.add(name)
                say(f"{visible(name)} is not a number ({type(value).__name__}): not written to metrics.jsonl")


def _number(value: Any) -> float | None:
    if isinstance(value, _PLAIN):
        return value
    size = getattr(value, "numel", None) or getattr(value, "size", None)  # a tensor's, an array's
    item = getattr(value, "item", None)
    if item is None or (size() if callable(size) else size) != 1:
        return None
    number = item()
    return number if isinstance(number, _PLAIN) else None


def _json_number(value: Any) -> Any:
    return as_text(value) if isinstance(value, float) and not math.isfinite(value) else value


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
