"""Every setting, declared once: its key, its type, its default, its sentence, its flag and an example.

The fields of ``Settings`` are the declarations. The checks of files and flags, the options of the commands, ``--dry-run
--json``, configs/all-settings.yml and docs/settings.md follow from them. A setting is added here, and where it is used.
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
        metavar: What its value is called in the help; empty for a switch.
        example: A value, for the help.
        gives: What a switch sets.
    """

    name: str
    metavar: str = ""
    example: str = ""
    gives: bool = True


@dataclass(frozen=True)
class Setting:
    """One setting, as it may stand in the ``tsdia_run:`` section or in a project file.

    Attributes:
        key: Dotted name inside the section.
        kind: What its value must be.
        help: One sentence for people.
        default: Its value where nothing is said.
        flag: Its option, if it has one.
        example: YAML for configs/all-settings.yml, where the default is nothing to look at.
        words: The default in words, for people, where its value does not tell.
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
    """What is asked of Accelerate's launcher."""

    config_file: str | None = _setting(
        kinds.PATH,
        "The Accelerate config file.",
        flag=Flag("--accelerate-config", "FILE", "fsdp.yaml"),
        example="accelerate.yaml",
        words="the one that Accelerate finds",
    )
    num_processes: int | None = _setting(
        kinds.COUNT, "The number of ranks.", flag=Flag("--num-processes", "N", "2"), example="2"
    )
    mixed_precision: str | None = _setting(
        kinds.PRECISION,
        "Mixed precision as `accelerate launch` takes it.",
        flag=Flag("--mixed-precision", "no|fp16|bf16|fp8", "bf16"),
        example="bf16",
    )
    flags: tuple[str, ...] = _setting(kinds.TEXTS, "More flags for `accelerate launch`.", ())


@dataclass(frozen=True)
class LogSettings:
    """How logs are kept: sizes in bytes."""

    max_size: int = _setting(kinds.SIZE, "Size at which a log is rotated and compressed.", 64 * 2**20)
    total_size: int | None = _setting(
        kinds.SIZE, "Bound for all parts of a log; the oldest middle goes first.", example="1 GiB", words="none"
    )
    progress_interval_s: float = _setting(kinds.SECONDS, "How often the state of a running bar enters the log.", 30.0)
    timestamps: bool = _setting(
        kinds.SWITCH, "Begin the lines of the log with their time.", False, flag=Flag("--log-timestamps")
    )


@dataclass(frozen=True)
class WandbSettings:
    """What is asked of W&B."""

    console: str | None = _setting(
        kinds.WANDB_CONSOLE, "W&B's own capture of the console.", example='"off"', words="as W&B has it"
    )


@dataclass(frozen=True)
class MetricSettings:
    """What is asked of the metrics."""

    validation: tuple[str, ...] = _setting(
        kinds.TEXTS,
        "The names of validation metrics, whose arrival at the trackers is confirmed; `*` stands for anything.",
        ("val_*", "val/*", "eval_*", "eval/*", "validation_*", "validation/*", "*/val"),
    )


@dataclass(frozen=True)
class HookSettings:
    """Which hooks are on."""

    enabled: bool = _setting(
        kinds.SWITCH,
        "Hook into the training; false runs the script bare.",
        True,
        flag=Flag("--no-hooks", gives=False),
    )
    trackers: bool = _setting(kinds.SWITCH, "Give the whole config to every tracker, and W&B the run's id.", True)
    metrics: bool = _setting(kinds.SWITCH, "Keep what Accelerator.log gets in metrics.jsonl.", True)
    checkpoints: bool = _setting(kinds.SWITCH, "Seal what save_state writes, and check what load_state reads.", True)
    summaries: bool = _setting(kinds.SWITCH, "Write hyperparameters.json and model_summary.txt.", True)

    def names(self) -> tuple[str, ...]:
        """Those that are on."""
        names = ("trackers", "metrics", "checkpoints", "summaries")
        return tuple(name for name in names if self.enabled and getattr(self, name))


@dataclass(frozen=True)
class CheckpointSettings:
    """What is a checkpoint, and what is done with it from outside of the training."""

    hash: bool = _setting(kinds.SWITCH, "Add sha256 to sealed checkpoints, from outside of the training.", True)
    pattern: tuple[str, ...] = _setting(
        kinds.PATTERNS,
        "Files or directories below the run that are checkpoints, beside those that tsdia-run recognises.",
        (),
        flag=Flag("--checkpoint-pattern", "GLOB", "'weights/ck-{step}.msgpack'"),
        example="weights/ck-{step}.msgpack",
        words="none",
    )


