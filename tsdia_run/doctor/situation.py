"""What the checks are about: the settings, run directory and environment of a start that is not carried out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document, keys
from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.ownership import Trust
from tsdia_run.launch import named_script, place
from tsdia_run.report.places import Places, exists, run_dirs
from tsdia_run.rundir import env
from tsdia_run.settings import Layer, Settings, resolve
from tsdia_run.settings.from_files import project_layer, section_layer, user_layer

# The newest ones are examined, so that a folder with thousands of runs takes no longer.
_MAX_RUNS = 100
_MAX_LISTED = 5_000


@dataclass(frozen=True)
class Situation:
    """What a start would find.

    Attributes:
        flags: The settings given on the command line.
        config_file: The config, or the script in its place; None without either.
        cwd: The working directory.
        environ: The user's environment.
    """

    flags: Layer
    config_file: str | None
    cwd: Path
    environ: Mapping[str, str]

    @cached_property
    def _read(self) -> tuple[Document | None, tuple[Layer, ...], tuple[TsdiaRunError, ...]]:
        """The config, the layers that can be used, and the errors of the others."""
        errors: list[TsdiaRunError] = []
        trust = Trust.here(self.cwd, self.environ.get(env.TRUSTED_DIRS, "").split(":"))
        document: Document | None = None
        flags = self.flags
        try:
            if self.config_file is not None and named_script.is_script(self.config_file, self.cwd):
                script = named_script.named(self.config_file, self.cwd)
                flags = replace(flags, values={"entrypoint": script.entrypoint, **flags.values})
            elif self.config_file is not None:
                document = config.read(Path(self.config_file))
        except TsdiaRunError as error:
            errors.append(error)
        readers: tuple[Callable[[], Layer], ...] = (
            lambda: section_layer(document),
            lambda: project_layer(self.cwd, trust),
            lambda: user_layer(self.environ, trust),
        )
        layers = [flags]
        for reader in readers:
            try:
                layers.append(reader())
            except TsdiaRunError as error:
                errors.append(error)
        return document, tuple(layers), tuple(errors)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of the settings that can be used, the highest priority first."""
        return self._read[1]

    @property
    def setting_errors(self) -> tuple[TsdiaRunError, ...]:
        """Why other settings, or the run directory of the config, can't be used."""
        error = self._run_dir[1]
        return (*self._read[2], *([error] if error else ()))

    @cached_property
    def settings(self) -> Settings:
        """All settings, without those of files that can't be used."""
        return resolve(self.layers)

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment of the training, as far as settings and the user set it."""
        return {**self.environ, **self.settings.env}

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """The folders that hold runs; they may not exist."""
        return tuple(self.cwd / os.path.expanduser(root) for root in self.settings.roots)

    @property
    def run_dir(self) -> Path | None:
        """The run directory of a start with this config; None if it is not known."""
        return self._run_dir[0]

    @cached_property
    def _run_dir(self) -> tuple[Path | None, TsdiaRunError | None]:
        document = self._read[0]
        if document is None:
            return None, None
        key = keys.run_dir_key(document, self.settings.run_dir_key)
        request = place.RunPlaceRequest(None, None, self.cwd, self.environ)
        try:
            return place.run_directory(request, document, key), None
        except TsdiaRunError as error:
            return None, error

    def folder(self) -> Path:
        """Return the nearest existing folder of the next run.

        Raises:
            OSError: Its file system does not answer.
        """
        wanted = self.run_dir.parent if self.run_dir else (*self.roots, self.cwd)[0]
        return next(folder for folder in (wanted, *wanted.parents) if exists(folder))

    def runs(self) -> list[Path]:
        """Return the run of the config and the newest other runs, the newest first."""
        folders = tuple(dict.fromkeys((*self.roots, *([self.run_dir] if self.run_dir else []))))
        found = islice(run_dirs(Places(tuple(one for one in folders if os.path.isdir(one)))), _MAX_LISTED)
        return [Path(path) for path in sorted(found, key=_changed_at, reverse=True)[:_MAX_RUNS]]

    def linked_folders(self) -> Iterator[Path]:
        """Yield the folders that may contain links to checkpoints or runs."""
        yield from (root for root in self.roots if os.path.isdir(root))
        for run_dir in self.runs():
            yield from (folder for folder in (run_dir, run_dir / "checkpoints") if os.path.isdir(folder))


def _changed_at(path: str) -> float:
    for name in ("run.json", ""):
        try:
            return os.stat(os.path.join(path, name)).st_mtime
        except OSError:
            continue
    return 0.0
