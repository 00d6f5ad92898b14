"""Options that libraries build from classes and functions: HfArgumentParser, typer, fire, tyro, jsonargparse (pure)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence

from tsdia_run.scripts.reach import Part
from tsdia_run.scripts.script_option import Option, Place, Takes
from tsdia_run.scripts.signatures import Definitions, Function, Parameter, of_function
from tsdia_run.scripts.syntax import PythonFile, constant, first_name, keywords, last_name, texts

_WORDS = (
    "Fire(", "typer.run(", "cli(", "HfArgumentParser(", "TrlParser(", "H4ArgumentParser(", "CLI(", "_arguments(",
    "_args(", "pyrallis", "draccus",
)  # fmt: skip
_HF_PARSERS = ("HfArgumentParser", "TrlParser", "H4ArgumentParser")
_LIGHTNING_COMMANDS = ("fit", "validate", "test", "predict")
_ADDING = {
    "add_class_arguments": 1,
    "add_lightning_class_args": 1,
    "add_dataclass_arguments": 1,
    "add_function_arguments": 1,
}
Found = tuple[str, Option]


def built(parts: Sequence[Part]) -> Iterator[Found]:
    """Yield the options that libraries build, with the names of the libraries."""
    if not any(word in part.text for part in parts for word in (*_WORDS, "Typer(")):
        return
    definitions = Definitions(parts)
    for part in parts:
        for statement, _ in part.holding(*_WORDS):
            if isinstance(statement, Function):
                for decorator in statement.decorator_list:
                    yield from _of_decorator(decorator, statement, part.source.shown, definitions)
            elif not hasattr(statement, "body"):
                for node in ast.walk(statement):
                    if isinstance(node, ast.Call):
                        yield from _of_call(node, part.source, definitions)
    yield from _typer_commands(parts)


def _of_call(call: ast.Call, source: PythonFile, definitions: Definitions) -> Iterator[Found]:
    name, base, place = last_name(call.func), first_name(call.func), Place(source.shown, call.lineno)
    words = keywords(call)
    if name in _HF_PARSERS:
        yield from _of_hf(call, place, definitions, "trl" if name == "TrlParser" else "HfArgumentParser")
    elif name == "Fire":
        yield from _of_fire(call, place, definitions)
    elif name == "cli" and "tyro" in source.text:
        yield from _from("tyro", last_name(call.args[0]) if call.args else "", place, definitions, _hyphens)
    elif name == "run" and base == "typer" and call.args:
        yield from _of_typer(definitions.parameters(last_name(call.args[0]), place), "")
    elif name == "LightningCLI" or (name.endswith("LightningCLI") and name not in definitions):
        yield from _of_lightning(words, place)
    elif name in ("CLI", "auto_cli"):
        yield "jsonargparse", Option("config", "--config", place, is_config=True)
        components = words.get("components") or (call.args[0] if call.args else None)
        yield from _from("jsonargparse", last_name(components) if components else "", place, definitions, _plain)
    elif name in _ADDING and call.args:
        nested = call.args[1] if len(call.args) > 1 else words.get("nested_key")
        prefix = f"{constant(nested)}." if constant(nested) else ""
        yield from _from("jsonargparse", last_name(call.args[0]), place, definitions, _plain, prefix)
        if last_name(call.args[0]) == "Trainer" and "Trainer" not in definitions:
            yield "jsonargparse", Option(f"{prefix}default_root_dir", f"--{prefix}default_root_dir", place)
    elif name == "add_arguments" and call.args:
        yield from _from("simple-parsing", last_name(call.args[0]), place, definitions, _plain)
    elif base in ("pyrallis", "draccus") and name == "parse":
        config = words.get("config_class") or (call.args[0] if call.args else None)
        yield from _of_pyrallis(last_name(config) if config else "", base, place, definitions)


def _of_decorator(
    decorator: ast.expr, function: ast.FunctionDef | ast.AsyncFunctionDef, file: str, definitions: Definitions
) -> Iterator[Found]:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    if first_name(call) in ("pyrallis", "draccus") and last_name(call) == "wrap":
        first = next(of_function(function, file), None)
        if first is not None:
            yield from _of_pyrallis(first.class_name(), first_name(call), first.place, definitions)


def _plain(name: str) -> str:
    return f"--{name}"


def _hyphens(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _from(
    library: str,
    name: str,
    place: Place,
    definitions: Definitions,
    spell: Callable[[str], str],
    prefix: str = "",
) -> Iterator[Found]:
    """Yield an option for each parameter of a class or function, and for those of the classes in it."""
    for one in definitions.parameters(name, place):
        inner = one.class_name()
        if inner in definitions and inner != name and not prefix.count(".") > 1:
            yield from _from(library, inner, one.place, definitions, spell, f"{prefix}{one.name}.")
        else:
            takes = Takes.SWITCH if library == "tyro" and one.takes is Takes.BOOLEAN else one.takes
            yield library, _option(one, f"{prefix}{one.name}", spell(f"{prefix}{one.name}"), takes)


def _option(one: Parameter, name: str, spelled: str, takes: Takes, command: str = "") -> Option:
    is_required = one.default is None and one.name not in ("output_dir", "resume_from_checkpoint")
    return Option(name, spelled, one.place, takes, one.choices, one.value, is_required=is_required, command=command)


def _of_hf(call: ast.Call, place: Place, definitions: Definitions, library: str) -> Iterator[Found]:
    if library == "trl":
        yield library, Option("config", "--config", place, is_config=True)
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "dataclass_types")]
    for node in given:
        for one in node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]:
            yield from _from(library, last_name(one), place, definitions, _plain)


def _of_fire(call: ast.Call, place: Place, definitions: Definitions) -> Iterator[Found]:
    component = call.args[0] if call.args else None
    if isinstance(component, ast.Dict):
        pairs = zip(component.keys, component.values, strict=True)
        named = {str(constant(key)): last_name(value) for key, value in pairs}
    elif component is None:
        named = {name: name for name in definitions.function_names() if not name.startswith("_")}
    else:
        named = {"": last_name(component)}
    for command, name in named.items():
        for one in definitions.parameters(name, place):
            yield "fire", _option(one, one.name, f"--{one.name}=", one.takes, command)


def _of_lightning(words: dict[str, ast.expr], place: Place) -> Iterator[Found]:
    commands = ("",) if constant(words.get("run")) is False else _LIGHTNING_COMMANDS
    for command in commands:
        yield "LightningCLI", Option("config", "--config", place, command=command, is_config=True)
        root = "trainer.default_root_dir"
        yield "LightningCLI", Option(root, f"--{root}", place, command=command)
        if command:
            yield "LightningCLI", Option("ckpt_path", "--ckpt_path", place, command=command)


def _of_pyrallis(name: str, library: str, place: Place, definitions: Definitions) -> Iterator[Found]:
    yield library, Option("config_path", "--config_path", place, is_config=True)
    yield from _from(library, name, place, definitions, _plain)


def _typer_commands(parts: Sequence[Part]) -> Iterator[Found]:
    """Yield the options of functions that a Typer app runs; with several of them, each is a sub-command."""
    found = []
    for part in parts:
        if "Typer(" not in part.source.text:
            continue
        apps = set(re.findall(r"(\w+)\s*(?::[^=\n]+)?=\s*(?:typer\.)?Typer\(", part.source.text))
        for node, _ in part.holding(".command"):
            for decorator in node.decorator_list if isinstance(node, Function) else ():
                call = decorator.func if isinstance(decorator, ast.Call) else decorator
                if first_name(call) in apps and last_name(call) == "command":
                    named = texts(decorator.args[:1]) if isinstance(decorator, ast.Call) else []
                    assert isinstance(node, Function)
                    found.append(((named or [node.name.replace("_", "-")])[0], node, part.source.shown))
    for command, node, file in found:
        yield from _of_typer(list(of_function(node, file)), command if len(found) > 1 else "")


def _of_typer(parameters: Sequence[Parameter], command: str) -> Iterator[Found]:
    position = 0
    for one in parameters:
        given_by = [node for node in (one.default, one.annotation) if node is not None]
        calls = [inner for node in given_by for inner in ast.walk(node)]
        marks = {last_name(node.func): node for node in calls if isinstance(node, ast.Call)}
        given = (
            [name for name in texts(list(marks["Option"].args)) if name.startswith("--")] if "Option" in marks else []
        )
        spelled = (given or [_hyphens(one.name)])[0].partition("/")[0]
        takes = Takes.SWITCH if one.takes is Takes.BOOLEAN else one.takes
        if "Argument" in marks or (one.default is None and "Option" not in marks):
            yield "typer", Option(one.name, "", one.place, takes, command=command, position=position)
            position += 1
        else:
            yield "typer", Option(one.name, spelled, one.place, takes, one.choices, one.value, command=command)
