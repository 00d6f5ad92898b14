"""The settings that a start would use, with the place that each value comes from, for `config show`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tsdia_run import config
from tsdia_run.files.redaction import REDACTED, Redactor
from tsdia_run.launch import script_settings
from tsdia_run.settings import SETTINGS, Level, Origin, Setting, Settings, kinds, origins, plain, resolve, shown_default
from tsdia_run.settings.from_files import file_layers, section_layer
from tsdia_run.workflow.request import NewRequest, StartRequest
from tsdia_run.workflow.typed_start import resolved

_DEFAULT = Origin(Level.DEFAULT)
_OF_SCRIPT = Origin(Level.DEFAULT, "as the script takes it")


@dataclass(frozen=True)
class EffectiveSetting:
    """A setting with its value.

    Attributes:
        key: Its dotted key; ``env.NAME`` for a variable of the script.
        value: Its value, as JSON; None if it is not set and has no default.
        text: The value as text for users.
        origin: Where the value comes from.
    """

    key: str
    value: object
    text: str
    origin: Origin = _DEFAULT


def effective_settings(start: StartRequest, config_file: str | None) -> tuple[EffectiveSetting, ...]:
    """Return every setting that `new` would use.

    Args:
        start: What the user gave.
        config_file: The config, or the script in its place; None without either.

    Raises:
        TsdiaRunError: A file or a setting can't be used.
    """
    request = NewRequest(start, config_file)
    if config_file is not None and not config_file.lower().endswith(config.SUFFIXES):
        request = resolved(request)
    start, config_file = request.start, request.config_file
    document = None if config_file is None else config.read(Path(config_file))
    layers = (start.settings, *file_layers(section_layer(document), start.cwd, start.environ, start.trust()))
    completed = script_settings.complete(layers, document, start.extra_args, start.cwd)
    places, redactor = origins(layers), Redactor.from_environment(start.environ)
    before = {one.key: one.value for one in described(resolve(layers), redactor)}
    return tuple(
        replace(one, origin=places.get(one.key, one.origin if one.value == before.get(one.key) else _OF_SCRIPT))
        for one in described(completed.settings, redactor)
    )


def described(settings: Settings, redactor: Redactor) -> Iterator[EffectiveSetting]:
    """Yield every setting without secrets; the origin of each is not known."""
    for setting in SETTINGS:
        value: Any = settings
        for part in setting.key.split("."):
            value = getattr(value, part)
        if setting.kind is kinds.VARIABLES and value:
            for name, text in redactor.environment(dict(value)).items():
                yield EffectiveSetting(f"{setting.key}.{name}", text, text)
        else:
            secret = setting.kind.is_secret and value is not None
            yield _described(setting, REDACTED if secret else _without_secrets(setting, value, redactor))


def _described(setting: Setting, value: Any) -> EffectiveSetting:  # noqa: ANN401 - any setting
    text = setting.words or "not set" if value is None else shown_default(replace(setting, default=plain(value)))
    return EffectiveSetting(setting.key, plain(value), text)


def _without_secrets(setting: Setting, value: Any, redactor: Redactor) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, Mapping):
        return {key: redactor.argv([f"{key}={inner}"])[0].partition("=")[2] if isinstance(inner, str) else inner
                for key, inner in value.items()}  # fmt: skip
    return redactor.argv(value) if setting.kind is kinds.TEXTS and value else value
