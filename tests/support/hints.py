"""The hint lines that the command line prints below an error."""

from __future__ import annotations

import os

from tsdia_run.cli import hints, wording
from tsdia_run.errors import TsdiaRunError
from tsdia_run.rundir.typed_command import TypedCommand


def message_of(error: TsdiaRunError) -> str:
    return wording.message(error)


def hint_of(error: TsdiaRunError) -> str:
    return hints.hint(error, TypedCommand("new", (), (), (), os.getcwd()))
