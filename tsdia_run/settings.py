"""How to launch: flags > environment > config section > project file > defaults.

The table ``SETTINGS`` is the one place where a setting is declared; the validation, the docs and the commented config
are tested against it. A layer is what one place says; ``resolve`` puts the layers together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tsdia_run.errors import ConfigError, Place, UsageError
from tsdia_run.words import is_passable, nearest

SECTION = "tsdia_run"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|)", re.IGNORECASE)
Locate = Callable[[str], "Place | None"]


class Launcher(Enum):
    """What starts the ranks."""

    ACCELERATE = "accelerate"
    PYTHON = "python"


class Kind(Enum):
    """What a setting's value must be, in the words of an error message."""

    TEXT = "text"
    PATH = "a path"
    TEXTS = "a list of texts"
    PATHS = "a list of paths"
    COUNT = "a whole number from 1"
    NUMBER = "a whole number from 0"
    SECONDS = "a number of seconds, 0 or more"
    TIME = "a time such as 90s, 30m, 12h or 2d, or a number of seconds"
    VARIABLES = "a mapping of variable names to texts"
    VALUES = "a mapping of config keys to values"
    SIZE = "a size such as 64 MiB, or a number of bytes"
    SWITCH = "true or false"
    WANDB_CONSOLE = "off, auto, wrap or redirect"
    LAUNCHER = "accelerate or python"
    PRECISION = "no, fp16, bf16 or fp8"


@dataclass(frozen=True)
class Setting:
    """One setting, as it may stand in the ``tsdia_run:`` section or in a project file.

    Attributes:
        key: Dotted name inside the section.
        kind: What its value must be.
        help: One sentence for people.
        default: Its value where nothing is said.
    """

    key: str
    kind: Kind
    help: str
    default: Any = None


