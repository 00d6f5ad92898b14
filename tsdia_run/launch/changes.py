"""Compare the inputs of the attempt that wrote a checkpoint with those of the attempt that resumes from it (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tsdia_run.rundir import arguments
from tsdia_run.settings import GIVEN, Level, Origin

# The packages that affect results most; of the others only the number is reported.
_WATCHED_PACKAGES = (
    "torch", "accelerate", "transformers", "datasets", "diffusers", "peft", "deepspeed", "torchaudio", "torchvision",
    "numpy", "flash-attn", "bitsandbytes", "triton", "safetensors",
)  # fmt: skip
_MODEL_SECTIONS = ("model", "model_config")
_MAX_KEYS = 8
_MAX_VALUE_CHARACTERS = 60
_ABSENT = object()


class ChangeKind(Enum):
    """The kind of a change, as ``--allow`` takes it; ``weights`` allows ``--from`` to name an export."""

    MODEL = "model"
    WORLD_SIZE = "world-size"
    CONFIG = "config"
    CODE = "code"
    PACKAGES = "packages"
    ARGUMENTS = "arguments"
    WEIGHTS = "weights"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        kind: The kind of the change.
        text: The old and the new value, as text for users.
        needs_consent: Whether the user must allow it, since the checkpoint may be unusable or the result meaningless.
    """

    kind: ChangeKind
    text: str
    needs_consent: bool = False


@dataclass(frozen=True)
class CodeVersion:
    """The state of the code.

    Attributes:
        commit: The commit; None if there is none, or git failed.
        patch: The digest of the changes since that commit; empty without changes.
    """

    commit: str | None = None
    patch: str = ""


@dataclass(frozen=True)
class TrainingInputs:
    """The inputs of a training; an unknown input is None and is not compared.

    Attributes:
        config: The config that the script receives, as plain data.
        code: The version of its code.
        python: The interpreter's version.
        packages: The versions of installed packages.
        arguments: The script's arguments, without the config's path.
        processes: The number of ranks.
        references: The digests of the files that the config names, by their paths in the attempt.
    """

    config: Mapping[object, object] | None = None
    code: CodeVersion | None = None
    python: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] | None = None
    processes: int | None = None
    references: Mapping[str, str] = field(default_factory=dict)


def compare(
    before: TrainingInputs, now: TrainingInputs, *, expected: Iterable[str], is_sharded: bool
) -> tuple[Change, ...]:
    """Return all changes.

    Args:
        before: The inputs of the attempt that wrote the checkpoint.
        now: The inputs of the attempt that resumes from it.
        expected: Config keys that a resume sets itself.
        is_sharded: Whether each rank saves a part of the state, so that another number of ranks can't load it.
    """
    return (
        *_config_changes(before.config, now.config, frozenset(expected)),
        *_reference_changes(before.references, now.references),
        *_world_size_changes(before.processes, now.processes, is_sharded=is_sharded),
        *_code_changes(before.code, now.code),
        *_package_changes(before, now),
        *_argument_changes(before.arguments, now.arguments),
    )


def setting_changes(
    before: Mapping[str, str], now: Mapping[str, str], origins: Mapping[str, Origin], earlier: Mapping[str, Level]
) -> tuple[Change, ...]:
    """Return the settings that have changed, without those that the user gave for this attempt.

    Args:
        before: The settings of the last attempt, as text.
        now: The settings of this attempt, as text.
        origins: Where the settings of this attempt come from.
        earlier: Where those of the last attempt came from.
    """
    found = []
    for key in {**before, **now}:
        origin = origins.get(key, Origin(Level.DEFAULT))
        if before.get(key) == now.get(key) or origin.level in GIVEN:
            continue
        was, is_now = (_short_text(texts.get(key, "not set")) for texts in (before, now))
        level = earlier.get(key, Level.DEFAULT)
        unset = f", since the {level.value} no longer sets it" if level is not Level.DEFAULT else ""
        place = f", from {origin.place}" if origin.place else unset
        found.append(Change(ChangeKind.SETTINGS, f"{key}: {is_now} (was {was}){place}"))
    return tuple(found)


