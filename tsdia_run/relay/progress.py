"""The text of a progress bar -> what it says (pure)."""

from __future__ import annotations

import re

# tqdm: "desc:  45%|████▌     | 45/100 [00:30<00:35,  1.50it/s, loss=0.3]"
_TQDM = re.compile(
    r"(?:(?P<description>.*?):? +|^)(?P<percent>\d{1,3})%\|.*\| *(?P<n>[\d.]+[kMGTP]?)/(?P<total>[\d.]+[kMGTP]?) "
    r"\[(?P<elapsed>[\d:]+)<(?P<eta>[\d:?]+)(?:, *(?P<rate>[^,\]]+))?"
)
# tqdm that knows no total: "desc: 45it [00:30,  1.50it/s]"
_ENDLESS = re.compile(
    r"(?:(?P<description>.*?): +|^)(?P<n>[\d.]+[kMGTP]?)[A-Za-z]+ \[(?P<elapsed>[\d:]+), *(?P<rate>[^,\]]+)"
)
# rich: "desc ━━━━━━╸━━━  45% 0:00:35", with or without "45/100" and "1.5 it/s"
_RICH = re.compile(r"^ *(?P<description>.*?) *[━╸╺]{3,} *(?P<rest>.*)$")
_RICH_PERCENT = re.compile(r"(?P<percent>\d{1,3})%")
_RICH_COUNT = re.compile(r"(?P<n>[\d.,]+)/(?P<total>[\d.,]+)")
_RICH_RATE = re.compile(r"[\d.]+ ?(?:\w+/s|s/\w+)")
_RICH_ETA = re.compile(r"\d+:\d\d:\d\d|-:--:--")

FIELDS = ("description", "percent", "n", "total", "rate", "eta")


def read(line: str) -> dict[str, str] | None:
    """What a line says if it is a progress bar.

    Returns:
        Those of description, percent, n, total, rate and eta that it shows, each as it is shown; None if it is no bar.
    """
    found = _TQDM.search(line) or _ENDLESS.search(line)
    if found:
        said = found.groupdict()
    else:
        bar = _RICH.match(line)
        if not bar:
            return None
        said = {"description": bar["description"]}
        for pattern in (_RICH_PERCENT, _RICH_COUNT):
            if part := pattern.search(bar["rest"]):
                said |= part.groupdict()
        if rate := _RICH_RATE.search(bar["rest"]):
            said["rate"] = rate.group()
        if eta := _RICH_ETA.search(bar["rest"]):
            said["eta"] = eta.group()
    return {name: value.strip() for name in FIELDS if (value := said.get(name)) and value.strip()}
