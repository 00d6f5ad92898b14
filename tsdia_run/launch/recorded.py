"""Read the recorded inputs of an earlier attempt, which a resume starts with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.errors import DamagedRunError, NotFoundError, UsageError
from tsdia_run.files.fields import Fields
from tsdia_run.files.redaction import REDACTED
from tsdia_run.rundir import command_record
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.settings import Layer, Level, Settings, read_layer


@dataclass(frozen=True)
class Recorded:
    """The recorded inputs of an earlier attempt.

    Attributes:
        settings: Its settings, as a layer.
        origins: Where its settings came from, by key, without the defaults; None in a record of an earlier version.
        config_source: The absolute path of the config that the user named; None if it is not known.
        cwd: Its working directory.
        extra_args: The arguments after ``--``.
        forgotten: Environment variables that were not recorded, because their values were secrets.
    """

    settings: Layer
    origins: Mapping[str, Level] | None
    config_source: Path | None
    cwd: Path
    extra_args: tuple[str, ...]
    forgotten: tuple[str, ...]

    def working_directory(self) -> Path:
        """Return the working directory, which must still exist.

        Raises:
            NotFoundError: It does not exist.
        """
        if self.cwd.is_dir():
            return self.cwd
        raise NotFoundError(
            f"the working directory of the last attempt does not exist: {self.cwd}",
            hint="Restore it, or start a new run from the checkpoint.",
        )

    def arguments(self, settings: Settings) -> tuple[str, ...]:
        """Return the extra arguments, which must be complete, as those of the settings.

        Args:
            settings: The settings of the next attempt.

        Raises:
            UsageError: They contained a secret, which was not recorded.
        """
        used = (self.extra_args, settings.args, settings.resume_args or (), settings.accelerate.flags)
        if any(REDACTED in argument for arguments in used for argument in arguments):
            raise UsageError(
                "the arguments of the last attempt contained a secret, which was not recorded",
                hint="Give secrets through the environment; start a new run from the checkpoint to go on.",
            )
        return self.extra_args

    def warnings(self, environ: Mapping[str, str]) -> list[str]:
        """Return warnings about variables that are missing in the given environment."""
        return [
            f"{name} was set in the last attempt, but is not set now; its value was not recorded because it is a secret"
            for name in self.forgotten
            if name not in environ
        ]


def read_attempt(attempt: AttemptLayout) -> Recorded:
    """Read the recorded inputs that ``write_attempt`` wrote.

    Raises:
        DamagedRunError: The file is missing or invalid.
    """
    try:
        recorded = command_record.read_for_resume(attempt)
        variables = Fields(recorded.settings, "`settings`").optional("env", dict) or {}
        kept = {name: value for name, value in variables.items() if REDACTED not in str(value)}
        # The URL of a notification is a secret: a resume reads it from the files of the user again.
        settings = {key: value for key, value in recorded.settings.items() if key != "notify"}
        return Recorded(
            settings=read_layer(str(attempt.command), {**settings, "env": kept}, lambda _: None),
            origins=_levels(recorded.origins),
            config_source=Path(recorded.config_source) if recorded.config_source else None,
            cwd=Path(recorded.cwd or ""),
            extra_args=recorded.extra_args or (),
            forgotten=tuple(variables.keys() - kept.keys()),
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedRunError(
            f"can't read the settings of the last attempt from {attempt.command}: {reason}",
            hint="Start a new run from the checkpoint instead.",
        ) from error


def _levels(origins: Mapping[str, object] | None) -> dict[str, Level] | None:
    known = {level.value: level for level in Level}
    # A later version may know other places; their values are kept, as those of flags are.
    return None if origins is None else {key: known.get(str(text), Level.FLAG) for key, text in origins.items()}
