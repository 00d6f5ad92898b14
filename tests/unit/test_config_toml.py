"""TOML: read as the standard parser reads it, edited in place, every other byte unchanged."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.config import Document, Format, Remove, Set, apply, parse, parse_override, surprises
from tsdia_run.config.writing import dump, toml_key
from tsdia_run.errors import ConfigError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = """\
# an experiment
title = 'x'  # literal
"quoted key" = 1_000
site."a.b".c = 0x1F
when = 1979-05-27 07:32:00
hard = \"\"\"two
[not] = a "table" \\\"\"\" # really
\"\"\"
floats = [ 1e-5, -inf,  # why
  [nan], ]
point = { x = 1, y.z = "}" }

[training]   # about it
lr = 5e-6
[training.checkpoint]
save_dir = "runs/exp"

[[data]]
path = "a"
[data.inner]
k = 1
[[data]]
path = "b"

[deep.er.table]
on = true
"""
SCALARS = (
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.text("abcd", min_size=1, max_size=2)
TABLES = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=4)


def read(text: str) -> Document:
    return parse(text.encode(), "c.toml")


def edited(text: str, *edits: Set | Remove) -> str:
    return apply(read(text), edits).text


def test_every_toml_value_is_found_at_its_position() -> None:
    document = read(TEXT)
    assert document.format is Format.TOML
    assert repr(document.plain()) == repr(tomllib.loads(TEXT))
    for key, place in {
        "training.lr": "14:6",
        "data.1.path": "23:8",
        "site.a.b.c": "4:16",
        "point.y.z": "11:24",
    }.items():
        found = document.find(key)
        assert found is not None, key
        assert str(found.place) == f"c.toml:{place}"
    assert surprises(document) == ()


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        (Set("training.lr", 1e-4), "lr = 5e-6", "lr = 0.0001"),
        (Set("title", 'a "b"\n'), "'x'  #", '"a \\"b\\"\\n"  #'),
        (Set("training.checkpoint.save_dir", "/r/é"), '"runs/exp"', '"/r/é"'),
        (Set("point.x", 2), "x = 1", "x = 2"),
        (Set("point.y.q", 2), "{ x", "{ y.q = 2, x"),
        (Set("floats.0", 3), "1e-5", "3"),
        (Set("hard", "one"), TEXT[TEXT.index('"""') : TEXT.index("floats") - 1], '"one"'),
        (Set("training.epochs", 3), "about it\n", "about it\nepochs = 3\n"),
        (Set("site.new", 3), '"quoted key"', 'XX"quoted key"'),
        (Set("optimizer.name", "adam"), "title", 'optimizer.name = "adam"\ntitle'),
        (Set("data.0.path", "z"), 'path = "a"', 'path = "z"'),
        (Set("data.1.more", 1), '[[data]]\npath = "b"', '[[data]]\nmore = 1\npath = "b"'),
        (Set("deep.er.table.on", False), "on = true", "on = false"),
        (Set("deep.lr", 1), "on = true\n", "on = true\n\n[deep]\nlr = 1\n"),
        (Remove("training"), TEXT[TEXT.index("[training]") : TEXT.index("\n[[data]]")], ""),
        (Remove("data"), TEXT[TEXT.index("[[data]]") : TEXT.index("\n[deep")], ""),
        (Remove("site"), 'site."a.b".c = 0x1F\n', ""),
        (Remove("point"), 'point = { x = 1, y.z = "}" }\n', ""),
        (Remove("training.lr"), "lr = 5e-6\n", ""),
        (Remove("point.x"), '{ x = 1, y.z = "}" }', '{y = {z = "}"}}'),
        (Remove("nothing.here"), "", ""),
    ],
)
def test_the_text_after_an_edit(edit: Set | Remove, before: str, after: str) -> None:
    expected = TEXT.replace(before, after, 1)
    if isinstance(edit, Set) and edit.key == "site.new":
        expected = TEXT.replace("title", "site.new = 3\ntitle", 1)
    assert edited(TEXT, edit) == expected


