"""`tsdia-run wait`: wait until a run ends, or until its metrics meet a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.cli import options, reading
from tsdia_run.rundir.env import OPTION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsdia_run.report.conditions import Condition
    from tsdia_run.report.waiting import Waited

_SCHEMA = 1
_TIMED_OUT = 124
_NOT_REACHED = 1

Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        envvar=f"{OPTION_PREFIX}UNTIL",
        metavar="CONDITION",
        help="Wait until the metrics meet this condition. Example: wait exp --until 'val_loss<2 and step>1000'",
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        envvar=f"{OPTION_PREFIX}TIMEOUT",
        metavar="TIME",
        help="Stop waiting after this time, with exit code 124. Example: wait exp --timeout 2h",
    ),
]


def wait(
    run: reading.RunName = None,
    until: Until = None,
    timeout: Timeout = None,
    as_json: reading.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Wait until a run ends, restarts included, and exit with its exit code: 0 if it completed.

    \b
    tsdia-run wait exp
    tsdia-run wait exp --until 'val/acc>0.8' --timeout 2h
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    import signal
    import sys

    from tsdia_run.cli.console import die_of, say
    from tsdia_run.report.conditions import parse_condition
    from tsdia_run.report.waiting import wait_for

    reading.prepare_output()
    condition, timeout_s = parse_condition(until) if until is not None else None, _seconds(timeout)
    run_dir = reading.run_named(run)
    show, clear = _progress(condition)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # it is ignored in a background job of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found = wait_for(run_dir, condition, timeout_s, show)
    except KeyboardInterrupt:
        clear()
        die_of(signal.SIGINT)
    clear()
    code = _exit_code(found, condition)
    if as_json:
        _write_json(found, condition, code)
    elif code or sys.stderr.isatty():
        say(_sentence(found, condition))
    sys.exit(code)


def _seconds(timeout: str | None) -> float | None:
    from tsdia_run.errors.launching import InvalidSetting
    from tsdia_run.settings.kinds import TIME

    if timeout is None:
        return None
    found = 0.0 if timeout.strip() == "0" else TIME.checked(timeout)
    if not isinstance(found, float):
        raise InvalidSetting("timeout", f"must be {TIME.words}, not {timeout!r}", "--timeout", "2h")
    return found


def _exit_code(found: Waited, condition: Condition | None) -> int:
    from tsdia_run.report.waiting import WaitEnd

    if found.end is WaitEnd.TIMEOUT:
        return _TIMED_OUT
    return (found.exit_code or (_NOT_REACHED if condition else 0)) if found.end is WaitEnd.ENDED else 0


def _sentence(found: Waited, condition: Condition | None) -> str:
    from tsdia_run.report.waiting import WaitEnd
    from tsdia_run.text import duration, nearest

    name = found.status.name
    if found.end is WaitEnd.REACHED and condition:
        return f"{name}: {condition.text} ({_values(found, condition)})"
    if found.end is WaitEnd.TIMEOUT:
        return f"{name} has not ended within {duration(found.waited_s)}; it is {found.status.word}"
    if condition is None:
        return f"{name}: {found.status.ending}"
    missing = [one for one in condition.names if one not in found.values]
    near = nearest(missing[0], found.values) if missing else None
    meant = f"; did you mean {near}?" if near else ""
    return f"{name} never met {condition.text} ({_values(found, condition)}{meant}); it {found.status.ending}"


def _values(found: Waited, condition: Condition) -> str:
    shown = (f"{name} {found.values[name]:.6g}" if name in found.values else f"no {name}" for name in condition.names)
    return ", ".join(shown)


def _progress(condition: Condition | None) -> tuple[Callable[[Waited], None], Callable[[], None]]:
    """Return a function that shows the current state in one line on a terminal, and one that removes the line."""
    import shutil
    import sys

    from tsdia_run.text import duration, visible

    if not sys.stderr.isatty():
        return lambda _: None, lambda: None

    def show(found: Waited) -> None:
        step = found.values.get("step")
        parts = [
            f"{found.status.name} is {found.status.word}",
            *([f"step {step:.0f}"] if step is not None else []),
            *([_values(found, condition)] if condition else []),
            f"waiting for {duration(found.waited_s)}",
        ]
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{visible(', '.join(parts))[:width]}")
        sys.stderr.flush()

    def clear() -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    return show, clear


def _write_json(found: Waited, condition: Condition | None, code: int) -> None:
    import json
    import math
    import sys

    assert found.end is not None  # the wait has ended
    status = found.status
    values = {name: found.values.get(name) for name in condition.names} if condition else {}
    known = {name: value if value is None or math.isfinite(value) else str(value) for name, value in values.items()}
    data = {
        "schema": _SCHEMA,
        "name": status.name,
        "path": str(status.layout.root),
        "run_id": status.run.run_id if status.run else None,
        "end": found.end.value,
        "exit_code": code,
        "state": status.standing.value,
        "reason": status.reason,
        "attempts": len(status.attempts),
        "waited_s": round(found.waited_s, 3),
        "until": condition.text if condition else None,
        "values": known,
    }
    sys.stdout.write(json.dumps(data) + "\n")
