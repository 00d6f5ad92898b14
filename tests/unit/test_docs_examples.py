"""Parse every fenced example of the docs as its language; tests/e2e/test_quickstart.py runs the tutorial."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tsdia_run.cli.main import TAKE_ARGUMENTS, build
from tsdia_run.cli.script_words import KnownOptions, split
from tsdia_run.settings import read_layer

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
LANGUAGES = {"bash", "console", "yaml", "python", "json", "text"}
FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    page: Path
    language: str
    text: str


def examples() -> Iterator[Example]:
    for page in PAGES:
        for found in FENCE.finditer(page.read_text(encoding="utf-8")):
            yield Example(page, found[1], found[2])


def named(example: Example) -> str:
    return f"{example.page.name}: {example.text.splitlines()[0][:50]}"


def those(*languages: str) -> list[Example]:
    return [example for example in examples() if example.language in languages]


def command_lines(example: Example) -> Iterator[list[str]]:
    """Return the words of each command: of every line, or in a console of the lines after a prompt."""
    for line in example.text.replace("\\\n", " ").splitlines():
        shown = line.removeprefix("$ ") if example.language == "bash" or line.startswith("$ ") else ""
        # Arguments after `--` belong to the script, and those after `|` to another program.
        if words := list(takewhile(lambda word: word not in ("--", "|"), shlex.split(shown, comments=True))):
            yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_names_its_language(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert {found[1] for found in FENCE.finditer(text)} <= LANGUAGES
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(FENCE.findall(text))
    if page.name != "README.md" or page.parent != ROOT:
        assert not re.search(r"\n\n {4}\S", FENCE.sub("", text)), "an example without a fence"


def test_there_are_examples_of_every_language() -> None:
    assert {example.language for example in examples()} == LANGUAGES


@pytest.mark.parametrize("example", those("bash", "console"), ids=named)
def test_every_command_of_an_example_has_options_that_exist(example: Example) -> None:
    commands: dict[str, Any] = vars(typer.main.get_command(build()))["commands"]
    lines = list(command_lines(example))
    assert lines
    for program, *words in lines:
        if Path(program).name == "tsdia-run" and words[0] != "--version":
            name, *arguments = words
            if name in TAKE_ARGUMENTS:
                sorted_words = split(arguments, KnownOptions.of(commands[name]), lambda word: False)
                assert sorted_words.foreign == ()
                arguments = list(sorted_words.ours)
            with commands[name].make_context(name, arguments):
                pass
        elif program == "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert {word for word in words if "=" not in word} <= set(targets)
        elif program.startswith(".venv/bin/pytest"):
            for word in words:
                assert not word.startswith("tests") or (ROOT / word).exists(), word


@pytest.mark.parametrize("example", those("yaml"), ids=named)
def test_every_config_of_an_example_has_settings_that_exist(example: Example) -> None:
    data = yaml.safe_load(example.text)
    assert isinstance(data, dict)
    if "tsdia_run" in data:
        read_layer("config.yml", data["tsdia_run"], lambda key: None)


@pytest.mark.parametrize("example", those("python"), ids=named)
def test_every_program_of_an_example_is_python(example: Example) -> None:
    ast.parse(example.text)


@pytest.mark.parametrize("example", those("json"), ids=named)
def test_every_object_of_an_example_is_json(example: Example) -> None:
    for line in example.text.splitlines():
        json.loads(line)


def test_the_index_lists_every_page_once() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", index)
    pages = [page.name for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "README.md"]
    assert sorted(link for link in links if not link.startswith("..")) == sorted([*pages, "decisions/"])
