"""Imports go down only, without a cycle; pure modules have no side effects; the start stays light."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.support.package import modules, nodes
from tsdia_run.cli.main import build

# A room may import from itself and from the rooms named here.
ALLOWED = {
    "errors": set(),
    "text": set(),
    "patterns": set(),
    "files": {"text"},
    "settings": {"config", "files", "errors", "text", "patterns"},
    "config": {"files", "errors", "text"},
    "rundir": {"files", "errors", "text"},
    "provenance": {"rundir", "files", "text"},
    "checkpoints": {"rundir", "files", "errors", "text", "patterns"},
    "claim": {"checkpoints", "rundir", "files", "errors", "text"},
    "outcome": {"checkpoints", "rundir", "files", "errors", "text"},
    "notify": {"rundir", "files", "text"},
    "report": {
        "outcome", "claim", "checkpoints", "rundir", "config", "settings", "files", "errors", "text",
    },
    "training": set(),
    "training.boot": set(),
    "training.hooks": {"training.boot", "checkpoints", "rundir", "config", "files", "errors", "text"},
    "training.api": {"training.hooks", "training.boot", "checkpoints", "rundir", "config", "files", "errors"},
    "relay": set(),
    "scripts": {"config", "settings", "files", "errors", "text"},
    "launch": {"scripts", "checkpoints", "provenance", "rundir", "config", "settings", "files", "errors", "text"},
    "supervise": {"outcome", "claim", "checkpoints", "rundir", "settings", "files", "errors", "text"},
    "workflow": {
        "notify", "scripts", "supervise", "launch", "report",
        "outcome", "claim", "checkpoints", "rundir", "config", "settings", "files",
        "errors", "text",
    },
    "doctor": {
        "launch", "report", "provenance", "claim", "checkpoints", "rundir", "config", "settings", "files", "errors",
        "text",
    },
    "cli": {"workflow", "doctor", "report", "settings", "errors", "text"},
    "examples": set(),
}  # fmt: skip
# What a room may import from a room that it may not import otherwise.
SHARED = {("cli", "tsdia_run.rundir.env.OPTION_PREFIX"), ("cli", "tsdia_run.files.redaction.Redactor")}
PURE = [
    "errors/base", "errors/placing", "errors/launching", "errors/resuming", "errors/lookups",
    "text", "patterns", "cli/bash_words", "settings/kinds", "settings/declared", "settings/declaring",
    "settings/layers",
    "config/document", "config/edits", "config/json_text",
    "config/node_edits", "config/nodes", "config/steps", "config/surprises", "config/toml_edits", "config/writing",
    "config/yaml_text",
    "checkpoints/retention", "checkpoints/naming", "checkpoints/recognition", "checkpoints/order",
    "files/token_formats", "files/redaction", "provenance/git_status", "provenance/patch",
    "relay/cells", "relay/controls", "relay/escapes", "relay/lines", "relay/modes", "relay/outlet",
    "relay/progress_bar", "relay/reflow", "relay/row", "relay/screen",
    "relay/log_mark", "relay/state", "relay/saved_state",
    "launch/accelerate", "launch/changes", "launch/secrets",
    "training/hooks/model_summary",
    "launch/accelerate_config", "launch/launcher_commands", "settings/launchers", "cli/script_words", "errors/typed",
    "supervise/stop_sequence", "outcome/classify", "rundir/headline", "rundir/arguments",
    "rundir/record", "doctor/grades",
    "supervise/policy", "supervise/opens", "report/columns", "report/times", "report/sparkline", "report/formatting",
    "notify/facts", "notify/payloads",
    "report/info_json", "report/rows_json",
]  # fmt: skip
IMPURE_IMPORTS = {"os", "subprocess", "socket", "threading", "time", "logging", "sys", "shutil"}
# errors/ takes the numbers of sysexits.h from os; text.py shows paths as they can be typed in the working directory.
EXCUSED = {("errors/base", "os"), ("text", "os")}


def room(name: str) -> str:
    """Return the room of a module, given by its path or its dotted name; training/ has rooms within."""
    first, *rest = name.replace("/", ".").split(".")
    return f"{first}.{rest[0]}" if first == "training" and rest and rest[0] != "__init__" else first


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    """Return the dotted names of everything that a file imports, also inside functions."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def test_every_room_is_listed() -> None:
    rooms = {room(name) for name in modules()} - {"__init__", "__main__"}
    assert rooms == set(ALLOWED)


def test_imports_go_down_only() -> None:
    found = {
        f"{name} imports {imported}"
        for name, path in modules().items()
        if name not in ("__init__", "__main__")
        for imported in imports_of(path)
        if imported.startswith("tsdia_run.")
        if room(imported.removeprefix("tsdia_run.")) not in {room(name), "__version__", *ALLOWED[room(name)]}
        if (room(name), imported) not in SHARED
    }
    assert found == set()


def test_training_is_started_and_not_imported() -> None:
    """boot and hooks are started as files and by name; the package exports its public names from api when they are
    used.
    """
    from_outside = {
        (name, imported.removeprefix("tsdia_run."))
        for name, path in modules().items()
        for imported in imports_of(path)
        if imported.startswith("tsdia_run.training") and not name.startswith("training/")
    }
    assert {(name, room(imported)) for name, imported in from_outside} == {("__init__", "training.api")}


def test_every_allowed_edge_is_used() -> None:
    used: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for name, path in modules().items():
        for imported in imports_of(path):
            if name not in ("__init__", "__main__") and imported.startswith("tsdia_run."):
                used[room(name)].add(room(imported.removeprefix("tsdia_run.")))
    assert {name: allowed - used[name] for name, allowed in ALLOWED.items() if allowed - used[name]} == {}


