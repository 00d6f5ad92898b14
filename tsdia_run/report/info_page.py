"""The text of `tsdia-run info` (pure, except that it looks up paths)."""

from __future__ import annotations

from datetime import datetime

from tsdia_run.checkpoints import Soundness
from tsdia_run.claim.liveness import RunningProcesses
from tsdia_run.outcome.classify import hint_for
from tsdia_run.report.attempt_info import CodeInfo
from tsdia_run.report.formatting import MARKS, PageSection, aligned, number
from tsdia_run.report.places import is_unreadable
from tsdia_run.report.run_info import AttemptSteps, CheckpointInfo, Info, MetricInfo
from tsdia_run.report.sparkline import sparklines
from tsdia_run.report.suggestions import Suggestions
from tsdia_run.rundir.metrics import as_text
from tsdia_run.rundir.metrics_series import Point
from tsdia_run.rundir.record import LIVE, State
from tsdia_run.text import age, count, duration, shell, shown, size, visible

_CURVE_WIDTH = 30
MOST_CHECKPOINTS = 20
_MOST_METRICS = 30
_READS = {"not read": " (not read)", "other": " (read another checkpoint)"}


def title(info: Info) -> str:
    """Return the name and state of the run, in one line."""
    state = info.status.state
    return f"{MARKS[state] if state else '?'} {visible(info.status.name)}: {info.status.word}"


def page(info: Info, now: datetime) -> list[PageSection]:
    """Return all sections of the page.

    Args:
        info: The run.
        now: The current time, for ages and durations.
    """
    parts = [
        PageSection(title(info), aligned(_head(info, now))),
        PageSection("attempts", aligned([_attempt(one, now) for one in info.attempts])),
        PageSection("warnings", aligned(_warnings(info))),
        PageSection("metrics", _metrics(info)),
        PageSection("checkpoints", _checkpoints(info, now)),
        PageSection("exports (weights only, not checkpoints)", _exports(info)),
        PageSection("last lines of the log", tuple(map(visible, info.last_lines))),
        PageSection("next", aligned(commands(info))),
    ]
    return [part for part in parts if part.lines]


def _head(info: Info, now: datetime) -> list[tuple[str, str]]:
    status, newest = info.status, info.newest
    found: list[tuple[str, str | None]] = [
        ("directory", shown(status.layout.root)),
        ("copy of", f"{shown(info.copy_of)} (it gets its own id when it is resumed)" if info.copy_of else None),
        ("why", status.reason or None),
        ("hint", hint_for(status.reason or "") if status.state is State.FAILED else None),
        ("held by", info.owner),
        ("duration", _lasted(info, now)),
    ]
    if info.progress:
        ago = age(now - info.progress.at)
        found += [("progress", info.progress.text or None), ("last output", f"{info.progress.last_line}   ({ago} ago)")]
    if newest:
        found += [
            ("code", _code(newest.code)),
            ("check out", _get_code(info)),
            ("entrypoint", newest.entrypoint),
            ("command", " ".join([newest.launcher or "", *newest.extra_args]).strip() or None),
            ("machine", ", ".join(text for text in (newest.host, newest.gpus) if text) or None),
        ]
    found += [
        ("config", "  ".join(f"{key}={text}" for key, text in info.highlights) or None),
        ("set", "  ".join(newest.overrides) if newest and newest.overrides else None),
        ("started from", status.run.started_from if status.run else None),
        ("wandb", info.wandb),
        ("disk", _disk(info)),
    ]
    return [(name, text) for name, text in found if text]


def _lasted(info: Info, now: datetime) -> str | None:
    run = info.status.run
    if run is None:
        return None
    return duration(run.lasted_s(now)) + (f" in {len(run.attempts)} attempts" if len(run.attempts) > 1 else "")


def _code(code: CodeInfo) -> str:
    return f"{code}; {count(code.left_out, 'file')} not in git.patch" if code.left_out > 0 else str(code)


def _get_code(info: Info) -> str | None:
    code = info.newest.code if info.newest else None
    # The record may come from another user: the commit must not be read as an option.
    if code is None or code.commit is None or code.commit.startswith("-") or info.status.run is None:
        return None
    checkout = shell(["git", "checkout", code.commit])
    patch = info.status.layout.attempt(info.status.run.last.number).patch
    return f"{checkout} && {shell(['git', 'apply', str(patch)])}" if code.has_patch else checkout


