"""Choose the main metric of a run, and find the best value of a metric (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tsdia_run.rundir.metrics_series import Point, Series

_LOWER = r"loss|error|err|perplexity|ppl|bpb|nll|wer|cer|der|eer|mae|mse|rmse|fid|kl|divergence|distance"
_HIGHER = r"acc|accuracy|f1|bleu|rouge|auc|auroc|ap|map|precision|recall|iou|dice|r2|psnr|ssim|reward|score|win_rate"
_VALIDATION = re.compile(r"(?:^|[_/.-])(?:val|valid|validation|eval|dev|test)(?:[_/.-]|$)", re.IGNORECASE)


class Better(Enum):
    """Whether lower or higher values of a metric are better."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True)
class Headline:
    """The main metric of a run, and its best value."""

    name: str
    best: Point


def better(name: str) -> Better | None:
    """Return which values of a metric are better, by its name; None if the name does not show it."""
    words = re.split(r"[_/.\s-]+", name.lower())
    # The last word decides: val_loss and top1_accuracy are clear, loss_per_accuracy_bin is not.
    for word in reversed(words):
        if re.fullmatch(_LOWER, word):
            return Better.LOWER
        if re.fullmatch(rf"(?:{_HIGHER})(?:@?\d+)?", word):
            return Better.HIGHER
    return None


def is_validation(name: str) -> bool:
    """Return whether the name of a metric means that it was measured on validation or test data."""
    return _VALIDATION.search(name) is not None


def best(name: str, series: Series) -> Point | None:
    """Return the best value of a metric; None if its name does not show which values are better."""
    direction = better(name)
    if direction is None:
        return None
    return series.low if direction is Better.LOWER else series.high


def headline(series: Mapping[str, Series]) -> Headline | None:
    """Return the main metric of a run: a validation loss, else another validation metric, else a loss.

    Args:
        series: The metrics in the order in which they were first logged; the first of several equal choices wins.
    """
    found = [Headline(name, point) for name, one in series.items() if (point := best(name, one)) is not None]
    found.sort(key=lambda one: (not is_validation(one.name), "loss" not in one.name.lower()))
    return found[0] if found else None