SETTINGS: tuple[Setting, ...] = (
    Setting("entrypoint", Kind.PATH, "The training script, or any executable.", "train.py"),
    Setting("module", Kind.TEXT, "A module to run instead of a script, as `python -m` does."),
    Setting("python", Kind.PATH, "The interpreter. Default: the active virtual or conda environment's, else our own."),
    Setting("args", Kind.TEXTS, "What the script gets on its command line.", ("--config", "{config}")),
    Setting("resume_args", Kind.TEXTS, "What it gets in addition on a resume.", ()),
    Setting(
        "run_dir_key",
        Kind.TEXT,
        "The config key that holds the run directory. Default: training.checkpoint.save_dir, else checkpoint.save_dir.",
    ),
    Setting(
        "resume_key",
        Kind.TEXT,
        "The config key that holds the checkpoint to resume from. Default: training.checkpoint.resume, else"
        " checkpoint.resume.",
    ),
    Setting("resume_set", Kind.VALUES, "Other config keys that change on a resume, with their values.", {}),
    Setting(
        "script_dir",
        Kind.TEXT,
        "A sub-directory of the run directory that the script gets as its own and makes itself.",
    ),
    Setting("launcher", Kind.LAUNCHER, "What starts the ranks.", Launcher.ACCELERATE),
    Setting("accelerate.config_file", Kind.PATH, "The Accelerate config file. Default: the one that Accelerate finds."),
    Setting("accelerate.num_processes", Kind.COUNT, "The number of ranks."),
    Setting("accelerate.mixed_precision", Kind.PRECISION, "Mixed precision as `accelerate launch` takes it."),
    Setting("accelerate.flags", Kind.TEXTS, "More flags for `accelerate launch`.", ()),
    Setting("env", Kind.VARIABLES, "Environment variables for the script.", {}),
    Setting("pty", Kind.SWITCH, "Give the training a terminal where we have one; else always pipes.", True),
    Setting("logs.max_size", Kind.SIZE, "Size at which a log is rotated and compressed.", 64 * 2**20),
    Setting("logs.total_size", Kind.SIZE, "Bound for all parts of a log; the oldest middle goes first. Default: none."),
    Setting("logs.progress_interval_s", Kind.SECONDS, "How often the state of a running bar enters the log.", 30.0),
    Setting("logs.timestamps", Kind.SWITCH, "Begin the lines of the log with their time.", False),
    Setting("wandb.console", Kind.WANDB_CONSOLE, "W&B's own capture of the console. Default: as W&B has it."),
    Setting(
        "metrics.validation",
        Kind.TEXTS,
        "The names of validation metrics, whose arrival at the trackers is confirmed; `*` stands for anything.",
        ("val_*", "val/*", "eval_*", "eval/*", "validation_*", "validation/*", "*/val"),
    ),
    Setting("hooks.enabled", Kind.SWITCH, "Hook into the training; false runs the script bare.", True),
    Setting("hooks.trackers", Kind.SWITCH, "Give the whole config to every tracker, and W&B the run's id.", True),
    Setting("hooks.metrics", Kind.SWITCH, "Keep what Accelerator.log gets in metrics.jsonl.", True),
    Setting("hooks.checkpoints", Kind.SWITCH, "Seal what save_state writes, and check what load_state reads.", True),
    Setting("hooks.summaries", Kind.SWITCH, "Write hyperparameters.json and model_summary.txt.", True),
    Setting("checkpoints.hash", Kind.SWITCH, "Add sha256 to sealed checkpoints, from outside of the training.", True),
    Setting("time_limit", Kind.TIME, "When an attempt is asked to stop, from its start. Default: never."),
    Setting("restarts.max", Kind.NUMBER, "How many attempts without a new checkpoint may follow a failed one.", 0),
    Setting("restarts.backoff_s", Kind.SECONDS, "The wait before a restart; doubles with each, up to 10 min.", 10.0),
    Setting(
        "hang.timeout", Kind.TIME, "How long nothing may be heard from a training before it is ended. Default: forever."
    ),
    Setting("hang.start_timeout", Kind.TIME, "The same until its first metric or checkpoint. Default: three times it."),
    Setting("hang.save_timeout", Kind.TIME, "The same while it saves a checkpoint. Default: three times it."),
    Setting("roots", Kind.PATHS, "Folders that hold runs, for `list` and for names of runs.", ("runs",)),
    Setting("stop_grace_s", Kind.SECONDS, "How long the script may take to end after the first request to stop.", 60.0),
)
_BY_KEY = {setting.key: setting for setting in SETTINGS}
_GROUPS = {setting.key.split(".", 1)[0] for setting in SETTINGS if "." in setting.key}


@dataclass(frozen=True)
class AccelerateSettings:
    """What is asked of Accelerate's launcher."""

    config_file: str | None
    num_processes: int | None
    mixed_precision: str | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class LogSettings:
    """How logs are kept: sizes in bytes."""

    max_size: int
    total_size: int | None
    progress_interval_s: float
    timestamps: bool


@dataclass(frozen=True)
class WandbSettings:
    """What is asked of W&B."""

    console: str | None


@dataclass(frozen=True)
class MetricSettings:
    """What is asked of the metrics."""

    validation: tuple[str, ...]


@dataclass(frozen=True)
class HookSettings:
    """Which hooks are on."""

    enabled: bool
    trackers: bool
    metrics: bool
    checkpoints: bool
    summaries: bool

    def names(self) -> tuple[str, ...]:
        """Those that are on."""
        names = ("trackers", "metrics", "checkpoints", "summaries")
        return tuple(name for name in names if self.enabled and getattr(self, name))


@dataclass(frozen=True)
class CheckpointSettings:
    """What is done with checkpoints from outside of the training."""

    hash: bool


@dataclass(frozen=True)
class RestartSettings:
    """What follows a failure."""

    max: int
    backoff_s: float


@dataclass(frozen=True)
class HangSettings:
    """What is taken for a hang: in seconds."""

    timeout: float | None
    start_timeout: float | None
    save_timeout: float | None


