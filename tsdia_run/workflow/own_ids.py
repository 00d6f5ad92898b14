"""Give a copied run ids of its own: it must not train under the ids of its original."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from tsdia_run.claim import owner
from tsdia_run.claim.owner import Owner
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.original import original
from tsdia_run.rundir.record import Run
from tsdia_run.text import shown
from tsdia_run.workflow.reporter import Reporter


def with_own_ids(run: Run, layout: RunLayout, reporter: Reporter) -> Run:
    """Return the record of a claimed run; a copy gets a new id and a new W&B run, which are written and reported.

    Args:
        run: The current record.
        layout: The files of the run. The caller owns the claim.
        reporter: Receives the message.

    Raises:
        OSError: The record can't be written.
    """
    source = original(layout, run)
    # The claim has just written the heartbeat. If both are equal, two mounts show one directory.
    if source is None or _heartbeat(RunLayout(source)) == _heartbeat(layout):
        return run
    fresh, name = os.urandom(6).hex(), layout.root.name
    run = replace(
        run,
        run_id=fresh,
        name=name,
        wandb_id=fresh,
        wandb_name=name if run.wandb_name in (None, run.name) else run.wandb_name,
        digest=run.digest and replace(run.digest, wandb_id=None),
    )
    record_file.write(layout.record, run)
    with suppress(OSError):
        layout.wandb_info.unlink()  # it names the W&B run of the original
    reporter.note(
        f"{shown(layout.root)} is a copy of {shown(source)}: it is a run of its own now, with the new id {fresh} and a"
        " new W&B run"
    )
    return run


def _heartbeat(layout: RunLayout) -> tuple[Owner | None, datetime | None]:
    return owner.last(layout), layout.last_seen()
