"""Every cause of the table in tests/endings has the ending that the table says; docs/endings.md shows the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endings.places import differences_of
from tests.endings.row import Row
from tests.endings.table import ROWS
from tests.support.zygote import Zygote

PARAMETERS = [pytest.param(row, marks=[pytest.mark.slow] if row.is_slow else [], id=row.name) for row in ROWS]


@pytest.mark.parametrize("row", PARAMETERS)
def test_the_record_the_exit_code_the_card_and_info_say_the_cause(row: Row, tmp_path: Path, zygote: Zygote) -> None:
    assert differences_of(row, tmp_path, zygote) == []


def test_the_table_is_large_and_names_each_cause_once() -> None:
    assert len(ROWS) >= 150
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert sum(not row.is_slow for row in ROWS) > 120
