"""Write errors and warnings with the flags that they are about; code outside cli/ names no flags."""

from __future__ import annotations

from functools import singledispatch

from tsdia_run.errors import TsdiaRunError, launching, lookups, placing, resuming
from tsdia_run.errors.launching import SectionReplaced
from tsdia_run.errors.placing import PlaceFault

# The flag before a message about the value of a flag.
_FLAGS: dict[type[TsdiaRunError], str] = {
    placing.UnsetVariable: "--run-dir",
    resuming.UnknownChange: "--allow",
    lookups.UnknownState: "--state",
    launching.InvalidAssignment: "--set",
    launching.SettingAssigned: "--set",
}


def message(error: TsdiaRunError) -> str:
    """Return the message of an error, with the flag that it is about."""
    text = _worded(error)
    flag = _FLAGS.get(type(error))
    return f"{flag} {text}" if flag else text


@singledispatch
def _worded(error: TsdiaRunError) -> str:
    return error.message


@_worded.register
def _(error: placing.UnusablePlace) -> str:
    return f"--run-dir {error.message}" if error.fault is PlaceFault.URL else error.message


@_worded.register
def _(error: resuming.CheckpointMissing) -> str:
    return f"--set {error.message}" if error.place is None else error.message


@_worded.register
def _(error: launching.NoConfigToSet) -> str:
    return "--set requires a CONFIG"


@_worded.register
def _(error: launching.KeyNotInConfig) -> str:
    return f"--set {error.assignment}: {error.message}"


@_worded.register
def _(error: launching.TwoEntrypoints) -> str:
    return "--entrypoint cannot be combined with --module"


@_worded.register
def _(error: launching.InvalidSetting) -> str:
    return f"{error.flag} {error.problem}"


@_worded.register
def _(error: lookups.InvalidTime) -> str:
    return f"--since takes a duration or a date, not {error.text!r}"


@_worded.register
def _(error: resuming.TwoCheckpointsNamed) -> str:
    return f"{error.name} and --from {error.requested} both name a checkpoint"


@_worded.register
def _(error: resuming.NoCompleteCheckpoint) -> str:
    return f"{error.message} (to start from weights: --from NAME --allow weights)" if error.exports else error.message


def in_words(warning: str | SectionReplaced) -> str:
    """Return a warning, with the flag that it is about."""
    if isinstance(warning, str):
        return warning
    replaced = f"replaces the section of {warning.size}"
    return f"--set {warning.key}: {replaced}; to set one of them: --set {warning.key}.{warning.first}=VALUE"
