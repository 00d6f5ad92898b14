"""Write a tsdia-run.yml for a script, with the options that its source declares: `init`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.errors.launching import NoScriptFound
from tsdia_run.errors.placing import ProjectFileExists
from tsdia_run.files.atomic import write_bytes
from tsdia_run.files.fields import beginning_of
from tsdia_run.launch import command
from tsdia_run.scripts import detection
from tsdia_run.scripts.interface import Interface
from tsdia_run.scripts.project_text import project_text, settings_for
from tsdia_run.settings import Layer, resolve
from tsdia_run.settings.from_files import FILE_NAME

_USUAL_SCRIPTS = ("train.py", "finetune.py", "main.py")
_FOLDERS = ("", "src", "scripts")
_MAX_NAMED = 5


@dataclass(frozen=True)
class ProjectFile:
    """A tsdia-run.yml to write.

    Attributes:
        path: Its path.
        script: The script, as the file names it.
        found: What was found in the script; None if it can't be parsed.
        settings: The settings in the file.
        text: The text of the file.
    """

    path: Path
    script: str
    found: Interface | None
    settings: dict[str, object]
    text: str


def describe(script: str | None, cwd: Path) -> ProjectFile:
    """Return the project file for a script, without writing it.

    Args:
        script: The script; None for the usual one of the directory.
        cwd: The directory of the file.

    Raises:
        NotFoundError: The script does not exist, or no script has a usual name.
    """
    path = command.entrypoint_path(resolve([Layer("the script", {"entrypoint": script or _usual_script(cwd)})]), cwd)
    relative = os.path.relpath(path, cwd)
    name = str(path) if relative.startswith("..") else relative
    found = detection.detect(path, cwd)
    settings = settings_for(name, found)
    return ProjectFile(cwd / FILE_NAME, name, found, settings, project_text(settings, found))


def write(file: ProjectFile) -> None:
    """Write the file.

    Raises:
        ProjectFileExists: The directory has a project file already.
    """
    other = file.path.with_name("pyproject.toml")
    if os.path.lexists(file.path):
        raise ProjectFileExists(file.path)
    if "[tool.tsdia-run" in beginning_of(other):
        raise ProjectFileExists(other)
    write_bytes(file.path, file.text.encode())


def _usual_script(cwd: Path) -> str:
    """Return the script with a usual name, or the only one whose name says that it trains."""
    for folder in _FOLDERS:
        for name in _USUAL_SCRIPTS:
            if (cwd / folder / name).is_file():
                return os.path.join(folder, name)
    scripts = [path for folder in _FOLDERS for path in sorted((cwd / folder).glob("*.py"))]
    training = [path for path in scripts if "train" in path.name or "tune" in path.name]
    for group in (training, scripts):
        if len(group) == 1:
            return os.path.relpath(group[0], cwd)
    raise NoScriptFound(cwd, tuple(os.path.relpath(path, cwd) for path in (training or scripts)[:_MAX_NAMED]))
