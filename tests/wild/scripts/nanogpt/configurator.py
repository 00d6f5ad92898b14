"""Executed inside train.py: a config file is Python, and `--name=value` replaces one of train.py's globals."""

import sys
from ast import literal_eval
from pathlib import Path

for word in sys.argv[1:]:
    if not word.startswith("--"):
        exec(Path(word).read_text())
        continue
    name, _, text = word.removeprefix("--").partition("=")
    if name not in globals():
        raise ValueError(f"unknown config key: {name}")
    try:
        value = literal_eval(text)
    except (SyntaxError, ValueError):
        value = text
    globals()[name] = value
