from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tsdia_run.cli.bash_words import Word, insertion, words

# Any file name, also one that is not UTF-8.
NAMES = st.binary(min_size=1, max_size=12).map(
    lambda data: data.replace(b"\0", b"0").decode("utf-8", "surrogateescape")
)
QUOTES = st.sampled_from(["", "'", '"', "$'"])
COMMAND = "tsdia-run info "


@given(NAMES, QUOTES)
@example("a'b\n!\"$(x)`\\", '"')
def test_what_is_inserted_is_read_as_the_name(name: str, quote: str) -> None:
    line = f"{COMMAND}{quote}"
    inserted = insertion(name, line, "")
    end = quote[-1:]
    assert words(line + inserted + end)[2:] == [Word(name)]


@given(NAMES, QUOTES, st.integers(0, 100))
def test_a_common_beginning_that_bash_cut_anywhere_is_read_as_a_beginning(name: str, quote: str, length: int) -> None:
    line = f"{COMMAND}{quote}"
    cut = insertion(name, line, "")[:length]
    *_, command, typed = words(line + cut)
    assert command.value == "info"
    assert name.encode("utf-8", "surrogateescape").startswith(typed.value.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tsdia-run ", [Word("tsdia-run"), Word()]),
        ("tsdia-run info a\\ b", [Word("tsdia-run"), Word("info"), Word("a b")]),
        ("x 'a b", [Word("x"), Word("a b", "'")]),
        ('x a"b c', [Word("x"), Word("ab c", '"')]),
        ("x 'a b' \"c\"'d'", [Word("x"), Word("a b"), Word("cd")]),
        (r"x $'\xc3\xa9\'", [Word("x"), Word("é'", "$'")]),
        ("x a\\", [Word("x"), Word("a")]),
        (r'x "\$(a) \b', [Word("x"), Word(r"$(a) \b", '"')]),
    ],
)
def test_words_of_a_line(line: str, expected: list[Word]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize(
    ("candidate", "line", "replaced", "inserted"),
    [
        ("a:b c", "x a:b", "b", r"b\ c"),  # bash breaks words at `:`
        ("~/runs/e x", "x ~/runs/e", "~/runs/e", r"~/runs/e\ x"),
        ("~a", "x ", "", r"\~a"),
        ("~/a", "x '~/", "~/", "~/a"),
        ("a b", "x 'a", "a", "a b"),
    ],
)
def test_only_what_bash_replaces_is_inserted(candidate: str, line: str, replaced: str, inserted: str) -> None:
    assert insertion(candidate, line, replaced) == inserted
