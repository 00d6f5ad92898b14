"""JSON stays JSON: read as `json.load` reads it, edited as JSON, every other byte unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.config import Document, Format, Remove, Set, apply, parse, parse_override, surprises
from tsdia_run.errors import ConfigError

JSON_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
CONFIGS = st.dictionaries(st.text(max_size=5), JSON_DATA, min_size=1, max_size=5)


def read(text: str, name: str = "c.json") -> Document:
    return parse(text.encode(), name)


def edited(text: str, *edits: Set | Remove, name: str = "c.json") -> str:
    return apply(read(text, name), edits).text


@given(data=CONFIGS, indent=st.sampled_from([None, 2, "\t"]), is_ascii=st.booleans())
def test_a_config_is_read_as_python_reads_it(data: dict[str, Any], indent: Any, is_ascii: bool) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=is_ascii)
    document = parse(text.encode("utf-8", "surrogatepass" if is_ascii else "replace"), "c.json")
    assert document.format is Format.JSON
    assert document.plain() == json.loads(document.text)
    assert repr(document.plain()) == repr(json.loads(document.text))


@given(data=CONFIGS, key=st.text("abc", min_size=1, max_size=2), value=JSON_DATA, indent=st.sampled_from([None, "\t"]))
def test_an_edit_gives_json_with_that_value_and_no_other_change(
    data: dict[str, Any], key: str, value: Any, indent: Any
) -> None:
    text = json.dumps({"first": 1, **data}, indent=indent)
    assert json.loads(edited(text, Set(key, value))) == {"first": 1, **data, key: value}


@given(before=CONFIGS, after=CONFIGS, indent=st.sampled_from([None, 2, "\t"]))
def test_the_tsdia_run_section_is_removed_wherever_it_is(
    before: dict[str, Any], after: dict[str, Any], indent: Any
) -> None:
    data = {**before, "tsdia_run": {"launcher": "python", "args": ["{config}"]}, **after}
    data = {key: value for key, value in data.items() if key != "tsdia_run"} | {"tsdia_run": {"a": 1}}
    for order in (data, dict(reversed(data.items()))):
        text = edited(json.dumps(order, indent=indent), Remove("tsdia_run"))
        assert json.loads(text) == {key: value for key, value in order.items() if key != "tsdia_run"}


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ('{\n\t"a": 1,\n\t"b": "x"\n}\n', Set("b", 'say "é"\n'), '{\n\t"a": 1,\n\t"b": "say \\"é\\"\\n"\n}\n'),
        ('{"a": {"b": 1e-5}}', Set("a.b", True), '{"a": {"b": true}}'),
        ('{"a": {"b": 1e-5}}', Set("a.b", None), '{"a": {"b": null}}'),
        ('{\n\t"a": 1\n}', Set("b", 2), '{\n\t"b": 2,\n\t"a": 1\n}'),
        ('{\r\n  "a": {\r\n  }\r\n}', Set("a.b", 2), '{\r\n  "a": {"b": 2\r\n  }\r\n}'),
        ('{"a": {}}', Set("a.b.c", 5e-6), '{"a": {"b": {"c": 5e-06}}}'),
        ('{"a": null}', Set("a.b", "off"), '{"a": {"b": "off"}}'),
        ('{"a": [1, {"b": 2}]}', Set("a.1.b", [1, "x"]), '{"a": [1, {"b": [1, "x"]}]}'),
        ('{"a.b": 1}', Set("a.b", 2), '{"a.b": 2}'),
        ('{"a": 1, "a": 2}', Set("a", 3), '{"a": 1, "a": 3}'),
        ('{"a": "&x *y !z"}', Set("a", "!q"), '{"a": "!q"}'),
        ('{"a":1}', Set("a", 2), '{"a": 2}'),
        ('{"<<": {"x": 1}, "a": 1}', Set("a", 2), '{"<<": {"x": 1}, "a": 2}'),
        ('{"m": {"x": 1, "y": 2}}', Remove("m.y"), '{"m": {"x": 1}}'),
        ('{"m": {"x": 1}}', Remove("m.x"), '{"m": {}}'),
        ('\ufeff{"a": 1}', Set("a", 2), '\ufeff{"a": 2}'),
    ],
)
def test_the_text_after_an_edit(before: str, edit: Set | Remove, after: str) -> None:
    assert edited(before, edit).replace('"a":2', '"a": 2') == after


def test_a_file_name_that_is_not_utf8_stays_valid_json() -> None:
    assert json.loads(edited('{"a": 1}', Set("a", "runs/\udcff"))) == {"a": "runs/\udcff"}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('{"a": 1,\n "b": 2,\n}', 2, 8, "comma"),
        ('{"a": 1\n "b": 2}', 2, 2, "comma"),
        ("{'a': 1}", 1, 2, "double quotes"),
        ('{"a": yes}', 1, 7, "invalid value"),
        ('{"a": 01}', 1, 7, "invalid value"),
        ('{"a": }', 1, 7, "missing value"),
        ('{"a" 1}', 1, 6, "colon"),
        ('{"a": "x\ny"}', 1, 9, "control character"),
        ('{"a": "x}', 1, 7, "unterminated"),
        ('{"a": 1} x', 1, 10, "after the end"),
        ('{\n  // no\n  "a": 1}', 2, 3, "double quotes"),
        ("[1]", 1, 1, "object"),
        ("{", 1, 2, "double quotes"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", 1, 107, "too deeply"),
        ('{"a": ' + "1" * 5000 + "}", 1, 7, "too many digits"),
    ],
)
def test_errors_name_the_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read(text)
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (line, column)


def test_an_empty_file_is_reported() -> None:
    with pytest.raises(ConfigError, match=r"c\.json is empty"):
        read(" \n")


def test_comments_in_jsonc_stay() -> None:
    text = '{\n  // why\n  "a": 1, /* "b": 2 */\n  "mine": {"x": 1,},\n}\n'
    document = read(text, "c.jsonc")
    assert document.plain() == {"a": 1, "mine": {"x": 1}}
    assert edited(text, Set("a", 2), name="c.jsonc") == text.replace("1,", "2,", 1)
    assert read(edited(text, Remove("mine"), name="c.jsonc"), "c.jsonc").plain() == {"a": 1}


def test_positions_are_those_of_the_values() -> None:
    found = read('{\n\t"a": {"b":\t7}\n}').find("a.b")
    assert found is not None
    assert (found.plain, str(found.place)) == (7, "c.json:2:13")


def test_only_duplicate_keys_are_reported_not_values_that_yaml_misreads() -> None:
    text = '{"lr": 1e-5, "on": "yes", "date": "2024-01-01", "version": 1.10, "lr": 2e-5}'
    (surprise,) = surprises(read(text))
    assert "JSON uses this value" in surprise.message
    assert "YAML" not in surprise.message


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("n=5e-6", 5e-6),
        ("n=1", 1),
        ("n=true", True),
        ("n=False", False),
        ("n=null", None),
        ("n=yes", "yes"),
        ("n=on", "on"),
        ("n=1:30", "1:30"),
        ("n=2024-01-01", "2024-01-01"),
        ("n=[1, yes, 5e-6]", [1, "yes", 5e-6]),
        ('n={"a": "b"}', {"a": "b"}),
        ("t=5", "5"),
        ("t=[5]", [5]),
        ("new.key=x", "x"),
    ],
)
def test_the_type_of_a_value_that_is_set(assignment: str, expected: Any) -> None:
    document = read('{"n": 1, "t": "text"}')
    override = parse_override(assignment, document)
    data = json.loads(apply(document, [override]).text)
    value = data["new"]["key"] if assignment.startswith("new") else data[override.key]
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("c.JSON", '{"a": 1}', Format.JSON),
        ("c", '{"a":\t1}', Format.JSON),
        ("my config.v2", ' {"a": 1}', Format.JSON),
        ("c.yaml", '{"a": 1}', Format.YAML),
        ("c", "{a: 1}", Format.YAML),
        ("c.conf", "a: 1", Format.YAML),
    ],
)
def test_the_format_of_a_file(name: str, text: str, form: Format) -> None:
    assert parse(text.encode(), name).format is form


@given(text=st.text('{}[]:," \\\n\tatrue1.e-0nulfs', max_size=20), start=st.sampled_from(["", '{"a": ', '{"a": [']))
def test_any_input_is_read_as_python_reads_it_or_refused(start: str, text: str) -> None:
    text = start + text
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    if isinstance(expected, dict):
        assert repr(read(text).plain()) == repr(expected)
    else:
        with pytest.raises(ConfigError):
            read(text)
