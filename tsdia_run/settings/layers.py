"""The layers over the defaults: flags > environment > config section > project file > user file > defaults (pure).

A layer holds the values from one place; ``resolve`` merges the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from tsdia_run.errors import ConfigError, SourcePosition
from tsdia_run.errors.launching import InvalidSetting, TwoEntrypoints
from tsdia_run.settings.declared import SETTINGS, Settings
from tsdia_run.settings.declaring import Setting, filled
from tsdia_run.text import nearest, shown

SECTION = "tsdia_run"
Locate = Callable[[str], "SourcePosition | None"]
_BY_KEY = {setting.key: setting for setting in SETTINGS}
_GROUPS = {setting.key.split(".", 1)[0] for setting in SETTINGS if "." in setting.key}
_SECRET_GROUPS = {setting.key.split(".", 1)[0] for setting in SETTINGS if setting.kind.is_secret}


class Level(Enum):
    """The kind of place that a value comes from, the highest priority first."""

    FLAG = "flag"
    VARIABLE = "environment variable"
    CONFIG = "config"
    PROJECT = "project file"
    USER = "user file"
    DEFAULT = "default"


GIVEN = (Level.FLAG, Level.VARIABLE)


@dataclass(frozen=True)
class Origin:
    """The place that a value comes from.

    Attributes:
        level: The kind of the place.
        place: The place, as text for users: `tsdia-run.yml:3`, `--max-restarts`; may be empty.
    """

    level: Level
    place: str = ""


@dataclass(frozen=True)
class Layer:
    """The settings from one place.

    Attributes:
        source: The place, as messages name it: "the command line", "config.yml", "pyproject.toml".
        values: Checked values by dotted key.
        level: The kind of the place.
        locate: Returns the position of a key in a file.
        variables: The environment variables that set a key of the command line, by key.
    """

    source: str
    values: Mapping[str, Any] = field(default_factory=dict)
    level: Level = Level.DEFAULT
    locate: Locate | None = field(default=None, compare=False, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)

    def origin(self, key: str) -> Origin:
        """Return where the value of a key comes from."""
        if self.level in GIVEN:
            setting, variable = _BY_KEY.get(key), self.variables.get(key)  # `env.NAME` is not a setting
            flag = setting.flag if setting else None
            return Origin(Level.VARIABLE, variable) if variable else Origin(Level.FLAG, flag.name if flag else "")
        if self.level is Level.DEFAULT:
            return Origin(Level.DEFAULT)
        position = self.locate(key) if self.locate else None
        source = shown(Path(self.source))
        return Origin(self.level, f"{source}:{position.line}" if position else source)


def read_layer(source: str, section: object, locate: Locate, level: Level = Level.DEFAULT) -> Layer:
    """Validate the settings from a file.

    Args:
        source: The file, for messages.
        section: The plain data of the section; None if it is empty.
        locate: Returns the ``SourcePosition`` of a dotted key in the section, or None.
        level: The kind of the file.

    Raises:
        ConfigError: A key is unknown, or a value has the wrong type.
    """
    if section is None:
        return Layer(source, level=level)
    if not isinstance(section, Mapping):
        raise ConfigError(
            "the settings of tsdia-run must be a mapping",
            place=locate(""),
            hint="Write them as `key: value` lines, indented below the section's name; docs/settings.md lists them.",
        )
    values: dict[str, Any] = {}
    for key, value in _dotted(section):
        setting = _BY_KEY.get(key)
        if setting is None:
            raise _unknown(key, locate(key))
        if value is not None:
            values[key] = _checked(setting, value, locate(key))
    _refuse_two_entrypoints(values, locate)
    return Layer(source, values, level, locate)


def _refuse_two_entrypoints(values: Mapping[str, Any], locate: Locate) -> None:
    if "entrypoint" in values and "module" in values:
        raise ConfigError("entrypoint and module are both set", place=locate("module"), hint="Keep only one of them.")


def _dotted(section: Mapping[object, object]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in section.items():
        if key in _GROUPS and (value is None or isinstance(value, Mapping)):
            found.extend((f"{key}.{_word(inner)}", inner_value) for inner, inner_value in (value or {}).items())
        else:
            found.append((str(key), value))
    return found


def _word(key: object) -> str:
    """Return a key as the user wrote it: YAML reads the word `on` as true."""
    return "on" if key is True else str(key)


def _without_text(place: SourcePosition | None) -> SourcePosition | None:
    return replace(place, text="") if place else None


def _unknown(key: str, place: SourcePosition | None) -> ConfigError:
    near = nearest(key, _BY_KEY)
    meant = f"Did you mean `{near}`? " if near else ""
    if key.split(".", maxsplit=1)[0] in _SECRET_GROUPS:
        place = _without_text(place)
    return ConfigError(f"unknown setting `{key}`", place=place, hint=f"{meant}docs/settings.md lists every setting.")


def _checked(setting: Setting, value: object, place: SourcePosition | None) -> object:
    """Return the value as ``Settings`` stores it, or raise an error that names its position."""
    checked = setting.kind.checked(value)
    if checked is None and setting.kind.is_secret:
        raise ConfigError(f"`{setting.key}` must be {setting.kind.words}", place=_without_text(place))
    if checked is None:
        raise ConfigError(f"`{setting.key}` must be {setting.kind.words}, not {value!r}", place=place)
    return checked


def flags_layer(values: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> Layer:
    """Build the layer of the command line and the environment.

    Args:
        values: The given values by setting key; None for a flag that was not given.
        variables: The environment variables that values come from, by setting key.

    Raises:
        UsageError: A value has the wrong type, or two flags contradict each other.
    """
    given = {key: _from_flag(_BY_KEY[key], value) for key, value in values.items() if value is not None}
    if "entrypoint" in given and "module" in given:
        raise TwoEntrypoints
    return Layer("the command line", given, Level.FLAG, variables=variables or {})


def _from_flag(setting: Setting, value: object) -> object:
    assert setting.flag is not None
    reason = ""
    if setting.kind.from_text and isinstance(value, str):
        try:
            value = setting.kind.from_text(value)
        except ValueError as error:
            reason = f": {error}"
    checked = setting.kind.checked(value)
    if checked is None:
        problem = f"must be {setting.kind.words}, not {value!r}{reason}"
        raise InvalidSetting(setting.key, problem, setting.flag.name, setting.flag.example)
    return checked


def resolve(layers: Sequence[Layer]) -> Settings:
    """Merge the layers.

    Args:
        layers: The highest priority first. ``env`` is merged variable by variable; ``entrypoint`` and ``module``
            replace each other.
    """
    values: dict[str, Any] = {}
    for key, (value, _) in _merged(layers).items():
        name, _, variable = key.partition(".")
        if name == "env":
            values["env"] = {**values.get("env", {}), variable: value}
        else:
            values[key] = value
    return filled(Settings, values)


def origins(layers: Sequence[Layer]) -> dict[str, Origin]:
    """Return where each value comes from that ``resolve`` takes from a layer; ``env.NAME`` for a variable."""
    return {key: layer.origin(key) for key, (_, layer) in _merged(layers).items()}


def _merged(layers: Sequence[Layer]) -> dict[str, tuple[Any, Layer]]:
    """Return each value with its layer."""
    found: dict[str, tuple[Any, Layer]] = {}
    for layer in reversed(layers):
        if "module" in layer.values:
            found.pop("entrypoint", None)
        elif "entrypoint" in layer.values:
            found.pop("module", None)
        for key, value in layer.values.items():
            if key == "env":
                found |= {f"env.{name}": (text, layer) for name, text in value.items()}
            else:
                found[key] = (value, layer)
    return found