@dataclass(frozen=True)
class Settings:
    """Every setting, resolved."""

    entrypoint: str
    module: str | None
    python: str | None
    args: tuple[str, ...]
    resume_args: tuple[str, ...]
    run_dir_key: str | None
    resume_key: str | None
    resume_set: Mapping[str, Any]
    script_dir: str | None
    launcher: Launcher
    accelerate: AccelerateSettings
    pty: bool
    logs: LogSettings
    wandb: WandbSettings
    metrics: MetricSettings
    hooks: HookSettings
    checkpoints: CheckpointSettings
    env: Mapping[str, str]
    time_limit: float | None
    restarts: RestartSettings
    hang: HangSettings
    roots: tuple[str, ...]
    stop_grace_s: float


@dataclass(frozen=True)
class Layer:
    """What one place says.

    Attributes:
        source: The place in words: "the command line", "config.yml", "pyproject.toml".
        values: Checked values by dotted key.
    """

    source: str
    values: Mapping[str, Any] = field(default_factory=dict)


def read_layer(source: str, section: object, locate: Locate) -> Layer:
    """Check what a file says about the settings.

    Args:
        source: The file, for messages.
        section: The plain data of the section; None when it is empty.
        locate: Called with a dotted key inside the section; gives its ``Place`` or None.

    Raises:
        ConfigError: A key is unknown, or a value is not what its key takes.
    """
    if section is None:
        return Layer(source)
    if not isinstance(section, Mapping):
        raise ConfigError(
            "the settings of tsdia-run must be a mapping",
            place=locate(""),
            hint="Write them as `key: value` lines, indented below the section's name; docs/settings.md lists them.",
        )
    values: dict[str, Any] = {}
    for key, value in _dotted(section):
        setting = _BY_KEY.get(key)
        if setting is None:
            raise _unknown(key, locate(key))
        if value is not None:
            values[key] = _checked(setting, value, locate(key))
    _refuse_two_entrypoints(values, locate)
    return Layer(source, values)


def _refuse_two_entrypoints(values: Mapping[str, Any], locate: Locate) -> None:
    if "entrypoint" in values and "module" in values:
        raise ConfigError(
            "entrypoint and module are both set", place=locate("module"), hint="Keep the one that is to run."
        )


