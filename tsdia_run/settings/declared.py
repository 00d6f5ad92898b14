"""Every setting, declared once: key, type, default, help, flag and example.

The fields of ``Settings`` are the declarations. Validation, the options of the commands, ``--dry-run --json``,
configs/all-settings.yml and docs/settings.md follow from them. To add a setting, declare it here and use it. ``CODE``
marks a setting that can make a program run or that a script may execute: it is refused from a project file that another
user could have written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsdia_run.settings import kinds
from tsdia_run.settings.declaring import CODE, DATA, Flag, Setting, declared_in, group, setting
from tsdia_run.settings.kinds import Launcher


@dataclass(frozen=True)
class AccelerateSettings:
    """Settings for Accelerate's launcher."""

    config_file: str | None = setting(
        CODE,
        kinds.PATH,
        "Use this Accelerate config file.",
        flag=Flag("--accelerate-config", "FILE", "fsdp.yaml"),
        example="accelerate.yaml",
        words="the one that `accelerate launch` finds",
    )
    num_processes: int | None = setting(
        DATA, kinds.COUNT, "Start this many ranks.", flag=Flag("--num-processes", "N", "2"), example="2"
    )
    mixed_precision: str | None = setting(
        DATA,
        kinds.PRECISION,
        "Set mixed precision, as for `accelerate launch`.",
        flag=Flag("--mixed-precision", "no|fp16|bf16|fp8", "bf16"),
        example="bf16",
    )
    flags: tuple[str, ...] = setting(CODE, kinds.TEXTS, "Pass these flags to `accelerate launch`.", ())


@dataclass(frozen=True)
class LogSettings:
    """Settings for logs; sizes in bytes."""

    max_size: int = setting(DATA, kinds.SIZE, "Rotate and compress a log at this size.", 64 * 2**20)
    total_size: int | None = setting(
        DATA,
        kinds.SIZE,
        "Limit all parts of a log together; the oldest middle goes first.",
        example="1 GiB",
        words="none",
    )
    progress_interval_s: float = setting(
        DATA, kinds.SECONDS, "Log the state of a progress bar this often, in seconds.", 30.0
    )
    timestamps: bool = setting(
        DATA, kinds.SWITCH, "Prefix log lines with timestamps.", False, flag=Flag("--log-timestamps")
    )
    journal: str = setting(
        DATA, kinds.JOURNAL, "Keep output that is not logged yet in memory, or in files (slower).", "memory"
    )


@dataclass(frozen=True)
class WandbSettings:
    """Settings for W&B."""

    console: str | None = setting(
        DATA, kinds.WANDB_CONSOLE, "Set how W&B captures the console.", example='"off"', words="W&B's default"
    )


@dataclass(frozen=True)
class MetricSettings:
    """Settings for metrics."""

    validation: tuple[str, ...] = setting(
        DATA,
        kinds.TEXTS,
        "Report when these metrics reached the trackers; `*` is a wildcard.",
        ("val_*", "val/*", "eval_*", "eval/*", "validation_*", "validation/*", "*/val"),
    )


@dataclass(frozen=True)
class HookSettings:
    """Which hooks are enabled."""

    enabled: bool = setting(
        DATA,
        kinds.SWITCH,
        "Use hooks in the training process.",
        True,
        flag=Flag("--no-hooks", gives=False, help="Run without hooks."),
    )
    trackers: bool = setting(DATA, kinds.SWITCH, "Pass the full config to all trackers, and the run id to W&B.", True)
    metrics: bool = setting(DATA, kinds.SWITCH, "Write the metrics that the script logs to metrics.jsonl.", True)
    checkpoints: bool = setting(
        DATA, kinds.SWITCH, "Seal checkpoints in `save_state`; verify them in `load_state`.", True
    )
    summaries: bool = setting(DATA, kinds.SWITCH, "Write hyperparameters.json and model_summary.txt.", True)

    def names(self) -> tuple[str, ...]:
        """The names of the enabled hooks."""
        names = ("trackers", "metrics", "checkpoints", "summaries")
        return tuple(name for name in names if self.enabled and getattr(self, name))


@dataclass(frozen=True)
class CheckpointSettings:
    """Settings for checkpoints."""

    hash: bool = setting(DATA, kinds.SWITCH, "Add SHA-256 hashes to sealed checkpoints, in the background.", True)
    pattern: tuple[str, ...] = setting(
        DATA,
        kinds.PATTERNS,
        "Recognise more files or directories of the run as checkpoints.",
        (),
        flag=Flag("--checkpoint-pattern", "GLOB", "'weights/ck-{step}.msgpack'"),
        example="weights/ck-{step}.msgpack",
        words="none",
    )


@dataclass(frozen=True)
class RestartSettings:
    """Settings for restarts after a failure."""

    max: int = setting(
        DATA,
        kinds.NUMBER,
        "Restart after a failure, up to N times without a new checkpoint.",
        0,
        flag=Flag("--max-restarts", "N", "3"),
    )
    backoff_s: float = setting(
        DATA, kinds.SECONDS, "Wait before a restart, in seconds; doubles, up to 10 minutes.", 10.0
    )


