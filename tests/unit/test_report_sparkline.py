from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.report.sparkline import NOT_FINITE, sparklines


def curve(*values: float) -> list[tuple[int | None, float]]:
    return list(enumerate(values))


def test_a_rising_curve_rises() -> None:
    assert sparklines([curve(0, 1, 2, 3, 4, 5, 6, 7)], 8) == ["▁▂▃▄▅▆▇█"]


def test_a_flat_curve_is_in_the_middle() -> None:
    assert sparklines([curve(3, 3, 3)], 8) == ["▅▅▅"]


def test_two_curves_share_their_steps_and_scale() -> None:
    long, short = sparklines([curve(*range(8)), curve(7, 7, 7, 7)], 8)
    assert long == "▁▂▃▄▅▆▇█"
    assert short == "████"


def test_a_curve_that_starts_later_starts_further_right() -> None:
    early, late = sparklines([curve(0, 0, 0, 0), [(2, 1.0), (3, 1.0)]], 4)
    assert (early, late) == ("▁▁▁▁", "  ██")


def test_values_that_are_not_finite_are_marked_and_do_not_change_the_scale() -> None:
    assert sparklines([curve(0, math.nan, 7, math.inf)], 4) == [f"▁{NOT_FINITE}█{NOT_FINITE}"]
    assert sparklines([curve(math.nan)], 4) == [NOT_FINITE]


def test_a_column_is_the_mean_of_its_steps() -> None:
    assert sparklines([curve(0, 2, 6, 8)], 2) == ["▁█"]


def test_without_steps_the_order_of_the_values_is_used() -> None:
    assert sparklines([[(None, 0.0), (None, 7.0)]], 9) == ["▁█"]


@pytest.mark.parametrize("curves", [[], [[]], [[], curve(1)]])
def test_empty_curves(curves: list[list[tuple[int | None, float]]]) -> None:
    assert len(sparklines(curves, 10)) == len(curves)


@given(
    st.lists(st.lists(st.tuples(st.none() | st.integers(-(10**20), 10**20), st.floats()), max_size=30), max_size=4),
    st.integers(1, 40),
)
def test_any_curve_fits(curves: list[list[tuple[int | None, float]]], width: int) -> None:
    lines = sparklines(curves, width)
    assert len(lines) == len(curves)
    assert all(len(line) <= width and line.isprintable() for line in lines)