def _dotted(section: Mapping[object, object]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in section.items():
        if key in _GROUPS and (value is None or isinstance(value, Mapping)):
            found.extend((f"{key}.{inner}", inner_value) for inner, inner_value in (value or {}).items())
        else:
            found.append((str(key), value))
    return found


def _unknown(key: str, place: Place | None) -> ConfigError:
    near = nearest(key, _BY_KEY)
    meant = f"Did you mean `{near}`? " if near else ""
    return ConfigError(f"unknown setting `{key}`", place=place, hint=f"{meant}docs/settings.md lists every setting.")


def _checked(setting: Setting, value: object, place: Place | None) -> object:
    """The value in the form that ``Settings`` holds, or the error that names its place."""
    checked = _converted(setting.kind, value)
    if checked is None:
        raise ConfigError(f"`{setting.key}` must be {setting.kind.value}, not {value!r}", place=place)
    return checked


def _converted(kind: Kind, value: object) -> object:  # noqa: PLR0911, PLR0912 - one line a kind
    if kind in (Kind.TEXT, Kind.PATH):
        return value if isinstance(value, str) and value and is_passable(value) else None
    if kind is Kind.PATHS:
        is_list = isinstance(value, (list, tuple)) and all(
            isinstance(item, str) and item and is_passable(item) for item in value
        )
        return tuple(value) if is_list else None  # type: ignore[arg-type]
    if kind is Kind.TEXTS:
        is_list = isinstance(value, (list, tuple)) and all(isinstance(item, (str, int, float)) for item in value)
        texts = tuple(str(item) for item in value) if is_list else ("\0",)  # type: ignore[attr-defined]
        return texts if all(map(is_passable, texts)) else None
    if kind is Kind.COUNT:
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None
    if kind is Kind.SECONDS:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
        return float(value) if is_number else None  # type: ignore[arg-type]
    if kind is Kind.NUMBER:
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
    if kind is Kind.TIME:
        return _seconds(value)
    if kind is Kind.SWITCH:
        return value if isinstance(value, bool) else None
    if kind is Kind.SIZE:
        return _size_bytes(value)
    if kind is Kind.WANDB_CONSOLE:
        # YAML reads a bare `off` as false.
        return "off" if value is False else value if value in ("off", "auto", "wrap", "redirect") else None
    if kind is Kind.LAUNCHER:
        return next((launcher for launcher in Launcher if launcher.value == value), None)
    if kind is Kind.PRECISION:
        # YAML reads a bare `no` as false.
        return "no" if value is False else value if value in ("no", "fp16", "bf16", "fp8") else None
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        return None
    if kind is Kind.VALUES:
        return dict(value)
    variables = {name: _variable(text) for name, text in value.items() if text is not None}
    are_names = all(name and "=" not in name for name in variables)
    return variables if are_names and all(map(is_passable, [*variables, *variables.values()])) else None


def _size_bytes(value: object) -> int | None:
    """A number of bytes, or a text with a unit: 512 KiB, 64MiB, 1.5 GiB; at least 4 KiB."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        value = int(float(match.group(1)) * 1024 ** ("KMGT".index(match.group(2).upper()) + 1))
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 4096 else None


def _seconds(value: object) -> float | None:
    """A number of seconds above 0, or a text with a unit: 90s, 30m, 1.5h, 2d."""
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        value = float(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}[match.group(2)[:1].lower()]
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None


def _variable(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def flags_layer(values: Mapping[str, Any]) -> Layer:
    """The layer of the command line and the environment; None means that a flag was not given.

    Raises:
        UsageError: A value is not what its flag takes, or two flags contradict each other.
    """
    given = {key: value for key, value in values.items() if value is not None}
    for key, value in given.items():
        given[key] = _converted(_BY_KEY[key].kind, value)
        if given[key] is None:
            raise UsageError(f"{_flag(key)} takes {_BY_KEY[key].kind.value}, not {value!r}")
    if "entrypoint" in given and "module" in given:
        raise UsageError("--entrypoint and --module are both given", hint="Keep the one that is to run.")
    return Layer("the command line", given)


def _flag(key: str) -> str:
    names = {
        "accelerate.config_file": "accelerate-config",
        "restarts.max": "max-restarts",
        "hang.timeout": "hang-timeout",
    }
    name = names.get(key, key.rpartition(".")[2])
    return f"--{name.replace('_', '-')}"


def resolve(layers: Sequence[Layer]) -> Settings:
    """Put the layers together.

    Args:
        layers: The strongest first. ``env`` is merged variable by variable; ``entrypoint`` and ``module`` replace each
            other.
    """
    values: dict[str, Any] = {setting.key: setting.default for setting in SETTINGS}
    values["env"] = {}
    for layer in reversed(layers):
        if "module" in layer.values:
            values["entrypoint"] = _BY_KEY["entrypoint"].default
        elif "entrypoint" in layer.values:
            values["module"] = None
        merged = {**values["env"], **layer.values.get("env", {})}
        values |= layer.values
        values["env"] = merged
    groups: dict[str, dict[str, Any]] = {group: {} for group in _GROUPS}
    for key in [key for key in values if "." in key]:
        group, name = key.split(".", 1)
        groups[group][name] = values.pop(key)
    return Settings(
        **values,
        accelerate=AccelerateSettings(**groups["accelerate"]),
        logs=LogSettings(**groups["logs"]),
        wandb=WandbSettings(**groups["wandb"]),
        metrics=MetricSettings(**groups["metrics"]),
        hooks=HookSettings(**groups["hooks"]),
        checkpoints=CheckpointSettings(**groups["checkpoints"]),
        restarts=RestartSettings(**groups["restarts"]),
        hang=HangSettings(**groups["hang"]),
    )
