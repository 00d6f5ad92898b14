"""Run a row of the table and collect what tsdia-run says about the ending."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.endings.row import How, Row
from tests.support.command import COMMAND, TWO_RANKS, environment, record_of
from tests.support.zygote import Ended, Zygote

_HELPER = Path(__file__).with_name("helper.py")
_CONFIG = "training:\n  checkpoint:\n    save_dir: runs/exp\ntsdia_run:\n  launcher: python\n"
_LIMIT_S = 60
_SIGKILLED = -9


@dataclass(frozen=True)
class Said:
    """What tsdia-run says about an ending.

    Attributes:
        ended: The exit code and the output of the command.
        record: The outcome in run.json, with the state.
        card: The line ``why`` of the closing card; None without a card.
        info: The object of ``info --json``.
    """

    ended: Ended
    record: Mapping[str, Any]
    card: str | None
    info: Mapping[str, Any]


def prepare(row: Row, project: Path) -> list[str]:
    """Write the files of a row, and return the arguments of tsdia-run."""
    (project / "config.yml").write_text(_CONFIG + row.settings)
    shutil.copy(_HELPER, project / "ending.py")
    for name, text in row.files.items():
        (project / name).write_text(text)
    is_program = row.how is How.PROGRAM
    script = project / ("train" if is_program else "train.py")
    script.write_text(row.script)
    script.chmod(0o755)
    flags = {
        How.PYTHON: TWO_RANKS if row.ranks > 1 else (),
        How.NO_HOOKS: ("--no-hooks", *(TWO_RANKS if row.ranks > 1 else ())),
        How.ACCELERATE: ("--launcher", "accelerate"),
        How.MODULE: (),
        How.PROGRAM: ("--entrypoint", "./train"),
    }[row.how]
    return ["new", "config.yml", *flags, *row.flags, *(["--", *row.arguments] if row.arguments else [])]


def run(
    row: Row,
    project: Path,
    zygote: Zygote,
    *,
    group: Path | None = None,
    repair: Callable[[], None] = lambda: None,
) -> Said:
    """Run a row.

    Args:
        row: The row.
        project: A folder; empty, except for what the row needs.
        zygote: Starts the command.
        group: The cgroup for the row; None for that of the tests.
        repair: Called before the record is read: makes the disk of the run work again.
    """
    words = prepare(row, project)
    path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
    env = environment({"PATH": path, "ACCELERATE_USE_CPU": "true", "XDG_STATE_HOME": str(project / "state")})
    ended = _in_group(words, project, env, group) if group else zygote.run(*words, cwd=project, env=env)
    repair()
    run_dir = project / "runs/exp"
    info = _info(zygote, project, env)
    deadline_s = time.monotonic() + _LIMIT_S
    while info["state"] in ("running", "preparing") and time.monotonic() < deadline_s:
        time.sleep(0.1)  # tsdia-run was killed, and its training is still running
        info = _info(zygote, project, env)
    attempt = record_of(run_dir)["attempts"][0]
    if attempt["outcome"] is None:  # tsdia-run was killed, or could not write the record
        attempt = info["attempts"][0]
    outcome = {**(attempt["outcome"] or {}), "state": attempt["state"]}
    card = next((line.split(None, 1)[1] for line in ended.err.splitlines() if line.split()[:1] == ["why"]), None)
    return Said(ended, outcome, card, info)


def _info(zygote: Zygote, project: Path, env: Mapping[str, str]) -> dict[str, Any]:
    said = zygote.run("info", "runs/exp", "--json", cwd=project, env=env)
    found = json.loads(said.out) if said.out else {"state": said.err}
    assert isinstance(found, dict)
    return found


def _in_group(words: list[str], project: Path, env: Mapping[str, str], group: Path) -> Ended:
    enter = f'echo $$ > {group}/cgroup.procs; exec {COMMAND} "$@"'
    done = subprocess.run(
        ["sh", "-c", enter, "sh", *words], cwd=project, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr, "")


def differences(row: Row, said: Said) -> list[str]:
    """Return what differs from the row, and between the record, the exit code, the card and ``info``."""
    reason = said.record.get("reason", "")
    on_card = reason.removeprefix("stopped ")  # the card's title says it
    pairs = {
        "exit code": (said.ended.code, row.exit_code),
        "state": (said.record["state"], row.state),
        "state in info": (said.info["state"], row.state),
        "reason in info": (said.info["reason"], reason),
        "reason on the card": (said.card, None if row.exit_code == _SIGKILLED else on_card),
    }
    if row.rank is not None or row.ranks == 1:
        pairs["rank"] = (said.record.get("rank"), row.rank)
    if not row.has_reason(reason):
        pairs["reason"] = (reason, row.reason)
    return [f"{name}: {seen!r}, expected {wanted!r}" for name, (seen, wanted) in pairs.items() if seen != wanted]
