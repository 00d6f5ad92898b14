"""Every setting, declared once: key, type, default, help, flag and example.

The fields of ``Settings`` are the declarations. Validation, the options of the commands, ``--dry-run --json``,
configs/all-settings.yml and docs/settings.md follow from them. To add a setting, declare it here and use it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tsdia_run.settings import kinds
from tsdia_run.settings.kinds import Launcher, ValueKind

_METADATA = "setting"


@dataclass(frozen=True)
class Flag:
    """The option of a setting on the command line of ``new``, ``ensure`` and ``resume``.

    Attributes:
        name: The option: ``--num-processes``.
        metavar: The name of its value in the help; empty for a switch.
        example: A value, for the help.
        gives: The value that a switch sets.
        help: What a switch does that turns its setting off; empty where the help of the setting says it.
    """

    name: str
    metavar: str = ""
    example: str = ""
    gives: bool = True
    help: str = ""


@dataclass(frozen=True)
class Setting:
    """One setting of the ``tsdia_run:`` section or of a project file.

    Attributes:
        key: Dotted name inside the section.
        kind: The type of its value.
        help: One line that starts with a verb.
        default: Its value if no layer sets it.
        flag: Its option, if it has one.
        example: YAML for configs/all-settings.yml, if the default is not a useful example.
        words: The default in words, if its value does not explain it.
    """

    key: str
    kind: ValueKind
    help: str
    default: Any = None
    flag: Flag | None = None
    example: str = ""
    words: str = ""


def _setting(
    kind: ValueKind, text: str, default: object = None, *, flag: Flag | None = None, example: str = "", words: str = ""
) -> Any:  # noqa: ANN401 - the field has the type that its annotation says
    declared = Setting("", kind, text, default, flag, example, words)
    return field(default_factory=lambda: default, metadata={_METADATA: declared})


@dataclass(frozen=True)
class AccelerateSettings:
    """Settings for Accelerate's launcher."""

    config_file: str | None = _setting(
        kinds.PATH,
        "Use this Accelerate config file.",
        flag=Flag("--accelerate-config", "FILE", "fsdp.yaml"),
        example="accelerate.yaml",
        words="the one that `accelerate launch` finds",
    )
    num_processes: int | None = _setting(
        kinds.COUNT, "Start this many ranks.", flag=Flag("--num-processes", "N", "2"), example="2"
    )
    mixed_precision: str | None = _setting(
        kinds.PRECISION,
        "Set mixed precision, as for `accelerate launch`.",
        flag=Flag("--mixed-precision", "no|fp16|bf16|fp8", "bf16"),
        example="bf16",
    )
    flags: tuple[str, ...] = _setting(kinds.TEXTS, "Pass these flags to `accelerate launch`.", ())


@dataclass(frozen=True)
class LogSettings:
    """Settings for logs; sizes in bytes."""

    max_size: int = _setting(kinds.SIZE, "Rotate and compress a log at this size.", 64 * 2**20)
    total_size: int | None = _setting(
        kinds.SIZE, "Limit all parts of a log together; the oldest middle goes first.", example="1 GiB", words="none"
    )
    progress_interval_s: float = _setting(
        kinds.SECONDS, "Log the state of a progress bar this often, in seconds.", 30.0
    )
    timestamps: bool = _setting(kinds.SWITCH, "Prefix log lines with timestamps.", False, flag=Flag("--log-timestamps"))


@dataclass(frozen=True)
class WandbSettings:
    """Settings for W&B."""

    console: str | None = _setting(
        kinds.WANDB_CONSOLE, "Set how W&B captures the console.", example='"off"', words="W&B's default"
    )


@dataclass(frozen=True)
class MetricSettings:
    """Settings for metrics."""

    validation: tuple[str, ...] = _setting(
        kinds.TEXTS,
        "Report when these metrics reached the trackers; `*` is a wildcard.",
        ("val_*", "val/*", "eval_*", "eval/*", "validation_*", "validation/*", "*/val"),
    )


@dataclass(frozen=True)
class HookSettings:
    """Which hooks are enabled."""

    enabled: bool = _setting(
        kinds.SWITCH,
        "Use hooks in the training process.",
        True,
        flag=Flag("--no-hooks", gives=False, help="Run without hooks."),
    )
    trackers: bool = _setting(kinds.SWITCH, "Pass the full config to all trackers, and the run id to W&B.", True)
    metrics: bool = _setting(kinds.SWITCH, "Write what `Accelerator.log` gets to metrics.jsonl.", True)
    checkpoints: bool = _setting(kinds.SWITCH, "Seal checkpoints in `save_state`; verify them in `load_state`.", True)
    summaries: bool = _setting(kinds.SWITCH, "Write hyperparameters.json and model_summary.txt.", True)

    def names(self) -> tuple[str, ...]:
        """The names of the enabled hooks."""
        names = ("trackers", "metrics", "checkpoints", "summaries")
        return tuple(name for name in names if self.enabled and getattr(self, name))