@pytest.mark.parametrize("text", ["", "\n# only a comment", "a = 1", "a = 1\r\n[t]\r\nb = 2", "[t]"])
def test_a_key_is_added_to_any_text(text: str) -> None:
    for key in ("new", "t.b", "t.c", "u.v.w"):
        after = apply(parse(text.encode(), "c.toml"), [Set(key, "x")])
        assert after.document.find(key)
        assert "\r\n" not in text or "\n" not in after.text.replace("\r\n", "")


def test_the_tsdia_run_section_is_removed_in_all_its_forms() -> None:
    rest = '# top\nlr = 1\n\n[model]\nname = "m"  # why\n'
    for section in (
        "[tsdia_run]\nlauncher = 'python'\n# inside\nargs = []\n[tsdia_run.logs]\nmax_size = 5\n",
        "[tsdia_run.logs]\nmax_size = 5\n",
        "[tsdia_run]\n",
    ):
        assert edited(rest + section, Remove("tsdia_run")) == rest
        assert edited(section + "[model]\nname = 1\n", Remove("tsdia_run")) == "[model]\nname = 1\n"
    for line in ("tsdia_run = {launcher = 'python'}\n", "tsdia_run.launcher = 'python'\ntsdia_run.pty = true\n"):
        assert edited(line + rest, Remove("tsdia_run")) == rest


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (Set("training", 1), ConfigError),
        (Set("data", 1), ConfigError),
        (Set("title.x", 1), UsageError),
        (Set("data.7.x", 1), UsageError),
        (Set("title", None), UsageError),
        (Set("title", "\udcff"), UsageError),
    ],
)
def test_unsupported_edits_are_refused(edit: Set, error: type[Exception]) -> None:
    with pytest.raises(error):
        edited(TEXT, edit)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a = 1\nb = x\n", "2:5", "Invalid value"),
        ("a = 1\r\nb = \r\n", "2:5", "Invalid value"),
        ("a = 1\na = 2\n", "2:6", "overwrite"),
        ("[t\n", "1:3", "Expected"),
        ("a = 'x", "1:7", ""),
        ("a: 1\n", "1:2", "Expected"),
    ],
)
def test_errors_name_the_place(text: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"not valid TOML: .*{words}") as caught:
        read(text)
    assert str(caught.value.place) == f"c.toml:{place}"


@given(tables=TABLES, key=KEYS, name=KEYS, value=VALUES)
def test_any_edit_gives_toml_with_that_value_and_no_other_change(
    tables: dict[str, dict[str, Any]], key: str, name: str, value: Any
) -> None:
    text = "top = 1\n" + "".join(
        f"[{table}]\n" + "".join(f"{toml_key(inner)} = {dump(data, Format.TOML)}\n" for inner, data in entries.items())
        for table, entries in tables.items()
    )
    data = tomllib.loads(text)
    assert repr(read(text).plain()) == repr(data)
    after = edited(text, Set(f"{key}.{name}", value), Remove("top"))
    expected = {inner: kept for inner, kept in data.items() if inner != "top"}
    expected[key] = {**expected.get(key, {}), name: value}
    assert tomllib.loads(after) == expected


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("lr=5e-6", 5e-6),
        ("lr=yes", "yes"),
        ("lr=true", True),
        ("when=2024-01-01", date(2024, 1, 1)),
        ("name=5", "5"),
        ("new=[1, x]", [1, "x"]),
        ("new={a: 1}", {"a": 1}),
    ],
)
def test_the_type_of_a_value_that_is_set(assignment: str, expected: Any) -> None:
    document = read("lr = 1\nwhen = 1979-05-27\nname = 'x'\n")
    override = parse_override(assignment, document)
    value = tomllib.loads(apply(document, [override]).text)[override.key]
    assert (value, type(value)) == (expected, type(expected))


@given(
    cut=st.lists(
        st.tuples(st.integers(0, len(TEXT)), st.integers(0, 3), st.text("a=[]{}\"'\\\n.#, 1", max_size=3)), max_size=3
    )
)
def test_any_input_is_read_as_the_parser_reads_it_or_refused(cut: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for at, length, new in cut:
        text = text[:at] + new + text[at + length :]
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(ConfigError, match="not valid TOML"):
            read(text)
    else:
        assert repr(read(text).plain()) == repr(expected)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 150 + "]" * 150, "a = " + "[" * 5000 + "]" * 5000, "a." * 300 + "a = 1"]
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        read(text)
