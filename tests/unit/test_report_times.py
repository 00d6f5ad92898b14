from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tests.support.hints import hint_of, message_of
from tsdia_run.errors import UsageError
from tsdia_run.report.times import parse_since

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("10 min", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("1.5h", timedelta(hours=1.5)),
        ("7d", timedelta(days=7)),
        ("3w", timedelta(weeks=3)),
        ("1d12h", timedelta(hours=36)),
    ],
)
def test_how_long_ago(text: str, ago: timedelta) -> None:
    assert parse_since(text, NOW) == NOW - ago


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=ZONE)),
        ("2026-11-22T10:30", datetime(2026, 11, 22, 10, 30, tzinfo=ZONE)),
        ("2026-11-22 10:30:00+00:00", datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)),
    ],
)
def test_a_date_is_local_unless_it_has_a_time_zone(text: str, at: datetime) -> None:
    assert parse_since(text, NOW) == at


@pytest.mark.parametrize("text", ["", "yesterday", "10", "-5m", "5 parsecs", "2026-13-01", "9" * 30 + "d"])
def test_any_other_text_is_an_error_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_since(text, NOW)
    assert message_of(caught.value) == f"--since takes a duration or a date, not {text!r}"
    assert "--since 10m" in hint_of(caught.value)
