"""An edit changes only the value that it names."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hints import message_of
from tsdia_run.config import Remove, Set, apply, parse, parse_override
from tsdia_run.errors import ConfigError, UsageError


def edited(text: str, *edits: Set | Remove) -> str:
    return apply(parse(text.encode(), "c.yml"), edits).text


def overridden(text: str, assignment: str) -> str:
    document = parse(text.encode(), "c.yml")
    return apply(document, [parse_override(assignment, document)]).text


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        ("a: 1  # why\nb: 010\n", "a", 2, "a: 2  # why\nb: 010\n"),
        ("a:\n  b: 'x'   # c\n  c: [1, 2]\n", "a.b", "y", "a:\n  b: y   # c\n  c: [1, 2]\n"),
        ('a: "x"', "a", "y", "a: y"),
        ("a: {b: 1, c: 2}\n", "a.c", 3, "a: {b: 1, c: 3}\n"),
        ("a: {b: 1}\n", "a.b", "x, y", "a: {b: 'x, y'}\n"),
        ("a: [1, {b: 2}]\n", "a.1.b", 3, "a: [1, {b: 3}]\n"),
        ("a:\n- 1\n- 2\n", "a.1", 5, "a:\n- 1\n- 5\n"),
        ("a:\nb: 1\n", "a", "x", "a: x\nb: 1\n"),
        ("a:   # none yet\nb: 1\n", "a", "x", "a: x   # none yet\nb: 1\n"),
        ("a: null\n", "a", "/p q", "a: /p q\n"),
        ("a: ~\n", "a", None, "a: null\n"),
        ("a: |\n  two\n  lines\nb: 1\n", "a", "one", "a: one\nb: 1\n"),
        ("a: >-\n  two\n  lines\n\n# about b\nb: 1\n", "a", "one", "a: one\n\n# about b\nb: 1\n"),
        ("a:\n  b: 1\n  c: 2\n# about d\nd: 1\n", "a", 5, "a: 5\n# about d\nd: 1\n"),
        ("a:\n- 1\n- 2\nd: 1\n", "a", [3], "a: [3]\nd: 1\n"),
        ("a: two\n  lines\nb: 1\n", "a", 1, "a: 1\nb: 1\n"),
        ("a: 1\r\nb: 2\r\n", "a", 3, "a: 3\r\nb: 2\r\n"),
        ("a: &x 1\nb: *x\n", "b", 2, "a: &x 1\nb: 2\n"),
        ("a: &x 1\nb: *x\n", "a", 2, "a: &x 2\nb: *x\n"),
        ("a: !mine 1\n", "a", 2, "a: 2\n"),
        ("a: !mine &x 1\nb: *x\n", "a", 2, "a: &x 2\nb: *x\n"),
        ("a: 1\na: 2\n", "a", 3, "a: 1\na: 3\n"),
        ("a: 1\n", "b", 2, "b: 2\na: 1\n"),
        ("# head\n\na:\n    # about b\n    b: 1\n", "a.c", 2, "# head\n\na:\n    # about b\n    c: 2\n    b: 1\n"),
        ("a: {}\n", "a.b", 1, "a: {b: 1}\n"),
        ("a: { b: 1 }\n", "a.c.d", 2, "a: {c: {d: 2},  b: 1 }\n"),
        ("a:\n", "a.b.c", 1, "a: {b: {c: 1}}\n"),
        ("- not used\n" and "l:\n- a: 1\n  b: 2\n", "l.0.c", 3, "l:\n- c: 3\n  a: 1\n  b: 2\n"),
        ("base: &b {x: 1, y: 2}\na:\n  <<: *b\n", "a.x", 3, "base: &b {x: 1, y: 2}\na:\n  x: 3\n  <<: *b\n"),
        ("base: &b {x: 1, y: {z: 2}}\na: *b\n", "a.y.z", 3, "base: &b {x: 1, y: {z: 2}}\na: {<<: *b, y: {z: 3}}\n"),
        ("l: &l [1, 2]\nm: *l\n", "m.0", 3, "l: &l [1, 2]\nm: [3, 2]\n"),
        ("a: [b: 1]\n", "a.0.c", 5, "a: [{c: 5, b: 1}]\n"),
        ("a: &x {b: 1}\n", "a.c", 5, "a: &x {c: 5, b: 1}\n"),
        ("opt.lr: 1\n", "opt.lr", 2, "opt.lr: 2\n"),
        ("a: {opt.lr: 1}\n", "a.opt.lr", 2, "a: {opt.lr: 2}\n"),
        ("\ufeffa: 1\n", "a", 2, "\ufeffa: 2\n"),
        ("{a: 1, b: 2}", "b", "é🦊", "{a: 1, b: é🦊}"),
        ("a: 1\n", "a", "two\nlines\ttab", 'a: "two\\nlines\\ttab"\n'),
        ("a: 1\n", "a", "no", "a: 'no'\n"),
        ("a: 1\n", "a", "x: # y", "a: 'x: # y'\n"),
    ],
)
def test_the_text_after_an_edit(before: str, key: str, value: Any, after: str) -> None:
    assert edited(before, Set(key, value)) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\nmine:\n  x: 1\nb: 2\n", "a: 1\nb: 2\n"),
        ("mine:\n  x: 1\nb: 2\n", "b: 2\n"),
        ("a: 1\nmine:\n  x: 1\n", "a: 1\n"),
        ("a: 1\nmine:\n  x: 1", "a: 1\n"),
        ("mine:\n  x: 1\n", "{}\n"),
        ("{mine: {x: 1}, a: 1}\n", "{a: 1}\n"),
        ("{a: 1, mine: {x: 1}}\n", "{a: 1}\n"),
        ("{a: 1, mine: {x: 1}, }\n", "{a: 1, }\n"),
        ("{mine: 1}\n", "{}\n"),
        ("mine: {x: 1} # of ours\nb: 2\n", "b: 2\n"),
        ("mine:\n  x: 1\n  # y: 2\n\n# about b\nb: 2\n", "\n# about b\nb: 2\n"),
        ("mine:\nb: 2\n", "b: 2\n"),
        ("mine:\n- 1\n- 2\nb: 2\n", "b: 2\n"),
        ("mine:\n  s: |\n    text\n    more\nb: 2\n", "b: 2\n"),
        ("a: 1\r\nmine:\r\n  x: 1\r\nb: 2\r\n", "a: 1\r\nb: 2\r\n"),
        ("a: &x 1\nmine: *x\nb: 2\n", "a: &x 1\nb: 2\n"),
        ("a: {mine: 1}\n", "a: {mine: 1}\n"),
    ],
)
def test_a_section_is_removed(before: str, after: str) -> None:
    assert edited(before, Remove("mine")) == after


def test_an_anchor_in_the_section_that_others_use_is_refused_with_the_place_of_its_use() -> None:
    with pytest.raises(ConfigError, match=r"c\.yml:3:4: this alias refers into `mine`"):
        edited("mine:\n  lr: &lr 1\nb: *lr\n", Remove("mine"))


def test_several_edits_are_reported_in_order() -> None:
    document = parse(b"a: 1\nmine: {x: 1}\n", "c.yml")
    changes = apply(document, [Set("a", 2), Set("b", "x"), Remove("mine")]).changes
    assert [(change.key, change.old, change.new) for change in changes] == [
        ("a", "1", "2"),
        ("b", None, "x"),
        ("mine", "mine: {x: 1}", None),
    ]


@pytest.mark.parametrize("key", ["a.b", "a.b.c", "l.3", "l.x"])
def test_a_key_through_a_value_without_keys_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="can't set `.*`: no key or item"):
        edited("a: 1\nl: [1]\n", Set(key, 1))


@pytest.mark.parametrize(
    ("before", "assignment", "after"),
    [
        ("lr: 1.0e-4", "lr=5e-6", "lr: 5.0e-06"),
        ("lr: 0.1", "lr=1e3", "lr: 1000.0"),
        ("lr: 1e-4", "lr=5e-6", "lr: 5e-6"),
        ("lr: 1e-4", "lr=0.5", "lr: 0.5"),
        ("x: 1", "lr=5e-6", "lr: 5.0e-06\nx: 1"),
        ("dtype: bf16", "dtype=no", "dtype: 'no'"),
        ("name: exp", "name=010", "name: '010'"),
        ("name: exp", "name=1:30", "name: '1:30'"),
        ("name: exp", "name=2024-01-01", "name: '2024-01-01'"),
        ("name: exp", "name=null", "name: null"),
        ("name: exp", "name=", "name: null"),
        ("name: exp", "name=true", "name: true"),
        ("name: exp", "name=[1, b]", "name: [1, b]"),
        ("n: 1", "n=010", "n: 8"),
        ("n: 1", "n='010'", "n: '010'"),
        ("name: exp", "name=x #1", "name: 'x #1'"),
        ("n: 1", "n=x #1", "n: 'x #1'"),
        ("name: exp", "name=a: b", "name: 'a: b'"),
        ("n: 1", "n=*.txt", "n: '*.txt'"),
        ("n: 1", "n=2024-01-01", "n: '2024-01-01'"),
        ("betas: [0.9, 0.98]", "betas=[1e-1, 5e-6]", "betas: [0.1, 5.0e-06]"),
        ("opt: {lr: 1.0}", "opt={lr: 5e-6}", "opt: {lr: 5.0e-06}"),
        ("a: {b: 1}", "a.b={c: 2}", "a: {b: {c: 2}}"),
        ("url: x", "url=http://h/?a=b", "url: 'http://h/?a=b'"),
    ],
)
def test_set_assignments(before: str, assignment: str, after: str) -> None:
    assert overridden(before, assignment) == after


@pytest.mark.parametrize("assignment", ["a", "=1", "a..b=1", "a=[1", "a={", "a=!!python/name:os.system", "a=1\nb: 2"])
def test_invalid_assignments(assignment: str) -> None:
    with pytest.raises(UsageError) as caught:
        overridden("a: 1", assignment)
    assert message_of(caught.value).startswith(f"--set {assignment}: ")


KEYS = st.from_regex(r"[abcxyzé][abcxyz_0-9é-]{0,3}", fullmatch=True)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False)
    | st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
    | st.sampled_from(
        ["no", "010", "1e-4", "1:30", "# x", "a: b", "*a", "&a", "!t", "- a", "'", '"', "\u2028", "~", "=", "<<"]
    )
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
FLOW = st.sampled_from([True, False, None])  # flow style, block style, mixed
CONFIGS = st.dictionaries(KEYS, TREES, min_size=1, max_size=4)


def paths(data: Any, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    found = []
    for key, value in items:
        found += [(*prefix, str(key)), *paths(value, (*prefix, str(key)))]
    return found


def put(data: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(data, list):
        return [put(item, path[1:], value) if str(at) == path[0] else item for at, item in enumerate(data)]
    return {**data, path[0]: put(data.get(path[0]), path[1:], value)}


@given(
    data=CONFIGS,
    value=TREES,
    pick=st.integers(0, 10**6),
    flow=FLOW,
    indent=st.integers(2, 5),
)
def test_any_edit_of_any_config_is_read_back_and_changes_no_other_line(
    data: dict[str, Any], value: Any, pick: int, flow: bool | None, indent: int
) -> None:
    text = "# head\n" + yaml.safe_dump(data, default_flow_style=flow, indent=indent, allow_unicode=True) + "# tail\n"
    data = yaml.safe_load(
        text
    )  # PyYAML does not read back everything that it writes: a next-line character becomes a space
    known = paths(data)
    path = known[pick % len(known)]
    after = edited(text, Set(".".join(path), value))
    assert yaml.safe_load(after) == put(data, path, value)
    assert after.startswith("# head\n")
    assert after.endswith("# tail\n")
    if flow is False:
        # Block style: all lines of the other top-level keys are as they were.
        for key, other in data.items():
            if key != path[0]:
                lines = yaml.safe_dump({key: other}, indent=indent, allow_unicode=True, default_flow_style=False)
                assert lines in after


@given(data=CONFIGS, section=TREES, flow=FLOW, at=st.integers(0, 4))
def test_removing_a_section_leaves_the_rest(data: dict[str, Any], section: Any, flow: bool | None, at: int) -> None:
    items = [item for item in data.items() if item[0] != "mine"]
    mixed = dict([*items[:at], ("mine", section), *items[at:]])
    text = yaml.safe_dump(mixed, default_flow_style=flow, sort_keys=False, allow_unicode=True)
    wanted = {key: value for key, value in yaml.safe_load(text).items() if key != "mine"}
    assert yaml.safe_load(edited(text, Remove("mine"))) == wanted


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        ("a:\n  b: 1\n  c: 2\nd: 3\n", "a.b", "a:\n  c: 2\nd: 3\n"),
        ("a:\n  b: 1\n  c: 2\nd: 3\n", "a.c", "a:\n  b: 1\nd: 3\n"),
        ("a:\n  b: 1\nd: 3\n", "a.b", "a:\n  {}\nd: 3\n"),
        ("a: {b: 1, c: 2}\n", "a.b", "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", "a.c", "a: {b: 1}\n"),
        ("a: {b: 1}\n", "a.b", "a: {}\n"),
        ("a: &x {b: 1}\n", "a.b", "a: &x {}\n"),
        ("l:\n- b: 1\n  c: 2\n", "l.0.b", "l:\n- c: 2\n"),
        ("l:\n- b: 1\n  c: 2\n", "l.0.c", "l:\n- b: 1\n"),
        ("a: {b: 1}\n", "a.z", "a: {b: 1}\n"),
        ("a: 1\n", "a.z.y", "a: 1\n"),
        ("a.b: 1\nc: 1\n", "a.b", "c: 1\n"),
    ],
)
def test_a_key_inside_sections_is_removed(before: str, key: str, after: str) -> None:
    assert edited(before, Remove(key)) == after
