"""Run a row in the place that it needs: a cgroup, a small disk, or a disk that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.endings.row import Needs, Row
from tests.endings.runner import differences, run
from tests.support import disks
from tests.support.cgroup import memory_group
from tests.support.zygote import Zygote

_MEMORY_MIB = {Needs.CGROUP: 200, Needs.LARGE_CGROUP: 800}


def differences_of(row: Row, project: Path, zygote: Zygote) -> list[str]:
    """Run a row in its place; return what differs from the row."""
    if not row.is_possible:
        pytest.skip(f"needs {row.needs.value}")
    if row.needs in (Needs.NOTHING, Needs.PYTHON_3_11):
        return differences(row, run(row, project, zygote))
    if row.needs in _MEMORY_MIB:
        with memory_group(_MEMORY_MIB[row.needs]) as group:
            return differences(row, run(row, project, zygote, group=group))
    with _disk(row.needs, project) as repair:
        return differences(row, run(row, project, zygote, repair=repair))


@contextmanager
def _disk(needs: Needs, project: Path) -> Iterator[Callable[[], None]]:
    """Mount the disk of the run directory; yield what makes it work again."""
    runs = project / "runs"
    if needs is Needs.DISK:
        with disks.tmpfs(runs):
            yield lambda: None
    elif needs is Needs.DEAD:
        with disks.fuse(runs, project / "behind") as fuse:
            _write_program(project, f"kill -9 {fuse.pid}")
            yield fuse.mount_again
    else:
        with disks.ext4(runs, project / "image") as disk:
            is_unmounted = needs is Needs.UNMOUNTED
            _write_program(project, "umount -l runs" if is_unmounted else f"echo 1 > {disk.failure}")
            yield disk.mount if is_unmounted else disk.repair


def _write_program(project: Path, command: str) -> None:
    program = project / "fail"
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
