from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.text import age, count, duration, shell, size, visible, visible_lines
from tsdia_run.training.boot import attempt_files


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (8.44, "8.4 s"), (200, "3 min 20 s"), (18_720, "5 h 12 min"), (93_600, "1 d 2 h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0 s"), (59, "59 s"), (720, "12 min"), (260_000, "3 d")])
def test_age(seconds: int, text: str) -> None:
    assert age(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 2**50, "5120.0 TiB")]
)
def test_size(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text


def test_count() -> None:
    assert [count(number, "run") for number in (0, 1, 2)] == ["no runs", "1 run", "2 runs"]


@given(st.text(alphabet=st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20))
def test_a_word_for_the_shell_is_one_printable_word(text: str) -> None:
    assert shell([text]).isprintable()


@pytest.mark.parametrize("text", ["a b", "it's", "two\nlines", "$HOME `id` \\", "tab\there", "", "é\x07"])
def test_the_shell_reads_the_word_back(text: str) -> None:
    done = subprocess.run(["bash", "-c", f"printf %s {shell([text])}"], capture_output=True, check=True)
    assert done.stdout.decode() == text


ODD = st.text(
    st.characters() | st.sampled_from("\x1b\x9b\x9d\x9c\x07[]m;\0\n\u202e\u2066\u2028\ud800\udce9"), max_size=40
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain é ✓", "plain é ✓"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x1b]0;title\x07text \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "text link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1b]unfinished", "\\x1b]unfinished"),
        ("\x1b\x1b[m[31m", "\\x1b[31m"),
        ("a\0b\rc\nd\te", "a\\x00b\\rc\\nd\\te"),
        ("\x80\x85\x9f", "\\x80\\x85\\x9f"),
        ("user\u202egpj.exe\u2066", "user\\u202egpj.exe\\u2066"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ud800 \udfff", "\\ud800 \\udfff"),
        ("caf\udce9", "caf\\xe9"),
    ],
)
def test_untrusted_text_is_clean(text: str, clean: str) -> None:
    assert visible(text) == clean


@given(ODD)
def test_clean_text_can_be_written_anywhere(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)
    assert visible_lines(text).split("\n") == [visible(line) for line in text.split("\n")]
    visible(text).encode("utf-8")


@given(ODD)
def test_the_copy_in_the_training_gives_the_same_result(text: str) -> None:
    assert attempt_files.visible(text) == visible(text)


def test_no_text_takes_long_to_clean() -> None:
    for text in ("\x9d" * 100_000, "\x1b]" * 50_000, "\x1b[" * 50_000, "\x1b[" + "0" * 100_000, "\0" * 100_000):
        assert visible(text).isprintable()


@pytest.mark.parametrize("text", ["caf\udce9", "\ud800"])
def test_a_word_for_the_shell_that_is_not_utf_8(text: str) -> None:
    assert shell([text]).isprintable()
