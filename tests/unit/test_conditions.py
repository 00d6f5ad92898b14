"""Conditions on metrics and config values."""

from __future__ import annotations

import contextlib
import math
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hints import hint_of
from tsdia_run.errors.lookups import InvalidCondition
from tsdia_run.report.conditions import parse_condition

COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "=": operator.eq,
}
NAMES = st.from_regex(r"[A-Za-z_][\w/.@:%+-]{0,12}", fullmatch=True).filter(
    lambda name: name.lower().lstrip("+-") not in ("and", "nan", "inf", "infinity")
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("val_loss<2", {"val_loss": 1.9}, True),
        ("val_loss<2", {"val_loss": 2.0}, False),
        ("val_loss<2", {}, False),
        ("val_loss!=2", {}, False),
        ("val_loss<2", {"val_loss": math.nan}, False),
        ("loss>1", {"loss": math.inf}, True),
        ("training.lr<1e-3 and val/acc>0.8", {"training.lr": "1e-4", "val/acc": 0.9}, True),
        ("training.lr<1e-3 and val/acc>0.8", {"training.lr": 1e-4, "val/acc": 0.8}, False),
        ("train-loss <= -.5e-3", {"train-loss": -0.5e-3}, True),
        ("2>loss", {"loss": 1}, True),
        ("2>=loss", {"loss": 3}, False),
        ("optimizer=adamw", {"optimizer": "adamw"}, True),
        ("optimizer!=adamw", {"optimizer": "sgd"}, True),
        ("optimizer<b", {"optimizer": "adamw"}, False),
        ("use_ema=true", {"use_ema": True}, True),
        ("use_ema=1", {"use_ema": True}, False),
        ("'my metric (a<b)' < 2", {"my metric (a<b)": 1}, True),
        ('"and" = "1e3"', {"and": "1e3"}, True),
        ("name='a b'", {"name": "a b"}, True),
        ("brand<3 and landing>1", {"brand": 2, "landing": 2}, True),
        ("acc@1>0.5", {"acc@1": 0.6}, True),
        ("epoch==3", {"epoch": 3.0}, True),
    ],
)
def test_a_condition_holds_for_values(text: str, values: dict[str, object], holds: bool) -> None:
    assert parse_condition(text).holds(values) is holds


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "loss", "<2", "loss<", "loss<<2", "loss<2 and", "and loss<2", "loss<2 or acc>1", "loss<2, acc>1",
        "1<loss<2", "1<2", "(loss<2)", "loss<'2", "!loss", "loss 2", "''<2", "loss < 2 3",
    ],
)  # fmt: skip
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidCondition) as caught:
        parse_condition(text)
    assert caught.value.message.startswith(f"{text!r} is not a condition: ")
    assert "val_loss<2" in hint_of(caught.value)


@given(
    comparisons=st.lists(st.tuples(NAMES, st.sampled_from(sorted(COMPARE)), NUMBERS), min_size=1, max_size=3),
    value=NUMBERS,
    space=st.sampled_from(["", " ", "  "]),
    is_mirrored=st.booleans(),
)
def test_any_names_numbers_and_spaces(
    comparisons: list[tuple[str, str, float]], value: float, space: str, is_mirrored: bool
) -> None:
    mirror = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    parts = [
        space.join([repr(number), mirror.get(sign, sign), name] if is_mirrored else [name, sign, repr(number)])
        for name, sign, number in comparisons
    ]
    condition = parse_condition(" and ".join(parts))
    expected = all(COMPARE[sign](value, number) for _, sign, number in comparisons)
    assert condition.holds({name: value for name, _, _ in comparisons}) is expected
    assert condition.names == tuple(dict.fromkeys(name for name, _, _ in comparisons))


@given(st.text(max_size=12))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidCondition):
        parse_condition(text).holds({})
