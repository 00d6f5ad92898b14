"""Options of scripts without a parser: Hydra, OmegaConf, nanoGPT's configurator, `sys.argv[1]` (pure)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from tsdia_run.config.usual_names import RESUME_NAMES, RUN_DIR_NAMES
from tsdia_run.scripts.reach import Part
from tsdia_run.scripts.script_option import Option, Place, Takes
from tsdia_run.scripts.syntax import constant

_CONFIGURATOR = re.compile(r"exec\(.*configurator\.py")
_FROM_CLI = re.compile(r"\b(?:OmegaConf|oc)\.from_(?:cli|dotlist)\(|\bfrom_cli\(")
_USUAL = "|".join(sorted({*RUN_DIR_NAMES, *RESUME_NAMES, "init_from"}, key=len, reverse=True))
_CHAIN = re.compile(rf"(?<![\w.)\]])([A-Za-z_]\w*)((?:\.\w+)*)\.({_USUAL}|config\w*|cfg_\w+)\b")
_ITEM = re.compile(
    rf"(?<![\w.)\]])([A-Za-z_]\w*)((?:\[[\"']\w+[\"']\])*)(?:\[|\.get\(|\.pop\()\s*[\"']({_USUAL}|config\w*)[\"']"
)
# Variables that contain a configuration, by their names or by what they are assigned.
_CONFIG_VARIABLES = frozenset({"cfg", "config", "conf", "args", "opt", "opts", "hparams", "params"})
_ASSIGNED = re.compile(r"(\w+)\s*(?::[^=\n]+)?=\s*(?:OmegaConf|oc)\.\w+\(|\(\s*(\w+)\s*:\s*(?:omegaconf\.)?DictConfig")
_ARGV = re.compile(r"\bargv\[(-?\d)\]|\bargv\.pop\(1\)")
_CONFIG_WORDS = re.compile(r"c(?:onfi)?g|conf\b|yaml|json|toml", re.IGNORECASE)


def of_nanogpt(parts: Sequence[Part]) -> Iterator[Option]:
    """Yield the globals of a script that nanoGPT's configurator replaces by `--name=value`."""
    for part in parts:
        if not _CONFIGURATOR.search(part.text()):
            continue
        for node in part.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        value = node.value.value
                        takes = Takes.BOOLEAN if isinstance(value, bool) else Takes.VALUE
                        place = Place(part.source.shown, node.lineno)
                        yield Option(target.id, f"--{target.id}=", place, takes, default=value)


def uses_from_cli(parts: Sequence[Part]) -> bool:
    """Return whether a script reads `key=value` arguments with OmegaConf."""
    return any(_FROM_CLI.search(part.text()) for part in parts)


def of_accesses(parts: Sequence[Part], prefix: str = "") -> Iterator[Option]:
    """Yield the keys with usual names that a script reads from its configuration, as `key=value` options.

    Args:
        parts: The statements of the script.
        prefix: What is written before a key.
    """
    for part in parts:
        text = part.text()
        roots = {name for names in _ASSIGNED.findall(text) for name in names} | _CONFIG_VARIABLES
        for pattern in (_CHAIN, _ITEM):
            for match in pattern.finditer(text):
                root, inner, name = match.groups()
                sections = re.findall(r"\w+", inner)
                while sections and sections[0] in _CONFIG_VARIABLES:
                    root = sections.pop(0)
                is_comment = "#" in text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
                if root in roots and not is_comment:
                    key = ".".join([*sections, name])
                    yield Option(key, f"{prefix}{key}=", Place(part.source.shown, part.line_of(match)))


def of_argv(parts: Sequence[Part]) -> Iterator[Option]:
    """Yield the positional arguments that a script takes from `sys.argv` itself."""
    for part in parts:
        lines = part.source.lines_with(_ARGV)
        for statement in part.statements() if lines else ():
            last = statement.end_lineno or statement.lineno
            if hasattr(statement, "body") or not any(statement.lineno <= line <= last for line in lines):
                continue
            option = _argument(statement, part)
            if option is not None:
                yield option


def _argument(statement: ast.stmt, part: Part) -> Option | None:
    """Return the argument that a statement reads; its name is that of its variable, or tells that it is a config."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("argv"):
            number = constant(node.slice)
            if not isinstance(number, int) or number < 1:
                continue
            targets = statement.targets if isinstance(statement, ast.Assign) else ()
            named = next((target.id for target in targets if isinstance(target, ast.Name)), "")
            is_config = bool(_CONFIG_WORDS.search(ast.unparse(statement)))
            name = named if named.lower() in RUN_DIR_NAMES or not is_config else "config"
            place = Place(part.source.shown, statement.lineno)
            return Option(name, "", place, position=number - 1, is_config=name == "config")
    return None
