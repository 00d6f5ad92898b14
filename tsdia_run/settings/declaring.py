"""What the declaration of a setting has, and dataclasses whose fields are such declarations (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, TypeVar

from tsdia_run.settings import kinds
from tsdia_run.settings.kinds import Launcher, ValueKind

_METADATA = "setting"
_T = TypeVar("_T")


class Effect(Enum):
    """What the value of a setting can do."""

    CODE = "can make a program run"
    DATA = "can't make a program run"


CODE, DATA = Effect.CODE, Effect.DATA


@dataclass(frozen=True)
class Flag:
    """The option of a setting on the command line of ``new``, ``ensure`` and ``resume``.

    Attributes:
        name: The option: ``--num-processes``.
        metavar: The name of its value in the help; empty for a switch.
        example: A value, for the help.
        gives: The value that a switch sets.
        help: What a switch does that turns its setting off; empty where the help of the setting says it.
    """

    name: str
    metavar: str = ""
    example: str = ""
    gives: bool = True
    help: str = ""


@dataclass(frozen=True)
class Setting:
    """One setting of the ``tsdia_run:`` section or of a project file.

    Attributes:
        key: Dotted name inside the section.
        effect: What its value can do.
        kind: The type of its value.
        help: One line that starts with a verb.
        default: Its value if no layer sets it.
        flag: Its option, if it has one.
        example: YAML for configs/all-settings.yml, if the default is not a useful example.
        words: The default in words, if its value does not explain it.
    """

    key: str
    effect: Effect
    kind: ValueKind
    help: str
    default: Any = None
    flag: Flag | None = None
    example: str = ""
    words: str = ""


def setting(
    effect: Effect,
    kind: ValueKind,
    text: str,
    default: object = None,
    *,
    flag: Flag | None = None,
    example: str = "",
    words: str = "",
) -> Any:  # noqa: ANN401 - the field has the type that its annotation says
    """Declare a setting: the field of a dataclass."""
    declared = Setting("", effect, kind, text, default, flag, example, words)
    return field(default_factory=lambda: default, metadata={_METADATA: declared})


def group(kind: type[Any]) -> Any:  # noqa: ANN401 - the field has the type that its annotation says
    """Declare a group of settings, whose fields are those of another dataclass."""
    return field(default_factory=kind, metadata={_METADATA: kind})


def shown_default(setting: Setting) -> str:
    """Return the default of a setting as a user would write it in YAML."""
    default = setting.default.value if isinstance(setting.default, Launcher) else setting.default
    if setting.kind is kinds.SIZE and isinstance(default, int):
        return f"{default // 2**20} MiB"
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, str):
        return default
    return json.dumps(default)


def declared_in(kind: type[Any], group: str = "") -> Iterator[Setting]:
    """The settings that a dataclass declares, with their dotted keys."""
    for one in fields(kind):
        declared = one.metadata[_METADATA]
        if isinstance(declared, Setting):
            yield Setting(**{**vars(declared), "key": f"{group}{one.name}"})
        else:
            yield from declared_in(declared, f"{one.name}.")


def filled(kind: type[_T], values: Mapping[str, Any], group: str = "") -> _T:
    """A dataclass of settings with the given values by dotted key; other settings have their defaults."""
    found: dict[str, Any] = {}
    for one in fields(kind):  # type: ignore[arg-type]  # a dataclass
        declared = one.metadata[_METADATA]
        key = f"{group}{one.name}"
        if not isinstance(declared, Setting):
            found[one.name] = filled(declared, values, f"{key}.")
        elif key in values:
            found[one.name] = values[key]
    return kind(**found)
