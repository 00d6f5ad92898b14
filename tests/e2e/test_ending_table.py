"""Every cause of the table in tests/endings has the ending that the table says; docs/endings.md shows the table."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.endings.row import Needs, Row
from tests.endings.runner import differences, run
from tests.endings.table import ROWS
from tests.support.cgroup import small_memory_group
from tests.support.zygote import Zygote

PARAMETERS = [pytest.param(row, marks=[pytest.mark.slow] if row.is_slow else [], id=row.name) for row in ROWS]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of 80 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def differences_of(row: Row, project: Path, zygote: Zygote) -> list[str]:
    """Run a row in the place that it needs."""
    if not row.is_possible:
        pytest.skip(f"needs {row.needs.value}")
    if row.needs is Needs.CGROUP:
        with small_memory_group() as group:
            return differences(row, run(row, project, zygote, group))
    if row.needs is Needs.DISK:
        with small_disk(project / "runs"):
            return differences(row, run(row, project, zygote))
    return differences(row, run(row, project, zygote))


@pytest.mark.parametrize("row", PARAMETERS)
def test_the_record_the_exit_code_the_card_and_info_say_the_cause(row: Row, tmp_path: Path, zygote: Zygote) -> None:
    assert differences_of(row, tmp_path, zygote) == []


def test_the_table_is_large_and_names_each_cause_once() -> None:
    assert len(ROWS) >= 150
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert sum(not row.is_slow for row in ROWS) > 120
