"""Read the user's config with line positions, look up its keys, and edit them without changing any other text."""

from tsdia_run.config.document import SUFFIXES, Document, Format, Value, parse
from tsdia_run.config.edits import Edited, apply
from tsdia_run.config.overrides import parse_override, split_override
from tsdia_run.config.source import read
from tsdia_run.config.steps import KeyChange, Redirect, Remove, Set
from tsdia_run.config.surprises import Surprise, surprises

__all__ = [
    "SUFFIXES",
    "Document",
    "Edited",
    "Format",
    "KeyChange",
    "Redirect",
    "Remove",
    "Set",
    "Surprise",
    "Value",
    "apply",
    "parse",
    "parse_override",
    "read",
    "split_override",
    "surprises",
]
