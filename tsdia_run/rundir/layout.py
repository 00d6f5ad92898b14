"""Every file name of a run, spelled once; ``checkpoint_layout.py`` has those of its checkpoints."""

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
HOLDER_NAME = "holder.json"
GIVEN_BACK_NAME = "given-back.json"
STACKS_GLOB = "stacks-rank*.txt"


@dataclass(frozen=True)
class AttemptLayout:
    """The files of one attempt: ``RUN_DIR/attempts/N/``."""

    root: Path

    @property
    def config(self) -> Path:
        """The config as the script got it: the file in ``config/``; earlier versions called it ``config.yml``."""
        folder = self.config_named("").parent
        try:
            names = sorted(os.listdir(folder), key=lambda name: (meant_for(name) != name, name))
        except OSError:
            names = []
        return folder / names[0] if names else self.root / "config.yml"

    def config_named(self, name: str) -> Path:
        """Where the config goes, under the name that the user gave the file: scripts name their output after it."""
        return self.root / "config" / (name or "config.yml")

    @property
    def references(self) -> Path:
        """The files that the config names, as they were."""
        return self.root / "references"

    @property
    def command(self) -> Path:
        """What was started: argv, working directory, interpreter, environment that was set, settings."""
        return self.root / "command.json"

    @property
    def git(self) -> Path:
        """The state of the code: commit, branch, remote, dirty, or why git couldn't tell."""
        return self.root / "git.json"

    @property
    def patch(self) -> Path:
        """What the code had beyond the commit."""
        return self.root / "git.patch"

    @property
    def environment(self) -> Path:
        """Python, platform, hardware, and every installed package."""
        return self.root / "environment.json"

    @property
    def accelerate_config(self) -> Path:
        """The Accelerate config file that applied; absent where none did."""
        return self.root / "accelerate.yaml"

    @property
    def stop(self) -> Path:
        """There once somebody asked the attempt to stop: who, when, how."""
        return self.root / "stop.json"

    @property
    def launcher_record(self) -> Path:
        """How each rank ended, as the launcher of several processes saw it."""
        return self.root / "ranks.json"

    @property
    def hyperparameters(self) -> Path:
        """What the script told its trackers."""
        return self.root / HYPERPARAMETERS_NAME

    @property
    def model_summary(self) -> Path:
        """The models that the script prepared, as text."""
        return self.root / MODEL_SUMMARY_NAME

    @property
    def refused(self) -> Path:
        """There once a save was refused: one sentence that says why."""
        return self.root / "refused.txt"

    def stacks(self, rank: int) -> Path:
        """Where a rank stood when it was asked; absent where it never was."""
        return self.root / STACKS_GLOB.replace("*", str(rank))

    def exit_record(self, rank: int) -> Path:
        """How one rank ended, in its own words."""
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
        """Where a config of the user's goes, whose file has the given name."""
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
        """Where Accelerate's automatic naming puts checkpoints."""
        return self.root / "checkpoints"

    @property
    def attempts(self) -> Path:
        """The folder of the attempts."""
        return self.root / "attempts"

    @property
    def hyperparameters(self) -> Path:
        """Those of the newest attempt, or the script's own."""
        return self.root / HYPERPARAMETERS_NAME

    @property
    def model_summary(self) -> Path:
        """That of the newest attempt, or the script's own."""
        return self.root / MODEL_SUMMARY_NAME

    @property
    def wandb_info(self) -> Path:
        """Which W&B run belongs to the run."""
        return self.root / "wandb_info.json"

    @property
    def metrics(self) -> Path:
        """What the training logged, one object a line."""
        return self.root / "metrics.jsonl"

    @property
    def metrics_summary(self) -> Path:
        """The summary of it that later commands read."""
        return self.own / "metrics.json"

    @property
    def best(self) -> Path:
        """A relative link to the best checkpoint."""
        return self.root / "best_checkpoint"

    @property
    def own(self) -> Path:
        """What a user need not see."""
        return self.root / OWN_DIR_NAME

    @property
    def helper(self) -> Path:
        """There once the script has asked ``tsdia_run.current_run()``, which tells it the checkpoint."""
        return self.own / "helper"

    @property
    def claim(self) -> Path:
        """Locked exclusively by the supervisor of the run."""
        return self.own / "claim"

    @property
    def checkpoint_patterns(self) -> Path:
        """The setting ``checkpoints.pattern`` of the newest attempt; absent where it names none."""
        return self.own / "checkpoint-patterns.json"

    def held(self, number: int) -> Path:
        """Says who holds the run, where the file system has no locks."""
        return self.own / f"held-{number}"

    @property
    def alive(self) -> Path:
        """Locked shared by every rank for its life."""
        return self.own / "alive"

    @property
    def heartbeat(self) -> Path:
        """Who holds the claim; touched while the supervisor lives."""
        return self.own / "heartbeat.json"

    @property
    def progress(self) -> Path:
        """The latest progress of the training, as its bars show it."""
        return self.own / "progress.json"

    @property
    def reads(self) -> Path:
        """What is known of the reads of the checkpoint that the newest attempt resumes from: ``ReadsLayout``."""
        return self.own / "reads"

    def last_seen(self) -> datetime | None:
        """When the supervisor last touched the heartbeat; None where there is none."""
        try:
            return datetime.fromtimestamp(self.heartbeat.stat().st_mtime, tz=timezone.utc)
        except OSError:
            return None

    def attempt(self, number: int) -> AttemptLayout:
        """The files of attempt ``number``."""
        return AttemptLayout(self.attempts / str(number))

    def log(self, number: int, started: datetime) -> Path:
        """The log of attempt ``number``: ``training_…`` for the first one, ``training_resume_N_…`` for the others."""
        resume = f"resume_{number}_" if number else ""
        return self.logs / f"training_{resume}{started:%Y%m%d_%H%M%S}.log"


# What tsdia-run itself puts into a run directory. Anything else was left by the script.
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
