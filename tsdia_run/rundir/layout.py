"""All file names of a run; ``checkpoint_layout.py`` has the names of checkpoint files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run.files.atomic import meant_for

OWN_DIR_NAME = ".tsdia"
TRASH_DIR_NAME = ".tsdia-trash"
HYPERPARAMETERS_NAME = "hyperparameters.json"
MODEL_SUMMARY_NAME = "model_summary.txt"
OWNER_NAME = "holder.json"
GIVEN_BACK_NAME = "given-back.json"
STACKS_GLOB = "stacks-rank*.txt"


@dataclass(frozen=True)
class AttemptLayout:
    """The files of one attempt: ``RUN_DIR/attempts/N/``."""

    root: Path

    @property
    def config(self) -> Path:
        """The config that the script received: the file in ``config/``; earlier versions named it ``config.yml``."""
        folder = self.config_named("").parent
        try:
            names = sorted(os.listdir(folder), key=lambda name: (meant_for(name) != name, name))
        except OSError:
            names = []
        return folder / names[0] if names else self.root / "config.yml"

    def config_named(self, name: str) -> Path:
        """Return the path of the config, under the name of the user's file: scripts name their output after it."""
        return self.root / "config" / (name or "config.yml")

    @property
    def references(self) -> Path:
        """Copies of the files that the config names, as of the start."""
        return self.root / "references"

    @property
    def command(self) -> Path:
        """The command: argv, working directory, interpreter, variables set by tsdia-run, settings."""
        return self.root / "command.json"

    @property
    def git(self) -> Path:
        """The state of the code: commit, branch, remote, dirty, or why git could not report it."""
        return self.root / "git.json"

    @property
    def patch(self) -> Path:
        """The changes of the code that are not in the commit."""
        return self.root / "git.patch"

    @property
    def environment(self) -> Path:
        """Python, platform, hardware, and every installed package."""
        return self.root / "environment.json"

    @property
    def accelerate_config(self) -> Path:
        """The Accelerate config file that applied; missing if none did."""
        return self.root / "accelerate.yaml"

    @property
    def stop(self) -> Path:
        """The stop request of the attempt: when, by which signal, why."""
        return self.root / "stop.json"

    @property
    def launcher_record(self) -> Path:
        """How each rank ended, as recorded by the launcher of several ranks."""
        return self.root / "ranks.json"

    @property
    def hyperparameters(self) -> Path:
        """The hyperparameters that the script passed to its trackers."""
        return self.root / HYPERPARAMETERS_NAME

    @property
    def model_summary(self) -> Path:
        """The models that the script prepared, as text."""
        return self.root / MODEL_SUMMARY_NAME

    @property
    def refused(self) -> Path:
        """Why a save was refused, in one sentence; missing if no save was refused."""
        return self.root / "refused.txt"

    @property
    def outside(self) -> Path:
        """The checkpoints that the script saved outside the run directory, one path a line; missing without any."""
        return self.root / "outside.txt"

    def stacks(self, rank: int) -> Path:
        """The stacks of a rank's threads, written on request; missing without a request."""
        return self.root / STACKS_GLOB.replace("*", str(rank))

    def exit_record(self, rank: int) -> Path:
        """The exit record of a rank."""
        return self.root / f"exit-rank{rank}.json"


@dataclass(frozen=True)
class RunLayout:
    """The files of one run directory."""

    root: Path

    @property
    def config(self) -> Path:
        """The user's config, byte for byte."""
        return self.config_named(self.attempt(0).config.name)

    def config_named(self, name: str) -> Path:
        """Return the path of the user's config, for the name of the user's file."""
        return self.root / ("config.toml" if name.lower().endswith(".toml") else "config.yml")

    @property
    def record(self) -> Path:
        """The record of the run."""
        return self.root / "run.json"

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.root / "logs"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints that Accelerate names automatically."""
        return self.root / "checkpoints"

    @property
    def attempts(self) -> Path:
        """The folder of the attempts."""
        return self.root / "attempts"

    @property
    def hyperparameters(self) -> Path:
        """The hyperparameters of the newest attempt, or a file written by the script."""
        return self.root / HYPERPARAMETERS_NAME

    @property
    def model_summary(self) -> Path:
        """The model summary of the newest attempt, or a file written by the script."""
        return self.root / MODEL_SUMMARY_NAME

    @property
    def wandb_info(self) -> Path:
        """The W&B run of the run."""
        return self.root / "wandb_info.json"

    @property
    def metrics(self) -> Path:
        """The values that the training logged, one object per line."""
        return self.root / "metrics.jsonl"

    @property
    def metrics_summary(self) -> Path:
        """The summary of ``metrics.jsonl``, for later commands."""
        return self.own / "metrics.json"

    @property
    def best(self) -> Path:
        """A relative link to the best checkpoint."""
        return self.root / "best_checkpoint"

    @property
    def own(self) -> Path:
        """The folder of internal files, which a user need not read."""
        return self.root / OWN_DIR_NAME

    @property
    def helper(self) -> Path:
        """Exists once the script has called ``tsdia_run.current_run()``, which returns the checkpoint."""
        return self.own / "helper"

    @property
    def claim(self) -> Path:
        """Locked exclusively by the supervisor of the run."""
        return self.own / "claim"

    @property
    def checkpoint_patterns(self) -> Path:
        """The setting ``checkpoints.pattern`` of the newest attempt; missing if it is not set."""
        return self.own / "checkpoint-patterns.json"

    def lockless_claim(self, number: int) -> Path:
        """The folder that names the run's owner on a file system without locks."""
        return self.own / f"held-{number}"

    @property
    def alive(self) -> Path:
        """Locked shared by every rank until it ends."""
        return self.own / "alive"

    @property
    def heartbeat(self) -> Path:
        """The owner of the claim; the supervisor touches the file while it is running."""
        return self.own / "heartbeat.json"

    @property
    def reserve(self) -> Path:
        """Room on the disk for the last write of the record; exists while the supervisor is running."""
        return self.own / "reserve"

    @property
    def progress(self) -> Path:
        """The latest progress of the training, from its progress bars."""
        return self.own / "progress.json"

    def journal(self, number: int) -> Path:
        """The folder for the journal of attempt ``number``'s output; only with ``logs.journal: file``."""
        return self.own / f"journal-{number}"

    @property
    def reads(self) -> Path:
        """Whether the newest attempt read the checkpoint that it resumes from: ``ReadsLayout``."""
        return self.own / "reads"

    def last_seen(self) -> datetime | None:
        """Return when the supervisor last touched the heartbeat; None without a heartbeat."""
        try:
            return datetime.fromtimestamp(self.heartbeat.stat().st_mtime, tz=timezone.utc)
        except OSError:
            return None

    def attempt(self, number: int) -> AttemptLayout:
        """Return the files of attempt ``number``."""
        return AttemptLayout(self.attempts / str(number))

    def log(self, number: int, started: datetime) -> Path:
        """Return the log of attempt ``number``: ``training_…`` for the first, ``training_resume_N_…`` for a resume."""
        resume = f"resume_{number}_" if number else ""
        return self.logs / f"training_{resume}{started:%Y%m%d_%H%M%S}.log"


# The files that tsdia-run creates in a run directory. The script created any other file.
OWN_NAMES = frozenset(
    {
        OWN_DIR_NAME,
        "config.yml",
        "config.toml",
        "run.json",
        "logs",
        "attempts",
        HYPERPARAMETERS_NAME,
        MODEL_SUMMARY_NAME,
    }
)
