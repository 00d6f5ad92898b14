"""The user's YAML: read with line marks, looked into, edited without touching anything else."""

from tsdia_run.config.document import Document, Value, parse
from tsdia_run.config.edits import Change, Edited, Remove, Set, apply
from tsdia_run.config.overrides import parse_override
from tsdia_run.config.source import read
from tsdia_run.config.surprises import Surprise, surprises

__all__ = [
    "Change",
    "Document",
    "Edited",
    "Remove",
    "Set",
    "Surprise",
    "Value",
    "apply",
    "parse",
    "parse_override",
    "read",
    "surprises",
]
