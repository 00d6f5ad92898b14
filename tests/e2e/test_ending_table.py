"""Every cause of the table in tests/endings has the ending that the table says; docs/endings.md shows the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endings.places import differences_of
from tests.endings.row import Row
from tests.endings.table import ROWS
from tests.support.zygote import Zygote

QUICK = [row for row in ROWS if not row.is_slow]


@pytest.mark.parametrize("row", QUICK, ids=lambda row: row.name)
def test_the_record_the_exit_code_the_card_and_info_say_the_cause(row: Row, tmp_path: Path, zygote: Zygote) -> None:
    assert differences_of(row, tmp_path, zygote) == []


def test_the_table_is_large_and_names_each_cause_once() -> None:
    assert len(ROWS) >= 150
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert len(QUICK) > 150
