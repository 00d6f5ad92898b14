"""The settings of a resume: flags of earlier attempts persist, and files are read again.

An automatic restart keeps all settings; it does not use this module. docs/decisions/0025-settings-of-a-resume.md has
the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tsdia_run import config
from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.ownership import Trust
from tsdia_run.files.redaction import Redactor
from tsdia_run.launch import changes
from tsdia_run.launch.changes import Change
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.recorded import Recorded
from tsdia_run.settings import GIVEN, SETTINGS, Layer, Level, Settings, resolve
from tsdia_run.settings.from_files import decisive_keys, file_layers, section_layer
from tsdia_run.workflow.effective import described
from tsdia_run.workflow.last_attempt import LastAttempt
from tsdia_run.workflow.request import StartRequest


@dataclass(frozen=True)
class ResumedSettings:
    """The settings of a resume.

    Attributes:
        layers: The layers, the highest priority first.
        warnings: Warnings about a config whose settings were not read again.
    """

    layers: tuple[Layer, ...]
    warnings: tuple[str, ...] = ()


def layers_of(last: LastAttempt, section: Layer | None, start: StartRequest) -> ResumedSettings:
    """Return the layers of a resume.

    Args:
        last: The last attempt.
        section: The settings of a config that replaces the last attempt's; None to read that config again.
        start: What the user gave for this resume.

    Raises:
        ConfigError: A settings file can't be used.
    """
    trust, recorded = start.trust(), last.recorded
    if recorded is None:
        section = section_layer(last.document) if section is None else section
        return ResumedSettings((start.settings, *file_layers(section, start.cwd, start.environ, trust)))
    if recorded.origins is None:
        earlier = _of_earlier_version(recorded)
        return ResumedSettings((start.settings, *([section] if section else []), *earlier, last.notify))
    warnings: tuple[str, ...] = ()
    if section is None:
        section, warnings = _section_now(recorded, trust)
    flags = _recorded(recorded, GIVEN, Level.FLAG)
    files = file_layers(section, recorded.working_directory(), start.environ, trust)
    # What tsdia-run chose itself, such as the interpreter, stays the same.
    chosen = _recorded(recorded, (None,), Level.DEFAULT)
    return ResumedSettings((start.settings, flags, *files, last.notify, chosen), warnings)


def _recorded(recorded: Recorded, levels: Sequence[Level | None], level: Level) -> Layer:
    """Return the recorded settings that came from some levels."""
    origins, values = recorded.origins or {}, recorded.settings.values
    kept: dict[str, Any] = {key: value for key, value in values.items() if key != "env" and origins.get(key) in levels}
    variables = {name: text for name, text in values.get("env", {}).items() if origins.get(f"env.{name}") in levels}
    return Layer(recorded.settings.source, kept | ({"env": variables} if variables else {}), level)


def _of_earlier_version(recorded: Recorded) -> tuple[Layer, Layer]:
    """Return the settings of a record without origins: what differs from the defaults counts as given by the user."""
    defaults = {setting.key: setting.default for setting in SETTINGS}
    values = recorded.settings.values
    given = {key: value for key, value in values.items() if value != defaults[key]}
    rest = {key: value for key, value in values.items() if key not in given}
    return replace(recorded.settings, values=given, level=Level.FLAG), replace(recorded.settings, values=rest)


def _section_now(recorded: Recorded, trust: Trust) -> tuple[Layer, tuple[str, ...]]:
    """Return the settings of the config that the user named, as it is now; else as recorded, and why, if unexpected."""
    kept, path = _recorded(recorded, (Level.CONFIG,), Level.CONFIG), recorded.config_source
    if path is None or not path.is_file():
        return kept, ()
    try:
        section = section_layer(config.read(path))
    except TsdiaRunError as error:
        why = error.message.splitlines()[0]
        return kept, (f"the settings of the last attempt are used, since the config can't be read: {why}",)
    doubt = trust.doubt(path) if decisive_keys(section) else None
    if doubt:
        return kept, (f"the settings of the last attempt are used, since {path} is not trusted: {doubt}",)
    return section, ()


def changed(recorded: Recorded | None, plan: Plan, redactor: Redactor) -> tuple[Change, ...]:
    """Return the settings that files have changed since the last attempt.

    Args:
        recorded: The last attempt.
        plan: The plan of the resume.
        redactor: Removes secrets, as in the record.
    """
    if recorded is None:
        return ()
    before, now = resolve([recorded.settings]), replace(plan.request.settings, python=plan.interpreter.path)
    missing = {f"env.{name}" for name in recorded.forgotten}
    texts_before = {key: text for key, text in _texts(before, redactor).items() if key not in missing}
    texts_now = {key: text for key, text in _texts(now, redactor).items() if key not in missing}
    return changes.setting_changes(texts_before, texts_now, plan.request.origins, recorded.origins or {})


def _texts(settings: Settings, redactor: Redactor) -> dict[str, str]:
    """Return all settings as text for users, without secrets. Those of notifications are not recorded."""
    return {one.key: one.text for one in described(settings, redactor) if not one.key.startswith("notify.")}
