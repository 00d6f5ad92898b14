"""Parse the text of a progress bar (pure)."""

from __future__ import annotations

import re

# tqdm: "desc:  45%|████▌     | 45/100 [00:30<00:35,  1.50it/s, loss=0.3]"
_TQDM = (
    r"(?:(?P<description>.*?):? +|^)(?P<percent>\d{1,3})%\|.*\| *(?P<n>[\d.]+[kMGTP]?)/(?P<total>[\d.]+[kMGTP]?) "
    r"\[(?P<elapsed>[\d:]+)<(?P<eta>[\d:?]+)(?:, *(?P<rate>[^,\]]+))?"
)
# tqdm without a total: "desc: 45it [00:30,  1.50it/s]"
_ENDLESS = r"(?:(?P<description>.*?): +|^)(?P<n>[\d.]+[kMGTP]?)[A-Za-z]+ \[(?P<elapsed>[\d:]+), *(?P<rate>[^,\]]+)"
# rich: "desc ━━━━━━╸━━━  45% 0:00:35", with or without "45/100" and "1.5 it/s"
_RICH = r"^ *(?P<description>.*?) *[━╸╺]{3,} *(?P<rest>.*)$"
_RICH_PERCENT = r"(?P<percent>\d{1,3})%"
_RICH_COUNT = r"(?P<n>[\d.,]+)/(?P<total>[\d.,]+)"
_RICH_RATE = r"[\d.]+ ?(?:\w+/s|s/\w+)"
_RICH_ETA = r"\d+:\d\d:\d\d|-:--:--"

_LONGEST_BAR = 500  # the patterns are made for lines that fit on a screen

FIELDS = ("description", "percent", "n", "total", "rate", "eta")


def read(line: str) -> dict[str, str] | None:
    """Return the values of a line that is a progress bar.

    Returns:
        The values shown of description, percent, n, total, rate and eta, as text; None if the line is not a progress
        bar.
    """
    if len(line) > _LONGEST_BAR:
        return None
    found = ("%|" in line and re.search(_TQDM, line)) or (" [" in line and re.search(_ENDLESS, line))
    if found:
        said = found.groupdict()
    else:
        bar = re.match(_RICH, line) if "━" in line else None
        if not bar:
            return None
        said = {"description": bar["description"]}
        for pattern in (_RICH_PERCENT, _RICH_COUNT):
            if part := re.search(pattern, bar["rest"]):
                said |= part.groupdict()
        if rate := re.search(_RICH_RATE, bar["rest"]):
            said["rate"] = rate.group()
        if eta := re.search(_RICH_ETA, bar["rest"]):
            said["eta"] = eta.group()
    return {name: value.strip() for name in FIELDS if (value := said.get(name)) and value.strip()}
