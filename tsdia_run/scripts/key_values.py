"""Options of scripts without a parser: Hydra, OmegaConf, nanoGPT's configurator, `sys.argv[1]` (pure)."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence

from tsdia_run.config.usual_names import RESUME_NAMES, RUN_DIR_NAMES
from tsdia_run.scripts.reach import Part
from tsdia_run.scripts.script_option import Option, Place, Takes
from tsdia_run.scripts.syntax import constant

_CONFIGURATOR = re.compile(r"exec\(.*configurator\.py")
_USUAL = "|".join(sorted({*RUN_DIR_NAMES, *RESUME_NAMES}, key=len, reverse=True))
# An access by a usual name, `.name` or `"name"`, and what is before it.
_ATTRIBUTE = re.compile(rf"\.({_USUAL}|config\w*|cfg_\w+)\b")
_ITEM = re.compile(rf"[\"']({_USUAL}|config\w*)[\"']")
_BEFORE_ATTRIBUTE = re.compile(r"(?<![\w.)\]])([A-Za-z_]\w*)((?:\.\w+)*)$")
_BEFORE_ITEM = re.compile(r"(?<![\w.)\]])([A-Za-z_]\w*)((?:\[[\"']\w+[\"']\])*)(?:\[|\.get\(|\.pop\()\s*$")
_MAX_BEFORE = 120
# Variables that contain a configuration, by their names or by what they are assigned.
_CONFIG_VARIABLES = frozenset({"cfg", "config", "conf", "args", "opt", "opts", "hparams", "params"})
_ASSIGNED = re.compile(r"(\w+)\s*(?::[^=\n]+)?=\s*(?:OmegaConf|oc)\.\w+\(|\(\s*(\w+)\s*:\s*(?:omegaconf\.)?DictConfig")
_CONFIG_WORDS = re.compile(r"c(?:onfi)?g|conf\b|yaml|json|toml", re.IGNORECASE)


def of_nanogpt(parts: Sequence[Part]) -> Iterator[Option]:
    """Yield the globals of a script that nanoGPT's configurator replaces by `--name=value`."""
    for part in parts:
        if not _CONFIGURATOR.search(part.text):
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
    return any(call in part.text for part in parts for call in ("from_cli(", "OmegaConf.from_dotlist("))


def of_accesses(parts: Sequence[Part], prefix: str = "") -> Iterator[Option]:
    """Yield the keys with usual names that a script reads from its configuration, as `key=value` options.

    Args:
        parts: The statements of the script.
        prefix: What is written before a key.
    """
    for part in parts:
        text = part.text
        roots = {name for names in _ASSIGNED.findall(text) for name in names} | _CONFIG_VARIABLES
        for access, before in ((_ATTRIBUTE, _BEFORE_ATTRIBUTE), (_ITEM, _BEFORE_ITEM)):
            for match in access.finditer(text):
                owner = before.search(text, max(0, match.start() - _MAX_BEFORE), match.start())
                sections = _sections(owner, roots) if owner else None
                is_comment = "#" in text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
                if sections is not None and not is_comment:
                    key = ".".join([*sections, match.group(1)])
                    yield Option(key, f"{prefix}{key}=", Place(part.source.shown, part.line_at(match.start())))


def _sections(owner: re.Match[str], roots: Collection[str]) -> list[str] | None:
    """Return the sections of a configuration that lead to a key; None if the owner is not a configuration."""
    root, sections = owner.group(1), re.findall(r"\w+", owner.group(2))
    while sections and sections[0] in _CONFIG_VARIABLES:
        root = sections.pop(0)
    return sections if root in roots else None


def of_argv(parts: Sequence[Part]) -> Iterator[Option]:
    """Yield the positional arguments that a script takes from `sys.argv` itself."""
    for part in parts:
        for statement, _ in part.holding("argv["):
            option = None if hasattr(statement, "body") else _argument(statement, part)
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
