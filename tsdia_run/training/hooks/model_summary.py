"""Format a model as text: its tree of modules with their parameters, from shapes only, without a forward pass.

It does not import torch: any object with ``named_children`` and ``named_parameters`` counts as a module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

_EXTRA_CHARACTERS = 60
_COLUMNS = ("module", "parameters", "trainable", "type")
# This many equal neighbours (such as the layers of a transformer) are shown as one line.
_MANY = 3


@dataclass(frozen=True)
class Weights:
    """The parameters of a module or model; shared parameters count once.

    Attributes:
        count: The number of elements.
        trainable: The number of elements that need a gradient.
        types: The types, sorted: ``("bfloat16", "float32")``.
        unknown: How many parameters have no shape yet (lazy modules).
    """

    count: int
    trainable: int
    types: tuple[str, ...]
    unknown: int


def weights(parameters: Mapping[int, Any]) -> Weights:
    """Count parameters.

    Args:
        parameters: The parameters by their ``id()``.
    """
    known = {identity: size for identity, one in parameters.items() if (size := _size(one)) is not None}
    return Weights(
        count=sum(known.values()),
        trainable=sum(size for identity, size in known.items() if parameters[identity].requires_grad),
        types=tuple(sorted({str(one.dtype).removeprefix("torch.") for one in parameters.values()})),
        unknown=len(parameters) - len(known),
    )


def _size(parameter: Any) -> int | None:
    if type(parameter).__name__ == "UninitializedParameter":
        return None
    # DeepSpeed's stage 3 leaves an empty parameter with its full size in this attribute.
    full_size = getattr(parameter, "ds_numel", None)
    return int(parameter.numel() if full_size is None else full_size)


def summary(model: Any) -> str:
    """Return the tree with one line for each module, and the totals.

    Args:
        model: A ``torch.nn.Module`` on any device, including the meta device.
    """
    rows: list[tuple[str, ...]] = [_COLUMNS, *_rows(model, type(model).__name__, "", "")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = [_line(row, widths) for row in rows]
    total = weights(_parameters(model))
    frozen = total.count - total.trainable
    lines += ["", f"{total.count:,} parameters: {total.trainable:,} trainable, {frozen:,} frozen"]
    if total.unknown:
        lines.append(f"{total.unknown} parameters have no shape before the first forward pass")
    buffers = sum(int(buffer.numel()) for buffer in model.buffers() if buffer is not None)
    if buffers:
        lines.append(f"{buffers:,} numbers in buffers")
    return "\n".join(lines) + "\n"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, count, trainable, types = row
    return f"{name:<{widths[0]}}  {count:>{widths[1]}}  {trainable:>{widths[2]}}  {types}".rstrip()


def _rows(module: Any, label: str, lead: str, below: str) -> list[tuple[str, ...]]:
    counted = weights(_parameters(module))
    unknown = " and more" if counted.unknown else ""
    rows: list[tuple[str, ...]] = [
        (
            lead + label,
            f"{counted.count:,}{unknown}" if counted.count or unknown else "",
            f"{counted.trainable:,}" if counted.trainable else "",
            ", ".join(counted.types),
        )
    ]
    groups = _groups(list(module.named_children()))
    for position, (name, count, child) in enumerate(groups):
        is_last = position == len(groups) - 1
        many = f"{count} x " if count > 1 else ""
        each = ", each" if count > 1 else ""
        label = f"{name}: {many}{_described(child)}{each}"
        rows += _rows(child, label, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "))
    return rows


def _groups(children: list[tuple[str, Any]]) -> list[tuple[str, int, Any]]:
    """Return name, count and first module of each group of equal neighbours."""
    found: list[tuple[str, int, Any]] = []
    for _, group in groupby(children, lambda child: _signature(child[1])):
        same = list(group)
        if len(same) >= _MANY:
            found.append((f"{same[0][0]} to {same[-1][0]}", len(same), same[0][1]))
        else:
            found += [(name, 1, child) for name, child in same]
    return found


def _signature(module: Any) -> tuple[object, ...]:
    own = tuple((name, _size(one), one.requires_grad) for name, one in module.named_parameters(recurse=False))
    return (_described(module), own, tuple((name, _signature(child)) for name, child in module.named_children()))


def _described(module: Any) -> str:
    extra = " ".join(str(module.extra_repr()).split())
    if len(extra) > _EXTRA_CHARACTERS:
        extra = extra[: _EXTRA_CHARACTERS - 1] + "…"
    return f"{type(module).__name__}({extra})" if extra else type(module).__name__


def _parameters(module: Any) -> dict[int, Any]:
    return {id(one): one for one in module.parameters()}
