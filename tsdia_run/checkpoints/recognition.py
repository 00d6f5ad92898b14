"""Recognise checkpoints and exports by the names of directories and files (pure).

A checkpoint contains what a training needs to resume: optimizer, random states, a sharded state, or one file with all
of it. An export contains only weights: if a script loads it, the optimizer and the step start from zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tsdia_run.checkpoints.naming import WEIGHT_SUFFIXES, announces, is_temporary, parse_name, read_name, stem

# Formats that may contain a full training state in one file. .safetensors and .bin contain only tensors.
_BUNDLES = (".pt", ".pth", ".ckpt", ".tar", ".npz", ".pkl", ".msgpack", ".h5")
_TORCH = (".pt", ".pth")
# Of Lightning; and of ImageNet's example and timm. Both are full training states by convention.
_FULL_STATES = (".ckpt", ".pth.tar", ".pt.tar")
_OURS = r"tsdia-checkpoint\.json|\.tsdia-rank\d+\.json"
# Written by save_state, transformers' Trainer, DeepSpeed, torch.distributed.checkpoint, FSDP, verl, Megatron, Orbax.
_STATE = (
    r"random_states_\d+\.pkl|(optimizer|scheduler|sampler|dl_state_dict)(_\d+)?\.bin|custom_checkpoint_\d+\.pkl|scaler\.pt"
    r"|optimizer\.pt|scheduler\.pt|rng_state(_\d+)?\.pth"
    r"|.*_optim_states\.pt|.*mp_rank_\d+.*_model_states\.pt|.*\.distcp|\.metadata|pytorch_model_fsdp(_\d+)?|optimizer_\d+"
    r"|(optim|extra_state)_world_size_\d+_rank_\d+\.pt|model_optim_rng\.pt|distrib_optim\.pt|_CHECKPOINT_METADATA"
)
_STATE_WORDS = (
    r"(?:^|[^a-z])(?:optim(?:izer)?s?|opt|sched(?:uler)?s?|rng|random[-_]?states?|(?:grad[-_]?)?scaler|dataloader|sampler"
    r"|train(?:ing|er)?[-_]?states?)(?![a-z])"
)
_STATE_FOLDER = r"(?:^|[^a-z])(?:optim(?:izer)?s?|train(?:ing|er)?[-_]?states?)(?![a-z])"
_STATE_JSON = r"(?:train(?:ing)?_)?state\.json"
# transformers writes it next to weights, even if it saves nothing else.
ARGUMENTS = "training_args.bin"
_RANK = r"rank|shard"
# The part of a rank other than the first; the part of the first rank represents the save.
_OTHER_RANK = r"(?:^|[^a-z])rank[-_]?0*[1-9]"
_WEIGHTS_BIN = r"(?i).*(model|weights|lora|adapter|embeds|encoder|decoder|unet|vae).*\.bin"
_EXPORT_WORDS = (
    r"(?:^|[^a-z])(?:ema|lora|adapters?|unet|vae|transformer|controlnet|(?:text|image)_?encoder(?:_\d)?|pretrained"
    r"|export(?:ed|s)?|huggingface|hf|merged|final|best|best[-_]model)(?![a-z])"
)
_EXPORT_FILE_WORDS = (
    r"(?:^|[^a-z])(?:ema|lora|adapters?|unet|vae|controlnet|(?:text|image)_?encoder|pretrained|merged)(?![a-z])"
)
# Tensors that a script writes for other purposes.
_RESULTS = (
    r"(?:^|[^a-z])(?:samples?|predictions?|preds?|outputs?|embeddings?|features?|feats|logits?|latents?|metrics?|loss(?:es)?"
    r"|histor(?:y|ies)|cache|data|dataset|batch(?:es)?|stats|statistics|buffer|replay|tokens?|labels?|targets?|results?"
    r"|vocab|tokenizer|args|grads?|gradients?|activations?|images?|state_?dict)(?![a-z])"
)
# The value of a metric: `val_loss=0.32` in a checkpoint's name.
_MEASURED = r"[a-z_]+(?:=[-0-9.]+|[-_ ]?-?[0-9]+\.[0-9]+)"
_PLAIN = r"(?:checkpoints?|ckpts?|snapshots?|states?|models?|weights|params|train|net|global|steps?|epochs?|iters?)*"
_SINGLE = r"(?:checkpoint|ckpt|chkpt|snapshot|state|training_state|train_state|lit_model|best)"
_MEDIA = (
    ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp", ".wav", ".mp3", ".flac", ".mp4", ".txt", ".log", ".md",
    ".csv", ".tsv", ".html", ".pdf",
)  # fmt: skip


class EntryKind(Enum):
    """The kind of a directory or file."""

    CHECKPOINT = "checkpoint"
    EXPORT = "export"
    # A part of the save next to it: an optimizer in a separate file, the arguments of a Trainer.
    COMPANION = "companion"


@dataclass(frozen=True)
class Listing:
    """The names in a directory."""

    folders: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


Look = Callable[[str], Listing]


def of_folder(name: str, here: Listing, look: Look) -> EntryKind | None:  # noqa: PLR0911 - one line a rule
    """Return the kind of a directory; None if it may contain checkpoints.

    Args:
        name: Its name.
        here: The names in it.
        look: Returns the names in a folder below it, by its path with ``/``.
    """
    if any(re.fullmatch(_OURS, file) for file in here.files):
        return EntryKind.CHECKPOINT
    is_numbered = read_name(Path(name)) is not None
    if _has_known_state(here):
        return EntryKind.EXPORT if is_temporary(name) else EntryKind.CHECKPOINT
    if _holds_numbered(name, here):
        return None
    if is_temporary(name):
        return EntryKind.EXPORT if any(map(_has_weights, (here, *_below(here, look)))) else None
    if any(_is_companion(file) for file in here.files) or any(re.search(_STATE_FOLDER, one) for one in here.folders):
        return EntryKind.CHECKPOINT
    if is_numbered or announces(name):
        return _of_named(name, (here, *_below(here, look)))
    is_export = _has_only_weights(here) or "model_index.json" in here.files
    return EntryKind.EXPORT if is_export or (re.search(_EXPORT_WORDS, name.lower()) and _has_weights(here)) else None


def _of_named(name: str, inside: tuple[Listing, ...]) -> EntryKind | None:
    """Return the kind of a directory that has the name of a checkpoint."""
    if _has_state(inside) or any(_is_full_state(file) or _is_named_state(file) for one in inside for file in one.files):
        return EntryKind.CHECKPOINT
    is_known = parse_name(Path(name)) is not None
    has_json = any(file.endswith(".json") for one in inside for file in one.files)
    if any(map(_has_weights, inside)) and (has_json or not is_known):
        return EntryKind.EXPORT
    # save_state writes the weights first, and some scripts write files of unknown kinds; an empty one is a save that
    # began.
    has_content = any(not file.lower().endswith(_MEDIA) for one in inside for file in one.files)
    is_empty = not any(one.files or one.folders for one in inside)
    return EntryKind.CHECKPOINT if is_known and (has_content or is_empty) else None


def _below(here: Listing, look: Look) -> Iterator[Listing]:
    for folder in sorted(here.folders):
        inner = look(folder)
        yield inner
        yield from (look(f"{folder}/{deeper}") for deeper in sorted(inner.folders))


def _has_state(inside: Iterable[Listing]) -> bool:
    return any(_has_known_state(one) or any(map(_is_companion, one.files)) for one in inside)


def _has_known_state(here: Listing) -> bool:
    return any(re.fullmatch(_STATE, one) or re.fullmatch(_STATE_JSON, one) for one in here.files | here.folders)


def _holds_numbered(name: str, here: Listing) -> bool:
    """Whether a directory contains checkpoints with numbers that are not in its own name."""
    own = set(re.findall(r"[1-9][0-9]*|0+", name))
    for one in (*here.folders, *(file for file in here.files if file.lower().endswith(_BUNDLES))):
        if read_name(Path(one)) and not re.search(_RANK, one) and not own & set(re.findall(r"[1-9][0-9]*|0+", one)):
            return True
    return False


def _is_weights(name: str) -> bool:
    return name.lower().endswith(WEIGHT_SUFFIXES)


def _has_weights(here: Listing) -> bool:
    return any(_is_weights(file) for file in here.files)


def _has_only_weights(here: Listing) -> bool:
    kinds = {of_file(file) for file in here.files if _is_weights(file)}
    return not here.folders and EntryKind.EXPORT in kinds and kinds <= {EntryKind.EXPORT, EntryKind.COMPANION}


def _is_full_state(name: str) -> bool:
    text = name.lower()
    return text.endswith(_BUNDLES) and not _is_result(stem(text)) and not re.search(_EXPORT_FILE_WORDS, stem(text))


def _is_named_state(name: str) -> bool:
    """Whether the name of a file in any format is that of a state: ``state.bin``."""
    return _is_weights(name) and bool(re.fullmatch(_SINGLE, stem(name).lower()))


def _is_result(base: str) -> bool:
    return re.search(_RESULTS, re.sub(_MEASURED, "", base)) is not None


def _is_companion(name: str) -> bool:
    return _is_weights(name) and bool(re.search(_STATE_WORDS, stem(name).lower())) and name != ARGUMENTS


def of_file(name: str) -> EntryKind | None:
    """Return the kind of a single file; None if no rule matches, also for a file with a weight suffix."""
    text = name.lower()
    if not _is_weights(text) or is_temporary(name):
        return None
    base = stem(text)
    if text.endswith(".safetensors") or re.fullmatch(_WEIGHTS_BIN, text):
        return EntryKind.EXPORT
    if name == ARGUMENTS or (re.search(_STATE_WORDS, base) and not base.endswith(("training_state", "train_state"))):
        return EntryKind.COMPANION
    if re.search(_EXPORT_FILE_WORDS, base):
        return EntryKind.EXPORT
    if re.search(_OTHER_RANK, base):
        return EntryKind.COMPANION
    is_named = text.endswith(_BUNDLES) and not _is_result(base) and _announces_file(Path(name), base)
    return EntryKind.CHECKPOINT if is_named or text.endswith(_FULL_STATES) else None


def _announces_file(path: Path, base: str) -> bool:
    is_numbered = read_name(path) is not None
    words = re.sub(r"[^a-z]", "", base)
    if is_numbered:
        # Data files have numbers too: in formats other than torch's the name must have no other words.
        return path.name.lower().endswith(_TORCH) or re.fullmatch(_PLAIN, words) is not None
    return bool(re.fullmatch(_SINGLE, base)) or (announces(path.name) and not re.search(r"model", base))
