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
from tsdia_run.settings.layers import SECTION, Layer, Locate, flags_layer, read_layer, resolve

__all__ = [
    "SECTION",
    "SETTINGS",
    "AccelerateSettings",
    "Flag",
    "HangSettings",
    "Launcher",
    "Layer",
    "Locate",
    "LogSettings",
    "NotifySettings",
    "Setting",
    "Settings",
    "ValueKind",
    "flags_layer",
    "plain",
    "read_layer",
    "resolve",
    "shown_default",
]