def _disk(info: Info) -> str | None:
    if not info.disk:
        return None
    parts = ", ".join(f"{part} {size(bytes_)}" for part, bytes_ in info.disk[:5])
    return f"{size(sum(bytes_ for _, bytes_ in info.disk))}: {parts}"


def _attempt(one: AttemptSteps, now: datetime) -> tuple[str, ...]:
    attempt = one.attempt
    return (
        str(attempt.number),
        f"{attempt.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
        duration(attempt.lasted_s(now)),
        f"from {attempt.checkpoint}{_READS.get(attempt.checkpoint_read or '', '')}"
        if attempt.checkpoint
        else "from the beginning",
        "" if one.first_step is None else f"steps {one.first_step} to {one.last_step}",
        attempt.outcome.sentence() if attempt.outcome else attempt.state.value,
    )


def _warnings(info: Info) -> list[tuple[str, str]]:
    """Return the warnings of the attempts."""
    return [(f"attempt {one.attempt.number}", visible(text)) for one in info.attempts for text in one.attempt.warnings]


def _metrics(info: Info) -> tuple[str, ...]:
    shown_ = sorted(info.metrics, key=lambda one: one.name != info.headline)[:_MOST_METRICS]
    lines = aligned([_metric(one) for one in shown_])
    more = len(info.metrics) - len(shown_)
    everything = Suggestions(info.status.layout.root).info_as_json()
    return (*lines, f"… and {more} more: {everything}") if more else lines


def _metric(one: MetricInfo) -> tuple[str, ...]:
    since = one.series.not_finite_since
    at = "" if since is None or since.step is None else f" since step {since.step}"
    return (
        one.name,
        f"last {_point(one.series.last)}",
        f"best {_point(one.best)}" if one.best else "",
        *sparklines([one.series.points], _CURVE_WIDTH),
        "" if since is None else f"{as_text(since.value)}{at}",
    )


def _point(point: Point | None) -> str:
    if point is None:
        return "-"
    return number(point.value) + ("" if point.step is None else f" @{point.step}")


def _checkpoints(info: Info, now: datetime) -> tuple[str, ...]:
    found = info.checkpoints
    counted = [one for one in found if not one.is_superseded]
    rows = [_checkpoint(one, info.headline, now, is_latest=bool(counted) and one is counted[-1]) for one in found]
    return ((f"… and {count(info.older, 'older checkpoint')}",) if info.older else ()) + aligned(rows)


def _exports(info: Info) -> tuple[str, ...]:
    more = len(info.exports) - MOST_CHECKPOINTS
    return (*map(visible, info.exports[:MOST_CHECKPOINTS]), *([f"… and {more} more"] if more > 0 else []))


def _checkpoint(one: CheckpointInfo, headline: str | None, now: datetime, *, is_latest: bool) -> tuple[str, ...]:
    marks = [
        word
        for word, is_so in (("best", one.is_best), ("latest", is_latest), ("superseded", one.is_superseded))
        if is_so
    ]
    soundness = f"{one.soundness.value}{', hashes match' if one.is_hashed else ''}"
    is_complete = one.soundness is Soundness.COMPLETE
    return (
        one.name,
        "" if one.epoch is None else f"epoch {one.epoch}",
        "" if one.step is None else f"step {one.step}",
        "" if one.metric is None else f"{headline} {number(one.metric)}",
        size(one.size_bytes),
        "" if one.saved_at is None else f"{age(now - one.saved_at)} old",
        soundness if is_complete else f"{soundness}: {one.reason}",
        ", ".join(marks),
    )


def commands(info: Info) -> list[tuple[str, str]]:
    """Return the next possible commands, each with its description."""
    status, suggest = info.status, Suggestions(info.status.layout.root)
    if is_unreadable(status.layout.record):
        return [(suggest.info(), "look again once the directory can be read")]
    if status.state in LIVE or status.living is not RunningProcesses.NOTHING:
        return [(suggest.follow(), "follow the log"), (suggest.stop(), "stop the run")]
    has_usable = info.is_resumable
    logs = (suggest.logs(), "show the full log")
    if status.state is State.COMPLETED:
        return [*([(suggest.resume_completed(), "resume anyway")] if has_usable else []), logs]
    if not has_usable:
        return [(suggest.start_over(), "start again (no checkpoint to resume from)"), logs]
    command, advice = suggest.resume_from_checkpoint()
    return [(command, advice or "resume from the newest complete checkpoint"), logs]
