"""Options that a script declares one by one: argparse and its relatives, click, absl (pure)."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tsdia_run.scripts.reach import Part
from tsdia_run.scripts.script_option import Option, Place, Takes
from tsdia_run.scripts.syntax import PythonFile, constant, keywords, last_name, texts

_WORDS = (".add_argument", "add_arg(", "option(", "argument(", "DEFINE_")
_BOUND_METHOD = re.compile(r"\.add_argument\b(?!\s*\()")
_TARGET = re.compile(r"\s*(\w+)\s*=")
_COMMAND = re.compile(r"(\w+)\s*=\s*[^=\n]*\.add_parser\(\s*[\"']([\w-]+)")
_GROUP = re.compile(r"(\w+)\s*=\s*(\w+)\.add_(?:argument|mutually_exclusive)_group\(")
_USE = re.compile(r"(\w+)\(\s*(?:parser\s*=\s*)?(\w+)\s*[,)]")
_SWITCHES = ("store_true", "store_const", "BooleanOptionalAction")
_CONFIG_ACTIONS = ("config", "ActionConfigFile", "ActionParser", "ActionYAMLFile")
_IGNORED_ACTIONS = ("store_false", "help", "version", "append", "count", "extend", "append_const")
_ABSL = {
    "string": Takes.VALUE,
    "enum": Takes.VALUE,
    "bool": Takes.SWITCH,
    "boolean": Takes.SWITCH,
    "integer": Takes.NUMBER,
    "float": Takes.NUMBER,
}


@dataclass
class _Commands:
    """The sub-commands of a script, by the names of their parsers and of functions that such a parser is passed to."""

    parsers: dict[str, list[str]] = field(default_factory=dict)
    functions: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Sequence[Part]) -> _Commands:
        """Find the sub-commands in the text of the parts."""
        found = cls()
        for part in parts:
            text = part.text
            if "add_parser" not in text:
                continue
            for variable, command in _COMMAND.findall(text):
                found.parsers.setdefault(variable, []).append(command)
            for group, owner in _GROUP.findall(text):
                found.parsers.setdefault(group, []).extend(found.parsers.get(owner, ()))
            for function, argument in _USE.findall(text):
                found.functions.setdefault(function, []).extend(found.parsers.get(argument, ()))
        return found

    def of_call(self, call: ast.Call, function: ast.AST | None) -> Sequence[str]:
        """Return the commands of a declaration; only an empty one for the main parser."""
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        while isinstance(owner, ast.Call):
            if last_name(owner.func) == "add_parser":
                return texts(owner.args[:1]) or [""]
            owner = owner.func.value if isinstance(owner.func, ast.Attribute) else owner.func
        passed = self.functions.get(function.name, ()) if isinstance(function, ast.FunctionDef) else ()
        return list(passed) or self.parsers.get(last_name(owner)) or [""]


def declared(parts: Sequence[Part]) -> Iterator[tuple[str, Option]]:
    """Yield the declared options with the names of their libraries, in the order of the text."""
    commands = _Commands.of(parts)
    positions: Counter[str] = Counter()
    for part in parts:
        for library, option in _of_part(part, commands):
            found = option
            if not option.spelled:
                found = replace(option, position=positions[option.command])
                positions[option.command] += 1
            yield library, found


def _of_part(part: Part, commands: _Commands) -> Iterator[tuple[str, Option]]:
    aliases = _aliases(part.text)
    for statement, function in part.holding(*_WORDS, *(f"{alias}(" for alias in aliases)):
        decorators = getattr(statement, "decorator_list", None)
        if decorators is None and hasattr(statement, "body"):
            continue
        for node in ast.walk(statement) if decorators is None else decorators:
            if not isinstance(node, ast.Call):
                continue
            name = last_name(node.func)
            if decorators is not None and name in ("option", "argument"):
                yield from _of_click(node, statement, part.source)
            elif name.startswith("DEFINE_"):
                yield from _of_absl(node, part.source)
            elif decorators is None and (name in ("add_argument", "add_arg") or name in aliases):
                for command in commands.of_call(node, function):
                    yield from _of_argparse(node, part.source, command)


def _aliases(text: str) -> set[str]:
    """Return the variables that are `add_argument` of a parser: `add = parser.add_argument`."""
    found = set()
    for match in _BOUND_METHOD.finditer(text):
        target = _TARGET.match(text, text.rfind("\n", 0, match.start()) + 1)
        if target is not None:
            found.add(target.group(1))
    return found


def _of_argparse(call: ast.Call, source: PythonFile, command: str) -> Iterator[tuple[str, Option]]:
    names, words = texts(call.args), keywords(call)
    action = words.get("action")
    kind = constant(action) if isinstance(constant(action), str) else last_name(action) if action else ""
    if not names or kind in _IGNORED_ACTIONS:
        return
    flags = [name for name in names if name.startswith("-")]
    long = [flag for flag in flags if flag.startswith("--")]
    spelled = (long or flags or [""])[0]
    destination = constant(words.get("dest"))
    name = destination if isinstance(destination, str) else (spelled or names[0]).lstrip("-").replace("-", "_")
    default = words.get("default")
    yield (
        "argparse",
        Option(
            name=name,
            spelled=spelled,
            place=Place(source.shown, call.lineno),
            takes=Takes.SWITCH if kind in _SWITCHES else _type(words.get("type")),
            choices=_choices(words.get("choices")),
            default=_text_or_constant(default),
            is_required=constant(words.get("required")) is True,
            command=command,
            is_config=kind in _CONFIG_ACTIONS or constant(words.get("is_config_file")) is True,
        ),
    )


def _of_click(call: ast.Call, function: ast.stmt, source: PythonFile) -> Iterator[tuple[str, Option]]:
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
    names, words = texts(call.args), keywords(call)
    if not names:
        return
    is_option = last_name(call.func) == "option"
    flags = [name for name in names if name.startswith("-")]
    long = [flag for flag in flags if flag.startswith("--")]
    spelled, _, negative = (long or flags or [""])[0].partition("/") if is_option else ("", "", "")
    own = [name for name in names if not name.startswith("-")]
    is_switch = bool(negative) or constant(words.get("is_flag")) is True
    yield (
        "click",
        Option(
            name=(own or [spelled.lstrip("-")])[0].replace("-", "_"),
            spelled=spelled.strip(),
            place=Place(source.shown, call.lineno),
            takes=Takes.SWITCH if is_switch else _type(words.get("type")),
            choices=_choices(words.get("type")),
            default=constant(words.get("default")),
            is_required=constant(words.get("required")) is True,
            command=_click_command(function),
        ),
    )


def _click_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the sub-command that a function is; empty if the function is the whole program."""
    for decorator in function.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(call, ast.Attribute) and call.attr == "command" and "click" not in last_name(call.value):
            named = texts(decorator.args[:1]) if isinstance(decorator, ast.Call) else []
            return (named or [function.name.replace("_", "-")])[0]
    return ""


