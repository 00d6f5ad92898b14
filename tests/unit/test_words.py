from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.words import age, count, duration, shell, size


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
