"""Which of a run's metrics stands for it, and which of its values is the best (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tsdia_run.rundir.metrics_summary import Point, Series

_LOWER = r"loss|error|err|perplexity|ppl|bpb|nll|wer|cer|der|eer|mae|mse|rmse|fid|kl|divergence|distance"
_HIGHER = r"acc|accuracy|f1|bleu|rouge|auc|auroc|ap|map|precision|recall|iou|dice|r2|psnr|ssim|reward|score|win_rate"
_VALIDATION = re.compile(r"(?:^|[_/.-])(?:val|valid|validation|eval|dev|test)(?:[_/.-]|$)", re.IGNORECASE)


class Better(Enum):
    """Which values of a metric are the better ones."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True)
class Headline:
    """The metric that stands for a run, and its best value."""

    name: str
    best: Point


def better(name: str) -> Better | None:
    """What the name of a metric says; None where it says nothing."""
    words = re.split(r"[_/.\s-]+", name.lower())
    # The last word decides: loss_per_accuracy_bin is a riddle, val_loss and top1_accuracy are not.
    for word in reversed(words):
        if re.fullmatch(_LOWER, word):
            return Better.LOWER
        if re.fullmatch(rf"(?:{_HIGHER})(?:@?\d+)?", word):
            return Better.HIGHER
    return None


def is_validation(name: str) -> bool:
    """Whether a metric was measured on data that the model does not learn from, as its name says."""
    return _VALIDATION.search(name) is not None


def best(name: str, series: Series) -> Point | None:
    """The best value of a metric; None where nobody can say which one it is."""
    direction = better(name)
    if direction is None:
        return None
    return series.low if direction is Better.LOWER else series.high


def headline(series: Mapping[str, Series]) -> Headline | None:
    """The metric that stands for a run: a validation loss, else another validation metric, else a loss.

    Args:
        series: In the order in which they were first logged; the first of equals wins.
    """
    found = [Headline(name, point) for name, one in series.items() if (point := best(name, one)) is not None]
    found.sort(key=lambda one: (not is_validation(one.name), "loss" not in one.name.lower()))
    return found[0] if found else None