def test_no_import_cycle() -> None:
    names = {name.removesuffix("/__init__").replace("/", ".") for name in modules()}
    graph: dict[str, set[str]] = {}
    for name, path in modules().items():
        own = name.removesuffix("/__init__").replace("/", ".")
        targets = set()
        for imported in imports_of(path):
            if imported.startswith("tsdia_run."):
                inner = imported.removeprefix("tsdia_run.")
                # `from package import module` names the module; `from module import name` the module without the name.
                targets |= {inner} & names or {inner.rpartition(".")[0]} & names
        graph[own] = targets - {own}
    finished: set[str] = set()

    def visit(node: str, trail: tuple[str, ...]) -> None:
        assert node not in trail, f"cycle: {' -> '.join((*trail, node))}"
        if node not in finished:
            for target in graph[node]:
                visit(target, (*trail, node))
            finished.add(node)

    for node in graph:
        visit(node, ())


def test_workflow_knows_no_command_line() -> None:
    """workflow/ neither parses arguments nor prints nor exits: cli/ does."""
    for name, path in modules().items():
        if room(name) == "workflow":
            assert not {imported.split(".")[0] for imported in imports_of(path)} & {"typer", "rich", "sys", "click"}, (
                name
            )


def test_pure_modules_import_nothing_with_side_effects() -> None:
    found = {
        (name, top)
        for name in PURE
        for top in {imported.split(".")[0] for imported in imports_of(modules()[name])} & IMPURE_IMPORTS
    }
    assert found - EXCUSED == set()


# The script's own traceback shows the second one; no command can add the line there.
SUGGEST_COMMANDS = ("report/suggestions", "training/boot/refusal")


def test_commands_are_suggested_by_one_module() -> None:
    """A help text may name commands too; a message takes them from report/suggestions.py, where they are built."""
    command = re.compile(r"tsdia-run (new|resume|ensure|stop|info|logs|list|compare) ")
    found = []
    for name, path in modules().items():
        docstrings = {
            ast.get_docstring(node, clean=False)
            for node in nodes(path)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        }
        for node in nodes(path):
            words = node.elts if isinstance(node, ast.List) else [node]
            text = words[0].value if words and isinstance(words[0], ast.Constant) else None
            is_argv = isinstance(node, ast.List) and text == "tsdia-run"
            is_line = isinstance(text, str) and bool(command.search(f"{text} ")) and text not in docstrings
            is_help = room(name) == "cli" and any(mark in str(text) for mark in ("\n", "`", "CONFIG"))
            if name not in SUGGEST_COMMANDS and (is_argv or (is_line and not is_help)):
                found.append((name, text))
    assert found == []


# Where flags of tsdia-run are declared or built into suggestions.
NAMES_FLAGS = {"settings/declared", "report/suggestions"}
# Flags that scripts have too; and the one of tsdia-run that must be in the script's process.
FOREIGN_FLAGS = {
    "launch/command": {"--config"},  # the flag that a script with a config gets
    "launch/plan": {"--config"},
    "rundir/installing": {"--python"},  # of uv
    "launch/launcher_commands": {"--module"},  # of torchrun
    "launch/script_settings": {"--config"},
    "scripts/interface": {"--config"},
    "scripts/built_options": {"--config"},
    "examples/char_lm": {"--config"},
    "examples/sine": {"--config"},
    # The script's own traceback shows it; no command can add the flag there.
    "training/boot/refusal": {"--from-scratch"},
}


def flags_of_commands() -> set[str]:
    """Return every flag that a command has, including off switches."""
    group: Any = typer.main.get_command(build())
    parameters = [one for command in (group, *group.commands.values()) for one in command.params]
    return {word for one in parameters for word in (*one.opts, *one.secondary_opts) if word.startswith("--")}


def test_only_the_command_line_names_its_flags() -> None:
    """Errors, warnings and notes carry facts; cli/ adds the flags. Docstrings may name them."""
    flags = flags_of_commands()
    assert {"--run-dir", "--from-scratch", "--since", "--now", "--num-processes"} <= flags
    found = [
        (name, flag)
        for name, path in modules().items()
        if room(name) != "cli" and name not in NAMES_FLAGS
        for text in strings_of(path)
        for flag in flags & set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text)) - FOREIGN_FLAGS.get(name, set())
    ]
    assert found == []


def strings_of(path: Path) -> Iterator[str]:
    """Return the strings of a module, except for the docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in nodes(path)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("room_name", ["relay", "training.boot", "training.hooks", "training.api"])
def test_code_inside_the_training_needs_only_the_standard_library(room_name: str) -> None:
    for name, path in modules().items():
        if room(name) == room_name:
            tops = {imported.split(".")[0] for imported in imports_of(path)}
            lazily_from_the_user = {"accelerate", "torch"}
            assert tops - lazily_from_the_user <= {*sys.stdlib_module_names, "tsdia_run"}, name


@pytest.mark.parametrize("words", [["--help"], ["new", "--entrypoint", "a.sh", "--name", "x", "--dry-run"], ["list"]])
def test_the_command_starts_without_heavy_packages(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text("#!/bin/sh\n")
    (tmp_path / "a.sh").chmod(0o755)
    code = (
        "import contextlib, sys\n"
        "from tsdia_run.cli.main import main\n"
        f"sys.argv[1:] = {words!r}\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "heavy = {'torch', 'accelerate', 'wandb', 'rich', 'numpy', 'psutil', 'pydantic'}\n"
        "print('heavy', sorted(heavy & set(sys.modules)))\n"
    )
    env = {**os.environ, "TSDIA_RUN_OPT_LAUNCHER": "python"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=env
    )
    assert done.stdout.splitlines()[-1] == "heavy []"
