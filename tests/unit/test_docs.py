"""The docs describe everything that exists."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import typer

from tsdia_run import errors
from tsdia_run.cli.main import build
from tsdia_run.launch.command import Target
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.rundir.record import Attempt, Digest, Outcome, Run, State
from tsdia_run.settings import SETTINGS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def flags() -> list[tuple[str, str, str]]:
    """Return command, flag and help of every flag."""
    commands: dict[str, Any] = vars(typer.main.get_command(build()))["commands"]
    return [
        (name, word, f"{param.envvar} {param.help}")
        for name, command in commands.items()
        for param in command.params
        for word in param.opts
        if word.startswith("--")
    ]


def test_there_are_flags_to_check() -> None:
    commands = {command for command, _, _ in flags()}
    known = "compare completion config doctor ensure info init list logs new resume stop wait"
    assert commands == set(known.split())
    assert len(flags()) > 90


@pytest.mark.parametrize(("command", "flag", "said"), flags())
def test_every_flag_has_its_variable_and_an_example_and_is_in_the_docs(command: str, flag: str, said: str) -> None:
    assert said.startswith(f"TSDIA_RUN_OPT_{flag.removeprefix('--').replace('-', '_').upper()} ")
    assert re.search(rf"Example: .*-{{1,2}}{flag[2]}", said)
    starts_a_training = command in ("new", "resume", "ensure")
    assert f"`{flag}" in text("settings.md" if starts_a_training else "cli.md")


def test_the_page_of_the_commands_is_up_to_date() -> None:
    assert text("cli.md") == runpy.run_path(str(DOCS / "make_cli.py"))["text"](), "run `make docs`"


def test_the_list_of_files_is_up_to_date() -> None:
    assert text("architecture.md") == runpy.run_path(str(DOCS / "make_architecture.py"))["text"](), "run `make docs`"


def test_the_table_of_endings_is_up_to_date() -> None:
    assert text("endings.md") == runpy.run_path(str(DOCS / "make_endings.py"))["text"](), "run `make docs`"


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in build().registered_commands:
        assert command.callback
        assert f"## `tsdia-run {command.name or command.callback.__name__}" in readme


def test_every_exit_code_is_in_the_docs() -> None:
    classes = [
        kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.TsdiaRunError)
    ]
    assert len(classes) > 5
    for kind in classes:
        assert re.search(rf"^\| .*\b{kind.exit_code}\b", text("endings.md"), re.MULTILINE), kind


def test_every_file_of_a_run_is_in_the_docs() -> None:
    layouts = (RunLayout(Path("RUN_DIR")), AttemptLayout(Path("N")))
    names = {
        getattr(layout, name).name
        for layout in layouts
        for name, member in vars(type(layout)).items()
        if isinstance(member, property)
    }
    assert names >= {"config.yml", "run.json", "command.json"}
    for name in names - {"claim", "alive", "heartbeat.json"} | {"`claim`", "`alive`", "exit-rankR.json"}:
        assert name in text("run-directory.md"), name


def test_every_field_and_state_of_the_record_is_in_the_docs() -> None:
    for kind in (Run, Attempt, Outcome, Digest):
        for name in kind.__dataclass_fields__:
            assert re.search(rf"[`.\]]{name}[`\[]", text("run-directory.md")), name
    for state in State:
        assert f"`{state.value}`" in text("run-directory.md")


def test_every_placeholder_is_in_the_docs() -> None:
    target = Target(Path("r"), Path("o"), "n", Path("c"), Path("k"))
    names = re.findall(r"`\{(\w+)\}`", text("settings.md"))
    assert len(names) == 6
    for name in names:
        assert target.value(name) is not None


def test_links_between_docs_resolve() -> None:
    for page in (*DOCS.rglob("*.md"), *ROOT.glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_help_lines_are_short_and_start_with_a_verb() -> None:
    """A help line is an instruction: "Show at most N rows." It fits next to its option in a terminal."""
    verbs = (
        "Add Allow Also Check Compare Give Keep Kill Let Like Limit List Log Look Move Only Pass Prefix Print Read"
        " Recognise Refresh Replace Report Restart Resume Rotate Run Seal Set Show Sort Start Stop Use Verify Wait"
        " Write"
    ).split()
    commands: dict[str, Any] = vars(typer.main.get_command(build()))["commands"]
    texts = {setting.key: setting.help for setting in SETTINGS}
    for name, one in commands.items():
        texts[name] = one.short_help
        texts |= {f"{name} {param.opts[0]}": param.help for param in one.params if param.param_type_name == "option"}
    lines = {where: re.split(r" (?:Default|Example): ", text)[0] for where, text in texts.items()}
    assert {
        where: line for where, line in lines.items() if len(line) > 70 or line.split()[0].strip(",") not in verbs
    } == {}


def test_every_file_in_the_contribution_guide_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:tsdia_run|tests|docs|configs)/[^`]*)`", text)
    assert len(paths) > 15
    for path in paths:
        assert list(ROOT.glob(path)), path
