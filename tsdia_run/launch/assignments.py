"""Turn the assignments of a start (``KEY=VALUE``, ``+KEY=VALUE``) into edits of its config.

A key must exist in the config or in a config that it names, since a script ignores most keys that it does not know.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tsdia_run import config
from tsdia_run.config import Document, Edited, Set
from tsdia_run.errors import TsdiaRunError
from tsdia_run.errors.launching import KeyNotInConfig, SectionReplaced, SettingAssigned
from tsdia_run.launch import named_files
from tsdia_run.settings import SECTION, SETTINGS, Setting, kinds
from tsdia_run.text import count, nearest

# Aliases of aliases multiply keys; a suggestion needs no more than these.
_MAX_KEYS = 10_000
_MAX_VALUE_CHARACTERS = 60
_MAPPINGS = (kinds.VARIABLES, kinds.VALUES)
_FALSE = ("false", "no", "off", "0")


def edits_of(assignments: Sequence[str], document: Document, cwd: Path) -> tuple[list[Set], list[SectionReplaced]]:
    """Return the edits, and warnings about sections that a value replaces.

    Args:
        assignments: The assignments, in order.
        document: The config.
        cwd: The working directory of the script.

    Raises:
        UsageError: An assignment can't be parsed, or is about a setting of tsdia-run.
        ConfigError: The config has no such key.
    """
    edits: list[Set] = []
    warnings: list[SectionReplaced] = []
    for assignment in assignments:
        key, text, adds = config.split_override(assignment)
        _refuse_setting(key, assignment, text, document)
        if document.find(key) is None and not adds:
            # An earlier assignment may have added its section.
            _refuse_unknown(key, assignment, config.apply(document, edits).document, cwd)
        edit = config.parse_override(assignment, document)
        old = document.find(key)
        if old is not None and _is_lost(old.plain, edit.value):
            warnings.append(SectionReplaced(key, count(len(old.plain), "key"), next(iter(old.plain))))
        edits.append(edit)
    return edits, warnings


def _is_lost(old: object, new: object) -> bool:
    """Return whether a value other than null or false, which switch a section off, replaces a section."""
    return isinstance(old, Mapping) and bool(old) and not isinstance(new, Mapping) and new not in (None, False)


def _refuse_setting(key: str, assignment: str, text: str, document: Document) -> None:
    section, _, name = key.partition(".")
    if section != SECTION:
        return
    known = next(
        (one for one in SETTINGS if one.key == name or (one.kind in _MAPPINGS and _is_in(name, one.key))), None
    )
    raise SettingAssigned(
        assignment,
        known.key if known else None,
        value=f"{{{name[len(known.key) + 1 :]}: {text}}}" if known and known.key != name else text,
        flag=_flag_for(known, text) if known else None,
        near=None if known else nearest(name, [setting.key for setting in SETTINGS]),
        source=document.source,
    )


def _is_in(key: str, section: str) -> bool:
    return key.startswith(f"{section}.")


def _flag_for(setting: Setting, text: str) -> tuple[str, bool] | None:
    """Return the option that gives a setting this value, and whether it takes a value; None without such an option."""
    flag = setting.flag
    if flag is None:
        return None
    return (flag.name, bool(flag.metavar)) if flag.metavar or flag.gives == (text.lower() not in _FALSE) else None


def _refuse_unknown(key: str, assignment: str, document: Document, cwd: Path) -> None:
    if document.find(key) is not None:
        return
    named, (dead_end, can_add) = list(_named(document, cwd)), _dead_end(key, document)
    if can_add and any(_has(one, key) for one in named):
        return
    known = [name for one in (document, *named) for name in _keys(one.plain(), "") if not _is_in(key, name)][:_MAX_KEYS]
    raise KeyNotInConfig(document.source, key, assignment, _nearest(key, known), dead_end, can_add)


def _named(document: Document, cwd: Path) -> Iterator[Document]:
    """Yield the configs that a config names, as far as tsdia-run can read them."""
    folder = Path(os.path.abspath(document.source)).parent
    for path, data in named_files.resolve(Edited(document, ()), folder, cwd).files.items():
        try:
            yield config.parse(data, str(path))
        except TsdiaRunError:  # not a config, such as a Python file
            continue


def _has(named: Document, key: str) -> bool:
    """Return whether a named config has a key: at the same place, or below a section that includes the file."""
    parts = key.split(".")
    return any(named.find(".".join(parts[start:])) is not None for start in range(len(parts)))


def _keys(data: Any, key: str) -> Iterator[str]:  # noqa: ANN401 - whatever the format holds
    if key:
        yield key
    items = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for name, inner in items:
        yield from _keys(inner, f"{key}.{name}" if key else str(name))


def _nearest(key: str, known: Sequence[str]) -> str | None:
    """Return the key that was probably meant: the same name in a section, a similar key, or a similar name."""
    ending = sorted((name for name in known if name.endswith(f".{key}")), key=len)
    names = {name.rpartition(".")[2]: name for name in reversed(known)}
    near_name = nearest(key.rpartition(".")[2], names)
    return next(iter(ending), None) or nearest(key, known) or (names[near_name] if near_name else None)


def _dead_end(key: str, document: Document) -> tuple[str, bool]:
    """Return where the path of a key ends, as text for users, and whether the key can be added there."""
    parts = key.split(".")
    for end in range(len(parts) - 1, 0, -1):
        parent = ".".join(parts[:end])
        found = document.find(parent)
        if found is None:
            continue
        if isinstance(found.plain, list):
            return f"`{parent}` is a list of {count(len(found.plain), 'item')}, numbered from 0", False
        if isinstance(found.plain, Mapping) or found.plain is None:
            return "", True
        text = str(found.plain)
        short = text if len(text) <= _MAX_VALUE_CHARACTERS else text[: _MAX_VALUE_CHARACTERS - 1] + "…"
        return f"`{parent}` is a value, not a section: {short}", False
    return "", True