@dataclass(frozen=True)
class HangSettings:
    """When a run counts as hung; times in seconds."""

    timeout: float | None = setting(
        DATA,
        kinds.TIME,
        "Stop a hung run: no output, metrics or checkpoint for this long.",
        flag=Flag("--hang-timeout", "TIME", "30m"),
        example="30m",
        words="off",
    )
    start_timeout: float | None = setting(
        DATA,
        kinds.TIME,
        "Like `hang.timeout`, before the first metric or checkpoint.",
        example="90m",
        words="3 x `hang.timeout`",
    )
    save_timeout: float | None = setting(
        DATA, kinds.TIME, "Like `hang.timeout`, while a checkpoint is saved.", example="90m", words="3 x `hang.timeout`"
    )


@dataclass(frozen=True)
class NotifySettings:
    """Where notifications go, and about which events."""

    on: tuple[str, ...] = setting(CODE, kinds.EVENTS, "Report these events.", kinds.EVENTS_OF_RUNS)
    webhook: str | None = setting(
        CODE,
        kinds.WEBHOOK,
        "Report to this URL by a POST request; a record has only its host.",
        example="https://ntfy.sh/my-topic",
        words="none",
    )
    command: tuple[str, ...] = setting(
        CODE,
        kinds.TEXTS,
        "Run this command, with the facts in its environment.",
        (),
        example='["mail", "-s", "a run has ended", "me@example.org"]',
        words="none",
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The URL, with and without its scheme."""
        return (self.webhook, self.webhook.partition("://")[2]) if self.webhook else ()


@dataclass(frozen=True)
class Settings:
    """Every setting, resolved."""

    entrypoint: str = setting(
        CODE,
        kinds.PATH,
        "Run this training script or executable.",
        "train.py",
        flag=Flag("--entrypoint", "SCRIPT", "src/train.py"),
    )
    module: str | None = setting(
        CODE,
        kinds.TEXT,
        "Run this module instead of a script, like `python -m`.",
        flag=Flag("--module", "NAME", "mylab.train"),
        example="mylab.train",
    )
    python: str | None = setting(
        CODE,
        kinds.PATH,
        "Use this Python interpreter.",
        flag=Flag("--python", "PATH", "~/envs/torch/bin/python"),
        example="/path/to/venv/bin/python",
        words="the active virtual or conda environment's, else that of the project's `.venv`, else tsdia-run's own",
    )
    preset: str | None = setting(
        DATA,
        kinds.TEXT,
        "Pass directory and checkpoint as this kind of script takes them.",
        flag=Flag("--preset", "NAME", "diffusers"),
        example="diffusers",
        words="as found in the script's source",
    )
    args: tuple[str, ...] = setting(CODE, kinds.TEXTS, "Pass these arguments to the script.", ("--config", "{config}"))
    resume_args: tuple[str, ...] | None = setting(
        CODE,
        kinds.TEXTS,
        "Add these arguments on a resume; empty if the script needs none.",
        flag=Flag("--resume-args", "ARGS", "'--load {checkpoint}'"),
        example='["--resume", "{checkpoint}"]',
    )
    run_dir_key: str | None = setting(
        DATA,
        kinds.TEXT,
        "Read the run directory from this config key.",
        example="training.checkpoint.save_dir",
        words="training.checkpoint.save_dir, checkpoint.save_dir, else a usual key such as output_dir",
    )
    resume_key: str | None = setting(
        DATA,
        kinds.TEXT,
        "Set this config key to the checkpoint on a resume.",
        example="training.checkpoint.resume",
        words="training.checkpoint.resume, checkpoint.resume, else a usual key such as resume_from_checkpoint",
    )
    resume_set: Mapping[str, Any] = setting(CODE, kinds.VALUES, "Set these other config keys on a resume.", {})
    script_dir: str | None = setting(
        DATA,
        kinds.TEXT,
        "Pass a sub-directory of the run that the script creates itself.",
        example="out",
    )
    launcher: Launcher = setting(
        CODE,
        kinds.LAUNCHER,
        "Start the ranks with this launcher.",
        Launcher.ACCELERATE,
        flag=Flag("--launcher", "accelerate|python", "python"),
    )
    accelerate: AccelerateSettings = group(AccelerateSettings)
    env: Mapping[str, str] = setting(
        CODE,
        kinds.VARIABLES,
        "Set these environment variables for the script.",
        {},
        example='{TOKENIZERS_PARALLELISM: "false"}',
    )
    pty: bool = setting(
        DATA,
        kinds.SWITCH,
        "Give the script a pseudo-terminal if tsdia-run has a terminal.",
        True,
        flag=Flag("--no-pty", gives=False, help="Use pipes instead of a pseudo-terminal."),
    )
    logs: LogSettings = group(LogSettings)
    wandb: WandbSettings = group(WandbSettings)
    metrics: MetricSettings = group(MetricSettings)
    hooks: HookSettings = group(HookSettings)
    checkpoints: CheckpointSettings = group(CheckpointSettings)
    time_limit: float | None = setting(
        DATA,
        kinds.TIME,
        "Stop gracefully after this time.",
        flag=Flag("--time-limit", "TIME", "11.5h"),
        example="11.5h",
        words="no limit",
    )
    restarts: RestartSettings = group(RestartSettings)
    hang: HangSettings = group(HangSettings)
    notify: NotifySettings = group(NotifySettings)
    roots: tuple[str, ...] = setting(DATA, kinds.PATHS, "Look for runs in these folders.", ("runs",))
    stop_grace_s: float = setting(
        DATA,
        kinds.GRACE,
        "Let the script save this long after a stop request, or `none`.",
        60.0,
        flag=Flag("--stop-grace", "TIME|none", "10m"),
    )


SETTINGS: tuple[Setting, ...] = tuple(declared_in(Settings))