@dataclass(frozen=True)
class RestartSettings:
    """What follows a failure."""

    max: int = _setting(
        kinds.NUMBER,
        "How many attempts without a new checkpoint may follow a failed one.",
        0,
        flag=Flag("--max-restarts", "N", "3"),
    )
    backoff_s: float = _setting(kinds.SECONDS, "The wait before a restart; doubles with each, up to 10 min.", 10.0)


@dataclass(frozen=True)
class HangSettings:
    """What is taken for a hang: in seconds."""

    timeout: float | None = _setting(
        kinds.TIME,
        "How long nothing may be heard from a training before it is ended.",
        flag=Flag("--hang-timeout", "TIME", "30m"),
        example="30m",
        words="forever",
    )
    start_timeout: float | None = _setting(
        kinds.TIME, "The same until its first metric or checkpoint.", example="90m", words="three times it"
    )
    save_timeout: float | None = _setting(
        kinds.TIME, "The same while it saves a checkpoint.", example="90m", words="three times it"
    )


def _group(kind: type[Any]) -> Any:  # noqa: ANN401 - the field has the type that its annotation says
    return field(default_factory=kind, metadata={_METADATA: kind})


@dataclass(frozen=True)
class Settings:
    """Every setting, resolved."""

    entrypoint: str = _setting(
        kinds.PATH,
        "The training script, or any executable.",
        "train.py",
        flag=Flag("--entrypoint", "SCRIPT", "src/train.py"),
    )
    module: str | None = _setting(
        kinds.TEXT,
        "A module to run instead of a script, as `python -m` does.",
        flag=Flag("--module", "NAME", "mylab.train"),
        example="mylab.train",
    )
    python: str | None = _setting(
        kinds.PATH,
        "The interpreter.",
        flag=Flag("--python", "PATH", "~/envs/torch/bin/python"),
        example="/path/to/venv/bin/python",
        words="the active virtual or conda environment's, else our own",
    )
    args: tuple[str, ...] = _setting(kinds.TEXTS, "What the script gets on its command line.", ("--config", "{config}"))
    resume_args: tuple[str, ...] | None = _setting(
        kinds.TEXTS,
        "What the script gets in addition on a resume. Empty: the script finds its checkpoint itself.",
        flag=Flag("--resume-args", "ARGS", "'--load {checkpoint}'"),
        example='["--resume", "{checkpoint}"]',
    )
    run_dir_key: str | None = _setting(
        kinds.TEXT,
        "The config key that holds the run directory.",
        example="training.checkpoint.save_dir",
        words="training.checkpoint.save_dir, else checkpoint.save_dir",
    )
    resume_key: str | None = _setting(
        kinds.TEXT,
        "The config key that holds the checkpoint to resume from.",
        example="training.checkpoint.resume",
        words="training.checkpoint.resume, else checkpoint.resume",
    )
    resume_set: Mapping[str, Any] = _setting(
        kinds.VALUES, "Other config keys that change on a resume, with their values.", {}
    )
    script_dir: str | None = _setting(
        kinds.TEXT,
        "A sub-directory of the run directory that the script gets as its own and makes itself.",
        example="out",
    )
    launcher: Launcher = _setting(
        kinds.LAUNCHER,
        "What starts the ranks.",
        Launcher.ACCELERATE,
        flag=Flag("--launcher", "accelerate|python", "python"),
    )
    accelerate: AccelerateSettings = _group(AccelerateSettings)
    env: Mapping[str, str] = _setting(
        kinds.VARIABLES, "Environment variables for the script.", {}, example='{TOKENIZERS_PARALLELISM: "false"}'
    )
    pty: bool = _setting(
        kinds.SWITCH,
        "Give the training a terminal where we have one; else always pipes.",
        True,
        flag=Flag("--no-pty", gives=False),
    )
    logs: LogSettings = _group(LogSettings)
    wandb: WandbSettings = _group(WandbSettings)
    metrics: MetricSettings = _group(MetricSettings)
    hooks: HookSettings = _group(HookSettings)
    checkpoints: CheckpointSettings = _group(CheckpointSettings)
    time_limit: float | None = _setting(
        kinds.TIME,
        "When an attempt is asked to stop, from its start.",
        flag=Flag("--time-limit", "TIME", "11.5h"),
        example="11.5h",
        words="never",
    )
    restarts: RestartSettings = _group(RestartSettings)
    hang: HangSettings = _group(HangSettings)
    roots: tuple[str, ...] = _setting(
        kinds.PATHS, "Folders that hold runs, for `list` and for names of runs.", ("runs",)
    )
    stop_grace_s: float = _setting(
        kinds.SECONDS, "How long the script may take to end after the first request to stop.", 60.0
    )


def shown_default(setting: Setting) -> str:
    """The default of a setting as a person would write it in YAML."""
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
    """The settings with these values by dotted key; the others have their defaults."""

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