@dataclass(frozen=True)
class CheckpointSettings:
    """Settings for checkpoints."""

    hash: bool = _setting(kinds.SWITCH, "Add SHA-256 hashes to sealed checkpoints, in the background.", True)
    pattern: tuple[str, ...] = _setting(
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

    max: int = _setting(
        kinds.NUMBER,
        "Restart after a failure, up to N times without a new checkpoint.",
        0,
        flag=Flag("--max-restarts", "N", "3"),
    )
    backoff_s: float = _setting(kinds.SECONDS, "Wait before a restart, in seconds; doubles, up to 10 minutes.", 10.0)


@dataclass(frozen=True)
class HangSettings:
    """When a run counts as hung; times in seconds."""

    timeout: float | None = _setting(
        kinds.TIME,
        "Stop a hung run: no output, metrics or checkpoint for this long.",
        flag=Flag("--hang-timeout", "TIME", "30m"),
        example="30m",
        words="off",
    )
    start_timeout: float | None = _setting(
        kinds.TIME,
        "Like `hang.timeout`, before the first metric or checkpoint.",
        example="90m",
        words="3 x `hang.timeout`",
    )
    save_timeout: float | None = _setting(
        kinds.TIME, "Like `hang.timeout`, while a checkpoint is saved.", example="90m", words="3 x `hang.timeout`"
    )


def _group(kind: type[Any]) -> Any:  # noqa: ANN401 - the field has the type that its annotation says
    return field(default_factory=kind, metadata={_METADATA: kind})


@dataclass(frozen=True)
class Settings:
    """Every setting, resolved."""

    entrypoint: str = _setting(
        kinds.PATH,
        "Run this training script or executable.",
        "train.py",
        flag=Flag("--entrypoint", "SCRIPT", "src/train.py"),
    )
    module: str | None = _setting(
        kinds.TEXT,
        "Run this module instead of a script, like `python -m`.",
        flag=Flag("--module", "NAME", "mylab.train"),
        example="mylab.train",
    )
    python: str | None = _setting(
        kinds.PATH,
        "Use this Python interpreter.",
        flag=Flag("--python", "PATH", "~/envs/torch/bin/python"),
        example="/path/to/venv/bin/python",
        words="the active virtual or conda environment's, else tsdia-run's own",
    )
    args: tuple[str, ...] = _setting(kinds.TEXTS, "Pass these arguments to the script.", ("--config", "{config}"))
    resume_args: tuple[str, ...] | None = _setting(
        kinds.TEXTS,
        "Add these arguments on a resume; empty if the script needs none.",
        flag=Flag("--resume-args", "ARGS", "'--load {checkpoint}'"),
        example='["--resume", "{checkpoint}"]',
    )
    run_dir_key: str | None = _setting(
        kinds.TEXT,
        "Read the run directory from this config key.",
        example="training.checkpoint.save_dir",
        words="training.checkpoint.save_dir, else checkpoint.save_dir",
    )
    resume_key: str | None = _setting(
        kinds.TEXT,
        "Set this config key to the checkpoint on a resume.",
        example="training.checkpoint.resume",
        words="training.checkpoint.resume, else checkpoint.resume",
    )
    resume_set: Mapping[str, Any] = _setting(kinds.VALUES, "Set these other config keys on a resume.", {})
    script_dir: str | None = _setting(
        kinds.TEXT,
        "Pass a sub-directory of the run that the script creates itself.",
        example="out",
    )
    launcher: Launcher = _setting(
        kinds.LAUNCHER,
        "Start the ranks with this launcher.",
        Launcher.ACCELERATE,
        flag=Flag("--launcher", "accelerate|python", "python"),
    )
    accelerate: AccelerateSettings = _group(AccelerateSettings)
    env: Mapping[str, str] = _setting(
        kinds.VARIABLES,
        "Set these environment variables for the script.",
        {},
        example='{TOKENIZERS_PARALLELISM: "false"}',
    )
    pty: bool = _setting(
        kinds.SWITCH,
        "Give the script a pseudo-terminal if tsdia-run has a terminal.",
        True,
        flag=Flag("--no-pty", gives=False, help="Use pipes instead of a pseudo-terminal."),
    )
    logs: LogSettings = _group(LogSettings)
    wandb: WandbSettings = _group(WandbSettings)
    metrics: MetricSettings = _group(MetricSettings)
    hooks: HookSettings = _group(HookSettings)
    checkpoints: CheckpointSettings = _group(CheckpointSettings)
    time_limit: float | None = _setting(
        kinds.TIME,
        "Stop gracefully after this time.",
        flag=Flag("--time-limit", "TIME", "11.5h"),
        example="11.5h",
        words="no limit",
    )
    restarts: RestartSettings = _group(RestartSettings)
    hang: HangSettings = _group(HangSettings)
    roots: tuple[str, ...] = _setting(kinds.PATHS, "Look for runs in these folders.", ("runs",))
    stop_grace_s: float = _setting(
        kinds.SECONDS, "Let the script run this long after a stop request, in seconds.", 60.0
    )


def shown_default(setting: Setting) -> str:
    """Return the default of a setting as a user would write it in YAML."""
    default = setting.default.value if isinstance(setting.default, Launcher) else setting.default
    if setting.kind is kinds.SIZE and isinstance(default, int):
        return f"{default // 2**20} MiB"
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, str):
        return default
    return json.dumps(default)


def _declared(kind: type[Any], group: str) -> Iterator[Setting]:
    for one in fields(kind):
        declared = one.metadata[_METADATA]
        if isinstance(declared, Setting):
            yield Setting(**{**vars(declared), "key": f"{group}{one.name}"})
        else:
            yield from _declared(declared, f"{one.name}.")


SETTINGS: tuple[Setting, ...] = tuple(_declared(Settings, ""))


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Return settings with the given values by dotted key; other settings have their defaults."""

    def made(kind: type[Any], group: str) -> Any:  # noqa: ANN401 - as many types as groups
        found = {}
        for one in fields(kind):
            declared = one.metadata[_METADATA]
            key = f"{group}{one.name}"
            if not isinstance(declared, Setting):
                found[one.name] = made(declared, f"{key}.")
            elif key in values:
                found[one.name] = values[key]
        return kind(**found)

    settings = made(Settings, "")
    assert isinstance(settings, Settings)
    return settings
