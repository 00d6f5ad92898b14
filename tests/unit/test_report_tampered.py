"""Reports never fail, whatever the files of a run contain."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.runs import full_run, make_run
from tsdia_run.report.columns import COLUMNS, aligned, cells, sort
from tsdia_run.report.comparing import compare, side
from tsdia_run.report.formatting import NoState
from tsdia_run.report.info_json import to_json
from tsdia_run.report.info_page import page
from tsdia_run.report.names import find_run
from tsdia_run.report.places import Places
from tsdia_run.report.rows import RunRow, rows
from tsdia_run.report.rows_json import to_json as rows_to_json
from tsdia_run.report.run_info import gather
from tsdia_run.report.status import look
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout
from tsdia_run.rundir.record import State

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
NASTY: list[Any] = [
    None, True, -1, 0, 10**400, 2**63, 1e308, math.nan, math.inf, -math.inf, [], {}, [[]], {"": None},
    "", "\0", "\ud800", "../..", "/", "x" * 5000, "a\nb", "\x1b[31m",
    "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-11-20",
]  # fmt: skip
VALUES = st.sampled_from(NASTY) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run with a file of each kind, and an intact one next to it."""
    root = tmp_path_factory.mktemp("tampered") / "runs"
    made = full_run(root / "exp")
    make_run(root / "sound")
    return made.layout.root


def files_of(run_dir: Path) -> list[Path]:
    """Return every file with JSON in it."""
    layout = look(run_dir).layout
    attempt, checkpoint = layout.attempt(1), CheckpointLayout(run_dir / "step_2")
    return [
        layout.record, layout.metrics_summary, layout.wandb_info, layout.heartbeat, layout.progress, attempt.git,
        attempt.command, attempt.environment, attempt.exit_record(0), checkpoint.manifest, checkpoint.mark(0),
    ]  # fmt: skip


def look_everywhere(run_dir: Path) -> list[RunRow]:
    """Run `list`, `info`, `compare` and the lookup of names, to the last character."""
    found = list(rows(Places((run_dir.parent,))))
    json.dumps(rows_to_json(found), allow_nan=False)
    for column in COLUMNS:
        sort(found, column.name)
    told = aligned(cells(found, COLUMNS, NOW), COLUMNS)
    info = gather(look(run_dir), verify=lambda _path, _done, _total: None)
    json.dumps(to_json(info), allow_nan=False)
    told += [line for section in page(info, NOW) for line in (section.title, *section.lines)]
    assert all(line.isprintable() for line in told)
    tables = compare([side(look(run_dir.with_name(name)), name) for name in ("exp", "sound")], None, NOW)
    json.dumps([(table.title, table.columns, table.rows) for table in tables], allow_nan=False)
    find_run("exp", Places((run_dir.parent,)))
    find_run("latest", Places((run_dir.parent,)))
    return found


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from nodes(inner, (*path, key))


def with_node(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = with_node(value[path[0]], path[1:], new)
    return changed


def shape(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the path of a value, without its number in a list."""
    return tuple("item" if isinstance(key, int) else key for key in path)


def tampered(data: st.DataObject, value: object) -> object:
    """Change one value of the JSON; an entry that a list has once is as likely as one that it has 500 times."""
    by_shape: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for path in nodes(value):
        by_shape.setdefault(shape(path), []).append(path)
    node = data.draw(st.sampled_from(data.draw(st.sampled_from(list(by_shape.values())))))
    return with_node(value, node, data.draw(VALUES))


@given(data=st.data())
@settings(suppress_health_check=list(HealthCheck))
def test_any_value_in_each_of_the_files(run_dir: Path, data: st.DataObject) -> None:
    originals = {path: path.read_bytes() for path in files_of(run_dir)}
    # A record that can't be read would hide errors elsewhere.
    spared = data.draw(st.sampled_from([None, run_dir / "run.json"]))
    try:
        for path, original in originals.items():
            if path != spared:
                path.write_text(json.dumps(tampered(data, json.loads(original))))
        found = look_everywhere(run_dir)
    finally:
        for path, original in originals.items():
            path.write_bytes(original)
    assert {row.name for row in found} == {"exp", "sound"}


@given(at=st.integers(0, 10), junk=st.binary(max_size=200), cut=st.integers(0, 400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_in_any_file(run_dir: Path, at: int, junk: bytes, cut: int) -> None:
    path = files_of(run_dir)[at]
    original = path.read_bytes()
    path.write_bytes(original[:cut] + junk)
    try:
        look_everywhere(run_dir)
    finally:
        path.write_bytes(original)


def test_missing_files(tmp_path: Path) -> None:
    run_dir = full_run(tmp_path / "runs" / "exp").layout.root
    make_run(tmp_path / "runs" / "sound")
    for path in files_of(run_dir)[1:]:
        path.unlink()
        look_everywhere(run_dir)
    (run_dir / "run.json").unlink()
    by_name = {row.name: row for row in look_everywhere(run_dir)}
    assert by_name["exp"].state is NoState.UNKNOWN
    assert by_name["sound"].state is State.COMPLETED


def test_a_checkpoint_whose_name_is_too_long_for_a_file_system(run_dir: Path) -> None:
    record = run_dir / "run.json"
    original = record.read_text(encoding="utf-8")
    data = json.loads(original)
    for attempt in data["attempts"]:
        attempt["checkpoint"] = "x" * 300
    record.write_text(json.dumps(data), encoding="utf-8")
    try:
        look_everywhere(run_dir)
    finally:
        record.write_text(original, encoding="utf-8")
