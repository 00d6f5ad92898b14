"""Read a run while other processes write it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.support.runs import full_run, make_run
from tsdia_run.report.comparing import compare, side
from tsdia_run.report.info_json import to_json
from tsdia_run.report.info_page import page
from tsdia_run.report.places import Places
from tsdia_run.report.rows import rows
from tsdia_run.report.run_info import gather
from tsdia_run.report.status import look
from tsdia_run.rundir.record import State

WRITER = """
import json, shutil, sys
from dataclasses import replace
from pathlib import Path
from tests.support import checkpoints
from tests.support.runs import log_metrics
from tsdia_run.rundir import record_file, summary_file
from tsdia_run.rundir.layout import RunLayout
layout = RunLayout(Path(sys.argv[1]))
run = record_file.read(layout.record)
print("writing", flush=True)
step = 100
while True:
    step += 1
    record_file.write(layout.record, replace(run, name=f"exp-{step}"))
    log_metrics(layout, 1, [step])
    summary_file.save(summary_file.read_summary(layout), layout.metrics_summary)
    path = layout.root / f"step_{step}"
    checkpoints.seal(checkpoints.state(path))
    shutil.rmtree(layout.root / f"step_{step - 3}", ignore_errors=True)
    layout.metrics.write_text(layout.metrics.read_text()[: 1 + step % 500])
"""
LOOKS = 25


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    """Run a process that writes a run: record, metrics, checkpoints that are created and removed."""
    run_dir = full_run(tmp_path / "runs" / "exp").layout.root
    with subprocess.Popen([sys.executable, "-c", WRITER, str(run_dir)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "writing\n"
        yield run_dir
        assert writer.poll() is None
        writer.kill()


def test_a_run_that_is_being_written_is_shown_in_its_current_state(written: Path) -> None:
    make_run(written.with_name("sound"))
    for _ in range(LOOKS):
        found = {row.name: row.state for row in rows(Places((written.parent,)))}
        assert found == {"exp": State.FAILED, "sound": State.COMPLETED}
        told = gather(look(written), verify=lambda _path, _done, _total: None)
        json.dumps(to_json(told), allow_nan=False)
        assert page(told, datetime.now(timezone.utc))[0].title == "✗ exp: failed"
        sides = [side(look(written.with_name(name)), name) for name in ("exp", "sound")]
        assert compare(sides, None, datetime.now(timezone.utc))[0].title == "runs"
