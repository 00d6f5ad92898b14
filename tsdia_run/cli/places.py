"""Where commands that look at runs look for them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tsdia_run.errors import NotFoundError
from tsdia_run.report.places import Places
from tsdia_run.rundir import catalog
from tsdia_run.rundir.suggestions import list_runs


def places(named: Sequence[str] | None = None) -> Places:
    """The roots that were named, and nothing else; else those of the settings, and the user's own list.

    Raises:
        NotFoundError: A root that was named is not there.
        ConfigError: The project file can't be used.
    """
    cwd = Path.cwd()
    if named:
        roots = tuple(cwd / os.path.expanduser(root) for root in named)
        for root in roots:
            if not os.path.isdir(root):
                raise NotFoundError(f"there is no folder {root}", hint=f"All runs: {list_runs()}")
        return Places(roots)
    # Not for those who name the roots: `list` over thousands of runs starts in half of the time.
    from tsdia_run.launch.project import project_layer
    from tsdia_run.settings import resolve

    settings = resolve([project_layer(cwd)])
    return Places(tuple(cwd / os.path.expanduser(root) for root in settings.roots), catalog.listed(os.environ))


def run_path(word: str) -> str:
    """The path of a run that may have been named; a word that is a path already stays.

    Raises:
        NotFoundError, UsageError: It names no run, or several.
    """
    if os.sep in word or os.path.lexists(os.path.expanduser(word)):
        return word
    from tsdia_run.report.names import find_run  # the TAB key should not wait for it

    return str(find_run(word, places()))