def _of_absl(call: ast.Call, source: PythonFile) -> Iterator[tuple[str, Option]]:
    names, words = texts(call.args[:1]), keywords(call)
    takes = _ABSL.get(last_name(call.func).removeprefix("DEFINE_"))
    default = words.get("default") or (call.args[1] if len(call.args) > 1 else None)
    is_config = last_name(call.func) == "DEFINE_config_file"
    if names and (takes or is_config):
        yield (
            "absl",
            Option(
                name=names[0],
                spelled=f"--{names[0]}",
                place=Place(source.shown, call.lineno),
                takes=takes or Takes.VALUE,
                choices=_choices(call.args[2]) if last_name(call.func) == "DEFINE_enum" and len(call.args) > 2 else (),
                default=constant(default),
                is_required=constant(words.get("required")) is True,
                is_config=is_config,
            ),
        )


def _type(node: ast.expr | None) -> Takes:
    if node is None or isinstance(node, ast.Constant):
        return Takes.VALUE
    name = last_name(node).lower()
    text = name or ast.unparse(node).lower()
    if name in ("int", "float", "intrange", "floatrange"):
        return Takes.NUMBER
    return Takes.BOOLEAN if "bool" in text or "'true'" in text else Takes.VALUE


def _choices(node: ast.AST | None) -> tuple[str, ...]:
    """Return the strings in a list of choices, also within `click.Choice(...)`."""
    if isinstance(node, ast.Call) and last_name(node.func) == "Choice" and node.args:
        node = node.args[0]
    return tuple(texts(node.elts)) if isinstance(node, (ast.List, ast.Tuple, ast.Set)) else ()


def _text_or_constant(node: ast.expr | None) -> object:
    if isinstance(node, ast.Call) and last_name(node.func) == "Path":
        return constant(node.args[0]) if node.args else None
    return constant(node)
