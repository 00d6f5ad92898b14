"""The layers over the defaults: flags > environment > config section > project file > defaults (pure).

A layer is what one place says; ``resolve`` puts the layers together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tsdia_run.errors import ConfigError, InvalidSetting, Place, TwoEntrypoints
from tsdia_run.settings.declared import SETTINGS, Setting, Settings, settings_of
from tsdia_run.text import nearest

SECTION = "tsdia_run"
Locate = Callable[[str], "Place | None"]
_BY_KEY = {setting.key: setting for setting in SETTINGS}
_GROUPS = {setting.key.split(".", 1)[0] for setting in SETTINGS if "." in setting.key}


@dataclass(frozen=True)
class Layer:
    """What one place says.

    Attributes:
        source: The place in words: "the command line", "config.yml", "pyproject.toml".
        values: Checked values by dotted key.
    """

    source: str
    values: Mapping[str, Any] = field(default_factory=dict)


def read_layer(source: str, section: object, locate: Locate) -> Layer:
    """Check what a file says about the settings.

    Args:
        source: The file, for messages.
        section: The plain data of the section; None when it is empty.
        locate: Called with a dotted key inside the section; gives its ``Place`` or None.

    Raises:
        ConfigError: A key is unknown, or a value is not what its key takes.
    """
    if section is None:
        return Layer(source)
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
    return Layer(source, values)


def _refuse_two_entrypoints(values: Mapping[str, Any], locate: Locate) -> None:
    if "entrypoint" in values and "module" in values:
        raise ConfigError(
            "entrypoint and module are both set", place=locate("module"), hint="Keep the one that is to run."
        )


def _dotted(section: Mapping[object, object]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in section.items():
        if key in _GROUPS and (value is None or isinstance(value, Mapping)):
            found.extend((f"{key}.{inner}", inner_value) for inner, inner_value in (value or {}).items())
        else:
            found.append((str(key), value))
    return found


def _unknown(key: str, place: Place | None) -> ConfigError:
    near = nearest(key, _BY_KEY)
    meant = f"Did you mean `{near}`? " if near else ""
    return ConfigError(f"unknown setting `{key}`", place=place, hint=f"{meant}docs/settings.md lists every setting.")


def _checked(setting: Setting, value: object, place: Place | None) -> object:
    """The value in the form that ``Settings`` holds, or the error that names its place."""
    checked = setting.kind.checked(value)
    if checked is None:
        raise ConfigError(f"`{setting.key}` must be {setting.kind.words}, not {value!r}", place=place)
    return checked


def flags_layer(values: Mapping[str, Any]) -> Layer:
    """The layer of the command line and the environment.

    Args:
        values: What was given, by the key of the setting; None for a flag that was not.

    Raises:
        UsageError: A value is not what its flag takes, or two flags contradict each other.
    """
    given = {key: _from_flag(_BY_KEY[key], value) for key, value in values.items() if value is not None}
    if "entrypoint" in given and "module" in given:
        raise TwoEntrypoints
    return Layer("the command line", given)


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
        problem = f"takes {setting.kind.words}, not {value!r}{reason}"
        raise InvalidSetting(setting.key, problem, setting.flag.name, setting.flag.example)
    return checked


def resolve(layers: Sequence[Layer]) -> Settings:
    """Put the layers together.

    Args:
        layers: The strongest first. ``env`` is merged variable by variable; ``entrypoint`` and ``module`` replace each
            other.
    """
    values: dict[str, Any] = {}
    variables: dict[str, str] = {}
    for layer in reversed(layers):
        if "module" in layer.values:
            values.pop("entrypoint", None)
        elif "entrypoint" in layer.values:
            values.pop("module", None)
        variables |= layer.values.get("env", {})
        values |= layer.values
    return settings_of({**values, "env": variables})
