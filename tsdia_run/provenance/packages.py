"""List the installed packages of an interpreter.

tsdia-run imports this module for its own interpreter. Under another interpreter, where tsdia-run may not be installed,
the file is run by its path. So it only needs the standard library, and little of it, since it runs while a training
starts.
"""

from __future__ import annotations

import json
import os
import sys


def installed(search_path: list[str]) -> dict[str, str]:
    """Return name and version of every package on a search path, sorted by name. As in an import, the first one wins.

    Names and versions are in the names of the metadata folders (PEP 376, PEP 427), so few files are read. An editable
    or direct installation is listed with its URL and commit (PEP 610).
    """
    found: dict[str, str] = {}
    for folder in search_path:
        names = [os.path.basename(folder)] if folder.endswith(".egg") else _listed(folder)
        for name in names:
            stem, suffix = os.path.splitext(name)
            # pip renames a package to `~ame` before it deletes it.
            if suffix in (".dist-info", ".egg-info", ".egg") and not name.startswith("~"):
                package, _, version = stem.partition("-")
                metadata = os.path.join(folder or ".", name)
                known = version.split("-py")[0] or _version(metadata)
                found.setdefault(package, known + _origin(metadata))
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:
        return []


def _version(metadata: str) -> str:
    """Return the version if the folder name has none, as in the metadata that setuptools writes next to the source."""
    try:
        with open(os.path.join(metadata, "PKG-INFO"), encoding="utf-8", errors="replace") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith("Version:")), "")
    except OSError:
        return ""


def _origin(metadata: str) -> str:
    try:
        with open(os.path.join(metadata, "direct_url.json"), encoding="utf-8") as file:
            data = json.load(file)
        commit = data.get("vcs_info", {}).get("commit_id", "")
        return f" @ {data['url']}{'@' if commit else ''}{commit}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


if __name__ == "__main__":
    # The training does not search the folder of this file.
    paths = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    answer = {"version": sys.version, "implementation": sys.implementation.name, "prefix": sys.prefix}
    sys.stdout.write("\n" + json.dumps({**answer, "packages": installed(paths)}))
