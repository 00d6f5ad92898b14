"""How to launch: one declaration for each setting, and the layers over the defaults."""

from __future__ import annotations

from tsdia_run.settings.declared import (
    SETTINGS,
    AccelerateSettings,
    HangSettings,
    LogSettings,
    NotifySettings,
    Settings,
)
from tsdia_run.settings.declaring import Flag, Setting, shown_default
from tsdia_run.settings.kinds import Launcher, ValueKind, plain
from tsdia_run.settings.layers import (
    GIVEN,
    SECTION,
    Layer,
    Level,
    Locate,
    Origin,
    flags_layer,
    origins,
    read_layer,
    resolve,
)

__all__ = [
    "GIVEN",
    "SECTION",
    "SETTINGS",
    "AccelerateSettings",
    "Flag",
    "HangSettings",
    "Launcher",
    "Layer",
    "Level",
    "Locate",
    "LogSettings",
    "NotifySettings",
    "Origin",
    "Setting",
    "Settings",
    "ValueKind",
    "flags_layer",
    "origins",
    "plain",
    "read_layer",
    "resolve",
    "shown_default",
]
