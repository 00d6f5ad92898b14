"""The installed packages of an interpreter.

Imported by tsdia-run for its own interpreter, and run by path under another one, where tsdia-run may not be installed:
it needs the standard library alone, and little of it, since it runs beside the start of a training.
"""

from __future__ import annotations

import json
import os
import sys


def installed(search_path: list[str]) -> dict[str, str]:
    """Name and version of every package on a search path, sorted by name; the first one found is the one imported.

    Names and versions stand in the names of the metadata folders (PEP 376, PEP 427), so that nothing has to be parsed;
    an editable or direct installation is told with its address and commit (PEP 610).
    """
    found: dict[str, str] = {}
    for folder in search_path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix in (".dist-info", ".egg-info"):
                package, _, version = stem.partition("-")
                found.setdefault(package, version.split("-py")[0] + _origin(os.path.join(folder, name)))
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _origin(folder: str) -> str:
    path = os.path.join(folder, "direct_url.json")
    if not os.path.exists(path):
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        commit = data.get("vcs_info", {}).get("commit_id", "")
        return f" @ {data['url']}{'@' if commit else ''}{commit}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


if __name__ == "__main__":
    # Our own folder is no place that the training would look in.
    paths = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    json.dump({"version": sys.version, "prefix": sys.prefix, "packages": installed(paths)}, sys.stdout)