def _config_changes(
    before: Mapping[object, object] | None, now: Mapping[object, object] | None, expected: frozenset[str]
) -> Iterator[Change]:
    if before is None or now is None:
        return
    old, new = dict(_leaves(before, "")), dict(_leaves(now, ""))
    changed = [key for key in {**old, **new} if key not in expected and old.get(key, _ABSENT) != new.get(key, _ABSENT)]
    model = [key for key in changed if key.split(".")[0] in _MODEL_SECTIONS]
    others = [key for key in changed if key not in model]
    for keys, kind in ((model, ChangeKind.MODEL), (others, ChangeKind.CONFIG)):
        texts = [f"{key}: {_value(old, key)} -> {_value(new, key)}" for key in keys[:_MAX_KEYS]]
        if len(keys) > _MAX_KEYS:
            texts.append(f"… and {len(keys) - _MAX_KEYS} more keys")
        for text in texts:
            yield Change(kind, text, needs_consent=kind is ChangeKind.MODEL)


def _reference_changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    changed = [name for name in before if name in now and before[name] != now[name]]
    for name in changed[:_MAX_KEYS]:
        yield Change(ChangeKind.CONFIG, f"{name} (named in the config) has different contents")
    if len(changed) > _MAX_KEYS:
        yield Change(ChangeKind.CONFIG, f"… and {len(changed) - _MAX_KEYS} more files")


def _leaves(value: object, key: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _value(values: Mapping[str, object], key: str) -> str:
    if key not in values:
        return "(not set)"
    return _short_text(str(values[key]))


def _short_text(text: str) -> str:
    return text if len(text) <= _MAX_VALUE_CHARACTERS else text[: _MAX_VALUE_CHARACTERS - 1] + "…"


def _world_size_changes(before: int | None, now: int | None, *, is_sharded: bool) -> Iterator[Change]:
    if before is None or now is None or before == now:
        return
    why = "; the state is sharded, one part per rank" if is_sharded else ""
    yield Change(ChangeKind.WORLD_SIZE, f"{before} -> {now} ranks{why}", needs_consent=is_sharded)


def _code_changes(before: CodeVersion | None, now: CodeVersion | None) -> Iterator[Change]:
    if before is None or now is None:
        return
    if before.commit != now.commit:
        yield Change(ChangeKind.CODE, f"commit {_short(before.commit)} -> {_short(now.commit)}")
    elif before.patch != now.patch:
        yield Change(ChangeKind.CODE, f"same commit {_short(now.commit)}, different uncommitted changes")


def _short(commit: str | None) -> str:
    return commit[:10] if commit else "(none)"


def _package_changes(before: TrainingInputs, now: TrainingInputs) -> Iterator[Change]:
    if before.python and now.python and before.python.split()[0] != now.python.split()[0]:
        yield Change(ChangeKind.PACKAGES, f"Python {before.python.split()[0]} -> {now.python.split()[0]}")
    if not before.packages or not now.packages:
        return
    names = sorted({**before.packages, **now.packages})
    changed = [name for name in names if before.packages.get(name) != now.packages.get(name)]
    watched = [name for name in changed if name.lower() in _WATCHED_PACKAGES or name.lower().startswith("nvidia-cu")]
    for name in watched:
        was, is_now = (packages.get(name, "(not installed)") for packages in (before.packages, now.packages))
        yield Change(ChangeKind.PACKAGES, f"{name} {was} -> {is_now}")
    others = len(changed) - len(watched)
    if others:
        yield Change(ChangeKind.PACKAGES, f"{others} other package{'s' * (others > 1)}")


def _argument_changes(before: tuple[str, ...] | None, now: tuple[str, ...] | None) -> Iterator[Change]:
    if before is None or now is None:
        return
    found = arguments.changed(before, now)
    for name in list(found)[:_MAX_KEYS]:
        was, is_now = map(_short_text, found[name])
        yield Change(ChangeKind.ARGUMENTS, f"{name}: {was} -> {is_now}")
    if len(found) > _MAX_KEYS:
        yield Change(ChangeKind.ARGUMENTS, f"… and {len(found) - _MAX_KEYS} more arguments")
