"""Check a checkpoint by the structure of its files, without unpickling and without torch.

The checks find missing, cut off and empty files, and a damaged zip directory at the end of a file. They don't find
changed bytes in a tensor. Formats: https://huggingface.co/docs/safetensors (a length of 8 bytes, a JSON header, the
data) and the zip of ``torch.save``. Files in the old torch format, in plain pickle and in other formats can't be
checked, and pass.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tsdia_run.checkpoints.state_files import open_unnoticed
from tsdia_run.files.fields import parse_json
from tsdia_run.files.opening import open_regular

# The limit of the safetensors format.
_MAX_SAFETENSORS_HEADER = 100_000_000
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_TORCH_SUFFIXES = {".bin", ".pt", ".pth", ".pkl", ".ckpt", ".tar", ".npz"}
# The offset of the end-of-file address, by superblock version: https://docs.hdfgroup.org/hdf5/latest/_f_m_t3.html
_HDF5, _HDF5_END = b"\x89HDF\r\n\x1a\n", {0: 40, 1: 44, 2: 28, 3: 28}
# torch.save before 1.6: pickles, then the raw tensors. Every other pickle ends with its STOP opcode.
_OLD_TORCH = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
# save_state writes these (accelerate/checkpointing.py), the random states last. Numbers: of shards or of objects.
_ACCELERATE = re.compile(
    r"model(_\d+)?\.safetensors|pytorch_model(_\d+)?\.bin|(optimizer|scheduler|sampler|dl_state_dict)(_\d+)?\.bin"
    r"|scaler\.pt|random_states_\d+\.pkl|custom_checkpoint_\d+\.pkl"
)
_RANDOM_STATES = re.compile(r"random_states_\d+\.pkl")
_LAST_WRITTEN = "random_states_0.pkl"
# Only save_state writes these, before the random states; also for FSDP (torch's files or folders) and DeepSpeed.
_BEFORE_RANDOM_STATES = re.compile(
    r"(optimizer|scheduler|sampler)(_\d+)?\.bin|optimizer_\d+|pytorch_model_fsdp.*|pytorch_model"
)
# transformers' Trainer writes these (Trainer._save_checkpoint), and on a resume first reads trainer_state.json.
_TRANSFORMERS = re.compile(r"optimizer\.pt|scheduler\.pt|rng_state(_\d+)?\.pth")
_TRANSFORMERS_MODEL = re.compile(r"(pytorch_|adapter_)?model.*\.(safetensors|bin)|training_args\.bin")
TRAINER_STATE = "trainer_state.json"
# A model file that the script writes itself, and transformers does not.
_OWN_MODEL = re.compile(r"(?!optimizer|scheduler|scaler|rng_state).*\.(pt|pth|ckpt)")
_INDEX_SUFFIX = ".index.json"
_MAX_INDEX_BYTES = 64 * 1024 * 1024


def is_accelerates(name: str) -> bool:
    """Whether ``save_state`` writes a file of this name."""
    return bool(_ACCELERATE.fullmatch(name))


def missing_file(paths: Collection[str]) -> str | None:
    """Describe what is missing in a set of files; None if nothing is (pure).

    Args:
        paths: Paths below the checkpoint, with ``/``.
    """
    if not paths:
        return "it is empty"
    tops = {PurePosixPath(path).parts[0] for path in paths}
    marks = [top for top in tops if _TRANSFORMERS.fullmatch(top)]
    # Any script may save only an optimizer; with weights, a scheduler or random states it is from transformers.
    is_transformers = len(marks) > 1 or (marks and any(_TRANSFORMERS_MODEL.fullmatch(top) for top in tops))
    if is_transformers and not any(_OWN_MODEL.fullmatch(top) for top in tops):
        return None if TRAINER_STATE in tops else f"{TRAINER_STATE} is missing: transformers resumes from it"
    begun = any(_BEFORE_RANDOM_STATES.fullmatch(top) or _RANDOM_STATES.fullmatch(top) for top in tops)
    if begun and _LAST_WRITTEN not in tops:
        return f"{_LAST_WRITTEN} is missing: save_state writes it last"
    return _missing_metadata(paths)


def _missing_metadata(paths: Collection[str]) -> str | None:
    """Report a missing ``.metadata``, which torch.distributed.checkpoint writes last into a sharded state."""
    folders = {str(PurePosixPath(path).parent) for path in paths if path.endswith(".distcp")}
    absent = sorted(folder for folder in folders if str(PurePosixPath(folder, ".metadata")) not in paths)
    return f"{PurePosixPath(absent[0], '.metadata')} is missing: it is written last" if absent else None


def fault(path: Path) -> str | None:
    """Describe the fault of one file; None if it has no visible fault.

    Raises:
        OSError: It can't be read.
    """
    is_safetensors, is_torch = path.suffix == ".safetensors", path.suffix in _TORCH_SUFFIXES
    if not (is_safetensors or is_torch or path.name.endswith(_INDEX_SUFFIX)):
        return None
    with os.fdopen(open_unnoticed(path), "rb") as file:
        size_bytes = file.seek(0, 2)
        file.seek(0)
        if size_bytes == 0:
            return "it is empty"
        if is_safetensors:
            return _safetensors_fault(file, size_bytes)
        if is_torch:
            return _torch_fault(file, needs_known_format=is_accelerates(path.name))
        return _index_fault(file, path.parent)


def file_fault(path: Path) -> str | None:
    """Describe the fault of a checkpoint that is a single file; None if it has no visible fault.

    Raises:
        OSError: It can't be read.
    """
    with open_regular(path) as file:
        size_bytes = file.seek(0, 2)
        file.seek(0)
        start = file.read(64)
        file.seek(max(0, size_bytes - 1))
        end = file.read(1)
    if size_bytes == 0:
        return "it is empty"
    is_begun = any(len(start) < len(magic) and magic.startswith(start) for magic in (_ZIP, _HDF5))
    if is_begun or (start.startswith(_PICKLE) and _OLD_TORCH not in start and end != b"."):
        return "it is cut off"
    if start.startswith(_HDF5):
        return _hdf5_fault(start, size_bytes)
    return fault(path)


def _hdf5_fault(start: bytes, size_bytes: int) -> str | None:
    at = _HDF5_END.get(start[8]) if len(start) > 8 else None
    expected_bytes = int.from_bytes(start[at : at + 8], "little") if at else 0
    return (
        None if size_bytes >= expected_bytes else f"it has {size_bytes} bytes, but its header requires {expected_bytes}"
    )


def _safetensors_fault(file: BinaryIO, size_bytes: int) -> str | None:
    header_bytes = int.from_bytes(file.read(8), "little")
    if size_bytes < 8 or header_bytes > min(_MAX_SAFETENSORS_HEADER, size_bytes - 8):
        return "its safetensors header is cut off or damaged"
    try:
        header = parse_json(file.read(header_bytes))
    except ValueError:
        return "its safetensors header is damaged"
    end = _data_end(header)
    if end is None:
        return "its safetensors header is damaged"
    expected_bytes = 8 + header_bytes + end
    return (
        None if size_bytes == expected_bytes else f"it has {size_bytes} bytes, but its header requires {expected_bytes}"
    )


def _data_end(header: object) -> int | None:
    """Return where the data in a header ends, in bytes after the header."""
    if not isinstance(header, Mapping):
        return None
    ends = [0]
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        offsets = tensor.get("data_offsets") if isinstance(tensor, Mapping) else None
        if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(offset) is int for offset in offsets)):
            return None
        ends.append(offsets[1])
    return max(ends)


def _torch_fault(file: BinaryIO, *, needs_known_format: bool) -> str | None:
    start = file.read(4)
    if start != _ZIP:
        is_readable = start.startswith(_PICKLE) or not needs_known_format
        return None if is_readable else "it does not start like a file of torch.save"
    import zipfile  # takes 10 ms, and most commands don't need it

    try:
        with zipfile.ZipFile(file) as archive:
            archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, IndexError):
        return "the zip directory at its end is cut off or damaged"
    return None


def _index_fault(file: BinaryIO, folder: Path) -> str | None:
    """Check the index of a model in several files: ``{"weight_map": {TENSOR: FILE}}``."""
    data = file.read(_MAX_INDEX_BYTES + 1)
    try:
        index = parse_json(data) if len(data) <= _MAX_INDEX_BYTES else None
    except ValueError:
        return "it is not valid JSON"
    names = index.get("weight_map") if isinstance(index, Mapping) else None
    if not isinstance(names, Mapping):
        return None
    for name in sorted({name for name in names.values() if isinstance(name, str) and "/" not in name}):
        if "\0" not in name and not os.path.exists(folder / name):
            return f"it lists {name}, which is missing"
    return None
