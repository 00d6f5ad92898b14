"""A program that starts, resumes and stops the run `exp` of train.py only through workflow/.

    python workflow_alone.py new|detach|preview|resume|ensure|stop

It prints one JSON object: the result, and all messages that its reporter received.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tsdia_run.errors.launching import SectionReplaced
from tsdia_run.settings import read_layer
from tsdia_run.workflow import ensure, new, resume, stop
from tsdia_run.workflow.reporter import AttemptEnd, AttemptStart
from tsdia_run.workflow.request import NewRequest, ResumeRequest, StartRequest

_SETTINGS = {"launcher": "python", "entrypoint": "train.py", "args": [], "resume_args": ["{checkpoint}"]}


class Recorder:
    """Records the messages of a workflow."""

    def __init__(self) -> None:
        self.told: list[list[Any]] = []

    def note(self, text: str) -> None:
        self.told.append(["note", text])

    def warn(self, *warnings: str | SectionReplaced) -> None:
        self.told += [["warn", str(warning)] for warning in warnings]

    def opening(self, start: AttemptStart) -> None:
        self.told.append(["opening", start.attempt.number, start.attempt.checkpoint])

    def closing(self, end: AttemptEnd) -> None:
        self.told.append(["closing", end.run.state.value])

    ends_process = False

    def keep_own_stream(self) -> None:
        self.told.append(["keep own stream"])

    def release(self) -> None:
        self.told.append(["release"])


def carry_out(what: str, recorder: Recorder) -> object:
    start = StartRequest(
        settings=read_layer("the program", _SETTINGS, lambda _: None),
        overrides=(),
        extra_args=(),
        cwd=Path.cwd(),
        environ=dict(os.environ),
        is_detached=what == "detach",
    )
    run = NewRequest(start, name="exp")
    actions: dict[str, Callable[[], object]] = {
        "new": lambda: new.start(run, recorder),
        "detach": lambda: new.start(run, recorder),
        "preview": lambda: resume.preview(ResumeRequest(start, "exp")),
        "resume": lambda: resume.start(ResumeRequest(start, "runs/exp"), recorder),
        "ensure": lambda: ensure.start(run, recorder),
        "stop": lambda: stop.stop("exp", recorder),
    }
    return actions[what]()


def main() -> None:
    recorder = Recorder()
    result = carry_out(sys.argv[1], recorder)
    run = getattr(result, "run", result)
    facts = {
        "kind": type(result).__name__,
        "state": run.state.value if hasattr(run, "state") else None,
        "exit_code": getattr(result, "exit_code", None),
        "told": recorder.told,
        "loaded": sorted({"typer", "click", "rich"} & set(sys.modules)),
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
